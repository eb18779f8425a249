"""``edml config``: write the settings of a project, and show those in force."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edml._messages import coded
from edml.cli import _views
from edml.cli._options import Shown, with_settings
from edml.cli._terminal import guarded, words

if TYPE_CHECKING:
    from edml.cli._access import Project

app = typer.Typer(
    help=(
        "The settings, in edml.toml. EDML_SECTION_KEY in the environment overrides "
        "the file, and options override both."
    ),
    no_args_is_help=True,
)


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="A new file.")] = Path("edml.toml"),
    force: Annotated[
        bool, typer.Option("--force", help="Replace the file where it exists.")
    ] = False,
) -> None:
    """Write a file with every setting at its default."""
    with guarded("config init"):
        from edml.cli._config import ConfigError  # noqa: PLC0415 - slow to import
        from edml.cli._files import write_whole  # noqa: PLC0415
        from edml.cli._settings import write_template  # noqa: PLC0415

        if path.exists() and not force:
            message = f"{path} exists. Name another file, or pass --force."
            raise ConfigError(coded("settings_exist", message, path=path))
        write_whole(path, write_template().encode())
    typer.echo(words("Wrote {file}.", file=path))


@app.command("show")
@with_settings(group="config ")
def show(project: "Project") -> Shown:
    """Show the settings in force, and where each comes from."""
    origins = {".".join(key): origin for key, origin in project.origins.items()}
    settings = project.config.model_dump(mode="json")
    return Shown({"settings": settings, "origins": origins}, _views.show_config)
