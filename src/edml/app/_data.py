"""The table of events: the configured one, the sample, or an uploaded file."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import streamlit as st

from edml.app import _state
from edml.app._events_view import Events, read_choices
from edml.app._launch import handed_settings
from edml.app._settings import UPLOAD_LIMIT, AppSettings
from edml.app._source import Source
from edml.app._words import Words
from edml.exceptions import EdmlError, TableError
from edml.schema import fingerprint, resolve_columns

_UPLOADED, _OF_FILE = "uploaded_events", "uploaded_file"
_N_FORGOTTEN = "n_forgotten"


def choose(source: Source, words: Words) -> Events | None:
    """Show where the events come from, and return them; None where there are none."""
    settings = handed_settings()
    there = settings.data is not None or source.kind == "demo"
    with st.expander(words("Events"), expanded=not there):
        said = st.container()
        with st.container(key="upload"):
            file = st.file_uploader(
                words("Upload other events"),
                type=["csv", "parquet"],
                help=words(
                    "CSV (UTF-8, comma-separated) or Parquet, up to {limit} MB. "
                    "The file stays in memory and is forgotten when you close the "
                    "page.",
                    limit=UPLOAD_LIMIT,
                ),
                max_upload_size=UPLOAD_LIMIT,
                on_change=_forget,
                key=f"upload_{st.session_state.get(_N_FORGOTTEN, 0)}",
            )
    if there and (file is not None or _UPLOADED in st.session_state):
        # also after an unreadable upload, and after a look at the other page
        st.button(
            words("Back to the first table"),
            on_click=_forget_file,
            key="forget_upload",
            icon=":material/undo:",
        )
    with _state.guarded(words):
        events, name = _read(settings, source, file, words)
        if events is not None:
            text = words(
                "Events from {name}: {rows} rows, {students} students (once per "
                "course).",
                name=_state.escape(name),
                rows=words.number(len(events.X)),
                students=words.number(len(events.of_histories)),
            )
            said.caption(text)
        elif not there:
            text = words(
                "There is no table of events yet. Upload one here, or start the app "
                "with --data."
            )
            st.info(text, icon=":material/upload_file:")
        return events
    return None


def current(source: Source, words: Words) -> Events | None:
    """Return the events that the scores page shows."""
    return _read(handed_settings(), source, None, words)[0]


def _read(
    settings: AppSettings, source: Source, file: Any, words: Words
) -> tuple[Events | None, str]:
    if file is not None and st.session_state.get(_OF_FILE) != file.file_id:
        with st.spinner(words("Reading the events …"), show_time=True):
            events = _parse(settings, source, Path(file.name), BytesIO(file.getvalue()))
        st.session_state[_UPLOADED] = events, file.name
        st.session_state[_OF_FILE] = file.file_id
    if _UPLOADED in st.session_state:
        found: tuple[Events, str] = st.session_state[_UPLOADED]
        return found
    with st.spinner(words("Reading the events …"), show_time=True):
        if settings.data is not None:
            path = settings.data
            return _read_file(str(path), _stamp(path), settings, source), path.name
        if source.kind == "demo":
            return _read_sample(source), words("the sample that comes with edml")
    return None, ""


def _forget() -> None:
    st.session_state.pop(_UPLOADED, None)
    st.session_state.pop(_OF_FILE, None)


def _forget_file() -> None:
    _forget()
    # a new key makes a new widget: an uploader cannot be emptied
    st.session_state[_N_FORGOTTEN] = st.session_state.get(_N_FORGOTTEN, 0) + 1


def _stamp(path: Path) -> tuple[int, int]:
    """Return what tells that a file has changed."""
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
def _read_file(
    path: str, stamp: tuple[int, int], _settings: AppSettings, _source: Source
) -> Events:
    return _parse(_settings, _source, Path(path))


@st.cache_resource(max_entries=1, show_spinner=False)
def _read_sample(_source: Source) -> Events:
    X = _source.sample()
    return read_choices(X, resolve_columns(None), fingerprint(X))


def _parse(
    settings: AppSettings, source: Source, path: Path, content: BytesIO | None = None
) -> Events:
    try:
        return _parse_as(settings, resolve_columns(settings.columns), path, content)
    except TableError:
        names = _names_of_model(source)
        if names is None or names == resolve_columns(settings.columns):
            raise
        if content is not None:
            content.seek(0)
        return _parse_as(settings, names, path, content)


def _parse_as(
    settings: AppSettings,
    names: Mapping[str, str],
    path: Path,
    content: BytesIO | None,
) -> Events:
    X = settings.read(path, names, content)
    return read_choices(X, names, fingerprint(X))


def _names_of_model(source: Source) -> Mapping[str, str] | None:
    """Return the names that the champion reads; None without a champion."""
    try:
        return source.columns(source.champion().version)
    except EdmlError:
        return None
