"""The threshold: compared with trying every score, and errors for impossible ones."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, fbeta_score, get_scorer, make_scorer

from edml.classifier import Capacity, check_threshold, choose_threshold
from edml.schema import Occupancy


@st.composite
def scored(draw):
    """Return scores with many ties, and outcomes of both kinds."""
    n = draw(st.integers(2, 30))
    score = draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))
    fails = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    fails[0], fails[1] = True, False
    return np.array(score) / 8, np.array(fails)


def every_cut(score, fails):
    for cut in sorted(set(score.tolist()), reverse=True):
        flagged = score >= cut
        hits = (flagged & fails).sum()
        yield cut, hits / flagged.sum(), hits / fails.sum(), flagged


@given(scored())
def test_f1_is_the_highest_of_all_cuts(case):
    score, fails = case
    chosen = choose_threshold("f1", score, fails, None)
    found = f1_score(fails, score >= chosen)
    best = max(f1_score(fails, flagged) for *_, flagged in every_cut(score, fails))
    assert found == pytest.approx(best, rel=1e-12)


@given(scored(), st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_recall_is_kept_with_the_highest_precision(case, least):
    score, fails = case
    chosen = choose_threshold(f"recall>={least}", score, fails, None)
    kept = {c: p for c, p, r, _ in every_cut(score, fails) if r >= least}
    assert kept[chosen] == max(kept.values())


@given(scored(), st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_precision_is_kept_with_the_highest_recall(case, least):
    score, fails = case
    cuts = list(every_cut(score, fails))
    kept = {c: r for c, p, r, _ in cuts if p >= least}
    if kept:
        chosen = choose_threshold(f"precision >= {least}", score, fails, None)
        assert kept[chosen] == max(kept.values())
        return
    with pytest.warns(UserWarning, match=r"No threshold reaches a precision of"):
        chosen = choose_threshold(f"precision>={least}", score, fails, None)
    precision = {c: p for c, p, _, _ in cuts}
    assert precision[chosen] == max(precision.values())


@given(scored(), st.integers(1, 6), st.integers(1, 4))
def test_capacity_flags_as_many_as_fit_and_no_more(case, per_course, n_groups):
    score, fails = case
    days = np.arange(len(score)) % 3 + 1.0
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        chosen = choose_threshold(
            Capacity(per_course), score, fails, Occupancy(days, n_groups)
        )
    load = {c: days[f].sum() / n_groups for c, _, _, f in every_cut(score, fails)}
    fitting = [c for c in load if load[c] <= per_course]
    if fitting:
        assert chosen == min(fitting)
        everyone = chosen == score.min()
        assert bool(said) == (everyone and load[chosen] < per_course)
    else:
        assert chosen == score.max()
        assert "the scores are equal" in str(said[0].message)


@given(scored())
def test_any_scorer_of_flags(case):
    score, fails = case
    scorer = make_scorer(fbeta_score, beta=2)
    chosen = choose_threshold(scorer, score, fails, None)
    best = max(
        fbeta_score(fails, flagged, beta=2) for *_, flagged in every_cut(score, fails)
    )
    assert fbeta_score(fails, score >= chosen, beta=2) == pytest.approx(best)


def test_a_loss_is_made_small():
    def cost(y_true, y_pred):
        return (y_true & ~y_pred).sum() * 10 + (~y_true & y_pred).sum()

    score = np.array([0.1, 0.4, 0.6, 0.9])
    fails = np.array([False, True, False, True])
    scorer = make_scorer(cost, greater_is_better=False)
    assert choose_threshold(scorer, score, fails, None) == 0.4


@pytest.mark.parametrize("name", ["jaccard", "accuracy", "balanced_accuracy", "recall"])
@given(case=scored())
def test_named_scorers_of_all_cuts_at_once(name, case):
    score, fails = case
    chosen = choose_threshold(name, score, fails, None)
    metric = get_scorer(name)._score_func
    best = max(metric(fails, flagged) for *_, flagged in every_cut(score, fails))
    assert metric(fails, score >= chosen) == pytest.approx(best)


def test_candidate_with_a_nan_score_does_not_win():
    def odd(y_true, y_pred):
        return np.nan if y_pred.sum() < 2 else (y_true == y_pred).mean()

    score = np.array([0.1, 0.4, 0.6, 0.9])
    fails = np.array([False, False, False, True])
    assert choose_threshold(make_scorer(odd), score, fails, None) == 0.6
    never = make_scorer(lambda y_true, y_pred: np.nan)
    with pytest.raises(ValueError, match="gave NaN for all 4 thresholds"):
        choose_threshold(never, score, fails, None)


def test_a_metric_is_no_scorer():
    with pytest.raises(ValueError, match="make_scorer"):
        check_threshold(f1_score)


def test_many_scores_are_tried_by_a_part_of_them():
    rng = np.random.RandomState(0)
    score = rng.uniform(size=20_000)
    fails = rng.uniform(size=20_000) < score
    found = choose_threshold("matthews_corrcoef", score, fails, None)
    assert found == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        (1.5, "found 1.5, which is no probability"),
        (float("nan"), "which is no probability"),
        (True, "found an object of type bool"),
        ("f11", "found 'f11'"),
        ("recall>0.9", "found 'recall>0.9'"),
        ("recall>=2", r"a share is in \(0, 1\]"),
        ("precision>=0", r"a share is in \(0, 1\]"),
        ("specificity>=0.9", "found 'specificity>=0.9'"),
        (None, "found an object of type NoneType"),
        ([0.5], "found an object of type list"),
    ],
)
def test_unknown_thresholds_raise(threshold, message):
    with pytest.raises(ValueError, match=rf"threshold must be .*; .*{message}"):
        check_threshold(threshold)


@pytest.mark.parametrize("per_course", [0, -1, 2.5, True, "5", None])
def test_capacity_is_a_whole_number(per_course):
    with pytest.raises(ValueError, match="per_course must be a whole number"):
        Capacity(per_course)


def test_a_scorer_of_probabilities_raises():
    score, fails = np.array([0.1, 0.9]), np.array([False, True])
    with pytest.raises(ValueError, match="scores probabilities, which no threshold"):
        choose_threshold("roc_auc", score, fails, None)


def test_capacity_needs_an_event_table():
    score, fails = np.array([0.1, 0.9]), np.array([False, True])
    with pytest.raises(ValueError, match="needs an event table"):
        choose_threshold(Capacity(3), score, fails, None)
