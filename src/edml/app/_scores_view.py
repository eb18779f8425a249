"""The list of students at risk: its rows, marks, filters and file."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.app._events_view import label_column
from edml.schema import COURSE, STUDENT, BoolArray

#: What of the list can be shown.
SHOWN = ("all", "flagged", "contact")
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
_BOM = "\ufeff"  # by which a spreadsheet knows UTF-8
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class Counts(NamedTuple):
    """How many of a list are flagged.

    Attributes
    ----------
    students : int
        Different students, who may be in several courses.
    rows, flagged : int
        Rows, one for each student and course, and the flagged ones among them.
    """

    students: int
    rows: int
    flagged: int


def make_list(students: pd.DataFrame) -> pd.DataFrame:
    """Give the list that people read, most at risk first.

    Parameters
    ----------
    students : DataFrame of shape (n_histories, n_columns)
        From `RiskClassifier.score_students`, with the averages.

    Returns
    -------
    people : DataFrame of shape (n_histories, 7)
        ``student`` and ``course`` by their file number and name, or else by their
        ids; the averages, ``flagged``, ``probability`` and ``change``. The rows are
        those of ``students``, in their order.
    """
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

    A student in several courses is marked where the risk is highest, for who can
    speak with k students can speak with k, in whichever courses they are. Within one
    course these are the students that ``score_students(capacity=k)`` flags.

    Parameters
    ----------
    students : DataFrame of shape (n_histories, n_columns)
        From `RiskClassifier.score_students`.
    k : int
        How many can be contacted.

    Returns
    -------
    contact : ndarray of bool of shape (n_histories,)
    """
    first = ~students[STUDENT].duplicated().to_numpy()
    return first & (np.cumsum(first) <= k)


def count_flagged(students: pd.DataFrame) -> Counts:
    """Count the flagged rows of a list.

    Parameters
    ----------
    students : DataFrame of shape (n_histories, n_columns)
        From `RiskClassifier.score_students`.

    Returns
    -------
    counts : Counts
    """
    return Counts(
        int(students[STUDENT].nunique()), len(students), int(students["flagged"].sum())
    )


def filter_rows(
    people: pd.DataFrame, contact: BoolArray, shown: str, find: str
) -> BoolArray:
    """Tell which rows of a list are shown.

    Parameters
    ----------
    people : DataFrame
        From `make_list`.
    contact : ndarray of bool
        From `mark_contacts`.
    shown : {"all", "flagged", "contact"}
        Of these.
    find : str
        A part of the file number or of the course's name, in any case; of several
        words each must be found.

    Returns
    -------
    kept : ndarray of bool of shape (n_histories,)
    """
    kept = np.ones(len(people), dtype=np.bool_)
    if shown == "flagged":
        kept &= people["flagged"].to_numpy()
    elif shown == "contact":
        kept &= contact
    text = (people["student"] + " " + people["course"]).str.casefold()
    for word in find.casefold().split():
        kept &= text.str.contains(word, regex=False).to_numpy(dtype=np.bool_)
    return kept


def write_csv(students: pd.DataFrame, contact: BoolArray, decimal: str = ".") -> bytes:
    """Write a list as a file that a spreadsheet opens right.

    Where a comma is the decimal sign, spreadsheets expect semicolons between the
    columns. Probabilities are there to the last bit. A text that a spreadsheet would
    take for a formula gets an apostrophe before it, as spreadsheets themselves write a
    text; numbers are never changed, so that only a name or an id that begins with one
    of ``= + - @`` differs from what was scored.

    Parameters
    ----------
    students : DataFrame of shape (n_histories, n_columns)
        From `RiskClassifier.score_students`, with the averages.
    contact : ndarray of bool of shape (n_histories,)
        From `mark_contacts`.
    decimal : {".", ","}, default="."
        The reader's decimal sign.

    Returns
    -------
    data : bytes
        UTF-8 with its mark at the start.
    """
    table = students.assign(contact=contact)
    columns = [name for name in FILE_COLUMNS if name in table.columns]
    safe = table[columns].copy()
    for name in columns:
        if safe[name].dtype.kind not in "bif":
            safe[name] = [_harmless(value) for value in safe[name]]
    separator = ";" if decimal == "," else ","
    text = safe.to_csv(
        index=False, sep=separator, decimal=decimal, lineterminator="\r\n"
    )
    return (_BOM + text).encode("utf-8", "surrogatepass")


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
