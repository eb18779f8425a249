"""Values that hold for a while, and their aggregates at each snapshot."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from edml.schema import BoolArray, FloatArray, IntArray, distinct_codes

_PAIRS_AT_ONCE = 2**18  # bounds the memory of the working arrays


class Spells(NamedTuple):
    """Values that hold from the snapshot ``start`` up to ``stop``, exclusive."""

    start: IntArray
    stop: IntArray
    value: FloatArray

    def where(self, mask: BoolArray) -> "Spells":
        """Keep the spells that ``mask`` marks."""
        return Spells(self.start[mask], self.stop[mask], self.value[mask])


def join_spells(parts: list[Spells]) -> Spells:
    """Concatenate several lists of spells."""
    return Spells(
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.stop for part in parts]),
        np.concatenate([part.value for part in parts]),
    )


class Statistics(NamedTuple):
    """Aggregates at each point; NaN where they are undefined."""

    size: FloatArray
    min: FloatArray
    max: FloatArray
    mean: FloatArray
    std: FloatArray


class Snapshots:
    """The pairs of a history and one of its rows' partitions, numbered in order.

    ``of_row`` is the snapshot of each row. ``firsts`` holds the first snapshot of each
    history and, as its last entry, the number of snapshots.
    """

    def __init__(self, history: IntArray, partition: IntArray) -> None:
        # Use ranks, because partitions may be immense.
        self._partitions, rank = distinct_codes(partition)
        self._width = len(self._partitions) + 1
        self._codes, self.of_row = distinct_codes(history * self._width + rank)
        self.history = history
        of_snapshot = self._codes // self._width
        n_histories = int(of_snapshot[-1]) + 1 if len(of_snapshot) else 0
        self.firsts = np.searchsorted(of_snapshot, np.arange(n_histories + 1))

    def find(self, history: IntArray, partition: IntArray) -> IntArray:
        """Return the first snapshot of each history at or after a partition."""
        rank = np.searchsorted(self._partitions, partition)
        return np.searchsorted(self._codes, history * self._width + rank)

    def counts(self, spells: Spells) -> FloatArray:
        """Count the spells that hold at each snapshot."""
        return _count(spells.start, spells.stop, len(self._codes))

    def statistics(self, spells: Spells) -> tuple[FloatArray, IntArray]:
        """Aggregate the spells that hold at each snapshot.

        They change at few snapshots, the steps. Return the aggregates there, in the
        order of `Statistics`, of shape (5, n_steps), and each snapshot's last step.
        """
        step = self.steps(spells.start, spells.stop)
        found = spell_statistics(
            step[spells.start], step[spells.stop], spells.value, step[self.firsts]
        )
        return found, step

    def steps(self, *edges: IntArray) -> IntArray:
        """Return the last step of each snapshot, and that of the end.

        A step begins at each edge, and at the first snapshot of each history.
        """
        changes = np.zeros(len(self._codes) + 1, dtype=bool)
        for edge in (*edges, self.firsts):
            changes[edge] = True
        step = np.cumsum(changes)
        step -= 1
        return step

    def since(self, events: IntArray, at: IntArray) -> FloatArray:
        """Return the partitions since the last of some rows at others, NaN if none."""
        history, partition = self.keys()
        last = np.full(len(partition), -1)
        last[self.of_row[events]] = self.of_row[events]
        now = self.of_row[at]
        last = np.maximum.accumulate(last)[now]
        found = last >= self.firsts[history[now]]
        return np.where(found, partition[now] - partition[last], np.nan)

    def keys(self) -> tuple[IntArray, IntArray]:
        """Return the history and the partition of each snapshot."""
        history, rank = np.divmod(self._codes, self._width)
        return history, self._partitions[rank]


def _count(start: IntArray, stop: IntArray, n_points: int) -> FloatArray:
    """Count the intervals from ``start`` until ``stop`` that cover each point."""
    begun = np.bincount(start, minlength=n_points + 1)
    begun -= np.bincount(stop, minlength=n_points + 1)
    return np.cumsum(begun[:-1], dtype=np.float64)


def spell_statistics(
    start: IntArray, stop: IntArray, value: FloatArray, firsts: IntArray
) -> FloatArray:
    """Aggregate, at each point, the values whose interval covers it.

    The result has shape (5, n_points), in the order of `Statistics`. A value covers the
    points from ``start`` up to ``stop``, exclusive. ``firsts`` holds the first point of
    each group and, as its last entry, the number of points; no interval crosses groups.
    """
    n_points = int(firsts[-1])
    count = _count(start, stop, n_points)
    found = np.full((len(Statistics._fields), n_points), np.nan)
    found[0] = count
    for begin, end, some in blocks(start, stop, firsts):
        _fill_block(
            np.maximum(start[some], begin) - begin,
            np.minimum(stop[some], end) - begin,
            value[some],
            Statistics(*found[:, begin:end]),
        )
    return found


def blocks(
    start: IntArray, stop: IntArray, firsts: IntArray
) -> Iterator[tuple[int, int, IntArray | slice]]:
    """Split the points into blocks of a bounded number of pairs with their intervals.

    Yield the first point of each block, the one after its last, and the intervals that
    cover a point of it. ``firsts`` is that of `spell_statistics`.
    """
    n_points = int(firsts[-1])
    # pairs of an interval and a point, up to each point
    pairs = np.cumsum(_count(start, stop, n_points))
    if not len(pairs) or pairs[-1] <= _PAIRS_AT_ONCE:
        yield 0, n_points, slice(None)
        return
    order = np.argsort(start, kind="stable")
    ordered = start[order]
    cuts = np.searchsorted(pairs, np.arange(_PAIRS_AT_ONCE, pairs[-1], _PAIRS_AT_ONCE))
    bounds = np.unique(np.concatenate([[0], cuts + 1, [n_points]]))
    for begin, end in itertools.pairwise(bounds.tolist()):
        group = firsts[np.searchsorted(firsts, begin, side="right") - 1]
        some = order[slice(*np.searchsorted(ordered, [group, end]))]
        yield begin, end, np.sort(some)  # sums keep their order, and so their bits


def expand(start: IntArray, stop: IntArray) -> tuple[IntArray, IntArray]:
    """Return the pairs of a point and the interval, by its place, that covers it."""
    length = np.maximum(stop - start, 0)
    point = np.repeat(start - (np.cumsum(length) - length), length)
    point += np.arange(len(point))
    return point, np.repeat(np.arange(len(length)), length)


def _fill_block(
    start: IntArray, stop: IntArray, value: FloatArray, found: Statistics
) -> None:
    """Write the statistics of a block of points of known size."""
    n_points = len(found.size)
    point, place = expand(start, stop)
    value = value[place]
    lowest, highest = np.full(n_points, np.inf), np.full(n_points, -np.inf)
    np.minimum.at(lowest, point, value)
    np.maximum.at(highest, point, value)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(point, value, minlength=n_points) / found.size
        mean = np.where(lowest == highest, lowest, mean)  # exact where all are equal
        squares = np.bincount(point, (value - mean[point]) ** 2, minlength=n_points)
        variance = squares / (found.size - 1)
    some = found.size > 0
    found.mean[:] = mean  # 0 / 0 is NaN where there is no value
    np.copyto(found.min, lowest, where=some)
    np.copyto(found.max, highest, where=some)
    np.sqrt(variance, out=found.std, where=found.size > 1)
