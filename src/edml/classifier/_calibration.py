"""Calibrators, which map raw scores to probabilities of failing."""

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.isotonic import isotonic_regression
from sklearn.linear_model import LogisticRegression

from edml.schema import BoolArray, FloatArray

#: The number of failing students from which "auto" uses "isotonic"; see the user guide.
ENOUGH_FOR_ISOTONIC = 200

# An unpenalized logistic regression, whose parameters have changed three times.
_NO_PENALTY = 1e8
_FARTHEST = 1e-300  # bounds scores, so that log-odds are finite
_SAME = 1e-6  # a smaller spread of log-odds counts as none
_LEAST = float(np.finfo(np.float64).epsneg)


class _Calibrator(BaseEstimator):
    """A curve from scores to probabilities; subclasses say of which form."""

    def fit(
        self, score: FloatArray, fails: BoolArray, *, n_failing: int, n_passing: int
    ) -> Self:
        """Learn the curve.

        Parameters
        ----------
        score : ndarray of shape (n_units,)
            Out-of-fold scores in [0, 1].
        fails : ndarray of shape (n_units,)
            Which of them fail; both kinds occur.
        n_failing, n_passing : int
            Number of students of each kind, by which targets are smoothed or
            probabilities bounded.

        Returns
        -------
        self : estimator
            The same object.
        """
        self._learn(score, fails, n_failing, n_passing)
        return self

    def predict(self, score: FloatArray) -> FloatArray:
        """Compute the probability of failing.

        Parameters
        ----------
        score : ndarray of shape (n_units,)
            Scores in [0, 1].

        Returns
        -------
        probability : ndarray of shape (n_units,)
            In (0, 1); a higher score never means a lower one.
        """
        return self._map(score)

    def _learn(
        self, score: FloatArray, fails: BoolArray, n_failing: int, n_passing: int
    ) -> None:
        raise NotImplementedError

    def _map(self, score: FloatArray) -> FloatArray:
        raise NotImplementedError


class SigmoidCalibrator(_Calibrator):
    """Map scores to probabilities by a logistic curve of their log-odds.

    It learns two parameters, a positive slope and an intercept. A higher score
    therefore never maps to a lower probability, and few failing students suffice.

    Attributes
    ----------
    slope_ : float
        Positive; 1 if the scores are neither overconfident nor underconfident.
    intercept_ : float
        Log-odds of a score of 0.5.
    range_ : tuple of (float, float)
        The range to which scores are clipped, just beyond the scores of fit.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999, with its smoothed
    targets; on log-odds, as in Kull et al., AISTATS 2017, so that calibrated scores
    stay unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from edml.classifier import SigmoidCalibrator
    >>> score = np.array([0.5, 0.6, 0.7, 0.9] * 50)  # twice as many as fail
    >>> fails = np.array([False, False, False, True] * 50)
    >>> calibrator = SigmoidCalibrator().fit(score, fails, n_failing=50, n_passing=150)
    >>> calibrator.predict(score).mean().round(2)
    np.float64(0.25)
    """

    __module__ = "edml.classifier"
    _least_slope: ClassVar[float] = 1e-3

    def _learn(
        self, score: FloatArray, fails: BoolArray, n_failing: int, n_passing: int
    ) -> None:
        inside = score[(score > 0) & (score < 1)]
        # The log-odds of 0 and 1 are infinite; place them just beyond the others.
        low, high = (inside.min(), inside.max()) if inside.size else (0.5, 0.5)
        self.range_ = (
            max(float(low) / 2, _FARTHEST),
            min((1 + float(high)) / 2, 1 - _LEAST),
        )
        odds = logit(np.clip(score, *self.range_))
        sure = (n_failing + 1) / (n_failing + 2)  # Platt's targets
        unsure = 1 / (n_passing + 2)
        target = np.where(fails, sure, unsure)
        centre, scale = float(odds.mean()), float(odds.std())
        slope = 0.0
        if scale > _SAME:
            curve = LogisticRegression(C=_NO_PENALTY, solver="newton-cholesky")
            with warnings.catch_warnings():
                # if the first method fails, try another
                warnings.simplefilter("ignore", ConvergenceWarning)
                curve.fit(
                    np.tile((odds - centre) / scale, 2)[:, None],
                    np.repeat([1, 0], len(odds)),
                    sample_weight=np.concatenate([target, 1 - target]),
                )
            slope = float(curve.coef_[0, 0]) / scale
            self.intercept_ = float(curve.intercept_[0]) - slope * centre
        if slope < self._least_slope:  # no better than chance: use the share that fails
            slope = self._least_slope
            self.intercept_ = float(logit(target.mean())) - slope * centre
        self.slope_ = slope

    def _map(self, score: FloatArray) -> FloatArray:
        odds = logit(np.clip(score, *self.range_))
        probability = expit(self.slope_ * odds + self.intercept_)
        return np.clip(probability, _LEAST, 1 - _LEAST)


