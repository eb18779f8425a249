"""The sections of the models page about one version."""

from typing import Any

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import Events
from edml.app._models_curves import Curve, make_curves
from edml.app._models_features import show_importance
from edml.app._models_figures import draw_curve
from edml.app._models_names import (
    AXES,
    CHANGES,
    CURVES,
    FACTS,
    METRICS,
    PURPOSES,
    STAGES,
)
from edml.app._models_view import Compared, Comparison, LatestEvaluation, provenance
from edml.app._source import EndpointSource, RegistrySource
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.inspection import Evaluation
from edml.metrics import LOSSES
from edml.registry import ModelRecord

DIGITS = 3  # of a metric
_N_COLUMNS = 3


def write_time(when: Any) -> str:
    """Format a time in UTC, independent of the language; "" if missing."""
    return "" if pd.isna(when) else f"{pd.Timestamp(when):%Y-%m-%d %H:%M} UTC"


def show_numbers(table: pd.DataFrame, key: str) -> None:
    """Show a table with numbers rounded to a comparable number of digits."""
    numbers = table.select_dtypes("floating").columns
    config = {name: st.column_config.NumberColumn(format="%.4f") for name in numbers}
    st.container(key=key).dataframe(table, hide_index=True, column_config=config)


def _with_interval(value: float, low: float, high: float, words: Words) -> str:
    number = words.number(value, DIGITS)
    if pd.isna(low) or pd.isna(high):
        return number
    ends = {"low": words.number(low, 2), "high": words.number(high, 2)}
    return number + " " + words("[{low}, {high}]", **ends)


# -- metrics -------------------------------------------------------------------------


def show_metrics(
    latest: LatestEvaluation, comparison: Comparison, words: Words
) -> None:
    """Show the metrics of a version and the average of the other versions'."""
    st.caption(
        f"{_say_rows(latest.evaluation, words)} {_say_others(comparison, words)}"
    )
    metrics = comparison.metrics
    with st.container(key="models_metrics"):
        for start in range(0, len(metrics), _N_COLUMNS):
            row = metrics[start : start + _N_COLUMNS]
            for column, metric in zip(st.columns(_N_COLUMNS), row, strict=True):
                with column:
                    _show_metric(metric, words)
    if latest.n_choosing:
        text = words.ngettext(
            "{n} evaluation on the students of a contest is not shown: it flatters the "
            "winner.",
            "{n} evaluations on the students of a contest are not shown: they flatter "
            "the winner.",
            latest.n_choosing,
        )
        st.caption(text)
    with st.expander(words("The same as a table")):
        table = pd.DataFrame(
            {
                words("Metric"): [words(METRICS[one.name][0]) for one in metrics],
                words("Value"): [one.value for one in metrics],
                words("Interval from"): [one.low for one in metrics],
                words("to"): [one.high for one in metrics],
                words("Average of the others"): [one.others for one in metrics],
                words("Difference"): [one.difference for one in metrics],
            }
        )
        show_numbers(table, "models_compared")


def _say_rows(evaluation: Evaluation, words: Words) -> str:
    counts = {name: words.number(n) for name, n in evaluation.counts.items()}
    counts["confidence"] = words.percent(evaluation.confidence, 0)
    if not len(evaluation.by_partition):
        return words(
            "On {n_snapshots} rows the model had not seen, {n_failing_snapshots} of "
            "which fail. Brackets hold the {confidence} interval.",
            **counts,
        )
    return words(
        "On {n_students} students the model had not seen, {n_failing_students} of whom "
        "fail ({n_snapshots} snapshots: a student in a course on a day). Brackets hold "
        "the {confidence} interval.",
        **counts,
    )


def _say_others(comparison: Comparison, words: Words) -> str:
    if not comparison.n_others:
        return words(
            "No other version was evaluated, so there is nothing to compare with."
        )
    if not comparison.same_rows:
        return words.ngettext(
            "The arrow shows the difference from the other version. It was evaluated "
            "on different students, so part of the difference may be due to them.",
            "The arrow shows the difference from the average of the {n} other "
            "versions. They were evaluated on different students, so part of the "
            "difference may be due to them.",
            comparison.n_others,
        )
    text = words.ngettext(
        "The arrow shows the difference from the other version evaluated on the same "
        "students.",
        "The arrow shows the difference from the average of the {n} other versions "
        "evaluated on the same students.",
        comparison.n_others,
    )
    if comparison.n_left_out:
        n = words.number(comparison.n_left_out)
        left_out = words(
            "Versions evaluated on different students are left out ({n}).", n=n
        )
        text = f"{text} {left_out}"
    return text


def _show_metric(metric: Compared, words: Words) -> None:
    delta = None
    if not pd.isna(metric.difference):
        sign = "+" if metric.difference > 0 else ""
        number = sign + words.number(metric.difference, DIGITS)
        if metric.better is None:
            delta = words("{difference} (the same)", difference=number)
        elif metric.better:
            delta = words("{difference} (better)", difference=number)
        else:
            delta = words("{difference} (worse)", difference=number)
    name, help_text = METRICS[metric.name]
    st.metric(
        words(name),
        _with_interval(metric.value, metric.low, metric.high, words),
        delta,
        delta_color="inverse" if metric.name in LOSSES else "normal",
        help=words(help_text),
        border=True,
    )


# -- curves --------------------------------------------------------------------------


