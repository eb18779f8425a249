"""What all commands share: progress on stderr, errors in a line, a clean stop."""

import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

INTERRUPTED = 130  # as a shell has it: 128 + SIGINT

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="Settings, instead of edml.toml.", dir_okay=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="SECTION.KEY=VALUE: any setting; may be repeated."),
]
#: The figures of a table of models, with two lines where 80 columns would not do.
HEADLINES = {
    "roc_auc": "AUC",
    "average_precision": "average\nprecision",
    "brier": "Brier",
    "precision": "precision",
    "recall": "recall",
}

Json = Annotated[
    bool, typer.Option("--json", help="Print JSON, for machines, on stdout.")
]


def note(text: str) -> None:
    """Say something on stderr, beside the progress.

    Parameters
    ----------
    text : str
        One line.
    """
    _errors().print(text, style="dim")


@contextmanager
def stage(what: str) -> Iterator[None]:
    """Show on stderr what is being done, then how long it took.

    Parameters
    ----------
    what : str
        Such as "Reading the events".

    Yields
    ------
    nothing : None
    """
    progress = _errors()
    start = perf_counter()
    with progress.status(f"{what} ..."):
        yield
    progress.print(f"{what}: {perf_counter() - start:.1f} s", style="dim")


@contextmanager
def guarded(command: str) -> Iterator[None]:
    """Make of what goes wrong one line, and the right exit code.

    What edml refuses is 1, what cannot be asked so is 2, and a stop by Ctrl-C is 130.
    Any other error is one of edml's own, and is shown as such.

    Parameters
    ----------
    command : str
        For the line.

    Yields
    ------
    nothing : None

    Raises
    ------
    typer.Exit
        With the code.
    """
    from edml.cli._config import ConfigError  # noqa: PLC0415 - not for --help
    from edml.exceptions import EdmlError  # noqa: PLC0415

    try:
        with plain_warnings():
            yield
    except ConfigError as error:
        for line in str(error).splitlines():
            _complain(command, line)
        raise typer.Exit(2) from None
    except (EdmlError, OSError) as error:
        # one line: a name in a message must not look like two
        _complain(command, " ".join(str(error).split()))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _complain(command, "Stopped. No file is half-written.")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show warnings as the lines of `note`, without the place in the code.

    Yields
    ------
    nothing : None
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        yield


class Interrupts:
    """Note whether Ctrl-C was pressed, also where a library has dealt with it.

    Attributes
    ----------
    seen : bool
        Whether it was, between `__enter__` and `__exit__`.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: Any = None

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _handle(self, *_: object) -> None:
        self.seen = True
        raise KeyboardInterrupt


def print_json(result: dict[str, Any]) -> None:
    """Print a result on stdout, for machines.

    Parameters
    ----------
    result : dict
        What JSON can hold.
    """
    typer.echo(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))


def show(result: dict[str, Any], as_json: bool, render: Callable[..., None]) -> None:
    """Show a result, for machines or for people.

    Parameters
    ----------
    result : dict
        What JSON can hold.
    as_json : bool
        Whether for machines.
    render : callable
        Shows it to people: called with the console and the result.
    """
    if as_json:
        print_json(result)
        return
    # markup: a course may be named [x]
    render(Console(markup=False, highlight=False), result)


def figure(value: float | None) -> str:
    """Write a figure with three digits, or "-" where there is none.

    Parameters
    ----------
    value : float or None
        NaN is none.

    Returns
    -------
    text : str
    """
    return "-" if value is None or value != value else f"{value:.3f}"  # noqa: PLR0124


def empty_table(title: str) -> Table:
    """Give an empty table in the style of all.

    Parameters
    ----------
    title : str
        Above it.

    Returns
    -------
    table : rich.table.Table
    """
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE)


def environment() -> dict[str, str]:
    """Give the environment.

    Returns
    -------
    environ : dict of str to str
        A copy.
    """
    return dict(os.environ)


def _errors() -> Console:
    return Console(stderr=True, markup=False, highlight=False)


def _complain(command: str, text: str) -> None:
    typer.secho(f"edml {command}: {text}", fg="red", err=True)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"Note: {message}", file=sys.stderr)  # noqa: T201 - where warnings go
