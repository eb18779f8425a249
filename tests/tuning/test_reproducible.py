"""The same seed gives the same search, at any n_jobs, where no timeout decides."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from edml import make_risk_pipeline
from edml.tuning import ModelTuner

TIMES = ["started", "wall_time", "fit_time", "score_time"]
LOGIT = ("logit", LogisticRegression(), {"C": (0.001, 10.0, "log-uniform")})
DRAWN = ("drawn", DecisionTreeClassifier(max_features=0.5), {"max_depth": (1, 9)})


def tune(table, *algorithms, **given):
    settings = {"n_iter": 12, "cv": 3, "n_candidates": 3, "random_state": 0} | given
    return ModelTuner(list(algorithms), **settings).fit(*table)


def assert_same(one, other, X):
    pd.testing.assert_frame_equal(
        one.history_.drop(columns=TIMES),
        other.history_.drop(columns=TIMES),
        check_exact=True,
    )
    assert set(one.cv_results_) == set(other.cv_results_)
    for name, values in one.cv_results_.items():
        if name not in ("mean_fit_time", "mean_score_time"):
            np.testing.assert_array_equal(values, other.cv_results_[name])
    assert one.split_plan_ == other.split_plan_
    assert one.best_params_ == other.best_params_
    assert one.candidate_indices_ == other.candidate_indices_
    assert len(one.candidates_) == len(other.candidates_) > 0
    for model, twin in zip(one.candidates_, other.candidates_, strict=True):
        assert model.threshold_ == twin.threshold_
        assert model.out_of_fold_.equals(twin.out_of_fold_)
        np.testing.assert_array_equal(model.predict_proba(X), twin.predict_proba(X))


@pytest.mark.parametrize("n_jobs", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_any_n_jobs_on_rows(plain, n_jobs):
    given = {"n_iter": 9, "n_candidates": 2}
    one = tune(plain, DRAWN, **given)
    assert set(one.history_["status"]) <= {"evaluated"}
    assert_same(one, tune(plain, DRAWN, n_jobs=n_jobs, **given), plain[0])


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["random_forest", "xgboost"])
def test_any_n_jobs_of_an_algorithm(plain, algorithm):
    one = tune(plain, algorithm, n_iter=5)
    assert_same(one, tune(plain, algorithm, n_iter=5, n_jobs=2), plain[0])


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [2, 3])
@pytest.mark.parametrize("balance", ["smote", "over", "under"])
def test_any_n_jobs_with_samplers(holed, n_jobs, balance):
    # the samplers and imputers of folds that run at a time must not meet
    X, y = holed
    given = {"balance": [balance], "n_iter": 4, "cv": 4}
    one = tune((X, y), "lightgbm", **given)
    assert_same(one, tune((X, y), "lightgbm", n_jobs=n_jobs, **given), X)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [2, 3])
def test_any_n_jobs_with_too_few_neighbours(plain, n_jobs):
    # SMOTE shrinks its neighbours to what a fold has: not to what another has
    X, y = plain
    failing = np.flatnonzero(y == 1)
    y = y.copy()
    y[failing[7:]] = 0
    given = {"balance": ["smote"], "n_iter": 4, "cv": 4}
    one = tune((X, y), "lightgbm", **given)
    assert_same(one, tune((X, y), "lightgbm", n_jobs=n_jobs, **given), X)


@pytest.mark.slow
def test_any_n_jobs_on_events(events):
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    algorithms = [
        "lightgbm",
        ("tree", make_risk_pipeline(tree), {"features__fill_value": [0.0, -1.0, 2.0]}),
    ]
    one = tune(events, *algorithms, n_iter=4)
    assert_same(one, tune(events, *algorithms, n_iter=4, n_jobs=2), events[0])


def test_same_seed_gives_the_same_search(plain):
    one, other = (
        tune(plain, "lightgbm", LOGIT, n_iter=6, random_state=7) for _ in range(2)
    )
    assert_same(one, other, plain[0])


def test_second_fit_forgets_the_first(plain):
    tuner = tune(plain, "lightgbm", LOGIT, n_iter=6)
    twin = tune(plain, "lightgbm", LOGIT, n_iter=6)
    assert_same(tuner.fit(*plain), twin, plain[0])


def test_another_seed_gives_another_search(plain):
    one, other = (tune(plain, LOGIT, n_iter=4, random_state=seed) for seed in (0, 1))
    assert one.split_plan_ != other.split_plan_
    assert not one.history_["score"].equals(other.history_["score"])


def test_a_random_state_is_advanced(plain):
    one, other = (
        tune(plain, LOGIT, n_iter=4, random_state=np.random.RandomState(3))
        for _ in range(2)
    )
    assert_same(one, other, plain[0])
    state = np.random.RandomState(3)
    first = tune(plain, LOGIT, n_iter=4, random_state=state)
    second = tune(plain, LOGIT, n_iter=4, random_state=state)
    assert_same(first, one, plain[0])
    assert second.split_plan_ != first.split_plan_


def test_without_a_seed(plain):
    tuner = tune(plain, LOGIT, n_iter=3, random_state=None)
    assert len(tuner.history_) == 3


def test_the_global_random_state_is_untouched(plain):
    np.random.seed(5)  # noqa: NPY002 - it is what must stay as it was
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    tune(plain, "lightgbm", "xgboost", DRAWN, n_iter=6)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_longer_search_begins_with_the_same_candidates(plain):
    few = tune(plain, "lightgbm", n_iter=3).history_
    more = tune(plain, "lightgbm", n_iter=6).history_
    n_same = 3
    pd.testing.assert_frame_equal(
        few.drop(columns=TIMES)[:n_same],
        more.drop(columns=TIMES)[:n_same],
        check_exact=True,
    )


def test_the_table_stays_as_it_was(holed, events):
    for X, y in (holed, events):
        before, outcome = X.copy(), y.copy()
        tune((X, y), "lightgbm", n_iter=3, balance=["smote"])
        pd.testing.assert_frame_equal(X, before)
        pd.testing.assert_series_equal(y, outcome)
