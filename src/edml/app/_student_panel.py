"""The panel of one student: the risk day by day, why, and what changed in a week."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._source import History, Scored, Source, Told
from edml.app._student_view import (
    Event,
    as_of_each,
    find_first_day,
    list_events,
    read_trajectory,
    take_history,
    week_before,
)
from edml.app._words import Words
from edml.schema import COURSE, STUDENT

_SAME = 0.0005  # less than is shown


class Subject(NamedTuple):
    """Whom the panel is about.

    Attributes
    ----------
    events : Events
        The table.
    X : DataFrame
        The events that were scored.
    at : int
        The partition as of whose end.
    scored : Scored
        The list.
    row : int
        Position of the student in it.
    person : Series
        The student's row as people read it.
    """

    events: Events
    X: pd.DataFrame
    at: int
    scored: Scored
    row: int
    person: pd.Series

    @property
    def who(self) -> History:
        """The student and the course, as the columns hold them."""
        row = self.scored.students.iloc[self.row]
        return History(row[STUDENT], row[COURSE])


class Seen(NamedTuple):
    """What is shown of a student."""

    told: Told
    trajectory: pd.DataFrame
    happened: list[Event]
    since: float


def show(source: Source, subject: Subject, words: Words) -> None:
    """Show the panel.

    Parameters
    ----------
    source : Source
        Where the model is.
    subject : Subject
        Whom it is about.
    words : Words
        The language.
    """
    person = subject.person
    with st.container(border=True, key="student_panel"):
        title = words(
            "student_title", student=person["student"], course=person["course"]
        )
        st.subheader(_state.escape(title))
        with st.spinner(words("explaining"), show_time=True):
            seen = _look(
                subject.events.fingerprint,
                subject.scored.by.version,
                subject.at,
                tuple(subject.who),
                len(subject.X),
                words.language,
                _source=source,
                _subject=subject,
            )
        _show_risk(person, seen, words)
        _show_trajectory(subject, seen, words)
        left, middle, right = st.columns(3)
        with left:
            _show_texts("reasons_heading", seen.told.reasons, "no_reasons", words)
            st.caption(words("not_causes"))
        with middle:
            _show_week(subject, seen, words)
        with right:
            if seen.told.facts:
                _show_texts("facts_heading", seen.told.facts, "", words)


@st.cache_resource(max_entries=256, show_spinner=False)
def _look(
    fingerprint: str,
    version: int,
    at: int,
    who: tuple[object, object],
    n_rows: int,
    language: str,
    _source: Source,
    _subject: Subject,
) -> Seen:
    names = _source.columns(version)
    days = _source.partition_days(version)
    history = take_history(_subject.X, names, *who)
    first_day = find_first_day(_subject.events.X, names, who[1], at, days)
    partitions, moments = as_of_each(history, names, at, days)
    risk = _source.score(version, moments, at).students
    return Seen(
        _source.explain(version, _subject.X, at, History(*who), language),
        read_trajectory(partitions, risk),
        list_events(history, names, at, first_day, days),
        week_before(at, days),
    )


def _show_risk(person: pd.Series, seen: Seen, words: Words) -> None:
    change = person["change"]
    left, right = st.columns(2)
    known = change == change  # noqa: PLR0124 - NaN
    moved = known and abs(change) >= _SAME
    left.metric(
        words("student_risk"),
        words.percent(person["probability"], 1),
        delta=words("points", points=_signed(change, words)) if known else None,
        delta_color="inverse" if moved else "off",
        delta_arrow="auto" if moved else "off",
    )
    right.metric(
        words("state"), words("is_flagged" if person["flagged"] else "is_not_flagged")
    )


def _show_trajectory(subject: Subject, seen: Seen, words: Words) -> None:
    from edml.app._scores_figures import (  # noqa: PLC0415
        draw_trajectory,
        say_trajectory,
        tell_events,
    )

    st.plotly_chart(
        draw_trajectory(
            seen.trajectory, seen.happened, subject.scored.by.threshold, words
        ),
        key="trajectory",
        config={"displayModeBar": False},
    )
    st.caption(say_trajectory(seen.trajectory, words))
    with st.expander(words("as_table"), key="trajectory_table"):
        st.dataframe(tell_events(seen.happened, words), hide_index=True)
        st.dataframe(
            pd.DataFrame(
                {
                    words("day"): seen.trajectory["partition"],
                    words("student_risk"): seen.trajectory["probability"],
                    words("column_flagged"): seen.trajectory["flagged"],
                }
            ),
            hide_index=True,
            column_config={
                words("student_risk"): st.column_config.NumberColumn(format="percent")
            },
        )


def _show_texts(heading: str, texts: list[str], none: str, words: Words) -> None:
    st.markdown(f"**{words(heading)}**")
    st.markdown(_bullets([_state.escape(text) for text in texts] or [words(none)]))


def _show_week(subject: Subject, seen: Seen, words: Words) -> None:
    none = "_none" if seen.since < 0 else ""
    st.markdown(f"**{words(f'week_heading{none}', day=int(seen.since))}**")
    before = seen.trajectory[seen.trajectory["partition"] <= seen.since]
    lines = [*_risk_lines(subject.person, before, words), *_news(seen, words)]
    if before.empty:
        lines.insert(0, words("week_none"))
    st.markdown(_bullets(lines))


def _risk_lines(person: pd.Series, before: pd.DataFrame, words: Words) -> list[str]:
    change = person["change"]
    lines = []
    if change == change:  # noqa: PLR0124 - NaN
        direction = "same" if abs(change) < _SAME else "rose" if change > 0 else "fell"
        points = words.number(abs(100 * change), 1)
        lines.append(words(f"week_risk_{direction}", points=points))
    if not before.empty:
        then = bool(before["flagged"].iloc[-1])
        if then != bool(person["flagged"]):
            lines.append(words("week_unflagged" if then else "week_flagged"))
    return lines


def _news(seen: Seen, words: Words) -> list[str]:
    news = [event for event in seen.happened if event.partition > seen.since]
    if not news:
        return [words("week_nothing")]
    return [
        f"{words(f'one_{event.kind}')}, {words('on_day', day=event.partition)}: "
        + _state.escape(event.name)
        + (f" ({words.number(event.grade, 1)})" if event.grade == event.grade else "")
        for event in news
    ]


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _signed(change: float, words: Words) -> str:
    sign = "-" if round(100 * change, 1) < 0 else "+"
    return sign + words.number(abs(100 * change), 1)
