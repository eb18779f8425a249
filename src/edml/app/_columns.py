"""A dialog that matches a file's columns with the known ones, and remembers them."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import streamlit as st

from edml import _files
from edml._translation import N_
from edml.app._launch import handed_settings
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.schema import SNAPSHOT_KEYS
from edml.sources import read_table

#: Codes of errors that other names may resolve.
UNRECOGNIZED = ("missing_columns", "similar_name")
#: The columns that a user can match; the first three are required.
_MEANINGS = {
    "user_uuid": N_("Student"),
    "course_uuid": N_("Course"),
    "particion": N_("Course day"),
    "periodo": N_("Period"),
    "course_name": N_("Name of the course"),
    "legajo": N_("File number"),
    "nombre_examen": N_("Exam"),
    "nota_parcial": N_("Exam grade"),
    "assignment_id": N_("Number of the assignment"),
    "ass_name": N_("Assignment created"),
    "ass_due_at": N_("Due date"),
    "ass_unlock_at": N_("Opening date"),
    "ass_name_sub": N_("Assignment handed in"),
    "score": N_("Score"),
    "s_submitted_at": N_("Date of submission"),
    "s_graded_at": N_("Date of grading"),
}


@st.cache_resource(show_spinner=False)
def remembered() -> dict[str, dict[str, str]]:
    """Return the names that users have matched, by the digest of a header."""
    path, found = _file(), None
    if path is not None:
        with suppress(OSError, ValueError):  # none yet, or damaged: match them again
            found = json.loads(path.read_bytes())
    return found if isinstance(found, dict) else {}


def recall(header: list[str]) -> Mapping[str, str] | None:
    """Return the names that a user has matched in a header, if any."""
    return remembered().get(_digest(header))


def remember(header: list[str], names: Mapping[str, str]) -> None:
    """Keep the names of a header, also for the next start if there is a file."""
    known, path = remembered(), _file()
    known[_digest(header)] = dict(names)
    if path is not None:
        with suppress(OSError):  # a folder that cannot be written to
            _files.make_folder(path.parent)
            _files.replace_file(path, json.dumps(known, indent=1).encode())


def _file() -> Path | None:
    """Return the file beside the contacts that keeps the names of columns."""
    contacts = handed_settings().contacts
    return None if contacts is None else contacts.with_name("edml_columns.json")


def _digest(header: list[str]) -> str:
    # a file without a header begins with a student
    return sha256(json.dumps(header).encode()).hexdigest()


def read_header(file: BinaryIO, name: str) -> list[str]:
    """Return the names of a file's columns; none if they cannot be read."""
    file.seek(0)
    try:
        if Path(name).suffix.lower() in (".csv", ".tsv", ".txt"):
            table = pd.read_csv(file, sep=None, engine="python", nrows=0)
        else:
            table, _ = read_table(file, name=name)
    except (EdmlError, ValueError, OSError):
        return []
    finally:
        file.seek(0)
    return [str(column) for column in table.columns]


def offer(header: list[str], read: Callable[[], None], words: Words) -> None:
    """Offer to match the columns of a header; ``read`` reads the file again."""

    def match() -> None:
        if _is_complete(_chosen()):
            remember(header, _chosen())
            read()

    def show() -> None:
        st.caption(
            words(
                "Choose the column of your file that holds each. Only three are needed."
            )
        )
        for name, meaning in _MEANINGS.items():
            st.selectbox(
                f"{words(meaning)} *" if name in SNAPSHOT_KEYS else words(meaning),
                header,
                index=header.index(name) if name in header else None,
                placeholder=words("none"),
                key=f"column_{name}",
            )
        if st.button(
            words("Read the file"), type="primary", on_click=match, key="matched"
        ):
            if _is_complete(_chosen()):
                st.rerun()
            text = words("Choose the columns with a star, and no column twice.")
            st.error(text)

    if st.button(words("Match the columns"), type="primary", key="match"):
        st.dialog(words("Match the columns"))(show)()


def _chosen() -> dict[str, str]:
    found = {name: st.session_state.get(f"column_{name}") for name in _MEANINGS}
    return {name: actual for name, actual in found.items() if actual}


def _is_complete(chosen: Mapping[str, str]) -> bool:
    needed = chosen.keys() >= set(SNAPSHOT_KEYS)
    return needed and len(set(chosen.values())) == len(chosen)
