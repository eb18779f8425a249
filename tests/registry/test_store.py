"""The store returns stored files whole, or raises an error."""

import dataclasses
import json
import os
import re
import shutil
import tempfile
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads, _versions
from edml.registry._protocol import canonical, seal
from edml.registry._signing import NO_KEYS, Keys
from edml.registry._state import State
from edml.registry._verify import check_store, find_leftovers, remove_leftovers
from edml.registry._versions import VersionStore

KEY = Keys(b"a key of the registry")
MODEL = b"the bytes of a model"


@pytest.fixture(params=[NO_KEYS, KEY], ids=["open", "signed"])
def store(request, tmp_path):
    return VersionStore(tmp_path, "risk", request.param, who="ana")


def add(store, n=1, data=MODEL):
    for _ in range(n):
        version = store.add_version({"model.skops": data}, {"algorithm": "x"})[
            "version"
        ]
    return version


def promote(store, version):
    def update(state):
        before = {
            v: "staging" if s == "production" else s for v, s in state.stages.items()
        }
        return replace(state, stages={**before, version: "production"})

    return store.change("promote", "it is better", update, {"gain": 0.5})


def remove(store, *versions, why=""):
    return store.remove_versions(lambda state: versions, why)


def path_of(store, version, name="model.skops"):
    return store.folder / "versions" / str(version) / name


def reseal(path, kind, place, keys=NO_KEYS, **fields):
    """Change a document together with its checksum."""
    document = json.loads(path.read_bytes()) | fields
    path.write_bytes(seal(kind, {"registry": "risk", **place}, document, keys))


# -- stored files come back ---------------------------------------------------------


def test_registry_is_absent_before_the_first_write(store, tmp_path):
    assert store.state() == State()
    assert store.versions() == store.history() == []
    assert check_store(store) == find_leftovers(store) == []
    assert store.state().champion is None
    assert list(tmp_path.iterdir()) == []


def test_version_round_trips(store):
    record = {"algorithm": "x", "threshold": 0.1, "names": ["a", "ñ"], "parent": None}
    files = {"model.skops": MODEL, "notes.txt": b""}
    given = store.add_version(files, record)
    assert given == store.read_record(1)
    assert {name: given[name] for name in record} == record
    assert (given["version"], given["format"]) == (1, 3)
    assert (given["registry"], given["kind"]) == ("risk", "record")
    assert given["files"]["model.skops"]["size"] == len(MODEL)
    assert store.read_file(1, "model.skops") == MODEL
    assert store.read_file(1, "notes.txt") == b""
    assert store.state().stages == {1: "development"}


def test_record_cannot_override_store_fields(store):
    taken = dict.fromkeys(["format", "kind", "registry", "version", "files"], "x")
    given = store.add_version({"m": b"1"}, {**taken, "signature": "x", "checksum": 1})
    assert given == store.read_record(1)
    assert given["version"] == 1
    assert list(given["files"]) == ["m"]
    assert check_store(store) == []


def test_state_records_author_action_time_and_reason(store):
    add(store, 2)
    state = promote(store, 2)
    assert state == store.state() == store.history()[-1]
    assert (state.generation, state.champion, state.highest) == (3, 2, 2)
    assert (state.what, state.why, state.who) == ("promote", "it is better", "ana")
    assert state.detail == {"gain": 0.5}
    assert state.when.endswith("+00:00")
    assert [before.what for before in store.history()] == [
        *("register", "register", "promote"),
    ]
    assert VersionStore(store.home.root, "risk").who == "unknown"


def test_history_contains_every_full_map(store):
    add(store, 2)
    promote(store, 1)
    promote(store, 2)
    assert [state.stages for state in store.history()] == [
        {1: "development"},
        {1: "development", 2: "development"},
        {1: "production", 2: "development"},
        {1: "staging", 2: "production"},
    ]
    assert [state.champion for state in store.history()] == [None, None, 1, 2]


