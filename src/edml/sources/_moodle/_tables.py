"""The tables and columns of Moodle that are read, and how their values are read.

The schema is Moodle's own: ``lib/db``, ``mod/assign/db``, ``mod/quiz/db`` and
``admin/tool/log/store/standard/db``, each with its ``install.xml``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.exceptions import TableError
from edml.sources._cells import NULL_WORDS, check_rows, read_floats
from edml.sources._dates import read_dates
from edml.sources._raw import columns_by_kind, naming

Values = tuple[str | int, ...]

_NO_ID = ("", "0", r"\N", *NULL_WORDS)
_REMEDY = "Export the table again, as it is stored."
COURSE_LEVEL = 50  # the context of a course


@dataclass(frozen=True)
class Table:
    """What is read of one table."""

    columns: Mapping[str, str]
    needs: tuple[str, ...]  # the others are missing values where they are absent
    parent: tuple[str, str] | None  # the column that holds ids of a table
    where: Mapping[str, Values]
    parent_where: Mapping[str, Values]


def _table(
    needs: str,
    *,
    parent: tuple[str, str] | None = None,
    where: Mapping[str, Values] | None = None,
    parent_where: Mapping[str, Values] | None = None,
    **columns: str,
) -> Table:
    """Describe a table by its columns of each kind, separated by spaces."""
    kinds = columns_by_kind(columns)
    return Table(kinds, tuple(needs.split()), parent, where or {}, parent_where or {})


TABLES = {
    "course": _table(
        "id startdate",
        id="id",
        date="startdate enddate",
        text="shortname fullname",
    ),
    "enrol": _table(
        "id courseid",
        id="id courseid roleid",
        number="status",
        parent=("courseid", "course"),
    ),
    "user_enrolments": _table(
        "enrolid userid",
        id="enrolid userid",
        date="timestart timeend timecreated timemodified",
        number="status",
        parent=("enrolid", "enrol"),
    ),
    "role": _table("id", id="id", word="shortname name archetype"),
    "context": _table(
        "id contextlevel instanceid",
        id="id instanceid",
        number="contextlevel",
        parent=("instanceid", "course"),
        where={"contextlevel": (COURSE_LEVEL,)},
    ),
    "role_assignments": _table(
        "roleid userid",
        id="roleid contextid userid",
        parent=("contextid", "context"),
    ),
    "user": _table("id", id="id", date="lastaccess", text="idnumber"),
    "groups": _table("id courseid", id="id courseid", parent=("courseid", "course")),
    "groups_members": _table(
        "groupid userid",
        id="groupid userid",
        parent=("groupid", "groups"),
    ),
    "groupings_groups": _table(
        "groupingid groupid",
        id="groupingid groupid",
        parent=("groupid", "groups"),
    ),
    "assign": _table(
        "id course name duedate grade",
        id="id course teamsubmissiongroupingid",
        date="duedate allowsubmissionsfromdate cutoffdate",
        number="grade teamsubmission blindmarking revealidentities markingworkflow",
        text="name",
        parent=("course", "course"),
    ),
    "assign_submission": _table(
        "assignment userid status timemodified",
        id="id assignment userid groupid",
        date="timemodified",
        number="attemptnumber",
        word="status",
        parent=("assignment", "assign"),
    ),
    "assign_grades": _table(
        "assignment userid grade timemodified",
        id="assignment userid",
        date="timemodified",
        number="attemptnumber grade",
        parent=("assignment", "assign"),
    ),
    "assign_overrides": _table(
        "assignid userid duedate",
        id="assignid groupid userid",
        optional_date="allowsubmissionsfromdate duedate cutoffdate",
        number="sortorder",
        parent=("assignid", "assign"),
    ),
    "assign_user_flags": _table(
        "assignment userid extensionduedate",
        id="assignment userid",
        date="extensionduedate",
        word="workflowstate",
        parent=("assignment", "assign"),
    ),
    "quiz": _table(
        "id course name timeclose grade sumgrades",
        id="id course",
        date="timeopen timeclose timecreated",
        number="grade sumgrades grademethod",
        text="name",
        parent=("course", "course"),
    ),
    "quiz_attempts": _table(
        "quiz userid attempt state timefinish sumgrades",
        id="id quiz userid",
        date="timefinish timemodified",
        number="attempt preview sumgrades",
        word="state",
        parent=("quiz", "quiz"),
    ),
    "quiz_overrides": _table(
        "quiz userid timeclose",
        id="quiz groupid userid",
        optional_date="timeopen timeclose",
        parent=("quiz", "quiz"),
    ),
    "quiz_grades": _table(
        "quiz userid grade timemodified",
        id="quiz userid",
        date="timemodified",
        number="grade",
        parent=("quiz", "quiz"),
    ),
    "course_modules": _table(
        "course module instance visible",
        id="course module instance",
        number="visible deletioninprogress",
        parent=("course", "course"),
    ),
    "modules": _table("id name", id="id", word="name"),
    "grade_items": _table(
        "id courseid itemtype itemmodule iteminstance grademax",
        id="id courseid iteminstance",
        number="itemnumber gradetype grademax grademin gradepass hidden",
        text="itemname",
        word="itemtype itemmodule",
        parent=("courseid", "course"),
    ),
    "grade_grades": _table(
        "itemid userid finalgrade timemodified",
        id="itemid userid",
        date="overridden timemodified",
        number="finalgrade hidden excluded",
        parent=("itemid", "grade_items"),
        parent_where={"itemtype": ("mod", "manual", "course")},
    ),
    # The totals of course and categories change with every grade: they are left out.
    "grade_grades_history": _table(
        "id itemid userid finalgrade timemodified",
        id="itemid userid",
        date="timemodified",
        number="id action finalgrade hidden",
        parent=("itemid", "grade_items"),
        parent_where={"itemtype": ("mod", "manual")},
    ),
    "logstore_standard_log": _table(
        "userid courseid component timecreated",
        id="userid courseid realuserid",
        date="timecreated",
        number="anonymous",
        word="component origin",
        parent=("courseid", "course"),
    ),
}


def find_prefix(found: Collection[str], prefix: str | None) -> str:
    """Return the prefix of the tables' names, such as ``mdl_``."""
    ending = "user_enrolments"
    prefixes = [name[: -len(ending)] for name in found if name.endswith(ending)]
    prefixes = [one for one in prefixes if one + "course" in found]
    if prefix is not None:
        prefixes = [one for one in prefixes if one == prefix]
    if len(prefixes) != 1:
        names = sorted(found)
        more = " and others" if len(names) > 10 else ""
        shown = f"only {', '.join(names[:10])}{more}" if names else "none"
        if prefixes:
            shown = f"those of the prefixes {sorted(prefixes)}"
        message = coded(
            "not_moodle",
            "Expected Moodle's tables course, enrol and user_enrolments, all with one "
            f"prefix such as 'mdl_'; found {shown}. Check the source, or pass prefix=.",
        )
        raise TableError(message)
    return prefixes[0]


