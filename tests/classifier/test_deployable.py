"""A deployed model predicts the same, and contains no student's data."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from edml import (
    StudentKFold,
    evaluate,
    explain,
    make_risk_pipeline,
    make_snapshot_scorer,
    make_student_activity,
    make_target,
)
from edml.classifier import DeployedClassifier, RiskClassifier

X = make_student_activity(60, fail_rate=0.3, random_state=1)
y = make_target(X)


def fit(learner, balance="smote", **given):
    pipe = make_risk_pipeline(learner, balance=balance, every=7)
    return RiskClassifier(pipe, cv=2, **given).fit(X, y)


@pytest.fixture(scope="module")
def model():
    return fit("lightgbm")


def encodings(text):
    return [text.encode(code) for code in ("utf-8", "utf-16-le", "utf-32-le")]


def sampled_rows(model):
    """Return the bytes of each row that a sampler returned, in both float widths.

    A row is identified by its means and timings. Many rows share the first few
    features.
    """
    rows, _ = model.pipeline_[:3].fit_resample(X, y)
    numbers = rows.iloc[:, 2:].to_numpy()
    numbers = numbers[(np.abs(numbers) > 0).sum(axis=1) > 15]
    assert len(numbers) > 200
    for kind in (np.float64, np.float32):
        table = np.ascontiguousarray(numbers, dtype=kind)
        yield from (row[20:40].tobytes() for row in table)


def holds_a_sampled_row(data, model):
    return any(row in data for row in sampled_rows(model))


def holds_a_key(data):
    # not the file number: any file contains five digits by chance
    columns = ("user_uuid", "course_uuid", "course_name", "sub_uuid")
    values = {str(value) for name in columns for value in X[name].dropna().unique()}
    assert len(values) > 100
    return any(code in data for value in values for code in encodings(value))


@pytest.mark.parametrize("balance", ["smote", "over", None])
@pytest.mark.parametrize(
    "learner",
    ["lightgbm", "xgboost", pytest.param("random_forest", marks=pytest.mark.slow)],
)
def test_deployed_file_contains_no_training_value(learner, balance):
    deployed = fit(learner, balance, calibration="isotonic").deployable()
    model = fit(learner, balance)
    for data in (skops.io.dumps(deployed, compression=0), pickle.dumps(deployed)):
        assert not holds_a_key(data)
        assert not holds_a_sampled_row(data, model)


def test_search_finds_training_data_before_deployment(model):
    kept = pickle.dumps(model)  # with its out-of-fold table and SMOTE's neighbours
    assert holds_a_key(kept)
    assert holds_a_sampled_row(kept, model)


@pytest.mark.parametrize(
    "learner",
    ["lightgbm", "xgboost", pytest.param("random_forest", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", None])
def test_it_survives_skops_to_the_bit(learner, calibration):
    model = fit(learner, None, calibration=calibration)
    data = skops.io.dumps(model.deployable())
    trusted = skops.io.get_untrusted_types(data=data)
    assert "edml.classifier.DeployedClassifier" in trusted
    loaded = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.threshold_ == model.threshold_


def test_deployed_model_predicts_like_the_original(model):
    deployed = model.deployable()
    assert type(deployed) is DeployedClassifier
    np.testing.assert_array_equal(deployed.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(deployed.predict(X), model.predict(X))
    np.testing.assert_array_equal(deployed.features(X), model.features(X))
    lists = [one.score_students(X, at=30, since=20) for one in (deployed, model)]
    assert lists[0].equals(lists[1])
    assert evaluate(deployed, X, y, n_resamples=5) == evaluate(
        model, X, y, n_resamples=5
    )
    reasons = [explain(one, X, rows=[1, 50]) for one in (deployed, model)]
    assert reasons[0].contributions.equals(reasons[1].contributions)


def test_deployed_model_has_no_sampler(model):
    steps = model.deployable().pipeline_.named_steps
    assert list(steps) == ["clean", "features", "select", "classify"]
    assert "balance" in model.pipeline_.named_steps  # the model itself is unchanged


def test_nested_search_has_no_samplers_when_deployed():
    pipe = make_risk_pipeline(balance="smote", every=7)
    search = GridSearchCV(
        pipe, {"classify__num_leaves": [3]}, cv=StudentKFold(2, random_state=0)
    )
    model = RiskClassifier(search, cv=2).fit(X, y)
    deployed = model.deployable()
    assert "AdaptiveSMOTE" not in repr(deployed.pipeline_)
    assert not holds_a_key(pickle.dumps(deployed))
    np.testing.assert_array_equal(deployed.predict_proba(X), model.predict_proba(X))


def test_deployed_model_has_no_settable_parameters(model):
    deployed = model.deployable()
    with pytest.raises(ValueError, match=r"cannot change; found \['threshold'\]"):
        deployed.set_params(threshold=0.1)
    assert deployed.set_params() is deployed


def test_deployed_model_is_a_fitted_immutable_classifier(model):
    deployed = model.deployable()
    assert is_classifier(deployed)
    before = deployed.predict_proba(X)
    assert clone(deployed) is deployed
    assert deployed.fit(X, 1 - y) is deployed
    np.testing.assert_array_equal(deployed.predict_proba(X), before)
    assert make_snapshot_scorer("roc_auc")(deployed, X, y) > 0.5
    assert deployed.n_features_in_ == X.shape[1]
    assert list(deployed.feature_names_in_) == list(X)


def test_of_a_plain_array():
    table, outcome = make_classification(200, random_state=0)
    model = RiskClassifier(LogisticRegression(), cv=3).fit(table, outcome)
    deployed = model.deployable()
    np.testing.assert_array_equal(deployed.predict(table), model.predict(table))
    assert deployed.n_features_in_ == table.shape[1]
    assert not hasattr(deployed, "feature_names_in_")
