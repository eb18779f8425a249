"""What is chosen: the best, refined ones first, one of each algorithm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edml.tuning._algorithms import Algorithm
from edml.tuning._choosing import choose, lag, rank
from edml.tuning._trial import Trial

SCORES = st.lists(st.floats(0, 1), min_size=4, max_size=4)
TRIED = st.lists(st.tuples(st.sampled_from("abc"), SCORES), max_size=10)


class Coarse(Algorithm):
    """Stands for an algorithm whose trials can be refined."""

    def refine(self, params, n_trees):
        return (params, 99) if n_trees != 99 else None


def add(trials, name, scores, kind=Algorithm, **given):
    scores = [scores] * 4 if isinstance(scores, float) else list(scores)
    of = kind(name, LogisticRegression(), {})
    facts = {"status": "evaluated", "scores": scores, "screened": scores}
    trial = Trial(of, {}, number=len(trials), **(facts | {"probabilities": []} | given))
    trial.score = trial.estimate = float(np.mean(scores))
    trials.append(trial)
    return trial


def trial_of(scores):
    return add([], "a", scores)


def near(score, seed):
    """Give scores of so much on average that differ by more than they lag."""
    noise = np.random.default_rng(seed).normal(0, 0.1, 4)
    return (score + noise - noise.mean()).tolist()


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


# -- the order ------------------------------------------------------------------


def test_within_an_algorithm_the_score_decides():
    trials = []
    for score in (0.5, 0.9, 0.7, 0.9):
        add(trials, "a", score)
    assert [trial.number for trial in rank(trials)] == [1, 3, 2, 0]


def test_refined_ones_come_first():
    trials = []
    best = add(trials, "a", near(0.80, 0), Coarse)
    other = add(trials, "a", near(0.79, 1), Coarse)
    third = add(trials, "a", near(0.785, 2), Coarse)
    finer = [
        add(trials, "a", near(score, 7), Coarse, refines=coarse.number, n_trees=99)
        for score, coarse in ((0.77, best), (0.78, other))
    ]
    assert rank(trials) == [*reversed(finer), best, other, third]


def test_refined_ones_of_others_change_no_order_of_an_algorithm_without():
    trials = []
    plain = add(trials, "logit", near(0.79, 3))
    coarse = add(trials, "a", near(0.80, 0), Coarse)
    finer = add(trials, "a", near(0.78, 7), Coarse, refines=coarse.number, n_trees=99)
    assert rank(trials) == [plain, finer, coarse]


def test_a_refined_one_that_went_wrong_does_not_stand_for_its_origin():
    trials = []
    coarse = add(trials, "a", 0.8, Coarse)
    wrong = add(trials, "a", 0.1, Coarse, refines=coarse.number, n_trees=99)
    other = add(trials, "a", 0.7, Coarse)
    assert rank(trials) == [coarse, other, wrong]


def test_what_is_far_ahead_of_refined_ones_stays_ahead():
    trials = []
    poor = add(trials, "a", near(0.70, 1), Coarse)
    finer = add(trials, "a", near(0.705, 7), Coarse, refines=poor.number, n_trees=99)
    ahead = add(trials, "a", near(0.95, 0), Coarse)  # not refined, or not yet
    assert rank(trials) == [ahead, finer, poor]
    wrong = add(trials, "a", 0.2, Coarse, refines=ahead.number, n_trees=99)
    assert rank(trials) == [ahead, finer, poor, wrong]


def test_refined_ones_put_nothing_behind_that_came_with_its_trees():
    trials = []
    champion = add(trials, "a", near(0.80, 0), Coarse, of_trees=80)
    coarse = add(trials, "a", near(0.79, 1), Coarse)
    finer = add(trials, "a", near(0.78, 7), Coarse, refines=coarse.number, n_trees=99)
    assert rank(trials) == [champion, finer, coarse]


@given(TRIED, st.randoms(use_true_random=False))
def test_order_in_general(tried, random):
    trials = []
    for name, scores in tried:
        add(trials, name, scores, Coarse)
    for coarse in random.sample(trials, len(trials) // 2):
        scores = [random.random() for _ in range(4)]
        add(
            trials,
            coarse.algorithm.name,
            scores,
            Coarse,
            refines=coarse.number,
            n_trees=99,
        )
    ranked = rank(trials)
    assert sorted(trial.number for trial in ranked) == list(range(len(trials)))
    for name in "abc":
        own = [trial for trial in ranked if trial.algorithm.name == name]
        refined = [trial.score for trial in own if trial.refines is not None]
        assert refined == sorted(refined, reverse=True)
        for place, trial in enumerate(own):  # a worse one is never before a refined one
            later = [other.score for other in own[place:] if other.refines is not None]
            assert all(trial.score >= score for score in later)


# -- the choice of candidates ---------------------------------------------------


def names(chosen):
    return [trial.algorithm.name for trial in chosen]


def test_a_blend_comes_just_before_its_best_member_whatever_it_scores():
    trials = []
    first = add(trials, "a", 0.8)
    second = add(trials, "b", 0.7)
    other = add(trials, "a", 0.6)
    high = add(trials, "b", 0.9, members=[second, other])
    low = add(trials, "a", 0.1, members=[first, other])
    order = [trial.number for trial in rank(trials)]
    assert order == [t.number for t in (low, first, high, second, other)]


def test_a_blend_that_failed_is_not_chosen():
    trials = []
    first, other = add(trials, "a", 0.8), add(trials, "a", 0.7)
    add(trials, "a", 0.9, members=[first, other], status="failed")
    assert rank(trials) == [first, other]


def test_the_best_are_chosen():
    trials = []
    for score in (0.5, 0.9, 0.7, 0.8):
        add(trials, "a", score)
    chosen = choose(rank(trials), 3, None)
    assert [trial.score for trial in chosen] == [0.9, 0.8, 0.7]


def test_one_of_each_algorithm_that_earned_it():
    trials = []
    for number in range(4):
        add(trials, "a", near(0.80 + number / 1000, number))
        add(trials, "b", near(0.5, number))
    add(trials, "b", near(0.79, 9))
    add(trials, "c", 0.1)  # far behind
    assert names(choose(rank(trials), 3, None)) == ["a", "a", "b"]


def test_room_for_one_is_not_made_by_dropping_anothers_only_one():
    trials = []
    add(trials, "a", near(0.82, 0))
    add(trials, "a", near(0.81, 1))
    for number, name in enumerate("bc"):
        add(trials, name, near(0.5, 2))
        add(trials, name, near(0.80 - number / 100, number + 2))
    assert names(choose(rank(trials), 3, None)) == ["a", "b", "c"]


def test_with_too_little_room_the_better_algorithm_stays():
    trials = []
    add(trials, "a", near(0.82, 0))
    add(trials, "b", near(0.80, 2))
    add(trials, "c", near(0.79, 3))
    assert names(choose(rank(trials), 2, None)) == ["a", "b"]
    assert names(choose(rank(trials), 1, None)) == ["a"]


def test_those_that_were_added_are_in_order_too():
    trials = []
    for number in range(3):
        add(trials, "a", near(0.82 + number / 1000, number))
        add(trials, "b", near(0.5, number))
        add(trials, "c", near(0.5, number))
    add(trials, "b", near(0.79, 7))
    add(trials, "c", near(0.80, 8))
    assert names(choose(rank(trials), 3, None)) == ["a", "c", "b"]


def test_none_below_the_least_score():
    trials = []
    add(trials, "a", near(0.8, 0))
    add(trials, "b", near(0.79, 1))
    assert names(choose(rank(trials), 5, 0.795)) == ["a"]
    assert choose(rank(trials), 5, 0.9) == []
    exact = rank(trials)[0].score
    assert names(choose(rank(trials), 5, exact)) == ["a"]


def test_what_was_forgotten_is_not_chosen():
    trials = []
    best, other = add(trials, "a", 0.9), add(trials, "a", 0.8)
    best.probabilities = None
    assert choose(rank(trials), 2, None) == [other]


@given(TRIED, st.integers(1, 6), st.none() | st.floats(0, 1))
def test_choice_in_general(tried, n, min_score):
    trials = []
    for name, scores in tried:
        add(trials, name, scores)
    ranked = rank(trials)
    chosen = choose(ranked, n, min_score)
    allowed = [t for t in ranked if min_score is None or t.score >= min_score]
    assert len(chosen) == min(n, len(allowed))
    assert [trial for trial in allowed if trial in chosen] == chosen
    if allowed:
        assert chosen[0] is allowed[0]
        first = {t.algorithm.name: t for t in reversed(allowed)}
        earned = {name for name, t in first.items() if lag(t, allowed[0]) < 2}
        assert len(earned & set(names(chosen))) == min(n, len(earned))
