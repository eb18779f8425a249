"""The search spaces of edml's algorithms, and plain BayesSearchCV on them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from skopt import BayesSearchCV

from edml import StudentKFold, make_risk_pipeline
from edml.metrics import make_snapshot_scorer
from edml.pipeline import CLASSIFIERS
from edml.tuning import search_space
from edml.tuning._spaces import BALANCE, default_point

BALANCES = st.lists(st.sampled_from(BALANCE), min_size=1, unique=True)


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_the_plain_recipe(events, algorithm):
    X, y = events
    search = BayesSearchCV(
        make_risk_pipeline(algorithm),
        search_space(algorithm),
        n_iter=2,
        cv=StudentKFold(4),
        scoring=make_snapshot_scorer("average_precision"),
        random_state=0,
    ).fit(X, y)
    assert len(search.cv_results_["params"]) == 2
    assert 0 < search.best_score_ <= 1
    assert search.predict_proba(X).shape == (len(X), 2)


@given(st.sampled_from(CLASSIFIERS), BALANCES, st.integers(1, 3000), st.booleans())
def test_pipelines_take_every_parameter(algorithm, balance, n_failing, events):
    y = np.repeat([0, 1], [4 * n_failing, n_failing])
    space = search_space(algorithm, y, balance=balance, events=events)
    pipeline = make_risk_pipeline(algorithm)
    assert ("snapshots__every" in space) == events
    point = default_point(space, pipeline)
    assert all(point[name] in dimension for name, dimension in space.items())
    clone(pipeline).set_params(**point)


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_weight_follows_from_the_outcomes(algorithm):
    y = np.repeat(["pass", "fail"], [40, 10])
    space = search_space(algorithm, y, balance=["weight"], fail_label="fail")
    weights = [name for name in space if "weight" in name and "child" not in name]
    (categories,) = [space[name].categories for name in weights]
    assert categories == ((4.0,) if algorithm == "xgboost" else ("balanced",))


def test_without_outcomes_xgboost_has_no_weight():
    assert "classify__scale_pos_weight" not in search_space("xgboost")


def test_unknown_algorithm():
    with pytest.raises(ValueError, match=r"'svm' is unknown: pass one of"):
        search_space("svm")


def test_unknown_balancer():
    with pytest.raises(ValueError, match="Did you mean 'smote'"):
        search_space("lightgbm", balance=["smot"])
