"""``edml registry``: the stored models, from a terminal."""

import getpass
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from edml.cli._terminal import (
    HEADLINES,
    Json,
    empty_table,
    figure,
    plain_warnings,
    print_json,
)

if TYPE_CHECKING:
    import pandas as pd

    from edml.registry import ModelRecord, ModelRegistry

KEY = "EDML_REGISTRY_KEY"

app = typer.Typer(
    help=(
        "The stored models: what there is, and which one is the champion. The key "
        f"that signs them is read from {KEY}."
    ),
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Option("--registry", help="Folder of all registries.")]
Name = Annotated[str, typer.Option("--name", help="Which registry in it.")]
Version = Annotated[
    str, typer.Argument(help="A number, production, staging or latest.")
]
Why = Annotated[str, typer.Option("--why", help="The reason, for the history.")]
Stage = Annotated[str | None, typer.Option("--stage", help="Only those in this stage.")]

_FOLDER = Path("registry")
_NAME = "risk"


@app.command("list")
def list_(
    folder: Folder = _FOLDER,
    name: Name = _NAME,
    stage: Stage = None,
    as_json: Json = False,
) -> None:
    """List the versions, with figures by which no contest was decided."""
    with _opened("list", folder, name) as registry:
        records = registry.records(stage)
    if as_json:
        print_json({"versions": _rows(records)})
        return
    out = _console()
    if not len(records):
        out.print(f"No version {'in ' + stage if stage else 'yet'}.")
        return
    out.print(_records_table(records))


@app.command()
def show(
    version: Version,
    folder: Folder = _FOLDER,
    name: Name = _NAME,
    as_json: Json = False,
) -> None:
    """Show what is known of a version."""
    with _opened("show", folder, name) as registry:
        record = registry.record(_number(version))
        evaluations = registry.evaluations(record.version)
    if as_json:
        print_json({**record.to_dict(), "evaluations": _rows(evaluations)})
        return
    out = _console()
    out.print(_record_table(record))
    if len(evaluations):
        out.print(_evaluations_table(evaluations))


@app.command()
def promote(
    version: Version,
    stage: Annotated[
        str, typer.Option("--stage", help="production or staging.")
    ] = "production",
    why: Why = "",
    folder: Folder = _FOLDER,
    name: Name = _NAME,
) -> None:
    """Move a version up: to production, unless told otherwise."""
    with _opened("promote", folder, name) as registry:
        record = registry.promote(_number(version), stage, why)
    _say(f"Version {record.version} is in {record.stage}.")


@app.command()
def rollback(why: Why = "", folder: Folder = _FOLDER, name: Name = _NAME) -> None:
    """Make the champion before the champion again."""
    with _opened("rollback", folder, name) as registry:
        record = registry.rollback(why)
    _say(f"Version {record.version} is in production again.")


@app.command()
def verify(folder: Folder = _FOLDER, name: Name = _NAME, as_json: Json = False) -> None:
    """Check every file, and that every model can be loaded."""
    with _opened("verify", folder, name) as registry:
        problems = registry.verify()
        n_versions = len(registry.records()) if not problems else 0
    if as_json:
        print_json({"problems": problems})
    for problem in problems:
        typer.secho(problem, fg="red", err=True)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        _say(f"All is well with {n_versions} {_versions(n_versions)}.")


@app.command()
def clean(
    keep_last: Annotated[
        int, typer.Option(min=0, help="How many development versions stay.")
    ] = 5,
    folder: Folder = _FOLDER,
    name: Name = _NAME,
) -> None:
    """Remove old development versions, and what killed writes have left."""
    with _opened("clean", folder, name) as registry:
        removed = registry.clean(keep_last)
    listed = f": {', '.join(map(str, removed))}" if removed else ""
    _say(f"Removed {len(removed)} {_versions(len(removed))}{listed}.")


@app.command()
def export(
    version: Version,
    path: Annotated[Path, typer.Argument(help="A new file.")],
    folder: Folder = _FOLDER,
    name: Name = _NAME,
) -> None:
    """Write a version with its evaluations to one file."""
    with _opened("export", folder, name) as registry:
        registry.export(_number(version), path)
    _say(f"Wrote {path}.")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="What `export` wrote.")],
    trust_unsigned: Annotated[
        bool,
        typer.Option("--trust-unsigned", help="Take a file that is not signed by us."),
    ] = False,
    folder: Folder = _FOLDER,
    name: Name = _NAME,
) -> None:
    """Store the model of a file as a new version."""
    with _opened("import", folder, name) as registry:
        record = registry.import_(path, trust_unsigned=trust_unsigned)
    _say(f"It is version {record.version}, in {record.stage}.")


