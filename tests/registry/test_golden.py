"""Golden answers: a stored model that answers otherwise is found when it is loaded."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edml import (
    ModelTuner,
    RiskClassifier,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import RegistryError
from edml.feature_extraction import StaticColumns
from edml.registry import ModelRegistry, _golden, _model_file
from model_files import MAKERS, X, fitted

ENGLISH = {"user_uuid": "student", "course_uuid": "course", "particion": "day"}


def risk_model(columns=None, classifier="random_forest", **options):
    events = make_student_activity(60, fail_rate=0.3, random_state=0)
    y = make_target(events)
    events = events.rename(columns=columns or {})
    pipeline = make_risk_pipeline(classifier, columns=columns, every=5, **options)
    if classifier == "random_forest":
        pipeline.set_params(classify__n_estimators=20)
    return RiskClassifier(pipeline, cv=2, random_state=0).fit(events, y)


def changed(registry, **fields):
    """Return the model file's bytes and a record with other fields."""
    exported = registry.export_model(1)
    return replace(exported, record=replace(exported.record, **fields))


def with_answers(registry, **fields):
    return changed(registry, answers={**registry.record(1).answers, **fields})


@pytest.fixture
def registry(tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(fitted("logistic"))
    return registry


# -- what is asked ---------------------------------------------------------------------


def test_recipe_never_changes():
    events = pd.DataFrame(_golden._make_events(("first", "second", "third")))
    text = events.to_csv(index=False, float_format="%.17g", lineterminator="\n")
    matrix = _golden._make_matrix(5)
    digests = [
        hashlib.sha256(data).hexdigest()[:16]
        for data in (text.encode(), matrix.astype("<f8").tobytes())
    ]
    assert digests == RECIPE_1


RECIPE_1 = ["fe04cd6458bc9318", "152b74050c7e5384"]


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_of_model_answers_as_stored(tmp_path, name):
    registry = ModelRegistry(tmp_path)
    registry.register(fitted(name))
    answers = registry.record(1).answers["probabilities"]
    assert len(set(answers)) > 3
    assert answers == _golden.answers_of(registry.load(1))["probabilities"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"columns": ENGLISH},
        {"exam_kinds": "english"},
        {"exam_kinds": {"parciales": ["quiz"], "recuperatorios": []}},
        {"partition_days": 7.0},
    ],
)
def test_models_of_event_tables_are_asked_in_their_own_columns(tmp_path, options):
    registry = ModelRegistry(tmp_path)
    registry.register(risk_model(**options))
    answers = registry.record(1).answers["probabilities"]
    assert len(set(answers)) > 10
    registry.load(1)


