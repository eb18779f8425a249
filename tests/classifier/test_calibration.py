"""The calibrators: increasing, inside (0, 1), and right when the truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression

from edml.classifier import IsotonicCalibrator, SigmoidCalibrator
from edml.classifier._calibration import fit_calibrator

CALIBRATORS = pytest.mark.parametrize("kind", [SigmoidCalibrator, IsotonicCalibrator])

scores = arrays(
    float,
    st.integers(4, 40),
    elements=st.one_of(st.sampled_from([0.0, 1.0, 0.5]), st.floats(0, 1)),
)


def fit(kind, score, fails, n_failing=None):
    failing = int(fails.sum()) if n_failing is None else n_failing
    return kind().fit(
        score, fails, n_failing=failing, n_passing=len(fails) - int(fails.sum())
    )


def draw(n, slope=1.0, seed=0):
    """Return scores whose log-odds are `slope` times too small, and outcomes."""
    rng = np.random.RandomState(seed)
    truth = rng.beta(1, 8, n)
    return expit(logit(truth) / slope), rng.uniform(size=n) < truth, truth


@CALIBRATORS
@given(scores, st.randoms(use_true_random=False))
def test_rises_and_stays_inside_whatever_the_scores(kind, score, random):
    fails = np.array([random.random() < 0.5 for _ in score])
    fails[:2] = [True, False]
    calibrator = fit(kind, score, fails)
    at = np.unique(np.concatenate([score, np.linspace(0, 1, 500)]))
    found = calibrator.predict(at)
    assert ((found > 0) & (found < 1)).all()
    assert (np.diff(found) >= 0).all()


@given(scores, st.randoms(use_true_random=False))
def test_isotonic_keeps_the_order_of_scores(score, random):
    fails = np.array([random.random() < 0.5 for _ in score])
    fails[:2] = [True, False]
    calibrator = fit(IsotonicCalibrator, score, fails)
    assert (np.diff(calibrator.scores_) > 0).all()
    assert (np.diff(calibrator.probabilities_) > 0).all()
    assert calibrator.scores_[[0, -1]].tolist() == [0, 1]


@CALIBRATORS
@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
def test_finds_the_truth_of_distorted_scores(kind, slope):
    score, fails, truth = draw(40_000, slope)
    found = fit(kind, score, fails).predict(score)
    assert np.abs(found - truth).mean() < 0.01
    assert found.mean() == pytest.approx(fails.mean(), abs=0.002)


def test_sigmoid_preserves_calibrated_scores():
    score, fails, _ = draw(200_000)
    calibrator = fit(SigmoidCalibrator, score, fails)
    assert calibrator.slope_ == pytest.approx(1, abs=0.03)
    assert calibrator.intercept_ == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_sigmoid_has_the_highest_likelihood_of_platts_targets(seed):
    score, fails, _ = draw(300, 2.0, seed)
    best = fit(SigmoidCalibrator, score, fails)
    n_failing, n_passing = fails.sum(), (~fails).sum()
    target = np.where(fails, (n_failing + 1) / (n_failing + 2), 1 / (n_passing + 2))

    def likelihood(slope, intercept):
        p = expit(slope * logit(score) + intercept)
        return (target * np.log(p) + (1 - target) * np.log1p(-p)).sum()

    here = likelihood(best.slope_, best.intercept_)
    for step in (-0.01, 0.01):
        assert here >= likelihood(best.slope_ + step, best.intercept_)
        assert here >= likelihood(best.slope_, best.intercept_ + step)


@pytest.mark.parametrize("weights", [1, 7])
def test_sigmoid_of_scores_worse_than_chance_is_the_share_that_fails(weights):
    score = np.repeat([0.9, 0.1], 50 * weights)
    fails = np.repeat([False, True], 50 * weights)
    found = fit(SigmoidCalibrator, score, fails, n_failing=50).predict(score)
    assert found == pytest.approx(0.5, abs=0.01)
    assert found[0] > found[-1]  # the order is kept, even a bad one


def test_scores_of_0_and_1_do_not_rule_the_sigmoid():
    score, fails, truth = draw(5_000)
    score[:50], fails[:50] = 0.0, False
    score[50], fails[50] = 0.0, True  # infinitely wrong, by its log-odds
    found = fit(SigmoidCalibrator, score, fails).predict(score[51:])
    assert np.abs(found - truth[51:]).mean() < 0.02


def test_isotonic_is_scikit_learns_at_the_middle_of_each_block():
    score, fails, _ = draw(3_000)
    calibrator = fit(IsotonicCalibrator, score, fails)
    steps = IsotonicRegression().fit(score, fails)
    inner = calibrator.scores_[1:-1]
    assert len(inner) > 5
    np.testing.assert_allclose(
        calibrator.predict(inner), calibrator.probabilities_[1:-1], rtol=1e-12
    )
    level = np.unique(steps.predict(score))
    known = level[(level > 1 / 3002) & (level < 1 - 1 / 3002)]
    assert np.isin(known.round(12), calibrator.probabilities_.round(12)).all()


def test_auto_uses_the_curve_from_200_failing_students():
    score, fails, _ = draw(20_000)
    students = np.arange(20_000)
    students[fails] = -1 - np.arange(fails.sum()) % 200
    many = fit_calibrator("auto", score, fails, students)
    students[fails] = -1 - np.arange(fails.sum()) % 199
    few = fit_calibrator("auto", score, fails, students)
    assert isinstance(many, IsotonicCalibrator)
    assert isinstance(few, SigmoidCalibrator)
    assert fit_calibrator(None, score, fails, students) is None
