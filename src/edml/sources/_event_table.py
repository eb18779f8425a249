"""make_event_table: an event table from tidy tables with plain English columns."""

from collections.abc import Mapping
from datetime import datetime
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml.schema import FloatArray, IntArray
from edml.sources._counts import count_days, read_counts, read_kinds
from edml.sources._enrolments import (
    ENROLMENT_COLUMNS,
    ENROLMENT_OPTIONS,
    Seats,
    last_days,
    make_ticks,
    read_seat_periods,
    read_seats,
)
from edml.sources._exam_rule import suggest_kinds
from edml.sources._grades import (
    EXAM_COLUMNS,
    EXAM_OPTIONS,
    OUTCOME_COLUMNS,
    make_exams,
    read_outcomes,
)
from edml.sources._import_report import ImportReport, Tally, hand_over
from edml.sources._matching import Matching, Unknown
from edml.sources._rows import Events, lay_out
from edml.sources._tidy import TidyTable, read_tidy
from edml.sources._versions import epoch_days, latest_of
from edml.sources._work import (
    ASSIGNMENT_COLUMNS,
    ASSIGNMENT_OPTIONS,
    SUBMISSION_COLUMNS,
    SUBMISSION_OPTIONS,
    make_creations,
    make_submissions,
)

Date = str | float | datetime
_NUMBERS = ("points_possible", "score", "grade", "final_grade", "count")
#: The tables, and the columns of each that are required and optional.
COLUMNS_OF: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "enrolments": (ENROLMENT_COLUMNS, ENROLMENT_OPTIONS),
    "assignments": (ASSIGNMENT_COLUMNS, ASSIGNMENT_OPTIONS),
    "submissions": (SUBMISSION_COLUMNS, SUBMISSION_OPTIONS),
    "exams": (EXAM_COLUMNS, EXAM_OPTIONS),
    "outcomes": (OUTCOME_COLUMNS, ()),
    "activity": (("student", "course", "date"), ("kind", "count")),
}


