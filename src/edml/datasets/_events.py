"""An event of a made platform, before it is given a row of the table."""

from typing import NamedTuple

import numpy as np

from edml.datasets._draws import Draws
from edml.datasets._enrolments import Enrolments
from edml.datasets._table import ObjectArray, Texts, Values
from edml.schema import BoolArray, FloatArray, IntArray


class Events(NamedTuple):
    """Events of one kind, in arrays of shape (n_events,).

    Attributes
    ----------
    enrolment, day : ndarray of int
        Whose event it is, and its partition.
    columns : dict
        The columns of the event table that it fills.
    """

    enrolment: IntArray
    day: IntArray
    columns: dict[str, Values]


def diligence(enrolments: Enrolments, share: FloatArray) -> FloatArray:
    """Give each one's diligence where a share of the course is over."""
    return enrolments.diligence[:, None] + enrolments.drift[:, None] * share


def split_in_two(
    draws: Draws, n_events: int, share: float
) -> tuple[IntArray, BoolArray]:
    """Give a share of the events a second part.

    Returns
    -------
    event : ndarray of shape (n_parts,)
        The event that each part belongs to; second parts come last.
    second : ndarray of shape (n_parts,)
        Which parts are second ones.
    """
    again = np.flatnonzero(draws.chance(share, n_events))
    event = np.concatenate([np.arange(n_events), again])
    return event, np.arange(len(event)) >= n_events


def untidy(draws: Draws, codes: IntArray, labels: ObjectArray) -> Texts:
    """Leave white space behind one name in a hundred."""
    spaced = draws.chance(0.01, len(codes))
    return Texts(codes + len(labels) * spaced, np.concatenate([labels, labels + " "]))
