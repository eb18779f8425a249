"""The scores page: whom to contact, and why."""

import zlib
from collections.abc import Mapping
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

#: Widgets that keep their values while the user is on the other page.
_KEPT = ("period", "course", "chosen_students", "partition", "capacity", "show", "find")
_ASKED = "asked"
_CAPACITY = 15  # as in Capacity's examples


class Asked(NamedTuple):
    """The choices that the list on the page was made for."""

    fingerprint: str
    choice: Choice
    at: int
    by: Champion


def show(source: Source, words: Words) -> None:
    """Show the page."""
    _state.show_demo_note(source, words)
    _state.keep(*_KEPT)
    events = _data.choose(source, words)
    if events is None:
        return
    choice, at = _choose(events, words)
    run = st.button(
        words("Show the students"), type="primary", key="run", icon=":material/search:"
    )
    with st.container(key="result"), _state.guarded(words):
        if run:
            _ask(source, events, choice, at, words)
        asked = st.session_state.get(_ASKED)
        if asked is None or asked.fingerprint != events.fingerprint:
            button = words("Show the students")
            text = words("Make your choices, then press **{run}**.", run=button)
            st.caption(text)
            return
        _say_changes(source, asked, choice, at, words)
        _show_result(source, events, asked, words)


def _choose(events: Events, words: Words) -> tuple[Choice, int]:
    """Show the choices; each is limited by the ones before it."""
    left, middle, right = st.columns([1, 2, 2])
    with left:
        names = words("Period"), words("All periods")
        period = _select("period", *names, events.periods[::-1])
    with middle:
        names = words("Course"), words("All courses")
        course = _select("course", *names, list_courses(events, period))
    with right:
        students = list_students(events, period, course)
        known = set(students)
        before = st.session_state.get("chosen_students", [])
        st.session_state["chosen_students"] = [one for one in before if one in known]
        chosen = st.multiselect(
            words("Students"),
            students,
            placeholder=words("All students"),
            key="chosen_students",
        )
    choice = Choice(period, course, tuple(chosen))
    return choice, _choose_partition(events, choice, words)


def _select(key: str, label: str, everything: str, options: list[str]) -> str | None:
    # "" means everything: None would show an empty box
    if st.session_state.get(key) not in options:
        st.session_state[key] = ""
    chosen = st.selectbox(
        label, ["", *options], format_func=lambda one: one or everything, key=key
    )
    return chosen or None


def _choose_partition(events: Events, choice: Choice, words: Words) -> int:
    first, last = partition_range(events, choice)
    if first == last:
        st.caption(words("All events are on course day {day}.", day=first))
        return first
    before = st.session_state.get("partition", last)
    # a user on the latest day stays on it when another course is longer
    if before == st.session_state.get("partition_last", last) or not (
        first <= before <= last
    ):
        before = last
    st.session_state["partition"] = before
    st.session_state["partition_last"] = last
    return st.slider(
        words("As known at the end of course day"), first, last, key="partition"
    )


def _ask(source: Source, events: Events, choice: Choice, at: int, words: Words) -> None:
    st.session_state.pop(_ASKED, None)
    st.session_state["student"] = None
    doing = words("Loading the libraries …")
    if source.kind == "demo":
        doing = words("Training a model on the sample …")
    with st.spinner(doing, show_time=True):
        by = source.champion()
    st.session_state[_ASKED] = Asked(events.fingerprint, choice, at, by)


def _say_changes(
    source: Source, asked: Asked, choice: Choice, at: int, words: Words
) -> None:
    """Show whether the choices or the champion have changed since the list was made."""
    button = words("Show the students")
    if (choice, at) != (asked.choice, asked.at):
        text = words(
            "The list below is for your previous choices. Press **{run}** to update "
            "it.",
            run=button,
        )
        st.info(text, icon=":material/sync:")
    if source.kind == "endpoint":
        return  # not worth a request; the next list names its version
    try:
        now = source.champion()
    except EdmlError as error:
        text = words(
            "No model can score students: {reason} Once a model is in production, "
            "press the button.",
            reason=_state.plain(error),
        )
        st.warning(text)
        return
    if now.version != asked.by.version:
        text = words(
            "Another model has gone into production since this list was made: "
            "version {now} instead of {then}. Press **{run}** to score again.",
            now=now.version,
            then=asked.by.version,
            run=button,
        )
        st.warning(text, icon=":material/published_with_changes:")


@st.cache_resource(max_entries=32, show_spinner=False)
def _score(asked: Asked, _source: Source, _events: Events) -> Scored:
    X = choose_events(_events, asked.choice)
    version = asked.by.version
    since = week_before(asked.at, _source.partition_days(version))
    return _source.score(version, X, asked.at, since)


