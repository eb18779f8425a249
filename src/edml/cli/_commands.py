"""The commands and their options; modules of the same names do the work."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edml._messages import coded
from edml._optional import import_optional
from edml.cli import _views
from edml.cli._options import (
    EVENTS,
    FOLDER,
    LEDGER,
    NAME,
    URL,
    ConfigFile,
    Raw,
    Settings,
    Shown,
    TokenFile,
    override,
    path,
    read_version,
    with_settings,
)
from edml.cli._terminal import (
    INTERRUPTED,
    LANGUAGE,
    check_language,
    console,
    guarded,
    note,
    stage,
)

if TYPE_CHECKING:
    from edml.cli._access import Project

_PATIENCE = 2.0  # seconds that a page waits for a ledger that is being written
# Slow imports are inside the commands, because --help does not need them.

New = Annotated[
    Path | None,
    typer.Argument(
        help="Later events, as a file like raw. Default: paths.new.", parser=path
    ),
]


def demo(
    oulad: Annotated[
        Path | None,
        typer.Option(help="OULAD's folder, instead of the sample.", parser=path),
    ] = None,
) -> None:
    """Train on some students, and show how well others are predicted."""
    with guarded("demo"):
        with stage("Loading the libraries"):
            from edml.cli import _demo  # noqa: PLC0415
        result = _demo.demo(oulad)
    _views.show_demo(console(), result)


@with_settings(override("paths.features", Path, "File to write.", "--out"))
def process(project: "Project", raw: Raw = None) -> Shown:
    """Write a table of features: a row for each student, course and day."""
    events, config = project.find_events(raw), project.config
    with stage("Loading the libraries"):
        from edml.cli import _process  # noqa: PLC0415
    result = _process.process(events, config.paths.features, config)
    return Shown(result, _views.show_processed)


_ALGORITHMS = "random_forest, lightgbm or xgboost; can be repeated."
_MLFLOW = "Log the search to this MLflow server, or `local`."


@with_settings(
    override("tune.algorithms", list[str], _ALGORITHMS, "--algorithm"),
    override("tune.evaluations", int, "Maximum number of candidates to try."),
    override("tune.timeout", float, "Maximum duration of the search in seconds."),
    override("mlflow.uri", str, _MLFLOW, "--mlflow"),
    *(FOLDER, NAME),
)
def tune(project: "Project", raw: Raw = None) -> Shown:
    """Search for models, evaluate them on other students, and register the best."""
    events = project.find_events(raw)
    _check_mlflow(project)
    with stage("Loading the libraries"):
        from edml.cli import _tune  # noqa: PLC0415
    result = _tune.tune(events, project.config, project.open_registry())
    if result["interrupted"]:
        note("Stopped by Ctrl-C: these are the best so far.")
    return Shown(result, _views.show_tuned, INTERRUPTED if result["interrupted"] else 0)


@with_settings(
    override("update.refit", bool, "Refit the best models.", "--refit/--no-refit"),
    override("update.retune", bool, "Choose new thresholds.", "--retune/--no-retune"),
    override("update.promote", bool, "Promote the winner.", "--promote/--no-promote"),
    *(FOLDER, NAME),
)
def update(project: "Project", raw: New = None) -> Shown:
    """Evaluate the registered models on new events, and let them compete."""
    events = project.find_events(raw, "new")
    with stage("Loading the libraries"):
        from edml.cli import _update  # noqa: PLC0415
    result = _update.update(events, project.config, project.open_registry())
    return Shown(result, _views.show_updated)


@with_settings(
    override("paths.report", Path, "File to write.", "--out"), *(FOLDER, NAME)
)
def report(
    project: "Project",
    version: Annotated[
        list[str] | None,
        typer.Argument(help="Numbers, production or staging; several are compared."),
    ] = None,
) -> Shown:
    """Write a page about the champion, or compare several versions."""
    with stage("Loading the libraries"):
        from edml.cli import _report  # noqa: PLC0415
    versions = [read_version(one) for one in version or ["production"]]
    registry, out = project.open_registry(), project.config.paths.report
    result = _report.report(registry, versions, out, LANGUAGE.get())
    return Shown(result, _views.show_reported)


@with_settings(
    override("paths.new", Path, "Later events for the update. Default: paths.new."),
    *(FOLDER, NAME),
)
def run(
    project: "Project",
    raw: Raw = None,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat stages that are already done.")
    ] = False,
) -> Shown:
    """Process, tune, register and update; skip stages that are already done."""
    events, config = project.find_events(raw), project.config
    new = None if config.paths.new is None else project.find_events(None, "new")
    _check_mlflow(project)
    with stage("Loading the libraries"):
        from edml.cli import _run  # noqa: PLC0415
        from edml.cli._access import open_registry  # noqa: PLC0415
    result = _run.run(events, config, open_registry, new=new, again=again)
    return Shown(result, _views.show_run)


def serve(
    context: typer.Context, config: ConfigFile = None, settings: Settings = None
) -> None:
    """Serve the champion over HTTP; also takes the options of `edml-serve`."""
    with guarded("serve"):
        from edml.cli._access import read_project  # noqa: PLC0415
        from edml.serving import main  # noqa: PLC0415

        read = read_project(config, settings, {}).config
    endpoint, registry = read.endpoint, read.registry
    known = {
        "--host": endpoint.host,
        "--port": endpoint.port,
        "--token-file": endpoint.token_file,
        "--registry": registry.path,
        "--name": registry.name,
        "--public-keys": ",".join(map(str, registry.public_keys)) or None,
        "--memory": registry.memory,
    }
    given = [f"{name}={value}" for name, value in known.items() if value is not None]
    main([*given, *context.args])  # the last of two equal options wins


@with_settings(URL, LEDGER, FOLDER, NAME)
def app(
    project: "Project",
    data: Annotated[Path | None, typer.Option(help=EVENTS, parser=path)] = None,
    token_file: TokenFile = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--lang",
            callback=check_language,
            help="Language of the pages. Default: the browser's.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the pages.")
    ] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Default: this machine only.")
    ] = "127.0.0.1",
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Allow promoting versions.")
    ] = False,
) -> None:
    """Show the students at risk, and the models, in a browser.

    Without a registry, an endpoint and events it shows the sample that comes with
    edml, and a model that is trained on the spot.
    """
    project.check_one_model()
    config = project.config
    events = data or config.paths.raw
    if events is not None:
        from edml.cli._stores import reject_store  # noqa: PLC0415

        reject_store(project.find_events(events), "app")
    import_optional("streamlit", extra="app", purpose="The web app")
    from edml.app import AppSettings, run  # noqa: PLC0415

    models = _models_of_app(project, token_file, given=events is not None)
    beside = config.ledger.path and config.ledger.path.with_name("contacts.csv")
    settings = AppSettings(
        data=events,
        columns=config.columns,
        reading=config.source.model_dump(exclude_defaults=True),
        language=language,
        host=host,
        port=port,
        allow_changes=allow_changes,
        **models,
        **_ledger_of_app(project, recorded="open_registry" in models),
        contacts=config.paths.contacts or beside,
    )
    note("The web app is at {url}; Ctrl-C stops it.", url=f"http://{host}:{port}")
    run(settings)


def _check_mlflow(project: "Project") -> None:
    if project.config.mlflow.uri is not None:
        import_optional("mlflow", extra="mlflow", purpose="Logging searches")


def _ledger_of_app(project: "Project", *, recorded: bool) -> dict[str, Any]:
    """Return the ledger of the lists, which must be usable now."""
    if project.config.ledger.path is None:
        return {}
    if not recorded:
        note(
            "The ledger is not used: only lists of a registry's models are recorded. "
            "An endpoint records its own answers with edml-serve --ledger."
        )
        return {}
    ledger = project.open_ledger(timeout=_PATIENCE)
    return {"open_ledger": lambda: ledger, "capacity": project.config.contacts}


def _models_of_app(
    project: "Project", token_file: Path | None, *, given: bool
) -> dict[str, Any]:
    """Return functions that open the registry or the endpoint later."""
    from edml.cli._config import ConfigError  # noqa: PLC0415

    if project.uses_endpoint:
        url = str(project.config.endpoint.url)
        if not url.startswith(("http://", "https://")):
            message = (
                "endpoint.url: Expected an address such as 'https://risk.example.org'; "
                "found another form. Begin it with http:// or https://."
            )
            raise ConfigError(coded("not_address", message))
        # the user is waiting for the page: one retry is enough
        return {"open_client": partial(project.open_client, token_file, retries=1)}
    known = any(section == "registry" for section, _ in project.origins)
    if given or known or project.config.registry.path.exists():
        return {"open_registry": project.open_registry}
    return {}
