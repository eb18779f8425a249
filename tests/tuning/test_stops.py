"""What ends a search: candidates, a score, time; and what is kept of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from edml.tuning import ModelTuner

LOGIT = ("logit", LogisticRegression(), {"C": (0.001, 10.0, "log-uniform")})
X, Y = make_classification(120, 4, random_state=0)


def tuner(*algorithms, **given):
    settings = {"n_iter": 6, "cv": 2, "random_state": 0} | given
    return ModelTuner(list(algorithms) or [LOGIT], **settings)


# -- candidates and scores ------------------------------------------------------


@pytest.mark.parametrize("n_iter", [1, 2, 7, 15])
def test_n_iter(n_iter):
    found = tuner(n_iter=n_iter).fit(X, Y)
    assert len(found.history_) == n_iter
    assert len({repr(params) for params in found.history_["params"]}) == n_iter


@pytest.mark.parametrize("n_candidates", [1, 3, 50])
def test_n_candidates(n_candidates):
    found = tuner(n_candidates=n_candidates).fit(X, Y)
    assert len(found.candidates_) == min(6, n_candidates)
    assert len(set(found.candidate_indices_)) == len(found.candidates_)


def test_target_score_stops_where_it_is_reached():
    scores = tuner(n_iter=15).fit(X, Y).history_["score"]
    target = scores.iloc[:10].max()
    first = int(np.flatnonzero(scores >= target)[0])
    found = tuner(n_iter=None, target_score=target).fit(X, Y)
    assert len(found.history_) == first + 1
    assert found.best_score_ == target


def test_target_score_out_of_reach():
    assert len(tuner(target_score=2.0).fit(X, Y).history_) == 6


def test_target_score_of_a_loss():
    found = tuner(scoring="neg_log_loss", target_score=-100.0).fit(X, Y)
    assert len(found.history_) == 1


def test_min_score_keeps_candidates_that_reach_it():
    scores = tuner().fit(X, Y).history_["score"]
    least = scores.sort_values().iloc[3]
    found = tuner(min_score=least).fit(X, Y)
    assert len(found.candidates_) == 3
    assert (found.history_["score"][found.candidate_indices_] >= least).all()


def test_min_score_out_of_reach():
    search = tuner(min_score=1.5)
    with pytest.warns(UserWarning, match=r"No candidate reached min_score=1\.5"):
        search.fit(X, Y)
    assert search.candidates_ == []
    assert search.candidate_indices_ == []
    assert len(search.history_) == 6
    assert search.best_score_ == search.history_["score"].max()
    assert not hasattr(search, "best_estimator_")
    for ask in (search.predict, search.predict_proba, search.score_students):
        with pytest.raises(NotFittedError, match=r"min_score=1\.5.*Lower it"):
            ask(X)
    with pytest.raises(NotFittedError, match="min_score"):
        search.score(X, Y)


def test_min_score_out_of_reach_removes_the_earlier_model():
    search = tuner().fit(X, Y).set_params(min_score=1.5)
    with pytest.warns(UserWarning, match="min_score"):
        search.fit(X, Y)
    assert not hasattr(search, "best_estimator_")


@pytest.mark.parametrize("min_score", [-1, 0])
def test_min_score_may_be_a_whole_number(min_score):
    assert tuner(min_score=min_score, n_iter=1).fit(X, Y).candidates_


def test_not_fitted():
    for method in ("predict", "predict_proba", "score_students"):
        with pytest.raises(NotFittedError, match="not fitted"):
            getattr(tuner(), method)(X)


# -- repeats, and spaces that end -----------------------------------------------


def test_a_space_without_dimensions_has_one_candidate():
    found = tuner(("logit", LogisticRegression(), {}), n_iter=30).fit(X, Y)
    assert len(found.history_) == 1


def test_tiny_space_ends_the_search_without_repeats():
    space = {"C": [0.1, 0.5, 1.0], "fit_intercept": [True, False]}
    found = tuner(("logit", LogisticRegression(), space), n_iter=None, timeout=1e6)
    found.fit(X, Y)
    tried = [(p["C"], p["fit_intercept"]) for p in found.history_["params"]]
    assert len(set(tried)) == len(tried)
    assert len(tried) >= 5


def test_exhausted_algorithm_leaves_its_evaluations_to_the_other():
    small = ("small", LogisticRegression(), {"C": [0.1, 1.0, 5.0]})
    found = tuner(small, LOGIT, n_iter=20).fit(X, Y)
    tried = found.history_["algorithm"].value_counts()
    assert tried.sum() == 20
    assert tried["small"] <= 3


def test_first_points_are_not_repeated():
    space = {"C": [0.1, 0.5, 1.0]}
    given = [{"C": 0.5}, {"C": 0.5}]
    found = tuner(
        ("logit", LogisticRegression(), space), n_iter=30, warm_start=given
    ).fit(X, Y)
    tried = [params["C"] for params in found.history_["params"]]
    assert tried[0] == 0.5
    assert len(set(tried)) == len(tried)


# -- time, on a clock that only fits move ---------------------------------------


class FakeTime:
    def __init__(self):
        self.now = 0.0
        self.n_fits = 0

    def __call__(self):
        return self.now


class Timed(LogisticRegression):
    """Take ``cost`` seconds of the fake time."""

    clock = FakeTime()

    def __init__(self, C=1.0, cost=1.0):
        super().__init__(C=C)
        self.cost = cost

    def fit(self, X, y, sample_weight=None):
        self.clock.now += self.cost
        self.clock.n_fits += 1
        return super().fit(X, y, sample_weight)


def set_clock(patch, time):
    for module in ("_bayes", "_data", "_search"):
        patch.setattr(f"edml.tuning.{module}.monotonic", time)
    patch.setattr("edml.tuning._tuner.monotonic", time)
    patch.setattr("sklearn.model_selection._validation.time.time", time)
    patch.setattr(Timed, "clock", time)


@pytest.fixture
def fake(monkeypatch):
    time = FakeTime()
    set_clock(monkeypatch, time)
    return time


def timed(cost=1.0, name="timed", space=None):
    space = {"C": (0.01, 10.0, "log-uniform")} if space is None else space
    return (name, Timed(cost=cost), space)


@pytest.mark.parametrize("n_candidates", [1, 10])
@pytest.mark.parametrize("timeout", [10.0, 37.0, 60.0])
def test_timeout_is_respected_within_one_fit(fake, timeout, n_candidates):
    search = tuner(
        timed(), n_iter=None, timeout=timeout, n_candidates=n_candidates
    ).fit(X, Y)
    assert fake.now <= timeout + 1.0
    assert fake.now >= 0.7 * timeout  # and used
    assert search.candidates_


@pytest.mark.parametrize("cost", [1.0, 2.0, 3.0])
def test_model_is_fitted_if_time_allows(fake, cost):
    # two folds, the same again and one fit on everything take 15 seconds at most
    search = tuner(timed(cost), n_iter=None, timeout=20.0).fit(X, Y)
    assert len(search.candidates_) >= 1
    assert fake.now <= 20.0 + cost


@given(
    cost=st.floats(0.5, 20.0),
    timeout=st.floats(10.0, 60.0),
    n_candidates=st.integers(1, 4),
    cv=st.integers(2, 4),
)
@settings(max_examples=8)
def test_timeout_in_general(cost, timeout, n_candidates, cv):
    with pytest.MonkeyPatch.context() as patch:
        time = FakeTime()
        set_clock(patch, time)
        search = tuner(
            timed(cost),
            n_iter=None,
            timeout=timeout,
            n_candidates=n_candidates,
            cv=cv,
        )
        try:
            search.fit(X, Y)
        except ValueError as error:
            assert "Raise timeout" in str(error)  # noqa: PT017 - either way
            assert (2 * cv + 2) * cost > timeout
            assert time.now <= timeout + cost
        else:
            # the first fold over the limit is let end, and the best one refitted
            assert time.now <= timeout + 2 * cost


def test_too_little_time_raises(fake):
    with pytest.raises(ValueError, match="Raise timeout"):
        tuner(timed(5.0), n_iter=None, timeout=4.0).fit(X, Y)
    assert fake.n_fits == 1


def test_a_slow_candidate_is_stopped(fake):
    slow = timed(1.0, "varied", {"C": (0.1, 1.0), "cost": [0.5, 1.0, 40.0]})
    search = tuner(slow, n_iter=None, timeout=100.0).fit(X, Y)
    stopped = search.history_[search.history_["status"] == "stopped"]
    assert len(stopped) >= 1
    assert all(params["cost"] == 40.0 for params in stopped["params"])
    assert stopped["error"].str.contains("stopped after").all()
    assert stopped["score"].isna().all()
    assert fake.now <= 140.0


@pytest.mark.parametrize("cost", [12.0, 30.0, 50.0])
def test_a_slow_algorithm_leaves_time_for_the_next(fake, cost):
    algorithms = timed(cost, "slow"), timed(1.0, "quick")
    search = tuner(*algorithms, n_iter=None, timeout=60.0).fit(X, Y)
    history = search.history_.set_index("algorithm")
    assert (history.loc[["slow"], "status"] == "stopped").all()
    assert (history.loc[["quick"], "status"] == "evaluated").any()
    assert search.best_params_["algorithm"] == "quick"
    assert search.candidates_
    assert fake.now <= 60.0 + 1.0


def test_cheaper_algorithm_gets_more_evaluations(fake):
    search = tuner(
        timed(1.0, "cheap"), timed(5.0, "dear"), n_iter=None, timeout=100.0
    ).fit(X, Y)
    tried = search.history_["algorithm"].value_counts()
    assert tried["cheap"] > tried["dear"] >= 1


def test_both_n_iter_and_timeout(fake):
    search = tuner(timed(), n_iter=3, timeout=1000.0).fit(X, Y)
    assert len(search.history_) == 3
    assert fake.now < 20


def test_times_of_the_history(fake):
    history = tuner(timed(), n_iter=3, n_candidates=2).fit(X, Y)
    found = history.history_
    assert found["started"].tolist() == [0.0, 2.0, 4.0]
    assert found["wall_time"].tolist() == [2.0, 2.0, 2.0]
    assert found["fit_time"].tolist() == [2.0, 2.0, 2.0]
    assert history.refit_time_ == 6.0
    assert history.cv_results_["mean_fit_time"].tolist() == [1.0, 1.0, 1.0]


def test_without_a_timeout_time_does_not_matter(fake):
    search = tuner(timed(1e9), n_iter=4).fit(X, Y)
    assert (search.history_["status"] == "evaluated").all()
    assert len(search.candidates_) == 4
