"""The OpenAPI 3.1 document of the endpoint, from the data file beside this module."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import edml
from edml.explanation import LANGUAGES
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    REQUIRED_COLUMNS,
    STUDENT,
)
from edml.serving._limits import Limits

_KINDS = {
    **dict.fromkeys(NUMBER_COLUMNS, "Number"),
    **dict.fromkeys(EPOCH_COLUMNS, "Epoch"),
    **{STUDENT: "Id", COURSE: "Id", PARTITION: "Day"},
}


def describe_endpoint(
    columns: Mapping[str, str], limits: Limits, *, tokens: bool
) -> dict[str, Any]:
    """Return the document for a champion that reads these columns."""
    text = files("edml.serving").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    document["info"]["version"] = edml.__version__
    parameters = document["paths"]["/predict"]["post"]["parameters"]
    parameters[1]["schema"]["enum"] = sorted(LANGUAGES)
    schemas = document["components"]["schemas"]
    schemas["Records"]["maxItems"] = limits.max_rows
    cells = {
        actual: {"$ref": f"#/components/schemas/{_KINDS.get(name, 'Text')}"}
        for name, actual in columns.items()
    }
    required = [columns[name] for name in REQUIRED_COLUMNS]
    schemas["Event"] |= {"properties": cells, "required": required}
    of_rows = {"type": "object", "minProperties": 1}
    rows = {name: {**of_rows, "additionalProperties": cells[name]} for name in cells}
    schemas["Columns"] |= {"properties": rows, "required": required}
    if not tokens:
        _remove_tokens(document)
    return document


def _remove_tokens(document: dict[str, Any]) -> None:
    del document["components"]["securitySchemes"]
    for code in ("401", "403"):
        del document["components"]["responses"][code]
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("security", None)
            for code in ("401", "403"):
                operation["responses"].pop(code, None)
