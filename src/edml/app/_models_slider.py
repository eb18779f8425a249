"""The threshold slider of the models page, and what it would flag."""

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._models_features import score_events
from edml.app._models_figures import draw_thresholds
from edml.app._models_names import AXES
from edml.app._models_scored import flagged_by_course
from edml.app._models_sections import DIGITS, show_numbers
from edml.app._models_thresholds import confusion_at, threshold_table
from edml.app._source import RegistrySource
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.inspection import Evaluation
from edml.registry import ModelRecord


@st.fragment
def show_threshold(
    source: RegistrySource,
    record: ModelRecord,
    evaluation: Evaluation,
    events: Events | None,
    words: Words,
) -> None:
    """Show the effect of another threshold on the test set and the app's table."""
    with _state.guarded(words, "models_try_again_threshold"):
        table = threshold_table(evaluation)
        st.header(words("What another threshold would do"))
        at = _slide(record.version, table, evaluation.threshold, words)
        own = words.number(evaluation.threshold, DIGITS)
        if at == evaluation.threshold:
            st.caption(words("This is the model's threshold."))
        else:
            text = words(
                "The model's threshold is {own}. Moving the slider does not change the "
                "model. A threshold chosen here, on the students the model is "
                "evaluated on, is no longer evaluated honestly: choose it on other "
                "students, then evaluate it on these.",
                own=own,
            )
            st.warning(text, icon=":material/gavel:")
        left, right = st.columns([2, 3])
        with left:
            _show_counts(table, at, words)
        with right:
            _show_thresholds(table, at, evaluation.threshold, words)
        text = words(
            "The slider stops at the {n} thresholds for which the evaluation holds "
            "every count; between two of them, nobody knows who would be flagged.",
            n=words.number(len(table)),
        )
        n_left_out = len(evaluation.curves["thresholds"]) - len(table)
        if n_left_out:
            text += " " + words.ngettext(
                "{n} higher threshold is left out: no failing student is flagged "
                "there, and the number of others was not kept.",
                "{n} higher thresholds are left out: no failing student is flagged "
                "there, and the number of others was not kept.",
                n_left_out,
            )
        st.caption(text)
        _show_by_course(source, record, events, at, words)


def _slide(version: int, table: pd.DataFrame, own: float, words: Words) -> float:
    key = f"models_threshold_{version}"
    options = [float(one) for one in table["threshold"]]
    # the choice may come from an evaluation that is no longer the latest
    if st.session_state.get(key) not in options:
        st.session_state[key] = own
    return st.select_slider(
        words("Threshold: flag from this probability up"),
        options,
        format_func=lambda one: words.number(one, 4),
        key=key,
    )


def _show_counts(table: pd.DataFrame, threshold: float, words: Words) -> None:
    at = table[table["threshold"] == threshold].iloc[0]
    with st.container(key="models_confusion"):
        st.caption(words("Test set snapshots by outcome and flag"))
        counts = pd.DataFrame(
            [
                [words.number(int(n)) for n in row]
                for row in confusion_at(table, threshold)
            ],
            index=[words("passes"), words("fails")],
            columns=[words("not flagged"), words("flagged")],
        )
        st.table(counts)
    with st.container(key="models_at_threshold"):
        left, right = st.columns(2)
        left.metric(words("Precision"), words.number(at.precision, DIGITS))
        right.metric(words("Recall"), words.number(at.recall, DIGITS))
        left.metric(words("F1"), words.number(at.f1, DIGITS))
        label, value = words("Flagged per course"), at.flagged_per_course
        help_text = words(
            "Mean number of students per course who stand flagged on a day, in the "
            "test set."
        )
        right.metric(label, words.number(value, 1), help=help_text)


def _show_thresholds(
    table: pd.DataFrame, threshold: float, own: float, words: Words
) -> None:
    figure = draw_thresholds(table, threshold, own, words)
    st.plotly_chart(figure, key="models_thresholds")
    at = table[table["threshold"] == threshold].iloc[0]
    text = words(
        "At {threshold}: precision {precision}, recall {recall}, F1 {f1}. The dashed "
        "vertical line is the slider; the dotted one is the model's threshold, {own}.",
        threshold=words.number(at.threshold, DIGITS),
        precision=words.number(at.precision, DIGITS),
        recall=words.number(at.recall, DIGITS),
        f1=words.number(at.f1, DIGITS),
        own=words.number(own, DIGITS),
    )
    st.caption(text)
    with st.expander(words("The same as a table")):
        shown = ["threshold", "precision", "recall", "f1", "flagged_per_course"]
        names = {name: words(AXES[name]) for name in shown}
        show_numbers(table[shown].rename(columns=names), "models_thresholds_table")


def _show_by_course(
    source: RegistrySource,
    record: ModelRecord,
    events: Events | None,
    threshold: float,
    words: Words,
) -> None:
    st.subheader(words("Students flagged per course, in your table"))
    if events is None:
        text = words(
            "Start the app with --data, or upload a table on the Students page, to see "
            "whom this threshold would flag in each course."
        )
        st.caption(text)
        return
    try:
        scored = score_events(source, record, events, words)
    except EdmlError as error:
        st.warning(words("That did not work. {reason}", reason=_state.plain(error)))
        return
    courses = flagged_by_course(scored, threshold)
    text = words(
        "This is the app's own table, scored by version {version} at each student's "
        "latest day, not the test set: {flagged} of {n} students (counted once per "
        "course) would be flagged at {threshold}, in {n_courses} courses.",
        version=record.version,
        flagged=words.number(int(courses["flagged"].sum())),
        n=words.number(int(courses["n_students"].sum())),
        threshold=words.number(threshold, DIGITS),
        n_courses=words.number(len(courses)),
    )
    st.caption(text)
    names = [words("Course"), words("Students"), words("flagged")]
    most = max(1, int(courses["n_students"].max()))
    bar = st.column_config.ProgressColumn(format="%d", min_value=0, max_value=most)
    st.container(key="models_by_course").dataframe(
        courses.set_axis(names, axis=1), hide_index=True, column_config={names[2]: bar}
    )
