"""The commands and their options; modules of the same names do the work."""

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edml._messages import coded
from edml._optional import import_optional
from edml._urls import check_stores
from edml.cli import _views
from edml.cli._registry import parse_version
from edml.cli._terminal import (
    INTERRUPTED,
    LANGUAGE,
    ConfigFile,
    Json,
    Settings,
    check_language,
    console,
    guarded,
    note,
    path,
    say,
    show,
    stage,
)

if TYPE_CHECKING:
    from edml.cli._config import Read
    from edml.cli._settings import Config, Endpoint
    from edml.registry import ModelRegistry
    from edml.serving import RiskClient

_PATIENCE = 2.0  # seconds that a page waits for a ledger that is being written
# Slow imports are inside the commands, because --help does not need them.

EVENTS = "The events: .csv, .xlsx, .json, .parquet or a store. Default: paths.raw."
#: Formats of files that need an extra: a module, the extra, and what it is for.
_FORMATS = {
    ".parquet": ("pyarrow", "parquet", "Parquet"),
    ".xlsm": ("openpyxl", "excel", "Excel"),
    ".xlsx": ("openpyxl", "excel", "Excel"),
}
Raw = Annotated[Path | None, typer.Argument(help=EVENTS, parser=path)]
New = Annotated[
    Path | None,
    typer.Argument(
        help="Later events, as a file like raw. Default: paths.new.", parser=path
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option("--registry", help="Folder of all registries.", parser=path),
]
Name = Annotated[str | None, typer.Option("--name", help="Registry in that folder.")]
LedgerFile = Annotated[
    Path | None,
    typer.Option("--ledger", help="File of the ledger. Default: ledger.path."),
]
Out = Annotated[Path | None, typer.Option("--out", help="File to write.", parser=path)]
Url = Annotated[
    str | None, typer.Option(help="Use this endpoint instead of a registry.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="File with the token of the endpoint, on its first line."),
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


def process(
    raw: Raw = None,
    out: Out = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Write a table of features: a row for each student, course and day."""
    with guarded("process"):
        read = read_settings(config, settings, {("paths", "features"): out}).config
        events = find_events(raw, read.paths.raw, "raw")
        with stage("Loading the libraries"):
            from edml.cli import _process  # noqa: PLC0415
        result = _process.process(events, read.paths.features, read)
    show(result, as_json, _views.show_processed)


def tune(
    raw: Raw = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help="random_forest, lightgbm or xgboost; can be repeated."),
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(help="Maximum number of candidates to try.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Maximum duration of the search in seconds.")
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option(help="Log the search to this MLflow server, or `local`."),
    ] = None,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Search for models, evaluate them on other students, and register the best."""
    flags = {
        ("tune", "algorithms"): algorithm or None,
        ("tune", "evaluations"): evaluations,
        ("tune", "timeout"): timeout,
        ("mlflow", "uri"): mlflow,
        **of_registry(folder, name),
    }
    with guarded("tune"):
        read = read_settings(config, settings, flags).config
        events = find_events(raw, read.paths.raw, "raw")
        _check_mlflow(read)
        with stage("Loading the libraries"):
            from edml.cli import _tune  # noqa: PLC0415
        result = _tune.tune(events, read, _open(read))
    show(result, as_json, _views.show_tuned)
    if result["interrupted"]:
        note("Stopped by Ctrl-C: these are the best so far.")
        raise typer.Exit(INTERRUPTED)


def update(
    raw: New = None,
    refit: Annotated[
        bool | None,
        typer.Option("--refit/--no-refit", help="Refit the best models."),
    ] = None,
    retune: Annotated[
        bool | None,
        typer.Option("--retune/--no-retune", help="Choose new thresholds."),
    ] = None,
    promote: Annotated[
        bool | None,
        typer.Option("--promote/--no-promote", help="Promote the winner."),
    ] = None,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Evaluate the registered models on new events, and let them compete."""
    flags = {
        ("update", "refit"): refit,
        ("update", "retune"): retune,
        ("update", "promote"): promote,
        **of_registry(folder, name),
    }
    with guarded("update"):
        read = read_settings(config, settings, flags).config
        events = find_events(raw, read.paths.new, "new")
        with stage("Loading the libraries"):
            from edml.cli import _update  # noqa: PLC0415
        result = _update.update(events, read, _open(read))
    show(result, as_json, _views.show_updated)


def report(
    version: Annotated[
        list[str] | None,
        typer.Argument(help="Numbers, production or staging; several are compared."),
    ] = None,
    out: Out = None,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Write a page about the champion, or compare several versions."""
    flags = {("paths", "report"): out, **of_registry(folder, name)}
    with guarded("report"):
        read = read_settings(config, settings, flags).config
        with stage("Loading the libraries"):
            from edml.cli import _report  # noqa: PLC0415
        versions = version or ["production"]
        result = _report.report(
            _open(read),
            [*map(parse_version, versions)],
            read.paths.report,
            LANGUAGE.get(),
        )
    show(result, as_json, _views.show_reported)


def run(
    raw: Raw = None,
    new: Annotated[
        Path | None,
        typer.Option(
            help="Later events for the update. Default: paths.new.", parser=path
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Repeat stages that are already done.")
    ] = False,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Process, tune, register and update; skip stages that are already done."""
    flags = {("paths", "new"): new, **of_registry(folder, name)}
    with guarded("run"):
        read = read_settings(config, settings, flags).config
        events = find_events(raw, read.paths.raw, "raw")
        new = (
            None if read.paths.new is None else find_events(None, read.paths.new, "new")
        )
        _check_mlflow(read)
        with stage("Loading the libraries"):
            from edml.cli import _run  # noqa: PLC0415
            from edml.cli._access import open_registry  # noqa: PLC0415
        result = _run.run(events, read, open_registry, new=new, again=again)
    show(result, as_json, _views.show_run)


def serve(
    context: typer.Context, config: ConfigFile = None, settings: Settings = None
) -> None:
    """Serve the champion over HTTP; also takes the options of `edml-serve`."""
    with guarded("serve"):
        read = read_settings(config, settings).config
        from edml.serving import main  # noqa: PLC0415
    known = {
        "--host": read.endpoint.host,
        "--port": read.endpoint.port,
        "--token-file": read.endpoint.token_file,
        "--registry": read.registry.path,
        "--name": read.registry.name,
        "--public-keys": ",".join(map(str, read.registry.public_keys)) or None,
        "--memory": read.registry.memory,
    }
    given = [f"{name}={value}" for name, value in known.items() if value is not None]
    main([*given, *context.args])  # the last of two equal options wins


def app(
    data: Annotated[Path | None, typer.Option(help=EVENTS, parser=path)] = None,
    folder: Folder = None,
    name: Name = None,
    url: Url = None,
    token_file: TokenFile = None,
    ledger: LedgerFile = None,
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
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Show the students at risk, and the models, in a browser.

    Without a registry, an endpoint and events it shows the sample that comes with
    edml, and a model that is trained on the spot.
    """
    flags = {
        ("endpoint", "url"): url,
        ("ledger", "path"): ledger,
        **of_registry(folder, name),
    }
    with guarded("app"):
        check_one_model(url, folder)
        read = read_settings(config, settings, flags)
        events = data or read.config.paths.raw
        if events is not None:
            from edml.cli._stores import reject_store  # noqa: PLC0415

            reject_store(find_events(events, None, "raw"), "app")
        import_optional("streamlit", extra="app", purpose="The web app")
        from edml.app import AppSettings, run  # noqa: PLC0415

        models = _models_of_app(read, token_file, given=bool(folder or events))
        shown = AppSettings(
            data=events,
            columns=read.config.columns,
            reading=read.config.source.model_dump(exclude_defaults=True),
            language=language,
            host=host,
            port=port,
            allow_changes=allow_changes,
            **models,
            **_ledger_of_app(read.config, recorded="open_registry" in models),
            contacts=_contacts_of_app(read.config),
        )
        note(f"The web app is at http://{host}:{port}; Ctrl-C stops it.")
        run(shown)


def read_settings(
    file: Path | None,
    settings: list[str] | None,
    flags: dict[tuple[str, str], Any] | None = None,
) -> "Read":
    """Read the configuration: file, environment, `--set`, and then other options."""
    from edml.cli._config import parse_settings, read_config  # noqa: PLC0415

    given = {key: value for key, value in (flags or {}).items() if value is not None}
    read = read_config(file, os.environ, {**parse_settings(settings or []), **given})
    for text in read.notes:
        note(f"Note: {say(text)}")
    check_stores(*filter(None, dict(read.config.paths).values()))
    return read


def _open(config: "Config") -> "ModelRegistry":
    from edml.cli._access import open_registry  # noqa: PLC0415

    return open_registry(config.registry)


def of_registry(folder: Path | None, name: str | None) -> dict[tuple[str, str], Any]:
    return {("registry", "path"): folder, ("registry", "name"): name}


def find_events(given: Path | None, known: Path | None, key: str) -> Path:
    """Return the file of events: from the command line, or from the settings.

    A file that is absent, or that needs an extra, fails here: before any work.
    """
    from edml.cli._config import ConfigError  # noqa: PLC0415
    from edml.exceptions import TableError  # noqa: PLC0415

    found = given or known
    if found is None:
        message = coded(
            "no_events",
            f"Expected a file of events; found none. Pass one on the command line, or "
            f"set paths.{key} in edml.toml.",
            key=f"paths.{key}",
        )
        raise ConfigError(message)
    if not found.exists():
        message = f"There is no file {found}. Check the path."
        raise TableError(coded("no_file", message, path=found))
    if found.is_dir():
        import_optional("pyarrow", extra="parquet", purpose="A folder of Parquet files")
    if found.suffix.lower() in _FORMATS:
        module, extra, purpose = _FORMATS[found.suffix.lower()]
        import_optional(module, extra=extra, purpose=purpose)
    return found


def _check_mlflow(config: "Config") -> None:
    if config.mlflow.uri is not None:
        import_optional("mlflow", extra="mlflow", purpose="Logging searches")


def check_one_model(url: str | None, folder: Path | None) -> None:
    from edml.cli._config import ConfigError  # noqa: PLC0415

    if url is not None and folder is not None:
        message = "Expected one of --url and --registry; found both. Leave one out."
        raise ConfigError(coded("url_and_registry", message))


def open_client(
    endpoint: "Endpoint", token_file: Path | None, **options: Any
) -> "RiskClient":
    from edml.cli._access import open_client  # noqa: PLC0415

    return open_client(endpoint, token_file, **options)


def _ledger_of_app(config: "Config", *, recorded: bool) -> dict[str, Any]:
    """Return the ledger of the lists, which must be usable now."""
    if config.ledger.path is None:
        return {}
    if not recorded:
        note(
            "The ledger is not used: only lists of a registry's models are recorded. "
            "An endpoint records its own answers with edml-serve --ledger."
        )
        return {}
    from edml.cli._access import open_ledger  # noqa: PLC0415

    ledger = open_ledger(config.ledger, timeout=_PATIENCE)
    return {"open_ledger": lambda: ledger, "capacity": config.contacts}


def _contacts_of_app(config: "Config") -> Path | None:
    told = config.ledger.path
    return config.paths.contacts or (told and told.with_name("contacts.csv"))


def _models_of_app(
    read: "Read", token_file: Path | None, *, given: bool
) -> dict[str, Any]:
    """Return functions that open the registry or the endpoint later."""
    from edml.cli._config import ConfigError  # noqa: PLC0415

    config, by_flag = read.config, read.origins.get(("registry", "path"), "")
    endpoint = config.endpoint
    if endpoint.url is not None and not by_flag.startswith("option"):
        if not endpoint.url.startswith(("http://", "https://")):
            message = (
                "endpoint.url: Expected an address such as 'https://risk.example.org'; "
                "found another form. Begin it with http:// or https://."
            )
            raise ConfigError(coded("not_address", message))
        # the user is waiting for the page: one retry is enough
        return {"open_client": partial(open_client, endpoint, token_file, retries=1)}
    known = any(section == "registry" for section, _ in read.origins)
    if given or known or config.registry.path.exists():
        return {"open_registry": lambda: _open(config)}
    return {}
