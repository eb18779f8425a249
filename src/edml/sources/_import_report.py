"""ImportReport: what an import read, left out, assumed and cannot know."""

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from edml._words import count

_SHOWN = 5  # doubts in a warning


@dataclass(frozen=True)
class ImportReport:
    """What an import read, left out, assumed and cannot know.

    It holds names of courses' work and numbers of rows, but nothing about a student.

    Parameters
    ----------
    source : str
        What was imported: ``"tables"``, ``"Moodle"`` or ``"Canvas"``.
    read : mapping of str to int
        Number of rows read, by table.
    made : mapping of str to int
        What the event table holds: its enrolments, students, courses, assignments,
        submissions, grades, exams, outcomes and rows.
    rules : mapping of str to int
        The rules that changed or left out rows, in words, with the number of rows.
    exams : tuple of str, default=()
        Names of the work that counts as an exam.
    assignments : tuple of str, default=()
        Names of the work that counts as an assignment.
    unknown : tuple of str, default=()
        What the source does not record, a sentence each.
    notes : tuple of str, default=()
        What was inferred, a sentence each, with the parameter that sets it.
    doubts : tuple of str, default=()
        The rules and notes by which figures may differ from what is expected: rows that
        do not fit, grades that are dated by their last change, guesses. Without
        ``return_report`` they are a warning.

    Examples
    --------
    >>> from edml.sources import ImportReport
    >>> report = ImportReport(
    ...     "Canvas",
    ...     read={"submissions": 210},
    ...     made={"students": 30},
    ...     rules={"excused submissions were left out": 4},
    ...     exams=("Midterm",),
    ... )
    >>> print(report)
    Import from Canvas
    Read: submissions 210.
    Made: students 30.
    Rules:
      4 rows: excused submissions were left out
    Exams: Midterm.
    """

    __module__ = "edml.sources"

    source: str
    read: Mapping[str, int]
    made: Mapping[str, int]
    rules: Mapping[str, int]
    exams: tuple[str, ...] = ()
    assignments: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON.

        Returns
        -------
        content : dict
            One entry per field.
        """
        content = asdict(self)
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in content.items()
        }

    def __str__(self) -> str:
        lines = [f"Import from {self.source}"]
        for title, counts in (("Read", self.read), ("Made", self.made)):
            shown = ", ".join(f"{name} {number:,}" for name, number in counts.items())
            lines.append(f"{title}: {shown or 'nothing'}.")
        applied = [rule for rule, number in self.rules.items() if number]
        if applied:
            lines.append("Rules:")
            lines += [f"  {self._describe(rule)}" for rule in applied]
        for title, names in (("Exams", self.exams), ("Assignments", self.assignments)):
            if names:
                more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
                lines.append(f"{title}: {', '.join(names[:20])}{more}.")
        for title, sentences in (
            ("Cannot be known", self.unknown),
            ("Notes", self.notes),
        ):
            if sentences:
                lines.append(f"{title}:")
                lines += [f"  {sentence}" for sentence in sentences]
        return "\n".join(lines)

    def _describe(self, rule: str) -> str:
        number = self.rules.get(rule)
        return rule if number is None else f"{count(number, 'row')}: {rule}"


@dataclass
class Tally:
    """What the report will say."""

    tables: dict[str, int] = field(default_factory=dict)  # rows read
    rules: dict[str, int] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)  # what the source does not record
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)  # of the rules and notes

    def add(self, rule: str, count: int, *, doubt: bool = False) -> None:
        """Count the cases of a rule, if there are any.

        It is a ``doubt`` where figures may differ from what the user expects.
        """
        if count:
            self.rules[rule] = self.rules.get(rule, 0) + int(count)
            if doubt and rule not in self.doubts:
                self.doubts.append(rule)

    def guess(self, note: str) -> None:
        """Note what was guessed, and may change figures."""
        self.notes.append(note)
        self.doubts.append(note)

    def complete(self, report: ImportReport, source: str) -> ImportReport:
        """Return the report of an event table with what was read before it was made."""
        return replace(
            report,
            source=source,
            read=self.tables,
            rules={**self.rules, **report.rules},
            unknown=tuple(self.unknown),
            notes=(*self.notes, *report.notes),
            doubts=(*self.doubts, *report.doubts),
        )


def hand_over(X: pd.DataFrame, report: ImportReport, return_report: bool) -> Any:
    """Return the table and the report, or warn of what may have changed figures."""
    if return_report:
        return X, report
    if report.doubts:
        shown = [report._describe(doubt) for doubt in report.doubts[:_SHOWN]]
        if len(report.doubts) > _SHOWN:
            shown.append(f"{len(report.doubts) - _SHOWN} more")
        listed = "; ".join(text.removesuffix(".") for text in shown)
        warnings.warn(
            f"Import from {report.source}: {listed}. The whole report is returned with "
            "return_report=True.",
            stacklevel=3,
        )
    return X
