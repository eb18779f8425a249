"""Forged and damaged files raise an error: no code runs, nothing crashes or hangs."""

import copy
import io
import itertools
import json
import os
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edml.exceptions import RegistryError
from edml.registry import _model_file
from edml.registry._arrays import read_array
from edml.registry._model_file import dumps, loads
from edml.registry._nodes import nodes
from model_files import (
    MAKERS,
    X,
    attributes,
    file_of,
    find,
    find_files,
    fitted,
    members_of,
    npy,
    schema_of,
    text_node,
    with_schema,
    y,
    zip_of,
)

NAMES = list(MAKERS)


@pytest.fixture(autouse=True)
def no_command(monkeypatch):
    """Fail if anything calls the system."""
    called = []
    monkeypatch.setattr(os, "system", called.append)
    monkeypatch.setattr(subprocess, "Popen", lambda *args, **more: called.append(args))
    yield
    assert not called


def refuse(data, match="The model (file|holds)|An array of the model file"):
    with pytest.raises(RegistryError, match=match):
        loads(data)


# The archive


@pytest.mark.parametrize("data", [b"", b"PK", b"x" * 1000, b"PK\x05\x06" + b"\0" * 18])
def test_non_archives_raise(data):
    refuse(data)


@pytest.mark.parametrize("name", NAMES)
def test_cut_short_anywhere(name):
    data = file_of(name)
    for part in range(50):
        refuse(data[: len(data) * part // 50])
    for start in (1, 50, len(data) // 2):
        refuse(data[start:])


def test_anything_before_behind_or_between():
    data = file_of("logistic")
    for other in (b"x" + data, data + b"x", data + data, b"#!/bin/sh\n" + data):
        refuse(other)


def archive_with(name, content=b"1", *, mode=0, flags=0, kind=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for one, text in members_of(file_of("logistic")).items():
            archive.writestr(zipfile.ZipInfo(one), text)
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        info.compress_type = kind
        archive.writestr(info, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../evil.npy",
        "/etc/passwd",
        "a/b.npy",
        "..\\evil.npy",
        "C:evil.npy",
        "x.pkl",
        "99.npy/",
        "schema.json ",
        "9" * 12 + ".npy",
        "-1.npy",
        "",
        "99.npy\n",
    ],
)
def test_names_that_escape_the_folder(name):
    refuse(archive_with(name))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_twice():
    for name in ("schema.json", *members_of(file_of("logistic"))):
        refuse(archive_with(name), "twice")


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010644, 0o040755])
def test_links_devices_pipes_and_folders(mode):
    refuse(archive_with("99.npy", mode=mode), "plain file")


@pytest.mark.parametrize("kind", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packings(kind):
    refuse(archive_with("99.npy", kind=kind), "plain file")


def test_a_member_that_nothing_uses():
    refuse(archive_with("99.npy", npy(np.zeros(3))), "does not use")


def test_a_comment():
    buffer = io.BytesIO(file_of("logistic"))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"hidden"
    refuse(buffer.getvalue())


def test_an_encrypted_member():
    data = bytearray(file_of("logistic"))
    at = data.index(b"PK\x01\x02")
    for place in (at + 8, 6):  # the flags, in the directory and before the member
        data[place] |= 1
    refuse(bytes(data), "plain file")


def test_members_that_overlap():
    data = bytearray(file_of("logistic"))
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", data, at + 42, 0)  # the second begins where the first does
    refuse(bytes(data))


def test_a_size_that_is_not_true():
    data = bytearray(file_of("logistic"))
    at = data.index(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, at + 24)[0]
    for claimed in (size - 1, size + 1, 1, 10**6):
        struct.pack_into("<I", data, at + 24, claimed)
        refuse(bytes(data))


def test_a_bomb():
    members = members_of(file_of("logistic"))
    zeros = bytes(200 * 2**20)
    bomb = zip_of({**members, "99.npy": zeros})
    assert len(bomb) < 2**20
    refuse(bomb, "unpack")
    refuse(zip_of({**members, "schema.json": zeros}), "unpack")


def test_a_member_used_so_often_that_it_is_a_bomb():
    data = file_of("logistic")
    schema = schema_of(data)
    (model,) = find(schema, "LogisticRegression")
    own = attributes(model)
    array = {**own["coef_"], "file": "99.npy"}
    own["coef_"] = {
        "__class__": "list",
        "__module__": "builtins",
        "__loader__": "ListNode",
        "content": [array] * 500,
    }
    more = {"99.npy": npy(np.zeros(2**13))}
    members = {**members_of(data), **more, "schema.json": json.dumps(schema).encode()}
    refuse(zip_of(members), "so often")


def test_too_many_members(monkeypatch):
    data = file_of("forest")  # which reads what it has written
    few = replace(_model_file.MODEL_FILE, max_members=2)
    monkeypatch.setattr(_model_file, "MODEL_FILE", few)
    refuse(data, "members")


def test_a_description_that_is_too_long(monkeypatch):
    data = file_of("logistic")
    monkeypatch.setattr(_model_file, "MAX_SCHEMA_SIZE", 100)
    refuse(data, "too long")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "1",
        "null",
        "{",
        "{}",
        '{"protocol": 2}',
        "ÿ",
        "[" * 10**6,
        '{"a":' * 10**5,
        '{"protocol": 2, "protocol": 2}',
    ],
    ids=range(11),
)
def test_invalid_descriptions(text):
    members = members_of(file_of("logistic"))
    refuse(zip_of({**members, "schema.json": text.encode("latin-1")}))


