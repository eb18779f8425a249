"""Events of a synthetic platform, before they are assigned to rows."""

from typing import NamedTuple

import numpy as np

from edml.datasets._draws import Draws
from edml.datasets._enrolments import Enrolments
from edml.datasets._table import ObjectArray, Texts, Values
from edml.schema import BoolArray, FloatArray, IntArray


class Events(NamedTuple):
    """Events of one kind, arrays of shape (n_events,), and the columns they fill."""

    enrolment: IntArray
    day: IntArray
    columns: dict[str, Values]


def diligence(enrolments: Enrolments, share: FloatArray) -> FloatArray:
    """Return each enrolment's diligence after a share of the course."""
    return enrolments.diligence[:, None] + enrolments.drift[:, None] * share


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
