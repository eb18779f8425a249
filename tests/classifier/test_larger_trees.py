"""The trees that many failing rows get, up to the registry."""

import numpy as np
import pytest

from edml import (
    ModelRegistry,
    ModelTuner,
    RiskClassifier,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.pipeline import larger_trees

X = make_student_activity(40, fail_rate=0.4, random_state=2)
y = make_target(X)
LARGE = {"n_estimators": 300, "learning_rate": 0.03, "num_leaves": 15}


@pytest.fixture
def few_are_many(monkeypatch):
    monkeypatch.setitem(larger_trees.__globals__, "_MANY_FAILING", 50)


def trees(classifier):
    return {name: getattr(classifier, name) for name in LARGE}


@pytest.mark.parametrize(
    ("pipeline", "n_failing", "larger"),
    [
        (make_risk_pipeline(), 50_000, True),
        (make_risk_pipeline(), 49_999, False),
        (make_risk_pipeline().set_params(classify__num_leaves=8), 50_000, False),
        (make_risk_pipeline("xgboost"), 50_000, False),
        (make_risk_pipeline("random_forest"), 50_000, False),
    ],
)
def test_only_the_defaults_of_lightgbm_grow(pipeline, n_failing, larger):
    found = larger_trees(pipeline, np.repeat([1, 0], [n_failing, 5]))
    assert found == ({f"classify__{k}": v for k, v in LARGE.items()} if larger else {})
    bare = larger_trees(pipeline[-1], np.repeat([1, 0], [n_failing, 5]))
    assert bare == (LARGE if larger else {})


@pytest.mark.usefixtures("few_are_many")
def test_model_and_record_have_the_trees_that_were_grown(tmp_path):
    model = RiskClassifier(make_risk_pipeline(every=5), cv=2).fit(X, y)
    grown = model.pipeline_["classify"]
    assert trees(grown) == LARGE
    assert grown.booster_.num_trees() == 300
    assert trees(model.estimator["classify"]) != LARGE
    registry = ModelRegistry(tmp_path)
    record = registry.register(model)
    assert record.parameters["n_estimators"] == 300
    with pytest.warns(UserWarning, match="This model is version 1"):  # to the bit
        assert registry.refit(1, X, y) == record
    found = registry.load(1).fail_probability(X)
    np.testing.assert_array_equal(found, model.fail_probability(X))


def test_few_failing_rows_keep_the_small_trees():
    model = RiskClassifier(make_risk_pipeline(every=5), cv=2).fit(X, y)
    assert model.pipeline_["classify"].booster_.num_trees() == 100


@pytest.mark.usefixtures("few_are_many")
def test_search_begins_with_the_trees_that_its_model_gets():
    tuner = ModelTuner(["lightgbm"], n_iter=1, n_candidates=1, cv=2, random_state=0)
    tuner.fit(X, y)
    assert tuner.best_params_["classify__n_estimators"] == 300
    assert trees(tuner.best_estimator_.pipeline_["classify"]) == LARGE
