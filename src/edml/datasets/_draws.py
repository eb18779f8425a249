"""Random draws that are bit-identical on every machine.

NumPy guarantees the stream of a bit generator, not that of its distributions, and
exponentials and logarithms differ in the last bit between processors. Everything is
therefore computed from uniform numbers by additions, multiplications and comparisons,
which are identical everywhere: a seed always gives the same table.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from edml.datasets._table import ObjectArray, Texts
from edml.schema import BoolArray, FloatArray, IntArray


class Draws:
    """A source of random numbers; a Generator is used directly."""

    def __init__(self, random_state: Any) -> None:
        if isinstance(random_state, np.random.Generator):
            self._generator = random_state
            return
        seeds = check_random_state(random_state).randint(
            0, 2**31 - 1, size=4, dtype=np.int64
        )
        self._generator = np.random.Generator(np.random.PCG64(seeds.tolist()))

    def uniform(self, *shape: int) -> FloatArray:
        """Draw from [0, 1)."""
        return self._generator.random(shape)

    def normal(self, *shape: int) -> FloatArray:
        """Draw from an approximately standard normal: sums of 12 uniform numbers."""
        total = np.full(shape, -6.0)
        for _ in range(12):
            total += self.uniform(*shape)
        return total

    def chance(self, probability: float, *shape: int) -> BoolArray:
        """Draw True with a probability."""
        return self.uniform(*shape) < probability

    def whole(self, low: int, high: int, *shape: int) -> IntArray:
        """Draw integers from ``low`` to ``high``, inclusive."""
        return low + np.floor(self.uniform(*shape) * (high - low + 1)).astype(np.int64)

    def order(self, n: int) -> IntArray:
        """Draw a permutation of ``n`` items."""
        return np.argsort(self.uniform(n), kind="stable")

    def identifiers(self, n: int) -> ObjectArray:
        """Draw ``n`` identifiers of 16 hexadecimal digits, 'xxxxxxxx-xxxx-xxxx'."""
        words = self.whole(0, 2**32 - 1, 2 * n).astype(">u4").tobytes().hex()
        digits = np.array([words]).view("U1").reshape(n, 16)
        dash = np.full((n, 1), "-")
        text = np.hstack([digits[:, :8], dash, digits[:, 8:12], dash, digits[:, 12:]])
        return np.ascontiguousarray(text).view("U18").ravel().astype(object)

    def blank(self, dates: NDArray[Any], share: float) -> FloatArray:
        """Remove a share of the dates: half become null, and half 0."""
        draw = self.uniform(*dates.shape)
        blanked = np.where(draw < share, 0.0, dates.astype(np.float64))
        return np.where(draw < share / 2, np.nan, blanked)


def split_in_two(
    draws: Draws, n_events: int, share: float
) -> tuple[IntArray, BoolArray]:
    """Split a share of the events into two parts, the second ones last.

    Return each part's event, and whether it is a second part.
    """
    again = np.flatnonzero(draws.chance(share, n_events))
    event = np.concatenate([np.arange(n_events), again])
    return event, np.arange(len(event)) >= n_events


def untidy(draws: Draws, codes: IntArray, labels: ObjectArray) -> Texts:
    """Append white space to one name in a hundred."""
    spaced = draws.chance(0.01, len(codes))
    return Texts(codes + len(labels) * spaced, np.concatenate([labels, labels + " "]))