def make_event_table(
    enrolments: pd.DataFrame,
    assignments: pd.DataFrame,
    submissions: pd.DataFrame,
    exams: pd.DataFrame | None = None,
    outcomes: pd.DataFrame | None = None,
    activity: pd.DataFrame | None = None,
    *,
    until: Date | None = None,
    tick_days: int = 1,
    grade_scale: float = 10.0,
    passing_grade: float | None = None,
    unknown: Unknown = "raise",
    return_report: bool = False,
) -> Any:
    """Make an event table from tidy tables with plain English columns.

    Ids may be numbers or text: 1004, 1004.0 and ``"1004"`` are one id, ``"01004"``
    another. Dates are datetimes, ISO 8601 text, or seconds, milliseconds, microseconds
    or nanoseconds since 1970; without a time zone they are UTC, and a day is a UTC
    calendar day. Other columns are ignored, which the report says.

    Parameters
    ----------
    enrolments : DataFrame
        One row per student and course.

        - ``student``, ``course`` (required): ids.
        - ``start`` (required): the date that is day 0 of the course.
        - ``joined``: the date the student joined; the student's rows begin then, and
          what happened earlier counts on that day.
        - ``end``: the last date of the course, or the date the student left it; no row
          is later.
        - ``course_name``: a name for people to read.
        - ``period``: the half-year, ``"1-2024"`` or ``"2-2024"``. Inferred from
          ``start`` if the column is absent.
        - ``student_number``: the number that people know the student by.
    assignments : DataFrame
        One row per assignment of a course. It shows on its due day (or the day it was
        created, if that is later), as a zero until something is submitted. One without
        a due date cannot be missed: it shows with its submission.

        - ``course``, ``assignment`` (required): ids.
        - ``name`` (required): its name. One that a course has twice gets the id added.
        - ``unlock``, ``due``, ``created``, ``lock``: its dates.
        - ``points_possible``: for people to read.
        - ``student``: an id in a row that holds for this student only, such as an
          extension. A date that this row leaves empty is that of the row for
          everybody; without that row, only these students have the assignment.
    submissions : DataFrame
        One row per submission. Several of one student and assignment are versions of
        one submission: it was handed in at the first date, and a later score replaces
        an earlier one from the day that it is known.

        - ``student``, ``course``, ``assignment`` (required): ids.
        - ``submitted``: the date it was handed in; empty for work done offline.
        - ``graded``: the date from which the score was known. If empty, it was known
          when it was handed in.
        - ``score``: percent, 0 to 100; empty while it is not graded.
        - ``submission``: its id. ``kind``: such as ``"online_upload"``.
    exams : DataFrame or None, default=None
        One row per student and exam. Several are versions of one grade, as above.

        - ``student``, ``course`` (required): ids.
        - ``exam`` (required): the name of the exam.
        - ``date`` (required): the date it was held.
        - ``graded``: the date from which the grade was known, if later.
        - ``grade``: 0 to ``grade_scale``; empty if the student was absent, which
          counts as 0.
    outcomes : DataFrame or None, default=None
        One row per student and course that is over.

        - ``student``, ``course`` (required): ids.
        - ``final_grade`` (required): 0 to ``grade_scale``; empty while it is not known.
    activity : DataFrame or None, default=None
        What students did: clicks, lessons attended, or lines of a log. It becomes
        columns ``activity_<kind>`` with the counts of each day, as
        `~edml.sources.add_activity` makes them.

        - ``student``, ``course``, ``date`` (required): who, where and when.
        - ``kind``: such as ``"forum"``; ``"all"`` if the column is absent.
        - ``count``: how often, from 0 on; a row counts 1 if the column is absent.
    until : datetime, str or float or None, default=None
        The day of the export: no row is later. None is the day of the last submission,
        grade, exam or activity.
    tick_days : int, default=1
        Days between two ticks, the rows that show a student on a day without events.
        They are on the first day of an enrolment and on multiples of ``tick_days``.
    grade_scale : float, default=10.0
        The highest grade of ``exams`` and ``outcomes``; grades are scaled to 0..10.
    passing_grade : float or None, default=None
        The lowest final grade that passes, between 0 and ``grade_scale``. It becomes 4,
        which `make_target` expects by default. None is 40 % of ``grade_scale``.
    unknown : {"raise", "drop"}, default="raise"
        Whether rows of a course, an assignment or an enrolment that the other tables
        lack are an error, or are left out and counted in the report.
    return_report : bool, default=False
        Whether to return the report. Otherwise its doubts are shown as a warning.

    Returns
    -------
    X : DataFrame of shape (n_rows, 25 + n_kinds)
        The event table, by enrolment and day. The score of a re-graded submission is in
        parts whose mean is the version that is known on a day.
    report : ImportReport
        What was left out and inferred. Only if ``return_report`` is true.

    Raises
    ------
    TableError
        If a table lacks a column, a value cannot be read, or an id is unknown.
    ValueError
        If a parameter is invalid.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.sources import make_event_table
    >>> enrolments = pd.DataFrame({"student": [7, 8], "course": "ART"})
    >>> enrolments["start"], enrolments["end"] = "2024-02-05", "2024-06-01"
    >>> assignments = pd.DataFrame({"course": ["ART"], "assignment": [1]})
    >>> assignments["name"], assignments["due"] = "Essay", "2024-02-12"
    >>> submissions = pd.DataFrame(
    ...     {"student": ["7", "7"], "course": "ART", "assignment": 1, "score": [50, 80]}
    ... )
    >>> submissions["submitted"] = "2024-02-11"
    >>> submissions["graded"] = ["2024-02-14", "2024-02-16"]  # and again
    >>> X, report = make_event_table(
    ...     enrolments, assignments, submissions, return_report=True
    ... )
    >>> report.made["students"], report.made["submissions"], report.made["grades"]
    (2, 1, 2)
    >>> from edml.feature_extraction import FeatureEngineer
    >>> features = FeatureEngineer().fit_transform(X[X["user_uuid"] == "7"])
    >>> features.groupby("particion")["score_mean"].last().loc[8:]
    particion
    8.0      0.0
    9.0     50.0
    10.0    50.0
    11.0    80.0
    Name: score_mean, dtype: float64
    """
    check_scalar(tick_days, "tick_days", Integral, min_val=1)
    check_scalar(
        grade_scale, "grade_scale", Real, min_val=0, include_boundaries="neither"
    )
    if passing_grade is not None:
        check_scalar(
            passing_grade,
            "passing_grade",
            Real,
            min_val=0,
            max_val=grade_scale,
            include_boundaries="neither",
        )
    if unknown not in ("raise", "drop"):
        message = f"unknown is 'raise' or 'drop', found {unknown!r}."
        raise ValueError(message)
    tally = Tally()
    given = (enrolments, assignments, submissions, exams, outcomes, activity)
    tables = _read(given, tally.notes)
    enrolled, handed_in, sat, ended = (
        tables[name] for name in ("enrolments", "submissions", "exams", "outcomes")
    )
    seats = read_seats(enrolled)
    matching = Matching(unknown, tally)
    work = matching.find_work(tables["assignments"], seats)
    seat = matching.find_seats(handed_in, seats)
    item = matching.find_items(handed_in, seat, seats, work)
    exam_seat = matching.find_seats(sat, seats)
    ended_seat = matching.find_seats(ended, seats)

    submitted = make_submissions(handed_in, seat, item, work, seats)
    examined = make_exams(sat, exam_seat, seats, grade_scale)
    final = read_outcomes(ended, ended_seat, len(enrolled), grade_scale, passing_grade)
    latest = max(submitted.latest, examined.latest)
    active, done = None, tables.get("activity")
    if done is not None:
        done_seat, done_at = matching.find_seats(done, seats), _read_moments(done)
        latest = max(latest, latest_of(done_at[done_seat >= 0]))
    last = last_days(enrolled, seats, _export_day(until, latest, tally.notes))
    kinds = [
        make_ticks(seats, last, tick_days),
        make_creations(work, seats, last, submitted.shown),
        _up_to(submitted.events, last),
        _up_to(examined.events, last),
    ]
    if done is not None:
        active = _count_activity(done, done_seat, done_at, seats, last, tally)
    X = lay_out(kinds, _constants(enrolled, seats, final, tally.notes), active)
    replaced = submitted.n_replaced + examined.n_replaced
    tally.add("a later grade replaced an earlier one", replaced)
    for rule, number in {
        "submissions without a date and a score were left out": submitted.n_empty,
        "submissions and exams after the end of an enrolment were left out": sum(
            (events.day > last[events.seat]).sum()
            for events in (submitted.events, examined.events)
        ),
        "enrolments that ended before they began have no rows": (
            last < seats.first - seats.start
        ).sum(),
    }.items():
        tally.add(rule, number, doubt=True)
    report = ImportReport(
        source="tables",
        read={name: len(table) for name, table in tables.items()},
        made=_count(X),
        rules=tally.rules,
        exams=tuple(examined.names),
        assignments=tuple(dict.fromkeys(work.names.labels)),
        notes=(*tally.notes, *suggest_kinds(examined.names)),
        doubts=tuple(tally.doubts),
    )
    return hand_over(X, report, return_report)


