"""``edml check``: one page about an event table, before anything is trained."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from edml._urls import check_stores
from edml._words import count
from edml.cli._commands import Raw, find_events, read_settings
from edml.cli._terminal import ConfigFile, Json, Settings, guarded, path, show, stage

Page = Annotated[
    Path | None,
    typer.Option("--html", help="Also write the page as an HTML file.", parser=path),
]


def check(
    raw: Raw = None,
    page: Page = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Check a table of events: what is missing, what looks wrong, what to do.

    The exit code is 1 if the table cannot be used.
    """
    with guarded("check"):
        read = read_settings(config, settings).config
        events = find_events(raw, read.paths.raw, "raw")
        check_stores(*filter(None, [page]))
        with stage("Loading the libraries"):
            from edml.cli._files import read_for_check  # noqa: PLC0415
            from edml.inspection import check_events  # noqa: PLC0415
            from edml.schema import resolve_columns  # noqa: PLC0415
        with stage("Reading the events"):
            names = resolve_columns(read.columns)
            X, unreadable = read_for_check(
                events, names, source=read.source, max_rows=read.data.max_rows
            )
        with stage(f"Checking {count(len(X), 'row')}"):
            report = check_events(
                X,
                columns=read.columns,
                exam_kinds=read.name_exams(),
                partition_days=read.data.partition_days,
                passing_grade=read.data.passing_grade,
                unreadable=unreadable,
            )
        if page is not None:
            report.to_html(page)

    def render(out: Console, _: dict[str, Any]) -> None:
        out.print(repr(report))
        if page is not None:
            out.print(f"\nWrote {page}.")

    show(report.to_dict(), as_json, render)
    if not report.usable:
        raise typer.Exit(1)
