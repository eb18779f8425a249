"""The sections of the models page about one version, or two side by side."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from edml.app._models_curves import Curve, make_curves, thin
from edml.app._models_figures import draw_curve
from edml.app._models_names import (
    AXES,
    CHANGES,
    CURVES,
    METRICS,
    STAGES,
    VERDICTS,
)
from edml.app._models_view import Pair, StoredEvaluation, describe_data, write_time
from edml.app._source import EndpointSource
from edml.app._words import Words
from edml.inspection import Evaluation
from edml.registry import ModelRecord

DIGITS = 3  # of a metric
_FEWER_DIGITS = {"first": 0, "last": 0, "lead": 0, "flagged": 1}  # days and students


def show_numbers(table: pd.DataFrame, key: str, words: Words) -> None:
    """Show a table with the numbers of the reader's language, sorted by value."""
    styles = {
        name: words.number
        if table[name].dtype.kind in "iu"
        else lambda one: words.number(one, DIGITS)
        for name in table.select_dtypes("number")
    }
    st.container(key=key).dataframe(table.style.format(styles), hide_index=True)


# -- metrics -------------------------------------------------------------------------


def show_metrics(pair: Pair, words: Words) -> None:
    """Show the metrics of a version, and those of another with the differences."""
    if pair.first is None:
        return
    first, second = pair.first, pair.second
    st.header(words("Metrics of version {version}", version=first.version))
    st.caption(_say_rows(first.evaluation, words))
    columns = {
        words("Metric"): [words(METRICS[name][0]) for name in METRICS],
        words("version {version}", version=first.version): _figures(first, words),
    }
    if second is not None:
        name = words("version {version}", version=second.version)
        columns[name] = _figures(second, words)
    if pair.differences is not None:
        columns[words("Difference")] = [
            words.estimate(row.difference, row.low, row.high, DIGITS, signed=True)
            for row in pair.differences.loc[list(METRICS)].itertuples()
        ]
        columns[words("Verdict")] = [
            words(VERDICTS[pair.differences.loc[name, "verdict"]]) for name in METRICS
        ]
    with st.container(key="models_metrics"):
        table = pd.DataFrame(columns)
        st.table(table.set_index(words("Metric")))
    st.caption(_say_comparison(pair, words))
    with st.expander(words("What the metrics mean")):
        for name, meaning in METRICS.values():
            st.markdown(f"**{words(name)}**: {words(meaning)}")
    if pair.n_choosing:
        text = words.ngettext(
            "{n} evaluation on the students of a contest is not shown: it flatters the "
            "winner.",
            "{n} evaluations on the students of a contest are not shown: they flatter "
            "the winner.",
            pair.n_choosing,
        )
        st.caption(text)


def _figures(stored: StoredEvaluation, words: Words) -> list[str]:
    metrics, intervals = stored.evaluation.metrics, stored.evaluation.intervals
    none = (float("nan"), float("nan"))
    return [
        words.estimate(metrics[name], *intervals.get(name, none), DIGITS)
        for name in METRICS
    ]


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


def _say_comparison(pair: Pair, words: Words) -> str:
    if pair.reason == "not evaluated":
        return words("The other version was not evaluated: nothing can be compared.")
    if pair.reason == "other rows":
        return words(
            "The two versions were evaluated on different students, so part of any "
            "difference is due to them: do not compare the figures."
        )
    if pair.reason == "no resamples":
        return words(
            "The evaluations hold no common resamples of students, as earlier versions "
            "of edml stored none. Evaluate both again to see which differences are "
            "more than chance."
        )
    if pair.second is None:
        return words("Choose a version to compare with above.")
    return words(
        "Differences are of the first version minus the second, on the same students. "
        "Where the interval of a difference holds 0, the two cannot be told apart."
    )


# -- curves --------------------------------------------------------------------------


def show_curves(pair: Pair, words: Words) -> None:
    """Show the curves of one or two evaluations, each with an equivalent text."""
    st.header(words("Test set curves"))
    shown = [one for one in (pair.first, pair.second) if one is not None]
    if pair.reason == "other rows":
        st.warning(_say_comparison(pair, words), icon=":material/warning:")
    every = [make_curves(one.evaluation) for one in shown]
    names = [words("version {version}", version=one.version) for one in shown]
    curves = [
        dict(zip(names, found, strict=True))
        for found in zip(*(curves.values() for curves in every), strict=True)
    ]
    for start in range(0, len(curves), 2):
        pairs = zip(st.columns(2), curves[start : start + 2], strict=False)
        for column, curve in pairs:
            with column:
                _show_curve(curve, words)


def _show_curve(curves: dict[str, Curve], words: Words) -> None:
    curve = next(iter(curves.values()))
    title, _, no_curve = CURVES[curve.name]
    st.subheader(words(title))
    if not len(curve.table):
        st.caption(words(no_curve))
        return
    st.plotly_chart(draw_curve(curves, words), key=f"models_{curve.name}")
    for name, one in curves.items():
        if len(one.table):
            said = _say_curve(one, words)
            st.caption(said if len(curves) == 1 else f"{name}: {said}")
    with st.expander(words("The same as a table")):
        table = thin(curve.table)
        labels = {name: words(AXES[name]) for name in table.columns}
        key = f"models_{curve.name}_table"
        show_numbers(table.rename(columns=labels), key, words)


def _say_curve(curve: Curve, words: Words) -> str:
    numbers = dict(curve.summary)
    n_left_out = int(numbers.pop("n_left_out", 0))
    ends = numbers.pop("low", float("nan")), numbers.pop("high", float("nan"))
    values = {
        name: words.number(value, _FEWER_DIGITS.get(name, DIGITS))
        for name, value in numbers.items()
    }
    if "threshold" in numbers:
        values["threshold"] = words.percent(numbers["threshold"])
    for name in ("area", "error"):  # the figures that have an interval
        if name in numbers:
            values[name] = words.estimate(numbers[name], *ends, DIGITS)
    text = words(CURVES[curve.name][1], **values)
    if n_left_out:
        text += " " + words.ngettext(
            "{n} day with too few students is left out.",
            "{n} days with too few students are left out.",
            n_left_out,
        )
    return text


# -- data, history -------------------------------------------------------------------


def show_data(
    shown: Sequence[tuple[ModelRecord, StoredEvaluation | None]], words: Words
) -> None:
    """Show the data that versions were trained and evaluated on."""
    st.header(words("The data it was trained and evaluated on"))
    text = words(
        "The registry keeps fingerprints of the rows, never the rows. Equal "
        "fingerprints are equal rows with equal outcomes."
    )
    st.caption(text)
    facts = {
        words("version {version}", version=record.version): describe_data(
            record, stored, words
        )
        for record, stored in shown
    }
    with st.container(key="models_data"):
        _show_facts(facts, words)


def _show_facts(facts: dict[str, dict[str, str]], words: Words) -> None:
    """Show a column of facts for each name."""
    table = pd.DataFrame(facts).fillna("")
    table.insert(0, words("What"), table.index)
    st.dataframe(table, hide_index=True, height="content")


def show_history(moves: pd.DataFrame, words: Words) -> None:
    """Show the stage history of a version."""
    st.header(words("Its history"))
    if not len(moves):
        st.caption(words("It has not moved between stages yet."))
        return
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
            **describe_data(record, None, words),
        }
        _show_facts({words("Value"): facts}, words)
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
