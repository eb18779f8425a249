"""How a candidate is scored: by any scorer, from probabilities that are there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import check_scoring

from edml._sklearn import safe_indexing
from edml.classifier._thresholds import choose_threshold
from edml.metrics._ranking import Ranking
from edml.schema import FloatArray, IntArray, Occupancy

_RANKINGS = ("roc_auc", "average_precision")  # as Ranking measures them


class _Probabilities(ClassifierMixin, BaseEstimator):
    """A classifier that has predicted already, and flags nobody."""

    def __init__(self, probability: Any) -> None:
        self.probability = probability
        self.classes_ = np.array([0, 1])

    def predict_proba(self, X: object) -> NDArray[Any]:
        return np.column_stack([1 - self.probability, self.probability])


class _Flags(_Probabilities):
    """The same, and it flags from a threshold on."""

    def __init__(self, probability: Any, threshold: float) -> None:
        super().__init__(probability)
        self.threshold = threshold

    def predict(self, X: object) -> NDArray[Any]:
        return (self.probability >= self.threshold).astype(np.int64)


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

    Attributes
    ----------
    by_flags : bool
        Whether it judges flags.
    """

    def __init__(self, scoring: Any, X: Any, fails: IntArray) -> None:
        self._scorer = check_scoring(scoring=scoring)
        self._scoring = scoring if isinstance(scoring, str) else ""
        self._X = X
        self._fails = fails
        self.by_flags = self._asks_for_flags()

    def screen(self, rows: IntArray, probability: FloatArray) -> float:
        """Score without a threshold: by average precision where flags are judged."""
        ranked_by = "average_precision" if self.by_flags else self._scoring
        if ranked_by in _RANKINGS:  # many times faster, and asked at every checkpoint
            ranking = Ranking(self._fails[rows] == 1, probability)
            areas = ranking.measure(np.ones(len(rows), dtype=np.int64))
            return areas[_RANKINGS.index(ranked_by)]
        return self._score(_Probabilities(probability), rows)

    def folds(
        self,
        rows: list[IntArray],
        probabilities: list[FloatArray],
        threshold: Any,
        occupancy: Occupancy | None,
    ) -> list[float]:
        """Score each fold, where flags are judged at one threshold for all."""
        if not self.by_flags:
            return [
                self._score(_Probabilities(probability), fold)
                for fold, probability in zip(rows, probabilities, strict=True)
            ]
        if isinstance(threshold, float):
            chosen = threshold
        else:
            fails = self._fails[np.concatenate(rows)] == 1
            pooled = np.concatenate(probabilities)
            chosen = choose_threshold(threshold, pooled, fails, occupancy)
        return [
            self._score(_Flags(probability, chosen), fold)
            for fold, probability in zip(rows, probabilities, strict=True)
        ]

    def _score(self, answers: Any, rows: IntArray) -> float:
        X = np.empty((len(rows), 0)) if self._scoring else safe_indexing(self._X, rows)
        return float(self._scorer(answers, X, self._fails[rows]))

    def _asks_for_flags(self) -> bool:
        rows = np.concatenate([np.flatnonzero(self._fails == c)[:2] for c in (0, 1)])
        try:
            self._score(_Probabilities(np.linspace(0.2, 0.8, len(rows))), rows)
        except AttributeError:
            return True
        return False