@pytest.mark.parametrize("protocol", [None, -1, 0, 1, 3, 2.0, "2", True, 10**30])
def test_other_protocols(protocol):
    data = file_of("logistic")
    refuse(with_schema(data, {**schema_of(data), "protocol": protocol}), "protocol")


@pytest.mark.parametrize("deep", [100, 5000])
def test_a_deep_description(deep):
    data = file_of("logistic")
    schema = schema_of(data)
    (model,) = find(schema, "LogisticRegression")
    text = text_node(1)
    node = '{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", '
    inner = (node + '"content": [') * deep + json.dumps(text) + "]}" * deep
    attributes(model)["C"] = "HERE"
    written = json.dumps(schema).replace('"HERE"', inner)
    members = {**members_of(data), "schema.json": written.encode()}
    refuse(zip_of(members))
    attributes(model)["C"] = {**text, "content": "[" * deep + "]" * deep}
    refuse(with_schema(data, schema))


# Arrays


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data + b"1",
        lambda data: data.replace(b"'<f8'", b"'|O' "),
        lambda data: data.replace(b"'<f8'", b"'|O8'"),
        lambda data: data.replace(b"(3,)", b"(4,)"),
        lambda data: data.replace(b"(3,), }       ", b"(999999999,), }"),
        lambda data: data.replace(b"\x01\x00", b"\x02\x00", 1),
        lambda data: data.replace(b"'<f8'", b"exit()"),
        lambda data: b"",
        lambda data: data[:12],
        lambda data: b"\x80\x04cos\nsystem\n",
    ],
    ids=range(11),
)
def test_invalid_arrays(change):
    data = npy(np.zeros(3))
    assert read_array(data).shape == (3,)
    with pytest.raises(RegistryError, match="An array of the model file"):
        read_array(change(data))
    members = members_of(file_of("logistic"))
    name = next(one for one in members if one.endswith(".npy"))
    refuse(zip_of({**members, name: change(data)}))


def test_objects_are_never_unpickled():
    class Evil:
        def __reduce__(self):
            return os.system, ("echo pwned",)

    buffer = io.BytesIO()
    np.save(buffer, np.array([Evil()], dtype=object), allow_pickle=True)
    members = members_of(file_of("logistic"))
    for name in members:
        if name.endswith(".npy"):
            refuse(zip_of({**members, name: buffer.getvalue()}))


# Types: every node of every model, and every kind of node


