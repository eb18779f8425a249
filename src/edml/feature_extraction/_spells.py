"""Values that hold for a while, and their aggregates at each change point."""

import itertools
from typing import NamedTuple

import numpy as np

from edml.schema import BoolArray, FloatArray, IntArray, affords_table

_PAIRS_AT_ONCE = 2**18  # small enough for the working arrays to stay in cache


class Spells(NamedTuple):
    """Values that hold from the moment ``start`` up to, without, ``stop``."""

    start: IntArray
    stop: IntArray
    value: FloatArray

    def where(self, mask: BoolArray) -> "Spells":
        """Keep the spells that ``mask`` marks."""
        return Spells(self.start[mask], self.stop[mask], self.value[mask])


class Statistics(NamedTuple):
    """Aggregates at each point, NaN where there is nothing to tell.

    They are the rows of one array, so that all are passed on at once.
    """

    size: FloatArray
    min: FloatArray
    max: FloatArray
    mean: FloatArray
    std: FloatArray


class ChangePoints:
    """The moments at which anything changes, the first of each history included.

    Parameters
    ----------
    spells : list of Spells
        All that is going to be aggregated.
    row_moments : ndarray of shape (n_rows,)
        The moment of each row that is described.
    n_histories, width : int
        How many histories there are, and the moments of each.

    Attributes
    ----------
    of_rows : ndarray of shape (n_rows,)
        For each row, its last change point.
    """

    def __init__(
        self, spells: list[Spells], row_moments: IntArray, n_histories: int, width: int
    ) -> None:
        firsts = np.arange(n_histories + 1) * width
        moments = [firsts, *(edge for spell in spells for edge in spell[:2])]
        n_moments = int(firsts[-1]) + 1
        if affords_table(n_moments, len(row_moments) + sum(map(len, moments))):
            # a flag per moment: no sorting, and a look-up costs one access
            flags = np.zeros(n_moments, dtype=bool)
            for moment in moments:
                flags[moment] = True
            table = np.cumsum(flags) - 1
            self._table: IntArray | None = table
            self._moments = firsts[:0]
            self._n_points = int(table[-1])
            self.of_rows = table[row_moments]
        else:
            self._table = None
            self._moments = np.unique(np.concatenate(moments))
            self._n_points = len(self._moments) - 1
            self.of_rows = np.searchsorted(self._moments, row_moments, "right") - 1
        self._firsts = self._find(firsts)

    def _find(self, moments: IntArray) -> IntArray:
        if self._table is not None:
            return self._table[moments]
        return np.searchsorted(self._moments, moments)

    def counts(self, spells: Spells) -> FloatArray:
        """Count the spells that hold at each change point."""
        size = self._n_points + 1
        begun = np.bincount(self._find(spells.start), minlength=size)
        ended = np.bincount(self._find(spells.stop), minlength=size)
        return np.cumsum(begun - ended)[:-1].astype(np.float64)

    def statistics(self, spells: Spells) -> tuple[FloatArray, IntArray]:
        """Aggregate the spells that hold.

        These change at few of the points, which are their steps.

        Returns
        -------
        found : ndarray of shape (5, n_steps)
            The aggregates at each step, as `Statistics` names them.
        step : ndarray of shape (n_points,)
            For each change point, its last step.
        """
        start, stop = self._find(spells.start), self._find(spells.stop)
        changes = np.zeros(self._n_points + 1, dtype=bool)
        for edge in (start, stop, self._firsts):
            changes[edge] = True
        step = np.cumsum(changes) - 1
        found = spell_statistics(
            step[start], step[stop], spells.value, step[self._firsts]
        )
        return found, step[:-1]


def spell_statistics(
    start: IntArray, stop: IntArray, value: FloatArray, firsts: IntArray
) -> FloatArray:
    """Aggregate, at each point, the values whose interval covers it.

    Parameters
    ----------
    start, stop : ndarray of shape (n_values,)
        Each value covers the points from ``start`` up to, without, ``stop``.
    value : ndarray of shape (n_values,)
    firsts : ndarray of shape (n_groups + 1,)
        The first point of each group, and the number of points. No interval
        crosses a group.

    Returns
    -------
    found : ndarray of shape (5, n_points)
        The aggregates, as `Statistics` names them.
    """
    n_points = int(firsts[-1])
    found = np.full((len(Statistics._fields), n_points), np.nan)
    count = np.cumsum(
        np.bincount(start, minlength=n_points + 1)
        - np.bincount(stop, minlength=n_points + 1)
    )[:-1]
    found[0] = count
    pairs = np.cumsum(count)  # of a value and a point, up to and with each point
    if not len(pairs) or pairs[-1] <= _PAIRS_AT_ONCE:
        _fill_block(start, stop, value, Statistics(*found))
        return found
    order = np.argsort(start)
    start, stop, value = start[order], stop[order], value[order]
    cuts = np.searchsorted(pairs, np.arange(_PAIRS_AT_ONCE, pairs[-1], _PAIRS_AT_ONCE))
    bounds = np.unique(np.concatenate([[0], cuts + 1, [n_points]]))
    for begin, end in itertools.pairwise(bounds.tolist()):
        group = firsts[np.searchsorted(firsts, begin, side="right") - 1]
        block = slice(*np.searchsorted(start, [group, end]))
        _fill_block(
            np.maximum(start[block], begin) - begin,
            np.minimum(stop[block], end) - begin,
            value[block],
            Statistics(*found[:, begin:end]),
        )
    return found


def _fill_block(
    start: IntArray, stop: IntArray, value: FloatArray, found: Statistics
) -> None:
    """Write the statistics of one block of points, whose count is known."""
    size = len(found.size)
    length = np.maximum(stop - start, 0)
    point = np.repeat(start - (np.cumsum(length) - length), length)
    point += np.arange(len(point))
    value = np.repeat(value, length)
    lowest, highest = np.full(size, np.inf), np.full(size, -np.inf)
    np.minimum.at(lowest, point, value)
    np.maximum.at(highest, point, value)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(point, value, minlength=size) / found.size
        np.copyto(mean, lowest, where=lowest == highest)  # exact where all are equal
        value -= mean[point]
        value *= value
        squares = np.bincount(point, value, minlength=size) / (found.size - 1)
    some = found.size > 0
    found.mean[:] = mean  # 0 / 0 is NaN where there is nothing
    np.copyto(found.min, lowest, where=some)
    np.copyto(found.max, highest, where=some)
    np.sqrt(squares, out=found.std, where=found.size > 1)
