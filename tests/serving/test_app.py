"""The routes: answers, refusals and logs."""

import gzip
import importlib
import io
import json
import logging
import subprocess
import sys
import time
from types import SimpleNamespace

import pandas as pd
import pytest
from flask import Flask, abort
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from bodies import CSV, FORMATS, JSON, conform, post, predictions
from edml import make_student_activity
from edml.exceptions import MissingExtraError
from edml.registry import ModelRegistry
from edml.serving import (
    Limits,
    RiskClient,
    _scorer,
    create_app,
    create_blueprint,
)
from edml.serving._logs import JsonFormatter, configure_logs


def refused(answer, status, code):
    assert (answer.status_code, answer.json["code"]) == (status, code), answer.text
    assert answer.content_type == "application/problem+json"
    conform(answer.json, "ProblemDocument")
    assert answer.json["status"] == status
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]
    return answer.json


# -- predictions ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_bits_as_score_students(client, model, events, kind):
    answer = post(client, events, kind)
    conform(answer.json, "Answer")
    found, truth = predictions(answer), model.score_students(events, n_reasons=0)
    assert [*found["probability"]] == [*truth["probability"]]
    assert [*found["user_uuid"]] == [*truth["user_uuid"]]
    assert [*found["course_uuid"]] == [*truth["course_uuid"]]
    assert [*found["partition"]] == [*truth["particion"]]
    assert [*found["flagged"]] == [*truth["flagged"]]
    assert set(found["threshold"]) == {model.threshold_}
    assert "reasons" not in found


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("explain", ["1", "true"])
def test_reasons_and_facts(client, model, events, language, explain):
    answer = post(client, events, query=f"?explain={explain}&language={language}")
    found, truth = predictions(answer), model.score_students(events, language=language)
    assert [*found["reasons"]] == [*truth["reasons"]]
    assert [*found["facts"]] == [*truth["facts"]]


def test_earlier_days_keep_their_scores(client, model, events):
    """Check that events up to a day score like the whole table as of that day."""
    early = events[events["particion"].fillna(0) <= 20]
    found = predictions(post(client, early))
    truth = model.score_students(early, at=20)
    assert [*found["probability"]] == [*truth["probability"]]


def test_one_student_in_two_courses(client):
    X = make_student_activity(12, n_courses=2, random_state=0)
    X["user_uuid"] = X["user_uuid"].where(X["course_uuid"] != X["course_uuid"][0], "x")
    one, two = X["course_uuid"].unique()
    first = X[(X["course_uuid"] == one)].assign(user_uuid="ana")
    keep = X.loc[X["course_uuid"] == two, "user_uuid"].unique()[:2]
    second = X[(X["course_uuid"] == two) & X["user_uuid"].isin(keep)]
    second = second.replace({"user_uuid": {keep[0]: "ana"}})
    both = pd.concat([first, second], ignore_index=True)
    answer = post(client, both)
    found = predictions(answer)
    assert sorted(found["user_uuid"]) == sorted(["ana", "ana", keep[1]])
    by_student = answer.json["predicted_probability"]
    assert by_student["ana"] is None
    other = found.loc[found["user_uuid"] == keep[1], "probability"].item()
    assert by_student == {"ana": None, keep[1]: other}


def test_ids_that_are_numbers_stay_numbers(client, events):
    X = events.assign(user_uuid=pd.factorize(events["user_uuid"])[0])
    answer = post(client, X)
    assert {type(one["user_uuid"]) for one in answer.json["predictions"]} == {int}
    assert set(answer.json["predicted_probability"]) == set(map(str, X["user_uuid"]))


def test_answer_says_what_was_inferred(client, events):
    body = events.to_csv(index=False, sep=";").encode()
    answer = client.post("/predict", data=body, content_type=CSV)
    conform(answer.json, "Answer")
    assert "fix it with sep=';'" in answer.json["notes"][0]
    assert "notes" not in post(client, events).json


