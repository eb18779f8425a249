"""The budget between algorithms, the early drop, and what is refined."""

from time import perf_counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edml.tuning._algorithms import Algorithm
from edml.tuning._choosing import choose
from edml.tuning._clock import Clock
from edml.tuning._search import Search, Stops, _Arm
from edml.tuning._trial import Trial

SCORES = st.lists(st.floats(0, 1), min_size=4, max_size=4)


def algorithm(name):
    return Algorithm(name, LogisticRegression(), {})


def search_over(*names, clock=None, n_iter=None, n_candidates=10):
    return Search(
        [algorithm(name) for name in names],
        SimpleNamespace(material=SimpleNamespace(folds=range(4))),
        clock or Clock(None),
        Stops(n_iter, None, n_candidates, 1),
        0,
        lambda trial: None,
    )


def add(search, name, scores, **given):
    arm = next(arm for arm in search.arms if arm.algorithm.name == name)
    scores = [scores] * 4 if isinstance(scores, float) else list(scores)
    facts = {"status": "evaluated", "scores": scores, "screened": scores} | given
    facts |= {"probabilities": []}
    trial = Trial(arm.algorithm, {}, number=len(search.trials), **facts)
    if trial.status == "evaluated":
        trial.score = trial.estimate = float(np.mean(scores))
    search.trials.append(trial)
    arm.trials.append(trial)
    return trial


# -- what an algorithm deserves -------------------------------------------------


def test_weight_is_full_before_anything_is_known():
    arm = _Arm(algorithm("a"), None)
    assert arm.weight(None) == 1
    assert arm.best is None
    assert arm.usual_time == 0


def test_weight_of_one_that_only_fails_falls():
    search = search_over("a", "b")
    best = add(search, "a", 0.7)
    for _ in range(6):
        add(search, "b", [], status="failed")
    good, bad = search.arms
    assert 0 < bad.weight(best) < good.weight(best) == 1


@given(st.lists(st.tuples(st.sampled_from("ab"), SCORES), min_size=1, max_size=8))
def test_weight_is_a_share_and_the_best_ones_is_one(tried):
    search = search_over("a", "b")
    for name, scores in tried:
        add(search, name, scores)
    best = search.evaluated[0]
    for arm in search.arms:
        assert 0 < arm.weight(best) <= 1
        if arm.algorithm is best.algorithm:
            assert arm.best is best
            assert arm.weight(best) == 1


def test_best_of_equal_ones_is_the_earlier():
    search = search_over("a", "b")
    first = add(search, "b", 0.7)
    add(search, "a", 0.7)
    add(search, "b", 0.7)
    assert search.evaluated[0] is first
    assert search.arms[1].best is first


# -- the early drop -------------------------------------------------------------


def test_nothing_is_dropped_before_enough_is_known():
    search = search_over("a")
    for _ in range(3):
        add(search, "a", [0.9, 0.8, 0.7, 0.8])
        assert search._is_promising([0.0, 0.0])


def test_what_is_hopeless_is_dropped_and_what_is_best_is_not():
    search = search_over("a")
    rng = np.random.default_rng(0)
    for _ in range(8):
        add(search, "a", (0.7 + rng.normal(0, 0.02, 4)).tolist())
    best = search.evaluated[0]
    assert not search._is_promising([0.2, 0.2])
    assert search._is_promising(best.screened[:2])
    assert search._is_promising([0.99, 0.99])


@given(st.lists(SCORES, min_size=4, max_size=9))
def test_a_better_half_is_never_dropped(tried):
    search = search_over("a")
    for scores in tried:
        add(search, "a", scores)
    half = search.evaluated[0].screened[:2]
    assert search._is_promising([min(1.0, score + 0.01) for score in half])


@given(SCORES, SCORES)
def test_a_dropped_one_is_told_as_worse_than_the_best(some, others):
    search = search_over("a")
    for scores in (some, others):
        add(search, "a", scores)
    best = search.evaluated[0]
    half = [score - 0.1 for score in best.screened[:2]]
    dropped = add(search, "a", [], status="dropped", screened=half)
    assert search._estimate(dropped) == pytest.approx(best.score - 0.1)


class Told:
    """Stands for a proposer, and notes what it is told."""

    def __init__(self):
        self.scores = []

    def tell(self, params, score):
        self.scores.append(score)


