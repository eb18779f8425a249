"""check_events: what a user should know about an event table before training."""

from collections.abc import Iterable, Mapping
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_scalar

from edml.inspection._events_facts import Facts, read_facts
from edml.inspection._events_findings import (
    find_course_problems,
    find_date_problems,
    find_empty_features,
    find_grade_problems,
    find_key_problems,
    find_row_problems,
)
from edml.inspection._events_report import EventsReport
from edml.schema import COLUMNS, COURSE, PERIOD, STUDENT

_SEVERITIES = ("error", "warning", "note")


def check_events(
    X: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    exam_kinds: str | Mapping[str, Iterable[str]] | None = None,
    partition_days: float = 1.0,
    passing_grade: float = 4,
    unreadable: Mapping[str, str] | None = None,
) -> EventsReport:
    """Check an event table before anything is trained on it.

    The report counts students, courses, days and outcomes, and lists what is missing,
    looks wrong or leaves features empty, each with its cost and its remedy. It never
    contains a student's values or ids. A table that edml cannot read yields errors in
    the report, all of them at once, rather than an exception.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table, raw or cleaned.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    exam_kinds : {"original", "english"} or mapping of str to list of str, default=None
        The exam names of each kind, as for `edml.feature_extraction.FeatureEngineer`.
    partition_days : float, default=1.0
        Length of a partition in days, > 0.
    passing_grade : float, default=4
        The lowest final grade that passes, on the scale of the grades.
    unreadable : mapping of str to str or None, default=None
        What is wrong with columns that could not be read, as
        `edml.sources.ReadingReport` has it; each becomes an error.

    Returns
    -------
    report : EventsReport
        The counts and the findings.

    Raises
    ------
    TableError
        If ``X`` is not a DataFrame.
    ValueError
        If ``columns`` or ``exam_kinds`` names something unknown.

    See Also
    --------
    edml.sources.read_events : Read an event table from a file.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.inspection import check_events
    >>> X = make_student_activity(60, random_state=0)
    >>> report = check_events(X.assign(score=X["score"] / 100))
    >>> [finding.code for finding in report.findings if "score" in finding.columns]
    ['scores-in-fractions']
    """
    check_scalar(passing_grade, "passing_grade", Real)
    check_scalar(
        partition_days, "partition_days", Real, min_val=0, include_boundaries="neither"
    )
    facts = read_facts(X, columns, exam_kinds, float(partition_days), unreadable or {})
    findings = [
        *facts.problems,
        *find_key_problems(facts),
        *find_course_problems(facts, passing_grade),
        *find_row_problems(facts),
        *find_grade_problems(facts, passing_grade),
        *find_date_problems(facts),
        *find_empty_features(facts),
    ]
    findings.sort(key=lambda finding: _SEVERITIES.index(finding.severity))
    summary = _summarize(facts, passing_grade)
    return EventsReport(summary, _describe_columns(facts), tuple(findings))


def _summarize(facts: Facts, passing_grade: float) -> dict[str, object]:
    history, partition = facts.history, facts.partition
    known = np.array([]) if facts.final_grade is None else facts.final_grade
    known = known[np.isfinite(known)]
    summary: dict[str, object] = {
        "n_rows": len(facts.X),
        "n_students": facts.count_distinct(STUDENT),
        "n_courses": facts.count_distinct(COURSE),
        "n_histories": None,
        "n_periods": facts.count_distinct(PERIOD),
        "first_day": None,
        "last_day": None,
        "median_days": None,
        "n_outcomes": len(known),
        "share_failing": float((known < passing_grade).mean()) if len(known) else None,
    }
    if history is None or not len(history):
        return summary
    summary["n_histories"] = int(history.max()) + 1
    if partition is not None:
        days = pd.Series(partition).groupby(history)
        summary["first_day"] = int(partition.min())
        summary["last_day"] = int(partition.max())
        summary["median_days"] = float((days.max() - days.min() + 1).median())
    return summary


def _describe_columns(facts: Facts) -> pd.DataFrame:
    """Return each canonical column's name in the table, and how much is missing."""
    rows = []
    for name in COLUMNS:
        present = name in facts.X.columns
        wanted = facts.rows_of(name)
        missing = np.nan
        if present and len(wanted):
            missing = float(facts.is_missing(name)[wanted].mean())
        actual = facts.names[name] if present else None
        rows.append((name, actual, missing, len(wanted)))
    return pd.DataFrame(rows, columns=["column", "actual", "missing", "of"])
