"""The threshold slider of the models page, and what it would flag."""

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._models_features import score_events
from edml.app._models_figures import draw_thresholds
from edml.app._models_scored import flagged_by_course
from edml.app._models_tables import DIGITS, show_numbers
from edml.app._models_thresholds import AtThreshold, at_threshold, threshold_table
from edml.app._models_view import Judgement
from edml.app._source import Source
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.registry import ModelRecord


@st.fragment
def show_threshold(
    source: Source,
    record: ModelRecord,
    judgement: Judgement,
    events: Events | None,
    words: Words,
) -> None:
    """Show what another threshold would do, of the test side and of the table.

    Parameters
    ----------
    source : Source
        Where the model is.
    record : ModelRecord
        Of the version.
    judgement : Judgement
        Its evaluation.
    events : Events or None
        The app's table.
    words : Words
        The language.
    """
    with _state.guarded(words, "models_try_again_threshold"):
        evaluation = judgement.evaluation
        table = threshold_table(evaluation)
        st.header(words("m_threshold"))
        at = _slide(record.version, table, evaluation.threshold, words)
        own = words.number(evaluation.threshold, DIGITS)
        if at.is_own:
            st.caption(words("m_threshold_own"))
        else:
            st.warning(words("m_threshold_other", own=own), icon=":material/gavel:")
        left, right = st.columns([2, 3])
        with left:
            _show_counts(at, words)
        with right:
            _show_thresholds(table, at, evaluation.threshold, words)
        said = [words("m_threshold_stops", n=words.number(len(table)))]
        n_left_out = len(evaluation.curves["thresholds"]) - len(table)
        if n_left_out:
            said.append(words("m_threshold_left_out", n=words.number(n_left_out)))
        st.caption(" ".join(said))
        _show_by_course(source, record, events, at.threshold, words)


def _slide(version: int, table: pd.DataFrame, own: float, words: Words) -> AtThreshold:
    key = f"models_threshold_{version}"
    options = [float(one) for one in table["threshold"]]
    # of an evaluation that is no longer the latest, perhaps
    if st.session_state.get(key) not in options:
        st.session_state[key] = own
    chosen = st.select_slider(
        words("m_threshold_slider"),
        options,
        format_func=lambda one: words.number(one, 4),
        key=key,
    )
    return at_threshold(table, chosen, own)


def _show_counts(at: AtThreshold, words: Words) -> None:
    with st.container(key="models_confusion"):
        st.caption(words("m_confusion"))
        counts = pd.DataFrame(
            [[words.number(int(n)) for n in row] for row in at.confusion],
            index=[words("m_passes"), words("m_fails")],
            columns=[words("m_not_flagged"), words("m_flagged")],
        )
        st.table(counts)
    with st.container(key="models_at_threshold"):
        left, right = st.columns(2)
        left.metric(words("m_name_precision"), words.number(at.precision, DIGITS))
        right.metric(words("m_name_recall"), words.number(at.recall, DIGITS))
        left.metric(words("m_name_f1"), words.number(at.f1, DIGITS))
        right.metric(
            words("m_per_course"),
            words.number(at.flagged_per_course, 1),
            help=words("m_per_course_help"),
        )


def _show_thresholds(
    table: pd.DataFrame, at: AtThreshold, own: float, words: Words
) -> None:
    st.plotly_chart(draw_thresholds(table, at, own, words), key="models_thresholds")
    st.caption(
        words(
            "m_thresholds_caption",
            threshold=words.number(at.threshold, DIGITS),
            precision=words.number(at.precision, DIGITS),
            recall=words.number(at.recall, DIGITS),
            f1=words.number(at.f1, DIGITS),
            own=words.number(own, DIGITS),
        )
    )
    with st.expander(words("m_as_table")):
        shown = ["threshold", "precision", "recall", "f1", "flagged_per_course"]
        names = {name: words(f"m_axis_{name}") for name in shown}
        show_numbers(table[shown].rename(columns=names), "models_thresholds_table")


def _show_by_course(
    source: Source,
    record: ModelRecord,
    events: Events | None,
    threshold: float,
    words: Words,
) -> None:
    st.subheader(words("m_by_course"))
    if events is None:
        st.caption(words("m_by_course_none"))
        return
    try:
        scored = score_events(source, record, events, words)
    except EdmlError as error:
        st.warning(words("refused", reason=_state.plain(error)))
        return
    courses = flagged_by_course(scored, threshold)
    st.caption(
        words(
            "m_by_course_caption",
            version=record.version,
            flagged=words.number(int(courses["flagged"].sum())),
            n=words.number(int(courses["n_students"].sum())),
            threshold=words.number(threshold, DIGITS),
            n_courses=words.number(len(courses)),
        )
    )
    names = [words("m_course"), words("m_students"), words("m_flagged")]
    most = max(1, int(courses["n_students"].max()))
    st.container(key="models_by_course").dataframe(
        courses.set_axis(names, axis=1),
        hide_index=True,
        column_config={
            names[2]: st.column_config.ProgressColumn(
                format="%d", min_value=0, max_value=most
            )
        },
    )
