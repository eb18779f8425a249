"""ROC AUC and average precision of one ranking under many weightings of its rows."""

import numpy as np

from edml.schema import BoolArray, FloatArray, IntArray


class Ranking:
    """Rows sorted by probability once, for any number of weightings."""

    def __init__(self, fails: BoolArray, probability: FloatArray) -> None:
        self.order: IntArray = np.lexsort((fails, probability))
        ranked, fails = probability[self.order], fails[self.order]
        self._failing = np.flatnonzero(fails)
        # Tied rows form a group. Only groups with a failing row matter; the rows
        # between two of them are counted together.
        value = ranked[self._failing]
        new = np.diff(value, prepend=-1.0) > 0
        self._first_failing = np.flatnonzero(new)
        self._start = np.searchsorted(ranked, value[new], side="left")
        self._stop = np.searchsorted(ranked, value[new], side="right")
        self._total = np.zeros(len(fails) + 1, dtype=np.int64)

    def measure(self, counts: IntArray) -> tuple[float, float]:
        """Return ROC AUC and average precision, counting each row ``counts`` times."""
        np.cumsum(counts, out=self._total[1:])
        n_rows = self._total[-1]
        if not len(self._failing):
            return np.nan, np.nan
        failing = np.add.reduceat(counts[self._failing], self._first_failing)
        caught_below = np.cumsum(failing) - failing
        n_failing = caught_below[-1] + failing[-1]
        if n_failing in {0, n_rows}:
            return np.nan, np.nan
        below = self._total[self._start]
        passing = self._total[self._stop] - below - failing
        # Twice the correctly ordered pairs, with ties as half: exact integers.
        pairs = failing @ (2 * (below - caught_below) + passing)
        roc_auc = pairs / (2.0 * n_failing * (n_rows - n_failing))
        flagged = np.maximum(n_rows - below, 1)  # 0 only where none fails
        precision = (n_failing - caught_below) / flagged
        return float(roc_auc), float(failing @ precision / n_failing)
