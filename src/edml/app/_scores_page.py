"""The scores page: whom to contact, and why."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from edml.app import (
    _contacts,
    _data,
    _lists,
    _scores_table,
    _state,
    _student_panel,
)
from edml.app._events_view import (
    Choice,
    Events,
    choose_events,
    list_runs,
    partition_range,
)
from edml.app._scores_view import add_said, count_flagged, make_list, mark_contacts
from edml.app._source import Champion, ListReasons, Scored, Source
from edml.app._student_view import week_before
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.schema import STUDENT, BoolArray

#: Widgets that keep their values while the user is on the other page.
_KEPT = ("period", "run", "partition", "capacity", "show", "find", "student")
_ASKED, _TICKED = "asked", "ticked"
_CAPACITY = 15  # as in Capacity's examples


class Asked(NamedTuple):
    """The choices that a list is made for."""

    fingerprint: str
    choice: Choice
    at: int
    by: Champion


def show(source: Source, words: Words) -> None:
    """Show the page."""
    _state.keep(*_KEPT)
    head = st.container(horizontal=True, vertical_alignment="bottom", key="head")
    body = st.container(key="result")
    events = _data.choose(source, words, body)
    with body, _state.guarded(words):
        if events is not None:
            with head:
                choice, at = _choose(events, words)
                capacity = _choose_capacity(words)
            asked = _ask(source, events, choice, at, words)
            _show_list(source, events, asked, capacity, words)
    _state.show_demo_note(source, words)


def prepare(source: Source, language: str) -> None:
    """Make the list that the page opens with, before anybody asks for it."""
    table = _data.read_first(source)
    if table is None or source.kind == "endpoint":
        return
    events = table.events
    choice = Choice(events.periods[-1] if events.periods else None)
    at = partition_range(events, choice)[1]
    asked = Asked(events.fingerprint, choice, at, source.champion())
    scored = _score(asked, _source=source, _events=events)
    _explain(asked, language, _source=source, _events=events, _scored=scored)


# -- the head ------------------------------------------------------------------------


def _choose(events: Events, words: Words) -> tuple[Choice, int]:
    """Show the choices; each is limited by the ones before it."""
    everything = words("All periods")
    if "period" not in st.session_state and events.periods:
        st.session_state["period"] = events.periods[-1]  # the running one
    period = _select("period", words("Period"), everything, events.periods[::-1], 120)
    everything = words("All courses")
    run = _select("run", words("Course"), everything, list_runs(events, period), 222)
    choice = Choice(period, run)
    return choice, _choose_partition(events, choice, words)


def _select(
    key: str, label: str, everything: str, options: list[str], width: int
) -> str | None:
    # "" means everything: None would show an empty box
    if st.session_state.get(key) not in options:
        st.session_state[key] = ""
    chosen = st.selectbox(
        label,
        ["", *options],
        format_func=lambda one: one or everything,
        key=key,
        width=width,
    )
    return chosen or None


def _choose_partition(events: Events, choice: Choice, words: Words) -> int:
    first, last = partition_range(events, choice)
    before = st.session_state.get("partition", last)
    # a user on the latest day stays on it when another course is longer
    if before == st.session_state.get("partition_last", last) or not (
        first <= before <= last
    ):
        before = last
    st.session_state["partition"] = before
    st.session_state["partition_last"] = last
    return int(
        st.number_input(
            words("Course day"),
            first,
            last,
            help=words("The list is as known at the end of this day."),
            key="partition",
            width=150,
        )
    )


def _choose_capacity(words: Words) -> int:
    if "capacity" not in st.session_state:
        st.session_state["capacity"] = _CAPACITY
    capacity = st.number_input(
        words("You can contact"),
        min_value=0,
        step=1,
        help=words(
            "Marks this many of the students most at risk. A student in several "
            "courses is marked once, where the risk is highest. Tick or untick others "
            "in the list."
        ),
        key="capacity",
        width=150,
    )
    return int(capacity)


def _ask(
    source: Source, events: Events, choice: Choice, at: int, words: Words
) -> Asked:
    """Return what to list, and say so if another model is in production by now."""
    before: Asked | None = st.session_state.get(_ASKED)
    query = events.fingerprint, choice, at
    same = before is not None and before[:3] == query
    if before is not None and same and source.kind == "endpoint":
        return before  # not worth a request; the next list names its version
    try:
        with st.spinner(words("Loading the libraries …"), show_time=True):
            by = source.champion()
    except EdmlError as error:
        if before is None or not same:
            raise
        text = words(
            "This is the last list that could be made: {reason}",
            reason=_state.say(error, words),
        )
        st.warning(text)
        return before
    if before is not None and by.version != before.by.version:
        text = words(
            "Another model has gone into production: version {now} instead of {then}. "
            "The list is by the new one.",
            now=by.version,
            then=before.by.version,
        )
        st.info(text, icon=":material/published_with_changes:")
    asked = Asked(*query, by)
    if asked != before:
        st.session_state[_ASKED], st.session_state[_TICKED] = asked, {}
        st.session_state["student"] = None
    return asked


# -- the list ------------------------------------------------------------------------


@st.cache_resource(max_entries=32, show_spinner=False)
def _score(asked: Asked, _source: Source, _events: Events) -> Scored:
    X = choose_events(_events, asked.choice)
    version = asked.by.version
    since = week_before(asked.at, _source.partition_days(version))
    return _source.score(version, X, asked.at, since)


@st.cache_resource(max_entries=32, show_spinner=False)
def _explain(
    asked: Asked, language: str, _source: Source, _events: Events, _scored: Scored
) -> ListReasons:
    X, students = choose_events(_events, asked.choice), _scored.students
    return _source.list_reasons(asked.by.version, X, asked.at, students, language)


def _show_list(
    source: Source, events: Events, asked: Asked, capacity: int, words: Words
) -> None:
    with st.spinner(words("Scoring the students …"), show_time=True):
        scored = _score(asked, _source=source, _events=events)
        texts, features = _explain(
            asked, words.language, _source=source, _events=events, _scored=scored
        )
    students, ticked = scored.students, st.session_state[_TICKED]
    contact = mark_contacts(students, capacity, ticked)
    people = make_list(events, students).assign(reasons=texts, contact=contact)
    said = _lists.record(asked, source, events, scored, features, words)
    if said is not None:
        people = add_said(people, said)
    left, right = st.columns([9, 5], gap="medium")
    with left:
        rows = _scores_table.choose_rows(people, words)
        if len(rows):
            _scores_table.show(people, rows, (asked, capacity), ticked, words)
        else:
            text = words(
                "No student in the list matches. Show all, or search for something "
                "else."
            )
            st.info(text)
        with st.container(horizontal=True, vertical_alignment="center", key="summary"):
            _show_summary(students, asked, contact, words)
        with st.container(horizontal=True, key="files"):
            _scores_table.offer_file(people, asked.at, words)
            _contacts.offer(source, students, contact, words)
    with right:
        row = _student_panel.choose(people, rows, ticked, words)
        if row is not None:
            X = choose_events(events, asked.choice)
            person = people.iloc[row]
            subject = _student_panel.Subject(events, X, asked.at, scored, row, person)
            _student_panel.show(source, subject, words)


def _show_summary(
    students: pd.DataFrame, asked: Asked, contact: BoolArray, words: Words
) -> None:
    from edml.app._scores_figures import draw_donut, say_counts  # noqa: PLC0415

    counts = count_flagged(students)
    text = say_counts(counts, words)
    st.plotly_chart(
        draw_donut(counts, words),
        key="donut",
        config={"displayModeBar": False},
        width=150,
        alt=text,
    )
    marked = words(
        "{n} of {students} students are marked for contact.",
        n=words.number(students.loc[contact, STUDENT].nunique()),
        students=words.number(counts.students),
    )
    model = words(
        "Model: version {version}; students are flagged from a risk of {threshold}.",
        version=asked.by.version,
        threshold=words.percent(asked.by.threshold, 1),
    )
    st.caption(f"{text}  \n{marked}  \n{model}", width="stretch")
