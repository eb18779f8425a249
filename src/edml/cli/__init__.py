"""The ``edml`` command; what is slow to import is imported in the commands."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from edml import __version__

app = typer.Typer(
    help="Which students are on the way to failing a course, on every day of it.",
    no_args_is_help=True,
    add_completion=False,
)


def main() -> None:
    """Run the ``edml`` command."""
    app()


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
    progress = Console(stderr=True)
    with progress.status("Loading the libraries ..."):
        from edml.cli import _demo  # noqa: PLC0415 - a second, and only needed here
        from edml.exceptions import EdmlError  # noqa: PLC0415
        from edml.pipeline import make_risk_pipeline  # noqa: PLC0415

    try:
        with progress.status("Reading the events ..."):
            split = _demo.split_oulad(oulad) if oulad else _demo.split_sample()
        with progress.status(f"Training on {len(split.X_train):,} rows ..."):
            pipeline = make_risk_pipeline(n_jobs=-1).fit(split.X_train, split.y_train)
        with progress.status(f"Scoring {len(split.X_test):,} rows ..."):
            score = pipeline.predict_proba(split.X_test)[:, 1]
    except (EdmlError, OSError, ValueError) as error:
        progress.print(f"edml demo: {error}", style="red", markup=False)
        raise typer.Exit(1) from None
    table = _demo.snapshots(split.X_test, split.y_test, score)
    out = Console()
    sides = [side["user_uuid"].nunique() for side in (split.X_train, split.X_test)]
    out.print(f"Trained on, tested on: {split.how}.")
    out.print(f"{sides[0]:,} and {sides[1]:,} students; none is on both sides.\n")
    out.print(_figures_table(_demo.by_fifth(table)))
    out.print(_students_table(_demo.most_at_risk(table)))
    out.print(
        "\nEach student, course and day counts once. Average precision is to be "
        "read against the share that fails. Precision and recall are those of "
        "flagging from 0.5 on, a threshold that nobody chose; the probabilities "
        "are not calibrated here."
    )


def _figures_table(figures: Any) -> Table:
    table = Table(title="How well the test side is foreseen", title_justify="left")
    table.add_column("")
    for name in figures.columns:
        table.add_column(name, justify="right")
    for part, row in figures.iterrows():
        shown = ["-" if value != value else f"{value:.3f}" for value in row]  # noqa: PLR0124
        table.add_row(str(part), *shown, end_section=part == figures.index[-2])
    return table


def _students_table(students: Any) -> Table:
    table = Table(title="\nMost at risk, at their latest day", title_justify="left")
    for name in ("file number", "course", "day", "probability of failing", "failed"):
        table.add_column(name, justify="left" if name == "course" else "right")
    for row in students.itertuples():
        table.add_row(
            *(str(row.legajo), str(row.course_name), str(row.particion)),
            f"{row.probability:.3f}",
            "yes" if row.fails else "no",
        )
    return table
