"""``edml monitor``: the champion on a running term, for people and for cron."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edml.cli._options import (
    FOLDER,
    LEDGER,
    NAME,
    Page,
    Raw,
    Shown,
    path,
    read_version,
    with_settings,
)
from edml.cli._terminal import LANGUAGE, check_language, note, say, stage, words
from edml.cli._views import show_page

if TYPE_CHECKING:
    from edml.cli._access import Project

ACT_CODE = 3  # of the exit, for cron


@with_settings(LEDGER, FOLDER, NAME)
def monitor(
    project: "Project",
    raw: Raw = None,
    outcomes: Annotated[
        Path | None,
        typer.Option(
            help="Final grades as far as known, by student and course.", parser=path
        ),
    ] = None,
    since: Annotated[
        float | None, typer.Option(help="Compare weeks that end after this day only.")
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(help="Day that each course should have reached by now."),
    ] = None,
    version: Annotated[
        str, typer.Option(help="Version: a number, production, staging or latest.")
    ] = "production",
    page: Page = None,
    language: Annotated[
        str | None,
        typer.Option("--lang", callback=check_language, help="Language: en or es."),
    ] = None,
) -> Shown:
    """Compare a running term with what the model was trained on.

    The exit code is 3 if something must be done now.
    """
    language = language or LANGUAGE.get()
    events, config = project.find_events(raw), project.config
    if outcomes is not None:
        project.find_events(outcomes)
    with stage("Loading the libraries"):
        from edml import monitoring  # noqa: PLC0415
        from edml.classifier import reads_context  # noqa: PLC0415
        from edml.cli._files import (  # noqa: PLC0415
            add_context,
            read_file,
            read_outcomes,
        )
        from edml.exceptions import RegistryError  # noqa: PLC0415
        from edml.schema import columns_of  # noqa: PLC0415
    with stage("Reading the model"):
        registry = project.open_registry()
        number = registry.record(read_version(version)).version
        model = registry.load(number)
        try:
            reference = registry.reference(number)
        except RegistryError as error:
            note(f"Note: {say(error)}")
            reference = None
    with stage("Reading the events"):
        X = read_file(events, columns_of(model), source=config.source)
        if reads_context(model):
            X = add_context(X, columns_of(model), config.data.partition_days)
        y = read_outcomes(X, outcomes, model, config.data.passing_grade)
    n = len(X)
    with stage(words.ngettext("Comparing {n} row", "Comparing {n} rows", n)):
        report = monitoring.monitor(
            model,
            X,
            y,
            since,
            reference=reference,
            until=until,
            ledger=project.find_ledger(),
        )
    if page is not None:
        report.to_html(page, language)
    render = partial(show_page, text=report.to_text(language), page=page)
    result = {"model_version": number, **report.to_dict()}
    return Shown(result, render, ACT_CODE if report.verdict == "act" else 0)
