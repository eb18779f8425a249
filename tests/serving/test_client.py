"""RiskClient: the endpoint's numbers, retries, and a hidden token."""

import io
import json
import logging
import socketserver
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import urllib3
from werkzeug.serving import make_server

from edml.exceptions import EdmlError, ServingError
from edml.serving import RiskClient, _wire, create_app
from served import Answer, make_registry, scripted, students

TOKEN = "s3cret-of-the-tutors-page"  # noqa: S105
X = students()
BUSY = Answer(503, b'{"detail": "Wait."}', "application/problem+json")
ENTRY = {
    "user_uuid": "u",
    "course_uuid": "c",
    "partition": 3,
    "probability": 0.1,
    "flagged": False,
    "threshold": 0.5,
}
GOOD = Answer(
    body=json.dumps({"model": {"version": 4}, "predictions": [ENTRY]}).encode()
)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return make_registry(tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def model(registry):
    return registry.load()


@pytest.fixture(scope="module")
def url(registry):
    app = create_app(registry, tokens=[TOKEN])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(url):
    with RiskClient(url, TOKEN) as client:
        yield client


@pytest.fixture
def naps(monkeypatch):
    """Return the pauses that the client would make, without waiting."""
    pauses = []
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def no_pyarrow(monkeypatch):
    monkeypatch.setattr(_wire.importlib.util, "find_spec", lambda name: None)


def assert_same(asked, model, table, **options):
    expected = model.score_students(table, **options)
    assert list(asked)[:7] == [
        "user_uuid",
        "course_uuid",
        "particion",
        "probability",
        "flagged",
        "threshold",
        "model_version",
    ]
    for name in ("user_uuid", "course_uuid", "particion", "probability", "flagged"):
        assert asked[name].tolist() == expected[name].tolist(), name
    assert (asked["threshold"] == model.threshold_).all()
    assert (asked["model_version"] == 1).all()


# -- the same numbers -----------------------------------------------------------------


def test_same_bits_as_parquet(client, model):
    assert _wire.encode(X)[1] == _wire.PARQUET
    assert_same(client.predict(X), model, X)


@pytest.mark.usefixtures("no_pyarrow")
def test_same_bits_as_json(client, model):
    assert _wire.encode(X)[1] == _wire.JSON
    assert_same(client.predict(X), model, X)


def test_parquet_and_json_read_as_the_same_table(client, monkeypatch):
    first = client.predict(X, explain=True)
    monkeypatch.setattr(_wire.importlib.util, "find_spec", lambda name: None)
    pd.testing.assert_frame_equal(client.predict(X, explain=True), first)


@pytest.mark.parametrize("language", ["en", "es"])
def test_reasons_and_facts(client, model, language):
    asked = client.predict(X, explain=True, language=language)
    expected = model.score_students(X, language=language)
    assert list(asked)[7:] == ["reasons", "facts"]
    assert asked["reasons"].tolist() == expected["reasons"].tolist()
    assert asked["facts"].tolist() == expected["facts"].tolist()


@pytest.mark.parametrize("at", [0, 30])
def test_at_a_day(client, model, at):
    asked = client.predict(X, at=at)
    expected = model.score_students(X, at=at, n_reasons=0)
    assert asked["probability"].tolist() == expected["probability"].tolist()
    assert asked["particion"].tolist() == expected["particion"].tolist()


def test_before_the_first_event(client):
    later = X.assign(particion=X["particion"].fillna(0) + 5)
    with pytest.warns(UserWarning, match="without an event up to day 4"):
        assert client.predict(later, at=4).empty


@pytest.mark.parametrize(("at", "error"), [(-1, ValueError), (1.5, TypeError)])
def test_no_day(client, at, error):
    with pytest.raises(error, match="at"):
        client.predict(X, at=at)


def test_a_student_in_two_courses_has_two_rows(client, model):
    first = X.iloc[0]
    one = X[
        (X["user_uuid"] == first.user_uuid) & (X["course_uuid"] == first.course_uuid)
    ]
    other = one.assign(course_uuid="another", score=0.0)
    both = pd.concat([one, other], ignore_index=True)
    asked = client.predict(both)
    assert len(asked) == 2 * len(client.predict(one))
    assert_same(asked, model, both)


def _dates(table):
    dates = [name for name in table if name.endswith("_at")]
    return table.assign(
        **{name: pd.to_datetime(table[name], unit="s") for name in dates}
    )


def _zoned(table):
    dates = [name for name in table if name.endswith("_at")]
    table = _dates(table)
    zone = "America/Argentina/Buenos_Aires"
    return table.assign(
        **{
            name: table[name].dt.tz_localize("UTC").dt.tz_convert(zone)
            for name in dates
        }
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.sample(frac=1, random_state=0),  # an index out of order
        lambda table: table.assign(user_uuid=table["user_uuid"].astype("category")),
        lambda table: table.astype({"user_uuid": object, "ass_name": object}),
        lambda table: table.convert_dtypes(),
        lambda table: table.assign(extra=[{"a": 1}] * len(table)),
        _dates,
        _zoned,
    ],
    ids=["shuffled", "categories", "objects", "nullable", "nested", "dates", "zoned"],
)
@pytest.mark.parametrize("parquet", [True, False])
def test_tables_of_all_kinds(client, model, monkeypatch, change, parquet):
    if not parquet:
        monkeypatch.setattr(_wire.importlib.util, "find_spec", lambda name: None)
    table = change(X)
    assert_same(client.predict(table), model, table)