def test_a_search_on_a_plain_table_is_asked_in_its_columns(tmp_path):
    table = pd.DataFrame(X, columns=["Quiz 1", "Quiz_1", "a\nb", "d"])
    y = np.tile([0, 1], len(X) // 2)
    tuner = ModelTuner(("lightgbm",), n_iter=2, cv=2, random_state=0)
    tuner.fit(table, y)
    registry = ModelRegistry(tmp_path)
    registry.register(tuner.best_estimator_)
    assert registry.record(1).answers is not None
    registry.load(1)


def test_a_model_that_reads_other_columns_has_answers_too(tmp_path):
    events = make_student_activity(60, fail_rate=0.3, random_state=0)
    y = make_target(events)
    model = RiskClassifier(make_risk_pipeline(every=5), cv=2)
    model.fit(events.assign(activity_quiz=1.0, campus="north"), y)
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    assert registry.record(1).answers is not None
    registry.load(1)


def test_a_model_of_facts_about_students_has_answers_too(tmp_path):
    events = make_student_activity(60, fail_rate=0.3, random_state=0)
    facts = events.assign(born=events["user_uuid"].str.len() % 5, campus="north")
    static = StaticColumns(numeric=["born"], categorical=["campus"])
    pipeline = make_risk_pipeline(every=5, static=static)
    model = RiskClassifier(pipeline, cv=2).fit(facts, make_target(events))
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    assert registry.record(1).answers["other_columns"] == "numbers by student"
    registry.load(1)


class Picky(LogisticRegression):
    def predict_proba(self, X):
        if len(X) > 1:  # storing tries one row of zeros
            raise ValueError("only real students")
        return super().predict_proba(X)


def test_a_model_that_cannot_read_the_table_is_stored_with_a_warning(tmp_path):
    registry = ModelRegistry(tmp_path, trusted=[f"{__name__}.Picky"])
    model = Picky().fit(X, X[:, 0] > 0)  # which may warn, too
    with pytest.warns(UserWarning, match="cannot score made-up students") as found:
        registry.register(model)
    assert found[0].filename == __file__
    assert registry.record(1).answers is None
    registry.load(1)


@pytest.mark.parametrize(
    "classifier", ["lightgbm", "xgboost", LogisticRegression(solver="newton-cholesky")]
)
def test_answers_are_those_of_score_latest_to_the_bit(tmp_path, classifier):
    """They come from a table of features that is described only once per process."""
    registry = ModelRegistry(tmp_path)
    for fill_value in (0.0, -7.0):
        registry.register(risk_model(classifier=classifier, fill_value=fill_value))
    stored = [registry.record(number).answers["probabilities"] for number in (1, 2)]
    assert stored[0] != stored[1]
    for number, answers in enumerate(stored, start=1):
        model = registry.load(number)
        probe = _golden._make_probe(model, "numbers")
        assert answers == model.score_latest(probe)[1].tolist()
        probe["particion"] = 0.0  # a copy: the next load compares as before
        registry.load(number)


# -- what is found ---------------------------------------------------------------------


def test_records_from_before_load(registry):
    exported = changed(registry, answers=None)
    data = exported.record.to_dict()
    del data["answers"]
    assert type(exported.record).from_dict(data) == exported.record
    assert exported.load().predict(X[:1]).shape == (1,)


def test_another_model_is_found(registry):
    other = make_pipeline(StandardScaler(), LogisticRegression(C=0.01))
    other.fit(X, X[:, 0] > 0)
    other.steps[-1][1].classes_ = other.classes_.astype(int)
    exported = replace(registry.export_model(1), data=_model_file.dumps(other))
    with pytest.raises(RegistryError, match="differ by up to"):
        exported.load()


def test_another_threshold_is_found(registry):
    with pytest.raises(RegistryError, match=r"with 0.6; found the threshold 0.5"):
        changed(registry, threshold=0.6).load()


def test_tiny_differences_warn_and_larger_ones_raise(registry):
    answers = np.array(registry.record(1).answers["probabilities"])
    near = with_answers(registry, probabilities=[*(answers + _golden.TOLERANCE / 2)])
    with pytest.warns(UserWarning, match="round differently"):
        near.load()
    far = with_answers(registry, probabilities=[*(answers + _golden.TOLERANCE * 2)])
    with pytest.raises(RegistryError, match="differ by up to 2e-05"):
        far.load()


@pytest.mark.parametrize(
    "fields",
    [
        {"recipe": 2},
        {"recipe": None},
        {"other_columns": "pictures"},
        {"probabilities": [0.5]},
        {"probabilities": ["much"] * 48},
        {"probabilities": [None] * 48},
        {"probabilities": []},
        {"labels": [1, 0, None]},
    ],
)
def test_answers_of_another_form_are_errors(registry, fields):
    exported = with_answers(registry, **fields)
    with pytest.raises(RegistryError, match="Expected"):
        exported.load()


def test_verify_names_a_model_that_answers_otherwise(registry, monkeypatch):
    assert registry.verify() == []
    real = _golden._ask
    monkeypatch.setattr(_golden, "_ask", lambda *args: [0.9 * p for p in real(*args)])
    (problem,) = registry.verify()
    assert "answers that differ" in problem
    with pytest.raises(RegistryError, match="answers that differ"):
        registry.load(1)