class IsotonicCalibrator(_Calibrator):
    """Map scores to probabilities by an increasing curve of any form.

    Scores are pooled into blocks with an increasing share of failing units, and the
    curve interpolates linearly between the centres of the blocks. Unlike the steps of
    plain isotonic regression, it therefore keeps the order of scores within a block. It
    needs many failing students.

    Attributes
    ----------
    scores_ : ndarray of shape (n_points,)
        Ascending from 0 to 1.
    probabilities_ : ndarray of shape (n_points,)
        Ascending, in (0, 1).

    References
    ----------
    Oron and Flournoy, "Centered isotonic regression", Statistics in
    Biopharmaceutical Research 9, 2017, doi:10.1080/19466315.2017.1286256.

    Examples
    --------
    >>> import numpy as np
    >>> from edml.classifier import IsotonicCalibrator
    >>> score = np.array([0.1, 0.2, 0.3, 0.4] * 50)
    >>> fails = np.array([False, True, False, True] * 50)
    >>> fit = IsotonicCalibrator().fit
    >>> calibrator = fit(score, fails, n_failing=100, n_passing=100)
    >>> calibrator.predict(np.array([0.1, 0.25, 0.4])).round(2)
    array([0. , 0.5, 1. ])
    """

    __module__ = "edml.classifier"

    def _learn(
        self, score: FloatArray, fails: BoolArray, n_failing: int, n_passing: int
    ) -> None:
        at, place, count = np.unique(score, return_inverse=True, return_counts=True)
        share = np.bincount(place, weights=fails) / count
        least = 1 / (n_failing + n_passing + 2)  # Laplace's rule of succession
        height = isotonic_regression(
            share, sample_weight=count, y_min=least, y_max=1 - least
        )
        level, block = np.unique(height, return_inverse=True)
        middle = np.bincount(block, weights=at * count) / np.bincount(
            block, weights=count
        )
        # Beyond the outer blocks the curve keeps rising, by as little as one additional
        # unit would change them.
        n_first, n_last = count[block == 0].sum(), count[block == len(level) - 1].sum()
        inner = (middle > 0) & (middle < 1)
        low = level[~inner & (middle <= 0)]
        high = level[~inner & (middle >= 1)]
        self.scores_ = np.concatenate([[0.0], middle[inner], [1.0]])
        self.probabilities_ = np.concatenate(
            [
                low if low.size else [level[0] * (1 - 1 / (n_first + 2))],
                level[inner],
                high if high.size else [level[-1] + (1 - level[-1]) / (n_last + 2)],
            ]
        )

    def _map(self, score: FloatArray) -> FloatArray:
        found = np.interp(score, self.scores_, self.probabilities_)
        # Rounding must not lift a value above those of the next segment.
        piece = np.searchsorted(self.scores_, score, side="right").clip(
            1, len(self.scores_) - 1
        )
        return np.clip(
            found, self.probabilities_[piece - 1], self.probabilities_[piece]
        )


def calibrate(
    calibrator: SigmoidCalibrator | IsotonicCalibrator | None, score: FloatArray
) -> FloatArray:
    """Return the probability of each score, or the score if there is no calibrator."""
    return score if calibrator is None else calibrator.predict(score)


def fit_calibrator(
    method: str | None, score: FloatArray, fails: BoolArray, students: Any
) -> SigmoidCalibrator | IsotonicCalibrator | None:
    """Fit a calibrator to out-of-fold scores; ``method`` is as in `RiskClassifier`."""
    if method is None:
        return None
    # A student who fails one course and passes another counts in both.
    n_failing = len(np.unique(students[fails]))
    n_passing = len(np.unique(students[~fails]))
    if method == "auto":
        method = "isotonic" if n_failing >= ENOUGH_FOR_ISOTONIC else "sigmoid"
    kind = IsotonicCalibrator if method == "isotonic" else SigmoidCalibrator
    return kind().fit(score, fails, n_failing=n_failing, n_passing=n_passing)
