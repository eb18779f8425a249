"""The endpoint conforms to its OpenAPI document."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from bodies import CSV, JSON, PARQUET, post
from edml.registry import ModelRegistry
from edml.serving import Limits, create_app

TOKEN = "0123456789abcdef"  # noqa: S105 - only for this test
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def document(client):
    return client.get("/openapi.json").json


def test_every_route_is_described(app, document):
    routes = {
        (rule.rule, method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    described = {
        (path, method) for path, item in document["paths"].items() for method in item
    }
    assert described == routes


def test_every_reference_leads_somewhere(document, stored):
    def references(part):
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                yield from references(one)

    there = {
        f"#/components/{kind}/{name}"
        for kind, named in document["components"].items()
        for name in named
        if kind != "securitySchemes"
    }
    assert set(references(document)) == there


def test_tokens_and_limits_are_described(stored):
    limits = Limits(max_rows=7)
    app = create_app(ModelRegistry(stored), tokens=[TOKEN], limits=limits)
    client = app.test_client()
    document = client.get("/openapi.json", headers=HEADERS).json
    guarded = {
        path
        for path, item in document["paths"].items()
        for operation in item.values()
        if operation.get("security")
    }
    assert guarded == {"/predict", "/model", "/metrics", "/openapi.json"}
    assert '"maxItems": 7' in json.dumps(document)
    assert TOKEN not in json.dumps(document)


def test_the_columns_are_those_of_the_champion(document, client, events):
    event = document["components"]["schemas"]["Event"]
    row = dict.fromkeys(event["required"]) | {"user_uuid": "a", "course_uuid": "b"}
    assert client.post("/predict", json=[row]).status_code == 200
    for name in event["required"]:
        lacking = {key: value for key, value in row.items() if key != name}
        answer = client.post("/predict", json=[lacking])
        assert (answer.status_code, answer.json["column"]) == (422, name)
    assert post(client, events).status_code == 200


# -- schemathesis ----------------------------------------------------------------------


@schemathesis.serializer(CSV, PARQUET)
def as_it_is(ctx, value):
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def open_schema(stored):
    app = create_app(ModelRegistry(stored), limits=Limits(max_rows=100))
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.fixture(scope="module")
def guarded_schema(stored):
    app = create_app(ModelRegistry(stored), tokens=[TOKEN], limits=Limits(max_rows=100))
    return schemathesis.openapi.from_wsgi("/openapi.json", app, headers=HEADERS)


load_all_checks()
ALL_CHECKS = CHECKS.get_all()
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.filter_too_much]
EVERYTHING = settings(max_examples=150, suppress_health_check=SUPPRESSED)


def excluded(case, given_schema):
    """Return the checks that do not apply.

    With tokens, a case may be wrong only in its header, which our token corrects.

    A schema cannot describe valid CSV and Parquet, or require that all columns of a
    table have the same rows, so the endpoint may refuse such bodies.
    """
    left_out = [negative_data_rejection] if given_schema == "guarded_schema" else []
    said = case.media_type == JSON and isinstance(case.body, list)
    if case.path == "/predict" and not said:
        left_out.append(positive_data_acceptance)
    return left_out


@pytest.mark.slow
@pytest.mark.parametrize("mode", schemathesis.GenerationMode, ids=str)
@pytest.mark.parametrize("given_schema", ["open_schema", "guarded_schema"])
def test_schemathesis(given_schema, mode, request):
    """Run the cases in a loop, as schemathesis's pytest plugin lags behind pytest."""
    schema = request.getfixturevalue(given_schema)
    headers = HEADERS if given_schema == "guarded_schema" else {}
    seen = set()
    for result in schema.get_all_operations():
        operation = result.ok()

        @EVERYTHING
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            seen.add((case.path, case.media_type))
            left = [
                one for one in ALL_CHECKS if one not in excluded(case, given_schema)
            ]
            case.call_and_validate(headers=headers, checks=left)

        if mode is schemathesis.GenerationMode.POSITIVE or operation.path == "/predict":
            check()  # the other routes take no input that could be wrong
    assert len(ALL_CHECKS) >= 10
    assert {("/predict", kind) for kind in (JSON, CSV, PARQUET)} <= seen
