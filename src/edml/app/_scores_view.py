"""The list of students at risk: its rows, marks, search and file."""

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._spreadsheet import without_formulas
from edml._translation import N_
from edml.app._events_view import Events, find_people
from edml.app._words import Words
from edml.schema import COURSE, STUDENT, BoolArray

#: The filters of the list.
SHOWN = {"all": N_("All"), "flagged": N_("Flagged"), "contact": N_("To contact")}
_BOM = "\ufeff"  # marks the file as UTF-8 for spreadsheets


class Counts(NamedTuple):
    """How many of a list are flagged."""

    students: int  # distinct students, who may be in several courses
    rows: int  # one for each student and course
    flagged: int


def make_list(events: Events, students: pd.DataFrame) -> pd.DataFrame:
    """Return the readable list, with file numbers, names and periods, in order."""
    people = find_people(events, students, STUDENT, COURSE)
    return people.drop(columns="id").assign(
        exam_average=students["exam_average"],
        score_average=students["score_average"],
        flagged=students["flagged"].astype(bool),
        probability=students["probability"],
        change=students["change"],
    )


def add_said(people: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """Add what `Ledger.previous` returned; the change is since then where known."""
    change = people["probability"] - said["probability"]
    names = ("time", "day", "probability", "flagged")
    return people.assign(
        change=people["change"].mask(said["probability"].notna(), change),
        **{f"said_{name}": said[name] for name in names},
    )


def mark_contacts(
    students: pd.DataFrame, k: int, ticked: Mapping[int, bool] | None = None
) -> BoolArray:
    """Mark the k students most at risk, each once, then what was ticked by hand.

    A student in several courses is marked once, where the risk is highest, because
    capacity is counted in students. Within one course these are the students that
    ``score_students(capacity=k)`` flags. ``ticked`` maps positions to marks.
    """
    first = ~students[STUDENT].duplicated().to_numpy()
    contact: BoolArray = first & (np.cumsum(first) <= k)
    for row, mark in (ticked or {}).items():
        contact[row] = mark
    return contact


def count_flagged(students: pd.DataFrame) -> Counts:
    """Count the flagged rows of a list."""
    return Counts(
        int(students[STUDENT].nunique()), len(students), int(students["flagged"].sum())
    )


def filter_rows(
    people: pd.DataFrame, contact: BoolArray, shown: str, find: str
) -> BoolArray:
    """Return which rows are shown; each word of ``find`` must occur in a row.

    Accents and case do not matter.
    """
    kept = np.ones(len(people), dtype=np.bool_)
    if shown == "flagged":
        kept &= people["flagged"].to_numpy()
    elif shown == "contact":
        kept &= contact
    if wanted := _bare(find).split():
        text = (people["student"] + " " + people["run"]).map(_bare)
        for word in wanted:
            kept &= text.str.contains(word, regex=False).to_numpy(dtype=np.bool_)
    return kept


def write_csv(people: pd.DataFrame, at: int, words: Words) -> bytes:
    """Write a list as a CSV file that a spreadsheet opens correctly.

    Headings, decimal commas and separators are those of the reader's language: where
    a comma is the decimal separator, spreadsheets expect semicolons between columns.
    Percentages are rounded as in the table. Text that a spreadsheet would run as a
    formula is prefixed with an apostrophe.
    """
    table = pd.DataFrame(
        {
            words("Student"): people["student"],
            words("Course"): people["course"],
            words("Period"): people["period"],
            words("Course day"): at,
            words("Risk of failing (%)"): (100 * people["probability"]).round(1),
            words("Change in a week (points)"): to_points(people["change"]),
            words.pgettext("one student", "Flagged"): _say(people["flagged"], words),
            words("Contact"): _say(people["contact"], words),
            words("Reasons"): people["reasons"].map("; ".join, na_action="ignore"),
            words("Exam average"): people["exam_average"].round(1),
            words("Activity average"): people["score_average"].round(1),
        }
    )
    text = without_formulas(table).to_csv(
        index=False,
        sep=";" if words.decimal == "," else ",",
        decimal=words.decimal,
        lineterminator="\r\n",
    )
    return (_BOM + text).encode("utf-8", "surrogatepass")


def to_points(change: pd.Series) -> pd.Series:
    """Return changes in percentage points, to one decimal and without -0.0."""
    return (100 * change).round(1) + 0.0


def _say(marks: pd.Series, words: Words) -> np.ndarray:
    return np.where(marks, words("yes"), words("no"))


def _bare(text: str) -> str:
    """Return a text without case and accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in parts if not unicodedata.combining(one))
