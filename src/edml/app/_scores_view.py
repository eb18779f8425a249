"""The list of students at risk: its rows, marks, filters and file."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._spreadsheet import without_formulas
from edml._translation import N_
from edml.app._events_view import label_column
from edml.schema import COURSE, STUDENT, BoolArray

#: The filters of the list.
SHOWN = {"all": N_("All"), "flagged": N_("Flagged"), "contact": N_("To contact")}
#: The columns of the file, in order.
FILE_COLUMNS = (
    "legajo",
    "course_name",
    "exam_average",
    "score_average",
    "flagged",
    "probability",
    "change",
    "contact",
    "particion",
    "user_uuid",
    "course_uuid",
)
_BOM = "\ufeff"  # marks the file as UTF-8 for spreadsheets


class Counts(NamedTuple):
    """How many of a list are flagged."""

    students: int  # distinct students, who may be in several courses
    rows: int  # one for each student and course
    flagged: int


def make_list(students: pd.DataFrame) -> pd.DataFrame:
    """Return the readable list, with file numbers and names, in order."""
    return pd.DataFrame(
        {
            "student": label_column(students, "legajo", STUDENT),
            "course": label_column(students, "course_name", COURSE),
            "exam_average": students["exam_average"],
            "score_average": students["score_average"],
            "flagged": students["flagged"].astype(bool),
            "probability": students["probability"],
            "change": students["change"],
        }
    )


def mark_contacts(students: pd.DataFrame, k: int) -> BoolArray:
    """Mark the k students most at risk, each once.

    A student in several courses is marked once, where the risk is highest, because
    capacity is counted in students. Within one course these are the students that
    ``score_students(capacity=k)`` flags.
    """
    first = ~students[STUDENT].duplicated().to_numpy()
    return first & (np.cumsum(first) <= k)


def count_flagged(students: pd.DataFrame) -> Counts:
    """Count the flagged rows of a list."""
    return Counts(
        int(students[STUDENT].nunique()), len(students), int(students["flagged"].sum())
    )


def filter_rows(
    people: pd.DataFrame, contact: BoolArray, shown: str, find: str
) -> BoolArray:
    """Return which rows are shown; each word of ``find`` must occur in a row."""
    kept = np.ones(len(people), dtype=np.bool_)
    if shown == "flagged":
        kept &= people["flagged"].to_numpy()
    elif shown == "contact":
        kept &= contact
    text = (people["student"] + " " + people["course"]).str.casefold()
    for word in find.casefold().split():
        kept &= text.str.contains(word, regex=False).to_numpy(dtype=np.bool_)
    return kept


def write_csv(
    students: pd.DataFrame,
    contact: BoolArray,
    names: Mapping[str, str],
    decimal: str = ".",
) -> bytes:
    """Write a list as a CSV file that a spreadsheet opens correctly.

    ``names`` maps canonical to the user's names, which the columns get.
    Where a comma is the decimal separator, spreadsheets expect semicolons between
    columns. Text that a spreadsheet would run as a formula is prefixed with an
    apostrophe; numbers are never changed.
    """
    table = students.assign(contact=contact)
    columns = [name for name in FILE_COLUMNS if name in table.columns]
    safe = without_formulas(table[columns])
    separator = ";" if decimal == "," else ","
    text = safe.rename(columns=names).to_csv(
        index=False, sep=separator, decimal=decimal, lineterminator="\r\n"
    )
    return (_BOM + text).encode("utf-8", "surrogatepass")
