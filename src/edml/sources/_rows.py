"""Lay out events as the rows of an event table."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml.schema import COLUMNS, IntArray


class Events(NamedTuple):
    """Events of one kind: whose, on which course day, and the columns they fill."""

    seat: IntArray
    day: IntArray
    columns: Mapping[str, Any]


def lay_out(
    kinds: list[Events], of_seats: Mapping[str, Any], active: Events | None = None
) -> pd.DataFrame:
    """Return one row per event, by enrolment, day and kind.

    ``of_seats`` holds the columns that are constant within an enrolment. ``active``
    holds counts of days: they stand in the first row of their day, and others are 0.
    """
    if active is not None:
        kinds = [*kinds, _other_days(active, kinds)]
    seat = np.concatenate([events.seat for events in kinds])
    day = np.concatenate([events.day for events in kinds])
    order = np.lexsort((day, seat))  # stable: kinds stay in order
    seat, day = seat[order], day[order]
    table: dict[str, Any] = {
        name: _take(values, seat) for name, values in of_seats.items()
    }
    table["particion"] = day
    begin = 0
    for events in kinds:
        end = begin + len(events.day)
        mine = np.where((order >= begin) & (order < end), order - begin, -1)
        for name, values in events.columns.items():
            table[name] = _take(values, mine)
        begin = end
    absent = np.full(len(order), np.nan)
    columns = {name: table.get(name, absent) for name in COLUMNS}
    if active is not None:
        width = 1 + int(day.max(initial=0))
        rows = np.searchsorted(seat * width + day, active.seat * width + active.day)
        for name, counts in active.columns.items():
            columns[name] = np.zeros(len(order))
            columns[name][rows] = counts
    return pd.DataFrame(columns)


def _other_days(active: Events, kinds: list[Events]) -> Events:
    """Return the days with counts that have no other event."""
    width = 1 + max(int(events.day.max(initial=0)) for events in [active, *kinds])
    have = np.concatenate([events.seat * width + events.day for events in kinds])
    new = ~np.isin(active.seat * width + active.day, have)
    return Events(active.seat[new], active.day[new], {})


def _take(values: Any, rows: IntArray) -> Any:
    """Take values at rows, null for -1."""
    if len(values) == 0:
        values = np.array([np.nan])
    return pd.api.extensions.take(values, rows, allow_fill=True)