BAD_QUERIES = {
    "explain=2": "explain",
    "explain=": "explain",
    "explain=1&explain=0": "explain",
    "language=de": "language",
    "at=-1": "at",
    "at=1.5": "at",
    "at=1000001": "at",
    "at=s3cret": "at",
    "s3cret=1": None,
    "=1": None,
}


@pytest.mark.parametrize(("query", "parameter"), BAD_QUERIES.items())
def test_bad_queries(client, events, query, parameter):
    problem = refused(post(client, events.head(9), query=f"?{query}"), 400, "query")
    assert problem.get("parameter") == parameter
    assert parameter is None or f"the parameter {parameter} once" in problem["detail"]
    assert "s3cret" not in str(problem)


def test_error_names_bad_rows(client, events):
    X = events.head(30).assign(particion=[*range(29), -4217])
    for kind in FORMATS:
        problem = refused(post(client, X, kind), 422, "unreadable-column")
        assert (problem["column"], problem["rows"]) == ("particion", [29])
        assert "4217" not in problem["detail"]
    problem = refused(
        post(client, X.assign(particion=0.5, score=None)), 422, "unreadable-column"
    )
    assert problem["rows"] == [0, 1, 2, 3, 4]


# -- limits --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(stored):
    limits = Limits(max_body_bytes=5000, max_rows=20)
    return create_app(ModelRegistry(stored), limits=limits).test_client()


def test_long_bodies(limited, events):
    problem = refused(post(limited, events, "csv"), 413, "too-large")
    assert "5,000 bytes" in problem["detail"]
    assert post(limited, events.head(10), "csv").status_code == 200


def test_many_rows(limited, events):
    rows = events.head(21)[["user_uuid"]].assign(**dict.fromkeys(events, None))
    problem = refused(post(limited, rows, "csv"), 413, "too-large")
    assert "21 rows" in problem["detail"]


class Slow:
    """A body that arrives in small pieces."""

    def read(self, size):
        time.sleep(0.3)
        return b"x" * min(size, 2)


def send(client, body, **environ):
    builder = EnvironBuilder("/predict", method="POST", content_type=CSV)
    environ = {**builder.get_environ(), "wsgi.input": body, **environ}
    return client.open(Request(environ))


def test_chunked_bodies_have_the_same_limit(limited, events):
    whole = FORMATS["csv"][0](events)
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    refused(send(limited, io.BytesIO(whole), **chunked), 413, "too-large")
    small = FORMATS["csv"][0](events.head(10))
    assert send(limited, io.BytesIO(small), **chunked).status_code == 200


def test_slow_and_half_bodies(limited, stored):
    limits = Limits(timeout_seconds=0.5)
    hasty = create_app(ModelRegistry(stored), limits=limits).test_client()
    refused(send(hasty, Slow(), CONTENT_LENGTH="100"), 408, "too-slow")
    half = send(limited, io.BytesIO(b"x"), CONTENT_LENGTH="100")
    refused(half, 408, "incomplete")


def test_work_that_takes_too_long(stored, events, monkeypatch):
    client = create_app(ModelRegistry(stored)).test_client()
    explain, late = _scorer.explain_rows, [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late[0])
    monkeypatch.setattr(_scorer, "time", clock)

    def slow(*given, **more):
        late[0] += 20.0
        return explain(*given, **more)

    monkeypatch.setattr(_scorer, "explain_rows", slow)
    assert post(client, events.head(9)).status_code == 200
    refused(post(client, events, query="?explain=1"), 413, "too-slow")


def test_compressed_bodies(client, events):
    plain = post(client, events, "csv")
    body = gzip.compress(events.to_csv(index=False).encode())
    for headers, status in (("gzip", 200), ("br", 415)):
        answer = client.post(
            "/predict",
            data=body,
            content_type=CSV,
            headers={"Content-Encoding": headers},
        )
        assert answer.status_code == status
        if status == 200:
            assert answer.json == plain.json
    refused(answer, 415, "content-encoding")
    assert answer.headers["Accept-Encoding"] == "gzip"


# -- a day ---------------------------------------------------------------------------


