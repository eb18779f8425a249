"""The table of events: the configured one, the sample, or an uploaded file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import streamlit as st

from edml._messages import coded, in_words
from edml._urls import Url
from edml.app import _columns, _state
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
    """An upload, kept while the user is on the other page: a table, or why not."""

    name: str
    found: Table | Exception
    file: BinaryIO | None = None  # whose columns may be matched


def choose(source: Source, words: Words, body: Any) -> Events | None:
    """Show the source of the events, and return them, or None if there are none.

    ``body`` is where the page shows what became of them.
    """
    first = handed_settings().data is not None or isinstance(source, DemoSource)
    upload: Upload | None = st.session_state.get(_UPLOADED)
    with st.expander(words("Events"), expanded=not first, key="events"):
        origin = st.container()
        file = _show_uploader(words)
    if file is not None:
        with body, st.spinner(words("Reading the events …"), show_time=True):
            _receive(source, file)
        st.rerun()
    if upload is not None and isinstance(upload.found, Exception):
        with body:
            _show_refusal(source, upload, upload.found, first, words)
        return None
    with body, _state.guarded(words):
        table = _read(source, words)
        if table is None:
            text = words(
                "There is no table of events yet. Upload one here, or start the app "
                "with --data."
            )
            st.info(text, icon=":material/upload_file:")
            return None
        _check_columns(source, table)
        with origin:
            _describe(table, words)
            if upload is not None and first:
                _offer_return(words)
        return table.events
    return None


def current(source: Source, words: Words) -> Events | None:
    """Return the events that the scores page shows."""
    table = _read(source, words)
    return None if table is None else table.events


# -- uploads -------------------------------------------------------------------------


def _show_uploader(words: Words) -> Any:
    help_text = words(
        "The file stays in memory and is forgotten when you close the page."
    )
    with st.container(key="upload"):
        return st.file_uploader(
            words("Upload other events"),
            type=_TYPES,
            help=help_text,
            max_upload_size=UPLOAD_LIMIT,
            key=f"upload_{st.session_state.get(_N_UPLOADERS, 0)}",
        )


def _receive(source: Source, file: Any) -> None:
    """Read an upload, and keep the table or the reason why there is none."""
    _take(source, file, file.name)
    # an uploader cannot be emptied, so another takes its place
    st.session_state[_N_UPLOADERS] = st.session_state.get(_N_UPLOADERS, 0) + 1
    _state.forget_file(file)


def _take(source: Source, file: BinaryIO, name: str) -> None:
    try:
        table = _parse(source, file, name)
        _check_columns(source, table)
        upload = Upload(name, table)
    except (EdmlError, MemoryError) as error:
        code = getattr(error, "code", None)
        again = file if code in _columns.UNRECOGNIZED else None
        upload = Upload(name, error.with_traceback(None), again)
    st.session_state[_UPLOADED] = upload


def _show_refusal(
    source: Source, upload: Upload, refused: Exception, first: bool, words: Words
) -> None:
    title = words("{name} cannot be read", name=_state.escape(upload.name))
    st.error(f"**{title}**  \n{_state.say(refused, words)}")
    file = upload.file
    with st.container(horizontal=True):
        if file is not None and (header := _columns.read_header(file, upload.name)):
            _columns.offer(header, lambda: _take(source, file, upload.name), words)
        if first:
            _offer_return(words)


def _offer_return(words: Words) -> None:
    st.button(
        words("Back to the first table"),
        on_click=lambda: st.session_state.pop(_UPLOADED),
        key="forget_upload",
        icon=":material/undo:",
    )


# -- tables --------------------------------------------------------------------------


def _describe(table: Table, words: Words) -> None:
    text = words(
        "Events from {name}: {rows} rows, {students} students (once per course).",
        name=_state.escape(table.name),
        rows=words.number(len(table.events.X)),
        students=words.number(len(table.events.of_histories)),
    )
    notes = [_state.escape(in_words(note, words.language)) for note in table.notes]
    st.caption(" ".join([text, *notes]))


def _check_columns(source: Source, table: Table) -> None:
    """Raise a TableError if the champion reads columns that the table lacks."""
    try:
        lacking = source.lacking(source.champion().version, table.events.X)
    except EdmlError:  # there is no champion, as the list says
        return
    if lacking:
        message = f"The table lacks columns that the model reads: {lacking}."
        raise TableError(coded("missing_for_model", message, columns=lacking))


def _read(source: Source, words: Words) -> Table | None:
    upload: Upload | None = st.session_state.get(_UPLOADED)
    if upload is not None:
        return None if isinstance(upload.found, Exception) else upload.found
    path, doing = handed_settings().data, words("Reading the events …")
    if path is None and source.kind == "demo":
        doing = words("Training a model on the sample …")
    with st.spinner(doing, show_time=True):
        table = read_first(source)
    if table is None or path is not None:
        return table
    return table._replace(name=words("the sample that comes with edml"))


def read_first(source: Source) -> Table | None:
    """Read the table that the page opens with: the configured one or the sample."""
    path = handed_settings().data
    if path is not None:
        return _read_file(str(path), _stamp(path), path, source)
    return _read_sample(source) if isinstance(source, DemoSource) else None


def _stamp(path: Path) -> object:
    """Return a stamp that differs once a file has changed."""
    if isinstance(path, Url):
        return path.stamp()
    try:
        found = path.stat()
    except FileNotFoundError:
        message = "The configured file of events does not exist. Correct the path."
        raise TableError(coded("no_events_file", message)) from None
    return found.st_mtime_ns, found.st_size


@st.cache_resource(max_entries=2, show_spinner=False)
def _read_file(name: str, stamp: object, _path: Path, _source: Source) -> Table:
    return _parse(_source, _path, _path.name)


@st.cache_resource(max_entries=1, show_spinner=False)
def _read_sample(_source: DemoSource) -> Table:
    X = _source.sample()
    return Table(read_choices(X, resolve_columns(None), fingerprint(X)), "")


def _parse(source: Source, file: Path | BinaryIO, name: str) -> Table:
    """Read a table with the names of the settings, the champion, or the user's match.

    Its columns get the champion's names.
    """
    names = resolve_columns(handed_settings().columns)
    try:
        of_model = source.columns(source.champion().version)
    except EdmlError:  # there is no champion
        of_model = names
    known = [names, of_model]
    if not isinstance(file, Path) and _columns.remembered():
        matched = _columns.recall(_columns.read_header(file, name))
        known += [] if matched is None else [{**names, **matched}]
    refused: TableError | None = None
    for one in known:
        if not isinstance(file, Path):
            file.seek(0)
        try:
            return _parse_as(one, of_model, file, name, source)
        except TableError as error:
            if error.code not in _columns.UNRECOGNIZED:
                raise
            refused = refused or error
    raise refused or AssertionError


def _parse_as(
    names: Mapping[str, str],
    of_model: Mapping[str, str],
    file: Path | BinaryIO,
    name: str,
    source: Source,
) -> Table:
    options = {
        option: value
        for option, value in handed_settings().reading.items()
        if isinstance(file, (Path, Url)) or option in _OF_UPLOADS
    }
    X, report = read_events(
        file, columns=names, name=name, return_report=True, **options
    )
    if names != of_model:
        X = X.rename(columns={names[one]: of_model[one] for one in names})
    notes = report.notes
    if (completed := source.complete(X)) is not X:
        note = (
            "Students are compared with all of their course in the file, which must "
            "hold whole courses."
        )
        X, notes = completed, (*notes, coded("context_computed", note))
    return Table(read_choices(X, of_model, fingerprint(X)), name, notes)
