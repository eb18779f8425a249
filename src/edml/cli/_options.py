"""The options that commands share, and the decorators that resolve them."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console

from edml._urls import as_path
from edml.cli._terminal import console, guarded, show


def path(text: str) -> Path:
    """Return a path or a URL; its name is what --help shows."""
    return as_path(text)


def read_version(version: str) -> int | str:
    """Return a version as `ModelRegistry` takes it: a number or the name of a stage."""
    return int(version) if version.isascii() and version.isdecimal() else version


EVENTS = "The events: .csv, .xlsx, .json, .parquet or a store. Default: paths.raw."
Raw = Annotated[Path | None, typer.Argument(help=EVENTS, parser=path)]
Page = Annotated[
    Path | None,
    typer.Option("--html", help="Also write the page as an HTML file.", parser=path),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(help="File with the token of the endpoint, on its first line."),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="Settings, instead of edml.toml.", dir_okay=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="SECTION.KEY=VALUE: any setting; may be repeated."),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, for machines, on stdout.")
]


class Override(NamedTuple):
    """An option that overrides a setting."""

    key: tuple[str, str]  # section and key
    kind: Any

    @property
    def name(self) -> str:
        """The name of the option's parameter."""
        return "_".join(self.key)


def override(setting: str, kind: Any, text: str, option: str = "") -> Override:
    """Return an option that overrides a setting such as "paths.raw".

    Its name is that of the key by default; ``text`` is for --help.
    """
    section, _, key = setting.partition(".")
    parser = path if kind is Path else None
    shown = typer.Option(option or f"--{key}", parser=parser, help=text)
    return Override((section, key), Annotated[kind | None, shown])


FOLDER = override("registry.path", Path, "Folder of all registries.", "--registry")
NAME = override("registry.name", str, "Registry in that folder.")
LEDGER = override(
    "ledger.path", Path, "File of the ledger. Default: ledger.path.", "--ledger"
)
URL = override("endpoint.url", str, "Use this endpoint instead of a registry.")


class Shown(NamedTuple):
    """What a command shows, to machines and to people, and its exit code."""

    result: dict[str, Any]
    render: Callable[[Console, dict[str, Any]], None]
    code: int = 0


Work = Callable[..., Shown | str | None]
Decorator = Callable[[Work], Callable[..., None]]


def with_settings(*options: Override, group: str = "") -> Decorator:
    """Make a command of a function whose first parameter is the `Project`.

    The command also takes --config, --set and ``options``, which override settings.
    """
    return _with("", options, group)


def with_registry(work: Work) -> Callable[..., None]:
    """Make a command of a function whose first parameter is the registry."""
    return _with("open_registry", (FOLDER, NAME), "registry ")(work)


def with_ledger(work: Work) -> Callable[..., None]:
    """Make a command of a function whose first parameter is the ledger."""
    return _with("open_ledger", (LEDGER,), "ledger ")(work)


def _with(opened: str, options: tuple[Override, ...], group: str) -> Decorator:
    """Call a function with the project, or with what a method of it returns.

    A command that returns `Shown` also takes --json; one that returns text prints it.
    """
    added = {option.name: option.kind for option in options}
    added |= {"config": ConfigFile, "settings": Settings}

    def decorate(work: Work) -> Callable[..., None]:
        signature = inspect.signature(work)
        _, *own = signature.parameters.values()
        shared = [_parameter(name, None, kind) for name, kind in added.items()]
        if signature.return_annotation is Shown:
            shared.append(_parameter("as_json", False, Json))

        def command(**values: Any) -> None:
            as_json = values.pop("as_json", False)
            config, settings = values.pop("config"), values.pop("settings")
            flags = {option.key: values.pop(option.name) for option in options}
            with guarded(group + work.__name__.strip("_")):
                from edml.cli._access import read_project  # noqa: PLC0415 - slow

                project = read_project(config, settings, flags)
                first = getattr(project, opened)() if opened else project
                found = work(first, **values)
            if isinstance(found, str):
                console().print(found)
            elif found is not None:
                show(found.result, as_json, found.render)
                if found.code:
                    raise typer.Exit(found.code)

        command = wraps(work, assigned=("__module__", "__name__", "__doc__"))(command)
        every = [*(one.replace(kind=_KIND) for one in own), *shared]
        command.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
        return command

    return decorate


_KIND = inspect.Parameter.KEYWORD_ONLY


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, _KIND, default=default, annotation=annotation)
