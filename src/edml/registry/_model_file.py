"""Convert models to bytes and back, without pickle and with a closed list of types.

Loading checks four things, and creates no object before the first three are done: the
archive (plain members of bounded size), the types (a closed list), the contents (trees,
boosters, arrays), and then whether the parts of the loaded model fit together.
"""

import re
import warnings
from collections.abc import Sequence
from typing import Any

from sklearn.exceptions import InconsistentVersionWarning

from edml.exceptions import RegistryError
from edml.registry import _types
from edml.registry._archive import MODEL_FILE, size_limit
from edml.registry._budget import Budget
from edml.registry._contents import read_contents
from edml.registry._errors import registry_error
from edml.registry._fitted import check_model
from edml.registry._forests import check_forests
from edml.registry._nodes import nodes, refuse, type_name
from edml.registry._packing import pack
from edml.registry._walk import Maker, Walk

MAX_SCHEMA_SIZE = 256 * 2**20
PROTOCOLS = (2,)  # of skops, that can be read
_OF_PYTHON = ("builtins", "numpy")
_TRUSTED_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
#: Kinds of node whose type is not looked up by name.
_PLAIN_NODES = frozenset(
    {
        "DictNode",
        "DefaultDictNode",
        "ListNode",
        "TupleNode",
        "JsonNode",
        "NdArrayNode",
        "DTypeNode",
        "BytesNode",
    }
)


def dumps(model: Any, *, trusted: Sequence[str] = ()) -> bytes:
    """Return the bytes of a fitted model, after proving that they can be loaded.

    The same model always has the same bytes.
    """
    names = _check_trusted(trusted)
    check_model(model)
    data = pack(model)
    found = _unlisted_types(data, names)
    if found:
        raise RegistryError(
            f"The {type(model).__name__} holds types that are not known to be safe: "
            f"{found}. Use others, or name in trusted=[...] those of your own."
        )
    loads(data, trusted=trusted)
    return data


def loads(data: bytes, *, trusted: Sequence[str] = ()) -> Any:
    """Return the model of a file's bytes, after checking everything in it.

    The code of trusted types is run; their contents are checked like all others.
    """
    names = _check_trusted(trusted)
    try:
        make = _audit(data, names)
        with warnings.catch_warnings():
            # check_versions reports these once, with edml's own message
            warnings.simplefilter("ignore", InconsistentVersionWarning)
            model = make()
        check_model(model)
    except RegistryError:
        raise
    except Exception as error:  # a part is missing or has the wrong type
        raise registry_error(
            "model_damaged",
            f"The model file is damaged ({type(error).__name__} while reading it). "
            "Restore it from a copy.",
        ) from error
    return model


def list_types(data: bytes) -> list[str]:
    """Return the types in a file, except those of Python and numpy."""
    names = {type_name(node) for node in nodes(_schema(data))}
    return sorted(name for name in names if name.partition(".")[0] not in _OF_PYTHON)


def list_user_types(data: bytes) -> list[str]:
    """Return the types in a file that are not on the closed list."""
    return _unlisted_types(data, frozenset())


def _unlisted_types(data: bytes, trusted: frozenset[str]) -> list[str]:
    known = _types.ALLOWED_TYPES | trusted
    keys = _types.KEY_TYPES | _types.FACTORIES
    return sorted(
        {
            name
            for node in nodes(_schema(data))
            if node["__loader__"] not in _PLAIN_NODES
            and (name := type_name(node)) not in known
            and not (node["__loader__"] == "TypeNode" and name in keys)
        }
    )


def _schema(data: bytes) -> dict[str, Any]:
    return _read_schema(MODEL_FILE.read(data), Budget(len(data)))


def _read_schema(members: dict[str, bytes], budget: Budget) -> dict[str, Any]:
    """Read the description of a model's objects: JSON of any depth."""
    content = members[MODEL_FILE.needed]
    if len(content) > MAX_SCHEMA_SIZE:
        refuse("has a schema that is too long")
    try:
        schema = budget.read_json(content)
    except RegistryError:
        raise
    except (ValueError, RecursionError) as error:
        raise registry_error(
            "model_damaged",
            "The model file's schema is damaged. Restore it from a copy.",
        ) from error
    if not isinstance(schema, dict):
        refuse("has a schema that is not a JSON object")
    return schema


def _audit(data: bytes, trusted: frozenset[str]) -> Maker:
    """Check everything in a file, and return the maker of its model."""
    members = MODEL_FILE.read(data)
    budget = Budget(len(data))
    schema = _read_schema(members, budget)
    protocol = schema.pop("protocol", None)
    if type(protocol) is not int or protocol not in PROTOCOLS:
        raise RegistryError(
            f"The model file uses skops protocol {str(protocol)[:20]}; this edml reads "
            f"{PROTOCOLS}. Install the edml that wrote it."
        )
    walk = Walk(members, tuple(trusted), size_limit(len(data)), budget, read_contents)
    make = walk.visit(schema)
    if walk.trees:
        walk.nodes = check_forests(walk.trees)
    if members.keys() - walk.used != {MODEL_FILE.needed}:
        refuse("holds members that the model does not use")
    return make


def _check_trusted(trusted: Sequence[str]) -> frozenset[str]:
    if isinstance(trusted, str) or not all(isinstance(name, str) for name in trusted):
        raise RegistryError("trusted is a list of names such as 'mine.steps.Scaler'.")
    for name in trusted:
        never = name in _types.NEVER or name.partition(".")[0] in _types.NEVER_MODULES
        if never or not _TRUSTED_NAME.fullmatch(name):
            raise RegistryError(
                f"trusted names {name[:80]!r}, which no model needs and which could "
                "run anything. Name only the classes of your own steps."
            )
    return frozenset(trusted)
