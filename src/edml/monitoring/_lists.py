"""The lists of a ledger: how they moved from week to week, and how early they came."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from edml._page import Table
from edml._translation import N_
from edml._words import Words
from edml.ledger import Ledger
from edml.monitoring._signs import CANNOT_TELL, FINE, LOOK, Part, Sign, make_part
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
    nothing = Sign(
        "no-lists",
        CANNOT_TELL,
        N_("The ledger holds no list of these courses."),
        N_("Record the lists, for example with edml predict --ledger."),
    )
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
    signs = [
        Sign(
            "lists",
            FINE,
            N_(
                "Weeks with lists: {n_weeks}. In the last one, {n} students have a "
                "mean risk of {share_mean}, and {share} are flagged."
            ),
            "",
            found,
        )
    ]
    compared = int(last["n_compared"])
    if compared < _MANY:
        return signs
    flips, moved = float(last["flip_rate"]), abs(float(last["mean_change"]))
    if flips > _FLIPS:
        signs.append(
            Sign(
                "lists-flip",
                LOOK,
                N_(
                    "The flags of {share} of {n} students changed within the last week."
                ),
                N_(
                    "Compare the two lists before anyone acts on them: look for "
                    "another model, another threshold or a fault of the feed."
                ),
                {"share": flips, "n": compared},
            )
        )
    if moved > _MOVE:
        signs.append(
            Sign(
                "lists-move",
                LOOK,
                N_("The mean risk of {n} students moved by {share} in the last week."),
                N_("Look for an exam, another model or a fault of the feed."),
                {"share": moved, "n": compared},
            )
        )
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
    details = {"n": lead["n_failing"]}
    if not lead["n_flagged"]:
        verdict = LOOK if lead["n_failing"] >= _MANY else FINE
        text = N_("None of the {n} students who fail was flagged on a list.")
        remedy = N_("Look at the threshold of the model.")
        return [Sign("never-flagged", verdict, text, remedy, details)]
    details |= {"n_flagged": lead["n_flagged"], "days": lead["median"]}
    text = N_(
        "Of {n} students who fail, {n_flagged} were flagged on a list, half of them at "
        "least {days} days before their last one."
    )
    return [Sign("lead-time", FINE, text, "", details)]


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