class Ids:
    """The ids as whole numbers, 0 for none: as they are, or as codes of texts."""

    def __init__(self, of_courses: pd.Series) -> None:
        texts = of_courses.astype("str").str.strip()
        self.whole = bool(texts.str.fullmatch(r"[1-9]\d*").all())
        self._codes = {"": 0}

    def encode(self, values: pd.Series) -> pd.Series:
        """Read ids; Moodle writes 0 or null for none."""
        if self.whole:
            numbers = _read_numbers(values)
            fraction = (numbers % 1 > 0).to_numpy()
            check_rows(
                values, fraction, "hold no whole number", _REMEDY, code="not_numbers"
            )
            return numbers.fillna(0).astype("int64")
        codes, texts = pd.factorize(_read_texts(values).str.strip())
        numbers_of_texts = [
            0 if text in _NO_ID else self._codes.setdefault(text, len(self._codes))
            for text in texts
        ]
        found = np.array(numbers_of_texts, dtype=np.int64)[codes]
        return pd.Series(found, index=values.index)

    def decode(self, ids: pd.Series) -> pd.Series:
        """Return ids as text, as they are in Moodle."""
        if self.whole:
            return ids.astype("str")
        texts = np.array(list(self._codes), dtype=object)
        codes = ids.fillna(0).astype("int64")
        return pd.Series(texts[codes], index=ids.index, dtype="str")


def read_values(name: str, raw: pd.DataFrame, ids: Ids) -> pd.DataFrame:
    """Read the columns of a table: missing ids, dates and texts become 0 or ''."""
    spec = TABLES[name]
    absent = [column for column in spec.needs if column not in raw.columns]
    if absent:
        message = (
            f"Moodle's table {name} lacks the columns {absent}. Export them too; their "
            "names are those of Moodle's database."
        )
        raise TableError(
            coded("table_lacks_columns", message, table=name, columns=absent)
        )
    read = {}
    for column, kind in spec.columns.items():
        if column in raw.columns:
            values = raw[column]
        else:
            values = pd.Series(np.nan, index=raw.index, name=column)
        with naming(f"Moodle's table {name}"):
            read[column] = _read_column(values, kind, ids)
    return pd.DataFrame(read)


def _read_column(values: pd.Series, kind: str, ids: Ids) -> pd.Series:
    if kind == "id":
        return ids.encode(values)
    if kind == "number":
        return _read_numbers(values)
    if kind in ("date", "optional_date"):
        dates = read_dates(values, "s", "UTC", ".").seconds
        return dates if kind == "optional_date" else dates.fillna(0).astype("int64")
    texts = _read_texts(values)
    return texts if kind == "text" else texts.str.strip().str.lower()


def _read_numbers(values: pd.Series) -> pd.Series:
    numbers, bad = read_floats(values)
    check_rows(values, bad, "hold no number", _REMEDY, code="not_numbers")
    return numbers


def _read_texts(values: pd.Series) -> pd.Series:
    return values.astype("str").fillna("")