def test_what_was_inferred_is_a_warning(client, model):
    table = X.assign(ass_due_at=X["ass_due_at"] * 1000)
    with pytest.warns(UserWarning, match="ass_due_at.* are milliseconds"):
        found = client.predict(table)
    assert_same(found, model, X)


def test_mixed_type_column_is_sent_as_json(client, model):
    table = X.assign(legajo=[1, "two"] * (len(X) // 2) + ["odd"] * (len(X) % 2))
    assert _wire.encode(table)[1] == _wire.JSON
    assert_same(client.predict(table), model, table)


def test_numbers_survive_json():
    hard = [0.1, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 2**53 + 1.0, None]
    table = pd.DataFrame({"a": np.array(hard, dtype=float), "b": range(7)})
    found = list(json.loads(_wire._encode_json(table))["a"].values())
    assert found == hard
    assert str(found[4]) == "-0.0"


# -- the request ----------------------------------------------------------------------


def test_columns_that_are_not_sent():
    table = X.assign(nota_final_materia=9.0).set_index(X["legajo"] + 0.5)
    table.attrs["note"] = "of nobody's concern"
    with scripted(GOOD) as (url, requests), RiskClient(url) as client:
        client.predict(table)
    _, headers, body = requests[0]
    assert headers["Content-Type"] == "application/vnd.apache.parquet"
    assert "Authorization" not in headers
    assert b"concern" not in body
    sent = pd.read_parquet(io.BytesIO(body))
    assert list(sent) == list(X)
    assert isinstance(sent.index, pd.RangeIndex)
    assert "nota_final_materia" in table  # the caller's table is unchanged
    assert table.attrs


def test_the_question():
    with scripted(GOOD) as (url, requests), RiskClient(url + "/risk/", TOKEN) as client:
        client.predict(X)
        with pytest.raises(ServingError, match="same version of edml"):
            client.predict(X, explain=True, language="es")  # the answer has none
        client.predict(X, at=7)
        client.model()
    assert [path for path, _, _ in requests] == [
        "/risk/predict",
        "/risk/predict?explain=1&language=es",
        "/risk/predict?at=7",
        "/risk/model",
    ]
    assert {headers["Authorization"] for _, headers, _ in requests} == {
        f"Bearer {TOKEN}"
    }


@pytest.mark.parametrize("given", [[{"user_uuid": "u"}], None, np.zeros((2, 2))])
def test_no_table(given):
    with (
        RiskClient("http://127.0.0.1:9") as client,
        pytest.raises(TypeError, match="Expected a DataFrame"),
    ):
        client.predict(given)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1, 2]]),
        pd.DataFrame({"a": [1, object()]}),
        pd.DataFrame({"a": [1j, "mixed"]}),
        pd.DataFrame({"a": [np.inf, "mixed"]}, dtype=object),
    ],
)
def test_columns_that_cannot_be_sent(table):
    with (
        RiskClient("http://127.0.0.1:9") as client,
        pytest.raises(ServingError, match="Expected columns"),
    ):
        client.predict(table)


# -- retries --------------------------------------------------------------------------


def test_asks_again_while_busy(naps):
    with scripted(BUSY, BUSY, BUSY, GOOD) as (url, requests), RiskClient(url) as client:
        assert client.predict(X)["model_version"].tolist() == [4]
    assert len(requests) == 4
    assert len({body for _, _, body in requests}) == 1  # the whole table each time
    assert naps == sorted(naps)
    assert all(nap > 0 for nap in naps[1:])


