"""``edml import``: an event table from the tables of a learning platform."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from edml.cli._options import Json, Shown, path, with_settings
from edml.cli._spelling import IMPORT_OPTIONS, spell
from edml.cli._terminal import guarded, show, stage, words

if TYPE_CHECKING:
    import pandas as pd

    from edml.cli._access import Project
    from edml.sources import ImportReport

app = typer.Typer(
    help="Make a table of events from Moodle, Canvas, OULAD or tidy tables.",
    no_args_is_help=True,
)

# a database's URL holds a password, which should not stay in the shell's history
_LOCATION = {"envvar": "EDML_IMPORT_SOURCE", "show_envvar": True}

Folder = Annotated[Path, typer.Argument(help="The folder of the tables.", parser=path)]
Out = Annotated[
    Path, typer.Option("--out", help="File to write: .csv or .parquet.", parser=path)
]
Courses = Annotated[
    list[str] | None,
    typer.Option("--course", help="Id or short name to read; may be repeated."),
]
Exams = Annotated[
    str | None,
    typer.Option(help="Regular expression: work with such a name is an exam."),
]
Until = Annotated[
    str | None, typer.Option(help="Day of the export, such as 2026-11-29.")
]
Passing = Annotated[
    float | None, typer.Option(help="The lowest final grade that passes.")
]
Scale = Annotated[float, typer.Option(help="The highest final grade.")]
Ticks = Annotated[int, typer.Option(min=1, help="Days between rows of quiet days.")]
Unknown = Literal["raise", "drop"]
UnknownRows = Annotated[
    Unknown, typer.Option(help="Rows of unknown ids: an error, or left out.")
]
Activity = Annotated[
    bool,
    typer.Option("--activity", help="Also count what students did, by the log."),
]
_EVENTS = Path("events.parquet")


@app.command()
def moodle(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder of exported tables, or the database's URL.", **_LOCATION
        ),
    ],
    out: Out = _EVENTS,
    courses: Courses = None,
    exams: Exams = None,
    student_roles: Annotated[
        list[str] | None,
        typer.Option(
            "--student-role", help="Short name of a role of students; may be repeated."
        ),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option(help="Prefix of the tables' names, such as mdl_.")
    ] = None,
    activity: Activity = False,
    until: Until = None,
    passing_grade: Passing = None,
    grade_scale: Scale = 100.0,
    tick_days: Ticks = 1,
    as_json: Json = False,
) -> None:
    """Import Moodle's tables, exported or in its database."""
    _import("moodle", **locals())


@app.command()
def canvas(
    source: Folder,
    out: Out = _EVENTS,
    courses: Courses = None,
    exams: Exams = None,
    activity: Activity = False,
    until: Until = None,
    passing_grade: Passing = None,
    grade_scale: Scale = 100.0,
    tick_days: Ticks = 1,
    as_json: Json = False,
) -> None:
    """Import an export of Canvas Data 2."""
    _import("canvas", **locals())


@app.command()
def tables(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of files, or a workbook with a sheet each.", parser=path
        ),
    ],
    out: Out = _EVENTS,
    until: Until = None,
    passing_grade: Passing = None,
    grade_scale: Scale = 10.0,
    tick_days: Ticks = 1,
    unknown: UnknownRows = "raise",
    as_json: Json = False,
) -> None:
    """Import tidy tables: enrolments, assignments, submissions and so on.

    The others are exams, outcomes, activity and students.
    """
    _import("tables", **locals())


@app.command()
def oulad(
    source: Folder,
    out: Out = _EVENTS,
    activity: Activity = False,
    static: Annotated[
        bool, typer.Option("--static", help="Also add what is known of each student.")
    ] = False,
    tick_days: Ticks = 7,
    as_json: Json = False,
) -> None:
    """Import the Open University Learning Analytics Dataset."""
    _import("oulad", **locals())


