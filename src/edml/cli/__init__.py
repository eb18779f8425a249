"""The ``edml`` command; what is slow to import is imported in the commands."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from edml import __version__
from edml.cli import _commands, _config_commands, _registry
from edml.cli._terminal import empty_table, stage

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["app", "main"]

app = typer.Typer(
    help="Which students are on the way to failing a course, on every day of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold students' values
)
app.add_typer(_config_commands.app, name="config")
app.add_typer(_registry.app, name="registry")

_MEANING = (
    "No student was both trained and tested on, and each student, course and day "
    "counts once; average precision is to be read against the share failing, which "
    "a model that knows nothing reaches; precision and recall are those of flagging "
    "from 0.5 on, an arbitrary threshold, and the probabilities are not calibrated "
    "here."
)

_HEADINGS = {  # on two lines where the tables would not fit 80 columns
    "failing": "share\nfailing",
    "average precision": "average\nprecision",
    "precision": "precision\nat 0.5",
    "recall": "recall\nat 0.5",
}


def main() -> None:
    """Run the ``edml`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a course's name must not end the run where a terminal lacks its letters
            stream.reconfigure(errors="replace")
    app(prog_name="edml")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edml {__version__}")
        raise typer.Exit


@app.callback()
def edml(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Say which students are on the way to failing a course, on every day of it."""


@app.command()
def demo(
    oulad: Annotated[
        Path | None,
        typer.Option(help="Folder of the OULAD tables, instead of the sample."),
    ] = None,
) -> None:
    """Train on some students and show how well the others are foreseen."""
    with stage("Loading the libraries"):
        from edml.cli import _demo  # noqa: PLC0415 - seconds, and only needed here
        from edml.exceptions import EdmlError  # noqa: PLC0415
        from edml.pipeline import make_risk_pipeline  # noqa: PLC0415

    try:
        with stage("Reading the events"):
            split = _demo.split_sample() if oulad is None else _demo.split_oulad(oulad)
        with stage(f"Training on {len(split.X_train):,} rows"):
            # one thread: on busy cores, several wait for each other far longer
            pipeline = make_risk_pipeline().fit(split.X_train, split.y_train)
        with stage(f"Scoring {len(split.X_test):,} rows"):
            score = pipeline.predict_proba(split.X_test)[:, 1]
    except (EdmlError, OSError) as error:
        typer.secho(f"edml demo: {error}", fg="red", err=True)
        raise typer.Exit(1) from None
    snapshots = _demo.take_snapshots(split.X_test, split.y_test, score)
    # markup: a course may be named [x]
    out = Console(markup=False, highlight=False)
    sides = [side["user_uuid"].nunique() for side in (split.X_train, split.X_test)]
    out.print(f"{split.how} These are {sides[0]:,} and {sides[1]:,} students.\n")
    out.print(_figures_table(_demo.measure_fifths(snapshots)))
    out.print(_students_table(_demo.most_at_risk(snapshots)))
    out.print(_MEANING)


for _command in (
    _commands.process,
    _commands.tune,
    _commands.update,
    _commands.predict,
    _commands.report,
    _commands.run,
    _commands.app,
):
    app.command()(_command)
app.command(
    # what it does not know it hands on
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(_commands.serve)


def _figures_table(figures: "pd.DataFrame") -> Table:
    table = empty_table("How well the students of the test side are foreseen")
    table.add_column("course day")
    table.add_column("students", justify="right")
    for name in figures.columns[1:]:
        table.add_column(_HEADINGS.get(name, name), justify="right")
    for part, row in figures.iterrows():
        shown = [_number(row[name]) for name in figures.columns[1:]]
        last_fifth = part == figures.index[-2]
        table.add_row(
            str(part), f"{row['students']:,.0f}", *shown, end_section=last_fifth
        )
    return table


def _students_table(students: "pd.DataFrame") -> Table:
    table = empty_table(
        f"The {len(students)} students most at risk, at their latest day"
    )
    table.add_column("file number", justify="right")
    table.add_column("course", max_width=30)
    for name in ("course day", "probability\nof failing", "did fail"):
        table.add_column(name, justify="right")
    for row in students.itertuples():
        table.add_row(
            str(row.legajo),
            str(row.course_name),
            str(row.particion),
            _number(row.probability),
            "yes" if row.fails else "no",
        )
    return table


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN
