"""The scores page: whom to contact, and why.

The keys of its widgets, by which tests find them (``st-key-<key>``): ``upload``,
``forget_upload``, ``period``, ``course``, ``chosen_students``, ``partition``, ``run``,
``result`` (all below), ``donut``, ``capacity``, ``show``, ``find``, ``students`` (the
box of the table), ``download``, ``student``, ``student_panel``, ``trajectory``,
``trajectory_table`` and ``try_again``.
"""

import zlib
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from edml.app import _data, _state, _student_panel
from edml.app._events_view import (
    Choice,
    Events,
    choose_events,
    list_courses,
    list_students,
    partition_range,
)
from edml.app._scores_view import (
    SHOWN,
    count_flagged,
    filter_rows,
    make_list,
    mark_contacts,
    write_csv,
)
from edml.app._source import Champion, Scored, Source
from edml.app._student_view import week_before
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.schema import BoolArray

#: Widgets whose values outlive a look at the other page.
_KEPT = ("period", "course", "chosen_students", "partition", "capacity", "show", "find")
_ASKED = "asked"
_CAPACITY = 15  # as Capacity's examples have it


class Asked(NamedTuple):
    """What a list was made for."""

    fingerprint: str
    choice: Choice
    at: int
    by: Champion


def show(source: Source, words: Words) -> None:
    """Show the page.

    Parameters
    ----------
    source : Source
        Where the model is.
    words : Words
        The language.
    """
    if source.kind == "demo":
        st.info(words("about_demo"), icon=":material/school:")
    for key in _KEPT:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]
    events = _data.choose(source, words)
    if events is None:
        return
    choice, at = _choose(events, words)
    run = st.button(words("run"), type="primary", key="run", icon=":material/search:")
    with st.container(key="result"), _state.guarded(words):
        if run:
            _ask(source, events, choice, at, words)
        asked = st.session_state.get(_ASKED)
        if asked is None or asked.fingerprint != events.fingerprint:
            st.caption(words("first_run", run=words("run")))
            return
        _say_changes(source, asked, choice, at, words)
        _show_result(source, events, asked, words)


def _choose(events: Events, words: Words) -> tuple[Choice, int]:
    """Show the choices, each of which is of what is left by those before."""
    left, middle, right = st.columns([1, 2, 2])
    with left:
        period = _select("period", "all_periods", events.periods[::-1], words)
    with middle:
        courses = list_courses(events, period)
        course = _select("course", "all_courses", courses, words)
    with right:
        students = list_students(events, period, course)
        known = set(students)
        before = st.session_state.get("chosen_students", [])
        st.session_state["chosen_students"] = [one for one in before if one in known]
        chosen = st.multiselect(
            words("students"),
            students,
            placeholder=words("all_students"),
            key="chosen_students",
        )
    choice = Choice(period, course, tuple(chosen))
    return choice, _choose_partition(events, choice, words)


def _select(key: str, all_of_them: str, options: list[str], words: Words) -> str | None:
    # "" and not None, which would be no choice at all
    if st.session_state.get(key) not in options:
        st.session_state[key] = ""
    chosen = st.selectbox(
        words(key),
        ["", *options],
        format_func=lambda one: one or words(all_of_them),
        key=key,
    )
    return chosen or None


def _choose_partition(events: Events, choice: Choice, words: Words) -> int:
    first, last = partition_range(events, choice)
    if first == last:
        st.caption(words("one_partition", day=first))
        return first
    before = st.session_state.get("partition", last)
    # who looks at the latest day goes on doing so where another course is longer
    if before == st.session_state.get("partition_last", last) or not (
        first <= before <= last
    ):
        before = last
    st.session_state["partition"] = before
    st.session_state["partition_last"] = last
    return st.slider(words("partition"), first, last, key="partition")


def _ask(source: Source, events: Events, choice: Choice, at: int, words: Words) -> None:
    st.session_state.pop(_ASKED, None)
    st.session_state["student"] = None
    doing = "training" if source.kind == "demo" else "loading_libraries"
    with st.spinner(words(doing), show_time=True):
        by = source.champion()
    st.session_state[_ASKED] = Asked(events.fingerprint, choice, at, by)


def _say_changes(
    source: Source, asked: Asked, choice: Choice, at: int, words: Words
) -> None:
    """Say where the list is no longer of what is chosen, or of the champion."""
    if (choice, at) != (asked.choice, asked.at):
        st.info(words("changed_choice", run=words("run")), icon=":material/sync:")
    if source.kind == "endpoint":
        return  # it is asked when a list is
    try:
        now = source.champion()
    except EdmlError as error:
        st.warning(words("no_champion", reason=_state.plain(error)))
        return
    if now.version != asked.by.version:
        text = words(
            "changed_model",
            now=now.version,
            then=asked.by.version,
            run=words("run"),
        )
        st.warning(text, icon=":material/published_with_changes:")


@st.cache_resource(max_entries=32, show_spinner=False)
def _score(
    fingerprint: str,
    version: int,
    choice: Choice,
    at: int,
    _source: Source,
    _events: Events,
) -> Scored:
    X = choose_events(_events, choice)
    since = week_before(at, _source.partition_days(version))
    return _source.score(version, X, at, since)


