"""The documents that the endpoint sends, and its OpenAPI description."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

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
from edml.serving._cells import LARGEST_KEY, LARGEST_NUMBER, MISSING, POSITIVE_TEXT
from edml.serving._limits import Limits
from edml.serving._payload import CSV, JSON, PARQUET
from edml.serving._problem import MEDIA_TYPE


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ModelName(_Document):
    """The model that answered."""

    name: str = Field(description="The registry's name.")
    version: int = Field(description="The version in the registry.")


class Prediction(_Document):
    """The risk of one student in one course."""

    user_uuid: str | int
    course_uuid: str | int
    partition: int = Field(description="The latest course day of the events.")
    probability: float = Field(ge=0, le=1, description="The probability of failing.")
    flagged: bool = Field(description="Whether it is at or above the threshold.")
    threshold: float
    reasons: list[str] = Field(
        default=[], description="What moved the score most, in order; not causes."
    )
    facts: list[str] = Field(
        default=[], description="What happened besides the features."
    )


class Answer(_Document):
    """One entry per student and course, the highest probability first."""

    model: ModelName
    predictions: list[Prediction]
    predicted_probability: dict[str, float | None] = Field(
        description="By student; null for one in several courses."
    )


class Status(_Document):
    """The state of the endpoint."""

    status: Literal["ok", "ready"]


class Record(BaseModel):
    """The registry's record of the champion."""

    model_config = ConfigDict(extra="allow", title="Model")

    name: str
    version: int
    stage: str
    algorithm: str
    threshold: float
    created_at: str


class ProblemDocument(_Document):
    """Why a request is refused (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="What was expected, what was found, what to do.")
    code: str = Field(description="The problem, for programs.")
    column: str = Field(default="", description="The column concerned.")
    rows: list[int] = Field(
        default=[], description="The first rows concerned, counted from 0."
    )
    request_id: str


_MODELS: tuple[type[BaseModel], ...] = (Answer, Status, Record, ProblemDocument)
_REFUSALS = {
    "400": "The body or a parameter cannot be read.",
    "401": "The token is missing or unknown.",
    "403": "The token lacks the scope.",
    "408": "The body came too slowly.",
    "413": "The request exceeds a limit.",
    "415": "The format of the body is not supported.",
    "422": "The table of events cannot be scored.",
    "503": "There is no champion yet.",
}


def describe_endpoint(
    columns: Mapping[str, str], limits: Limits, *, tokens: bool
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document for a champion that reads these columns."""
    _, schemas = models_json_schema(
        [(model, "serialization") for model in _MODELS],
        ref_template="#/components/schemas/{model}",
    )
    definitions = schemas["$defs"]
    for name in ("Prediction", "ProblemDocument"):  # optional members
        _make_optional(definitions[name], {"reasons", "facts", "column", "rows"})
    definitions |= {"Event": _event(columns), "Columns": _columns(columns)}
    components: dict[str, Any] = {"schemas": definitions}
    if tokens:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    get = partial(_operation, media_type=JSON)
    paths = {
        "/predict": {"post": _predict(limits, tokens=tokens)},
        "/health": {"get": get("health", "The process answers.", _ref("Status"))},
        "/ready": {
            "get": get("ready", "A champion is loaded.", _ref("Status"), ("503",))
        },
        "/model": {
            "get": get(
                "model", "The champion.", _ref("Record"), ("503",), tokens=tokens
            )
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "Figures for Prometheus.",
                {"type": "string"},
                media_type="text/plain",
                tokens=tokens,
            )
        },
        "/openapi.json": {"get": get("openapi", "This document.", {}, tokens=tokens)},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edml",
            "version": edml.__version__,
            "summary": "Which students are on the way to failing a course.",
        },
        "paths": paths,
        "components": components,
    }


def _predict(limits: Limits, *, tokens: bool) -> dict[str, Any]:
    records = {
        "type": "array",
        "items": _ref("Event"),
        "minItems": 1,
        "maxItems": limits.max_rows,
    }
    operation = _operation(
        "predict",
        "The risk of every student in every course of a table of events.",
        _ref("Answer"),
        ("400", "408", "413", "415", "422", "503"),
        media_type=JSON,
        tokens=tokens,
    )
    operation["parameters"] = [
        {
            "name": name,
            "in": "query",
            "description": description,
            "schema": {"type": "string", "enum": values},
        }
        for name, values, description in (
            ("explain", ["1", "0", "true", "false"], "Whether to add reasons."),
            ("language", sorted(LANGUAGES), "The language of the reasons."),
        )
    ]
    operation["requestBody"] = {
        "required": True,
        "description": "All events of the students, as many students as you like.",
        "content": {
            JSON: {"schema": {"anyOf": [records, _ref("Columns")]}},
            CSV: {"schema": {"type": "string"}},
            PARQUET: {"schema": {"type": "string", "format": "binary"}},
        },
    }
    return operation


def _operation(
    name: str,
    summary: str,
    schema: dict[str, Any],
    codes: tuple[str, ...] = (),
    *,
    media_type: str,
    tokens: bool = False,
) -> dict[str, Any]:
    """Describe one method of one path; ``codes`` are its error codes."""
    headers = {
        "X-Request-ID": {
            "description": "The id of the request, to find it in the log.",
            "schema": {"type": "string"},
        }
    }
    problem = {MEDIA_TYPE: {"schema": _ref("ProblemDocument")}}
    content = {media_type: {"schema": schema}}
    responses: dict[str, Any] = {
        "200": {"description": summary, "headers": headers, "content": content}
    }
    for code in (*codes, *(("401", "403") if tokens else ())):
        description = _REFUSALS[code]
        responses[code] = {
            "description": description,
            "headers": headers,
            "content": problem,
        }
    security: dict[str, Any] = {"security": [{"token": []}]} if tokens else {}
    return {"operationId": name, "summary": summary, "responses": responses, **security}


# -- the table of events -----------------------------------------------------------


def _event(columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "An event, or an empty tick. Other columns are ignored.",
        "properties": {actual: _cell(name) for name, actual in columns.items()},
        "required": [columns[name] for name in REQUIRED_COLUMNS],
    }


def _columns(columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": (
            "Columns, as DataFrame.to_dict returns: {column: {row: value}}. All "
            "columns have the same rows, at least one."
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
