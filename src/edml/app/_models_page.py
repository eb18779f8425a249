"""The models page: the versions and their quality."""

import pandas as pd
import streamlit as st

from edml.app import _data, _models_dialogs, _models_sections, _models_slider, _state
from edml.app._launch import handed_settings
from edml.app._models_changes import Seen, changes_since, look
from edml.app._models_figures import draw_versions, label_version
from edml.app._models_names import METRICS, STAGES
from edml.app._models_sections import write_time
from edml.app._models_view import (
    compare,
    latest_evaluation,
    list_versions,
    provenance,
    version_history,
)
from edml.app._source import EndpointSource, RegistrySource, Source
from edml.app._words import Words
from edml.metrics import LOSSES

_VERSION, _METRIC, _SEEN = "models_version", "models_figure", "models_seen"
_MAX_BARS = 30  # more are indistinguishable
_COMMAND = "edml tune events.csv --registry registry"


def show(source: Source, words: Words) -> None:
    """Show the page."""
    st.title(words("Models"))
    if isinstance(source, EndpointSource):
        _models_sections.show_endpoint(source, words)
        return
    _state.show_demo_note(source, words)
    with st.spinner(words("Reading the registry …"), show_time=True):
        versions = list_versions(source.registry.records())
        history = source.registry.history()
    seen = look(history)
    changed = _say_changes(history, seen, words)
    if not len(versions):
        text = words(
            "There is no model yet. Train one on the events of courses that have "
            "ended, with their outcomes, then look again:"
        )
        st.info(text, icon=":material/model_training:")
        st.code(_COMMAND, language="bash")
        return
    _show_versions(versions, words)
    version = _choose(versions, words)
    if handed_settings().allow_changes:
        evaluated = bool(versions.set_index("version").loc[version, "evaluated"])
        _models_dialogs.offer(
            source.registry, version, seen, words, evaluated=evaluated, changed=changed
        )
    _show_version(source, versions, history, version, words)


def _say_changes(history: pd.DataFrame, seen: Seen, words: Words) -> bool:
    """Show the outcome of a change made here, or changes that others made meanwhile."""
    before = st.session_state.get(_SEEN)
    st.session_state[_SEEN] = seen
    outcome = _models_dialogs.take_outcome()
    if outcome is not None:
        done, text = outcome
        show_box = st.success if done else st.warning
        show_box(text)
        return False
    if before is None or before.generation == seen.generation:
        return False
    moves = changes_since(history, before.generation)
    text = words(
        "The registry has changed since this page was last shown: {changes}.",
        changes=_models_dialogs.say_moves(moves, words),
    )
    st.info(text, icon=":material/sync:")
    return True


# -- all versions --------------------------------------------------------------------


def _show_versions(versions: pd.DataFrame, words: Words) -> None:
    st.header(words("All versions"))
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
    values = versions.loc[versions["evaluated"], ["version", metric]].dropna()
    n = words.number(len(versions))
    if not len(values):
        return words(
            "None of the {n} versions was evaluated on students it had not seen, so "
            "there is no metric to show.",
            n=n,
        )
    best = values[metric].min() if metric in LOSSES else values[metric].max()
    first = values.loc[values[metric] == best, "version"]
    champion = versions.loc[versions["champion"], "version"]
    return words(
        "{metric} of {n_evaluated} of {n} versions, each on students it had not seen: "
        "{best} has the best value, {value}. The version in production, {champion}, "
        "has a star and hatched bars. Do not compare versions by their bars if they "
        "were evaluated on different students.",
        metric=words(METRICS[metric][0]),
        n_evaluated=words.number(int(versions["evaluated"].sum())),
        n=n,
        best=", ".join(map(str, sorted(first))),
        value=words.number(float(best), 3),
        champion=champion.iloc[0] if len(champion) else words("none"),
    )


def _show_table(versions: pd.DataFrame, words: Words) -> None:
    stages = [
        label_version(row, words) if row.champion else words(STAGES[str(row.stage)])
        for row in versions.itertuples()
    ]
    when = [write_time(when) for when in versions["evaluated_at"]]
    names = {name: words(texts[0]) for name, texts in METRICS.items()}
    table = pd.DataFrame(
        {
            words("Version"): versions["version"],
            words("Stage"): stages,
            words("Algorithm"): versions["algorithm"],
            **{label: versions[name] for name, label in names.items()},
            words("Evaluated"): [text or words("not evaluated") for text in when],
            words("Stored"): [write_time(when) for when in versions["created_at"]],
        }
    )
    bars = {
        label: st.column_config.ProgressColumn(
            min_value=0.0,
            max_value=max(1.0, float(versions[name].max() or 0)),
            format="%.3f",
        )
        for name, label in names.items()
    }
    box = st.container(key="models_table")
    box.dataframe(table, hide_index=True, column_config=bars)


# -- one version ---------------------------------------------------------------------


def _choose(versions: pd.DataFrame, words: Words) -> int:
    labels = {
        int(version): f"{version} · {words(STAGES[stage])} · {algorithm}"
        for version, stage, algorithm in zip(
            versions["version"], versions["stage"], versions["algorithm"], strict=True
        )
    }
    newest = next(iter(labels))
    _state.keep(_VERSION)
    gone = st.session_state.get(_VERSION, newest)
    if gone not in labels:
        st.session_state[_VERSION] = newest
        text = words(
            "Version {version} is no longer there: it was removed. This is version "
            "{other} instead.",
            version=gone,
            other=newest,
        )
        st.warning(text, icon=":material/delete:")
    label = words("Version to look at")
    return st.selectbox(
        label, list(labels), format_func=labels.__getitem__, key=_VERSION
    )


def _show_version(
    source: RegistrySource,
    versions: pd.DataFrame,
    history: pd.DataFrame,
    version: int,
    words: Words,
) -> None:
    record = source.registry.record(version)
    evaluations = source.registry.evaluations(version)
    latest = latest_evaluation(evaluations)
    st.header(words("Metrics of version {version}", version=version))
    if latest is None:
        if len(evaluations):
            text = words(
                "Version {version} was evaluated only on the students of a contest "
                "between versions. Such metrics flatter the winner and are not shown. "
                "Evaluate it on other students with:",
                version=version,
            )
        else:
            text = words(
                "Version {version} was not evaluated on students it had not seen, so "
                "nothing can be said about how good it is. Evaluate it with:",
                version=version,
            )
        st.info(text, icon=":material/help:")
        st.code(f"registry.reevaluate(X, y, {version})", language="python")
    else:
        comparison = compare(versions, version, latest.evaluation)
        _models_sections.show_metrics(latest, comparison, words)
    events = _data.current(source, words)
    if latest is not None:
        _models_slider.show_threshold(source, record, latest.evaluation, events, words)
        _models_sections.show_curves(latest.evaluation, words)
    # the features may take seconds: compute them last, but show them before the rest
    features = st.container()
    _models_sections.show_data(provenance(record, latest), words)
    _models_sections.show_history(version_history(history, version), words)
    with features:
        _models_sections.show_features(source, record, events, words)
