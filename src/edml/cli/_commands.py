"""The commands of the workflow: what they are called with; the work is elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edml.cli import _registry, _views
from edml.cli._terminal import (
    INTERRUPTED,
    ConfigFile,
    Json,
    Settings,
    environment,
    guarded,
    note,
    show,
    stage,
)

if TYPE_CHECKING:
    import pandas as pd

    from edml.cli._config import Read
    from edml.cli._predict import Wanted
    from edml.cli._settings import Config
    from edml.registry import ModelRegistry
    from edml.serving import RiskClient

# What is imported in a command is slow to import, and not needed for --help.

Raw = Annotated[
    Path | None,
    typer.Argument(help="The events: .csv or .parquet. Without it, paths.raw."),
]
New = Annotated[
    Path | None,
    typer.Argument(help="Later events: .csv or .parquet. Without it, paths.new."),
]
Folder = Annotated[
    Path | None, typer.Option("--registry", help="Folder of all registries.")
]
Name = Annotated[str | None, typer.Option("--name", help="Which registry in it.")]
Out = Annotated[Path | None, typer.Option("--out", help="Where to write it.")]


def process(
    raw: Raw = None,
    out: Out = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Write the features of each student, course and day as a table."""
    with guarded("process"):
        read = read_settings(config, settings, {("paths", "features"): out}).config
        events = _events(raw, read.paths.raw, "raw")
        with stage("Loading the libraries"):
            from edml.cli import _process  # noqa: PLC0415
        result = _process.process(events, read.paths.features, read)
    show(result, as_json, _views.show_processed)