@given(st.lists(SCORES, min_size=1, max_size=5))
def test_a_failed_one_is_told_as_worse_than_all(tried):
    search = search_over("a")
    arm = search.arms[0]
    for scores in tried:
        trial = add(search, "a", scores)
        trial.estimate = trial.score
    arm.proposer = Told()
    search._tell(arm, add(search, "a", [], status="failed"))
    [told] = arm.proposer.scores
    assert np.isfinite(told)
    assert all(told <= trial.score for trial in search.evaluated)


def test_failures_wait_until_there_is_a_scale():
    search = search_over("a")
    arm = search.arms[0]
    arm.proposer = Told()
    search._tell(arm, add(search, "a", [], status="failed"))
    assert arm.proposer.scores == []
    for score in (0.5, 0.7):
        trial = add(search, "a", score)
        trial.estimate = score
        search._tell(arm, trial)
    assert arm.proposer.scores == [0.5, 0.5, 0.7]


# -- refining -------------------------------------------------------------------


class Finer(Algorithm):
    """Stands for an algorithm of edml's, each trial of which can be refined once."""

    def refine(self, params, n_trees):
        return ({**params, "finer": True}, 99) if n_trees != 99 else None


def finer_search(n_tried=6, **given):
    search = search_over("a", "b", **given)
    for arm in search.arms:
        arm.algorithm = Finer(arm.algorithm.name, LogisticRegression(), {})
    search._report = lambda trial: False
    rng = np.random.default_rng(3)
    for number in range(n_tried):
        add(search, "ab"[number % 2], rng.uniform(0.4, 0.8, 4).tolist(), n_trees=5)
    return search


def evaluate_as(scores):
    def evaluate(trial, limit, promising):
        assert promising([0.0, 0.0])  # all folds, whatever the first ones say
        trial.status, trial.scores, trial.screened = "evaluated", scores, scores
        trial.score, trial.probabilities = float(np.mean(scores)), []
        trial.n_trees = trial.of_trees

    return evaluate


def refine_all(search, scores=(0.5,) * 4):
    search._evaluator.evaluate = evaluate_as(list(scores))
    while (refined := search._next_refined()) is not None:
        search._evaluate(refined)


def test_nothing_is_refined_before_the_end_is_near():
    assert finer_search(n_iter=None)._next_refined() is None
    assert finer_search(n_iter=20)._next_refined() is None  # 16 come first
    assert finer_search(6, n_iter=7)._next_refined() is not None
    assert finer_search(clock=Clock(1e6))._next_refined() is None


@pytest.mark.parametrize("n_iter", [7, 10, 50])
def test_a_fifth_of_the_candidates_refines(n_iter):
    search = finer_search(n_iter - n_iter // 5, n_iter=n_iter)
    refined = n_iter // 5
    search._evaluator.evaluate = evaluate_as([0.5] * 4)
    while not search._is_over():
        search._evaluate(search._next_refined())
    assert sum(trial.refines is not None for trial in search.trials) == refined


def test_the_best_is_refined_first_and_each_once():
    search = finer_search(n_iter=7, n_candidates=3)
    first = choose(search.ranked, 3, None)
    refine_all(search)
    finer = [trial for trial in search.trials if trial.refines is not None]
    assert [trial.refines for trial in finer] == [trial.number for trial in first]
    for trial, coarse in zip(finer, first, strict=True):
        assert (trial.params, trial.of_trees) == ({"finer": True}, 99)
        assert trial.algorithm is coarse.algorithm
        assert trial.refined() is None


def test_a_refined_one_is_no_try_of_its_algorithm():
    search = finer_search(n_iter=7)
    before = [(len(arm.trials), arm.best) for arm in search.arms]
    search.arms[0].proposer = search.arms[1].proposer = None  # told nothing
    refine_all(search, (0.99,) * 4)
    assert [(len(arm.trials), arm.best) for arm in search.arms] == before


def test_what_takes_too_long_is_not_refined():
    clock = Clock(10.0, start=perf_counter() - 9)
    search = finer_search(clock=clock)
    for trial in search.trials:
        trial.wall_time = 1.0  # so that refining may take twenty
    assert search._next_refined() is None
    cheap = search.ranked[-1]
    cheap.wall_time = 0.01
    assert search._next_refined().refines == cheap.number
