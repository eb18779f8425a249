"""read_canvas: an event table from a Canvas Data 2 export."""

from collections.abc import Collection
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import table_error
from edml._urls import as_path
from edml.sources._canvas._log import count_requests
from edml.sources._canvas._people import (
    make_enrolments,
    make_outcomes,
    read_courses,
    read_roster,
)
from edml.sources._canvas._submissions import make_exams, read_submissions
from edml.sources._canvas._tables import Tables, read_tables
from edml.sources._canvas._work import (
    make_assignments,
    read_cached_dates,
    read_own_dates,
    read_work,
)
from edml.sources._event_table import Date, as_seconds, make_event_table
from edml.sources._exam_rule import ExamRule
from edml.sources._import_report import Tally, hand_over
from edml.sources._versions import latest_of

_UNKNOWN = (
    "Canvas keeps the present: an earlier score of a re-graded submission, and when an "
    "earlier attempt was handed in, are lost, unless the folder holds the export's "
    "increments. A score counts from the day on which it was posted or last graded, "
    "whichever is later, so that no row knows a later score.",
    "Since when a student was excused, or had another due date, is not kept: both "
    "count from the beginning.",
    "Enrollments that were deleted are left out, so that students who dropped a "
    "course early may be missing.",
)

_NOT_FAILED = 0.61  # from here on, Canvas's default scheme has a letter above F


