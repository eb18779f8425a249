"""The champion is loaded, kept and replaced without a failed or wrong answer."""

import gc
import logging
import shutil
import threading
import time
import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from bodies import FORMATS, post, predictions, renamed, train
from edml import (
    RiskClassifier,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import RegistryError, TableError
from edml.registry import ModelRegistry
from edml.schema import COLUMNS, REQUIRED_COLUMNS
from edml.serving import Limits, _champion, _scorer, create_app
from edml.serving._champion import ChampionWatch
from edml.serving._payload import read_body
from edml.serving._problem import Problem
from edml.serving._scorer import Scorer, predict_events
from strategies import event_tables

POLL = 0.02


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.005)


def version(client):
    return client.get("/model").json["version"]


def expected(registry, events):
    """Return each version's highest probability."""
    return {
        number: registry.load(number).score_students(events)["probability"].to_list()
        for number in (1, 2)
    }


@pytest.fixture
def client(registry):
    return create_app(registry, poll_seconds=POLL).test_client()


def test_a_promoted_version_is_loaded(client, registry, events):
    truth = expected(registry, events)
    assert truth[1] != truth[2]
    for number in (1, 2, 1):
        if number != version(client):
            registry.promote(number)
        wait_until(lambda number=number: version(client) == number)
        answer = post(client, events)
        assert answer.json["model"] == {"name": "risk", "version": number}
        assert [*predictions(answer)["probability"]] == truth[number]
    assert "edml_champion_changes_total 3.0" in client.get("/metrics").text


@pytest.mark.parametrize("n_swaps", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_many_champions_under_load(client, registry, events, n_swaps):
    events = events.head(200)
    truth = expected(registry, events)
    body, content_type = FORMATS["parquet"][0](events), FORMATS["parquet"][1]
    done, wrong, seen = threading.Event(), [], []

    def ask():
        own = client.application.test_client()
        while not done.is_set():
            answer = own.post("/predict", data=body, content_type=content_type)
            if answer.status_code != 200:
                wrong.append(answer.text)
                continue
            number = answer.json["model"]["version"]
            seen.append(number)
            found = [one["probability"] for one in answer.json["predictions"]]
            if found != truth[number]:
                wrong.append(number)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for swap in range(n_swaps):
            number = 2 - swap % 2
            registry.promote(number)
            wait_until(lambda number=number: version(client) == number)
            n_before = len(seen)
            wait_until(lambda n=n_before, number=number: number in seen[n:])
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert not wrong


def test_a_version_that_crashes_is_not_loaded(registry, monkeypatch):
    tried = []

    def load(version):
        tried.append(version)
        raise RegistryError("It ends that process.")

    watch = ChampionWatch(registry, 60.0)
    watch.look()
    monkeypatch.setattr(registry, "load", load)
    registry.promote(2)
    for _ in range(2):  # it is tried once
        watch.look()
    assert (watch.champion.version, tried) == (1, [2])
    assert watch.problem == "Version 2 cannot be served: It ends that process."


def test_an_empty_registry_is_not_ready_until_promoted(tmp_path, stored, events):
    registry = ModelRegistry(tmp_path / "registry")
    client = create_app(registry, poll_seconds=POLL).test_client()
    assert client.get("/health").status_code == 200
    for answer in (client.get("/ready"), client.get("/model"), post(client, events)):
        assert answer.status_code == 503
        assert answer.json["code"] == "no-champion"
        assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/openapi.json").status_code == 200
    shutil.copytree(stored, tmp_path / "registry")
    wait_until(lambda: client.get("/ready").status_code == 200)
    assert post(client, events).status_code == 200


def _home(folder):
    return ModelRegistry(folder)._store.home


def delete(folder):
    shutil.rmtree(folder)


def damage_the_state(folder):
    latest = max(_home(folder).states.iterdir(), key=lambda p: int(p.stem))
    latest.write_bytes(latest.read_bytes()[:-40])


def damage_the_record(folder):
    (_home(folder).versions / "1" / "record.json").write_bytes(b"{}")


def damage_all(folder):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"\0" * 100)


