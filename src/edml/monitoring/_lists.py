"""The lists of a ledger: how they moved from week to week, and how early they came."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from edml._page import Table
from edml._words import Words
from edml.ledger import Ledger
from edml.monitoring._signs import (
    CANNOT_TELL,
    FINE,
    LOOK,
    Part,
    Sign,
    make_part,
    make_sign,
)
from edml.schema import COURSE, STUDENT, FloatArray, spell_key

_MANY = 30  # students, of whom a share is worth a look
_FLIPS, _MOVE = 0.2, 0.1  # of the flags, and of the mean probability, in a week
_LAST = 8  # weeks in the text


def read_lists(
    ledger: Ledger, X: pd.DataFrame, names: Mapping[str, str], outcome: Any
) -> tuple[Part, pd.DataFrame | None, dict[str, Any] | None]:
    """Return the part, `Ledger.changes` of the courses, and how early flags came."""
    weeks = lead = None
    if ledger.path.exists():  # the first list makes it
        weeks = ledger.changes(course=X[names[COURSE]].dropna().unique().tolist())
        if outcome is not None and len(weeks):
            lead = _read_lead_time(ledger, X, names, outcome)
    nothing = make_sign("no-lists", CANNOT_TELL)
    return make_part("lists", [*_judge(weeks), *_tell_lead(lead)], nothing), weeks, lead


def _judge(weeks: pd.DataFrame | None) -> list[Sign]:
    if weeks is None or not len(weeks):
        return []
    last = weeks.iloc[-1]
    found = {
        "n_weeks": len(weeks),
        "n": int(last["n_students"]),
        "share_mean": float(last["mean"]),
        "share": float(last["flagged_share"]),
    }
    signs = [make_sign("lists", FINE, **found)]
    compared = int(last["n_compared"])
    if compared < _MANY:
        return signs
    flips, moved = float(last["flip_rate"]), abs(float(last["mean_change"]))
    if flips > _FLIPS:
        signs.append(make_sign("lists-flip", LOOK, share=flips, n=compared))
    if moved > _MOVE:
        signs.append(make_sign("lists-move", LOOK, share=moved, n=compared))
    return signs


def _read_lead_time(
    ledger: Ledger, X: pd.DataFrame, names: Mapping[str, str], outcome: FloatArray
) -> dict[str, Any] | None:
    """Return how many days before their last list failing students were flagged."""
    keys = {"student": names[STUDENT], "course": names[COURSE]}
    outcomes = pd.DataFrame(
        {name: X[column].map(spell_key).to_numpy() for name, column in keys.items()}
    )
    outcomes = outcomes.assign(fails=outcome).dropna(subset="fails")
    outcomes = outcomes.drop_duplicates(list(keys), keep="last")
    if outcomes.empty:
        return None
    lead = ledger.lead_time(outcomes.astype({"fails": int}))
    lead = lead[lead["n_told"] > 0]
    days = lead["lead_days_flagged"].dropna()
    quartiles = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}
    return {
        "n_failing": len(lead),
        "n_flagged": len(days),
        "n_within_capacity": int(lead["lead_days_within_capacity"].notna().sum()),
        **{
            name: float(days.quantile(one)) if len(days) else None
            for name, one in quartiles.items()
        },
    }


def _tell_lead(lead: dict[str, Any] | None) -> list[Sign]:
    if not lead or not lead["n_failing"]:
        return []
    n, n_flagged = lead["n_failing"], lead["n_flagged"]
    if not n_flagged:
        return [make_sign("never-flagged", LOOK if n >= _MANY else FINE, n=n)]
    days = lead["median"]
    return [make_sign("lead-time", FINE, n=n, n_flagged=n_flagged, days=days)]


def tabulate_weeks(weeks: pd.DataFrame, words: Words) -> Table:
    """Return the last weeks of `Ledger.changes`."""
    rows = [
        (
            one.week.date().isoformat(),
            words.number(one.n_students),
            words.percent(one.mean),
            words.percent(one.flagged_share),
            words.percent(one.flip_rate),
        )
        for one in weeks.tail(_LAST).itertuples()
    ]
    head = [
        words("week from"),
        words("students"),
        words("mean risk"),
        words("share flagged"),
        words("flags changed"),
    ]
    return Table(words("Lists week by week"), head, rows)
