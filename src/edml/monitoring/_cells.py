"""Histograms of students that hide each student, and tests against them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from edml.schema import BoolArray, FloatArray, IntArray

#: No cell of a histogram counts fewer students.
MIN_STUDENTS = 10
MAX_BINS = 8


class Cell(NamedTuple):
    """A histogram: ``counts[i]`` values lie above ``cuts[i - 1]``, up to ``cuts[i]``.

    A missing value is below every other one, so that a first cut of -inf separates
    them. Cuts lie between two values and are no student's own.
    """

    cuts: FloatArray
    counts: IntArray

    def tally(self, values: FloatArray) -> IntArray:
        """Count other values in the same bins."""
        # NaN as -inf: the number of cuts below it is 0
        filled = np.where(np.isnan(values), -np.inf, values)
        place = np.searchsorted(self.cuts, filled, side="left")
        return np.bincount(place, minlength=len(self.counts))


def make_cells(values: FloatArray) -> list[Cell]:
    """Return the histogram of each column, one row per student."""
    ranked = np.sort(np.where(np.isnan(values), -np.inf, values), axis=0)
    with np.errstate(invalid="ignore"):
        middle = ranked[:-1] / 2 + ranked[1:] / 2
        # neighbours without a number between them count as one value
        is_end = (middle < ranked[1:]) & ((ranked[:-1] < middle) | np.isneginf(middle))
    n_rows = len(values)
    wanted = max(MIN_STUDENTS, -(-n_rows // MAX_BINS))
    cells = []
    for column in range(values.shape[1]):
        ends = np.flatnonzero(is_end[:, column])
        n_missing = int(np.isneginf(ranked[:, column]).sum())
        stops = _choose_stops(ends + 1, n_missing, n_rows, wanted)
        counts = np.diff([0, *stops, n_rows])
        cuts = middle[np.array(stops, dtype=np.int64) - 1, column]
        cells.append(Cell(cuts, counts))
    return cells


def _choose_stops(
    possible: IntArray, n_missing: int, n_rows: int, wanted: int
) -> list[int]:
    """Return how many rows lie below each cut."""
    stops: list[int] = []
    done = 0
    if n_missing >= MIN_STUDENTS and n_rows - n_missing >= MIN_STUDENTS:
        stops.append(n_missing)
        done = n_missing
    while True:
        place = np.searchsorted(possible, done + wanted)
        if place == len(possible) or n_rows - possible[place] < MIN_STUDENTS:
            return stops
        done = int(possible[place])
        stops.append(done)


class Comparison(NamedTuple):
    """How new values differ from a histogram; strata add up."""

    statistic: float
    freedom: int
    n_effective: float
    shift: float  # of the ranks, times n_effective


NOTHING = Comparison(0.0, 0, 0.0, 0.0)


def add_up(found: Iterable[Comparison]) -> Comparison:
    """Join the comparisons of several strata."""
    each = list(found)
    return Comparison(
        statistic=sum(one.statistic for one in each),
        freedom=sum(one.freedom for one in each),
        n_effective=sum(one.n_effective for one in each),
        shift=sum(one.shift for one in each),
    )


def compare(cell: Cell, values: FloatArray) -> Comparison:
    """Compare new values, one per student, with a histogram: Pearson's chi-squared."""
    if len(cell.counts) < 2 or not len(values):
        return NOTHING
    new = cell.tally(values)
    n_old, n_new = cell.counts.sum(), new.sum()
    old_share, new_share = cell.counts / n_old, new / n_new
    n_effective = float(n_old * n_new / (n_old + n_new))
    pooled = (cell.counts + new) / (n_old + n_new)
    statistic = n_effective * float(((new_share - old_share) ** 2 / pooled).sum())
    rank = np.cumsum(old_share) - old_share / 2
    shift = float(new_share @ rank) - 0.5
    return Comparison(statistic, len(cell.counts) - 1, n_effective, shift * n_effective)


class Shift(NamedTuple):
    """The outcome of a comparison.

    ``size`` is Cohen's w, corrected for chance; its square is about the population
    stability index. ``direction`` is the chance that a new value is above an old one,
    less that of the opposite, halved: in [-0.5, 0.5].
    """

    p_value: float
    size: float
    direction: float


def conclude(found: Comparison, design_effect: float) -> Shift:
    """Test a comparison in which a student counts up to ``design_effect`` times."""
    if not found.freedom:
        return Shift(np.nan, np.nan, np.nan)
    statistic = found.statistic / design_effect
    p_value = float(chi2.sf(statistic, found.freedom))
    beyond = max(0.0, statistic - found.freedom)
    size = float(np.sqrt(beyond * design_effect / found.n_effective))
    return Shift(p_value, size, found.shift / found.n_effective)


def adjust(p_values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return p-values that control the false discovery rate, weighted by use.

    Benjamini and Hochberg's procedure on ``p / weight``, with weights of mean 1
    (Genovese, Roeder and Wasserman, 2006). NaN stays NaN and is not counted.
    """
    adjusted = np.full(len(p_values), np.nan)
    tested: BoolArray = ~np.isnan(p_values)
    n_tests = int(tested.sum())
    if not n_tests:
        return adjusted
    share = weights[tested]
    mean = share.mean()
    scale: NDArray[np.float64] = share / mean if mean > 0 else np.ones(n_tests)
    with np.errstate(divide="ignore", invalid="ignore"):
        raw = np.where(scale > 0, p_values[tested] / scale, 1.0)
    order = np.argsort(raw)
    ranked = raw[order] * n_tests / np.arange(1, n_tests + 1)
    found = np.empty(n_tests)
    found[order] = np.minimum.accumulate(ranked[::-1])[::-1]
    adjusted[tested] = np.minimum(found, 1.0)
    return adjusted
