"""The ticked students as a table of contacts, which `read_contacts` reads."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import streamlit as st
from filelock import FileLock, Timeout

from edml import _files
from edml._messages import coded
from edml.app import _state
from edml.app._launch import handed_settings
from edml.app._source import Source
from edml.app._words import Words
from edml.exceptions import TableError
from edml.schema import COURSE, STUDENT, BoolArray, spell_key
from edml.sources import read_contacts

_COLUMNS: tuple[str, ...] = ("student", "course", "date")
_ONLY_OWNER = 0o600
_PATIENCE = 2.0  # seconds that a page waits for another process


def offer(
    source: Source, students: pd.DataFrame, contact: BoolArray, words: Words
) -> None:
    """Offer to record the ticked students, or a file of them where none is named."""
    if source.kind == "demo":
        return
    contacts = list_contacts(students[contact])
    path = handed_settings().contacts
    if path is None:
        st.download_button(
            words("Download the contacts of today"),
            _write(_COLUMNS, contacts),
            file_name="contacts.csv",
            mime="text/csv",
            on_click="ignore",
            key="download_contacts",
            icon=":material/download:",
        )
        return
    label = words("Record as contacted today")
    if st.button(label, key="save_contacts", icon=":material/how_to_reg:"):
        with _state.guarded(words, "save_again"):
            added = add_contacts(path, contacts)
            text = words(
                "New in {name}: {n} of {all} contacts.",
                name=_state.escape(path.name),
                n=words.number(added),
                all=words.number(len(contacts)),
            )
            st.success(text)


def list_contacts(students: pd.DataFrame) -> pd.DataFrame:
    """Return the contacts of today, in UTC, with the students of a list."""
    return pd.DataFrame(
        {
            "student": students[STUDENT].map(spell_key),
            "course": students[COURSE].map(spell_key),
            "date": datetime.now(UTC).date().isoformat(),
        },
        columns=list(_COLUMNS),
    )


def add_contacts(path: Path, contacts: pd.DataFrame) -> int:
    """Append the contacts that a file lacks; return how many.

    Nothing that the file holds is changed, and an interruption leaves it as it was.
    """
    path = path.resolve()
    _files.make_folder(path.parent)
    try:
        with FileLock(f"{path}.lock", timeout=_PATIENCE, mode=_ONLY_OWNER):
            return _append(path, contacts)
    except Timeout:
        message = f"Another process is writing to {path}. Try again."
        raise TableError(coded("contacts_in_use", message, name=path.name)) from None


def _append(path: Path, contacts: pd.DataFrame) -> int:
    if not path.exists():
        before, columns, mode = b"", _COLUMNS, _ONLY_OWNER
    else:
        before, mode = path.read_bytes(), path.stat().st_mode & 0o777
        columns = _read_columns(path, before)
        contacts = contacts[~_are_in(read_contacts(path), contacts)]
    if len(contacts):
        rows = _write(columns, contacts, header=not before)
        gap = b"" if before.endswith(b"\n") or not before else b"\n"
        _files.replace_file(path, before + gap + rows, mode)
        _files.sync_folder(path.parent)
    return len(contacts)


def _read_columns(path: Path, data: bytes) -> tuple[str, ...]:
    """Return the names in the first line of a file, to which rows are appended."""
    first = data.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    columns = tuple(name.strip() for name in next(csv.reader([first]), []))
    if not set(_COLUMNS) <= set(columns):
        message = (
            f"Expected a CSV file in UTF-8 with the columns {list(_COLUMNS)} in its "
            f"first line, separated by commas; {path} is another kind of file. Choose "
            "another name for the contacts."
        )
        raise TableError(coded("not_contacts", message, name=path.name))
    return columns


def _are_in(known: pd.DataFrame, contacts: pd.DataFrame) -> BoolArray:
    there = known.assign(date=known["date"].dt.strftime("%Y-%m-%d"))
    keys = [
        pd.MultiIndex.from_frame(table[list(_COLUMNS)].astype(str))
        for table in (contacts, there)
    ]
    found: BoolArray = keys[0].isin(keys[1])
    return found


def _write(
    columns: tuple[str, ...], contacts: pd.DataFrame, *, header: bool = True
) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(contacts.to_dict("records"))
    return text.getvalue().encode("utf-8", "surrogatepass")