def tune(
    raw: Raw = None,
    algorithm: Annotated[
        list[str] | None,
        typer.Option(help="random_forest, lightgbm or xgboost; may be repeated."),
    ] = None,
    evaluations: Annotated[
        int | None, typer.Option(help="Candidates that are tried, at most.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds for the search, at most.")
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
        **_of_registry(folder, name),
    }
    with guarded("tune"):
        read = read_settings(config, settings, flags).config
        events = _events(raw, read.paths.raw, "raw")
        with stage("Loading the libraries"):
            from edml.cli import _tune  # noqa: PLC0415
        result = _tune.tune(events, read, open_registry(read))
    show(result, as_json, _views.show_tuned)
    if result["interrupted"]:
        note("Stopped by Ctrl-C: these are the best so far.")
        raise typer.Exit(INTERRUPTED)


def update(
    raw: New = None,
    refit: Annotated[
        bool | None,
        typer.Option("--refit/--no-refit", help="Train the best anew."),
    ] = None,
    retune: Annotated[
        bool | None,
        typer.Option("--retune/--no-retune", help="Choose their thresholds anew."),
    ] = None,
    promote: Annotated[
        bool | None,
        typer.Option("--promote/--no-promote", help="Let the winner be champion."),
    ] = None,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Judge the registered models on new events, renew them, and let them compete."""
    flags = {
        ("update", "refit"): refit,
        ("update", "retune"): retune,
        ("update", "promote"): promote,
        **_of_registry(folder, name),
    }
    with guarded("update"):
        read = read_settings(config, settings, flags).config
        events = _events(raw, read.paths.new, "new")
        with stage("Loading the libraries"):
            from edml.cli import _update  # noqa: PLC0415
        result = _update.update(events, read, open_registry(read))
    show(result, as_json, _views.show_updated)


def predict(
    raw: Raw = None,
    course: Annotated[
        str | None, typer.Option(help="Name or id of a course; without it, all.")
    ] = None,
    student: Annotated[
        list[str] | None, typer.Option(help="Id of a student; may be repeated.")
    ] = None,
    partition: Annotated[
        int | None,
        typer.Option(min=0, help="Course day as of whose end; without it, the latest."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Ask this endpoint, not a registry.")
    ] = None,
    folder: Folder = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of what is predicted.")
    ] = None,
    kind: Annotated[
        Literal["json", "csv"], typer.Option("--format", help="Of the files.")
    ] = "json",
    language: Annotated[
        Literal["en", "es"], typer.Option(help="Of the reasons.")
    ] = "en",
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Say who is on the way to failing, and why; one file per course.

    The champion of the registry is asked, or the endpoint that is named.
    """
    flags = {
        ("endpoint", "url"): url,
        ("paths", "inferences"): out,
        **_of_registry(folder, None),
    }
    with guarded("predict"):
        _check_one_source(url, folder)
        read = read_settings(config, settings, flags).config
        events = _events(raw, read.paths.raw, "raw")
        with stage("Loading the libraries"):
            from edml.cli import _predict  # noqa: PLC0415
        wanted = _predict.Wanted(course, student or (), partition, language)
        by_endpoint = read.endpoint.url is not None and folder is None
        found, about = _scored(events, wanted, read, by_endpoint)
        inferences = read.paths.inferences
        with stage(f"Writing into {inferences}"):
            files = _predict.write_files(found, inferences, kind, wanted, about)
        predictions = _predict.to_records(found)
    result = {**about, "files": files, "predictions": predictions}
    show(result, as_json, _views.show_predicted)


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
    """Write one page of the champion, or of several versions side by side."""
    flags = {("paths", "report"): out, **_of_registry(folder, name)}
    with guarded("report"):
        read = read_settings(config, settings, flags).config
        with stage("Loading the libraries"):
            from edml.cli import _report  # noqa: PLC0415
        versions = [_registry._number(one) for one in version or ["production"]]
        result = _report.report(open_registry(read), versions, read.paths.report)
    show(result, as_json, _views.show_reported)


def run(
    raw: Raw = None,
    new: Annotated[
        Path | None,
        typer.Option(help="Later events for the update. Without it, paths.new."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Do every stage, also those done.")
    ] = False,
    folder: Folder = None,
    name: Name = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Process, tune, register and update; what is done already is not done again."""
    flags = {("paths", "new"): new, **_of_registry(folder, name)}
    with guarded("run"):
        read = read_settings(config, settings, flags).config
        events = _events(raw, read.paths.raw, "raw")
        with stage("Loading the libraries"):
            from edml.cli import _run  # noqa: PLC0415
        result = _run.run(events, read, _open, new=read.paths.new, again=again)
    show(result, as_json, _views.show_run)


def serve(
    context: typer.Context, config: ConfigFile = None, settings: Settings = None
) -> None:
    """Serve the champion over HTTP; takes the options of `edml-serve`, too."""
    with guarded("serve"):
        read = read_settings(config, settings).config
        from edml.serving._server import main  # noqa: PLC0415
    endpoint, registry = read.endpoint, read.registry
    known = {
        "--host": endpoint.host,
        "--port": endpoint.port,
        "--token-file": endpoint.token_file,
        "--registry": registry.path,
        "--name": registry.name,
    }
    given = [f"{name}={value}" for name, value in known.items() if value is not None]
    main([*given, *context.args])  # of an option that is there twice the last holds


def app(
    data: Annotated[
        Path | None,
        typer.Option(help="The events: .csv or .parquet. Without it, paths.raw."),
    ] = None,
    folder: Folder = None,
    name: Name = None,
    url: Annotated[
        str | None, typer.Option(help="Ask this endpoint, not a registry.")
    ] = None,
    language: Annotated[
        Literal["en", "es"] | None,
        typer.Option("--lang", help="Of the pages; without it, the browser's."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Where the pages are.")
    ] = 8501,
    host: Annotated[
        str, typer.Option(help="The address to listen on; others than this machine's.")
    ] = "127.0.0.1",
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let versions be promoted.")
    ] = False,
    config: ConfigFile = None,
    settings: Settings = None,
) -> None:
    """Show the students at risk, and the models, in a browser.

    Without a registry, an endpoint and events it shows the sample that comes with
    edml, and a model that is trained on the spot.
    """
    flags = {("endpoint", "url"): url, **_of_registry(folder, name)}
    with guarded("app"):
        _check_one_source(url, folder)
        read = read_settings(config, settings, flags)
        from edml.app import AppSettings, run  # noqa: PLC0415

        events = data or read.config.paths.raw
        shown = AppSettings(
            data=events,
            columns=read.config.columns,
            language=language,
            host=host,
            port=port,
            allow_changes=allow_changes,
            **_opener(read, given=bool(folder or events)),
        )
        note(f"The web app is at http://{host}:{port}; Ctrl-C stops it.")
        run(shown)


def read_settings(
    path: Path | None,
    settings: list[str] | None,
    flags: dict[tuple[str, str], Any] | None = None,
) -> "Read":
    """Read the configuration, and say which variables are none of it.

    Parameters
    ----------
    path : Path or None
        What `--config` names.
    settings : list of str or None
        What `--set` is given.
    flags : dict or None, default=None
        Section and key to value, of the other options; they win.

    Returns
    -------
    read : Read
    """
    from edml.cli._config import parse_settings, read_config  # noqa: PLC0415

    given = {key: value for key, value in (flags or {}).items() if value is not None}
    read = read_config(path, environment(), {**parse_settings(settings or []), **given})
    for name in read.unknown:
        note(f"Note: {name} is no setting, and is passed over.")
    return read


def open_registry(config: "Config") -> "ModelRegistry":
    """Open the registry of a configuration, with the key of the environment.

    Parameters
    ----------
    config : Config
        Its section ``registry``.

    Returns
    -------
    registry : ModelRegistry
    """
    return _open(config.registry.path, config.registry.name)


def _open(folder: Path, name: str) -> "ModelRegistry":
    from edml.registry import ModelRegistry  # noqa: PLC0415

    return ModelRegistry(folder, name, _registry._read_key(), who=_registry._user())


def _of_registry(folder: Path | None, name: str | None) -> dict[tuple[str, str], Any]:
    return {("registry", "path"): folder, ("registry", "name"): name}


def _events(given: Path | None, known: Path | None, key: str) -> Path:
    from edml.cli._config import ConfigError  # noqa: PLC0415

    path = given or known
    if path is None:
        message = (
            f"Expected a file of events; found none. Name it on the command line, or "
            f"as paths.{key} in edml.toml."
        )
        raise ConfigError(message)
    return path


def _check_one_source(url: str | None, folder: Path | None) -> None:
    from edml.cli._config import ConfigError  # noqa: PLC0415

    if url is not None and folder is not None:
        message = "Expected one of --url and --registry; found both. Leave one out."
        raise ConfigError(message)


def _scored(
    events: Path, wanted: "Wanted", config: "Config", by_endpoint: bool
) -> "tuple[pd.DataFrame, dict[str, Any]]":
    """Give what is predicted, and by which model."""
    from edml.cli import _predict  # noqa: PLC0415
    from edml.cli._files import read_events  # noqa: PLC0415
    from edml.schema import columns_of, resolve_columns  # noqa: PLC0415

    if by_endpoint:
        names = resolve_columns(config.columns)
        url = str(config.endpoint.url)
        with _client(url, config.endpoint.timeout) as client:
            with stage("Reading the events"):
                X = read_events(events, names)
            found = _predict.predict(X, wanted, names, client=client)
        versions = found["model_version"].unique().tolist()
        return found, {"endpoint": url, "model_version": versions[0]}
    with stage("Reading the model"):
        registry = open_registry(config)
        record = registry.record("production")
        model = registry.load(record.version)
        names = columns_of(model)
    with stage("Reading the events"):
        X = read_events(events, names)
    found = _predict.predict(X, wanted, names, model=model, version=record.version)
    return found, {"registry": config.registry.name, "model_version": record.version}


def _opener(read: "Read", *, given: bool) -> dict[str, Any]:
    """Give what opens the registry or the endpoint of the web app; neither is slow.

    Without one, and without events of one's own, it is the sample's.
    """
    from edml.cli._config import ConfigError  # noqa: PLC0415

    config, by_flag = read.config, read.origins.get(("registry", "path"), "")
    url = None if by_flag.startswith("option") else config.endpoint.url
    if url is not None:
        if not url.startswith(("http://", "https://")):
            message = (
                "endpoint.url: Expected an address such as 'https://risk.example.org'; "
                "found another form. Name it with http:// or https://."
            )
            raise ConfigError(message)
        # of a page that waits, a second try is enough
        return {"open_client": lambda: _client(url, config.endpoint.timeout, retries=1)}
    known = any(section == "registry" for section, _ in read.origins)
    if given or known or config.registry.path.exists():
        return {"open_registry": lambda: open_registry(config)}
    return {}


def _client(url: str, timeout: float, **more: Any) -> "RiskClient":
    from edml.cli._config import ConfigError  # noqa: PLC0415
    from edml.cli._predict import TOKEN  # noqa: PLC0415
    from edml.serving import RiskClient  # noqa: PLC0415

    try:
        return RiskClient(
            url, environment().get(TOKEN) or None, timeout=timeout, **more
        )
    except ValueError as error:  # it shows neither the address nor the token
        raise ConfigError(f"endpoint.url or {TOKEN}: {error}") from None