def _show_result(source: Source, events: Events, asked: Asked, words: Words) -> None:
    n_chosen = len(list_students(events, asked.choice.period, asked.choice.course))
    n_rows = words.number(len(asked.choice.students) or n_chosen)
    with st.spinner(words("scoring", n=n_rows), show_time=True):
        scored = _score(
            asked.fingerprint,
            asked.by.version,
            asked.choice,
            asked.at,
            _source=source,
            _events=events,
        )
    students = scored.students
    people = make_list(students)
    st.caption(_about(asked, scored, words))
    left, right = st.columns([1, 2])
    with left:
        _show_donut(students, words)
    with right:
        contact = _mark(students, words)
    kept = _filter(people, contact, words)
    _show_table(asked, people, contact, kept, words)
    _offer_file(students, contact, asked, words)
    row = _choose_student(people, kept, words)
    if row is not None:
        X = choose_events(events, asked.choice)
        _student_panel.show(
            source,
            _student_panel.Subject(events, X, asked.at, scored, row, people.iloc[row]),
            words,
        )


def _about(asked: Asked, scored: Scored, words: Words) -> str:
    period, course, students = asked.choice
    parts = [course or words("all_courses"), period or words("all_periods")]
    if students:
        parts.append(f"{words('students')}: {words.number(len(students))}")
    return words(
        "about",
        what=_state.escape(", ".join(parts)),
        day=asked.at,
        version=scored.by.version,
        threshold=words.percent(scored.by.threshold, 1),
    )


def _show_donut(students: pd.DataFrame, words: Words) -> None:
    from edml.app._scores_figures import draw_donut, say_counts  # noqa: PLC0415

    counts = count_flagged(students)
    text = say_counts(counts, words)
    st.plotly_chart(
        draw_donut(counts, words), key="donut", config={"displayModeBar": False}
    )
    st.caption(text)


def _mark(students: pd.DataFrame, words: Words) -> BoolArray:
    if "capacity" not in st.session_state:
        st.session_state["capacity"] = _CAPACITY
    k = st.number_input(
        words("capacity"),
        min_value=0,
        step=1,
        help=words("capacity_help"),
        key="capacity",
    )
    contact = mark_contacts(students, int(k))
    n_students = count_flagged(students).students
    n_marked = int(contact.sum())
    every = "_all" if n_marked == n_students else ""
    st.caption(
        words(
            f"capacity_says{every}",
            n=words.number(n_marked),
            students=words.number(n_students),
        )
    )
    return contact


def _filter(people: pd.DataFrame, contact: BoolArray, words: Words) -> BoolArray:
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        shown = st.segmented_control(
            words("show"),
            SHOWN,
            format_func=lambda one: words(f"show_{one}"),
            default=None if "show" in st.session_state else "all",
            key="show",
        )
    with right:
        find = st.text_input(
            words("find"),
            placeholder=words("find_help"),
            key="find",
            icon=":material/search:",
        )
    return filter_rows(people, contact, shown or "all", find or "")


def _show_table(
    asked: Asked,
    people: pd.DataFrame,
    contact: BoolArray,
    kept: BoolArray,
    words: Words,
) -> None:
    n_kept = int(kept.sum())
    if not n_kept:
        st.info(words("none_left"))
        return
    table = people.assign(contact=contact, change=100 * people["change"])[kept]
    positions = np.flatnonzero(kept)
    # a new list begins without a selected row
    mark = zlib.crc32(repr((asked, positions.tobytes())).encode())
    key = f"students_{mark}"

    def select() -> None:
        rows = st.session_state[key]["selection"]["rows"]
        st.session_state["student"] = int(positions[rows[0]]) if rows else None

    with st.container(key="students"):
        st.dataframe(
            table,
            hide_index=True,
            column_config=_columns(words),
            on_select=select,
            selection_mode="single-row",
            key=key,
        )
    st.caption(
        words("rows_shown", n=words.number(n_kept), rows=words.number(len(people)))
    )


def _columns(words: Words) -> dict[str, Any]:
    of = st.column_config
    return {
        "student": of.TextColumn(words("column_student"), pinned=True),
        "course": of.TextColumn(words("column_course")),
        "exam_average": of.NumberColumn(words("column_exam_average"), format="%.1f"),
        "score_average": of.NumberColumn(words("column_score_average"), format="%.1f"),
        "flagged": of.CheckboxColumn(words("column_flagged")),
        "probability": of.ProgressColumn(
            words("column_probability"),
            format="percent",
            min_value=0,
            max_value=1,
            width="medium",
        ),
        "change": of.NumberColumn(
            words("column_change"), format="%+.1f", help=words("column_change_help")
        ),
        "contact": of.CheckboxColumn(words("column_contact")),
    }


@st.cache_resource(max_entries=8, show_spinner=False)
def _write_file(
    asked: Asked,
    n_marked: int,
    decimal: str,
    _students: pd.DataFrame,
    _contact: BoolArray,
) -> bytes:
    # whole before it is asked for: Streamlit forgets what is still to be made as soon
    # as the page is shown anew, and a click in that moment would give nothing
    return write_csv(_students, _contact, decimal)


def _offer_file(
    students: pd.DataFrame, contact: BoolArray, asked: Asked, words: Words
) -> None:
    n_marked = int(contact.sum())
    st.download_button(
        words("download"),
        _write_file(
            *(asked, n_marked, words.decimal), _students=students, _contact=contact
        ),
        file_name=f"{words('file_name')}_{asked.at}.csv",
        mime="text/csv",
        on_click="ignore",
        key="download",
        icon=":material/download:",
    )


def _choose_student(people: pd.DataFrame, kept: BoolArray, words: Words) -> int | None:
    """Let a student be chosen without a pointer, too."""
    options = np.flatnonzero(kept).tolist()
    if st.session_state.get("student") not in options:
        st.session_state["student"] = None
    names = people["student"].to_numpy(), people["course"].to_numpy()
    risk = people["probability"].to_numpy()
    return st.selectbox(
        words("choose_student"),
        options,
        format_func=lambda row: (
            f"{names[0][row]} · {names[1][row]} · {words.percent(risk[row], 1)}"
        ),
        index=None,
        placeholder=words("choose_student_help"),
        key="student",
    )
