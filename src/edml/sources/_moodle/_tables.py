"""The tables and columns of Moodle that are read, and how their values are read.

The schema is Moodle's own: ``lib/db``, ``mod/assign/db``, ``mod/quiz/db`` and
``admin/tool/log/store/standard/db``, each with its ``install.xml``.
"""

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from edml._messages import table_error
from edml.sources._cells import NULL_WORDS, check_rows, read_floats
from edml.sources._dates import read_dates
from edml.sources._raw import describe_tables, naming

Values = tuple[str | int, ...]

_NO_ID = ("", "0", r"\N", *NULL_WORDS)
_REMEDY = "Export the table again, as it is stored."

_ITEMS = ("mod", "manual")  # not the totals, which change with every grade
WHERE: Mapping[str, Mapping[str, Values]] = {"context": {"contextlevel": (50,)}}
PARENT_WHERE: Mapping[str, Mapping[str, Values]] = {
    "grade_grades": {"itemtype": (*_ITEMS, "course")},
    "grade_grades_history": {"itemtype": _ITEMS},
}
TABLES = describe_tables("""
course id(id!) date(startdate!:course_start enddate:course_end)
    text(shortname fullname)
enrol id(id!:enrolid courseid!>course:course roleid) number(status:method_status)
user_enrolments id(enrolid!>enrol userid!:student)
    date(timestart timeend timecreated timemodified) number(status)
role id(id!) word(shortname name archetype)
context id(id!:contextid instanceid!>course:course) number(contextlevel!)
role_assignments id(roleid! contextid>context userid!:student)
user id(id!:student) date(lastaccess) text(idnumber:student_number)
groups id(id!:groupid courseid!>course:course)
groups_members id(groupid!>groups userid!:student)
groupings_groups id(groupingid!:teamsubmissiongroupingid groupid!>groups)
assign id(id!:instance course!>course teamsubmissiongroupingid)
    date(duedate!:due allowsubmissionsfromdate:unlock cutoffdate:lock)
    number(grade! teamsubmission blindmarking revealidentities markingworkflow)
    text(name!)
assign_submission id(id:submission assignment!>assign userid!:student groupid)
    date(timemodified!:submitted) number(attemptnumber) word(status!)
assign_grades id(assignment!>assign userid!:student) date(timemodified!:graded)
    number(attemptnumber grade!)
assign_overrides id(assignid!>assign groupid userid!:student)
    null_date(allowsubmissionsfromdate:unlock duedate!:due cutoffdate:lock)
    number(sortorder)
assign_user_flags id(assignment!>assign userid!:student) date(extensionduedate!)
    word(workflowstate)
quiz id(id!:instance course!>course)
    date(timeopen:unlock timeclose!:due timecreated:created)
    number(grade! sumgrades! grademethod) text(name!)
quiz_attempts id(id quiz!>quiz userid!:student)
    date(timefinish!:submitted timemodified) number(attempt! preview sumgrades!)
    word(state!)
quiz_overrides id(quiz!>quiz groupid userid!:student)
    null_date(timeopen:unlock timeclose!:due)
quiz_grades id(quiz!>quiz userid!:student) date(timemodified!:graded) number(grade!)
course_modules id(course!>course module! instance!)
    number(visible! deletioninprogress)
modules id(id!:module) word(name!:kind)
grade_items id(id! courseid!>course:course iteminstance!)
    number(itemnumber gradetype grademax! grademin gradepass hidden) text(itemname)
    word(itemtype! itemmodule!)
grade_grades id(itemid!>grade_items userid!:student) date(overridden timemodified!)
    number(finalgrade! hidden excluded)
grade_grades_history id(itemid!>grade_items userid!:student) date(timemodified!)
    number(id! action finalgrade! hidden)
logstore_standard_log id(userid! courseid!>course realuserid) date(timecreated!)
    number(anonymous) word(component! origin)
""")


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
        raise table_error(
            "not_moodle",
            "Expected Moodle's tables course, enrol and user_enrolments, all with one "
            f"prefix such as 'mdl_'; found {shown}. Check the source, or pass prefix=.",
        )
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
        raise table_error("table_lacks_columns", message, table=name, columns=absent)
    read = {}
    for column, kind in spec.columns.items():
        if column in raw.columns:
            values = raw[column]
        else:
            values = pd.Series(np.nan, index=raw.index, name=column)
        with naming(f"Moodle's table {name}"):
            read[spec.names[column]] = _read_column(values, kind, ids)
    return pd.DataFrame(read)


def _read_column(values: pd.Series, kind: str, ids: Ids) -> pd.Series:
    if kind == "id":
        return ids.encode(values)
    if kind == "number":
        return _read_numbers(values)
    if kind in ("date", "null_date"):
        dates = read_dates(values, "s", "UTC", ".").seconds
        return dates if kind == "null_date" else dates.fillna(0).astype("int64")
    texts = _read_texts(values)
    return texts if kind == "text" else texts.str.strip().str.lower()


def _read_numbers(values: pd.Series) -> pd.Series:
    numbers, bad = read_floats(values)
    check_rows(values, bad, "hold no number", _REMEDY, code="not_numbers")
    return numbers


def _read_texts(values: pd.Series) -> pd.Series:
    return values.astype("str").fillna("")
