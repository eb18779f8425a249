"""Read stores of events where a command takes a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from edml._messages import coded
from edml.cli._terminal import note, words
from edml.exceptions import TableError
from edml.schema import has_context, resolve_columns

if TYPE_CHECKING:
    from edml.scale import EventStore


MANIFEST = "_store.json"


def is_store(path: Path) -> bool:
    """Check whether a path is a store, without loading what reads it."""
    return (path / MANIFEST).is_file()


def reject_store(path: Path, command: str) -> None:
    """Raise for a store that a command cannot take."""
    if is_store(path):
        message = (
            f"{path} is a store of events, which edml {command} does not read. Pass "
            "the file that it was made of."
        )
        raise TableError(coded("store_not_read", message, path=path, command=command))


def reject_context(path: Path) -> None:
    """Raise for a store without the context, which needs all of a course's students."""
    if not is_store(path):
        return
    from edml.scale import EventStore  # noqa: PLC0415 - an extra

    names = EventStore(path).manifest["names"]
    if not has_context(names):
        message = (
            "The model compares students with their whole course, and a store is read "
            "student by student. Pass a file, or set signals.context to false and fit "
            "a model without it."
        )
        raise TableError(coded("context_of_store", message))


def open_store(path: Path, names: Mapping[str, str]) -> "EventStore":
    """Open a store whose columns have the names of the settings or of a model."""
    from edml.scale import EventStore  # noqa: PLC0415 - an extra

    store = EventStore(path)
    if resolve_columns(store.columns) != dict(names):
        message = (
            f"{path} was made with other names of columns: {store.columns or 'none'}. "
            "Write the same into [columns] of edml.toml, or run edml bucket again."
        )
        raise TableError(coded("store_names", message, path=path))
    return store


def read_sample(path: Path, names: Mapping[str, str], max_rows: int) -> pd.DataFrame:
    """Read a store, or whole students of it if it has more rows."""
    from edml.scale import training_sample  # noqa: PLC0415 - an extra

    store = open_store(path, names)
    share = min(max_rows / store.n_rows, 1.0)
    sample = training_sample(store, share)
    if share < 1:
        note(
            "{file}: Drew {students} of {n_students}, with {rows}; change it with "
            "data.max_rows.",
            file=path,
            students=words.ngettext("{n} student", "{n} students", sample.n_students),
            n_students=words.number(store.n_students),
            rows=words.ngettext("{n} row", "{n} rows", sample.n_rows),
        )
    return sample.read()
