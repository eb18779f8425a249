"""``edml ledger``: the recorded lists, in a terminal."""

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from edml._messages import coded
from edml.cli._options import Shown, with_ledger
from edml.cli._terminal import figure, make_table, print_json, right, words

if TYPE_CHECKING:
    import pandas as pd

    from edml.ledger import Ledger

app = typer.Typer(
    help=(
        "Show which students were listed, and when. The file is that of --ledger or "
        "of edml.toml; the key of pseudonyms is read from EDML_LEDGER_KEY, or from the "
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
@with_ledger
def show(
    ledger: "Ledger",
    since: Age = None,
    student: Annotated[
        str | None, typer.Option(help="Entries of the student with this id.")
    ] = None,
    course: Annotated[
        str | None, typer.Option(help="Entries of the course with this id.")
    ] = None,
) -> Shown:
    """List the runs, or the entries of a student or a course."""
    age = None if since is None else parse_age(since, "--since")
    of_runs = student is None and course is None
    if of_runs:
        found = ledger.runs(age)
    else:
        found = ledger.entries(age, student=student, course=course)

    def render(out: Console, _: dict[str, Any]) -> None:
        if not len(found):
            out.print(words("Nothing is recorded."))
            return
        out.print((_show_runs if of_runs else _show_entries)(found[-_MOST:]))
        if len(found) > _MOST:
            n = words.number(len(found))
            out.print(
                words("The latest {shown} of {n}; --json prints all.", shown=_MOST, n=n)
            )

    return Shown({"runs" if of_runs else "entries": to_json(found)}, render)


@app.command()
@with_ledger
def export(
    ledger: "Ledger",
    student: Student,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write, instead of stdout.")
    ] = None,
) -> str | None:
    """Write everything that is stored about a student, as JSON."""
    stored = ledger.export(student)
    if out is None:
        print_json(stored)
        return None
    from edml.cli._files import write_json  # noqa: PLC0415 - slow to import

    write_json(out, stored)
    entries = _count_entries(len(stored["entries"]))
    return words("Wrote {file}: {entries}.", file=out, entries=entries)


@app.command()
@with_ledger
def erase(ledger: "Ledger", student: Student) -> str:
    """Erase a student; no file of the ledger then holds a byte of the id."""
    n_entries = ledger.erase(student)
    return words("Erased {found}.", found=_count_entries(n_entries))


@app.command()
@with_ledger
def prune(
    ledger: "Ledger",
    older_than: Annotated[
        str, typer.Option("--older-than", help="Age such as 90d, 6w, 3m or 1y.")
    ],
) -> str:
    """Erase the runs that are older."""
    n_runs = ledger.prune(parse_age(older_than, "--older-than"))
    return words("Erased {found}.", found=words.ngettext("{n} run", "{n} runs", n_runs))


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


def _count_entries(n: int) -> str:
    return words.ngettext("{n} entry", "{n} entries", n)


def _show_runs(runs: "pd.DataFrame") -> Table:
    shown = make_table(
        words.ngettext("{n} run", "{n} runs", len(runs)),
        right(words("run")),
        words("time (UTC)"),
        words("from"),
        words("registry"),
        right(words("version")),
        right(words("threshold")),
        right(words("capacity")),
        right(words("entries")),
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
            words.number(run.n_entries),
        )
    return shown


def _show_entries(entries: "pd.DataFrame") -> Table:
    shown = make_table(
        _count_entries(len(entries)),
        Column(words("time (UTC)"), min_width=10),
        Column(words("student"), min_width=12, max_width=20, overflow="fold"),
        Column(words("course"), min_width=8, max_width=20, overflow="fold"),
        right(words("day"), min_width=3),
        right(words("risk"), min_width=5),
        Column("", min_width=7),
        words("reasons"),
    )
    flagged = words.pgettext("a student", "flagged")
    for entry in entries.itertuples():
        shown.add_row(
            f"{entry.time:%Y-%m-%d %H:%M}",
            entry.student,
            entry.course,
            str(entry.day),
            figure(entry.probability),
            flagged if entry.flagged else "",
            ", ".join(entry.reasons),
        )
    return shown


def _text(value: Any) -> str:
    import pandas as pd  # noqa: PLC0415 - slow to import

    return "-" if pd.isna(value) else str(value)