@pytest.mark.parametrize(
    ("asked", "slept"),
    [("7", 7), ("100000", 60), ("Fri, 31 Dec 1999 23:59:59 GMT", None), ("?", None)],
)
def test_retry_after(naps, asked, slept):
    busy = Answer(503, b"{}", "application/problem+json", {"Retry-After": asked})
    with scripted(busy, busy, GOOD) as (url, requests), RiskClient(url) as client:
        client.predict(X)
    assert len(requests) == 3
    if slept is not None:
        assert naps == [slept, slept]
    else:  # the usual pause: the time is past or invalid
        assert all(nap < 1 for nap in naps)


@pytest.mark.parametrize("status", [502, 503])
def test_client_gives_up_after_the_last_retry(naps, status):
    busy = Answer(status, b'{"detail": "Wait."}', "application/problem+json")
    with (
        scripted(busy) as (url, requests),
        RiskClient(url, retries=2) as client,
        pytest.raises(ServingError, match=rf"answered {status}: Wait\.$"),
    ):
        client.predict(X)
    assert len(requests) == 3
    assert len(naps) <= 2


def test_asks_again_after_a_broken_connection(naps):
    broken = Answer(None)
    with scripted(broken, broken, GOOD) as (url, requests), RiskClient(url) as client:
        client.predict(X)
    assert len(requests) == 3


def test_truncated_answer_is_requested_again(naps):
    with broken_off_once() as (url, seen), RiskClient(url) as client:
        assert client.predict(X)["model_version"].tolist() == [4]
    assert len(seen) == 2


@contextmanager
def broken_off_once():
    """Serve half an answer, then whole ones."""
    seen = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            size = 0
            while (line := self.rfile.readline().strip()) != b"":
                if line.lower().startswith(b"content-length"):
                    size = int(line.split()[1])
            self.rfile.read(size)
            body = GOOD.body if seen else GOOD.body[:30]
            seen.append(1)
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            head += f"Content-Length: {len(GOOD.body)}\r\nConnection: close\r\n\r\n"
            self.wfile.write(head.encode() + body)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", seen
        finally:
            server.shutdown()
            thread.join()


def test_no_retries(naps):
    with (
        scripted(BUSY, GOOD) as (url, requests),
        RiskClient(url, retries=0) as client,
        pytest.raises(ServingError, match="503"),
    ):
        client.predict(X)
    assert len(requests) == 1
    assert naps == []


def test_nobody_there(naps):
    with scripted(GOOD) as (url, _):
        pass
    with (
        RiskClient(url, TOKEN, retries=2) as client,
        pytest.raises(ServingError, match=r"refused.*Check the address") as caught,
    ):
        client.predict(X)
    assert len(naps) <= 2
    assert "object at 0x" not in str(caught.value)


def test_no_name():
    with (
        RiskClient("http://no-such-host.invalid", retries=0) as client,
        pytest.raises(ServingError, match="no-such-host"),
    ):
        client.ready()


def test_timed_out_request_is_not_repeated(naps):
    free = threading.Event()
    slow = Answer(body=GOOD.body, before=lambda: free.wait(60))
    with scripted(slow) as (url, requests):
        with (
            RiskClient(url, timeout=1.0) as client,
            pytest.raises(ServingError, match="timed out"),
        ):
            client.predict(X)
        assert len(requests) == 1
        free.set()
    assert naps == []


@pytest.mark.parametrize("status", [400, 401, 403, 408, 413, 415, 422, 500])
def test_rejected_requests_are_not_repeated(naps, status):
    problem = {
        "title": "Bad",
        "status": status,
        "detail": "Expected numbers; found text. Correct the rows.",
        "column": "score",
        "rows": [3, 5],
        "request_id": "abc",
    }
    answer = Answer(status, json.dumps(problem).encode(), "application/problem+json")
    with (
        scripted(answer) as (url, requests),
        RiskClient(url) as client,
        pytest.raises(ServingError, match=f"answered {status}") as caught,
    ):
        client.predict(X)
    assert len(requests) == 1
    assert str(caught.value) == (
        f"{url} answered {status}: Expected numbers; found text. Correct the rows. "
        "column: score. rows: [3, 5]. request id: abc."
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b"<html>Log in</html>", "text/html"),
        Answer(404, b"<html>None</html>", "text/html"),
        Answer(302, b"", "text/html", {"Location": "http://127.0.0.1:9/other"}),
        Answer(200, b"[1]"),
        Answer(200, b"{"),
        Answer(200, b"[" * 100_000),
        Answer(200, b"\xff"),
        Answer(503, b"{", "application/problem+json"),
        Answer(400, b"[]", "application/problem+json"),
    ],
)
def test_not_an_endpoint(naps, answer):
    with (
        scripted(answer) as (url, _),
        RiskClient(url, retries=1) as client,
        pytest.raises(ServingError, match="Expected the answer of an edml endpoint"),
    ):
        client.predict(X)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": {"version": 1}},
        {"model": {}, "predictions": []},
        {"model": {"version": 1}, "predictions": [{}]},
        {"model": {"version": 1}, "predictions": [ENTRY | {"probability": "high"}]},
        {"model": {"version": 1}, "predictions": 3},
        {"model": None, "predictions": []},
    ],
)
def test_another_version(body):
    with (
        scripted(Answer(body=json.dumps(body).encode())) as (url, _),
        RiskClient(url) as client,
        pytest.raises(ServingError, match="same version of edml on both sides"),
    ):
        client.predict(X)


