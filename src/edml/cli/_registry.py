"""``edml registry``: the stored models, from a terminal."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from edml._words import count
from edml.cli import _views
from edml.cli._figures import HEADLINES, describe_students, format_figures
from edml.cli._terminal import (
    Json,
    console,
    figure,
    guarded,
    make_table,
    path,
    print_json,
    right,
    spoken,
)

if TYPE_CHECKING:
    import pandas as pd

    from edml.registry import ModelRecord, ModelRegistry

app = typer.Typer(
    help=(
        "The stored models, and which of them is the champion. Folder, name and keys "
        "are those of edml.toml; a secret key is read from EDML_REGISTRY_KEY."
    ),
    no_args_is_help=True,
)

Folder = Annotated[
    Path | None,
    typer.Option("--registry", help="Folder of all registries.", parser=path),
]
Name = Annotated[str | None, typer.Option("--name", help="Registry in that folder.")]
Version = Annotated[
    str, typer.Argument(help="A number, production, staging or latest.")
]
Address = Annotated[
    Path,
    typer.Argument(
        metavar="URL",
        help="Where registries are, such as s3://bucket/registry.",
        parser=path,
    ),
]
Why = Annotated[str, typer.Option("--why", help="The reason, recorded in the history.")]
Stage = Annotated[
    str | None, typer.Option("--stage", help="Only versions in this stage.")
]


@app.command("list")
def list_(
    folder: Folder = None,
    name: Name = None,
    stage: Stage = None,
    as_json: Json = False,
) -> None:
    """List the versions, with the figures of their latest fair evaluation."""
    with _opened("list", folder, name) as registry:
        records = registry.records(stage)
    if as_json:
        print_json({"versions": _rows(records)})
        return
    if len(records):
        console().print(_records_table(records))
        if records["evaluated_on"].notna().any():
            console().print(_explain_numbers(records))
    else:
        words = spoken()
        none = (
            words("No version in {stage}.", stage=stage)
            if stage
            else words("No version yet.")
        )
        console().print(none)


@app.command()
def show(
    version: Version,
    folder: Folder = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Show the record of a version, and its evaluations."""
    with _opened("show", folder, name) as registry:
        record = registry.record(parse_version(version))
        evaluations = registry.evaluations(record.version)
    if as_json:
        print_json({**record.to_dict(), "evaluations": _rows(evaluations)})
        return
    console().print(_record_table(record))
    if len(evaluations):
        console().print(_evaluations_table(evaluations))


@app.command()
def promote(
    version: Version,
    stage: Annotated[
        str, typer.Option("--stage", help="production or staging.")
    ] = "production",
    why: Why = "",
    folder: Folder = None,
    name: Name = None,
) -> None:
    """Promote a version, to production by default."""
    with _opened("promote", folder, name) as registry:
        record = registry.promote(parse_version(version), stage, why)
    words = spoken()
    text = words(
        "Version {version} is in {stage}.", version=record.version, stage=record.stage
    )
    _say(text)


@app.command()
def demote(
    version: Version, why: Why = "", folder: Folder = None, name: Name = None
) -> None:
    """Move a version back to development; nobody replaces a champion."""
    with _opened("demote", folder, name) as registry:
        record = registry.demote(parse_version(version), why)
    words = spoken()
    text = words(
        "Version {version} is in {stage}.", version=record.version, stage=record.stage
    )
    _say(text)


@app.command()
def rollback(why: Why = "", folder: Folder = None, name: Name = None) -> None:
    """Return to the previous champion, and undo the promotion since."""
    with _opened("rollback", folder, name) as registry:
        record = registry.rollback(why)
    words = spoken()
    _say(words("Version {version} is in production again.", version=record.version))


@app.command()
def verify(folder: Folder = None, name: Name = None, as_json: Json = False) -> None:
    """Check every file, and load every model."""
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
        _say(f"No problem found in {count(n_versions, 'version')}.")


@app.command()
def clean(
    keep_last: Annotated[
        int, typer.Option(min=0, help="Development versions to keep.")
    ] = 5,
    folder: Folder = None,
    name: Name = None,
) -> None:
    """Remove old development versions, and leftovers of interrupted writes."""
    with _opened("clean", folder, name) as registry:
        removed = registry.clean(keep_last)
    _say(f"Removed {_list_versions(removed, '')}.")


@app.command()
def repair(
    yes: Annotated[bool, typer.Option("--yes", help="Repair without asking.")] = False,
    folder: Folder = None,
    name: Name = None,
) -> None:
    """Show what is wrong with the files and how it is repaired, ask, and repair."""
    with _opened("repair", folder, name) as registry:
        steps = registry.repair(dry_run=True)
        for step in steps:
            _say(step)
        if not steps:
            _say("Nothing needs repair.")
        elif yes or typer.confirm("Repair it?", abort=True):
            done = registry.repair()
            _say(f"Done in {count(len(done), 'step')}.")


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(help="A new file for the private key.")],
) -> None:
    """Write a pair of keys; the public one goes to the same name with .pub."""
    with guarded("registry keygen"):
        from edml.registry import generate_keys  # noqa: PLC0415 - not for --help

        public, fingerprint = generate_keys(path)
    _say(f"Wrote the private key {path}: keep it secret, on the trainer's machine.")
    _say(f"Wrote the public key {public}, {fingerprint}: give it to readers.")


