"""The budget between algorithms, the early drop, and the choice of candidates."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edml.tuning._algorithms import Algorithm
from edml.tuning._clock import Clock
from edml.tuning._search import Search, Stops, _Arm, choose_candidates, lag
from edml.tuning._trial import Trial

SCORES = st.lists(st.floats(0, 1), min_size=4, max_size=4)


def algorithm(name):
    return Algorithm(name, LogisticRegression(), {})


def search_over(*names, noisy=False):
    return Search(
        [algorithm(name) for name in names],
        SimpleNamespace(scorer=SimpleNamespace(noisy=noisy)),
        Clock(None),
        Stops(None, None, 10),
        0,
        lambda trial: None,
    )


def add(search, name, scores, **given):
    arm = next(arm for arm in search.arms if arm.algorithm.name == name)
    scores = [scores] * 4 if isinstance(scores, float) else list(scores)
    facts = {"status": "evaluated", "scores": scores, "screened": scores} | given
    facts |= {"probabilities": []}
    trial = Trial(len(search.trials), arm.algorithm, {}, **facts)
    if trial.status == "evaluated":
        trial.score = float(np.mean(scores))
    search.trials.append(trial)
    arm.trials.append(trial)
    return trial


def trial_of(scores):
    found = Trial(0, algorithm("a"), {}, status="evaluated", scores=list(scores))
    found.score = float(np.mean(scores))
    return found


# -- lag ------------------------------------------------------------------------


def test_lag_is_in_standard_errors_of_paired_differences():
    best, other = [0.8, 0.7, 0.9, 0.6], [0.7, 0.65, 0.85, 0.6]
    behind = np.subtract(best, other)
    expected = behind.mean() / (behind.std(ddof=1) / 2)
    assert lag(trial_of(other), trial_of(best)) == pytest.approx(expected)


@given(SCORES, SCORES)
def test_lag_is_never_below_zero(some, others):
    found = lag(trial_of(some), trial_of(others))
    assert found >= 0
    assert lag(trial_of(some), trial_of(some)) == 0
    if np.mean(some) > np.mean(others):
        assert found <= 1e-6  # rounding alone


def test_lag_behind_in_all_folds_alike_is_far():
    assert lag(trial_of([0.4] * 4), trial_of([0.5] * 4)) > 100


def test_lag_of_one_fold():
    assert lag(trial_of([0.5]), trial_of([0.5])) == 0
    assert lag(trial_of([0.4]), trial_of([0.5])) > 100
    assert lag(trial_of([0.6]), trial_of([0.5])) == 0


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


# -- noisy scores ---------------------------------------------------------------


def test_what_a_noisy_score_cannot_tell_apart_goes_by_roc_auc():
    search = search_over("a", noisy=True)
    best = add(search, "a", [0.9, 0.5, 0.7, 0.6], roc_auc=0.80)
    near = add(search, "a", [0.6, 0.6, 0.8, 0.6], roc_auc=0.85)  # 0.3 errors behind
    far = add(search, "a", [0.8, 0.4, 0.6, 0.5], roc_auc=0.99)  # 0.1 in every fold
    assert lag(near, best) < 1 < lag(far, best)
    assert search.evaluated == [best, near, far]
    assert search.ranked == [near, best, far]
    assert choose_candidates(search, 1, None) == [near]


def test_a_steady_score_decides_by_itself():
    search = search_over("a")
    best = add(search, "a", [0.9, 0.5, 0.7, 0.6], roc_auc=0.80)
    near = add(search, "a", [0.6, 0.6, 0.8, 0.6], roc_auc=0.85)
    assert search.ranked == [best, near]


def test_what_was_forgotten_is_not_chosen():
    search = search_over("a")
    best, other = add(search, "a", 0.9), add(search, "a", 0.8)
    best.probabilities = None
    assert choose_candidates(search, 2, None) == [other]


# -- the choice of candidates ---------------------------------------------------


def names(chosen):
    return [trial.algorithm.name for trial in chosen]


def near(score, seed):
    """Give scores of so much on average that differ by more than they lag."""
    noise = np.random.default_rng(seed).normal(0, 0.1, 4)
    return (score + noise - noise.mean()).tolist()


def test_the_best_are_chosen():
    search = search_over("a")
    for score in (0.5, 0.9, 0.7, 0.8):
        add(search, "a", score)
    chosen = choose_candidates(search, 3, None)
    assert [trial.score for trial in chosen] == [0.9, 0.8, 0.7]


def test_one_of_each_algorithm_that_earned_it():
    search = search_over("a", "b", "c")
    for number in range(4):
        add(search, "a", near(0.80 + number / 1000, number))
    add(search, "b", near(0.79, 9))
    add(search, "c", 0.1)  # far behind
    assert names(choose_candidates(search, 3, None)) == ["a", "a", "b"]


def test_room_for_one_is_not_made_by_dropping_anothers_only_one():
    search = search_over("a", "b", "c")
    add(search, "a", near(0.82, 0))
    add(search, "a", near(0.81, 1))
    add(search, "b", near(0.80, 2))
    add(search, "c", near(0.79, 3))
    assert names(choose_candidates(search, 3, None)) == ["a", "b", "c"]


def test_with_too_little_room_the_better_algorithm_stays():
    search = search_over("a", "b", "c")
    add(search, "a", near(0.82, 0))
    add(search, "b", near(0.80, 2))
    add(search, "c", near(0.79, 3))
    assert names(choose_candidates(search, 2, None)) == ["a", "b"]
    assert names(choose_candidates(search, 1, None)) == ["a"]


def test_those_that_were_added_are_in_order_too():
    search = search_over("a", "b", "c")
    for number in range(3):
        add(search, "a", near(0.82 + number / 1000, number))
    add(search, "b", near(0.79, 7))
    add(search, "c", near(0.80, 8))
    assert names(choose_candidates(search, 3, None)) == ["a", "c", "b"]


def test_none_below_the_least_score():
    search = search_over("a", "b")
    add(search, "a", near(0.8, 0))
    add(search, "b", near(0.79, 1))
    assert names(choose_candidates(search, 5, 0.795)) == ["a"]
    assert choose_candidates(search, 5, 0.9) == []
    exact = search.evaluated[0].score
    assert names(choose_candidates(search, 5, exact)) == ["a"]


@given(
    st.lists(st.tuples(st.sampled_from("abc"), SCORES), max_size=10),
    st.integers(1, 6),
    st.none() | st.floats(0, 1),
)
def test_choice_in_general(tried, n, min_score):
    search = search_over("a", "b", "c")
    for name, scores in tried:
        add(search, name, scores)
    chosen = choose_candidates(search, n, min_score)
    allowed = [
        trial
        for trial in search.evaluated
        if min_score is None or trial.score >= min_score
    ]
    assert len(chosen) == min(n, len(allowed))
    assert len({trial.number for trial in chosen}) == len(chosen)
    assert all(trial in allowed for trial in chosen)
    found = [trial.score for trial in chosen]
    assert found == sorted(found, reverse=True)
    if allowed:
        assert chosen[0] is allowed[0]
        earned = {
            arm.algorithm.name
            for arm in search.arms
            if arm.best in allowed and lag(arm.best, allowed[0]) < 2
        }
        assert len(earned & set(names(chosen))) == min(n, len(earned))
