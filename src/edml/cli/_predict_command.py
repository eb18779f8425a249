"""``edml predict``: its options; `_predict` does the work."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from edml.cli import _views
from edml.cli._commands import (
    EVENTS,
    Folder,
    LedgerFile,
    TokenFile,
    Url,
    check_one_model,
    find_events,
    of_registry,
    open_client,
    read_settings,
)
from edml.cli._terminal import (
    LANGUAGE,
    ConfigFile,
    Json,
    Settings,
    check_language,
    guarded,
    path,
    show,
    stage,
)


def predict(
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
    url: Url = None,
    token_file: TokenFile = None,
    folder: Folder = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the predictions.", parser=path),
    ] = None,
    kind: Annotated[
        Literal["json", "csv"], typer.Option("--format", help="Format of the files.")
    ] = "json",
    language: Annotated[
        str | None,
        typer.Option(callback=check_language, help="Language of the reasons."),
    ] = None,
    ledger: LedgerFile = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Predict who is on the way to failing, and why; a new file for each course."""
    flags = {
        ("endpoint", "url"): url,
        ("paths", "inferences"): out,
        ("ledger", "path"): ledger,
        **of_registry(folder, None),
    }
    with guarded("predict"):
        check_one_model(url, folder)
        read = read_settings(config, settings, flags).config
        given: list[Path | None] = list(raw) if raw else [None]
        events = [find_events(one, read.paths.raw, "raw") for one in given]
        with stage("Loading the libraries"):
            from edml.cli import _predict  # noqa: PLC0415
            from edml.cli._access import open_ledger  # noqa: PLC0415
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
        by_endpoint = read.endpoint.url is not None and folder is None
        client = partial(open_client, read.endpoint, token_file)
        found = _predict.predict(
            events,
            wanted,
            read,
            client if by_endpoint else None,
            open_ledger(read.ledger) if read.ledger.path else None,
        )
        inferences = read.paths.inferences
        with stage(f"Writing into {inferences}"):
            files = _predict.write_files(
                found,
                inferences,
                kind,
                whole=wanted.whole_courses,
                now=datetime.now(UTC),
            )
    result = {**found.about, "files": files, "predictions": found.to_records()}
    labels = found.courses["label"].tolist()
    show(
        result,
        as_json,
        partial(_views.show_predicted, names=found.names, courses=labels),
    )
