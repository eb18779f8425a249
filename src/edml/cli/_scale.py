"""``edml bucket``: write a table of events as a store, whole students in buckets."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from edml._optional import import_optional
from edml._words import count
from edml.cli._commands import Raw, find_events, read_settings
from edml.cli._terminal import (
    ConfigFile,
    Json,
    Settings,
    guarded,
    note,
    path,
    say,
    show,
    stage,
)

Store = Annotated[
    Path, typer.Option("--out", help="Folder of the store to write.", parser=path)
]
Buckets = Annotated[
    int | None,
    typer.Option(min=1, help="Number of buckets. Default: of about 250,000 rows."),
]
Jobs = Annotated[
    int | None, typer.Option(help="Processes; -1 is all cores. Default: data.n_jobs.")
]


def bucket(
    raw: Raw = None,
    out: Store = Path("store"),
    buckets: Buckets = None,
    jobs: Jobs = None,
    config: ConfigFile = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Write events that are larger than the memory as a store, to be used as a file.

    If it is stopped, the same command goes on where it was.
    """
    with guarded("bucket"):
        flags = {("data", "n_jobs"): jobs}
        read = read_settings(config, settings, flags).config
        events = find_events(raw, read.paths.raw, "raw")
        import_optional("pyarrow", extra="scale", purpose="A store of events")
        with stage("Loading the libraries"):
            from edml.scale import bucket_events  # noqa: PLC0415
        store = bucket_events(
            events,
            out,
            buckets or "auto",
            columns=read.columns or None,
            n_jobs=read.data.n_jobs,
            progress=not as_json,
            **read.source.model_dump(),
        )
        for text in store.report.notes:
            note(f"{events}: {say(text)}")
    result = {
        "store": str(out),
        "n_buckets": store.n_buckets,
        "n_rows": store.n_rows,
        "n_students": store.n_students,
    }

    def render(console: Console, _: dict[str, Any]) -> None:
        console.print(
            f"Wrote {out}: {count(store.n_rows, 'row')} of "
            f"{count(store.n_students, 'student')} in "
            f"{count(store.n_buckets, 'bucket')}."
        )

    show(result, as_json, render)
