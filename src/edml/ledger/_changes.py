"""What a ledger shows over time: how scores moved, and how early flags came."""

from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.ledger._rows import to_times
from edml.schema import check_keys, check_table, read_flags, spell_key

_WEEK = 7 * 86_400 * 10**6  # microseconds
_MONDAY = 4 * 86_400 * 10**6  # 1970 began on a Thursday
_KEYS = ["student", "course"]


def weekly_changes(entries: np.ndarray[Any, Any]) -> pd.DataFrame:
    """Return one row per week; entries are in the order of their time."""
    week = (entries["time"] - _MONDAY) // _WEEK
    names = [*_KEYS, "probability", "flagged", "version"]
    latest = pd.DataFrame({"week": week, **{name: entries[name] for name in names}})
    latest = latest.drop_duplicates(["week", *_KEYS], keep="last")
    latest = latest.sort_values([*_KEYS, "week"], kind="stable")
    before = latest.groupby(_KEYS).shift()
    follows = before["week"] == latest["week"] - 1
    change = latest["probability"] - before["probability"].where(follows)
    flipped = (latest["flagged"] != before["flagged"]).where(follows)
    latest = latest.assign(
        change=change, size=change.abs(), flipped=flipped.astype(np.float64)
    )
    weeks = latest.groupby("week")
    risk = weeks["probability"]
    found = pd.DataFrame(
        {
            "n_students": weeks.size(),
            "n_versions": weeks["version"].nunique(),
            "flagged_share": weeks["flagged"].mean(),
            "mean": risk.mean(),
            "lower_quartile": risk.quantile(0.25),
            "median": risk.median(),
            "upper_quartile": risk.quantile(0.75),
            "n_compared": weeks["change"].count(),
            "flip_rate": weeks["flipped"].mean(),
            "mean_change": weeks["change"].mean(),
            "mean_absolute_change": weeks["size"].mean(),
        }
    )
    mondays = to_times(found.index.to_numpy(dtype=np.int64) * _WEEK + _MONDAY)
    found.insert(0, "week", mondays)
    return found.reset_index(drop=True)


def read_failing(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Return the students who fail, with the date of each, NaT where unknown."""
    check_table(outcomes, [*_KEYS, "fails"])
    for name in _KEYS:
        check_keys(outcomes[name])
    failing = pd.DataFrame({name: outcomes[name].map(spell_key) for name in _KEYS})
    n_repeated = int(failing.duplicated().sum())
    if n_repeated:
        message = (
            f"outcomes must hold one row for each student and course; {n_repeated} of "
            f"{len(failing)} rows repeat one. Keep one of each."
        )
        raise TableError(message)
    given = outcomes.get("date", pd.Series(pd.NaT, outcomes.index))
    try:
        failing["date"] = pd.to_datetime(given, utc=True)
    except (ValueError, TypeError):
        message = (
            "date needs a date in every row, such as '2026-07-01', or none; found "
            "others. Convert the column with pd.to_datetime."
        )
        raise TableError(message, column="date") from None
    return failing[read_flags(outcomes["fails"], "fails")].reset_index(drop=True)


def lead_times(failing: pd.DataFrame, entries: pd.DataFrame) -> pd.DataFrame:
    """Return how many days before the end each student was first flagged.

    ``failing`` has the columns student, course and date; ``entries`` is
    what `Ledger.entries` returns.
    """
    row = failing.assign(row=failing.index)
    of_rows = entries.merge(row, on=_KEYS)
    of_rows = of_rows[~(of_rows["time"] > of_rows["date"])]
    first = {
        "first_flagged": of_rows["flagged"],
        "first_within_capacity": of_rows["within_capacity"].fillna(False),
    }
    found = failing[_KEYS].copy()
    found["n_told"] = of_rows.groupby("row").size().reindex(row.index, fill_value=0)
    last = of_rows.groupby("row")["time"].max()
    end = failing["date"].fillna(last.reindex(row.index))
    for name, chosen in first.items():
        times = of_rows[chosen.astype(bool)].groupby("row")["time"].min()
        found[name] = times.reindex(row.index)
    found["end"] = end
    for name in first:
        days = (end - found[name]) / pd.Timedelta(days=1)
        found[name.replace("first", "lead_days")] = days
    return found
