"""``edml import``: an event table from the tables of a learning platform."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from edml._words import count
from edml.cli._commands import read_settings
from edml.cli._spelling import IMPORT_OPTIONS, spell
from edml.cli._terminal import ConfigFile, Json, Settings, guarded, path, show, stage

if TYPE_CHECKING:
    import pandas as pd

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
    course: Courses = None,
    exams: Exams = None,
    student_role: Annotated[
        list[str] | None,
        typer.Option(help="Short name of a role of students; may be repeated."),
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
    _import(
        "moodle",
        source,
        out,
        as_json=as_json,
        courses=course,
        exams=exams,
        student_roles=student_role,
        prefix=prefix,
        activity=activity,
        until=until,
        passing_grade=passing_grade,
        grade_scale=grade_scale,
        tick_days=tick_days,
    )


@app.command()
def canvas(
    source: Folder,
    out: Out = _EVENTS,
    course: Courses = None,
    exams: Exams = None,
    activity: Activity = False,
    until: Until = None,
    passing_grade: Passing = None,
    grade_scale: Scale = 100.0,
    tick_days: Ticks = 1,
    as_json: Json = False,
) -> None:
    """Import an export of Canvas Data 2."""
    _import(
        "canvas",
        source,
        out,
        as_json=as_json,
        courses=course,
        exams=exams,
        activity=activity,
        until=until,
        passing_grade=passing_grade,
        grade_scale=grade_scale,
        tick_days=tick_days,
    )


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
    _import(
        "tables",
        source,
        out,
        as_json=as_json,
        until=until,
        passing_grade=passing_grade,
        grade_scale=grade_scale,
        tick_days=tick_days,
        unknown=unknown,
    )


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
    _import(
        "oulad",
        source,
        out,
        as_json=as_json,
        activity=activity,
        static=static,
        tick_days=tick_days,
    )


@app.command()
def events(
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
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Add activity, and what is known of students, to a table of events."""
    with guarded("import events"):
        read = read_settings(config, settings).config
        with stage("Loading the libraries"):
            from edml import sources  # noqa: PLC0415 - not for --help
            from edml.cli._files import check_suffix, read_events  # noqa: PLC0415
            from edml.cli._stores import reject_store  # noqa: PLC0415
            from edml.schema import resolve_columns  # noqa: PLC0415
        check_suffix(out)  # before any work
        reject_store(source, "import events")
        with stage("Reading the tables"):
            X = read_events(source, resolve_columns(read.columns), source=read.source)
        reports = []
        how: dict[str, Any] = {"columns": read.columns, "return_report": True}
        try:
            for file in activity or []:
                kind = file.name.partition(".")[0]
                X, report = sources.add_activity(
                    X, file, kind=kind, unknown=unknown, **how
                )
                reports.append(report)
            for file in students or []:
                X, report = sources.add_students(X, file, **how)
                reports.append(report)
        except (ValueError, TypeError) as error:
            raise _spell_error(error) from None
    _finish(X, out, reports, as_json=as_json)


def _import(
    name: str, source: str | Path, out: Path, *, as_json: bool, **options: Any
) -> None:
    """Write the table that a reader returns, and show its report."""
    with guarded(f"import {name}"):
        with stage("Loading the libraries"):
            from edml import datasets, sources  # noqa: PLC0415 - not for --help
            from edml.cli._files import check_suffix  # noqa: PLC0415
        check_suffix(out)  # before any work
        report = None
        try:
            with stage("Reading the tables"):
                if name == "oulad":
                    X = datasets.load_oulad(source, **options)
                else:
                    read = getattr(sources, f"read_{name}")
                    X, report = read(source, **options, return_report=True)
        except (ValueError, TypeError) as error:
            raise _spell_error(error) from None
    _finish(X, out, [] if report is None else [report], as_json=as_json)


def _finish(
    X: "pd.DataFrame", out: Path, reports: "list[ImportReport]", *, as_json: bool
) -> None:
    """Write the table, and show what was read."""
    from edml.cli._files import write_table  # noqa: PLC0415 - not for --help

    n_rows = count(len(X), "row")
    with guarded("import"), stage(f"Writing {n_rows}"):
        write_table(out, X)

    def render(console: Console, _: dict[str, Any]) -> None:
        for report in reports:
            console.print(spell(str(report), IMPORT_OPTIONS), soft_wrap=True)
        console.print(f"Wrote {out}: {n_rows}. Next: edml check {out}")

    result: dict[str, Any] = {"events": str(out), "n_rows": len(X)}
    if reports:  # of `edml import events`, one for each file
        every = [report.to_dict() for report in reports]
        result |= {"report": every[0]} if len(every) == 1 else {"reports": every}
    show(result, as_json, render)


def _spell_error(error: Exception) -> Exception:
    """Return the error of a table or of an option in the command's own words."""
    from edml.cli._config import ConfigError  # noqa: PLC0415
    from edml.exceptions import EdmlError, TableError  # noqa: PLC0415

    if isinstance(error, TableError):
        return TableError(spell(error.args[0], IMPORT_OPTIONS))
    if isinstance(error, EdmlError):
        return error
    return ConfigError(spell(str(error), IMPORT_OPTIONS))
