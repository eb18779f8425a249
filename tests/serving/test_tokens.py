"""Tokens: access, and no token in any output."""

import hmac
import logging

import pytest

from bodies import post
from edml.exceptions import ServingError
from edml.registry import ModelRegistry
from edml.serving import create_app, read_tokens
from edml.serving._logs import JsonFormatter
from edml.serving._tokens import TokenBook

PREDICTS, READS, BOTH = "p" * 16, "r" * 20, "b" * 64
TOKENS = {PREDICTS: ["predict"], READS: "read", BOTH: {"predict", "read"}}


@pytest.fixture(scope="module")
def guarded(stored):
    return create_app(ModelRegistry(stored), tokens=TOKENS).test_client()


def bearer(token, kind="Bearer"):
    return {"Authorization": f"{kind} {token}"}


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_need_no_token(guarded, path):
    assert guarded.get(path).status_code == 200
    assert guarded.get(path, headers=bearer("x")).status_code == 200


@pytest.mark.parametrize("path", ["/model", "/openapi.json", "/metrics"])
def test_reading(guarded, path):
    assert guarded.get(path, headers=bearer(READS)).status_code == 200
    assert guarded.get(path, headers=bearer(BOTH, "bearer")).status_code == 200
    refused = guarded.get(path, headers=bearer(PREDICTS))
    assert (refused.status_code, refused.json["code"]) == (403, "scope")
    assert 'scope="read"' in refused.headers["WWW-Authenticate"]


def test_predicting(guarded, events):
    X = events.head(20)
    assert post(guarded, X, **bearer(PREDICTS)).status_code == 200
    assert post(guarded, X, **bearer(BOTH)).status_code == 200
    assert post(guarded, X, **bearer(READS)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("x" * 16),
        bearer(PREDICTS[:-1]),
        bearer(PREDICTS + "p"),
        bearer(PREDICTS, "Basic"),
        bearer("\u00e9" * 16),
        {"Authorization": BOTH},
        {"Authorization": f"Bearer{BOTH}"},
    ],
    ids=str,
)
def test_others_are_rejected(guarded, events, headers):
    for answer in (
        guarded.get("/model", headers=headers),
        post(guarded, events.head(9), **headers),
    ):
        assert (answer.status_code, answer.json["code"]) == (401, "no-token")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_rejected_body_is_not_read(guarded):
    """Check that a client without a token learns nothing about its body's errors."""
    answer = guarded.post("/predict", data=b"[", content_type="text/html")
    assert answer.status_code == 401


def test_every_token_is_compared_in_constant_time(monkeypatch):
    seen = []
    compare = hmac.compare_digest

    def spy(one, other):
        seen.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr("edml.serving._tokens.hmac.compare_digest", spy)
    book = TokenBook(TOKENS)
    for secret in (PREDICTS, BOTH, "x"):
        seen.clear()
        book.find(secret)
        assert seen == [(32, 32)] * 3  # all of them, digests of one length
    assert book.find(PREDICTS) == {"predict"}
    assert book.find("") is None


def test_no_token_is_shown(guarded, events, caplog):
    caplog.set_level(logging.DEBUG)
    for token in (*TOKENS, "unknown-token-1234"):
        for answer in (
            post(guarded, events.head(9), **bearer(token)),
            guarded.get("/model", headers=bearer(token)),
            guarded.get("/nowhere", headers=bearer(token)),
        ):
            assert token not in answer.text + str(answer.headers)
        written = "".join(map(JsonFormatter().format, caplog.records))
        assert token not in written + caplog.text
        assert token not in repr(TokenBook(TOKENS)) + str(vars(TokenBook(TOKENS)))
    assert '"route": "predict"' in written


@pytest.mark.parametrize(
    "tokens",
    [
        {},
        [],
        "0123456789abcdef",
        ["short"],
        ["0123456789abcde\u00e9"],
        ["0123456789 abcdef"],
        ["x" * 513],
        {BOTH: ["write"]},
        {BOTH: []},
        {1: ["read"]},
    ],
    ids=repr,
)
def test_bad_tokens(tokens, stored):
    with pytest.raises(ServingError, match="Expected") as caught:
        create_app(ModelRegistry(stored), tokens=tokens)
    assert "0123456789" not in str(caught.value)


# -- the file --------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "tokens"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    return write


def test_a_file_of_tokens(write):
    path = write(
        f"# tutors\n{PREDICTS} predict\n\n  # all\n{READS}\tread\r\n{BOTH}\n"
        f"{'c' * 16} read,predict\n"
    )
    assert read_tokens(path) == {
        PREDICTS: {"predict"},
        READS: {"read"},
        BOTH: {"predict", "read"},
        "c" * 16: {"predict", "read"},
    }
    assert read_tokens(str(path)) == read_tokens(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o777])
def test_file_readable_by_others(write, mode):
    with pytest.raises(ServingError, match=f"found mode {mode:04o} of .* chmod 600"):
        read_tokens(write(BOTH, mode))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found none in"),
        ("# nothing\n", "found none in"),
        (f"{BOTH}\nshort read\n", "another form in line 2"),
        (f"\n{BOTH} write\n", "another form in line 2"),
        (f"{BOTH} read predict\n", "another form in line 1"),
        (f"{BOTH} read,\n", "another form in line 1"),
        (f"{BOTH}\n{BOTH} read\n", "that of line 2"),
        (b"\xff" * 20, "UTF-8"),
        ("x" * 2**21, "at most 1,048,576 bytes"),
    ],
)
def test_a_bad_file(write, text, message):
    with pytest.raises(ServingError, match=message) as caught:
        read_tokens(write(text))
    assert BOTH not in str(caught.value)
    assert "short" not in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(ServingError, match="No such file"):
        read_tokens(tmp_path / "nothing")
    with pytest.raises(ServingError, match="Is a directory"):
        read_tokens(tmp_path)
