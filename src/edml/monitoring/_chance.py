"""What probabilities promise: expected figures, and how much they vary."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from edml.schema import BoolArray, FloatArray, IntArray

FIGURES = (
    "roc_auc",
    "average_precision",
    "precision",
    "recall",
    "flagged",
    "share_failing",
)
_FAR = 1e-6  # bounds probabilities, so that log-odds are finite
_NO_PENALTY = 1e8
_FEWEST = 10  # students of each outcome to learn a curve from
_BATCH = 2_000_000  # weights held in memory at once


class Curve(NamedTuple):
    """The calibration of one week: its line of log-odds, and how runs vary around it.

    ``spread`` is the standard deviation between the runs of courses, in log-odds.
    """

    intercept: float
    slope: float
    spread: float

    def apply(self, probability: FloatArray) -> FloatArray:
        """Return the probabilities as they held in this week of the reference."""
        return expit(self.intercept + self.slope * _odds(probability))


def fit_curve(
    probability: FloatArray, fails: BoolArray, runs: IntArray
) -> Curve | None:
    """Learn the calibration of a week; None from too few students."""
    if min(fails.sum(), (~fails).sum()) < _FEWEST:
        return None
    odds = _odds(probability)
    if np.ptp(odds) < _FAR:
        share = float(logit(fails.mean()))
        return Curve(share, 0.0, _spread(np.full(len(odds), fails.mean()), fails, runs))
    line = LogisticRegression(C=_NO_PENALTY, solver="newton-cholesky")
    line.fit(odds[:, None], fails)
    curve = Curve(float(line.intercept_[0]), float(line.coef_[0, 0]), 0.0)
    return curve._replace(spread=_spread(curve.apply(probability), fails, runs))


def _odds(probability: FloatArray) -> FloatArray:
    return logit(np.clip(probability, _FAR, 1 - _FAR))


def _spread(expected: FloatArray, fails: BoolArray, runs: IntArray) -> float:
    """Estimate how runs vary beyond chance, by DerSimonian and Laird's moments."""
    surplus = np.bincount(runs, fails - expected)
    weight = np.bincount(runs, expected * (1 - expected))
    seen = weight > 1  # with less, a run cannot deviate much
    surplus, weight = surplus[seen], weight[seen]
    if len(weight) < 2:
        return 0.0
    each = surplus / weight
    total = weight.sum()
    q = float(weight @ (each - weight @ each / total) ** 2)
    return float(
        np.sqrt(max(0.0, (q - len(weight) + 1) / (total - (weight**2).sum() / total)))
    )


class Sorted(NamedTuple):
    """Units by descending score; ``ends`` are the last places of equal scores."""

    order: IntArray
    ends: IntArray
    n_flagged: int


def sort_scores(score: FloatArray, threshold: float) -> Sorted:
    """Sort units by score, the highest first."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    return Sorted(order, ends, int((score >= threshold).sum()))


def measure(units: Sorted, failing: FloatArray, passing: FloatArray) -> FloatArray:
    """Return the figures of rows of weights, of shape (n_draws, n_units).

    A unit counts ``failing`` times as failing and ``passing`` times as passing; both
    may be fractions. The columns are those of `FIGURES`.
    """
    caught = np.cumsum(failing[:, units.order], axis=1)
    false = np.cumsum(passing[:, units.order], axis=1)
    n_failing, n_passing = caught[:, -1], false[:, -1]
    at, wrong = caught[:, units.ends], false[:, units.ends]
    new = np.diff(at, prepend=0.0, axis=1)
    wrong_before = np.concatenate([np.zeros((len(at), 1)), wrong[:, :-1]], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        above = n_passing[:, None] - (wrong + wrong_before) / 2
        roc_auc = (new * above).sum(axis=1) / (n_failing * n_passing)
        precision_at = np.where(at + wrong > 0, at / (at + wrong), 0.0)
        average = (new * precision_at).sum(axis=1) / n_failing
        last = units.n_flagged - 1
        hits = caught[:, last] if last >= 0 else np.zeros(len(at))
        errors = false[:, last] if last >= 0 else np.zeros(len(at))
        precision = hits / (hits + errors)
        recall = hits / n_failing
        flagged = (hits + errors) / (n_failing + n_passing)
        share = n_failing / (n_failing + n_passing)
    return np.column_stack([roc_auc, average, precision, recall, flagged, share])


def expect(units: Sorted, expected: FloatArray) -> FloatArray:
    """Return the figures that probabilities promise."""
    return measure(units, expected[None, :], 1 - expected[None, :])[0]


def draw_figures(
    units: Sorted,
    curve: Curve,
    probability: FloatArray,
    students: IntArray,
    runs: IntArray,
    n_resamples: int,
    random: np.random.RandomState,
) -> FloatArray:
    """Draw students, how their runs deviate, and their outcomes; return the figures."""
    owner = np.unique(students, return_inverse=True)[1]
    run = np.unique(runs, return_inverse=True)[1]
    n_students, n_runs = int(owner.max()) + 1, int(run.max()) + 1
    odds = _odds(curve.apply(probability))
    found = []
    for size in _batches(n_resamples, len(odds)):
        drawn = random.poisson(1.0, (size, n_students))[:, owner]
        deviation = random.normal(0.0, curve.spread, (size, n_runs))[:, run]
        fails = random.random_sample((size, len(odds))) < expit(odds + deviation)
        found.append(measure(units, drawn * fails, drawn * ~fails))
    return np.concatenate(found)


def _batches(n_draws: int, n_units: int) -> Iterator[int]:
    step = max(1, _BATCH // max(1, n_units))
    for start in range(0, n_draws, step):
        yield min(step, n_draws - start)
