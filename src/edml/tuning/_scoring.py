"""How a candidate is scored: by any scorer, from probabilities that are there."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring

from edml._sklearn import safe_indexing
from edml.classifier._calibration import calibrate, fit_calibrator
from edml.classifier._thresholds import choose_threshold
from edml.metrics._ranking import Ranking
from edml.schema import BoolArray, FloatArray, IntArray, Occupancy

_RANKINGS = ("roc_auc", "average_precision")  # as Ranking measures them


class _Probabilities(ClassifierMixin, BaseEstimator):
    """A classifier that has predicted already, and flags nobody."""

    def __init__(self, probability: Any) -> None:
        self.probability = probability
        self.classes_ = np.array([0, 1])

    def predict_proba(self, X: object) -> NDArray[Any]:
        return np.column_stack([1 - self.probability, self.probability])


class _AskedForFlagsError(Exception):
    """A scorer judges flags."""


class _Probe(_Probabilities):
    """The same, and it tells that it was asked for flags."""

    def predict(self, X: object) -> NDArray[Any]:
        raise _AskedForFlagsError


class _Flags(_Probabilities):
    """The same, and it flags from a threshold on."""

    def __init__(self, probability: Any, threshold: float) -> None:
        super().__init__(probability)
        self.threshold = threshold

    def predict(self, X: object) -> NDArray[Any]:
        return (self.probability >= self.threshold).astype(np.int64)


@dataclass(frozen=True)
class FlagRule:
    """How candidates flag.

    Attributes
    ----------
    threshold : float, str, callable or Capacity
        As of `RiskClassifier`.
    calibration : str or None
        Likewise.
    students : ndarray of shape (n_rows,) or None
        The student of each row.
    occupancy : Occupancy or None
        Of all units, in the order of the folds; for a capacity.
    """

    threshold: Any
    calibration: str | None
    students: IntArray | None
    occupancy: Occupancy | None

    def apply(
        self, units: IntArray, pooled: FloatArray, fails: BoolArray
    ) -> tuple[FloatArray, float]:
        """Give the probabilities of out-of-fold scores, and the threshold."""
        students = units if self.students is None else self.students[units]
        calibrator = fit_calibrator(self.calibration, pooled, fails, students)
        calibrated = calibrate(calibrator, pooled)
        if isinstance(self.threshold, Real):
            return calibrated, float(self.threshold)
        chosen = choose_threshold(self.threshold, pooled, fails, self.occupancy)
        return calibrated, float(calibrate(calibrator, np.array([chosen]))[0])


class Scorer:
    """Any scorer of scikit-learn, on probabilities that were predicted already.

    Parameters
    ----------
    scoring : str or callable
        A name or a scorer. One that judges flags is asked at the threshold that
        the candidate would have.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The table, for a scorer that looks at its rows.
    fails : ndarray of shape (n_rows,)
        The outcomes, 0 or 1.
    units : ndarray of shape (n_units,)
        The rows that are judged.

    Attributes
    ----------
    by_flags : bool
        Whether it judges flags.
    """

    def __init__(self, scoring: Any, X: Any, fails: IntArray, units: IntArray) -> None:
        self._scorer = check_scoring(scoring=scoring)
        self._scoring = scoring if isinstance(scoring, str) else ""
        self._X = X
        self._fails = fails
        self.by_flags = self._asks_for_flags(units)

    def screen(self, rows: IntArray, probability: FloatArray) -> float:
        """Score without a threshold: by average precision where flags are judged."""
        ranked_by = "average_precision" if self.by_flags else self._scoring
        if ranked_by in _RANKINGS:  # many times faster, and asked at every checkpoint
            return self._areas(rows, probability)[_RANKINGS.index(ranked_by)]
        return self._score(_Probabilities(probability), rows)

    @property
    def noisy(self) -> bool:
        """Whether scores differ much by chance, where few fail."""
        return self.by_flags or self._scoring == "average_precision"

    def mean_roc_auc(
        self, rows: list[IntArray], probabilities: list[FloatArray]
    ) -> float:
        """Give the mean ROC AUC over the folds."""
        return float(
            np.mean([self._areas(*f)[0] for f in zip(rows, probabilities, strict=True)])
        )

    def folds(
        self, rows: list[IntArray], probabilities: list[FloatArray], flags: "FlagRule"
    ) -> list[float]:
        """Score each fold, where flags are judged as the candidate would flag."""
        if not self.by_flags:
            return [
                self._score(_Probabilities(probability), fold)
                for fold, probability in zip(rows, probabilities, strict=True)
            ]
        units, pooled = np.concatenate(rows), np.concatenate(probabilities)
        calibrated, threshold = flags.apply(units, pooled, self._fails[units] == 1)
        ends = np.cumsum([len(fold) for fold in rows])[:-1]
        return [
            self._score(_Flags(probability, threshold), fold)
            for fold, probability in zip(rows, np.split(calibrated, ends), strict=True)
        ]

    def _areas(self, rows: IntArray, probability: FloatArray) -> tuple[float, float]:
        ranking = Ranking(self._fails[rows] == 1, probability)
        return ranking.measure(np.ones(len(rows), dtype=np.int64))

    def _score(self, answers: Any, rows: IntArray) -> float:
        X = np.empty((len(rows), 0)) if self._scoring else safe_indexing(self._X, rows)
        return float(self._scorer(answers, X, self._fails[rows]))

    def _asks_for_flags(self, rows: IntArray) -> bool:
        try:
            self._score(_Probe(np.linspace(0.2, 0.8, len(rows))), rows)
        except _AskedForFlagsError:
            return True
        except (
            Exception
        ):  # a scorer's own: it will fail, and be told, in each candidate
            return False
        return False
