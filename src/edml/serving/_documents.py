"""The documents that the endpoint sends, and its own description (OpenAPI)."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

import edml
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    REQUIRED_COLUMNS,
    STUDENT,
)
from edml.serving._cells import LARGEST_KEY, LARGEST_NUMBER, MISSING, POSITIVE_TEXT
from edml.serving._limits import Limits
from edml.serving._payload import CSV, JSON, PARQUET
from edml.serving._problem import MEDIA_TYPE


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra=None)


class ModelName(_Document):
    """Which model answered."""

    name: str = Field(description="The registry.")
    version: int = Field(description="The version in it.")


class Prediction(_Document):
    """The risk of one student in one course."""

    user_uuid: str | int
    course_uuid: str | int
    partition: int = Field(description="The latest course day of the events.")
    probability: float = Field(ge=0, le=1, description="Of failing.")
    flagged: bool = Field(description="Whether it is at or above the threshold.")
    threshold: float
    reasons: list[str] = Field(
        default=[], description="What moved the score, most weighty first; no causes."
    )
    facts: list[str] = Field(
        default=[], description="What happened, and is no feature."
    )


class Answer(_Document):
    """One entry per student and course, the highest probability first."""

    model: ModelName
    predictions: list[Prediction]
    predicted_probability: dict[str, float | None] = Field(
        description="Of each student; null for one in several courses."
    )


class Status(_Document):
    """How the endpoint is."""

    status: Literal["ok", "ready"]


class Record(BaseModel):
    """What is known of the model that is served."""

    model_config = ConfigDict(extra="allow", title="Model")

    name: str
    version: int
    stage: str
    algorithm: str
    threshold: float
    created_at: str


class ProblemDocument(_Document):
    """Why a request is refused, as RFC 9457 has it."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="What was expected, what was found, what to do.")
    code: str = Field(description="Which problem, for programs.")
    column: str = Field(default="", description="The column that it is about.")
    rows: list[int] = Field(
        default=[], description="The first rows that it is about, counted from 0."
    )
    request_id: str


_MODELS: tuple[type[BaseModel], ...] = (Answer, Status, Record, ProblemDocument)
_REFUSALS = {
    "400": "The body or a parameter cannot be read.",
    "401": "No token, or an unknown one.",
    "403": "The token may not do this.",
    "404": "There is no such thing here.",
    "405": "This is asked for in another way.",
    "406": "The body is sent in a way that is not read.",
    "408": "The body came too slowly.",
    "413": "More than may be asked for at once.",
    "415": "The format of the body is not read.",
    "422": "The table of events cannot be read.",
    "503": "There is no champion yet.",
}


def describe_endpoint(
    columns: Mapping[str, str], limits: Limits, *, tokens: bool
) -> dict[str, Any]:
    """Give the OpenAPI document.

    Parameters
    ----------
    columns : mapping of str to str
        What the champion reads: canonical to actual names.
    limits : Limits
        What is refused.
    tokens : bool
        Whether they are asked for.

    Returns
    -------
    document : dict
        OpenAPI 3.1.
    """
    _, schemas = models_json_schema(
        [(model, "serialization") for model in _MODELS],
        ref_template="#/components/schemas/{model}",
    )
    definitions = schemas["$defs"]
    for name in ("Prediction", "ProblemDocument"):  # what is not always there
        _make_optional(definitions[name], {"reasons", "facts", "column", "rows"})
    components: dict[str, Any] = {
        "schemas": {
            **definitions,
            "Event": _event(columns),
            "Columns": _columns(columns),
        }
    }
    if tokens:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edml",
            "version": edml.__version__,
            "summary": "Which students are on the way to failing a course.",
        },
        "paths": {
            "/predict": {"post": _predict(limits, tokens=tokens)},
            "/health": {"get": _get("health", "Status", "The process answers.")},
            "/ready": {
                "get": _get("ready", "Status", "A champion is loaded.", ("503",))
            },
            "/model": {
                "get": _get("model", "Record", "The champion.", ("503",), tokens=tokens)
            },
            "/metrics": {
                "get": _get("metrics", None, "Prometheus.", tokens=tokens),
            },
            "/openapi.json": {
                "get": _get("openapi", "", "This document.", tokens=tokens)
            },
        },
        "components": components,
    }


