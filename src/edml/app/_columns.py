"""A dialog that matches a file's columns with the known ones, and remembers them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import streamlit as st

from edml._translation import N_
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
def remembered() -> dict[tuple[str, ...], Mapping[str, str]]:
    """Return the names by header that users of this process have matched."""
    return {}


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
            remembered()[tuple(header)] = _chosen()
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
