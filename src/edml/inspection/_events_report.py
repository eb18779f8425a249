"""EventsReport: the findings about an event table, as text, HTML and data."""

from dataclasses import asdict, dataclass
from html import escape
from os import PathLike
from typing import Any, Literal

import pandas as pd

from edml._files import replace_file
from edml._page import CSS, make_page, make_row, make_table
from edml._urls import as_path
from edml._words import Words, count

_HEADINGS = {
    "error": "Errors: the table cannot be used like this",
    "warning": "Warnings: the table can be used, but predictions suffer",
    "note": "Good to know",
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
class EventsReport:
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
        records = self.columns.astype(object).where(self.columns.notna(), None)
        return {
            "usable": self.usable,
            "summary": dict(self.summary),
            "columns": records.to_dict("records"),
            "findings": [asdict(finding) for finding in self.findings],
        }

    def to_html(self, path: str | PathLike[str]) -> None:
        """Write the report as one HTML page that loads nothing from elsewhere.

        Parameters
        ----------
        path : path-like
            The file to write, atomically.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        path = as_path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, make_page("Event table", self._repr_html_()))

    def __repr__(self) -> str:
        lines = [f"EventsReport: {self._caption()}"]
        for severity, heading in _HEADINGS.items():
            group = [one for one in self.findings if one.severity == severity]
            if group:
                lines += ["", heading]
            for one in group:
                lines += [f"- {one.found}", f"  {one.cost}", f"  {one.remedy}"]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<style>{CSS}</style><p>{escape(self._caption())}</p>"]
        for severity, heading in _HEADINGS.items():
            rows = [
                _text_row(one.found, one.cost, one.remedy)
                for one in self.findings
                if one.severity == severity
            ]
            if rows:
                head = ["what was found", "what it costs", "what to do"]
                parts.append(make_table(heading, head, rows))
        rows = [
            _text_row(
                one.column,
                "absent" if pd.isna(one.actual) else one.actual,
                "" if pd.isna(one.missing) else Words().percent(one.missing),
                count(one.of, "row") if one.of else "",
            )
            for one in self.columns.itertuples()
        ]
        head = ["column", "name in the table", "missing", "of"]
        table = make_table("Columns of the event table", head, rows)
        parts.append(f"<details><summary>Columns</summary>{table}</details>")
        return f'<div class="edml-evaluation">{"".join(parts)}</div>'

    def _caption(self) -> str:
        """Summarize the table in one or two sentences."""
        found = self.summary
        text = count(found["n_rows"], "row")
        if found["n_histories"] is not None:
            text += (
                f" of {count(found['n_students'], 'student')} in "
                f"{count(found['n_courses'], 'course')} "
                f"({count(found['n_histories'], 'enrolment')})"
            )
        if found["last_day"] is not None:
            text += f", days {found['first_day']} to {found['last_day']}"
        text += "."
        if found["share_failing"] is not None:
            text += (
                f" Of the final grades of {count(found['n_outcomes'], 'enrolment')}, "
                f"{Words().percent(found['share_failing'])} are failing."
            )
        elif found["n_outcomes"] == 0:
            text += " No enrolment has a final grade."
        return text


def _text_row(label: str, *texts: str) -> str:
    cells = "".join(f'<td class="text">{escape(text)}</td>' for text in texts)
    return make_row(label, more=cells)
