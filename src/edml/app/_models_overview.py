"""The overview tab: the version in a few sentences, and all versions."""

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._models_figures import draw_versions, label_version
from edml.app._models_names import METRICS, STAGES
from edml.app._models_view import Pair, read_interval, write_time
from edml.app._words import Words

_METRIC = "models_figure"
_MAX_BARS = 30  # more are indistinguishable


def show(versions: pd.DataFrame, pair: Pair, version: int, words: Words) -> None:
    """Show the result of a version in words, and a metric of all versions."""
    st.header(words("Version {version}", version=version))
    with st.container(key="models_headline"):
        if pair.first is None:
            text = words("It was not evaluated: nobody knows how good it is.")
            st.warning(text, icon=":material/help:")
        else:
            st.write(pair.first.evaluation.headline(words.language))
    st.subheader(words("All versions"))
    _state.keep(_METRIC)
    metric = st.selectbox(
        words("Metric"),
        list(METRICS),
        format_func=lambda name: words(METRICS[name][0]),
        key=_METRIC,
    )
    st.caption(words(METRICS[metric][1]))
    shown = versions.head(_MAX_BARS)
    st.plotly_chart(draw_versions(shown, metric, words), key="models_bars")
    st.caption(_say_versions(versions, metric, words))
    if len(shown) < len(versions):
        n = words.number(len(shown))
        text = words("The chart shows the newest {n}; the table shows all.", n=n)
        st.caption(text)
    with st.expander(words("The same as a table")):
        _show_table(versions, words)


def _say_versions(versions: pd.DataFrame, metric: str, words: Words) -> str:
    values = versions.loc[versions["evaluated"], metric].dropna()
    n = words.number(len(versions))
    if not len(values):
        return words(
            "No version was evaluated on students it had not seen, so there is no "
            "metric to show."
        )
    champion = versions.loc[versions["champion"], "version"]
    return words(
        "{metric} of {n_evaluated} of {n} versions, each on students it had not seen. "
        "A line through the end of a bar is its interval. The version in production, "
        "{champion}, has a star and hatched bars. Bars do not show which version is "
        "better: choose one above, and one to compare it with.",
        metric=words(METRICS[metric][0]),
        n_evaluated=words.number(int(versions["evaluated"].sum())),
        n=n,
        champion=champion.iloc[0] if len(champion) else words("none"),
    )


def _show_table(versions: pd.DataFrame, words: Words) -> None:
    stages = [
        label_version(row, words) if row.champion else words(STAGES[str(row.stage)])
        for row in versions.itertuples()
    ]
    when = [write_time(when) for when in versions["evaluated_at"]]
    figures = {
        words(texts[0]): [
            words.estimate(value, *read_interval(ends, name))
            for value, ends in zip(versions[name], versions["intervals"], strict=True)
        ]
        for name, texts in METRICS.items()
    }
    table = pd.DataFrame(
        {
            words("Version"): versions["version"],
            words("Stage"): stages,
            words("Algorithm"): versions["algorithm"],
            **figures,
            words("Evaluated"): [text or words("not evaluated") for text in when],
            words("Stored"): [write_time(when) for when in versions["created_at"]],
        }
    )
    st.container(key="models_table").dataframe(table, hide_index=True)
