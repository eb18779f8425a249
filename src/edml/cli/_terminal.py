"""Common code of the commands: progress on stderr, one-line errors, interrupts."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from time import perf_counter
from typing import Any, cast

import typer
from rich import box
from rich.console import Console
from rich.table import Column, Table

from edml._messages import in_words
from edml._translation import SOURCE_LANGUAGE, list_languages
from edml._words import Words, words_in

INTERRUPTED = 130  # as in a shell: 128 + SIGINT

#: The language of errors and notes, which `edml --lang` sets.
LANGUAGE = ContextVar("language", default=SOURCE_LANGUAGE)


class _ChosenWords:
    """The words of the language that was chosen when one of them is looked up."""

    def __call__(self, text: str, /, **values: object) -> str:
        return words_in(LANGUAGE.get())(text, **values)

    def __getattr__(self, name: str) -> Any:
        return getattr(words_in(LANGUAGE.get()), name)


words = cast(Words, _ChosenWords())


#: A column of numbers.
right = partial(Column, justify="right")


def check_language(language: str | None) -> str | None:
    """Return a language that has a catalogue; anything else is wrong usage."""
    if language is not None and language not in list_languages():
        message = f"expected one of {', '.join(list_languages())}."
        raise typer.BadParameter(message)
    return language


def say(said: Exception | str) -> str:
    """Return an error or a note in the chosen language, as one line.

    In English it is the text for Python users, who read settings, too.
    """
    language = LANGUAGE.get()
    text = str(said) if language == SOURCE_LANGUAGE else in_words(said, language)
    # one line: a name with a line break must not look like two messages
    return " ".join(text.split())


def note(text: str, **values: object) -> None:
    """Print a line on stderr, next to the progress; translate its text."""
    _errors().print(words(text, **values), style="dim")


@contextmanager
def stage(text: str, **values: object) -> Iterator[None]:
    """Show the current stage on stderr, then its duration; translate its text."""
    progress, what, start = _errors(), words(text, **values), perf_counter()
    with progress.status(f"{what} ..."):
        yield
    seconds = words.number(perf_counter() - start, 1)
    progress.print(f"{what}: {seconds} s", style="dim")


@contextmanager
def guarded(command: str) -> Iterator[None]:
    """Turn errors into lines on stderr and an exit code.

    1 for errors of edml or the system, 2 for an invalid configuration, 130 for Ctrl-C.
    Any other error is a bug in edml and propagates.
    """
    from edml.cli._config import ConfigError  # noqa: PLC0415 - not for --help
    from edml.exceptions import EdmlError  # noqa: PLC0415

    try:
        with plain_warnings():
            yield
    except ConfigError as error:
        for mistake in error.mistakes:
            _complain(command, say(mistake))
        raise typer.Exit(2) from None
    except (EdmlError, OSError) as error:
        _complain(command, say(error))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _complain(command, "Stopped. No file is half-written.")
        raise typer.Exit(INTERRUPTED) from None


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Show each warning once as a line on stderr, without the source location."""
    shown: set[str] = set()

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        text = f"Note: {say(message)}"
        if text not in shown:  # a search may warn of each candidate
            shown.add(text)
            print(text, file=sys.stderr)  # noqa: T201 - where warnings go

    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        yield


def print_json(result: dict[str, Any]) -> None:
    """Print a result on stdout, for machines; in ASCII, which any console can show."""
    typer.echo(json.dumps(result, indent=2, allow_nan=False))


def show(result: dict[str, Any], as_json: bool, render: Callable[..., None]) -> None:
    """Show a result, for machines or for people."""
    if as_json:
        print_json(result)
        return
    render(console(), result)


def figure(value: float | None) -> str:
    """Format a figure with three digits; a dash if missing."""
    return words.number(value, 3)


def make_table(title: str, *columns: str | Column) -> Table:
    """Return an empty table in the common style."""
    style: dict[str, Any] = {"title_justify": "left", "title_style": "bold"}
    return Table(*columns, title=title, box=box.SIMPLE, **style)


def console() -> Console:
    """Return stdout without markup, because a course may be named [x]."""
    return Console(markup=False, highlight=False)


def _errors() -> Console:
    return Console(stderr=True, markup=False, highlight=False)


def _complain(command: str, text: str) -> None:
    # a path may hold bytes that are not Unicode
    text = text.encode("utf-8", "backslashreplace").decode()
    typer.secho(f"edml {command}: {text}", fg="red", err=True)
