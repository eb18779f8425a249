"""Repack skops' archive for storage: smaller, and reproducible."""

import io
import json
import zipfile
from typing import Any

import skops.io
import xgboost

from edml.exceptions import RegistryError
from edml.registry import _lightgbm, _types, _xgboost
from edml.registry._archive import MODEL_FILE
from edml.registry._arrays import without_padding
from edml.registry._budget import Budget
from edml.registry._nodes import State, nodes, type_name

# A loaded model holds the second of each pair; skops describes both identically.
_LIGHTGBM = ("lightgbm.basic.Booster", _types.STORED_LIGHTGBM)
_XGBOOST = ("xgboost.core.Booster", _types.STORED_XGBOOST)
_DROPPED = ("__id__", "is_json")


def pack(model: Any) -> bytes:
    """Return the unchecked archive of a model that skops can describe."""
    try:
        data = skops.io.dumps(model)
    except Exception as error:
        raise RegistryError(
            f"The {type(model).__name__} cannot be described by skops "
            f"({type(error).__name__}). Store one of edml's own classifiers."
        ) from error
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(MODEL_FILE.needed))
        packed = _Packed(archive)
        for node in nodes(schema):
            packed.shrink(node)
    schema.pop("_skops_version", None)
    text = json.dumps(schema, separators=(",", ":"))
    return MODEL_FILE.write({MODEL_FILE.needed: text.encode(), **packed.members})


class _Packed:
    """The members of the new archive, without duplicate contents."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.members: dict[str, bytes] = {}
        self._names: dict[tuple[str, bytes], str] = {}

    def add(self, content: bytes, ending: str) -> str:
        key = ending, content
        if key not in self._names:
            self._names[key] = f"{len(self._names)}.{ending}"
            self.members[self._names[key]] = content
        return self._names[key]

    def shrink(self, node: State) -> None:
        for name in _DROPPED:
            node.pop(name, None)
        if node["__loader__"] != "ObjectNode":
            if "file" in node and node["file"] not in self.members:
                content = self.archive.read(node["file"])
                ending = node["file"].rpartition(".")[2]
                if ending == "npy":
                    content = without_padding(content)
                node["file"] = self.add(content, ending)
            return
        kind = type_name(node)
        own = node.get("content", {}).get("content", {})
        if kind in _types.OBJECTS:
            for name in _types.FIXED.keys() & own.keys():
                value = json.dumps(_types.fixed_value(kind, name))
                own[name] = {**_node("JsonNode", "builtins.str"), "content": value}
        if kind == _types.LIGHTGBM and "_Booster" in own:
            own["_Booster"] = self._lightgbm(own["_Booster"])
        elif kind == _types.XGBOOST and "_Booster" in own:
            own["_Booster"] = self._xgboost(own["_Booster"])

    def _lightgbm(self, node: State) -> State:
        if type_name(node) not in _LIGHTGBM:
            return node
        own = node["content"]["content"]
        if own["pandas_categorical"].get("content") not in ([], "null"):
            raise RegistryError(
                "The LightGBM classifier was fitted on pandas' categories, which "
                "are not stored. Encode them as numbers first."
            )
        text = json.loads(own["_handle"]["content"])
        content = text.encode("utf-8")
        content = content[: content.index(_lightgbm.END) + len(_lightgbm.END)]
        found = _lightgbm.read(content, Budget(len(content)))
        state = {
            "model": self._bytes(_lightgbm.write(found)),
            "best_iteration": own["best_iteration"],
        }
        return _object(_types.STORED_LIGHTGBM, state)

    def _xgboost(self, node: State) -> State:
        if type_name(node) not in _XGBOOST:
            return node
        handle = node["content"]["content"]["handle"]
        booster = xgboost.Booster()
        raw = bytearray(self.archive.read(handle["file"]))
        booster.__setstate__({"handle": raw})
        content = bytes(booster.save_raw("json"))
        found = _xgboost.read(content, Budget(len(content)))
        booster = xgboost.Booster(model_file=bytearray(_xgboost.write(found)))
        state = {"model": self._bytes(bytes(booster.save_raw("json")))}
        return _object(_types.STORED_XGBOOST, state)

    def _bytes(self, content: bytes) -> State:
        return {
            **_node("BytesNode", "builtins.bytes"),
            "file": self.add(content, "bin"),
        }


def _node(kind: str, name: str) -> State:
    module, _, own = name.rpartition(".")
    return {"__class__": own, "__module__": module, "__loader__": kind}


def _object(name: str, state: dict[str, State]) -> State:
    text = _node("TypeNode", "builtins.str")
    keys = {**_node("ListNode", "builtins.list"), "content": [text] * len(state)}
    content = {**_node("DictNode", "builtins.dict"), "content": state}
    return {**_node("ObjectNode", name), "content": {**content, "key_types": keys}}