@pytest.mark.parametrize("at", [0, 5, 17, 1_000_000])
def test_at_a_day(client, events, model, at):
    answer = post(client, events, query=f"?at={at}&explain=1")
    conform(answer.json, "Answer")
    found = predictions(answer)
    truth = model.score_students(events, at=at)
    for name in ("user_uuid", "probability", "flagged", "reasons", "facts"):
        assert [*found[name]] == [*truth[name]], name
    assert found["partition"].tolist() == truth["particion"].tolist()


def test_before_the_first_day(client, events):
    later = events.assign(particion=events["particion"].fillna(0) + 10)
    answer = post(client, later, query="?at=9")
    assert answer.json["predictions"] == []
    assert answer.json["notes"] == [
        "Left out 30 students of a course without an event up to day 9."
    ]


def test_who_has_no_event_yet_is_noted(client, events):
    who = events["user_uuid"].iloc[0]
    day = events["particion"].fillna(0)
    late = events.assign(particion=day.where(events["user_uuid"] != who, day + 50))
    answer = post(client, late, query="?at=40")
    assert who not in answer.json["predicted_probability"]
    n_courses = events.loc[events["user_uuid"] == who, "course_uuid"].nunique()
    assert answer.json["notes"][0].startswith(f"Left out {n_courses} student")


# -- the other routes ----------------------------------------------------------------


def test_health_ready_and_model(client, stored):
    for path in ("/health", "/ready"):
        conform(client.get(path).json, "Status")
    found = client.get("/model").json
    conform(found, "Record")
    record = ModelRegistry(stored).record("production").to_dict()
    assert found == json.loads(json.dumps({"name": "risk", **record}))


def test_metrics(stored, events):
    client = create_app(ModelRegistry(stored)).test_client()
    found = predictions(post(client, events))
    n_students = len(found)
    client.get("/nowhere/4217")
    text = client.get("/metrics").text
    assert f"edml_events_total {float(len(events))}" in text
    assert f"edml_predictions_total {float(n_students)}" in text
    n_flagged = found["flagged"].sum()
    assert f"edml_flagged_total {float(n_flagged)}" in text
    low = (found["probability"] <= 0.1).sum()
    assert f'edml_score_bucket{{le="0.1"}} {float(low)}' in text
    n_empty = float(events["s_graded_at"].isna().sum())
    assert f'edml_null_cells_total{{column="s_graded_at"}} {n_empty}' in text
    assert 'edml_requests_total{route="predict",status="200"} 1.0' in text
    assert 'edml_requests_total{route="other",status="404"} 1.0' in text
    assert "edml_champion_version 1.0" in text
    assert "4217" not in text  # a client's invented path does not become a label


def test_unknown_paths_and_methods(client):
    refused(client.get("/4217"), 404, "not-found")
    answer = client.get("/predict")
    refused(answer, 405, "method")
    assert "POST" in answer.headers["Allow"]
    assert "4217" not in client.get("/4217").text


@pytest.mark.parametrize("given", ["a-1_B.9", "x" * 64])
def test_request_ids_are_kept(client, given):
    answer = client.get("/health", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, 'a"b', "a b", "\u00e9"])
def test_strange_request_ids_are_replaced(client, given):
    answer = client.get("/health", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] not in ("", given)


# -- failures and logs ---------------------------------------------------------------


def test_a_failure_of_edml_itself(client, events, monkeypatch, caplog):
    def fail(*args, **kwargs):
        message = "SECRET4217"
        raise RuntimeError(message)

    monkeypatch.setattr("edml.serving._endpoint.predict_events", fail)
    answer = post(client, events.head(9))
    assert "SECRET" not in json.dumps(refused(answer, 500, "failure"))
    (record,) = [one for one in caplog.records if one.getMessage() == "failure"]
    line = json.loads(JsonFormatter().format(record))
    assert line["error"] == "RuntimeError"
    assert line["request_id"] == answer.json["request_id"]
    assert "test_app.py" in line["at"][0]
    assert "SECRET" not in str(line)


def test_too_little_memory_is_the_bodys_fault(client, events, monkeypatch):
    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("edml.serving._endpoint.read_body", fail)
    refused(post(client, events.head(9)), 413, "too-large")


