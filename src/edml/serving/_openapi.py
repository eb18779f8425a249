"""The OpenAPI 3.1 document of the endpoint.

The routes and their answers are in the data file beside this module, the events in
edml's data dictionary; what every route has in common is added here.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import edml
from edml.explanation import LANGUAGES
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    LARGEST_NUMBER,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    REQUIRED_COLUMNS,
    STUDENT,
    data_dictionary,
)
from edml.serving._limits import Limits
from edml.serving._problem import MEDIA_TYPE

_KINDS = {
    **dict.fromkeys(NUMBER_COLUMNS, "Number"),
    **dict.fromkeys(EPOCH_COLUMNS, "Epoch"),
    **{STUDENT: "Id", COURSE: "Id", PARTITION: "Day", PERIOD: "Period"},
}
_REJECTIONS = {
    "400": "The body or a parameter cannot be read.",
    "401": "The token is missing or unknown.",
    "403": "The token lacks the scope.",
    "408": "The body came too slowly.",
    "413": "The request exceeds a limit.",
    "415": "The format of the body is not supported.",
    "422": "The table of events cannot be scored.",
    "503": "There is no model yet, or the endpoint is busy.",
}
_OF_TOKENS = ("401", "403")
_REJECTIONS_OF = {
    "/predict": (*_OF_TOKENS, "400", "408", "413", "415", "422", "503"),
    "/model": (*_OF_TOKENS, "503"),
    "/metrics": _OF_TOKENS,
    "/openapi.json": _OF_TOKENS,
    "/ready": ("503",),
}


def describe_endpoint(
    columns: Mapping[str, str], limits: Limits, *, tokens: bool, prefix: str = ""
) -> dict[str, Any]:
    """Return the document for a champion that reads these columns, under a path."""
    text = files("edml.serving").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    document["info"]["version"] = edml.__version__
    document["servers"] = [{"url": prefix or "/"}]
    _describe_events(document["components"]["schemas"], columns, limits)
    for path, item in document["paths"].items():
        for operation in item.values():
            codes = _REJECTIONS_OF.get(path, ())
            _complete(operation, codes if tokens else set(codes) - {*_OF_TOKENS})
            if tokens and codes[:2] == _OF_TOKENS:
                operation["security"] = [{"token": []}]
    at, _, language = document["paths"]["/predict"]["post"]["parameters"]
    at["schema"]["maximum"] = LARGEST_NUMBER
    language["schema"]["enum"] = sorted(LANGUAGES)
    if not tokens:
        del document["components"]["securitySchemes"]
    return document


def _describe_events(
    schemas: dict[str, Any], columns: Mapping[str, str], limits: Limits
) -> None:
    """Describe the columns of events, with their examples."""
    cells, example = {}, {}
    for name, actual in columns.items():
        cells[actual] = {"$ref": f"#/components/schemas/{_KINDS.get(name, 'Text')}"}
        if name in data_dictionary():
            about = data_dictionary()[name]
            cells[actual]["description"] = f"{about.meaning} Unit: {about.unit}."
            is_text = _KINDS.get(name, "Text") in ("Id", "Period", "Text")
            example[actual] = about.example if is_text else float(about.example)
    required = [columns[name] for name in REQUIRED_COLUMNS if name in columns]
    schemas["Records"]["maxItems"] = limits.max_rows
    schemas["Event"] |= {
        "properties": cells,
        "required": required,
        "examples": [example],
    }
    of_rows = {"type": "object", "minProperties": 1}
    rows = {name: {**of_rows, "additionalProperties": cells[name]} for name in cells}
    schemas["Columns"] |= {
        "properties": rows,
        "required": required,
        "examples": [{name: {"0": cell} for name, cell in example.items()}],
    }


def _complete(operation: dict[str, Any], rejections: Any) -> None:
    """Add to an operation how it is answered, apart from the answer's content."""
    request_id = {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}}
    problem = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    operation["responses"]["200"] |= {
        "description": operation["summary"],
        "headers": request_id,
    }
    for code in sorted(rejections):
        operation["responses"][code] = {
            "description": _REJECTIONS[code],
            "headers": request_id,
            "content": {MEDIA_TYPE: problem},
        }
