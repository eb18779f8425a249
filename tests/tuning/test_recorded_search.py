"""The search of one algorithm is a BayesSearchCV."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from skopt import BayesSearchCV, Optimizer
from skopt.space import Categorical, Integer, Real

from edml.tuning._bayes import (
    NoScoreError,
    count_points,
    make_search,
)

SPACE = {"C": Real(0.01, 10, "log-uniform"), "max_iter": Integer(50, 200)}
FIRST = [{"C": 0.5, "max_iter": 60}, {"C": 5.0, "max_iter": 70}]


def make(space=SPACE, first=FIRST, n_iter=12, **params):
    given = {"cv": 3, "scoring": "roc_auc"} | params
    return make_search(LogisticRegression(), space, first, 0, n_iter=n_iter, **given)


def test_recorded_search_is_a_bayes_search():
    search = make()
    assert isinstance(search, BayesSearchCV)
    assert repr(search).startswith("RecordedSearch(")
    assert search.total_iterations == 12
    params = search.get_params()
    assert set(params) >= set(BayesSearchCV(LogisticRegression(), SPACE).get_params())
    twin = clone(search)
    assert twin is not search
    assert repr(twin.get_params()["search_spaces"]) == repr(search.search_spaces)
    assert twin.set_params(n_iter=3).total_iterations == 3


def test_first_points_and_results(plain):
    seen = []
    search = make().fit(*plain, callback=[seen.append])
    assert [one.params for one in search.evaluations_[:2]] == FIRST
    assert len(search.evaluations_) == len(seen) == 12
    assert len(search.cv_results_["params"]) == 12
    np.testing.assert_allclose(
        [np.mean(one.scores) for one in search.evaluations_],
        search.cv_results_["mean_test_score"],
    )
    assert search.optimizer_results_[0].x_iters[0] == [0.5, 60]


def test_initial_points_are_those_of_bayes_search(plain):
    search = make(n_iter=9)
    bayes_search = BayesSearchCV(**search.get_params(deep=False)).fit(*plain)
    search.fit(*plain)
    assert search.cv_results_["params"] == bayes_search.cv_results_["params"]


def test_candidates_are_those_of_an_optimizer_that_is_asked_directly(plain):
    search = make()
    random_state = np.random.RandomState(0)
    optimizer = Optimizer(
        list(SPACE.values()), random_state=random_state, **search.optimizer_kwargs
    )
    search.fit(*plain)
    for evaluation in search.evaluations_:
        C, max_iter = point = optimizer.ask()
        assert evaluation.params == {"C": C, "max_iter": max_iter}
        optimizer.tell(point, -np.mean(evaluation.scores))


def test_each_point_is_asked_for_without_a_copy(plain, monkeypatch):
    monkeypatch.delattr(Optimizer, "copy")
    assert len(make().fit(*plain).evaluations_) == 12


def test_callbacks_end_the_search(plain):
    search = make().fit(*plain, callback=lambda result: len(result.x_iters) == 4)
    assert len(search.evaluations_) == 4


def test_failing_candidates_do_not_end_the_search(plain):
    space = {"solver": Categorical(["lbfgs", "none such", "nor this"])}
    search = make(space, [{"solver": "nor this"}, {"solver": "none such"}])
    search.fit(*plain)
    errors = {one.params["solver"]: one.error for one in search.evaluations_}
    assert errors["lbfgs"] is None
    assert "solver" in str(errors["none such"])
    assert len(search.evaluations_) == 3  # and none is fitted twice


def test_search_in_which_all_fail(plain):
    search = make({"solver": Categorical(["none such"])}, [], n_iter=2)
    with pytest.raises(NoScoreError, match=r"^$"):
        search.fit(*plain)
    assert len(search.evaluations_) == 1


def test_ctrl_c_keeps_the_results(plain):
    def interrupt(result):
        if len(result.x_iters) == 3:
            raise KeyboardInterrupt

    search = make().fit(*plain, callback=interrupt)
    assert search.interrupted_
    assert len(search.cv_results_["params"]) == 3


def test_count_points():
    assert count_points({"a": Categorical("xyz"), "b": Integer(1, 4)}) == 12
    assert count_points(SPACE) == float("inf")
