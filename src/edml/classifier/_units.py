"""The units of a table: the snapshots of an event table, or the rows of another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml._sklearn import num_samples
from edml.schema import (
    STUDENT,
    IntArray,
    check_outcomes,
    factorize_keys,
    first_rows,
    is_event_table,
    snapshot_codes,
)


@dataclass(frozen=True)
class Units:
    """The units of a table, and the students and groups of its rows.

    ``rows`` are the first rows of the snapshots, or every row. ``described`` means that
    rows already hold the features of their history, and can be scored separately.
    """

    rows: IntArray
    students: IntArray | None
    groups: IntArray | None
    events: bool
    described: bool


def read_units(
    X: Any, names: Mapping[str, str], groups: Any, fails: IntArray, *, described: bool
) -> Units:
    """Find the units of a table; ``described`` if histories are described first."""
    events = is_event_table(X, names)
    together = None
    if groups is not None:
        together = factorize_keys(pd.Series(np.asarray(groups), name="groups"))
    students = together
    if isinstance(X, pd.DataFrame) and names[STUDENT] in X.columns:
        students = factorize_keys(X[names[STUDENT]])
    if events:
        rows, place = first_rows(snapshot_codes(X, names))
        check_outcomes(fails, rows, place)
    else:
        rows = np.arange(num_samples(X))
    return Units(rows, students, together, events, described or not events)