@app.command()
def export(
    version: Version,
    file: Annotated[
        Path, typer.Argument(metavar="PATH", help="A new file.", parser=path)
    ],
    folder: Folder = None,
    name: Name = None,
) -> None:
    """Write a version with its evaluations to one file."""
    with _opened("export", folder, name) as registry:
        registry.export(parse_version(version), file)
    _say(f"Wrote {file}.")


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A file that `export` wrote.", parser=path),
    ],
    trust_unsigned: Annotated[
        bool,
        typer.Option("--trust-unsigned", help="Accept a file without our signature."),
    ] = False,
    folder: Folder = None,
    name: Name = None,
) -> None:
    """Store the model of a file as a new version."""
    with _opened("import", folder, name) as registry:
        record = registry.import_(file, trust_unsigned=trust_unsigned)
    _say(f"It is version {record.version}, in {record.stage}.")


@app.command()
def push(url: Address, folder: Folder = None, name: Name = None) -> None:
    """Copy the registry to an object store, for `pull`."""
    with _opened("push", folder, name) as registry:
        versions = registry.push(url)
    _say(f"{url} is up to date; {_list_versions(versions)}.")


@app.command()
def pull(url: Address, folder: Folder = None, name: Name = None) -> None:
    """Bring the registry up to date with what was pushed to an object store."""
    with _opened("pull", folder, name) as registry:
        versions = registry.pull(url)
    _say(f"The registry is up to date; {_list_versions(versions)}.")


@app.command()
def sync(
    mlflow: Annotated[
        str | None,
        typer.Option(help="Address of the server. Default: the file mlflow.db."),
    ] = None,
    folder: Folder = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Mirror the registry in MLflow, and resend pending records of searches."""
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
            _say(f"Resent {report.resent} pending records of searches.")
        if not (report.logged or report.changed or report.resent):
            _say("MLflow is up to date.")
    if report.conflicts:
        raise typer.Exit(1)


def parse_version(version: str) -> int | str:
    """Return a version as `ModelRegistry` takes it: a number or the name of a stage."""
    return int(version) if version.isascii() and version.isdecimal() else version


@contextmanager
def _opened(
    command: str, folder: Path | None, name: str | None
) -> "Iterator[ModelRegistry]":
    with guarded(f"registry {command}"):
        from edml.cli._access import find_registry  # noqa: PLC0415 - not for --help

        yield find_registry(folder, name)


def _records_table(records: "pd.DataFrame") -> Table:
    names = list(HEADLINES)[:2]
    words = spoken()
    headings = (right(words(HEADLINES[name])) for name in names)
    columns: tuple[str | Column, ...]
    columns = (words("stage"), words("algorithm"), right(words("thres-\nhold")))
    table = make_table(words("Versions"), right(""), *columns, *headings, words("on"))
    numbers = _number_rows(records)
    for row in records.to_dict("records"):
        table.add_row(
            str(row["version"]),
            row["stage"],
            row["algorithm"],
            figure(row["threshold"]),
            *format_figures(row, row["intervals"], names),
            numbers.get(row["evaluated_on"], ""),
            style="bold" if row["stage"] == "production" else None,
        )
    return table


def _number_rows(records: "pd.DataFrame") -> dict[str, str]:
    """Return a name for each set of rows that versions were evaluated on."""
    rows = records["evaluated_on"].dropna().unique()
    return {one: f"[{number}]" for number, one in enumerate(rows, start=1)}


def _explain_numbers(records: "pd.DataFrame") -> str:
    """Return on whom the figures of a list were measured."""
    words = spoken()
    numbers = _number_rows(records)
    lines = []
    once = records.dropna(subset="evaluated_on").drop_duplicates("evaluated_on")
    for row in once.to_dict("records"):
        counts = row["n_students"], row["n_failing_students"]
        whom = words("students")
        if isinstance(counts[0], int):
            whom = describe_students(*counts)
        date = f"{row['evaluated_at']:%Y-%m-%d}"
        evaluated = words("{students}, evaluated on {date}.", students=whom, date=date)
        lines.append(f"{numbers[row['evaluated_on']]} {evaluated}")
    last = words(
        "Below each figure is its interval (95%). Compare only figures of one [n]."
    )
    return "\n".join([*lines, last])


def _record_table(record: "ModelRecord") -> Table:
    words = spoken()
    title = words("Version {version}", version=record.version)
    table = make_table(title, Column(), Column(overflow="fold"))
    for name, value in _views.record_facts(record, words).items():
        table.add_row(name, value)
    return table


def _evaluations_table(evaluations: "pd.DataFrame") -> Table:
    words = spoken()
    headings = [right(words(heading)) for heading in HEADLINES.values()]
    columns: tuple[str | Column, ...]
    columns = (words("purpose"), right(words("students")), *headings)
    table = make_table(words("Evaluations"), right(""), *columns)
    for row in evaluations.to_dict("records"):
        evaluation, counts = row["evaluation"], row["evaluation"].counts
        figures = format_figures(evaluation.metrics, evaluation.intervals)
        if not row["fair"]:  # figures used to choose a model flatter it
            figures = ["-"] * len(figures)
        purpose = row["purpose"] if row["fair"] else words("used for choosing")
        table.add_row(
            str(row["number"]),
            f"{purpose}\n{row['evaluated_at']:%Y-%m-%d}",
            words(
                "{n}\n{n_failing} fail",
                n=words.number(counts["n_students"]),
                n_failing=words.number(counts["n_failing_students"]),
            ),
            *figures,
        )
    return table


def _list_versions(versions: list[int], new: str = "new ") -> str:
    listed = f": {', '.join(map(str, versions))}" if versions else ""
    return f"{count(len(versions), f'{new}version')}{listed}"


def _rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a table for JSON: null for NaN, times as text."""
    text = table.to_json(orient="records", date_format="iso", double_precision=15)
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def _say(text: str) -> None:
    console().print(text)