@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_type_at_every_node(name):
    data = file_of(name)
    count = sum(1 for _ in nodes(schema_of(data)))
    for place in range(0, count, max(1, count // 150)):
        schema = schema_of(data)
        node = list(nodes(schema))[place]
        node.update({"__class__": "system", "__module__": "os"})
        refuse(with_schema(data, schema))


def node_of(kind, module, name, **more):
    return {"__class__": name, "__module__": module, "__loader__": kind, **more}


COMMAND = text_node("echo pwned")
LIST = node_of("ListNode", "builtins", "list", content=[COMMAND])
TUPLE = node_of("TupleNode", "builtins", "tuple", content=[COMMAND])
EMPTY = node_of(
    "DictNode",
    "builtins",
    "dict",
    content={},
    key_types=node_of("ListNode", "builtins", "list", content=[]),
)
SYSTEM = node_of("FunctionNode", "os", "system")
TYPE = node_of("TypeNode", "os", "system")
PARTIAL = {"func": SYSTEM, "args": TUPLE, "kwds": EMPTY, "namespace": EMPTY}
KINDS = {
    "function": SYSTEM,
    "numpy function": node_of("FunctionNode", "numpy", "load"),
    "trusted function": node_of("FunctionNode", "numpy", "add"),
    "type": TYPE,
    "trusted type": node_of("TypeNode", "builtins", "list"),
    "partial": node_of("PartialNode", "functools", "partial", content=PARTIAL),
    "method": node_of(
        "MethodNode", "builtins", "list", content={"func": "clear", "obj": LIST}
    ),
    "operator": node_of("OperatorFuncNode", "operator", "methodcaller", attrs=TUPLE),
    "reduce": node_of("ConstructorFromReduceNode", "os", "system", content=TUPLE),
    "popen": node_of("ConstructorFromReduceNode", "subprocess", "Popen", content=TUPLE),
    "object": node_of("ObjectNode", "os", "system", content=EMPTY),
    "empty object": node_of("ObjectNode", "os", "system"),
    "loss": node_of(
        "LossNode", "os", "system", content=EMPTY, __reduce__={"args": TUPLE}
    ),
    "tree": node_of(
        "TreeNode", "os", "system", content=EMPTY, __reduce__={"args": TUPLE}
    ),
    "quantile forest": node_of(
        "QuantileForestNode", "os", "system", content=EMPTY, __reduce__={"args": TUPLE}
    ),
    "list": {**LIST, "__class__": "system", "__module__": "os"},
    "tuple": {**TUPLE, "__class__": "system", "__module__": "os"},
    "set": node_of("SetNode", "os", "system", content=[COMMAND]),
    "plain set": node_of("SetNode", "builtins", "set", content=[COMMAND]),
    "dict": {**EMPTY, "__class__": "system", "__module__": "os"},
    "keys": {
        **EMPTY,
        "content": {"echo pwned": COMMAND},
        "key_types": {**LIST, "content": [TYPE]},
    },
    "more keys": {**EMPTY, "key_types": {**LIST, "content": [TYPE]}},
    "key list": {
        **EMPTY,
        "key_types": {**LIST, "__class__": "system", "__module__": "os"},
    },
    "factory": node_of(
        "DefaultDictNode",
        "collections",
        "defaultdict",
        content={"main": EMPTY, "default_factory": SYSTEM},
    ),
    "factory type": node_of(
        "DefaultDictNode",
        "collections",
        "defaultdict",
        content={"main": EMPTY, "default_factory": TYPE},
    ),
    "array": node_of("NdArrayNode", "os", "system", type="numpy", file="0.npy"),
    "object array": node_of(
        "NdArrayNode",
        "numpy",
        "ndarray",
        type="json",
        content=[SYSTEM],
        shape={**TUPLE, "content": [text_node(1)]},
    ),
    "large array": node_of(
        "NdArrayNode",
        "numpy",
        "ndarray",
        type="json",
        content=[COMMAND],
        shape={**TUPLE, "content": [text_node(10**12)]},
    ),
    "masked": node_of(
        "MaskedArrayNode", "os", "system", content={"data": LIST, "mask": LIST}
    ),
    "dtype": node_of("DTypeNode", "numpy", "dtype", content=SYSTEM),
    "sparse": node_of(
        "SparseMatrixNode",
        "scipy.sparse._csr",
        "csr_matrix",
        type="scipy",
        file="0.npy",
    ),
    "random state": node_of(
        "RandomStateNode", "numpy.random", "RandomState", content=EMPTY
    ),
    "generator": node_of(
        "RandomGeneratorNode",
        "numpy.random",
        "Generator",
        content={
            "bit_generator": {**EMPTY, "content": {"bit_generator": text_node("seed")}},
            "seed_seq": EMPTY,
        },
    ),
    "slice": node_of(
        "SliceNode",
        "builtins",
        "slice",
        content={"start": 0, "stop": SYSTEM, "step": None},
    ),
    "bytes": node_of("BytesNode", "os", "system", file="0.npy"),
    "bytearray": node_of("BytearrayNode", "builtins", "bytearray", file="0.npy"),
    "cached": {**node_of("CachedNode", "os", "system"), "__id__": 1},
    "named before": {**COMMAND, "__id__": 1},
    "unknown": node_of("SystemNode", "os", "system"),
    "no kind": {"__class__": "system", "__module__": "os"},
    "json": {**COMMAND, "content": "system("},
    "json that is none": {**COMMAND, "content": [SYSTEM]},
    "nothing": None,
    "text": "os.system",
    "number": 5,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_command_by_every_kind_of_node(kind):
    data = file_of("logistic")
    for place in ("attribute", "dunder", "list", "root"):
        schema = schema_of(data)
        node = copy.deepcopy(KINDS[kind])
        own = attributes(schema)
        if place == "attribute":
            own["C"] = node
        elif place == "dunder":
            keys = schema["content"]["key_types"]["content"]
            keys.append(keys[0])
            own["predict"] = node
        elif place == "list":
            own["C"] = {**LIST, "content": [COMMAND, node]}
        else:
            more = node if isinstance(node, dict) else {"x": node}
            schema = {"protocol": 2, **more}
        refuse(with_schema(data, schema))


@pytest.mark.parametrize(
    "kind", ["BytesNode", "ListNode", "DictNode", "ObjectNode", "TreeNode", "JsonNode"]
)
@pytest.mark.parametrize("name", ["tree", "lightgbm", "xgboost"])
def test_every_node_as_another_kind(name, kind):
    data = file_of(name)
    count = sum(1 for _ in nodes(schema_of(data)))
    for place in range(0, count, 5):
        schema = schema_of(data)
        node = list(nodes(schema))[place]
        if node["__loader__"] != kind:
            node["__loader__"] = kind
            refuse(with_schema(data, schema))


@pytest.mark.parametrize("name", NAMES)
def test_every_key_and_every_part_is_needed_and_no_other(name):
    data = file_of(name)
    count = sum(1 for _ in nodes(schema_of(data)))
    for place in range(0, count, max(1, count // 40)):
        schema = schema_of(data)
        node = list(nodes(schema))[place]
        node["more"] = 1
        refuse(with_schema(data, schema))
        for key in [key for key in node if key != "more"]:
            schema = schema_of(data)
            del list(nodes(schema))[place][key]
            refuse(with_schema(data, schema))


def test_dunder_attributes():
    data = file_of("logistic")
    for name in ("__class__", "__dict__", "__setstate__", "a b", ""):
        schema = schema_of(data)
        keys = schema["content"]["key_types"]["content"]
        keys.append(keys[0])
        attributes(schema)[name] = COMMAND
        refuse(with_schema(data, schema))


@pytest.mark.parametrize(
    ("name", "value", "loaded"),
    [
        ("n_jobs", 10**6, 1),
        ("n_jobs", "9", 1),
        ("n_jobs", [1], 1),
        ("verbose", 10**9, 0),
    ],
)
def test_a_file_never_sets_threads_or_output(name, value, loaded):
    data = file_of("forest")
    schema = schema_of(data)
    attributes(schema)[name] = text_node(value)
    assert getattr(loads(with_schema(data, schema)), name) == loaded


def test_a_file_never_names_a_folder_for_pickles(tmp_path):
    data = dumps(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y))
    schema = schema_of(data)
    attributes(schema)["memory"] = text_node(str(tmp_path / "cache"))
    model = loads(with_schema(data, schema))
    assert model.memory is None
    model.fit(X, y)
    assert not any(tmp_path.iterdir())


def test_swapped_members():
    for name in ("forest", "lightgbm", "xgboost"):
        members = members_of(file_of(name))
        other = members_of(file_of("logistic"))
        refuse(zip_of({**members, "schema.json": other["schema.json"]}))
        names = [one for one in members if one != "schema.json"]
        same = 0
        for one, two in itertools.pairwise(names):
            swapped = {**members, one: members[two], two: members[one]}
            try:
                loads(zip_of(swapped)).predict_proba(X)
            except RegistryError:
                continue
            same += 1  # two arrays of one form: a model, if not the one that was
        assert same <= len(names) // 2


@given(st.binary(max_size=300))
def test_any_bytes(data):
    refuse(data)


@given(st.data())
def test_any_changed_byte_of_the_file(data):
    content = bytearray(file_of(data.draw(st.sampled_from(["logistic", "tree"]))))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        loaded = loads(bytes(content))
    except RegistryError:
        return
    # for example a member's time, which does not matter
    assert np.isfinite(loaded.predict_proba(X)).all()


# Damage inside the members, with correct checksums: in a separate process, since a
# crash or a hang of the libraries would take the tests with it

BATCH = """
import faulthandler, json, random, resource, sys
sys.path.insert(0, sys.argv[1])
faulthandler.enable()
import numpy as np
from model_files import X, file_of, members_of, zip_of
from edml.exceptions import RegistryError
from edml.registry._model_file import loads
name, seed, rounds = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
draw = random.Random(seed)
members = members_of(file_of(name))
loads(file_of(name)).predict_proba(X)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
counts = {"refused": 0, "unusable": 0, "valid": 0}  # of rounds
for number in range(rounds):
    member = draw.choice(["schema.json", *members])
    content = bytearray(members[member])
    at = draw.randrange(len(content))
    what = draw.choice(["bit", "digit", "cut", "copy"])
    if what == "bit":
        content[at] ^= 1 << draw.randrange(8)
    elif what == "digit":
        content[at] = draw.choice(b"0123456789-,.[]{} \\n=")
    elif what == "cut":
        del content[at : at + draw.randrange(1, 9)]
    else:
        to = draw.randrange(len(content))
        content[to : to + 8] = content[at : at + 8]
    print(number, member, at, what, file=sys.stderr, flush=True)
    try:
        model = loads(zip_of({**members, member: bytes(content)}))
    except RegistryError:
        counts["refused"] += 1
        continue
    try:
        found = model.predict_proba(X)
    except Exception:
        counts["unusable"] += 1
    else:
        assert len(found) == len(X)
        counts["valid"] += 1
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 300_000, grown  # kB
print(json.dumps(counts))
"""


def run_batch(name, seed, rounds):
    folder = str(Path(__file__).parents[1])
    code = [sys.executable, "-W", "ignore", "-c", BATCH, folder, name]
    done = subprocess.run(  # noqa: S603
        [*code, str(seed), str(rounds)],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert sum(counts.values()) == rounds
    return counts


@pytest.fixture
def allow_processes(monkeypatch, no_command):
    monkeypatch.undo()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["forest", "lightgbm", "xgboost"])
def test_damage_inside_is_rejected_or_harmless(name, allow_processes):
    counts = run_batch(name, 5, 150)
    assert counts["refused"] > 75


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", NAMES)
def test_much_damage_inside_is_rejected_or_harmless(name, seed, allow_processes):
    counts = run_batch(name, seed, 3000)
    assert counts["refused"] > 1500


def test_the_parts_of_these_tests():
    assert sum(1 for _ in find_files(schema_of(file_of("forest")))) > 10
    np.testing.assert_array_equal(
        loads(zip_of(members_of(file_of("forest")))).predict_proba(X),
        fitted("forest").predict_proba(X),
    )
