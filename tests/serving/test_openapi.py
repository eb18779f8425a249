"""The endpoint conforms to its OpenAPI document."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from html.parser import HTMLParser

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from bodies import CSV, JSON, PARQUET, conform, post, train
from edml.registry import ModelRegistry
from edml.schema import COLUMNS, data_dictionary
from edml.serving import Limits, create_app, create_blueprint

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


def test_every_field_is_described_with_an_example(document):
    def described(name, field):
        of = field.get("$ref")
        target = schemas[of.rpartition("/")[2]] if of else {}
        assert field.get("description") or target.get("description"), name
        const = {"const", "enum"} & field.keys()
        assert const or of or "items" in field or field.get("examples"), name

    schemas = document["components"]["schemas"]
    for name, schema in schemas.items():
        assert schema.get("description"), name
        if name != "Columns":
            for field, of in schema.get("properties", {}).items():
                described(f"{name}.{field}", of)
    for parameter in document["paths"]["/predict"]["post"]["parameters"]:
        assert parameter["description"]
        assert "example" in parameter


def test_events_are_described_by_the_data_dictionary(document):
    dictionary = data_dictionary()
    assert set(dictionary) == set(COLUMNS)
    event = document["components"]["schemas"]["Event"]
    for name, field in event["properties"].items():
        assert dictionary[name].meaning in field["description"]
        assert "`" not in field["description"]


def test_the_examples_are_answered(document, client):
    schemas = document["components"]["schemas"]
    (event,), (columns,) = schemas["Event"]["examples"], schemas["Columns"]["examples"]
    for body in ([event], columns):
        conform(body, "Records" if body == [event] else "Columns")
        answer = client.post("/predict?at=21&explain=1&language=en", json=body)
        assert answer.status_code == 200, answer.text
        assert "notes" not in answer.json


def test_examples_of_answers_conform(document):
    for name in ("Prediction", "ProblemDocument", "Record", "Status"):
        fields = document["components"]["schemas"][name]["properties"]
        example = {
            field: of["examples"][0] if "examples" in of else of.get("const", "at")
            for field, of in fields.items()
        }
        conform(example, name)


# -- the page --------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page shows, links to and could load."""

    def __init__(self, text):
        super().__init__()
        self.names, self.links, self.ids, self.tags = [], [], set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        found = dict(attrs)
        assert not {"src", "style", "onclick", "action"} & found.keys()
        if "id" in found:
            assert found["id"] not in self.ids
            self.ids.add(found["id"])
        if "href" in found:
            self.links.append(found["href"])


def test_the_page_shows_the_document(client, document):
    answer = client.get("/docs")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    page = Page(answer.text)
    for path, item in document["paths"].items():
        (method,) = item
        assert f"{method.upper()} {path}" in answer.text
    for name, schema in document["components"]["schemas"].items():
        assert name in page.ids
        for field, of in schema.get("properties", {}).items():
            assert escape(field) in answer.text
            assert escape(of.get("description", "")) in answer.text
    assert all(link[0] == "#" and link[1:] in page.ids for link in page.links)


def test_the_page_loads_nothing(client):
    answer = client.get("/docs")
    page = Page(answer.text)
    assert not page.tags & {"script", "link", "img", "iframe", "object", "form"}
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert b64encode(sha256(style.encode()).digest()).decode() in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_needs_no_token_and_shows_no_own_column(stored, tmp_path):
    columns = {"user_uuid": "<b>who</b>"}
    registry = ModelRegistry(tmp_path)
    registry.promote(registry.register(train(1, columns=columns)).version)
    escaped = escape("<b>who</b>")
    guarded = create_app(registry, tokens=[TOKEN]).test_client()
    answer = guarded.get("/docs")
    assert answer.status_code == 200
    assert escaped not in answer.text
    assert TOKEN not in answer.text
    answer = create_app(registry).test_client().get("/docs")
    assert escaped in answer.text
    assert "<b>" not in answer.text


def test_paths_are_below_the_prefix(stored):
    app = Flask("host")
    app.register_blueprint(create_blueprint(ModelRegistry(stored)), url_prefix="/risk")
    client = app.test_client()
    roots = {"": "/risk", "/school": "/school/risk"}
    for root, expected in roots.items():
        environ = {"SCRIPT_NAME": root}
        document = client.get("/risk/openapi.json", environ_overrides=environ).json
        assert document["servers"] == [{"url": expected}]
        page = client.get("/risk/docs", environ_overrides=environ).text
        assert f"<code>{expected}</code>" in page


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
EVERYTHING = settings(max_examples=100, suppress_health_check=SUPPRESSED)


def excluded(case, given_schema):
    """Return the checks that do not apply.

    With tokens, a case may be wrong only in its header, which our token corrects.

    A schema cannot describe valid CSV and Parquet, or require that all columns of a
    table have the same rows, so the endpoint may refuse such bodies.
    """
    left_out = [negative_data_rejection] if given_schema == "guarded_schema" else []
    if isinstance(case.body, list) and len(case.body) > 100:
        left_out.append(negative_data_rejection)  # which does not expect 413
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