def test_evaluations_are_kept_in_order(store):
    add(store)
    assert store.evaluations(1) == []
    paths = [store.add_evaluation(1, {"format": i, "version": "x"}) for i in range(12)]
    assert [path.name for path in paths[-2:]] == ["11.json", "12.json"]
    found = store.evaluations(1)
    assert found == [{"format": i, "version": "x"} for i in range(12)]
    assert check_store(store) == []


def test_registries_under_one_root_are_independent(tmp_path):
    one, other = VersionStore(tmp_path, "one"), VersionStore(tmp_path, "other")
    add(one, 2)
    add(other)
    assert (one.versions(), other.versions()) == ([1, 2], [1])


def test_a_relative_root_is_where_it_was(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = VersionStore("registry", "risk")
    monkeypatch.chdir("/")
    add(store)
    assert (tmp_path / "registry" / "risk").is_dir()


def test_the_root_may_be_a_symlink(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    store = VersionStore(tmp_path / "alias", "risk")
    add(store)
    assert check_store(store) == []
    assert store.read_file(1, "model.skops") == MODEL


def test_the_key_is_in_no_text(store):
    assert repr(store) == f"VersionStore({str(store.home.root)!r}, 'risk')"
    assert KEY.secret.decode() not in repr(store) + str(store)


# -- numbers ------------------------------------------------------------------------


def test_a_number_is_never_used_again(store):
    add(store, 3)
    remove(store, 3, 2, why="old")
    assert store.versions() == [1]
    assert not path_of(store, 3).exists()
    assert add(store) == 4
    remove(store, 1, 4)
    assert store.versions() == []
    assert add(store) == 5
    assert check_store(store) == find_leftovers(store) == []
    assert store.history()[3].what == "remove"
    assert store.history()[3].why == "old"


def test_the_champion_is_not_removed(store):
    add(store, 2)
    promote(store, 1)
    with pytest.raises(RegistryError, match="found version 1, which is"):
        remove(store, 2, 1)
    assert store.versions() == [1, 2]


def test_a_version_that_is_not_there_is_not_removed(store):
    add(store, 2)
    with pytest.raises(RegistryError, match="found 7, which does not exist"):
        remove(store, 1, 7)
    assert remove(store) == []
    assert store.versions() == [1, 2]
    assert len(store.history()) == 2


@pytest.mark.parametrize("version", [0, -1, 1.5, True, "1", "../1", None, 10**9])
def test_a_version_is_a_number(store, version):
    add(store)
    with pytest.raises(RegistryError, match="Expected the number of a version"):
        store.state().find(version)
    assert store.state().find(np.int64(1)) == 1


def test_a_missing_version_is_reported(store):
    add(store)
    read_file = partial(store.read_file, name="model.skops")
    for call in (store.read_record, store.evaluations, read_file):
        with pytest.raises(RegistryError, match=r"Expected to read .*2.record\.json"):
            call(2)
    with pytest.raises(RegistryError, match="found 2, which does not exist"):
        store.add_evaluation(2, {})
    with pytest.raises(RegistryError, match=r"Expected to read .*1\.json"):
        store.read_evaluation(1, 1)
    with pytest.raises(RegistryError, match=r"Expected to read .*9\.json"):
        store.read_state(9)


# -- changes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stages", "match"),
    [
        ({1: "staging", 2: "staging", 3: "staging"}, "up to the stated highest number"),
        ({1: "archived", 2: "staging"}, r"found another for the versions \[1\]"),
        (
            {1: "production", 2: "production"},
            r"one version in production; found \[1, 2",
        ),
    ],
)
def test_stages_that_cannot_be_are_not_stored(store, stages, match):
    add(store, 2)
    with pytest.raises(RegistryError, match=match):
        store.change("promote", "", lambda state: replace(state, stages=stages))
    assert len(store.history()) == 2
    assert check_store(store) == []


def test_error_during_update_propagates_and_changes_nothing(store):
    add(store)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        store.change("promote", "", lambda state: 1 / 0)
    assert len(store.history()) == 1
    assert add(store) == 2  # the lock is free again


def test_history_records_a_change_without_effect(store):
    add(store)
    store.change("compete", "the champion stays", lambda state: state)
    assert store.history()[-1].what == "compete"


@pytest.mark.parametrize(
    ("what", "why", "detail"),
    [(None, "", {}), ("a", 3, {}), ("a", "", {"x": float("nan")}), ("a", "", {1: {2}})],
    ids=range(4),
)
def test_unreadable_data_is_never_written(store, what, why, detail):
    add(store)
    with pytest.raises(RegistryError, match=r"JSON can hold|its field"):
        store.change(what, why, lambda state: state, detail)
    with pytest.raises(RegistryError, match="JSON can hold"):
        store.add_version({"m": b"1"}, {"value": np.float32(1)})
    with pytest.raises(RegistryError, match="JSON can hold"):
        store.add_evaluation(1, {"value": float("inf")})
    assert store.state().generation == 1
    assert store.evaluations(1) == []
    assert check_store(store) == find_leftovers(store) == []


@pytest.mark.parametrize("name", ["record.json", "../x", "a/b", "", ".tmp-1", "/x"])
def test_file_name_cannot_escape_its_folder(store, tmp_path, name):
    with pytest.raises(RegistryError, match="Expected a file name"):
        store.add_version({name: b"1"}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_has_a_size_that_can_be_read(store, monkeypatch):
    monkeypatch.setattr(_versions, "MAX_FILE_BYTES", 3)
    with pytest.raises(RegistryError, match="at most 3 bytes for the file 'm'"):
        store.add_version({"m": b"1234"}, {})


# -- the lock -----------------------------------------------------------------------


def test_writer_waits_for_the_lock_with_a_message(tmp_path):
    store = VersionStore(tmp_path, "risk", timeout=0.05)
    add(store)
    with FileLock(store.folder / ".lock"):
        for write in (
            lambda: add(store),
            lambda: promote(store, 1),
            lambda: store.add_evaluation(1, {}),
            lambda: store.remove_versions([1]),
            lambda: remove_leftovers(store),
        ):
            with pytest.raises(RegistryError, match=r"the lock .* within 0.05 seconds"):
                write()
        assert store.versions() == [1]  # readers need no lock
        assert check_store(store) == []
    assert add(store) == 2


def test_an_update_that_writes_raises_and_hangs_nobody(tmp_path):
    store = VersionStore(tmp_path, "risk", timeout=0.05)
    add(store)
    with pytest.raises(RegistryError, match="Expected the lock"):
        store.change("promote", "", lambda state: add(store) and state)
    assert add(store) == 2


def test_threads_of_one_process_exclude_each_other(store):
    threads = [threading.Thread(target=add, args=(store, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.versions() == list(range(1, 21))
    assert len(store.history()) == 20
    assert check_store(store) == find_leftovers(store) == []


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_read_only_folder_can_be_read(store):
    add(store)
    folders = [store.folder / "state", store.folder / "versions", store.folder]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert store.read_file(1, "model.skops") == MODEL
        assert check_store(store) == []
        with pytest.raises(RegistryError, match="your permissions"):
            add(store)
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_a_root_that_is_a_file_is_reported(tmp_path):
    (tmp_path / "risk").write_bytes(b"")
    with pytest.raises(RegistryError, match="Expected to read"):
        add(VersionStore(tmp_path, "risk"))
    with pytest.raises(RegistryError, match="Expected to read"):
        VersionStore(tmp_path, "risk").state()


# -- speed --------------------------------------------------------------------------


def test_state_and_versions_read_one_state_and_no_record(store, monkeypatch):
    add(store, 5)
    read = []
    whole = _reads.read_file

    def noted(root, path, *args):
        read.append(path.name)
        return whole(root, path, *args)

    monkeypatch.setattr(_reads, "read_file", noted)
    store.state()
    assert read == ["5.json"]
    assert store.versions() == [1, 2, 3, 4, 5]
    assert read == ["5.json"] * 2


# -- order --------------------------------------------------------------------------


def test_everything_is_synced_before_its_name_and_the_name_before_the_state(
    store, monkeypatch
):
    add(store)
    steps = []

    def noted(action, path, do):
        name = ".tmp" if path.name.startswith(".tmp-") else path.name
        steps.append((action, f"{path.parent.name[:5]}/{name}"))
        return do()

    monkeypatch.setattr(_files, "step", noted)
    add(store)
    assert steps == [
        ("mkdir", "versi/.tmp"),
        ("sync", "risk/versions"),
        ("mkdir", ".tmp-/evaluations"),
        ("sync", "versi/.tmp"),
        *((action, ".tmp-/model.skops") for action in ("create", "write", "sync")),
        *((action, ".tmp-/record.json") for action in ("create", "write", "sync")),
        ("sync", "versi/.tmp"),
        ("rename", "versi/2"),  # now it exists
        ("sync", "risk/versions"),
        *((action, "state/.tmp") for action in ("create", "write", "sync")),
        ("link", "state/2.json"),  # now it is recorded
        ("unlink", "state/.tmp"),
        ("sync", "risk/state"),
    ]
    steps.clear()
    remove(store, 2)
    assert [action for action, _ in steps[:6]] == [
        *("create", "write", "sync", "link", "unlink", "sync"),
    ]
    assert steps[6] == ("rename", "risk/.tmp")  # only now is anything removed


# -- damage -------------------------------------------------------------------------


def test_a_flipped_bit_anywhere_is_rejected(store):
    add(store, 2)
    promote(store, 1)
    store.add_evaluation(1, {"auc": 0.5})
    paths = [path for path in store.folder.rglob("*") if path.is_file()]
    paths = [path for path in paths if path.name != ".lock"]
    assert len(paths) == 2 * 2 + 1 + 3
    rng = np.random.default_rng(0)
    for path in paths:
        data = path.read_bytes()
        for place in rng.integers(8 * len(data), size=20):
            flipped = bytearray(data)
            flipped[place // 8] ^= 1 << place % 8
            path.write_bytes(flipped)
            assert len(check_store(store)) == 1
        for end in (0, 1, len(data) // 2, len(data) - 1):
            path.write_bytes(data[:end])
            assert len(check_store(store)) == 1
        path.write_bytes(data + b" ")
        assert len(check_store(store)) == 1
        path.write_bytes(data)
    assert check_store(store) == []


def test_a_missing_file_is_reported(store):
    add(store, 3)
    store.add_evaluation(1, {})
    store.add_evaluation(1, {})
    for path, match in [
        (path_of(store, 1), r"Expected to read .*model\.skops"),
        (path_of(store, 2, "record.json"), r"Expected to read .*2.record\.json"),
        (
            path_of(store, 1, "evaluations") / "1.json",
            "Expected every number in .*evaluations",
        ),
        (store.folder / "state" / "2.json", "Expected every number in .*state"),
        (path_of(store, 1).parent, r"Expected to read .*1.record\.json"),
    ]:
        path.rename(store.home.root / "aside")
        (problem,) = check_store(store)
        assert re.search(match, problem)
        (store.home.root / "aside").rename(path)
    assert check_store(store) == []


def test_a_damaged_highest_state_is_not_skipped(store):
    add(store, 2)
    promote(store, 1)
    promote(store, 2)
    path = store.folder / "state" / "4.json"
    kept = path.read_bytes()
    path.write_bytes(kept[:-5])
    for call in (store.state, store.versions, store.history):
        with pytest.raises(RegistryError, match=r"generation 4 .* Restore"):
            call()
    for call in (lambda: add(store), lambda: promote(store, 1)):
        with pytest.raises(RegistryError, match="generation 4"):
            call()
    assert sorted(p.name for p in path.parent.iterdir())[-1] == "4.json"
    assert remove_leftovers(store) == []


def test_older_damaged_state_does_not_block_the_current_one(store):
    add(store, 2)
    (store.folder / "state" / "1.json").write_bytes(b"{")
    assert store.versions() == [1, 2]
    assert add(store) == 3
    assert [state.generation for state in store.history()] == [2, 3]
    assert len(check_store(store)) == 1


def test_states_stay_small(store):
    """A state takes a few hundred bytes, however many versions there are."""
    add(store, 30)
    for version in (3, 5, 30):
        promote(store, version)
    sizes = [path.stat().st_size for path in (store.folder / "state").iterdir()]
    assert max(sizes) < 500
    assert store.state().line == (3, 5, 30)


@given(
    st.sets(st.integers(1, 300), max_size=60),
    st.lists(st.integers(1, 300), max_size=20),
    st.data(),
)
def test_states_come_back_from_their_documents(versions, line, data):
    stages = st.sampled_from(["development", "staging"])
    found = {version: data.draw(stages) for version in sorted(versions)}
    state = State(stages=found, highest=300, line=tuple(line), detail={"a": 1})
    state = replace(state, when="2024-02-29T00:00:00+00:00")
    assert State.from_document(json.loads(json.dumps(state.to_document()))) == state


@pytest.mark.parametrize(
    "runs",
    [
        *([[1, 2], [2, 3]], [[3, 1]], [[0, 1]], [[1, 10**9]], [[True, 2]], [[1.0, 2]]),
        *([[1]], [1], {"1": 2}, [None], [[1, 2, 3]], [[2, 2], [1, 1]]),
    ],
    ids=str,
)
def test_versions_that_no_registry_writes_are_rejected(tmp_path, runs):
    store = VersionStore(tmp_path, "risk")
    add(store, 3)
    path = store.folder / "state" / "3.json"
    reseal(path, "state", {"generation": 3}, versions=runs)
    with pytest.raises(RegistryError, match="Expected"):
        store.state()
    reseal(path, "state", {"generation": 3}, versions=[[1, 3]], line=[[2, 1]])
    with pytest.raises(RegistryError, match="Expected stages by version"):
        store.state()


@pytest.mark.parametrize("text", ["caf\udce9", "\ud800", "ñ"])
def test_text_that_is_no_unicode_is_escaped(tmp_path, text):
    store = VersionStore(tmp_path, "risk", who=text)
    add(store)
    store.change("promote", text, lambda state: state)
    (_, state) = store.history()
    for found in (state.why, state.who):
        assert (
            found.encode().decode()
            == found
            == text.encode("utf-8", "backslashreplace").decode()
        )
    with pytest.raises(RegistryError, match="Expected texts and names in Unicode"):
        store.add_version({"m": b"1"}, {"tags": {"\udcff": 1}})
    document = json.loads((store.folder / "state" / "2.json").read_bytes())
    poisoned = State.from_document(
        document | {"why": "caf\udce9"}
    )  # of earlier versions
    assert poisoned.why == "caf\\udce9"


def test_half_a_state_under_a_temporary_name_is_a_leftover(store):
    add(store)
    half = store.folder / "state" / ".tmp-0123"
    half.write_bytes(b'{"check')
    assert store.state().generation == 1
    assert check_store(store) == []
    assert find_leftovers(store) == remove_leftovers(store) == [half]
    assert not half.exists()


def test_lost_states_lose_no_version(store):
    add(store, 3)
    promote(store, 2)
    shutil.rmtree(store.folder / "state")
    assert store.state().stages == dict.fromkeys([1, 2, 3], "development")
    assert any("States are lost" in problem for problem in check_store(store))
    assert find_leftovers(store) == []
    assert add(store) == 4  # numbers go on
    assert [state.what for state in store.history()] == ["recover", "register"]
    assert check_store(store) == []


@pytest.mark.parametrize("what", ["folder", "file", "broken record"])
def test_a_strange_version_stops_writers_and_is_never_removed(store, what):
    add(store)
    strange = store.folder / "versions" / "7"
    if what == "file":
        strange.write_bytes(b"")
    else:
        strange.mkdir()
    if what == "broken record":
        (strange / "record.json").write_bytes(b"{}")
    assert store.versions() == [1]
    assert len(check_store(store)) == 1
    assert remove_leftovers(store) == []
    with pytest.raises(RegistryError, match=r"found \[7\] in .* Move them out"):
        add(store)
    assert strange.exists()


def test_foreign_files_are_reported_and_left(store):
    add(store)
    foreign = ["note.txt", "state/01.json", "state/x", "versions/01", "versions/1/x"]
    foreign += ["versions/1/evaluations/0.json", "versions/x"]
    for name in foreign:
        (store.folder / name).write_bytes(b"")
    assert len(check_store(store)) == len(foreign)
    assert remove_leftovers(store) == []
    assert add(store) == 2
    assert all((store.folder / name).exists() for name in foreign)


def test_a_copy_without_its_empty_folders_works(store):
    add(store)
    path_of(store, 1, "evaluations").rmdir()
    assert store.evaluations(1) == check_store(store) == []
    store.add_evaluation(1, {})
    assert store.evaluations(1) == [{}]


def test_an_evaluation_brings_no_lost_version_back(store):
    add(store)
    shutil.rmtree(path_of(store, 1).parent)
    with pytest.raises(RegistryError, match=r"Expected to read .*record\.json"):
        store.add_evaluation(1, {})
    assert not path_of(store, 1).parent.exists()


# -- attacks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [
        *("", "state", "state/3.json", "versions", "versions/1"),
        *("versions/1/model.skops", "versions/1/record.json", "versions/1/evaluations"),
    ],
)
def test_a_symlink_is_rejected_by_readers_and_writers(store, tmp_path, part):
    add(store, 2)
    promote(store, 1)
    store.add_evaluation(1, {})
    path = store.folder / part
    path.rename(tmp_path / "moved")
    before = sorted((tmp_path / "moved").rglob("*"))
    path.symlink_to(tmp_path / "moved")

    def use():
        store.state()
        store.read_file(1, "model.skops")
        store.evaluations(1)

    with pytest.raises(RegistryError, match="without symlinks"):
        use()
    assert any("without symlinks" in problem for problem in check_store(store))
    for write in (lambda: add(store), lambda: store.add_evaluation(1, {})):
        if part in {"", "state", "versions", "state/3.json"}:
            with pytest.raises(RegistryError, match="without symlinks"):
                write()
    if part == "versions/1/evaluations":
        with pytest.raises(RegistryError, match="without symlinks"):
            store.add_evaluation(1, {})
    assert sorted((tmp_path / "moved").rglob("*")) == before


def test_a_lock_that_is_a_symlink_is_rejected(store, tmp_path):
    add(store)
    (store.folder / ".lock").unlink()
    (store.folder / ".lock").symlink_to(tmp_path / "target")
    with pytest.raises(RegistryError, match="without symlinks"):
        add(store)
    assert not (tmp_path / "target").exists()


def test_only_the_symlink_of_a_leftover_is_removed(store, tmp_path):
    add(store)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"1")
    (store.folder / "versions" / ".tmp-1").symlink_to(tmp_path / "kept")
    assert len(remove_leftovers(store)) == 1
    assert (tmp_path / "kept" / "file").exists()
    assert find_leftovers(store) == []


def test_swapped_files_are_rejected(store):
    add(store, 1, b"one")
    add(store, 1, b"two")
    promote(store, 1)
    store.add_evaluation(1, {"auc": 1})
    store.add_evaluation(1, {"auc": 2})
    store.add_evaluation(2, {"auc": 3})
    inside = [path_of(store, version, "evaluations") for version in (1, 2)]
    for one, other in [
        (path_of(store, 1), path_of(store, 2)),
        (path_of(store, 1, "record.json"), path_of(store, 2, "record.json")),
        (path_of(store, 1).parent, path_of(store, 2).parent),
        (inside[0] / "1.json", inside[0] / "2.json"),
        (inside[0] / "1.json", inside[1] / "1.json"),
        (store.folder / "state" / "1.json", store.folder / "state" / "3.json"),
    ]:
        _swap(one, other)
        assert len(check_store(store)) >= 2
        _swap(one, other)
    assert check_store(store) == []


def _swap(one, other):
    aside = one.with_name(".tmp-aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_a_registry_under_another_name_is_rejected(store, tmp_path):
    add(store)
    store.folder.rename(tmp_path / "other")
    with pytest.raises(RegistryError, match="its registry is that of another file"):
        VersionStore(tmp_path, "other").state()


def test_only_a_key_detects_forged_files(tmp_path):
    signed, unsigned = (
        VersionStore(tmp_path, "risk", KEY),
        VersionStore(tmp_path, "risk"),
    )
    add(signed, 2)
    promote(signed, 1)
    state = signed.folder / "state" / "3.json"
    kept = state.read_bytes()
    stages = {"1": "development", "2": "production"}
    for keys in (NO_KEYS, Keys(b"another key")):
        reseal(state, "state", {"generation": 3}, keys, stages=stages)
        with pytest.raises(RegistryError, match=r"no signature|another signature"):
            signed.state()
    assert unsigned.state().champion == 2  # invalid keys
    state.write_bytes(kept)
    record = path_of(signed, 1, "record.json")
    reseal(record, "record", {"version": 1}, algorithm="forged")
    with pytest.raises(RegistryError, match="no signature"):
        signed.read_record(1)
    with pytest.raises(RegistryError, match="no signature"):
        signed.read_file(1, "model.skops")


def test_key_rejects_a_version_that_it_did_not_sign(tmp_path):
    signed, unsigned = (
        VersionStore(tmp_path, "risk", KEY),
        VersionStore(tmp_path, "risk"),
    )
    add(signed)
    place = {"registry": "risk", "version": 2}
    path_of(signed, 2).parent.mkdir()
    record = seal("record", place, {"files": {}})
    path_of(signed, 2, "record.json").write_bytes(record)
    assert signed.versions() == [1]
    assert unsigned.versions() == [1, 2]
    with pytest.raises(RegistryError, match="Move them out"):
        add(signed)


def test_a_registry_without_signatures_is_rejected_with_a_key(tmp_path):
    add(VersionStore(tmp_path, "risk"))
    with pytest.raises(RegistryError, match="found no signature"):
        VersionStore(tmp_path, "risk", KEY).state()


@pytest.mark.parametrize(
    "stages",
    [
        {"1": "production", "2": "production"},
        {"1": "champion"},
        {"01": "staging"},
        {"x": "staging"},
        {"3": "staging"},
        {"1": 3},
        {"1": ["production"]},
    ],
    ids=range(7),
)
def test_stages_that_no_registry_writes_are_rejected(tmp_path, stages):
    store = VersionStore(tmp_path, "risk")
    add(store, 2)
    reseal(store.folder / "state" / "2.json", "state", {"generation": 2}, stages=stages)
    with pytest.raises(RegistryError, match="Expected"):
        store.state()


@pytest.mark.parametrize("name", ["../../../secret", "/etc/passwd", "record.json"])
def test_a_record_cannot_name_a_file_elsewhere(tmp_path, name):
    store = VersionStore(tmp_path, "risk")
    add(store)
    (tmp_path / "secret").write_bytes(MODEL)
    files = {name: store.read_record(1)["files"]["model.skops"]}
    reseal(path_of(store, 1, "record.json"), "record", {"version": 1}, files=files)
    with pytest.raises(RegistryError, match="Expected a file name"):
        store.read_file(1, name)


def test_a_record_without_files_has_none(store):
    store.add_version({}, {})
    with pytest.raises(RegistryError, match=r"Expected a file of version 1, which has"):
        store.read_file(1, "../../1/record.json")


def test_a_used_number_in_a_later_state_is_reported(tmp_path):
    store = VersionStore(tmp_path, "risk")
    add(store, 2)
    remove(store, 2)
    promote(store, 1)
    path = store.folder / "state" / "4.json"
    reseal(path, "state", {"generation": 4}, highest=1)
    assert any("never used again" in problem for problem in check_store(store))


def test_a_large_document_is_not_read(store):
    add(store)
    with (store.folder / "state" / "1.json").open("r+b") as file:
        file.truncate(2**36)
    with pytest.raises(RegistryError, match="more than 67,108,864"):
        store.state()


def test_a_version_that_is_removed_while_verify_reads_is_no_problem(store, monkeypatch):
    add(store, 2)
    read = VersionStore.read_record

    def beaten(self, version):
        if version == 2 and path_of(store, 2).exists():
            remove(store, 2)
        return read(self, version)

    monkeypatch.setattr(VersionStore, "read_record", beaten)
    assert check_store(store) == []


# -- any order of operations --------------------------------------------------------


class Operations(RuleBasedStateMachine):
    """Compare the store with a dict, through any order of operations."""

    def __init__(self):
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.stages, self.highest, self.n_states = {}, 0, 0
        self.evaluations = {}

    @property
    def store(self):
        return VersionStore(self.root, "risk", KEY)  # the object keeps nothing

    def teardown(self):
        shutil.rmtree(self.root)

    @rule()
    def register(self):
        self.highest += 1
        data = str(self.highest).encode()
        assert self.store.add_version({"m": data}, {})["version"] == self.highest
        self.stages[self.highest] = "development"
        self.evaluations[self.highest] = []
        self.n_states += 1

    @precondition(lambda self: self.stages)
    @rule(data=st.data())
    def change_stage(self, data):
        version = data.draw(st.sampled_from(sorted(self.stages)))
        stage = data.draw(st.sampled_from(["development", "staging", "production"]))
        stages = {**self.stages, version: stage}
        champions = list(stages.values()).count("production")
        if champions > 1:
            with pytest.raises(RegistryError, match="one version in production"):
                self.store.change("x", "", lambda state: replace(state, stages=stages))
            return
        self.store.change("x", "", lambda state: replace(state, stages=stages))
        self.stages = stages
        self.n_states += 1

    @precondition(lambda self: self.stages)
    @rule(data=st.data())
    def evaluate(self, data):
        version = data.draw(st.sampled_from(sorted(self.stages)))
        evaluation = {"auc": data.draw(st.floats(0, 1))}
        self.store.add_evaluation(version, evaluation)
        self.evaluations[version].append(evaluation)

    @precondition(lambda self: "development" in self.stages.values())
    @rule(data=st.data())
    def remove(self, data):
        removable = [v for v, s in self.stages.items() if s == "development"]
        gone = data.draw(st.lists(st.sampled_from(removable), min_size=1, unique=True))
        remove(self.store, *gone)
        self.stages = {v: s for v, s in self.stages.items() if v not in gone}
        self.n_states += 1

    @invariant()
    def as_expected(self):
        store = self.store
        state = store.state()
        assert state.stages == self.stages
        assert (state.highest, state.generation) == (self.highest, self.n_states)
        for version in self.stages:
            assert store.read_file(version, "m") == str(version).encode()
            assert store.evaluations(version) == self.evaluations[version]
        assert check_store(store) == find_leftovers(store) == []


Operations.TestCase.settings = settings(max_examples=6, stateful_step_count=10)
TestOperations = Operations.TestCase


def test_a_state_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError, match="generation"):
        State().generation = 3


def test_documents_are_spelled_canonically_on_disk(store):
    add(store)
    promote(store, 1)
    store.add_evaluation(1, {"b": 1, "a": 2})
    for path in store.folder.rglob("*.json"):
        data = path.read_bytes()
        assert canonical(json.loads(data)) == data


def test_version_and_its_first_evaluations_appear_together(tmp_path, monkeypatch):
    store = VersionStore(tmp_path, "risk")
    first = [{"auc": 0.5}, {"auc": 0.75}]
    version = store.add_version({"m": b"1"}, {}, first)["version"]
    assert store.evaluations(version) == first
    store.add_evaluation(version, {"auc": 0.9})
    assert store.evaluations(version) == [*first, {"auc": 0.9}]
    assert check_store(store) == []
    with pytest.raises(RegistryError, match="JSON can hold"):
        store.add_version({"m": b"1"}, {}, [{"auc": object()}])
    assert store.versions() == [version]


def test_removal_is_decided_under_the_lock(tmp_path):
    store = VersionStore(tmp_path, "risk")
    for _ in range(3):
        store.add_version({"m": b"1"}, {})
    other = VersionStore(tmp_path, "risk", timeout=0.1)

    def choose(state):
        with pytest.raises(RegistryError, match="lock"):  # no other writer in between
            other.change("promote", "", lambda now: now.move(1, "staging"))
        return [version for version in state.stages if version != 2]

    assert store.remove_versions(choose) == [1, 3]
    assert store.versions() == [2]
    assert store.remove_versions(lambda state: []) == []