def show_curves(evaluation: Evaluation, words: Words) -> None:
    """Show the curves of an evaluation, each with an equivalent text."""
    st.header(words("Test set curves"))
    curves = list(make_curves(evaluation).values())
    for pair in (curves[:2], curves[2:]):
        for column, curve in zip(st.columns(2), pair, strict=True):
            with column:
                _show_curve(curve, words)


def _show_curve(curve: Curve, words: Words) -> None:
    title, _, no_curve = CURVES[curve.name]
    st.subheader(words(title))
    if not len(curve.table):
        st.caption(words(no_curve))
        return
    st.plotly_chart(draw_curve(curve, words), key=f"models_{curve.name}")
    st.caption(_say_curve(curve, words))
    with st.expander(words("The same as a table")):
        table = curve.thinned
        names = {name: words(AXES[name]) for name in table.columns}
        show_numbers(table.rename(columns=names), f"models_{curve.name}_table")


def _say_curve(curve: Curve, words: Words) -> str:
    numbers = dict(curve.summary)
    n_left_out = int(numbers.pop("n_left_out", 0))
    ends = numbers.pop("low", float("nan")), numbers.pop("high", float("nan"))
    days = ("first", "last", "lead")
    values = {
        name: words.number(value, 0 if name in days else DIGITS)
        for name, value in numbers.items()
    }
    for name in ("area", "error"):  # the figures that have an interval
        if name in numbers:
            values[name] = _with_interval(numbers[name], *ends, words)
    text = words(CURVES[curve.name][1], **values)
    if n_left_out:
        text += " " + words.ngettext(
            "{n} day with too few students is left out.",
            "{n} days with too few students are left out.",
            n_left_out,
        )
    return text


# -- features, data, history ---------------------------------------------------------


@st.fragment
def show_features(
    source: RegistrySource, record: ModelRecord, events: Events | None, words: Words
) -> None:
    """Show the most important features of a version."""
    with _state.guarded(words, "models_try_again_features"):
        st.header(words("What it relies on"))
        try:
            show_importance(source, record, events, words)
        except EdmlError as error:
            reason = _state.plain(error)
            text = words(
                "The contributions could not be computed. {reason}", reason=reason
            )
            st.warning(text)


def show_data(facts: dict[str, Any], words: Words) -> None:
    """Show the data that a version was trained and evaluated on."""
    st.header(words("The data it was evaluated on"))
    text = words(
        "The registry keeps fingerprints of the rows, never the rows. Equal "
        "fingerprints are equal rows with equal outcomes."
    )
    st.caption(text)
    with st.container(key="models_data"):
        _show_facts(_write_facts(facts, words), words)


def _write_facts(facts: dict[str, Any], words: Words) -> dict[str, str]:
    written = {}
    for name, value in facts.items():
        text = str(value)
        if name in ("created_at", "evaluated_at"):
            text = write_time(value)
        elif name == "purpose":
            text = words(PURPOSES[value])
        elif isinstance(value, int):
            text = words.number(value)
        written[words(FACTS[name])] = text
    return written


def _show_facts(facts: dict[str, str], words: Words) -> None:
    table = pd.DataFrame(facts.items(), columns=[words("What"), words("Value")])
    st.dataframe(table, hide_index=True, height="content")


def show_history(moves: pd.DataFrame, words: Words) -> None:
    """Show the stage history of a version."""
    st.header(words("Its history"))
    table = pd.DataFrame(
        {
            words("When"): [write_time(when) for when in moves["when"]],
            words("Who"): moves["who"],
            words("What"): [words(CHANGES.get(what, what)) for what in moves["what"]],
            words("From"): [words(STAGES[was]) for was in moves["was"]],
            words("To"): [words(STAGES[now]) for now in moves["now"]],
            words("Why"): moves["why"],
        }
    )
    st.container(key="models_history").dataframe(table, hide_index=True)


# -- an endpoint's model -------------------------------------------------------------


def show_endpoint(source: EndpointSource, words: Words) -> None:
    """Show everything that an endpoint reports about its model."""
    with st.spinner(words("Loading …"), show_time=True):
        record = source.record()
    st.header(words("The model that the endpoint serves"))
    with st.container(key="models_endpoint"):
        facts = {
            words("Version"): str(record.version),
            words("Stage"): words(STAGES[record.stage]),
            words("Algorithm"): record.algorithm,
            words("Flags from this probability up"): words.number(
                record.threshold, DIGITS
            ),
            **_write_facts(provenance(record, None), words),
        }
        _show_facts(facts, words)
        metrics = (record.validation or {}).get("metrics") or {}
        if metrics:
            text = words(
                "The metrics it was registered with. The endpoint does not report "
                "whether a contest was decided on the same students, which would "
                "flatter it."
            )
            st.caption(text)
            values = {
                words(name): float("nan") if metrics[key] is None else metrics[key]
                for key, (name, _) in METRICS.items()
                if key in metrics
            }
            numbers = {name: words.number(v, DIGITS) for name, v in values.items()}
            columns = [words("Metric"), words("Value")]
            table = pd.DataFrame(numbers.items(), columns=columns)
            st.table(table.set_index(columns[0]))
        else:
            st.caption(words("It was registered without metrics: not evaluated."))
    text = words(
        "An endpoint reports only the model that it serves, not other versions, curves "
        "or history. Start the app with --registry to see those."
    )
    st.info(text, icon=":material/info:")