def make_unreadable(folder):
    # permissions do not stop root, so something else takes its place
    shutil.rmtree(_home(folder).states)
    _home(folder).states.write_bytes(b"")


@pytest.mark.parametrize(
    "spoil",
    [delete, damage_the_state, damage_the_record, damage_all, make_unreadable],
    ids=lambda spoil: spoil.__name__,
)
def test_damaged_registry_keeps_the_champion(spoil, registry, tmp_path, events):
    client = create_app(registry, poll_seconds=POLL).test_client()
    folder, copy = tmp_path / "registry", tmp_path / "copy"
    shutil.copytree(folder, copy)
    before = post(client, events).json
    assert "edml_registry_healthy 1.0" in client.get("/metrics").text
    spoil(folder)
    wait_until(lambda: "edml_registry_healthy 0.0" in client.get("/metrics").text)
    assert post(client, events).json == before
    assert client.get("/ready").status_code == 200
    shutil.rmtree(folder, ignore_errors=True)  # and it is restored
    shutil.copytree(copy, folder)
    wait_until(lambda: "edml_registry_healthy 1.0" in client.get("/metrics").text)
    registry.promote(2)
    wait_until(lambda: version(client) == 2)


def test_unreadable_registry_keeps_the_champion(registry, monkeypatch, events):
    client = create_app(registry, poll_seconds=POLL).test_client()

    def refuse(version):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(registry, "record", refuse)
    wait_until(lambda: "edml_registry_healthy 0.0" in client.get("/metrics").text)
    assert post(client, events).status_code == 200


def test_a_demoted_champion_stays(client, registry, events):
    before = post(client, events).json
    registry.demote("production")
    wait_until(lambda: "edml_registry_healthy 0.0" in client.get("/metrics").text)
    assert post(client, events).json == before


def test_another_registry_in_the_place_of_the_first(client, tmp_path, events):
    """Check that a version's number does not identify it: another model may have it."""
    before = post(client, events).json
    other = ModelRegistry(tmp_path / "other")
    other.register(train(3))
    other.promote(1)
    shutil.rmtree(tmp_path / "registry")
    (tmp_path / "other").rename(tmp_path / "registry")
    wait_until(lambda: post(client, events).json != before)
    truth = ModelRegistry(tmp_path / "registry").load()
    assert [*predictions(post(client, events))["probability"]] == [
        *truth.score_students(events)["probability"]
    ]


# -- a broken champion ---------------------------------------------------------------


def spoil_the_model(registry, number):
    folder = Path(registry._store.home.versions) / str(number)
    path = next(folder.glob("*.skops"))
    path.write_bytes(path.read_bytes()[:-9] + b"123456789")


def promote_what_is_damaged(registry):
    registry.promote(2)
    spoil_the_model(registry, 2)


def promote_what_scores_no_events(registry):
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    registry.promote(registry.register(model).version)


@pytest.mark.parametrize(
    "promote",
    [promote_what_is_damaged, promote_what_scores_no_events],
    ids=lambda promote: promote.__name__,
)
def test_a_broken_champion_is_rejected(promote, registry, caplog):
    caplog.set_level(logging.INFO, "edml.serving")
    watch = ChampionWatch(registry, POLL)
    watch.look()
    before = watch.champion
    assert before.version == 1
    promote(registry)
    for _ in range(3):
        watch.look()
    assert watch.champion is before
    assert "cannot be served" in watch.problem
    warnings = [one for one in caplog.records if one.levelname == "WARNING"]
    assert len(warnings) == 1  # it is logged once
    assert warnings[0].edml["version_served"] == 1
    registry.rollback()
    watch.look()
    assert watch.problem is None
    assert watch.champion is before


def test_a_rejected_champion_is_tried_again(registry, monkeypatch):
    now = [0.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], time=time.time)
    monkeypatch.setattr(_champion, "time", clock)
    watch = ChampionWatch(registry, POLL)
    load = registry.load
    monkeypatch.setattr(registry, "load", lambda version: 1 / 0)
    watch.look()
    assert watch.champion is None
    assert watch.problem == (
        "Version 1 cannot be served: ZeroDivisionError while made-up students were "
        "scored."
    )
    monkeypatch.setattr(registry, "load", load)
    watch.look()
    assert watch.champion is None  # not yet
    now[0] += 20 * POLL
    watch.look()
    assert watch.champion.version == 1


