"""``edml predict``: its options; `_predict` does the work."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from edml.cli import _views
from edml.cli._options import (
    EVENTS,
    FOLDER,
    LEDGER,
    URL,
    Shown,
    TokenFile,
    override,
    path,
    with_settings,
)
from edml.cli._terminal import LANGUAGE, check_language, stage

if TYPE_CHECKING:
    from edml.cli._access import Project


@with_settings(
    *(URL, FOLDER, LEDGER),
    override("paths.inferences", Path, "Folder of the predictions.", "--out"),
)
def predict(
    project: "Project",
    raw: Annotated[
        list[Path] | None,
        typer.Argument(
            help=f"{EVENTS} Of several, later ones have precedence.", parser=path
        ),
    ] = None,
    course: Annotated[
        str | None, typer.Option(help="Course as shown, its name or its id.")
    ] = None,
    period: Annotated[
        str | None, typer.Option(help="Courses of this half-year, such as 02-2026.")
    ] = None,
    student: Annotated[
        list[str] | None,
        typer.Option(help="Id or file number of a student; can be repeated."),
    ] = None,
    running: Annotated[
        bool | None,
        typer.Option(
            "--running/--no-running",
            help="Leave out courses that are over. Default: if there are others.",
        ),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(
            "--at",
            "--partition",
            min=0,
            help="Predict at the end of this course day; default: the latest.",
        ),
    ] = None,
    pick_random: Annotated[
        bool,
        typer.Option(
            "--pick-random", help="A random student, course and day after day 15."
        ),
    ] = False,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of --pick-random.")
    ] = None,
    token_file: TokenFile = None,
    kind: Annotated[
        Literal["json", "csv"], typer.Option("--format", help="Format of the files.")
    ] = "json",
    language: Annotated[
        str | None,
        typer.Option(callback=check_language, help="Language of the reasons."),
    ] = None,
) -> Shown:
    """Predict who is on the way to failing, and why; a new file for each course."""
    project.check_one_model()
    events = [project.find_events(one) for one in raw or []]
    events = events or [project.find_events()]
    with stage("Loading the libraries"):
        from edml.cli import _predict  # noqa: PLC0415
        from edml.cli._selection import Wanted  # noqa: PLC0415
    wanted = Wanted(
        course=course,
        period=period,
        students=student or (),
        running=running,
        partition=at,
        pick_random=pick_random,
        seed=seed,
        language=language or LANGUAGE.get(),
    )
    client = partial(project.open_client, token_file)
    found = _predict.predict(
        events,
        wanted,
        project.config,
        client if project.uses_endpoint else None,
        project.find_ledger(),
    )
    folder, now = project.config.paths.inferences, datetime.now(UTC)
    with stage("Writing into {folder}", folder=folder):
        whole = wanted.whole_courses
        files = _predict.write_files(found, folder, kind, whole=whole, now=now)
    result = {**found.about, "files": files, "predictions": found.to_records()}
    courses = found.courses["label"].tolist()
    render = partial(_views.show_predicted, names=found.names, courses=courses)
    return Shown(result, render)