def _read(given: tuple[object, ...], notes: list[str]) -> dict[str, TidyTable]:
    """Check the tables; without activity, there is none of that name."""
    tables = {}
    for (name, (required, optional)), table in zip(
        COLUMNS_OF.items(), given, strict=True
    ):
        if table is None and name == "activity":
            continue
        frame = pd.DataFrame(columns=list(required)) if table is None else table
        tables[name] = read_tidy(
            frame, name, required, optional, notes, numbers=_NUMBERS
        )
    return tables


def _export_day(until: Date | None, latest: float, notes: list[str]) -> float:
    """Return the day of the export in epoch seconds; -inf if nothing is dated."""
    if until is not None:
        return as_seconds(until)
    if np.isfinite(latest):
        day = np.datetime64(int(latest), "s").astype("datetime64[D]")
        notes.append(
            f"Rows end on {day}, the day of the last submission, grade, exam or "
            "activity; set the day of the export with until=."
        )
    return latest


def as_seconds(date: Date) -> float:
    """Return a date of any form in epoch seconds."""
    given = TidyTable("until", pd.DataFrame({"until": [date]}))
    return float(given.dates("until")[0])


def _up_to(events: Events, last: IntArray) -> Events:
    """Leave out the events after the last day of their enrolment."""
    kept = np.flatnonzero(events.day <= last[events.seat])
    columns = {name: values[kept] for name, values in events.columns.items()}
    return Events(events.seat[kept], events.day[kept], columns)


