"""The parts of the models page that tell of one version."""

from typing import Any

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._models_curves import Curve, make_curves
from edml.app._models_features import score_events, show_importance
from edml.app._models_figures import draw_curve, draw_thresholds
from edml.app._models_scored import flagged_by_course
from edml.app._models_thresholds import AtThreshold, at_threshold, threshold_table
from edml.app._models_view import ERRORS, Compared, Comparison, Judgement
from edml.app._source import Source
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.inspection import Evaluation
from edml.registry import ModelRecord

_DIGITS = 3
_N_COLUMNS = 3


def write_time(when: Any) -> str:
    """Write a moment, in a way that is the same in each language.

    Parameters
    ----------
    when : Timestamp or str
        In UTC.

    Returns
    -------
    text : str
        None where there is none.
    """
    return "" if pd.isna(when) else f"{pd.Timestamp(when):%Y-%m-%d %H:%M} UTC"


# -- figures -------------------------------------------------------------------------


def show_figures(judgement: Judgement, comparison: Comparison, words: Words) -> None:
    """Show the figures of a version beside the average of the others.

    Parameters
    ----------
    judgement : Judgement
        Its evaluation.
    comparison : Comparison
        With the others.
    words : Words
        The language.
    """
    evaluation = judgement.evaluation
    counts = {name: words.number(n) for name, n in evaluation.counts.items()}
    on_events = len(evaluation.by_partition) > 0
    text = words(
        "m_figures_of" if on_events else "m_figures_of_rows",
        confidence=words.number(100 * evaluation.confidence),
        n_failing=counts["n_failing_students"],
        **counts,
    )
    st.caption(" ".join([text, *_say_comparison(comparison, words)]))
    with st.container(key="models_metrics"):
        columns = st.columns(_N_COLUMNS)
        for place, figure in enumerate(comparison.figures):
            with columns[place % _N_COLUMNS]:
                _show_figure(figure, words)
    if judgement.n_choosing:
        n = words.number(judgement.n_choosing)
        st.caption(words("m_choosing_left_out", n=n))
    with st.expander(words("m_as_table")):
        table = pd.DataFrame(
            {
                words("m_figure"): [
                    words(f"m_name_{one.name}") for one in comparison.figures
                ],
                words("m_value"): [one.value for one in comparison.figures],
                words("m_low"): [one.low for one in comparison.figures],
                words("m_high"): [one.high for one in comparison.figures],
                words("m_others"): [one.others for one in comparison.figures],
                words("m_difference"): [one.difference for one in comparison.figures],
            }
        )
        _show_numbers(table, "models_compared")


def _say_comparison(comparison: Comparison, words: Words) -> list[str]:
    n = words.number(comparison.n_others)
    if not comparison.n_others:
        return [words("m_compared_none")]
    if not comparison.same_rows:
        return [words("m_compared_other", n=n)]
    said = [words("m_compared_same", n=n)]
    if comparison.n_left_out:
        left_out = words.number(comparison.n_left_out)
        said.append(words("m_compared_left_out", n=left_out))
    return said


def _show_figure(figure: Compared, words: Words) -> None:
    delta = None
    if figure.difference == figure.difference:
        sign = "+" if figure.difference > 0 else ""
        number = sign + words.number(figure.difference, _DIGITS)
        how = {True: "m_better", False: "m_worse", None: "m_equal"}[figure.better]
        delta = words(how, difference=number)
    st.metric(
        words(f"m_name_{figure.name}"),
        f"{words.number(figure.value, _DIGITS)} {_interval(figure, words)}",
        delta,
        delta_color="inverse" if figure.name in ERRORS else "normal",
        help=words(f"m_help_{figure.name}"),
        border=True,
    )


def _interval(figure: Compared, words: Words) -> str:
    return _between(figure.low, figure.high, words)


def _between(low: float, high: float, words: Words) -> str:
    if low != low or high != high:  # noqa: PLR0124 - NaN
        return ""
    return words("m_interval", low=words.number(low, 2), high=words.number(high, 2))


# -- the threshold -------------------------------------------------------------------


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
        own = words.number(evaluation.threshold, _DIGITS)
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
        left.metric(words("m_name_precision"), words.number(at.precision, _DIGITS))
        right.metric(words("m_name_recall"), words.number(at.recall, _DIGITS))
        left.metric(words("m_name_f1"), words.number(at.f1, _DIGITS))
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
            threshold=words.number(at.threshold, _DIGITS),
            precision=words.number(at.precision, _DIGITS),
            recall=words.number(at.recall, _DIGITS),
            f1=words.number(at.f1, _DIGITS),
            own=words.number(own, _DIGITS),
        )
    )
    with st.expander(words("m_as_table")):
        shown = ["threshold", "precision", "recall", "f1", "flagged_per_course"]
        names = {name: words(f"m_axis_{name}") for name in shown}
        _show_numbers(table[shown].rename(columns=names), "models_thresholds_table")


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
            threshold=words.number(threshold, _DIGITS),
            n_courses=words.number(len(courses)),
        )
    )
    names = [words("m_course"), words("m_students"), words("m_flagged")]
    most = max(1, int(courses["n_students"].max()))
    st.dataframe(
        courses.set_axis(names, axis=1),
        hide_index=True,
        column_config={
            names[2]: st.column_config.ProgressColumn(
                format="%d", min_value=0, max_value=most
            )
        },
        key="models_by_course",
    )