def test_the_log_has_one_line_for_each_request(client, events, caplog):
    caplog.set_level(logging.INFO, "edml.serving")
    post(client, events)
    client.post("/predict", data=b"[", content_type=JSON)
    done, bad = [json.loads(JsonFormatter().format(one)) for one in caplog.records]
    assert done["event"] == bad["event"] == "request"
    assert (done["route"], done["status"], done["version"]) == ("predict", 200, 1)
    assert done["rows"] == len(events)
    assert (bad["status"], bad["code"]) == (400, "no-json")
    values = {*events["user_uuid"], *events["course_uuid"]}
    assert not any(value in caplog.text + str(done) for value in values)


def test_logs_go_to_standard_error_unless_they_go_somewhere():
    logger = logging.getLogger("edml.serving")
    before, propagate = logger.handlers[:], logger.propagate
    stream = io.StringIO()
    try:
        logger.handlers, logger.propagate = [], False
        configure_logs(stream)
        configure_logs(io.StringIO())
        assert len(logger.handlers) == 1
        logger.info("one", extra={"edml": {"n": 1}})
    finally:
        logger.handlers, logger.propagate = before, propagate
    line = json.loads(stream.getvalue())
    assert (line["event"], line["n"], line["level"]) == ("one", 1, "info")


# -- in other apps -------------------------------------------------------------------


def test_a_blueprint_in_another_app(stored, events):
    app = Flask("tutors")
    registry = ModelRegistry(stored)
    app.register_blueprint(create_blueprint(registry), url_prefix="/risk")
    other = create_blueprint(registry, name="other", tokens=["x" * 16])
    app.register_blueprint(other, url_prefix="/other")

    @app.get("/own")
    def own():
        return "own"

    client = app.test_client()
    answer = client.post(
        "/risk/predict", data=FORMATS["csv"][0](events), content_type=CSV
    )
    assert answer.status_code == 200
    assert client.get("/other/model").status_code == 401
    assert "X-Request-ID" not in client.get("/own").headers
    assert client.get("/nowhere").content_type.startswith("text/html")
    assert set(app.extensions["edml.serving"]) == {"edml", "other"}


@pytest.mark.parametrize("fault", [418, RuntimeError])
def test_outer_app_can_reject_before_the_blueprint(stored, fault):
    app = Flask("tutors")
    app.register_blueprint(create_blueprint(ModelRegistry(stored)))

    @app.before_request
    def refuse():
        if fault is RuntimeError:
            raise RuntimeError
        abort(fault)

    answer = app.test_client().get("/health")
    assert answer.status_code == (500 if fault is RuntimeError else fault)
    assert answer.json["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), True])
def test_bad_poll_seconds(stored, seconds):
    with pytest.raises(ValueError, match="Expected poll_seconds above 0"):
        create_app(ModelRegistry(stored), poll_seconds=seconds)


def run(code):
    done = subprocess.run(  # noqa: S603 - the code is in this file
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_import_works_without_the_extra():
    extra = "flask", "pyarrow.parquet", "prometheus_client", "orjson"
    assert run(
        "import sys\n"
        "from edml.serving import Limits, create_app, create_blueprint, main\n"
        f"print([name for name in {extra} if name in sys.modules])"
    ) == ("[]")


@pytest.mark.parametrize("module", ["flask", "pyarrow", "prometheus_client", "orjson"])
def test_error_names_missing_parts(module, stored, monkeypatch):
    find = importlib.import_module

    def refuse(name):
        if name == module:
            raise ModuleNotFoundError(name=module)
        return find(name)

    monkeypatch.setattr("edml._optional.importlib.import_module", refuse)
    message = rf"Serving needs {module}. Run: pip install 'edml\[serve\]'"
    with pytest.raises(MissingExtraError, match=message):
        create_app(ModelRegistry(stored))


def test_unknown_attribute():
    import edml.serving  # noqa: PLC0415

    assert edml.serving.RiskClient is RiskClient
    with pytest.raises(AttributeError, match="no attribute 'Nope'"):
        edml.serving.Nope  # noqa: B018 - the access is the test
