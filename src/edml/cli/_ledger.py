"""``edml ledger``: what was told, from a terminal."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column

from edml._messages import coded
from edml._words import count
from edml.cli._commands import LedgerFile, read_settings
from edml.cli._terminal import (
    ConfigFile,
    Json,
    Settings,
    console,
    figure,
    guarded,
    make_table,
    print_json,
    right,
)

if TYPE_CHECKING:
    import pandas as pd

    from edml.ledger import Ledger

app = typer.Typer(
    help=(
        "What was told about students, and when. The file is that of --ledger or of "
        "edml.toml; the key of pseudonyms is read from EDML_LEDGER_KEY, or from the "
        "file ledger.key_file."
    ),
    no_args_is_help=True,
)

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_MOST = 20  # rows on the screen; --json prints all
Age = Annotated[
    str | None, typer.Option("--since", help="Of the last 7d, 2w, 3m or 1y.")
]
Student = Annotated[str, typer.Argument(help="The student's id, as in the events.")]


@app.command()
def show(
    since: Age = None,
    student: Annotated[
        str | None, typer.Option(help="Entries of the student with this id.")
    ] = None,
    course: Annotated[
        str | None, typer.Option(help="Entries of the course with this id.")
    ] = None,
    ledger: LedgerFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """List the runs, or the entries of a student or a course."""
    with _opened("show", ledger, config, settings) as opened:
        age = None if since is None else parse_age(since, "--since")
        of_runs = student is None and course is None
        if of_runs:
            found = opened.runs(age)
        else:
            found = opened.entries(age, student=student, course=course)
    if as_json:
        print_json({"runs" if of_runs else "entries": to_json(found)})
        return
    if not len(found):
        console().print("Nothing is recorded.")
        return
    console().print((_show_runs if of_runs else _show_entries)(found[-_MOST:]))
    if len(found) > _MOST:
        console().print(f"The latest {_MOST} of {len(found):,}; --json prints all.")


@app.command()
def export(
    student: Student,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write, instead of stdout.")
    ] = None,
    ledger: LedgerFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Write everything that is stored about a student, as JSON."""
    with _opened("export", ledger, config, settings) as opened:
        stored = opened.export(student)
        if out is not None:
            from edml.cli._files import write_json  # noqa: PLC0415 - slow to import

            write_json(out, stored)
    if out is None:
        print_json(stored)
    else:
        n_entries = count(len(stored["entries"]), "entry", "entries")
        typer.echo(f"Wrote {out}: {n_entries}.")


@app.command()
def erase(
    student: Student,
    ledger: LedgerFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Erase a student; no file of the ledger then holds a byte of the id."""
    with _opened("erase", ledger, config, settings) as opened:
        n_entries = opened.erase(student)
    typer.echo(f"Erased {count(n_entries, 'entry', 'entries')}.")


@app.command()
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", help="Age such as 90d, 6w, 3m or 1y.")
    ],
    ledger: LedgerFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Erase the runs that are older."""
    with _opened("prune", ledger, config, settings) as opened:
        n_runs = opened.prune(parse_age(older_than, "--older-than"))
    typer.echo(f"Erased {count(n_runs, 'run')}.")


def parse_age(text: str, option: str) -> timedelta:
    """Read 90d, 6w, 3m or 1y; a month has 30 days, a year 365."""
    from edml.cli._config import ConfigError  # noqa: PLC0415 - slow to import

    match = re.fullmatch(r"\s*(\d{1,5})\s*([dwmy])\s*", text.lower(), re.ASCII)
    if match is None or not int(match[1]):
        message = (
            f"{option} expects days, weeks, months or years such as 90d, 6w, 3m or 1y."
        )
        raise ConfigError(coded("not_age", message, option=option))
    return timedelta(days=int(match[1]) * _DAYS[match[2]])


def to_json(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return rows in JSON form: times as ISO 8601, null where unknown."""
    plain = table.assign(time=[moment.isoformat() for moment in table["time"]])
    plain = plain.astype(object)
    return plain.where(plain.notna(), None).to_dict("records")


@contextmanager
def _opened(
    command: str,
    ledger: Path | None,
    config: Path | None,
    settings: list[str] | None,
) -> Iterator["Ledger"]:
    with guarded(f"ledger {command}"):
        read = read_settings(config, settings, {("ledger", "path"): ledger}).config
        from edml.cli._access import open_ledger  # noqa: PLC0415 - slow to import

        yield open_ledger(read.ledger)


def _show_runs(runs: "pd.DataFrame") -> Any:
    shown = make_table(
        count(len(runs), "run"),
        right("run"),
        "time (UTC)",
        "from",
        "registry",
        right("version"),
        right("threshold"),
        right("capacity"),
        right("entries"),
    )
    for run in runs.itertuples():
        shown.add_row(
            str(run.run),
            f"{run.time:%Y-%m-%d %H:%M}",
            run.source,
            _text(run.registry),
            _text(run.version),
            figure(run.threshold),
            _text(run.capacity),
            f"{run.n_entries:,}",
        )
    return shown


def _show_entries(entries: "pd.DataFrame") -> Any:
    shown = make_table(
        count(len(entries), "entry", "entries"),
        Column("time (UTC)", min_width=10),
        Column("student", min_width=12, max_width=20, overflow="fold"),
        Column("course", min_width=8, max_width=20, overflow="fold"),
        right("day", min_width=3),
        right("risk", min_width=5),
        Column("", min_width=7),
        "reasons",
    )
    for entry in entries.itertuples():
        shown.add_row(
            f"{entry.time:%Y-%m-%d %H:%M}",
            entry.student,
            entry.course,
            str(entry.day),
            figure(entry.probability),
            "flagged" if entry.flagged else "",
            ", ".join(entry.reasons),
        )
    return shown


def _text(value: Any) -> str:
    import pandas as pd  # noqa: PLC0415 - slow to import

    return "-" if pd.isna(value) else str(value)
