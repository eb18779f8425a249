"""``edml registry``: the stored models, from a terminal."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from edml.cli import _views
from edml.cli._figures import HEADLINES, describe_students, format_figures
from edml.cli._options import Shown, path, read_version, with_registry
from edml.cli._terminal import console, figure, guarded, make_table, right, words

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
@with_registry
def list_(registry: "ModelRegistry", stage: Stage = None) -> Shown:
    """List the versions, with the figures of their latest fair evaluation."""
    records = registry.records(stage)

    def render(out: Console, _: dict[str, Any]) -> None:
        if len(records):
            out.print(_records_table(records))
            if records["evaluated_on"].notna().any():
                out.print(_explain_numbers(records))
        elif stage:
            out.print(words("No version in {stage}.", stage=stage))
        else:
            out.print(words("No version yet."))

    return Shown({"versions": _rows(records)}, render)


@app.command()
@with_registry
def show(registry: "ModelRegistry", version: Version) -> Shown:
    """Show the record of a version, and its evaluations."""
    record = registry.record(read_version(version))
    evaluations = registry.evaluations(record.version)

    def render(out: Console, _: dict[str, Any]) -> None:
        out.print(_record_table(record))
        if len(evaluations):
            out.print(_evaluations_table(evaluations))

    return Shown({**record.to_dict(), "evaluations": _rows(evaluations)}, render)


@app.command()
@with_registry
def promote(
    registry: "ModelRegistry",
    version: Version,
    stage: Annotated[
        str, typer.Option("--stage", help="production or staging.")
    ] = "production",
    why: Why = "",
) -> str:
    """Promote a version, to production by default."""
    return _say_stage(registry.promote(read_version(version), stage, why))


@app.command()
@with_registry
def demote(registry: "ModelRegistry", version: Version, why: Why = "") -> str:
    """Move a version back to development; nobody replaces a champion."""
    return _say_stage(registry.demote(read_version(version), why))


@app.command()
@with_registry
def rollback(registry: "ModelRegistry", why: Why = "") -> str:
    """Return to the previous champion, and undo the promotion since."""
    version = registry.rollback(why).version
    return words("Version {version} is in production again.", version=version)


@app.command()
@with_registry
def verify(registry: "ModelRegistry") -> Shown:
    """Check every file, and load every model."""
    problems = registry.verify()
    n_versions = len(registry.records()) if not problems else 0
    for problem in problems:
        typer.secho(problem, fg="red", err=True)

    def render(out: Console, _: dict[str, Any]) -> None:
        if not problems:
            text = words.ngettext(
                "No problem found in {n} version.",
                "No problem found in {n} versions.",
                n_versions,
            )
            out.print(text)

    return Shown({"problems": problems}, render, 1 if problems else 0)


@app.command()
@with_registry
def clean(
    registry: "ModelRegistry",
    keep_last: Annotated[
        int, typer.Option(min=0, help="Development versions to keep.")
    ] = 5,
) -> str:
    """Remove old development versions, and leftovers of interrupted writes."""
    removed = registry.clean(keep_last)
    return words.ngettext(
        "Removed {n} version{which}.",
        "Removed {n} versions{which}.",
        len(removed),
        which=_list(removed),
    )


@app.command()
@with_registry
def repair(
    registry: "ModelRegistry",
    yes: Annotated[bool, typer.Option("--yes", help="Repair without asking.")] = False,
) -> str | None:
    """Show what is wrong with the files and how it is repaired, ask, and repair."""
    steps = registry.repair(dry_run=True)
    for step in steps:
        console().print(step)
    if not steps:
        return words("Nothing needs repair.")
    if not yes:
        typer.confirm(words("Repair it?"), abort=True)
    n = len(registry.repair())
    return words.ngettext("Done in {n} step.", "Done in {n} steps.", n)


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(help="A new file for the private key.")],
) -> None:
    """Write a pair of keys; the public one goes to the same name with .pub."""
    with guarded("registry keygen"):
        from edml.registry import generate_keys  # noqa: PLC0415 - not for --help

        public, fingerprint = generate_keys(path)
    secret = words(
        "Wrote the private key {file}: keep it secret, on the trainer's machine.",
        file=path,
    )
    shared = words(
        "Wrote the public key {file}, {fingerprint}: give it to readers.",
        file=public,
        fingerprint=fingerprint,
    )
    console().print(f"{secret}\n{shared}")


@app.command()
@with_registry
def export(
    registry: "ModelRegistry",
    version: Version,
    file: Annotated[
        Path, typer.Argument(metavar="PATH", help="A new file.", parser=path)
    ],
) -> str:
    """Write a version with its evaluations to one file."""
    registry.export(read_version(version), file)
    return words("Wrote {file}.", file=file)


@app.command("import")
@with_registry
def import_(
    registry: "ModelRegistry",
    file: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A file that `export` wrote.", parser=path),
    ],
    trust_unsigned: Annotated[
        bool,
        typer.Option("--trust-unsigned", help="Accept a file without our signature."),
    ] = False,
) -> str:
    """Store the model of a file as a new version."""
    record = registry.import_(file, trust_unsigned=trust_unsigned)
    return words(
        "It is version {version}, in {stage}.",
        version=record.version,
        stage=record.stage,
    )


@app.command()
@with_registry
def push(registry: "ModelRegistry", url: Address) -> str:
    """Copy the registry to an object store, for `pull`."""
    versions = registry.push(url)
    return words("{url} is up to date; {new}.", url=url, new=_say_new(versions))


@app.command()
@with_registry
def pull(registry: "ModelRegistry", url: Address) -> str:
    """Bring the registry up to date with what was pushed to an object store."""
    versions = registry.pull(url)
    return words("The registry is up to date; {new}.", new=_say_new(versions))


@app.command()
@with_registry
def sync(
    registry: "ModelRegistry",
    mlflow: Annotated[
        str | None,
        typer.Option(help="Address of the server. Default: the file mlflow.db."),
    ] = None,
) -> Shown:
    """Mirror the registry in MLflow, and resend pending records of searches."""
    from edml import tracking  # noqa: PLC0415 - an extra

    report = tracking.sync(registry, mlflow)
    for conflict in report.conflicts:
        typer.secho(conflict, fg="yellow", err=True)

    def render(out: Console, _: dict[str, Any]) -> None:
        for line in (*report.logged, *report.changed):
            out.print(line)
        if report.resent:
            n = words.number(report.resent)
            out.print(words("Resent {n} pending records of searches.", n=n))
        if not (report.logged or report.changed or report.resent):
            out.print(words("MLflow is up to date."))

    return Shown(asdict(report), render, 1 if report.conflicts else 0)


def _say_stage(record: "ModelRecord") -> str:
    return words(
        "Version {version} is in {stage}.", version=record.version, stage=record.stage
    )


def _say_new(versions: list[int]) -> str:
    return words.ngettext(
        "{n} new version{which}",
        "{n} new versions{which}",
        len(versions),
        which=_list(versions),
    )


def _list(versions: list[int]) -> str:
    return f": {', '.join(map(str, versions))}" if versions else ""


def _records_table(records: "pd.DataFrame") -> Table:
    names = list(HEADLINES)[:2]
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
    title = words("Version {version}", version=record.version)
    table = make_table(title, Column(), Column(overflow="fold"))
    for name, value in _views.record_facts(record, words).items():
        table.add_row(name, value)
    return table


def _evaluations_table(evaluations: "pd.DataFrame") -> Table:
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


def _rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the rows of a table for JSON: null for NaN, times as text."""
    text = table.to_json(orient="records", date_format="iso", double_precision=15)
    rows: list[dict[str, Any]] = json.loads(text)
    return rows
