"""Model files for tests: small fitted models, and modified files."""

import io
import json
import zipfile
from functools import cache
from itertools import count

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from edml.pipeline import Blend
from edml.registry._model_file import dumps

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
y = (X[:, 0] + rng.normal(size=300) > 0).astype(int)
y3 = (y + (X[:, 1] > 0.5)).astype(int)


def lightgbm(**given):
    from lightgbm import LGBMClassifier  # noqa: PLC0415

    given = {"n_estimators": 5, "num_leaves": 5, "verbosity": -1, "n_jobs": 1, **given}
    return LGBMClassifier(**given)


def xgboost(**given):
    from xgboost import XGBClassifier  # noqa: PLC0415

    return XGBClassifier(**{"n_estimators": 5, "max_depth": 3, "n_jobs": 1, **given})


MAKERS = {
    "logistic": LogisticRegression,
    "tree": lambda: DecisionTreeClassifier(max_depth=4, random_state=0),
    "forest": lambda: RandomForestClassifier(5, max_depth=4, random_state=0),
    "lightgbm": lightgbm,
    "xgboost": xgboost,
    "blend": lambda: Blend([("few", lightgbm()), ("more", lightgbm(n_estimators=9))]),
}


@cache
def fitted(name):
    model = MAKERS[name]().fit(X, y)
    return model.deployable() if name == "blend" else model


_numbers = count(200)


def another():
    """Return a fitted model whose file differs from those before."""
    model = LogisticRegression(max_iter=next(_numbers))
    return model.fit([[0.0], [1.0]], [0, 1])


@cache
def file_of(name):
    return dumps(fitted(name))


def members_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def schema_of(data):
    return json.loads(members_of(data)["schema.json"])


def zip_of(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def with_schema(data, schema):
    text = json.dumps(schema).encode()
    return zip_of({**members_of(data), "schema.json": text})


def find(node, name):
    """Return every node of a class."""
    if isinstance(node, dict):
        if node.get("__class__") == name:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from find(one, name)


def attributes(node):
    return node["content"]["content"]


def npy(values):
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return buffer.getvalue()


def text_node(value):
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
    }


def with_booster(name, change):
    """Return the file of a booster with a modified text."""
    data = file_of(name)
    members = members_of(data)
    (bin_name,) = [one for one in members if one.endswith(".bin")]
    content = members[bin_name].decode()
    changed = change(content)
    assert changed != content
    return zip_of({**members, bin_name: changed.encode()})


def with_tree(change, tree=0, name="forest"):
    """Return the file of a forest with one modified tree."""
    data = file_of(name)
    members, schema = members_of(data), schema_of(data)
    node = list(find(schema, "Tree"))[tree]
    state = attributes(node)
    parts = {
        key: np.load(io.BytesIO(members[state[key]["file"]])).copy()
        for key in ("nodes", "values")
    }
    more = change(parts, state) or {}
    for key, values in parts.items():
        state[key]["file"] = f"9{len(members)}.npy"
        members[state[key]["file"]] = npy(values)
    used = {one["file"] for one in find_files(schema)}
    members = {key: members[key] for key in members if key in used}
    members.update(more)
    return zip_of({**members, "schema.json": json.dumps(schema).encode()})


def find_files(node):
    if isinstance(node, dict):
        if "file" in node:
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from find_files(one)
