"""The tables and columns of Moodle that are read, and how their values are read.

The schema is Moodle's own: ``lib/db``, ``mod/assign/db``, ``mod/quiz/db`` and
``admin/tool/log/store/standard/db``, each with its ``install.xml``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.sources._cells import NULL_WORDS, check_rows, read_floats
from edml.sources._dates import read_dates

Kind = Literal["id", "date", "optional date", "number", "text", "word"]
Values = tuple[str | int, ...]

_NO_ID = ("", "0", r"\N", *NULL_WORDS)
_REMEDY = "Export the table again, as it is stored."
COURSE_LEVEL = 50  # the context of a course


@dataclass(frozen=True)
class Table:
    """What is read of one table."""

    columns: Mapping[str, Kind]
    needs: tuple[str, ...]  # the others are missing values where they are absent
    parent: tuple[str, str] | None = None  # the column that holds ids of a table
    where: Mapping[str, Values] = field(default_factory=dict)
    parent_where: Mapping[str, Values] = field(default_factory=dict)


TABLES = {
    "course": Table(
        {
            "id": "id",
            "shortname": "text",
            "fullname": "text",
            "startdate": "date",
            "enddate": "date",
        },
        needs=("id", "startdate"),
    ),
    "enrol": Table(
        {"id": "id", "courseid": "id", "status": "number", "roleid": "id"},
        needs=("id", "courseid"),
        parent=("courseid", "course"),
    ),
    "user_enrolments": Table(
        {
            "enrolid": "id",
            "userid": "id",
            "status": "number",
            "timestart": "date",
            "timeend": "date",
            "timecreated": "date",
            "timemodified": "date",
        },
        needs=("enrolid", "userid"),
        parent=("enrolid", "enrol"),
    ),
    "role": Table(
        {"id": "id", "shortname": "word", "name": "word", "archetype": "word"},
        needs=("id",),
    ),
    "context": Table(
        {"id": "id", "contextlevel": "number", "instanceid": "id"},
        needs=("id", "contextlevel", "instanceid"),
        parent=("instanceid", "course"),
        where={"contextlevel": (COURSE_LEVEL,)},
    ),
    "role_assignments": Table(
        {"roleid": "id", "contextid": "id", "userid": "id"},
        needs=("roleid", "userid"),
        parent=("contextid", "context"),
    ),
    "user": Table(
        {"id": "id", "idnumber": "text", "lastaccess": "date"}, needs=("id",)
    ),
    "groups": Table(
        {"id": "id", "courseid": "id"},
        needs=("id", "courseid"),
        parent=("courseid", "course"),
    ),
    "groups_members": Table(
        {"groupid": "id", "userid": "id"},
        needs=("groupid", "userid"),
        parent=("groupid", "groups"),
    ),
    "groupings_groups": Table(
        {"groupingid": "id", "groupid": "id"},
        needs=("groupingid", "groupid"),
        parent=("groupid", "groups"),
    ),
    "assign": Table(
        {
            "id": "id",
            "course": "id",
            "name": "text",
            "duedate": "date",
            "allowsubmissionsfromdate": "date",
            "cutoffdate": "date",
            "grade": "number",
            "teamsubmission": "number",
            "teamsubmissiongroupingid": "id",
            "blindmarking": "number",
            "revealidentities": "number",
            "markingworkflow": "number",
        },
        needs=("id", "course", "name", "duedate", "grade"),
        parent=("course", "course"),
    ),
    "assign_submission": Table(
        {
            "id": "id",
            "assignment": "id",
            "userid": "id",
            "groupid": "id",
            "attemptnumber": "number",
            "status": "word",
            "timemodified": "date",
        },
        needs=("assignment", "userid", "status", "timemodified"),
        parent=("assignment", "assign"),
    ),
    "assign_grades": Table(
        {
            "assignment": "id",
            "userid": "id",
            "attemptnumber": "number",
            "grade": "number",
            "timemodified": "date",
        },
        needs=("assignment", "userid", "grade", "timemodified"),
        parent=("assignment", "assign"),
    ),
    "assign_overrides": Table(
        {
            "assignid": "id",
            "groupid": "id",
            "userid": "id",
            "sortorder": "number",
            "allowsubmissionsfromdate": "optional date",
            "duedate": "optional date",
            "cutoffdate": "optional date",
        },
        needs=("assignid", "userid", "duedate"),
        parent=("assignid", "assign"),
    ),
    "assign_user_flags": Table(
        {
            "assignment": "id",
            "userid": "id",
            "extensionduedate": "date",
            "workflowstate": "word",
        },
        needs=("assignment", "userid", "extensionduedate"),
        parent=("assignment", "assign"),
    ),
    "quiz": Table(
        {
            "id": "id",
            "course": "id",
            "name": "text",
            "timeopen": "date",
            "timeclose": "date",
            "timecreated": "date",
            "grade": "number",
            "sumgrades": "number",
            "grademethod": "number",
        },
        needs=("id", "course", "name", "timeclose", "grade", "sumgrades"),
        parent=("course", "course"),
    ),
    "quiz_attempts": Table(
        {
            "id": "id",
            "quiz": "id",
            "userid": "id",
            "attempt": "number",
            "preview": "number",
            "state": "word",
            "timefinish": "date",
            "timemodified": "date",
            "sumgrades": "number",
        },
        needs=("quiz", "userid", "attempt", "state", "timefinish", "sumgrades"),
        parent=("quiz", "quiz"),
    ),
    "quiz_overrides": Table(
        {
            "quiz": "id",
            "groupid": "id",
            "userid": "id",
            "timeopen": "optional date",
            "timeclose": "optional date",
        },
        needs=("quiz", "userid", "timeclose"),
        parent=("quiz", "quiz"),
    ),
    "quiz_grades": Table(
        {"quiz": "id", "userid": "id", "grade": "number", "timemodified": "date"},
        needs=("quiz", "userid", "grade", "timemodified"),
        parent=("quiz", "quiz"),
    ),
    "course_modules": Table(
        {
            "course": "id",
            "module": "id",
            "instance": "id",
            "visible": "number",
            "deletioninprogress": "number",
        },
        needs=("course", "module", "instance", "visible"),
        parent=("course", "course"),
    ),
    "modules": Table({"id": "id", "name": "word"}, needs=("id", "name")),
    "grade_items": Table(
        {
            "id": "id",
            "courseid": "id",
            "itemname": "text",
            "itemtype": "word",
            "itemmodule": "word",
            "iteminstance": "id",
            "itemnumber": "number",
            "gradetype": "number",
            "grademax": "number",
            "grademin": "number",
            "gradepass": "number",
            "hidden": "number",
        },
        needs=("id", "courseid", "itemtype", "itemmodule", "iteminstance", "grademax"),
        parent=("courseid", "course"),
    ),
    "grade_grades": Table(
        {
            "itemid": "id",
            "userid": "id",
            "finalgrade": "number",
            "hidden": "number",
            "excluded": "number",
            "overridden": "date",
            "timemodified": "date",
        },
        needs=("itemid", "userid", "finalgrade", "timemodified"),
        parent=("itemid", "grade_items"),
        parent_where={"itemtype": ("mod", "manual", "course")},
    ),
    # The totals of course and categories change with every grade: they are left out.
    "grade_grades_history": Table(
        {
            "id": "number",
            "action": "number",
            "itemid": "id",
            "userid": "id",
            "finalgrade": "number",
            "hidden": "number",
            "timemodified": "date",
        },
        needs=("id", "itemid", "userid", "finalgrade", "timemodified"),
        parent=("itemid", "grade_items"),
        parent_where={"itemtype": ("mod", "manual")},
    ),
    "logstore_standard_log": Table(
        {
            "userid": "id",
            "courseid": "id",
            "component": "word",
            "timecreated": "date",
            "origin": "word",
            "realuserid": "id",
            "anonymous": "number",
        },
        needs=("userid", "courseid", "component", "timecreated"),
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
        message = (
            "Expected Moodle's tables course, enrol and user_enrolments, all with one "
            f"prefix such as 'mdl_'; found {shown}. Check the source, or pass prefix=."
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
            check_rows(values, fraction, "hold no whole number", _REMEDY)
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
        raise TableError(message)
    read = {}
    for column, kind in spec.columns.items():
        if column in raw.columns:
            values = raw[column]
        else:
            values = pd.Series(np.nan, index=raw.index, name=column)
        try:
            read[column] = _read_column(values, kind, ids)
        except TableError as error:
            message = f"Moodle's table {name}: {error}"
            raise TableError(message, column=column, rows=error.rows) from None
    return pd.DataFrame(read)


def _read_column(values: pd.Series, kind: Kind, ids: Ids) -> pd.Series:
    if kind == "id":
        return ids.encode(values)
    if kind == "number":
        return _read_numbers(values)
    if kind in ("date", "optional date"):
        dates = read_dates(values, "s", "UTC", ".").seconds
        return dates if kind == "optional date" else dates.fillna(0).astype("int64")
    texts = _read_texts(values)
    return texts if kind == "text" else texts.str.strip().str.lower()


def _read_numbers(values: pd.Series) -> pd.Series:
    numbers, bad = read_floats(values)
    check_rows(values, bad, "hold no number", _REMEDY)
    return numbers


def _read_texts(values: pd.Series) -> pd.Series:
    return values.astype("str").fillna("")