def test_scorer_rejects_values_that_are_not_probabilities(model, monkeypatch):
    monkeypatch.setattr(
        type(model), "score_latest", lambda self, X: (np.arange(5), np.full(5, np.nan))
    )
    with pytest.raises(ValueError, match="made-up students"):
        Scorer(model)


# -- the thread ----------------------------------------------------------------------


def test_the_thread_ends_with_the_app(registry):
    app = create_app(registry, poll_seconds=POLL)
    app.test_client().get("/health")
    (exchange,) = app.extensions["edml.serving"].values()
    watch = weakref.ref(exchange.watch)
    threads = [one for one in threading.enumerate() if one.name == "edml-champion"]
    assert threads
    del app, exchange
    gc.collect()
    wait_until(lambda: watch() is None)
    wait_until(lambda: not any(one.is_alive() for one in threads[-1:]))


def test_a_watch_can_be_stopped_and_starts_once(registry):
    watch = ChampionWatch(registry, POLL)
    before = threading.active_count()
    watch.start()
    watch.start()
    assert threading.active_count() == before + 1
    wait_until(lambda: watch.champion is not None)
    watch.stop()
    wait_until(lambda: threading.active_count() == before)


def test_registry_errors_are_kept(registry, monkeypatch):
    def refuse(version):
        message = "Expected a state; found another."
        raise RegistryError(message)

    monkeypatch.setattr(registry, "record", refuse)
    watch = ChampionWatch(registry, POLL)
    watch.look()
    assert watch.problem == "Expected a state; found another."


# -- other models --------------------------------------------------------------------


@pytest.mark.parametrize(
    "learner", ["xgboost", pytest.param("random_forest", marks=pytest.mark.slow)]
)
def test_other_learners_match_exactly(learner, tmp_path, events):
    registry = ModelRegistry(tmp_path)
    registry.register(train(1, learner))
    registry.promote(1)
    client = create_app(registry).test_client()
    truth = registry.load().score_students(events)
    found = predictions(post(client, events, query="?explain=1"))
    for name in ("probability", "flagged", "reasons", "facts", "user_uuid"):
        assert [*found[name]] == [*truth[name]], name


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "random_forest"])
def test_features_beyond_floats_are_no_failure(learner):
    row = dict.fromkeys(REQUIRED_COLUMNS) | {"user_uuid": "a", "course_uuid": "b"}
    row |= {"nombre_examen": "x", "nota_parcial": 1e15, "ass_name_sub": "y"}
    X = pd.DataFrame([row | {"particion": 1, "score": 5e-324}])  # 100 * 1e15 / 5e-324
    scorer = Scorer(train(1, learner).deployable())
    if learner != "random_forest":  # they accept infinity
        assert len(predict_events(scorer, X, version=1)["predictions"]) == 1
        return
    with pytest.raises(Problem, match="too large, too close to zero") as caught:
        predict_events(scorer, X, version=1)
    assert caught.value.status == 422


def test_models_of_other_column_names(tmp_path, events):
    names = {"user_uuid": "student", "particion": "day"}
    registry = ModelRegistry(tmp_path)
    registry.register(train(1, columns=names))
    registry.promote(1)
    client = create_app(registry).test_client()
    X = events.rename(columns=names)
    truth = registry.load().score_students(X)
    assert [*predictions(post(client, X))["probability"]] == [*truth["probability"]]
    refused = post(client, events)
    assert refused.json["column"] == "student"
    assert "day" in refused.json["detail"]


def with_a_foreign_step(columns=None):
    """Fit a model whose first step may read any column."""
    X = make_student_activity(60, fail_rate=0.3, random_state=1)
    pipeline = make_risk_pipeline("lightgbm", every=7, columns=columns)
    pipeline.steps.insert(0, ("same", FunctionTransformer()))
    y = make_target(X)
    return RiskClassifier(pipeline, cv=2).fit(renamed(X, columns).assign(rubric=1.0), y)