def test_ready(client, naps):
    assert client.ready() is True
    with scripted(BUSY) as (url, requests), RiskClient(url) as other:
        assert other.ready() is False
    assert len(requests) == 1
    assert naps == []


def test_model(client, model):
    record = client.model()
    assert record["version"] == 1
    assert record["threshold"] == model.threshold_


def test_threads_share_a_client(client, model):
    expected = model.score_students(X, n_reasons=0)["probability"].tolist()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.predict(X), range(24)))
    assert all(answer["probability"].tolist() == expected for answer in answers)


def test_client_ignores_the_environment(url, model, monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with RiskClient(url, TOKEN, retries=0) as client:
        assert_same(client.predict(X), model, X)


def test_a_closed_client_opens_again(url):
    client = RiskClient(url, TOKEN)
    assert client.ready()
    client.close()
    assert client.ready()
    client.close()


# -- the endpoint's refusals ----------------------------------------------------------


def test_rejected_by_the_endpoint(url, client):
    with pytest.raises(EdmlError, match=r"answered 422.*score"):
        client.predict(X.drop(columns="score"))
    with (
        RiskClient(url, "another-token-than-it-knows") as stranger,
        pytest.raises(ServingError, match=r"answered 401"),
    ):
        stranger.predict(X)


# -- the token ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Answer(401, b'{"detail": "No."}', "application/problem+json"),
        Answer(200, b"<html>", "text/html"),
        Answer(None),
        Answer(302, b"", "text/html", {"Location": "http://127.0.0.1:9/other"}),
        GOOD,
    ],
)
def test_the_token_is_seen_nowhere(naps, caplog, capsys, answer):
    caplog.set_level(logging.DEBUG)
    shown = []
    with scripted(answer) as (url, requests), RiskClient(url, TOKEN) as client:
        try:
            client.predict(X)
        except ServingError as error:
            shown.append("".join(traceback.format_exception(error)))
        shown += [repr(client), str(client), repr(vars(client))]
    shown += [caplog.text, *capsys.readouterr()]
    assert requests[0][1]["Authorization"] == f"Bearer {TOKEN}"
    assert not any(TOKEN in text for text in shown)


def test_the_token_does_not_follow_a_redirect():
    with scripted(GOOD) as (elsewhere, stray):
        away = Answer(307, b"", "text/html", {"Location": elsewhere + "/predict"})
        with (
            scripted(away) as (url, requests),
            RiskClient(url, TOKEN) as client,
            pytest.raises(ServingError, match="307"),
        ):
            client.predict(X)
    assert len(requests) == 1
    assert stray == []


@pytest.mark.parametrize("token", ["", "two words", "new\nline", "ñandú", 5, b"bytes"])
def test_no_token(token):
    with pytest.raises(ValueError, match="Expected a token") as caught:
        RiskClient("http://127.0.0.1:9", token)
    assert not token or str(token) not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "risk.example.org",
        "ftp://risk.example.org",
        "http://",
        "http://ada:pass@risk.example.org",
        "http://risk.example.org?a=1",
        "http://risk.example.org#a",
        "http://[::1",
        "http://risk.example.org:port",
    ],
)
def test_no_address(url):
    with pytest.raises(ValueError, match="Expected an address") as caught:
        RiskClient(url)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 0),
        ("timeout", -1),
        ("timeout", "30"),
        ("retries", -1),
        ("retries", 1.5),
    ],
)
def test_parameters(name, value):
    with pytest.raises((ValueError, TypeError), match=name):
        RiskClient("http://127.0.0.1:9", **{name: value})
