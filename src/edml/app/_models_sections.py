"""The parts of the models page that tell of one version."""

from typing import Any

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._models_curves import Curve, make_curves
from edml.app._models_features import show_importance
from edml.app._models_figures import draw_curve
from edml.app._models_tables import DIGITS, show_numbers, write_interval, write_time
from edml.app._models_view import ERRORS, Compared, Comparison, Judgement
from edml.app._source import Source
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.inspection import Evaluation
from edml.registry import ModelRecord

_N_COLUMNS = 3


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
        for start in range(0, len(comparison.figures), _N_COLUMNS):
            row = comparison.figures[start : start + _N_COLUMNS]
            for column, figure in zip(st.columns(_N_COLUMNS), row, strict=True):
                with column:
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
        show_numbers(table, "models_compared")


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
        number = sign + words.number(figure.difference, DIGITS)
        how = {True: "m_better", False: "m_worse", None: "m_equal"}[figure.better]
        delta = words(how, difference=number)
    interval = write_interval(figure.low, figure.high, words)
    st.metric(
        words(f"m_name_{figure.name}"),
        f"{words.number(figure.value, DIGITS)} {interval}",
        delta,
        delta_color="inverse" if figure.name in ERRORS else "normal",
        help=words(f"m_help_{figure.name}"),
        border=True,
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
        show_numbers(curve.text.rename(columns=names), f"models_{curve.name}_table")


def _say_curve(curve: Curve, words: Words) -> str:
    numbers = dict(curve.summary)
    low, high = numbers.pop("low", float("nan")), numbers.pop("high", float("nan"))
    n_left_out = int(numbers.pop("n_left_out", 0))
    days = ("first", "last", "lead")
    told = {
        name: words.number(value, 0 if name in days else DIGITS)
        for name, value in numbers.items()
    }
    interval = write_interval(low, high, words)
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
    st.container(key="models_data").dataframe(table, hide_index=True, height="content")


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
            words("m_what"): [_say_what(what, words) for what in changes["what"]],
            words("m_from"): [words(f"m_stage_{was}") for was in changes["was"]],
            words("m_to"): [words(f"m_stage_{now}") for now in changes["now"]],
            words("m_why"): changes["why"],
        }
    )
    st.container(key="models_history").dataframe(table, hide_index=True)


def _say_what(what: str, words: Words) -> str:
    known = ("register", "promote", "demote", "rollback", "compete", "remove", "import")
    return words(f"m_what_{what}") if what in known else what
