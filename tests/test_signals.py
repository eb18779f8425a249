"""Models that are shown more than the 44 features, from the table to the registry."""

import numpy as np
import pandas as pd
import pytest

from edml import (
    HistoryFeatures,
    ModelRegistry,
    ModelTuner,
    RiskClassifier,
    StaticColumns,
    add_activity,
    add_students,
    evaluate,
    explain,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import RegistryError, TableError
from edml.feature_extraction import FEATURE_SETS, FEATURES

RNG = np.random.default_rng(5)
STATIC = StaticColumns(["points"], ["school"])


def make_table():
    """Return events with a click log and a table of students added."""
    X = make_student_activity(50, fail_rate=0.3, random_state=6)
    seats = X[["user_uuid", "course_uuid"]].drop_duplicates()
    log = seats.sample(400, replace=True, random_state=0).set_axis(
        ["student", "course"], axis=1
    )
    log = log.assign(
        day=RNG.integers(-3, 40, 400),
        kind=RNG.choice(["quiz", "forum"], 400),
        count=RNG.integers(1, 9, 400),
    )
    students = seats[["user_uuid"]].drop_duplicates().set_axis(["student"], axis=1)
    students = students.assign(
        points=RNG.integers(0, 9, len(students)),
        school=RNG.choice(["A, B", "c<d", "e f"], len(students)),
    )
    return add_students(add_activity(X, log), students)


X = make_table()
y = make_target(X)


def fit(learner="lightgbm", features="full", static=STATIC):
    pipeline = make_risk_pipeline(learner, features=features, static=static, every=5)
    pipeline.set_params(classify__n_estimators=10)
    return RiskClassifier(pipeline, cv=2).fit(X, y)


@pytest.fixture(scope="module")
def model():
    return fit()


@pytest.mark.parametrize("static", [None, STATIC], ids=["without", "with"])
@pytest.mark.parametrize("features", FEATURE_SETS)
def test_parts_are_joined_in_order(features, static):
    names = [*HistoryFeatures(features, static).fit(X).get_feature_names_out()]
    assert names[2:46] == list(FEATURES)
    assert len({*names}) == len(names)
    assert ("missed_streak" in names) == (features != "classic")
    assert any("quiz" in name for name in names) == (features == "full")
    assert (names[-3:] == ["school=A_ B", "school=c_d", "school=e f"]) == bool(static)


def test_classic_is_the_engineer_itself():
    pipeline = make_risk_pipeline()
    assert type(pipeline["features"]).__name__ == "FeatureEngineer"
    with pytest.raises(ValueError, match=r"features='all' is unknown: pass one of \['"):
        make_risk_pipeline(features="all")


@pytest.mark.parametrize("learner", ["lightgbm", "xgboost", "random_forest"])
def test_same_number_everywhere(learner, tmp_path):
    model = fit(learner)
    expected = model.fail_probability(X)
    rows, probability = model.score_latest(X)
    np.testing.assert_array_equal(probability, expected[rows])
    one = (X["user_uuid"] == X["user_uuid"][3]).to_numpy()
    np.testing.assert_allclose(model.fail_probability(X[one]), expected[one], rtol=1e-9)
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    loaded = registry.load(1)
    np.testing.assert_array_equal(loaded.fail_probability(X), expected)
    np.testing.assert_array_equal(loaded.score_latest(X)[1], probability)


def test_reasons_and_evaluation(model):
    explanation = explain(model, X, rows=[0, 5, 9])
    assert list(explanation.contributions) == list(model.features(X[:3]))
    students = model.score_students(X, at=20)
    assert students["reasons"].str.len().min() == 3
    assert evaluate(model, X, y).metrics["roc_auc"] > 0.5


@pytest.mark.parametrize("name", ["activity_quiz", "school", "points"])
def test_absent_columns_are_named_with_the_remedy(model, name):
    without = X.drop(columns=name)
    remedy = "add_activity" if name == "activity_quiz" else "add_students"
    asked = (model.predict_proba, model.pipeline_.predict_proba, model.score_latest)
    for ask in asked:
        with pytest.raises(TableError, match=rf"lacks .*\['{name}'\].*{remedy}"):
            ask(without)


def test_model_can_be_refitted_from_its_record(model, tmp_path):
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    expected, found = model.fail_probability(X), registry.load(1).fail_probability(X)
    np.testing.assert_array_equal(found, expected)
    with pytest.warns(UserWarning, match="This model is version 1"):  # to the bit
        assert registry.refit(1, X, y).version == 1


def test_damaged_parts_are_rejected(model, tmp_path):
    registry = ModelRegistry(tmp_path)
    for damage in (
        lambda step: step.parts_.pop(1),
        lambda step: step.parts_[-1].categories_.append(["x"]),
        lambda step: step.parts_[-1].categories_[0].append("e f"),
        lambda step: step.parts_.reverse(),
    ):
        other = fit()
        damage(other.pipeline_["features"])
        with pytest.raises(RegistryError, match="damaged"):
            registry.register(other)
    assert not len(registry.records())


def test_search_with_signals():
    tuner = ModelTuner(
        ["lightgbm"],
        n_iter=2,
        n_candidates=1,
        cv=2,
        random_state=0,
        features="progress",
        static=STATIC,
    ).fit(X, y)
    names = tuner.best_estimator_.pipeline_["features"].get_feature_names_out()
    assert {"missed_streak", "school=e f"} <= {*names}
    assert tuner.predict_proba(X).shape == (len(X), 2)


def test_columns_by_other_names_and_weights_are_read():
    renamed = {"user_uuid": "student", "particion": "day"}
    table = X.rename(columns=renamed)
    mapped = HistoryFeatures("full", STATIC, columns=renamed).fit_transform(table)
    expected = HistoryFeatures("full", STATIC).fit_transform(X)
    np.testing.assert_array_equal(mapped.iloc[:, 2:], expected.iloc[:, 2:])
    weighted = X.assign(ass_weight=np.where(X["ass_name"].notna(), 30.0, np.nan))
    found = HistoryFeatures("progress").fit_transform(weighted)
    plain = HistoryFeatures("progress").fit_transform(X)
    pd.testing.assert_frame_equal(found[list(FEATURES)], plain[list(FEATURES)])
    assert not found.equals(plain)
