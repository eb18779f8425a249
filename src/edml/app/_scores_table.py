"""The table of the scores page: search, ticks, the chosen student, and the file."""

import zlib
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from edml.app._scores_view import SHOWN, filter_rows, to_points, write_csv
from edml.app._words import Words
from edml.schema import IntArray

_BASE, _N_TABLES = "ticks_of_table", "n_tables"
_COLUMNS = ("student", "probability", "flag", "contact", "reason", "change")


def choose_rows(people: pd.DataFrame, words: Words) -> IntArray:
    """Show the filters, and return the positions of the rows that they keep."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        find = st.text_input(
            words("Find"),
            placeholder=words("Part of a file number or course"),
            key="find",
            icon=":material/search:",
            width=250,
        )
        shown = st.segmented_control(
            words("Show"),
            list(SHOWN),
            format_func=lambda one: words(SHOWN[one]),
            default=None if "show" in st.session_state else "all",
            key="show",
        )
    contact = people["contact"].to_numpy(dtype=np.bool_)
    return np.flatnonzero(filter_rows(people, contact, shown or "all", find or ""))


def show(
    people: pd.DataFrame,
    rows: IntArray,
    key: object,
    ticked: dict[int, bool],
    words: Words,
) -> None:
    """Show some rows; ``ticked`` receives the boxes that are ticked by hand."""
    shown = key, rows.tobytes(), words.language, st.session_state.get(_N_TABLES, 0)
    mark = zlib.crc32(repr(shown).encode())
    editor, button = f"students_{mark}", f"look_{mark}"
    # the table keeps its place only if its data stay: later ticks are in the editor
    if st.session_state.get(_BASE, ("", None))[0] != editor:
        st.session_state[_BASE] = editor, people["contact"].to_numpy()[rows]
    some = people.iloc[rows].assign(contact=st.session_state[_BASE][1])
    table = pd.DataFrame(
        {
            "student": some["student"],
            "probability": some["probability"].round(3),
            "flag": np.where(some["flagged"], "⚑", ""),
            "contact": some["contact"],
            "reason": some["reasons"].str[0],
            "change": to_points(some["change"]),
            "course": some["course"],
            "period": some["period"],
        }
    )

    def tick() -> None:
        for row, values in st.session_state[editor]["edited_rows"].items():
            ticked[int(rows[row])] = values["contact"]

    def look() -> None:
        st.session_state["student"] = int(rows[st.session_state[button]["row"]])

    several = [name for name in ("course", "period") if len(people[name].unique()) > 1]
    with st.container(key="students"):
        st.data_editor(
            table,
            hide_index=True,
            height=min(36 + 35 * len(table), 600),
            column_order=[*_COLUMNS, *several],
            column_config=_columns(words, with_ledger="said_time" in people)
            | {
                "student": st.column_config.ButtonColumn(
                    words("Student"),
                    type="tertiary",
                    alignment="left",
                    pinned=True,
                    width=95,
                    on_click=look,
                    key=button,
                )
            },
            disabled=[name for name in table.columns if name != "contact"],
            on_change=tick,
            placeholder="–",  # noqa: RUF001 - a dash marks a missing value
            alt=words("Students, most at risk first"),
            key=editor,
        )
    st.caption(
        words(
            "Shown: {n} of {rows}. Click a student to see why.",
            n=words.number(len(rows)),
            rows=words.number(len(people)),
        )
    )


def renew() -> None:
    """Show the table again, with the ticks that were made beside it."""
    st.session_state[_N_TABLES] = st.session_state.get(_N_TABLES, 0) + 1


def _columns(words: Words, *, with_ledger: bool) -> dict[str, Any]:
    of = st.column_config
    change = words("Change of the risk in a week, in percentage points.")
    if with_ledger:
        change = words(
            "Change of the risk in percentage points: since last week's list in the "
            "ledger, or else in a week."
        )
    return {
        "probability": of.ProgressColumn(
            words("Risk"),
            help=words("Probability of failing."),
            format="percent",
            min_value=0,
            max_value=1,
            step=0.001,
            width=110,
        ),
        "flag": of.TextColumn(
            words("Flag"), help=words("The model flags this student."), width=45
        ),
        "contact": of.CheckboxColumn(
            words("Contact"),
            help=words("Whom you will contact: tick or untick."),
            width=95,
        ),
        "reason": of.TextColumn(
            words("Main reason"),
            help=words("What the model relied on most; not a cause."),
            width=305,
        ),
        "change": of.NumberColumn(
            words("Change"),
            format="localized",
            step=0.1,
            help=change,
            width=65,
        ),
        "course": of.TextColumn(words("Course"), width=125),
        "period": of.TextColumn(words("Period"), width=75),
    }


@st.cache_resource(max_entries=8, show_spinner=False)
def _write_file(key: int, language: str, _people: pd.DataFrame, at: int) -> bytes:
    # created in advance: Streamlit drops a deferred file as soon as the page runs
    # again, and a click at that moment would download nothing
    return write_csv(_people, at, Words(language))


def offer_file(people: pd.DataFrame, at: int, words: Words) -> None:
    """Offer the list as a file."""
    rows = pd.util.hash_pandas_object(people.drop(columns="reasons"), index=False)
    key = zlib.crc32(rows.to_numpy().tobytes())
    name = words("students_at_risk")
    st.download_button(
        words("Download as CSV"),
        _write_file(key, words.language, _people=people, at=at),
        file_name=f"{name}_{at}.csv",
        mime="text/csv",
        on_click="ignore",
        key="download",
        icon=":material/download:",
    )