@app.command()
@with_settings(group="import ")
def events(
    project: "Project",
    source: Annotated[
        Path, typer.Argument(help="The table of events, in a file.", parser=path)
    ],
    out: Out = _EVENTS,
    activity: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of student, course, day, and kind and count if they are there; "
            "may be repeated. Without kind, it is the file's name.",
            parser=path,
        ),
    ] = None,
    students: Annotated[
        list[Path] | None,
        typer.Option(
            help="File of student, course if it is there, and what is known of them; "
            "may be repeated.",
            parser=path,
        ),
    ] = None,
    unknown: UnknownRows = "raise",
) -> Shown:
    """Add activity, and what is known of students, to a table of events."""
    with stage("Loading the libraries"):
        from edml import sources  # noqa: PLC0415 - not for --help
        from edml.cli._files import check_suffix, read_file  # noqa: PLC0415
        from edml.cli._stores import reject_store  # noqa: PLC0415
        from edml.schema import resolve_columns  # noqa: PLC0415
    config = project.config
    check_suffix(out)  # before any work
    reject_store(source, "import events")
    with stage("Reading the tables"):
        X = read_file(source, resolve_columns(config.columns), source=config.source)
    reports = []
    how: dict[str, Any] = {"columns": config.columns, "return_report": True}
    with _spelled_errors():
        for file in activity or []:
            kind = file.name.partition(".")[0]
            X, report = sources.add_activity(X, file, kind=kind, unknown=unknown, **how)
            reports.append(report)
        for file in students or []:
            X, report = sources.add_students(X, file, **how)
            reports.append(report)
    return _finish(X, out, reports)


def _import(
    name: str, source: str | Path, out: Path, *, as_json: bool, **options: Any
) -> None:
    """Write the table that a reader returns, and show its report."""
    with guarded(f"import {name}"):
        with stage("Loading the libraries"):
            from edml import datasets, sources  # noqa: PLC0415 - not for --help
            from edml.cli._files import check_suffix  # noqa: PLC0415
        check_suffix(out)  # before any work
        reports = []
        with _spelled_errors(), stage("Reading the tables"):
            if name == "oulad":
                X = datasets.load_oulad(source, **options)
            else:
                read = getattr(sources, f"read_{name}")
                X, report = read(source, **options, return_report=True)
                reports.append(report)
        found = _finish(X, out, reports)
    show(found.result, as_json, found.render)


def _finish(X: "pd.DataFrame", out: Path, reports: "list[ImportReport]") -> Shown:
    """Write the table, and return what was read."""
    from edml.cli._files import write_table  # noqa: PLC0415 - not for --help

    n_rows = words.ngettext("{n} row", "{n} rows", len(X))
    with stage("Writing {rows}", rows=n_rows):
        write_table(out, X)

    def render(console: Console, _: dict[str, Any]) -> None:
        for report in reports:
            console.print(spell(str(report), IMPORT_OPTIONS), soft_wrap=True)
        text = words(
            "Wrote {file}: {rows}. Next: edml check {file}", file=out, rows=n_rows
        )
        console.print(text)

    result: dict[str, Any] = {"events": str(out), "n_rows": len(X)}
    if reports:  # of `edml import events`, one for each file
        every = [report.to_dict() for report in reports]
        result |= {"report": every[0]} if len(every) == 1 else {"reports": every}
    return Shown(result, render)


@contextmanager
def _spelled_errors() -> Iterator[None]:
    """Raise errors of a table or of an option in the command's own words."""
    from edml.cli._config import ConfigError  # noqa: PLC0415
    from edml.exceptions import EdmlError, TableError  # noqa: PLC0415

    try:
        yield
    except TableError as error:
        raise TableError(spell(error.args[0], IMPORT_OPTIONS)) from None
    except EdmlError:
        raise
    except (ValueError, TypeError) as error:
        raise ConfigError(spell(str(error), IMPORT_OPTIONS)) from None
