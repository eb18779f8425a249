"""read_moodle: an event table from Moodle."""

from collections.abc import Collection
from os import PathLike
from typing import TYPE_CHECKING, Any

import pandas as pd

from edml._urls import is_store
from edml.sources._event_table import Date, as_seconds, make_event_table
from edml.sources._exam_rule import ExamRule, find_exams
from edml.sources._import_report import Tally, hand_over
from edml.sources._moodle._database import Database, open_database
from edml.sources._moodle._grades import (
    read_gradebook,
    read_pass_marks,
    read_totals,
    read_versions,
)
from edml.sources._moodle._handed_in import KEYS, read_attempts, read_handed_in
from edml.sources._moodle._load import Folder, Tables
from edml.sources._moodle._log import read_log
from edml.sources._moodle._people import read_enrolments
from edml.sources._moodle._tables import Ids
from edml.sources._moodle._tidy import (
    History,
    drop_unassigned,
    make_assignments,
    make_exams,
    make_outcomes,
    make_submissions,
)
from edml.sources._moodle._work import Site, read_own_dates, read_works

if TYPE_CHECKING:
    from sqlalchemy import URL, Engine

_NOT_FAILED = 0.6  # from here on, Moodle's default letters are above F


def read_moodle(
    source: "str | PathLike[str] | URL | Engine",
    *,
    courses: Collection[str] | None = None,
    exams: ExamRule = None,
    outcomes: pd.DataFrame | None = None,
    activity: bool = False,
    student_roles: Collection[str] | None = None,
    prefix: str | None = None,
    until: Date | None = None,
    tick_days: int = 1,
    grade_scale: float = 100.0,
    passing_grade: float | None = None,
    return_report: bool = False,
) -> Any:
    """Read an event table from Moodle: exported tables, or its database.

    Students, assignments, quizzes and manual grade items are read with their due dates,
    extensions, submissions and grades. Moodle keeps the present: a re-grade overwrites
    the grade before it. Where its history of grades exists, each version counts from
    its day on; otherwise a grade counts from the day it was last changed. The report
    says which, and how often every other rule applied.

    Parameters
    ----------
    source : path-like, str, sqlalchemy.URL or sqlalchemy.Engine
        A folder with one file per table, named as in Moodle's database, with or
        without its prefix: ``mdl_course.csv``. CSV and Parquet, also with ``.gz``, are
        read. Or the URL of the database, such as
        ``"postgresql://reader:password@host/moodle"`` or ``"mysql://..."``; it is read
        in one read-only transaction.
    courses : collection of str or None, default=None
        Ids or short names of the courses to read. None reads all.
    exams : str, collection of str, callable or None, default=None
        What counts as an exam: a regular expression that is searched in the names,
        ignoring case; the names; a function of a DataFrame with the columns ``course``,
        ``name`` and ``category`` (``"assign"``, ``"quiz"`` or ``"manual"``) that
        returns a bool per row. None searches for the English and Spanish words for
        exams; an empty collection means that nothing is one.
    outcomes : DataFrame or None, default=None
        Final grades from elsewhere, as `make_event_table` takes them. None takes the
        course totals of courses that are over.
    activity : bool, default=False
        Whether to count what students did by ``logstore_standard_log``: the lines of
        each day and kind in a column ``activity_<kind>``, such as ``activity_forum``.
        A database counts them itself, and files are read in blocks.
    student_roles : collection of str or None, default=None
        Short names of the roles that are students. None takes the roles of Moodle's
        archetype ``student``, else the role that is called so.
    prefix : str or None, default=None
        Prefix of the tables' names. None finds it.
    until : datetime, str or float or None, default=None
        The day of the export: no row is later, and a course is over if it ended by
        then. None is the day on which anybody last did something.
    tick_days : int, default=1
        Days between two rows that show a student on a day without events.
    grade_scale : float, default=100.0
        The highest grade of ``outcomes``.
    passing_grade : float or None, default=None
        The lowest final grade that passes, between 0 and ``grade_scale``. It becomes 4,
        which `make_target` expects by default. None takes the courses' pass mark in
        Moodle, or the median of several. If there is none, it is 60 %, the lowest grade
        above F in Moodle's default letters.
    return_report : bool, default=False
        Whether to return the report. Otherwise its doubts are shown as a warning.

    Returns
    -------
    X : DataFrame of shape (n_rows, 25 + n_kinds)
        The event table, by enrolment and day. Ids are Moodle's, as text; that of an
        assignment is ``"assign-12"``, ``"quiz-12"`` or ``"manual-12"``.
    report : ImportReport
        What was read, which rules applied to how many rows, and what Moodle does
        not record. Only if ``return_report`` is true.

    Raises
    ------
    TableError
        If a needed table or column is missing, a value cannot be read, or the database
        cannot be reached. Neither values nor credentials are shown.
    ValueError
        If a parameter is invalid.
    MissingExtraError
        If SQLAlchemy or the database's driver is not installed.

    See Also
    --------
    make_event_table : The event table of any platform's tables.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from edml.sources import read_moodle
    >>> tables = {
    ...     "course": {"id": [2], "fullname": "Art", "startdate": "2024-01-01"},
    ...     "enrol": {"id": [4], "courseid": 2},
    ...     "user_enrolments": {"enrolid": 4, "userid": [7, 8]},
    ...     "assign": {"id": [1], "course": 2, "name": "Essay", "grade": 20},
    ...     "assign_submission": {"assignment": [1], "userid": 7},
    ...     "assign_grades": {"assignment": [1], "userid": 7, "grade": 15},
    ... }
    >>> tables["assign"]["duedate"] = "2024-01-08"
    >>> tables["assign_submission"] |= {"status": "submitted"}
    >>> tables["assign_submission"] |= {"timemodified": "2024-01-07T18:30:00Z"}
    >>> tables["assign_grades"]["timemodified"] = "2024-01-10"
    >>> with TemporaryDirectory() as folder:
    ...     for name, columns in tables.items():
    ...         file = Path(folder, f"mdl_{name}.csv")
    ...         pd.DataFrame(columns).to_csv(file, index=False)
    ...     X, report = read_moodle(folder, return_report=True)
    >>> report.made["students"], report.made["submissions"], report.made["grades"]
    (2, 1, 1)
    >>> float(X["score"].max())  # 15 of 20
    75.0
    """
    tally = Tally()
    if isinstance(source, (str, PathLike)) and (
        is_store(source) or "://" not in str(source)
    ):
        folder = Folder(source, prefix)
        read = _read(folder, courses, student_roles, activity, tally)
        tally.notes += folder.notes
    else:
        with open_database(source, prefix) as database:
            read = _read(database, courses, student_roles, activity, tally)
    history, log, ids = read
    works = history.works[["course", "name"]].assign(category=history.works["module"])
    works["course"] = ids.decode(works["course"])
    are_exams = find_exams(works, exams)
    if until is None:
        until = history.last_trace
        if log is not None:
            until = max(until, log["date"].max()) if len(log) else until
        day = pd.Timestamp(until, unit="s").date()
        tally.notes.append(
            f"The source is of {day}, when somebody last did something; set the day of "
            "the export with until=."
        )
    last = as_seconds(until)
    tables = [
        history.enrolments.drop(columns="course_end"),
        make_assignments(history, are_exams),
        make_submissions(history, are_exams),
        make_exams(history, are_exams, grade_scale),
    ]
    if passing_grade is None:
        passing_grade = grade_scale * _choose_pass_mark(history.pass_marks, tally)
    if outcomes is None:
        tables.append(make_outcomes(history, last, grade_scale, tally))
    tables = [_with_own_ids(table, ids) for table in tables]
    if outcomes is not None:
        tables.append(outcomes)
    if log is not None:
        tables.append(_with_own_ids(log, ids))
    del history
    X, report = make_event_table(
        *tables,
        until=until,
        tick_days=tick_days,
        grade_scale=grade_scale,
        passing_grade=passing_grade,
        unknown="drop",
        return_report=True,
    )
    report = tally.complete(report, "Moodle")
    return hand_over(X, report, return_report)


