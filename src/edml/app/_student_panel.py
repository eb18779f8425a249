"""The panel of one student: the risk day by day, why, and what changed in a week."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from edml.app import _scores_table, _state
from edml.app._events_view import Events
from edml.app._source import History, Scored, Source
from edml.app._student_view import (
    KINDS,
    Event,
    as_of_each,
    find_first_day,
    list_events,
    read_trajectory,
    take_history,
    week_before,
)
from edml.app._words import Words
from edml.schema import COURSE, STUDENT, IntArray

_SAME = 0.0005  # a smaller change is not shown


class Subject(NamedTuple):
    """The student of the panel."""

    events: Events
    X: pd.DataFrame  # the events that were scored
    at: int
    scored: Scored
    row: int  # of the student in the list
    person: pd.Series  # that row in readable form

    @property
    def who(self) -> History:
        """The student and the course, with the values of their columns."""
        row = self.scored.students.iloc[self.row]
        return row[STUDENT], row[COURSE]


class Seen(NamedTuple):
    """The data shown about a student."""

    reasons: list[str]
    facts: list[str]
    trajectory: pd.DataFrame
    happened: list[Event]
    since: float


def choose(
    people: pd.DataFrame, rows: IntArray, ticked: dict[int, bool], words: Words
) -> int | None:
    """Offer the students in turn, and return the chosen one, at first the first.

    ``ticked`` receives the mark of a student for contact.
    """
    if not len(rows):
        return None
    options = rows.tolist()
    if st.session_state.get("student") not in options:
        st.session_state["student"] = options[0]

    def step(by: int) -> None:
        place = options.index(st.session_state["student"]) + by
        st.session_state["student"] = options[place]

    names, runs = people["student"].to_numpy(), people["run"].to_numpy()
    place = options.index(st.session_state["student"])
    with st.container(horizontal=True, vertical_alignment="bottom", key="choose"):
        row = st.selectbox(
            words("Student"),
            options,
            format_func=lambda row: f"{names[row]} · {runs[row]}",
            key="student",
            width="stretch",
        )
        for key, by, icon, text, ended in (
            ("previous", -1, "chevron_left", words("Previous"), place == 0),
            ("next", 1, "chevron_right", words("Next"), row == options[-1]),
        ):
            st.button(
                text,
                key=key,
                icon=f":material/{icon}:",
                on_click=step,
                args=[by],
                disabled=ended,
            )
    st.session_state["contact"] = bool(people["contact"].iloc[row])

    def tick() -> None:
        ticked[row] = st.session_state["contact"]
        _scores_table.renew()

    st.checkbox(words("Contact this student"), on_change=tick, key="contact")
    return row


def show(source: Source, subject: Subject, words: Words) -> None:
    """Show the panel."""
    person = subject.person
    with st.container(border=True, key="student_panel"):
        title = words(
            "{student} in {course}", student=person["student"], course=person["run"]
        )
        st.header(_state.escape(title))
        with st.spinner(words("Looking at the student …"), show_time=True):
            version, n_rows = subject.scored.by.version, len(subject.X)
            key = subject.events.fingerprint, version, subject.at, subject.who, n_rows
            seen = _look(key, words.language, _source=source, _subject=subject)
        _show_risk(person, words)
        reasons = seen.reasons or [words("No feature moved the score.")]
        _show_texts(words("What weighed most"), reasons)
        st.caption(words("What the model relied on, not causes."))
        if seen.facts:
            _show_texts(words("What happened"), seen.facts)
        _show_trajectory(subject, seen, words)
        _show_week(subject, seen, words)


@st.cache_resource(max_entries=256, show_spinner=False)
def _look(
    key: tuple[object, ...], language: str, _source: Source, _subject: Subject
) -> Seen:
    version, at, who = _subject.scored.by.version, _subject.at, _subject.who
    names = _source.columns(version)
    days = _source.partition_days(version)
    history = take_history(_subject.X, names, *who)
    first_day = find_first_day(_subject.events.X, names, who[1], at, days)
    partitions, moments = as_of_each(history, names, at, days)
    risk = _source.score(version, moments, at).students
    return Seen(
        *_source.explain(version, _subject.X, at, who, language),
        read_trajectory(partitions, risk),
        list_events(history, names, at, first_day, days),
        week_before(at, days),
    )


def _show_risk(person: pd.Series, words: Words) -> None:
    change = person["change"]
    left, right = st.columns(2)
    moved = abs(change) >= _SAME  # not where it is unknown
    points = words.number(100 * change, 1, signed=True)
    left.metric(
        words("Probability of failing"),
        words.percent(person["probability"]),
        delta=words("{points} points", points=points) if moved else None,
        delta_color="inverse",
    )
    flagged = words.pgettext("one student", "⚑ flagged")
    not_flagged = words.pgettext("one student", "not flagged")
    right.metric(words("State"), flagged if person["flagged"] else not_flagged)


def _show_trajectory(subject: Subject, seen: Seen, words: Words) -> None:
    from edml.app._scores_figures import (  # noqa: PLC0415
        draw_trajectory,
        say_trajectory,
        tabulate_events,
    )

    text = say_trajectory(seen.trajectory, words)
    st.plotly_chart(
        draw_trajectory(
            seen.trajectory, seen.happened, subject.scored.by.threshold, words
        ),
        key="trajectory",
        config={"displayModeBar": False},
        alt=text,
    )
    st.caption(text)
    with st.expander(words("The same as a table"), key="trajectory_table"):
        st.dataframe(tabulate_events(seen.happened, words), hide_index=True)
        risk = words("Probability of failing")
        flagged = words.pgettext("one student", "Flagged")
        days = seen.trajectory.set_axis([words("Day"), risk, flagged], axis=1)
        st.dataframe(days.style.format({risk: words.percent}), hide_index=True)


def _show_texts(heading: str, texts: list[str]) -> None:
    st.markdown(f"**{heading}**")
    st.markdown(_bullets([_state.escape(text) for text in texts]))


def _show_week(subject: Subject, seen: Seen, words: Words) -> None:
    person = subject.person
    before = seen.trajectory[seen.trajectory["partition"] <= seen.since]
    then = None if before.empty else bool(before["flagged"].iloc[-1])
    lines = []
    if pd.notna(person.get("said_time")):
        _show_said(person, words)
    else:
        lines = _risk_lines(person, then, words)
    if seen.since < 0:
        heading = words("What changed in a week")
    else:
        heading = words("What changed since day {day}", day=int(seen.since))
    st.markdown(f"**{heading}**")
    lines += _news(seen, words)
    if before.empty:
        text = words("There were no events of this student on or before that day.")
        lines.insert(0, text)
    st.markdown(_bullets(lines))


def _show_said(person: pd.Series, words: Words) -> None:
    """Show what the list of last week said, and how the risk has changed since."""
    date = person["said_time"].date().isoformat()
    flagged = words.pgettext("one student", "⚑ flagged")
    not_flagged = words.pgettext("one student", "not flagged")
    then = bool(person["said_flagged"])
    said = words(
        "Day {day}: {risk}, {state}.",
        day=int(person["said_day"]),
        risk=words.percent(person["said_probability"]),
        state=flagged if then else not_flagged,
    )
    heading = words("What the list of {date} said", date=date)
    st.markdown(f"**{heading}**")
    st.markdown(_bullets([said, *_risk_lines(person, then, words)]))


def _risk_lines(person: pd.Series, then: bool | None, words: Words) -> list[str]:
    """Say how the risk and the flag have changed; ``then`` is the earlier flag."""
    change = person["change"]
    lines = []
    if change == change:  # noqa: PLR0124 - NaN
        points = words.number(abs(100 * change), 1)
        if abs(change) < _SAME:
            lines.append(words("The risk is the same."))
        elif change > 0:
            text = words("The risk rose by {points} percentage points.", points=points)
            lines.append(text)
        else:
            text = words("The risk fell by {points} percentage points.", points=points)
            lines.append(text)
    if then is not None:
        now = bool(person["flagged"])
        if then and not now:
            lines.append(words("The student was flagged then but is not now."))
        elif now and not then:
            lines.append(words("The student was not flagged then but is now."))
    return lines


def _news(seen: Seen, words: Words) -> list[str]:
    news = [event for event in seen.happened if event.partition > seen.since]
    if not news:
        return [words("No exams, hand-ins or missed work since then.")]
    return [
        words(KINDS[event.kind][1])
        + ", "
        + words("day {day}", day=event.partition)
        + ": "
        + _state.escape(event.name)
        + (f" ({words.number(event.grade, 1)})" if event.grade == event.grade else "")
        for event in news
    ]


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