def test_a_model_with_foreign_steps_reads_every_column(model, events):
    assert set(Scorer(model).columns) == {*REQUIRED_COLUMNS, "periodo"}
    foreign = with_a_foreign_step().deployable()
    scorer = Scorer(foreign)
    assert set(scorer.columns) == {*COLUMNS, "rubric"}
    rows, probabilities = scorer(events)
    assert (probabilities == foreign.predict_proba(events)[rows, 1]).all()


@pytest.mark.parametrize("fails", [False, True])
def test_reasons_are_tried_before_the_first_request(model, monkeypatch, fails):
    explained = []

    def explain(*given, **options):
        explained.append(len(options["rows"]))
        if fails:
            raise RuntimeError
        return explain_rows(*given, **options)

    explain_rows = _scorer.explain_rows
    monkeypatch.setattr(_scorer, "explain_rows", explain)
    Scorer(model)  # a model without reasons still predicts
    assert explained == [1]


@pytest.fixture(scope="module")
def scorer(model):
    return Scorer(model)


@given(X=event_tables())
def test_answer_matches_score_students_exactly(model, scorer, X):
    X = X.reset_index(drop=True)
    try:
        truth = model.score_students(X, n_reasons=0)
    except TableError:
        with pytest.raises(Problem, match=r"\.$"):
            predict_events(scorer, X, version=1)
        return
    answer = predict_events(scorer, X, version=1)
    found = pd.DataFrame(answer["predictions"])
    assert found["probability"].tolist() == truth["probability"].tolist()
    assert found["partition"].tolist() == truth["particion"].tolist()
    assert found["user_uuid"].tolist() == truth["user_uuid"].tolist()
    assert found["course_uuid"].tolist() == truth["course_uuid"].tolist()


# -- unusual columns -------------------------------------------------------------------


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, [[{"a": [None]}]]], ids=repr)
@pytest.mark.parametrize("kind", ["records", "columns", "parquet"])
def test_unused_columns_may_contain_anything(client, model, events, value, kind):
    X = events.assign(rubric=[value] * len(events))
    truth = model.score_students(events)["probability"]
    assert [*predictions(post(client, X, kind))["probability"]] == [*truth]


def test_column_read_by_a_foreign_step_contains_text_or_numbers(events):
    columns = Scorer(with_a_foreign_step().deployable()).columns
    write, content_type = FORMATS["records"]
    with pytest.raises(Problem, match="'rubric': 3 of 3 rows hold neither") as caught:
        read_body(
            write(events.head(3).assign(rubric=[[1]] * 3)),
            content_type,
            limits=Limits(),
            columns=columns,
        )
    assert caught.value.column == "rubric"


@pytest.mark.parametrize("make", [train, with_a_foreign_step], ids=["own", "foreign"])
@pytest.mark.parametrize(
    "columns", [{"user_uuid": "legajo"}, {"ass_name": "submission_type"}], ids=str
)
@pytest.mark.parametrize("kind", ["records", "csv", "parquet"])
def test_one_column_in_two_roles(make, columns, kind, events):
    """Check that a column's required role overrides its optional role when read."""
    X = renamed(events, columns)
    try:
        model = make(columns=columns)
    except ValueError:
        pytest.skip("fit refuses it")
    scorer = Scorer(model.deployable())
    write, content_type = FORMATS[kind]
    table = read_body(write(X), content_type, limits=Limits(), columns=scorer.columns)
    found = predict_events(scorer, table, version=1)["predictions"]
    _, probabilities = model.score_latest(X)
    assert [one["probability"] for one in found] == sorted(probabilities, reverse=True)
    assert {one["user_uuid"] for one in found} == {*X[scorer.columns["user_uuid"]]}


def test_of_one_column_in_two_roles_the_ids_are_checked(events):
    columns = {name: name for name in COLUMNS} | {"user_uuid": "legajo"}
    X = renamed(events, {"user_uuid": "legajo"})
    with pytest.raises(Problem, match="'legajo': 1 of 3 rows have no id"):
        read_body(
            FORMATS["records"][0](X.head(3).assign(legajo=["a", None, "b"])),
            FORMATS["records"][1],
            limits=Limits(),
            columns=columns,
        )