def _read(
    source: Folder | Database,
    courses: Collection[str] | None,
    student_roles: Collection[str] | None,
    activity: bool,
    tally: Tally,
) -> tuple[History, pd.DataFrame | None, Ids]:
    tables = Tables(source, courses, tally)
    enrolments = read_enrolments(tables, student_roles, tally)
    users = tables.read("user")
    numbers = users[["student", "student_number"]]
    enrolments = enrolments.merge(numbers, on="student", how="left")
    items = tables.read("grade_items")
    works = read_works(tables, items, tally)
    site = Site(tables, enrolments, works, tally)
    own_dates = read_own_dates(site)
    attempts = read_attempts(site)
    handed_in = read_handed_in(site, attempts)
    grades = tables.read("grade_grades")
    gradebook = read_gradebook(site, grades)
    versions = read_versions(site, attempts, gradebook)
    # until when a grade is hidden may lie in the future
    graded = versions["graded"] if gradebook.empty else gradebook["graded"]
    history = History(
        enrolments,
        works,
        own_dates,
        handed_in,
        versions,
        exempt=gradebook.loc[gradebook["excluded"] > 0, KEYS],
        totals=read_totals(items, grades),
        last_trace=_last_date(users["lastaccess"], handed_in["submitted"], graded),
        pass_marks=read_pass_marks(items),
    )
    log = read_log(tables, enrolments, tally) if activity else None
    return drop_unassigned(history, tally), log, tables.ids


def _last_date(*dates: pd.Series) -> float:
    return float(max((one.max() for one in dates if len(one)), default=0))


def _with_own_ids(table: pd.DataFrame, ids: Ids) -> pd.DataFrame:
    """Write ids that are texts as they are in Moodle."""
    if ids.whole:
        return table
    columns = [name for name in ("student", "course") if name in table.columns]
    return table.assign(**{name: ids.decode(table[name]) for name in columns})


def _choose_pass_mark(marks: pd.Series, tally: Tally) -> float:
    """Return the courses' own pass mark if they have one in common."""
    if marks.min() == marks.max():
        mark, whose = float(marks.iloc[0]), "the pass mark of these courses in Moodle"
    elif len(marks):
        mark = float(marks.median())
        whose = (
            f"the median of Moodle's, which are {marks.min():.0%} to {marks.max():.0%}"
        )
    else:
        mark = _NOT_FAILED
        whose = (
            "the lowest grade above F in Moodle's default letters, as these courses "
            "have no pass mark"
        )
    say = tally.notes.append if marks.min() == marks.max() else tally.guess
    say(f"Final grades pass from {mark:.0%} on, {whose}; set it with passing_grade=.")
    return mark
