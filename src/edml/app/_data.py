"""The table of events: the configured one, the sample, or an uploaded file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import streamlit as st

from edml._urls import Url
from edml.app import _state
from edml.app._events_view import Events, read_choices
from edml.app._launch import handed_settings
from edml.app._settings import UPLOAD_LIMIT
from edml.app._source import DemoSource, Source
from edml.app._words import Words
from edml.exceptions import EdmlError, TableError
from edml.schema import fingerprint, resolve_columns
from edml.sources import read_events

_UPLOADED, _N_UPLOADERS = "uploaded_events", "n_uploaders"
_OF_UPLOADS = ("timezone", "na_values")  # other options belong to one file
_TYPES = ("csv", "tsv", "txt", "gz", "xlsx", "json", "jsonl", "parquet")


class Table(NamedTuple):
    """Events, the name of their file, and the notes of the reader."""

    events: Events
    name: str
    notes: tuple[str, ...] = ()


class Upload(NamedTuple):
    """An uploaded table, kept while the user is on the other page."""

    file_id: str
    table: Table


def choose(source: Source, words: Words, head: Any, body: Any) -> Events | None:
    """Show the source of the events, and return them, or None if there are none."""
    there = handed_settings().data is not None or isinstance(source, DemoSource)
    with st.expander(words("Events"), expanded=not there, key="events"):
        origin = st.container()
        file = _show_uploader(words)
    with body, _state.guarded(words):
        table = _read(source, file, words)
        if table is not None:
            text = words(
                "Events from {name}: {rows} rows, {students} students (once per "
                "course).",
                name=_state.escape(table.name),
                rows=words.number(len(table.events.X)),
                students=words.number(len(table.events.of_histories)),
            )
            notes = [_state.escape(note) for note in table.notes]
            origin.caption(" ".join([text, *notes]))
            return table.events
        if not there:
            text = words(
                "There is no table of events yet. Upload one here, or start the app "
                "with --data."
            )
            st.info(text, icon=":material/upload_file:")
    return None


def current(source: Source, words: Words) -> Events | None:
    """Return the events that the scores page shows."""
    table = _read(source, None, words)
    return None if table is None else table.events


def _show_uploader(words: Words) -> Any:
    help_text = words(
        "CSV, Excel, JSON or Parquet, up to {limit} MB. The file stays in memory and "
        "is forgotten when you close the page.",
        limit=UPLOAD_LIMIT,
    )
    with st.container(key="upload"):
        return st.file_uploader(
            words("Upload other events"),
            type=_TYPES,
            help=help_text,
            max_upload_size=UPLOAD_LIMIT,
            on_change=_forget,
            key=f"upload_{st.session_state.get(_N_UPLOADERS, 0)}",
        )


def _forget() -> None:
    st.session_state.pop(_UPLOADED, None)


def _new_uploader() -> None:
    """Forget the upload; an uploader cannot be emptied, so its key changes."""
    _forget()
    st.session_state[_N_UPLOADERS] = st.session_state.get(_N_UPLOADERS, 0) + 1


def _read(source: Source, file: Any, words: Words) -> Table | None:
    upload: Upload | None = st.session_state.get(_UPLOADED)
    with st.spinner(words("Reading the events …"), show_time=True):
        if file is not None and (upload is None or upload.file_id != file.file_id):
            upload = Upload(file.file_id, _parse(source, file, file.name))
            st.session_state[_UPLOADED] = upload
        if upload is not None:
            return upload.table
        path = handed_settings().data
        if path is not None:
            return _read_file(str(path), _stamp(path), path, source)
        if isinstance(source, DemoSource):
            events = _read_sample(source)
            return Table(events, words("the sample that comes with edml"))
    return None


def _stamp(path: Path) -> object:
    """Return a stamp that differs once a file has changed."""
    if isinstance(path, Url):
        return path.stamp()
    try:
        found = path.stat()
    except FileNotFoundError:
        message = (
            "The configured file of events does not exist. Upload one, or correct the "
            "path."
        )
        raise TableError(message) from None
    return found.st_mtime_ns, found.st_size


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_file(name: str, stamp: object, _path: Path, _source: Source) -> Table:
    return _parse(_source, _path, _path.name)


@st.cache_resource(max_entries=1, show_spinner=False)
def _read_sample(_source: DemoSource) -> Events:
    X = _source.sample()
    return read_choices(X, resolve_columns(None), fingerprint(X))


def _parse(source: Source, file: Path | BinaryIO, name: str) -> Table:
    """Read a table with the column names of the settings, or else the champion's."""
    names = resolve_columns(handed_settings().columns)
    try:
        return _parse_as(names, file, name)
    except TableError:
        try:
            of_model = source.columns(source.champion().version)
        except EdmlError:  # there is no champion
            of_model = names
        if of_model == names:
            raise
        if not isinstance(file, (Path, Url)):
            file.seek(0)
        return _parse_as(of_model, file, name)


def _parse_as(names: Mapping[str, str], file: Path | BinaryIO, name: str) -> Table:
    options = {
        option: value
        for option, value in handed_settings().reading.items()
        if isinstance(file, (Path, Url)) or option in _OF_UPLOADS
    }
    X, report = read_events(
        file, columns=names, name=name, return_report=True, **options
    )
    return Table(read_choices(X, names, fingerprint(X)), name, report.notes)
