"""read_tables: an event table from files of the five tidy tables."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from edml._messages import table_error
from edml._urls import as_path
from edml.sources._add_students import add_students
from edml.sources._event_table import COLUMNS_OF, Date, make_event_table
from edml.sources._excel import open_workbook
from edml.sources._import_report import hand_over
from edml.sources._matching import Unknown
from edml.sources._open import open_table, without_parameters
from edml.sources._raw import Dialect, Expected, naming

_REQUIRED = ("enrolments", "assignments", "submissions")
#: The columns that are required and optional; students may have any others.
_EXPECTED = {**COLUMNS_OF, "students": (("student",), ("course",))}
_WORKBOOKS = (".xlsx", ".xlsm")


def read_tables(
    source: str | PathLike[str],
    *,
    until: Date | None = None,
    tick_days: int = 1,
    grade_scale: float = 10.0,
    passing_grade: float | None = None,
    unknown: Unknown = "raise",
    return_report: bool = False,
) -> Any:
    """Read an event table from files of the tidy tables of `make_event_table`.

    Parameters
    ----------
    source : str or path-like
        A folder with the files ``enrolments``, ``assignments`` and ``submissions``, and
        ``exams``, ``outcomes``, ``activity`` and ``students`` if there are any: CSV,
        Excel, JSON or Parquet. Or an Excel workbook with a sheet for each. Their
        columns are those of `make_event_table`, and of `add_students` for the last.
    until : datetime, str or float or None, default=None
        The day of the export: no row is later. None is the last day in the tables.
    tick_days : int, default=1
        Days between two rows that show a student on a day without events.
    grade_scale : float, default=10.0
        The highest grade of the exams and outcomes.
    passing_grade : float or None, default=None
        The lowest final grade that passes; None is 40 % of ``grade_scale``.
    unknown : {"raise", "drop"}, default="raise"
        Whether rows of unknown courses, assignments and enrolments are an error.
    return_report : bool, default=False
        Whether to return the report. Otherwise its doubts are shown as a warning.

    Returns
    -------
    X : DataFrame of shape (n_rows, 25 + n_columns)
        The event table, by enrolment and day, with the columns of activity and of
        students.
    report : ImportReport
        What was left out and inferred. Only if ``return_report`` is true.

    Raises
    ------
    TableError
        If a file is missing or cannot be read, or as `make_event_table` does. The
        message names the line of the file.
    ValueError
        If a parameter is invalid.

    See Also
    --------
    make_event_table : Explains the parameters in full.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from edml.sources import read_tables
    >>> tables = {
    ...     "enrolments": ["student;course;start;end", "7;ART;2024-02-05;2024-02-20"],
    ...     "assignments": ["course;assignment;name;due", "ART;1;Essay;2024-02-12"],
    ...     "submissions": [
    ...         "student;course;assignment;graded;score",
    ...         "7;ART;1;2024-02-11;82,5",
    ...     ],
    ... }
    >>> with TemporaryDirectory() as folder:
    ...     for name, lines in tables.items():
    ...         file = Path(folder) / f"{name}.csv"
    ...         _ = file.write_text(chr(10).join(lines))
    ...     X = read_tables(folder, until="2024-02-20")
    >>> len(X), float(X["score"].max())
    (18, 82.5)
    """
    notes: list[str] = []
    found = _find_tables(as_path(source), notes)
    students = found.pop("students", None)
    X, report = make_event_table(
        **found,
        until=until,
        tick_days=tick_days,
        grade_scale=grade_scale,
        passing_grade=passing_grade,
        unknown=unknown,
        return_report=True,
    )
    if students is not None:
        X, added = add_students(X, students, return_report=True)
        report = replace(
            report,
            read={**report.read, **added.read},
            rules={**report.rules, **added.rules},
            notes=(*report.notes, *added.notes),
        )
    report = replace(report, notes=(*notes, *report.notes))
    return hand_over(X, report, return_report)


def _find_tables(source: Path, notes: list[str]) -> dict[str, pd.DataFrame]:
    """Read the tables of a folder or a workbook."""
    found = _list_tables(source)
    absent = [name for name in _REQUIRED if name not in found]
    if absent:
        raise table_error(
            "missing_tables",
            f"{str(source)!r} has no table {absent}; it has {sorted(found)}. Name the "
            f"files or sheets {list(_EXPECTED)}; {list(_REQUIRED)} are required.",
            place=source,
            tables=absent,
        )
    tables = {}
    for name, (required, optional) in _EXPECTED.items():
        for path, sheet in found.get(name, [])[:1]:
            label = str(path) if sheet is None else f"{path}, sheet {sheet!r}"
            known = Expected((*required, *optional))
            with naming(label):
                raw = open_table(path, str(path), Dialect(sheet=sheet), known)
            tables[name] = raw.frame
            notes += [f"{label}: {text}" for text in without_parameters(raw.notes)]
    return tables


def _list_tables(source: Path) -> dict[str, list[tuple[Path, str | None]]]:
    """Return the file, and the sheet if it is a workbook, of each table."""
    found: dict[str, list[tuple[Path, str | None]]] = {}
    if source.is_dir():
        for path in sorted(source.iterdir()):
            name = path.name.partition(".")[0].lower()
            if path.is_file() and name in _EXPECTED:
                found.setdefault(name, []).append((path, None))
    elif source.suffix.lower() in _WORKBOOKS and source.is_file():
        with naming(str(source)), open_workbook(source.read_bytes()) as book:
            for sheet in book.sheetnames:
                found.setdefault(sheet.strip().lower(), []).append((source, sheet))
    else:
        raise table_error(
            "no_folder",
            f"There is no folder and no workbook {str(source)!r}. Pass a folder with "
            f"the files {list(_EXPECTED)}, or a workbook with sheets of these names.",
            path=source,
        )
    twice = [name for name, places in found.items() if len(places) > 1]
    if twice:
        raise table_error(
            "doubled_tables",
            f"{str(source)!r} has more than one table {sorted(twice)}. Keep one of "
            "each.",
            place=source,
            tables=sorted(twice),
        )
    return found