def _predict(limits: Limits, *, tokens: bool) -> dict[str, Any]:
    codes = ("400", "408", "413", "415", "422", "503")
    records = {
        "type": "array",
        "items": _ref("Event"),
        "minItems": 1,
        "maxItems": limits.max_rows,
    }
    return {
        "operationId": "predict",
        "summary": "Score every student and course of a table of events.",
        "parameters": [
            _parameter("explain", ["1", "0", "true", "false"], "Give reasons."),
            _parameter("language", ["en", "es"], "Of the reasons."),
        ],
        "requestBody": {
            "required": True,
            "description": "All events of the students, as many students as you like.",
            "content": {
                JSON: {"schema": {"anyOf": [records, _ref("Columns")]}},
                CSV: {"schema": {"type": "string"}},
                PARQUET: {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": _responses("Answer", "The risk of each.", codes, tokens=tokens),
        **_security(tokens=tokens),
    }


def _get(
    name: str,
    schema: str | None,
    summary: str,
    codes: tuple[str, ...] = (),
    *,
    tokens: bool = False,
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": _responses(schema, summary, codes, tokens=tokens),
        **_security(tokens=tokens),
    }


def _responses(
    schema: str | None, summary: str, codes: tuple[str, ...], *, tokens: bool
) -> dict[str, Any]:
    content: dict[str, Any] = {JSON: {"schema": _ref(schema) if schema else {}}}
    if schema is None:
        content = {"text/plain": {"schema": {"type": "string"}}}
    refusals = [*codes, *(("401", "403") if tokens else ())]
    problem = {MEDIA_TYPE: {"schema": _ref("ProblemDocument")}}
    headers = {
        "X-Request-ID": {
            "description": "Which request, to find it in the log.",
            "schema": {"type": "string"},
        }
    }
    found: dict[str, Any] = {
        "200": {"description": summary, "headers": headers, "content": content}
    }
    for code in refusals:
        found[code] = {
            "description": _REFUSALS[code],
            "headers": headers,
            "content": problem,
        }
    return found


def _security(*, tokens: bool) -> dict[str, Any]:
    return {"security": [{"token": []}]} if tokens else {}


def _parameter(name: str, values: list[str], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": {"type": "string", "enum": values},
    }


# -- the table of events -----------------------------------------------------------


def _event(columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An event, or an empty tick. Other columns are passed over.",
        "properties": {actual: _cell(name) for name, actual in columns.items()},
        "required": [columns[name] for name in REQUIRED_COLUMNS],
    }


def _columns(columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": (
            "Columns, as pandas' to_dict gives: {column: {row: value}}. All columns "
            "have the same rows, and at least one."
        ),
        "properties": {
            actual: {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": _cell(name),
            }
            for name, actual in columns.items()
        },
        "required": [columns[name] for name in REQUIRED_COLUMNS],
        "additionalProperties": {"type": "object"},
    }


def _cell(canonical: str) -> dict[str, Any]:
    missing = sorted(MISSING)
    if canonical in (STUDENT, COURSE):
        text = {"type": "string", "not": {"enum": missing}}
        number = {"type": "integer", "minimum": -LARGEST_KEY, "maximum": LARGEST_KEY}
        return {"anyOf": [text, number]}
    if canonical == PARTITION:
        number = {"type": "integer", "minimum": 0, "maximum": int(LARGEST_NUMBER)}
        text = {"type": "string", "pattern": "^[0-9]{1,15}$"}
    elif canonical in EPOCH_COLUMNS:
        number = {"type": "number", "minimum": 0, "maximum": LARGEST_NUMBER}
        text = {"type": "string", "pattern": f"^{POSITIVE_TEXT}$"}
    elif canonical in NUMBER_COLUMNS:
        largest = LARGEST_NUMBER
        number = {"type": "number", "minimum": -largest, "maximum": largest}
        text = {"type": "string", "pattern": f"^-?{POSITIVE_TEXT}$"}
    else:
        return {"type": ["string", "number", "null"]}
    return {"anyOf": [number, text, {"type": "null"}, {"enum": missing}]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _make_optional(schema: dict[str, Any], names: set[str]) -> None:
    schema["required"] = [name for name in schema["required"] if name not in names]
    for name in names & set(schema["properties"]):
        schema["properties"][name].pop("default", None)