def _read_moments(table: TidyTable) -> FloatArray:
    """Read when activity was, in epoch seconds."""
    moments = table.dates("date")
    table.check("date", np.isnan(moments), "have no value", "Drop them, or fill them.")
    return moments


def _count_activity(
    table: TidyTable,
    seat: IntArray,
    at: FloatArray,
    seats: Seats,
    last: IntArray,
    tally: Tally,
) -> Events:
    """Count what was done on each day of an enrolment; before it, on its first day."""
    kind, count = read_kinds(table), read_counts(table)
    rows = np.flatnonzero(seat >= 0)
    seat = seat[rows]
    at_least = seats.first[seat] - seats.start[seat]
    day = epoch_days(at[rows]).astype(np.int64) - seats.start[seat]
    early, late = day < at_least, np.maximum(day, at_least) > last[seat]
    tally.add(
        "activity before the start of an enrolment counts on its first day",
        (early & ~late).sum(),
    )
    tally.add("activity after the end of an enrolment was left out", late.sum())
    kept = np.flatnonzero(~late)
    kind = kind._replace(codes=kind.codes[rows[kept]])
    day = np.maximum(day, at_least)[kept]
    return count_days(seat[kept], day, kind, count[rows[kept]])


def _constants(
    table: TidyTable, seats: Seats, final: FloatArray, notes: list[str]
) -> dict[str, Any]:
    """Return the columns that are constant within an enrolment."""
    rows = np.arange(len(table))
    name, number = seats.course, seats.student
    if "course_name" in table:
        name = table.texts("course_name")
    if "student_number" in table:
        number = table.ids("student_number", required=False)
    return {
        "user_uuid": seats.student.at(rows),
        "course_uuid": seats.course.at(rows),
        "course_name": name.at(rows),
        "legajo": number.at(rows),
        "periodo": read_seat_periods(table, seats.start, notes).at(rows),
        "nota_final_materia": final,
    }


def _count(X: pd.DataFrame) -> dict[str, int]:
    """Count what an event table holds."""
    seats = X[["user_uuid", "course_uuid", "nota_final_materia"]].drop_duplicates()
    handed_in = X.loc[
        X["ass_name_sub"].notna(), ["user_uuid", "course_uuid", "ass_name_sub"]
    ]
    return {
        "enrolments": len(seats),
        "students": seats["user_uuid"].nunique(),
        "courses": seats["course_uuid"].nunique(),
        "assignments": len(X[["course_uuid", "ass_name"]].dropna().drop_duplicates()),
        "submissions": len(handed_in.drop_duplicates()),
        "grades": int(X["score"].notna().sum()),
        "exams": int(X["nombre_examen"].notna().sum()),
        "outcomes": int(seats["nota_final_materia"].notna().sum()),
        "rows": len(X),
    }
