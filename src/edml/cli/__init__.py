"""The ``edml`` command. Slow imports wait until a command runs."""

import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from edml import __version__
from edml._translation import SOURCE_LANGUAGE
from edml.cli import (
    _check,
    _commands,
    _config_commands,
    _import,
    _ledger,
    _monitor,
    _predict_command,
    _registry,
    _scale,
)
from edml.cli._terminal import LANGUAGE, check_language

__all__ = ["app", "main"]

app = typer.Typer(
    help="Which students are on the way to failing a course, on every day of it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they hold students' values
)
for _command in (
    _commands.demo,
    _check.check,
    _scale.bucket,
    _commands.process,
    _commands.tune,
    _commands.update,
    _predict_command.predict,
    _monitor.monitor,
    _commands.report,
    _commands.run,
    _commands.app,
):
    app.command()(_command)
app.command(  # options that it does not know are those of edml-serve
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(_commands.serve)
app.add_typer(_import.app, name="import")
app.add_typer(_config_commands.app, name="config")
app.add_typer(_registry.app, name="registry")
app.add_typer(_ledger.app, name="ledger")


def main() -> None:
    """Run the ``edml`` command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a terminal may lack letters of a course's name; that must not end the run
            stream.reconfigure(errors="replace")
    app(prog_name="edml")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edml {__version__}")
        raise typer.Exit


@app.callback()
def _edml(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version."
        ),
    ] = False,
    lang: Annotated[
        str | None,
        typer.Option(
            envvar="EDML_LANG",
            callback=check_language,
            help="Language of errors, notes and reasons: en or es.",
        ),
    ] = None,
) -> None:
    """Find the students who are on the way to failing a course, on every day of it."""
    LANGUAGE.set(lang or SOURCE_LANGUAGE)
