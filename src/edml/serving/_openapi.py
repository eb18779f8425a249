"""The OpenAPI 3.1 document of the endpoint.

The routes and their answers are in the data file beside this module, the events in
edml's data dictionary.
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import edml
from edml.explanation import LANGUAGES
from edml.schema import (
    ACTIVITY_PREFIX,
    COLUMNS,
    CONTEXT_PREFIX,
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

_KINDS = {
    **dict.fromkeys(NUMBER_COLUMNS, "Number"),
    **dict.fromkeys(EPOCH_COLUMNS, "Epoch"),
    **{STUDENT: "Id", COURSE: "Id", PARTITION: "Day", PERIOD: "Period"},
}
_OF_TOKENS = {"401": "NoToken", "403": "NoScope"}


def describe_endpoint(
    columns: Mapping[str, str], limits: Limits, *, tokens: bool, prefix: str = ""
) -> dict[str, Any]:
    """Return the document for a champion that reads these columns, under a path."""
    text = files("edml.serving").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    document["info"]["version"] = edml.__version__
    document["servers"] = [{"url": prefix or "/"}]
    _describe_events(document["components"]["schemas"], columns, limits)
    at, _, language = document["paths"]["/predict"]["post"]["parameters"]
    at["schema"]["maximum"] = LARGEST_NUMBER
    language["schema"]["enum"] = sorted(LANGUAGES)
    if not tokens:
        _leave_tokens_out(document)
    return document


def _leave_tokens_out(document: dict[str, Any]) -> None:
    del document["components"]["securitySchemes"]
    for code, name in _OF_TOKENS.items():
        del document["components"]["responses"][name]
        for item in document["paths"].values():
            for operation in item.values():
                operation.pop("security", None)
                operation["responses"].pop(code, None)


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
            continue
        example[actual] = 1
        if actual.startswith(CONTEXT_PREFIX):
            cells[actual] = {
                "$ref": "#/components/schemas/Number",
                "description": "Mean of the course's open students on this day, as "
                "edml.make_course_context computes it.",
            }
        elif actual.startswith(ACTIVITY_PREFIX):
            cells[actual]["description"] = "What the student did on this day: a count."
    required = [columns[name] for name in REQUIRED_COLUMNS if name in columns]
    required += [actual for name, actual in columns.items() if name not in COLUMNS]
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
