"""EventsReport: the findings about an event table, as text, HTML and data."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from edml._page import Prose, Table
from edml._report import Report, list_records
from edml._translation import N_
from edml._words import Words

_HEADINGS = {
    "error": N_("Errors: the table cannot be used like this"),
    "warning": N_("Warnings: the table can be used, but predictions suffer"),
    "note": N_("Good to know"),
}


@dataclass(frozen=True)
class Finding:
    """One fact about an event table that a user should know before training.

    Parameters
    ----------
    code : str
        A stable identifier, such as "exams-without-kind".
    severity : {"error", "warning", "note"}
        "error" if edml cannot use the table, "warning" if predictions suffer, "note"
        if nothing may be wrong.
    found : str
        What was found, with counts; never a value of a student.
    cost : str
        What it costs if nothing is done.
    remedy : str
        What to do.
    columns : tuple of str, default=()
        The columns concerned, under the names of the table.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.inspection import check_events
    >>> X = make_student_activity(40, random_state=0).assign(particion=-1)
    >>> finding = check_events(X).findings[0]
    >>> finding.code, finding.severity, finding.columns
    ('unreadable-column', 'error', ('particion',))
    """

    __module__ = "edml.inspection"

    code: str
    severity: Literal["error", "warning", "note"]
    found: str
    cost: str
    remedy: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class EventsReport(Report):
    """What `check_events` found in an event table.

    Parameters
    ----------
    summary : dict
        Counts: n_rows, n_students, n_courses, n_histories, n_periods (None without
        periods), first_day, last_day, median_days (of a history), n_outcomes (histories
        with a final grade) and share_failing (of these, None without any). A count is
        None if its columns cannot be read.
    columns : DataFrame of shape (n_columns, 4)
        A row for each column of the event table: column, actual (its name in the table,
        null if absent), missing (the share of the rows that should hold it and do not,
        a fraction in [0, 1]) and of (the rows that should hold it).
    findings : tuple of Finding
        The findings, errors first.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.inspection import check_events
    >>> report = check_events(make_student_activity(40, random_state=0))
    >>> report.summary["n_histories"], report.usable
    (40, True)
    """

    __module__ = "edml.inspection"
    _TITLE = N_("Event table")

    summary: dict[str, Any]
    columns: pd.DataFrame
    findings: tuple[Finding, ...]

    @property
    def usable(self) -> bool:
        """Whether there is no error, so that edml can read the table."""
        return all(finding.severity != "error" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The keys usable, summary, columns (a list of records) and findings (a list
            of records).
        """
        return {
            "usable": self.usable,
            "summary": dict(self.summary),
            "columns": list_records(self.columns),
            "findings": [asdict(finding) for finding in self.findings],
        }

    def _parts(self, words: Words) -> list[str | Table]:
        head = [words("what was found"), words("what it costs"), words("what to do")]
        parts: list[str | Table] = [self._summarize(words)]
        for severity, heading in _HEADINGS.items():
            found = [
                [Prose(words.say(text)) for text in (one.found, one.cost, one.remedy)]
                for one in self.findings
                if one.severity == severity
            ]
            if found:
                parts.append(Table(words(heading), head, found, listed=True))
        columns = [
            (
                one.column,
                Prose(words("absent") if pd.isna(one.actual) else one.actual),
                "" if pd.isna(one.missing) else words.percent(one.missing),
                words.number(one.of) if one.of else "",
            )
            for one in self.columns.itertuples()
        ]
        head = [words("column"), words("name in the table")]
        head += [words("missing"), words("of so many rows")]
        return [*parts, Table(words("Columns"), head, columns, folded=True)]

    def _summarize(self, words: Words) -> str:
        """Describe the table in a few sentences."""
        found = {
            name: words.number(n)
            for name, n in self.summary.items()
            if name.startswith("n_")
        }
        known = self.summary
        parts = [words("Rows: {n_rows}.", **found)]
        if known["n_histories"] is not None:
            parts.append(
                words(
                    "Students: {n_students}; courses: {n_courses}; enrolments: "
                    "{n_histories}.",
                    **found,
                )
            )
        if known["last_day"] is not None:
            first, last = known["first_day"], known["last_day"]
            parts.append(
                words(
                    "Days {first} to {last}.",
                    first=words.number(first),
                    last=words.number(last),
                )
            )
        if known["share_failing"] is not None:
            parts.append(
                words(
                    "Enrolments with a final grade: {n_outcomes}, of which {share} are "
                    "failing.",
                    n_outcomes=found["n_outcomes"],
                    share=words.percent(known["share_failing"]),
                )
            )
        elif known["n_outcomes"] == 0:
            parts.append(words("No enrolment has a final grade."))
        return " ".join(parts)
