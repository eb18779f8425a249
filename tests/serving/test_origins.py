"""Web pages of other origins may call the endpoint only where it says so."""

import pytest

from bodies import post
from edml.exceptions import ServingError
from edml.registry import ModelRegistry
from edml.serving import create_app

OURS, OTHER = "https://tutors.example.org", "https://other.example.org"
TOKEN = "0123456789abcdef"  # noqa: S105 - only for this test


@pytest.fixture(scope="module")
def ours(stored):
    app = create_app(ModelRegistry(stored), origins=[OURS], tokens=[TOKEN])
    return app.test_client()


def allowed(answer):
    return {name for name, _ in answer.headers if name.startswith("Access-Control")}


def ask_first(client, origin):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    return client.options("/predict", headers=headers)


def test_a_page_of_an_allowed_origin(ours, events):
    first = ask_first(ours, OURS)
    assert first.status_code == 200
    assert first.headers["Access-Control-Allow-Origin"] == OURS
    assert "POST" in first.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in first.headers["Access-Control-Allow-Headers"]
    token = {"Authorization": f"Bearer {TOKEN}"}
    for headers, status in ((token, 200), ({}, 401)):  # its script reads errors too
        answer = post(ours, events, Origin=OURS, **headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == OURS
        assert "X-Request-ID" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", [OTHER, "null", OURS.upper(), f"{OURS}.evil.org"])
def test_a_page_of_another_origin(ours, origin):
    for answer in (
        ask_first(ours, origin),
        ours.get("/health", headers={"Origin": origin}),
    ):
        assert allowed(answer) == set()
        assert answer.headers["Vary"] == "Origin"  # no cache may mix them up


def test_by_default_no_page_may(client):
    answer = ask_first(client, OURS)
    assert allowed(answer) == set()
    assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["*", "null", "", f"{OURS}/", "tutors.example.org", "https://a b", None]
)
def test_other_forms(stored, origin):
    with pytest.raises(ServingError, match="Expected origins"):
        create_app(ModelRegistry(stored), origins=[origin])