def _show_result(source: Source, events: Events, asked: Asked, words: Words) -> None:
    if lacking := source.lacking(asked.by.version, events.X):
        text = words(
            "The table lacks columns that this model reads: {columns}. Add them to the "
            "table, or put a model into production that does without them.",
            columns=_state.escape(", ".join(lacking)),
        )
        st.error(text)
        return
    n_chosen = len(list_students(events, asked.choice.period, asked.choice.course))
    n_rows = words.number(len(asked.choice.students) or n_chosen)
    with st.spinner(words("Scoring {n} students …", n=n_rows), show_time=True):
        scored = _score(asked, _source=source, _events=events)
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
    _offer_file(students, contact, asked, events.names, words)
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
    parts = [course or words("All courses"), period or words("All periods")]
    if students:
        parts.append(words("Students") + f": {words.number(len(students))}")
    return words(
        "{what}, as known at the end of day {day}. Model: version {version}; "
        "students are flagged from a probability of {threshold}.",
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
        words("How many students can you contact?"),
        min_value=0,
        step=1,
        help=words(
            "Marks this many of the students most at risk. A student in several "
            "courses is marked once, where the risk is highest."
        ),
        key="capacity",
    )
    contact = mark_contacts(students, int(k))
    n_students = count_flagged(students).students
    n_marked = int(contact.sum())
    counts = {"n": words.number(n_marked), "students": words.number(n_students)}
    if n_marked == n_students:
        text = words("All {students} students are marked for contact.", **counts)
    else:
        text = words("{n} of {students} students are marked for contact.", **counts)
    st.caption(text)
    return contact


def _filter(people: pd.DataFrame, contact: BoolArray, words: Words) -> BoolArray:
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        shown = st.segmented_control(
            words("Show"),
            list(SHOWN),
            format_func=lambda one: words(SHOWN[one]),
            default=None if "show" in st.session_state else "all",
            key="show",
        )
    with right:
        find = st.text_input(
            words("Find"),
            placeholder=words("Part of the file number or the course."),
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
        text = words(
            "No student in the list matches. Show all, or search for something else."
        )
        st.info(text)
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
        words(
            "{n} of {rows} rows. Click the box before a row to show that student "
            "below.",
            n=words.number(n_kept),
            rows=words.number(len(people)),
        )
    )


def _columns(words: Words) -> dict[str, Any]:
    of = st.column_config
    return {
        "student": of.TextColumn(words("File number"), pinned=True),
        "course": of.TextColumn(words("Course")),
        "exam_average": of.NumberColumn(words("Exam average"), format="%.1f"),
        "score_average": of.NumberColumn(words("Activity average"), format="%.1f"),
        "flagged": of.CheckboxColumn(words.pgettext("one student", "Flagged")),
        "probability": of.ProgressColumn(
            words("Probability of failing"),
            format="percent",
            min_value=0,
            max_value=1,
            width="medium",
        ),
        "change": of.NumberColumn(
            words("Change in a week"),
            format="%+.1f",
            help=words("Percentage points, compared with a week before."),
        ),
        "contact": of.CheckboxColumn(words("Contact")),
    }


@st.cache_resource(max_entries=8, show_spinner=False)
def _write_file(
    key: tuple[Asked, int],
    decimal: str,
    _students: pd.DataFrame,
    _contact: BoolArray,
    _names: Mapping[str, str],
) -> bytes:
    # created in advance: Streamlit drops a deferred file as soon as the page runs
    # again, and a click at that moment would download nothing
    return write_csv(_students, _contact, _names, decimal)


def _offer_file(
    students: pd.DataFrame,
    contact: BoolArray,
    asked: Asked,
    names: Mapping[str, str],
    words: Words,
) -> None:
    key = asked, int(contact.sum())
    data = _write_file(
        key, words.decimal, _students=students, _contact=contact, _names=names
    )
    name = words("students_at_risk")
    st.download_button(
        words("Download as CSV"),
        data,
        file_name=f"{name}_{asked.at}.csv",
        mime="text/csv",
        on_click="ignore",
        key="download",
        icon=":material/download:",
    )


def _choose_student(people: pd.DataFrame, kept: BoolArray, words: Words) -> int | None:
    """Offer the students in a select box, which works without a pointer."""
    options = np.flatnonzero(kept).tolist()
    if st.session_state.get("student") not in options:
        st.session_state["student"] = None
    names = people["student"].to_numpy(), people["course"].to_numpy()
    risk = people["probability"].to_numpy()
    return st.selectbox(
        words("Student"),
        options,
        format_func=lambda row: (
            f"{names[0][row]} · {names[1][row]} · {words.percent(risk[row], 1)}"
        ),
        index=None,
        placeholder=words("Choose one here, or click a row above"),
        key="student",
    )