# -- curves --------------------------------------------------------------------------


def show_curves(evaluation: Evaluation, words: Words) -> None:
    """Show the curves of an evaluation, each with its text.

    Parameters
    ----------
    evaluation : Evaluation
        As stored.
    words : Words
        The language.
    """
    st.header(words("m_curves"))
    curves = list(make_curves(evaluation).values())
    for pair in (curves[:2], curves[2:]):
        for column, curve in zip(st.columns(2), pair, strict=True):
            with column:
                _show_curve(curve, words)


def _show_curve(curve: Curve, words: Words) -> None:
    st.subheader(words(f"m_title_{curve.name}"))
    if not len(curve.table):
        st.caption(words(f"m_curve_none_{curve.name}"))
        return
    st.plotly_chart(draw_curve(curve, words), key=f"models_{curve.name}")
    st.caption(_say_curve(curve, words))
    with st.expander(words("m_as_table")):
        names = {name: words(f"m_axis_{name}") for name in curve.text.columns}
        if curve.name == "earliness":  # two of its columns are called alike otherwise
            names["roc_auc_high"] = words("m_axis_high")
        _show_numbers(curve.text.rename(columns=names), f"models_{curve.name}_table")


def _say_curve(curve: Curve, words: Words) -> str:
    numbers = dict(curve.summary)
    low, high = numbers.pop("low", float("nan")), numbers.pop("high", float("nan"))
    n_left_out = int(numbers.pop("n_left_out", 0))
    days = ("first", "last", "lead")
    told = {
        name: words.number(value, 0 if name in days else _DIGITS)
        for name, value in numbers.items()
    }
    interval = _between(low, high, words)
    text = words(f"m_caption_{curve.name}", interval=interval, **told)
    if n_left_out:
        text += " " + words("m_days_left_out", n=words.number(n_left_out))
    return text.replace(" .", ".").replace(" ;", ";")  # where there is no interval


# -- features, data, history ---------------------------------------------------------


@st.fragment
def show_features(
    source: Source, record: ModelRecord, events: Events | None, words: Words
) -> None:
    """Show what a version goes by.

    Parameters
    ----------
    source : Source
        Where the model is.
    record : ModelRecord
        Of the version.
    events : Events or None
        The app's table.
    words : Words
        The language.
    """
    with _state.guarded(words, "models_try_again_features"):
        st.header(words("m_features"))
        try:
            show_importance(source, record, events, words)
        except EdmlError as error:
            reason = _state.plain(error)
            st.warning(words("m_importance_failed", reason=reason))


def show_data(facts: dict[str, Any], words: Words) -> None:
    """Show on what a version was trained and judged.

    Parameters
    ----------
    facts : dict of str to object
        Of `provenance`.
    words : Words
        The language.
    """
    st.header(words("m_data"))
    st.caption(words("m_data_note"))
    times = ("created_at", "evaluated_at")
    told = []
    for name, value in facts.items():
        text = str(value)
        if name in times:
            text = write_time(value)
        elif name == "purpose":
            text = words(f"m_purpose_{value}")
        elif isinstance(value, int):
            text = words.number(value)
        told.append((words(f"m_fact_{name}"), text))
    table = pd.DataFrame(told, columns=[words("m_fact"), words("m_value")])
    st.dataframe(table, hide_index=True, key="models_data")


def show_history(changes: pd.DataFrame, words: Words) -> None:
    """Show the stages that a version has been in.

    Parameters
    ----------
    changes : DataFrame
        Of `version_history`.
    words : Words
        The language.
    """
    st.header(words("m_history"))
    table = pd.DataFrame(
        {
            words("m_when"): [write_time(when) for when in changes["when"]],
            words("m_who"): changes["who"],
            words("m_what"): changes["what"],
            words("m_from"): [words(f"m_stage_{was}") for was in changes["was"]],
            words("m_to"): [words(f"m_stage_{now}") for now in changes["now"]],
            words("m_why"): changes["why"],
        }
    )
    st.dataframe(table, hide_index=True, key="models_history")


def _show_numbers(table: pd.DataFrame, key: str) -> None:
    numbers = table.select_dtypes("floating").columns
    config = {name: st.column_config.NumberColumn(format="%.4f") for name in numbers}
    st.dataframe(table, hide_index=True, column_config=config, key=key)
