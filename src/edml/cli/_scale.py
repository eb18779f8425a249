"""``edml bucket``: write a table of events as a store, whole students in buckets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from edml._optional import import_optional
from edml.cli._options import Raw, Shown, override, path, with_settings
from edml.cli._terminal import note, say, stage, words

if TYPE_CHECKING:
    from edml.cli._access import Project


_JOBS = "Processes; -1 is all cores. Default: data.n_jobs."


@with_settings(override("data.n_jobs", int, _JOBS, "--jobs"))
def bucket(
    project: "Project",
    raw: Raw = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the store to write.", parser=path)
    ] = Path("store"),
    buckets: Annotated[
        int | None,
        typer.Option(min=1, help="Number of buckets. Default: of about 250,000 rows."),
    ] = None,
) -> Shown:
    """Write events that are larger than the memory as a store, to be used as a file.

    If it is stopped, the same command goes on where it was.
    """
    events, config = project.find_events(raw), project.config
    import_optional("pyarrow", extra="scale", purpose="A store of events")
    with stage("Loading the libraries"):
        from edml.scale import bucket_events  # noqa: PLC0415
    store = bucket_events(
        events,
        out,
        buckets or "auto",
        columns=config.columns or None,
        n_jobs=config.data.n_jobs,
        **config.source.model_dump(),
    )
    for text in store.report.notes:
        note(f"{events}: {say(text)}")
    counts = {name: getattr(store, name) for name in _COUNTS}
    return Shown({"store": str(out), **counts}, _render)


_COUNTS = ("n_buckets", "n_rows", "n_students")


def _render(out: Console, result: dict[str, Any]) -> None:
    n_rows, n_students = result["n_rows"], result["n_students"]
    text = words(
        "Wrote {store}: {rows} of {students} in {buckets}.",
        store=result["store"],
        rows=words.ngettext("{n} row", "{n} rows", n_rows),
        students=words.ngettext("{n} student", "{n} students", n_students),
        buckets=words.ngettext("{n} bucket", "{n} buckets", result["n_buckets"]),
    )
    out.print(text)