def read_canvas(
    source: str | PathLike[str],
    *,
    courses: Collection[str] | None = None,
    exams: ExamRule = None,
    outcomes: pd.DataFrame | None = None,
    activity: bool = False,
    until: Date | None = None,
    tick_days: int = 1,
    grade_scale: float = 100.0,
    passing_grade: float | None = None,
    return_report: bool = False,
) -> Any:
    """Read an event table from a Canvas Data 2 export.

    Students, assignments, quizzes, submissions and final scores are read, with the due
    dates of overrides. Canvas keeps the present: a re-grade overwrites the score before
    it. A score therefore counts from the day on which it was posted or last graded,
    whichever is later. The report says which rule applied to how many rows.

    Parameters
    ----------
    source : str or path-like
        The folder of the export: CSV, TSV, JSON lines or Parquet, each also with
        ``.gz``, in any number of parts. A table is recognised by its files' names
        (``submissions.csv``, ``canvas.submissions-part-00000.jsonl.gz``) or by the
        folder that they are in (``submissions/job_.../part-00000.parquet``). Needed are
        ``courses``, ``enrollments``, ``assignments``, and ``submissions`` or
        ``quizzes`` with ``quiz_submissions``; used where present are
        ``enrollment_terms``, ``course_sections``, ``assignment_groups``,
        ``assignment_overrides``, ``assignment_override_students``,
        ``group_memberships`` and ``scores``.
    courses : collection of str or None, default=None
        Ids or codes of the courses to read. None reads all.
    exams : str, collection of str, callable or None, default=None
        What counts as an exam: a regular expression that is searched in the names,
        ignoring case; the names; a function of a DataFrame with the columns ``course``,
        ``name`` and ``category`` (the assignment group) that returns a bool per row.
        None searches for the English and Spanish words for exams; an empty collection
        means that nothing is one.
    outcomes : DataFrame or None, default=None
        Final grades from elsewhere, as `make_event_table` takes them. None takes the
        final score (not the current one) of enrolments that are over.
    activity : bool, default=False
        Whether to count what students did by ``web_logs`` (``requests`` in older
        exports): the requests of each day and kind in a column ``activity_<kind>``,
        such as ``activity_quiz``. Files are read in blocks.
    until : datetime, str or float or None, default=None
        The day of the export: no row is later, and a course is over if it ended by
        then. None is the export's own latest date.
    tick_days : int, default=1
        Days between two rows that show a student on a day without events.
    grade_scale : float, default=100.0
        The highest grade of ``outcomes``, and of Canvas's final scores.
    passing_grade : float or None, default=None
        The lowest final grade that passes, between 0 and ``grade_scale``. It becomes 4,
        which `make_target` expects by default. Canvas has no pass mark: None is 61 % of
        ``grade_scale``, the lowest grade above F in its default scheme.
    return_report : bool, default=False
        Whether to return the report. Otherwise its doubts are shown as a warning.

    Returns
    -------
    X : DataFrame of shape (n_rows, 25 + n_kinds)
        The event table, by enrolment and day. Ids are Canvas's, as text.
    report : ImportReport
        What was read, which rules applied to how many rows, and what Canvas does
        not record. Only if ``return_report`` is true.

    Raises
    ------
    TableError
        If a needed table or column is missing, or a value cannot be read.
    ValueError
        If a parameter is invalid.
    MissingExtraError
        If Parquet is to be read without pyarrow.

    See Also
    --------
    make_event_table : Make an event table from five tidy tables.

    Examples
    --------
    >>> from edml.sources import read_canvas
    >>> X, report = read_canvas(
    ...     "canvas-export", passing_grade=60, return_report=True
    ... )  # doctest: +SKIP
    >>> print(report)  # doctest: +SKIP
    """
    tally = Tally()
    tables = read_tables(as_path(source), tally)
    known = read_courses(tables, courses, tally)
    roster = read_roster(tables, known, tally)
    work = read_work(tables, known, exams, tally)
    handed = read_submissions(tables, work, tally)
    own = read_own_dates(tables, work, roster, tally)
    own = read_cached_dates(handed.assigned, own)
    enrolments = make_enrolments(roster, tally)
    requests = count_requests(as_path(source), enrolments, tally) if activity else None
    export = _export_day(tables, until, requests, tally)
    if outcomes is None:
        outcomes = make_outcomes(tables, roster, enrolments, export, tally)
        outcomes["final_grade"] *= grade_scale / 100
    if passing_grade is None:
        passing_grade = _NOT_FAILED * grade_scale
        tally.guess(
            f"Final grades pass from {_NOT_FAILED:.0%} on, the lowest grade above F in "
            "Canvas's default scheme, as Canvas has no pass mark; set it with "
            "passing_grade=."
        )
    of_exam = handed.rows["assignment"].isin(work.loc[work["exam"], "assignment"])
    sat = make_exams(handed.rows[of_exam], work, own)
    sat["grade"] *= grade_scale / 100
    X, report = make_event_table(
        enrolments,
        make_assignments(work, own, roster, handed.exempt, handed.assigned),
        handed.rows[~of_exam],
        sat,
        outcomes,
        requests,
        until=export,
        tick_days=tick_days,
        grade_scale=grade_scale,
        passing_grade=passing_grade,
        unknown="drop",
        return_report=True,
    )
    report = replace(
        tally.complete(report, "Canvas"),
        exams=tuple(work.loc[work["exam"], "name"].unique()),
        assignments=tuple(work.loc[~work["exam"], "name"].unique()),
        unknown=_UNKNOWN,
    )
    return hand_over(X, report, return_report)


def _export_day(
    tables: Tables, until: Date | None, requests: pd.DataFrame | None, tally: Tally
) -> float:
    """Return the day of the export: the given one, or the tables' latest date."""
    if until is not None:
        return as_seconds(until)
    dated = {
        "submissions": ("ts", "submitted_at", "graded_at", "posted_at"),
        "quiz_submissions": ("ts", "finished_at"),
        "enrollments": ("ts",),
    }
    latest = latest_of(
        *(
            tables[name][column].to_numpy(dtype=np.float64)
            for name, columns in dated.items()
            for column in columns
        ),
        np.array([] if requests is None else requests["date"], dtype=np.float64),
    )
    if not np.isfinite(latest):
        message = "The export holds no dates. Pass the day of the export with until=."
        raise table_error("no_dates", message)
    day = np.datetime64(int(latest), "s").astype("datetime64[D]")
    tally.notes.append(
        f"The export is of {day}, its latest date; set another day with until=."
    )
    return latest
