"""``edml monitor``: the champion on a running term, for people and for cron."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from edml._words import count
from edml.cli._commands import (
    Folder,
    LedgerFile,
    Name,
    Raw,
    find_events,
    read_settings,
)
from edml.cli._terminal import (
    LANGUAGE,
    ConfigFile,
    Json,
    Settings,
    check_language,
    guarded,
    note,
    path,
    show,
    stage,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from edml.cli._settings import Config

ACT_CODE = 3  # of the exit, for cron


def monitor(
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
    page: Annotated[
        Path | None,
        typer.Option("--html", help="Also write the page as HTML.", parser=path),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--lang", callback=check_language, help="Language: en or es."),
    ] = None,
    ledger: LedgerFile = None,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Compare a running term with what the model was trained on.

    The exit code is 3 if something must be done now.
    """
    language = language or LANGUAGE.get()
    flags = {
        ("registry", "path"): folder,
        ("registry", "name"): name,
        ("ledger", "path"): ledger,
    }
    with guarded("monitor"):
        read = read_settings(config, settings, flags).config
        events = find_events(raw, read.paths.raw, "raw")
        if outcomes is not None:
            find_events(outcomes, None, "raw")
        with stage("Loading the libraries"):
            from edml import monitoring  # noqa: PLC0415
            from edml.cli._access import open_ledger, open_registry  # noqa: PLC0415
            from edml.cli._files import read_events  # noqa: PLC0415
            from edml.cli._registry import parse_version  # noqa: PLC0415
            from edml.exceptions import RegistryError  # noqa: PLC0415
            from edml.schema import columns_of  # noqa: PLC0415
        with stage("Reading the model"):
            registry = open_registry(read.registry)
            number = registry.record(parse_version(version)).version
            model = registry.load(number)
            try:
                reference = registry.reference(number)
            except RegistryError as error:
                note(f"Note: {error}")
                reference = None
        with stage("Reading the events"):
            X = read_events(events, columns_of(model), source=read.source)
            y = _read_outcomes(X, outcomes, model, read)
        with stage(f"Comparing {count(len(X), 'row')}"):
            report = monitoring.monitor(
                model,
                X,
                y,
                since,
                reference=reference,
                until=until,
                ledger=open_ledger(read.ledger) if read.ledger.path else None,
            )
        if page is not None:
            report.to_html(page, language)

    def render(out: Console, _: dict[str, Any]) -> None:
        out.print(report.to_text(language))
        if page is not None:
            out.print(f"\nWrote {page}.")

    result = {"model_version": number, **report.to_dict()}
    show(result, as_json, render)
    if report.verdict == "act":
        raise typer.Exit(ACT_CODE)


def _read_outcomes(
    X: "pd.DataFrame", path: Path | None, model: Any, config: "Config"
) -> "np.ndarray[Any, Any] | None":
    """Return the outcomes of the rows, from a file or from the events themselves."""
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    from edml.schema import (  # noqa: PLC0415
        COURSE,
        FINAL_GRADE,
        STUDENT,
        check_table,
        columns_of,
        read_numbers,
        spell_key,
    )
    from edml.sources import read_table  # noqa: PLC0415

    names = columns_of(model)
    keys = [names[STUDENT], names[COURSE]]
    grade = names[FINAL_GRADE]
    if path is None:
        if grade not in X.columns:
            return None
        grades = read_numbers(X[grade])
    else:
        table, notes = read_table(path, known=[*keys, grade])
        for text in notes:
            note(f"{path}: {text}")
        check_table(table, [*keys, grade])
        spelled = [table[key].map(spell_key) for key in keys]
        known = pd.Series(
            read_numbers(table[grade]), pd.MultiIndex.from_arrays(spelled)
        )
        known = known[~known.index.duplicated(keep="last")]
        rows = pd.MultiIndex.from_arrays([X[key].map(spell_key) for key in keys])
        grades = known.reindex(rows).to_numpy()
    unknown = np.isnan(grades)
    if unknown.all():
        return None
    passes, fails = _labels(model)
    labels = np.where(grades < config.data.passing_grade, fails, passes).astype(object)
    labels[unknown] = None
    return labels


def _labels(model: Any) -> tuple[Any, Any]:
    """Return the label that passes, and the one that fails."""
    from edml.schema import fail_label_of  # noqa: PLC0415

    failing = fail_label_of(model)
    passing = next(one for one in model.classes_.tolist() if one != failing)
    return passing, failing
