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

    def judge(self, rows: IntArray) -> "Judge":
        """Give what scores the probabilities of some rows.

        Without a threshold: where flags are judged, by average precision.
        """
        ranked_by = "average_precision" if self.by_flags else self._scoring
        ranks = ranked_by in _RANKINGS
        return Judge(
            self._fails[rows],
            _RANKINGS.index(ranked_by) if ranks else None,
            None if ranks else self._scorer,
            None if ranks else self._rows(rows),
        )

    def mean_roc_auc(
        self, rows: list[IntArray], probabilities: list[FloatArray]
    ) -> float:
        """Give the mean ROC AUC over the folds."""
        return float(
            np.mean(
                [
                    _areas(self._fails[fold], probability)[0]
                    for fold, probability in zip(rows, probabilities, strict=True)
                ]
            )
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

    def _score(self, answers: Any, rows: IntArray) -> float:
        return float(self._scorer(answers, self._rows(rows), self._fails[rows]))

    def _rows(self, rows: IntArray) -> Any:
        """Give the rows to a scorer that may look at them."""
        return (
            np.empty((len(rows), 0)) if self._scoring else safe_indexing(self._X, rows)
        )

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


@dataclass(frozen=True)
class Judge:
    """Scores the probabilities of some rows; with these alone, it goes anywhere.

    Attributes
    ----------
    fails : ndarray of shape (n_rows,)
        Their outcomes, 0 or 1.
    area : int or None
        Which of the areas under curves is the score.
    scorer : callable or None
        What scores, if it is none of these.
    rows : DataFrame or array-like of shape (n_rows, n_columns) or None
        What the scorer may look at.
    """

    fails: IntArray
    area: int | None
    scorer: Any
    rows: Any

    def __call__(self, probability: FloatArray) -> float:
        if self.area is not None:  # many times faster, and asked at every checkpoint
            return _areas(self.fails, probability)[self.area]
        answers = _Probabilities(probability)
        return float(self.scorer(answers, self.rows, self.fails))


def _areas(fails: IntArray, probability: FloatArray) -> tuple[float, float]:
    ranking = Ranking(fails == 1, probability)
    return ranking.measure(np.ones(len(fails), dtype=np.int64))