@app.command()
def sync(
    mlflow: Annotated[
        str | None,
        typer.Option(help="Address of the server; without it, the file mlflow.db."),
    ] = None,
    folder: Folder = _FOLDER,
    name: Name = _NAME,
    as_json: Json = False,
) -> None:
    """Bring an MLflow server in step, and send what searches could not send."""
    with _opened("sync", folder, name) as registry:
        from edml import tracking  # noqa: PLC0415 - an extra

        report = tracking.sync(registry, mlflow)
    if as_json:
        print_json(asdict(report))
    for conflict in report.conflicts:
        typer.secho(conflict, fg="yellow", err=True)
    if not as_json:
        for line in (*report.logged, *report.changed):
            _say(line)
        if report.resent:
            _say(f"Sent {report.resent} records of searches that had been kept.")
        if not (report.logged or report.changed or report.resent):
            _say("MLflow was in step already.")
    if report.conflicts:
        raise typer.Exit(1)


@contextmanager
def _opened(command: str, folder: Path, name: str) -> "Iterator[ModelRegistry]":
    """Open the registry; what it refuses becomes one line, and the exit code 1."""
    # seconds, and not needed for --help
    from edml.exceptions import EdmlError  # noqa: PLC0415
    from edml.registry import ModelRegistry  # noqa: PLC0415

    try:
        with plain_warnings():
            yield ModelRegistry(folder, name, _read_key(), who=_user())
    except (EdmlError, OSError) as error:
        # one line: a name in a message must not look like two
        text = " ".join(str(error).split())
        typer.secho(f"edml registry {command}: {text}", fg="red", err=True)
        raise typer.Exit(1) from None


def _read_key() -> bytes | None:
    key = os.environ.get(KEY)
    # an empty one is passed on and refused: somebody meant to sign
    return None if key is None else key.encode("utf-8", "surrogateescape")


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have no such user
        return None


def _number(version: str) -> int | str:
    return int(version) if version.isascii() and version.isdecimal() else version


def _versions(count: int) -> str:
    return "version" if count == 1 else "versions"


def _records_table(records: "pd.DataFrame") -> Table:
    table = empty_table("Versions")
    table.add_column("", justify="right")
    for heading in ("stage", "algorithm"):
        table.add_column(heading)
    for heading in ("thres-\nhold", *list(HEADLINES.values())[:3]):
        table.add_column(heading, justify="right")
    for row in records.to_dict("records"):
        table.add_row(
            str(row["version"]),
            row["stage"],
            row["algorithm"],
            figure(row["threshold"]),
            *(figure(row[shown]) for shown in list(HEADLINES)[:3]),
            style="bold" if row["stage"] == "production" else None,
        )
    return table


def _record_table(record: "ModelRecord") -> Table:
    table = empty_table(f"Version {record.version}")
    table.add_column("")
    table.add_column("", overflow="fold")
    rows: dict[str, Any] = {
        "stage": record.stage,
        "algorithm": record.algorithm,
        "parameters": _listed(record.parameters),
        "threshold": f"{record.threshold:.6g}",
        "stored": record.created_at,
        "parent": record.parent,
        "tags": _listed(record.tags),
        "columns": ", ".join(record.feature_names or ()),
        "trained on": record.data_fingerprint,
        "threshold from": record.threshold_fingerprint,
        "folds": record.split_plan_hash,
        "libraries": _listed(record.libraries),
        "comes from": _listed(record.origin or {}),
    }
    for what, value in rows.items():
        if value not in (None, ""):
            table.add_row(what, str(value))
    return table


def _evaluations_table(evaluations: "pd.DataFrame") -> Table:
    table = empty_table("Evaluations")
    table.add_column("", justify="right")
    for heading in ("purpose", "when"):
        table.add_column(heading)
    for heading in HEADLINES.values():
        table.add_column(heading, justify="right")
    for row in evaluations.to_dict("records"):
        # figures that chose a model flatter it, so they are not put beside its name
        figures = [figure(row[name]) if row["fair"] else "-" for name in HEADLINES]
        purpose = row["purpose"] if row["fair"] else "used for choosing"
        when = f"{row['evaluated_at']:%Y-%m-%d}"
        table.add_row(str(row["number"]), purpose, when, *figures)
    return table


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _console() -> Console:
    # markup: a tag may be named [x]
    return Console(markup=False, highlight=False)


def _rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Give the rows of a table as JSON has them: null for NaN, times as texts."""
    told = table.to_json(orient="records", date_format="iso", double_precision=15)
    rows: list[dict[str, Any]] = json.loads(told)
    return rows


def _say(text: str) -> None:
    _console().print(text)
