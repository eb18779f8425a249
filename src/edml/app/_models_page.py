"""The models page: which versions there are, and how good each is.

The keys of its widgets, and of the boxes that its tables are in, by which tests find
them (``st-key-<key>``):
``models_figure``, ``models_bars``, ``models_table`` (all versions); ``models_version``;
``models_promote``, ``models_rollback``, and in their dialogs ``models_why``,
``models_yes``, ``models_no``; ``models_metrics`` (box of the figures),
``models_compared`` (the same as a table); ``models_threshold_<version>``,
``models_confusion`` (box), ``models_at_threshold`` (box of the figures there),
``models_thresholds`` (picture), ``models_by_course``; ``models_roc``,
``models_precision_recall``, ``models_calibration``, ``models_earliness``, each with its
table as ``<key>_table``; ``models_importance``, ``models_points`` and their tables
``models_importance_table``, ``models_points_table``; ``models_data``,
``models_history``; ``models_endpoint`` (box).
"""

from typing import Any

import pandas as pd
import streamlit as st

from edml.app import _data, _models_dialogs, _models_sections, _models_slider
from edml.app._launch import handed_settings
from edml.app._models_changes import Seen, changes_since, look
from edml.app._models_endpoint import show_endpoint
from edml.app._models_figures import draw_versions, stage_name
from edml.app._models_tables import write_time
from edml.app._models_view import (
    ERRORS,
    FIGURES,
    Judgement,
    compare,
    latest_judgement,
    list_versions,
    provenance,
    version_history,
)
from edml.app._source import Source
from edml.app._words import Words

_VERSION, _FIGURE, _SEEN = "models_version", "models_figure", "models_seen"
_MAX_BARS = 30  # more cannot be told apart
_COMMAND = "edml tune events.csv --registry registry"


def show(source: Source, words: Words) -> None:
    """Show the page.

    Parameters
    ----------
    source : Source
        Where the versions are.
    words : Words
        The language.
    """
    st.title(words("page_models"))
    if source.kind == "endpoint":
        show_endpoint(source, words)
        return
    if source.kind == "demo":
        st.info(words("about_demo"), icon=":material/school:")
    with st.spinner(words("m_reading"), show_time=True):
        versions = list_versions(source.records())
        history = source.history()
    seen = look(history) if history is not None else Seen(0, None, None)
    changed = _say_changes(history, seen, words)
    if not len(versions):
        st.info(words("m_empty"), icon=":material/model_training:")
        st.code(_COMMAND, language="bash")
        return
    _show_versions(versions, words)
    version = _choose(versions, words)
    judged = bool(versions.set_index("version").loc[version, "judged"])
    if handed_settings().allow_changes:
        _models_dialogs.offer(
            source, version, seen, words, judged=judged, changed=changed
        )
    _show_version(source, versions, history, version, words)


def _say_changes(history: Any, seen: Seen, words: Words) -> bool:
    """Say what became of a change, or what others have changed meanwhile."""
    before = st.session_state.get(_SEEN)
    st.session_state[_SEEN] = seen
    said = _models_dialogs.take_said()
    if said is not None:
        kind, text = said
        show_box = st.success if kind == "done" else st.warning
        show_box(text)
        return False
    if before is None or before.generation == seen.generation:
        return False
    since = changes_since(history, before.generation)
    moves = _models_dialogs.say_changes(since, words)
    st.info(words("m_changed", changes=moves), icon=":material/sync:")
    return True


# -- all versions --------------------------------------------------------------------


def _show_versions(versions: pd.DataFrame, words: Words) -> None:
    st.header(words("m_versions"))
    _keep(_FIGURE)
    figure = st.selectbox(
        words("m_figure"),
        FIGURES,
        format_func=lambda name: words(f"m_name_{name}"),
        key=_FIGURE,
    )
    st.caption(words(f"m_help_{figure}"))
    shown = versions.head(_MAX_BARS)
    st.plotly_chart(draw_versions(shown, figure, words), key="models_bars")
    st.caption(_say_versions(versions, figure, words))
    if len(shown) < len(versions):
        st.caption(words("m_bars_newest", n=words.number(len(shown))))
    with st.expander(words("m_as_table")):
        _show_table(versions, words)


def _say_versions(versions: pd.DataFrame, figure: str, words: Words) -> str:
    values = versions.loc[versions["judged"], ["version", figure]].dropna()
    n = words.number(len(versions))
    if not len(values):
        return words("m_bars_none", n=n)
    best = values[figure].min() if figure in ERRORS else values[figure].max()
    first = values.loc[values[figure] == best, "version"]
    champion = versions.loc[versions["champion"], "version"]
    return words(
        "m_bars_caption",
        figure=words(f"m_name_{figure}"),
        n_judged=words.number(int(versions["judged"].sum())),
        n=n,
        best=", ".join(map(str, sorted(first))),
        value=words.number(float(best), 3),
        champion=champion.iloc[0] if len(champion) else words("m_nobody"),
    )


def _show_table(versions: pd.DataFrame, words: Words) -> None:
    marks = [
        words("m_champion_mark", version=row.version)
        if row.champion
        else stage_name(row, words)
        for row in versions.itertuples()
    ]
    table = pd.DataFrame(
        {
            words("m_version"): versions["version"],
            words("m_stage"): marks,
            words("m_algorithm"): versions["algorithm"],
            **{words(f"m_name_{name}"): versions[name] for name in FIGURES},
            words("m_judged_at"): [
                write_time(when) or words("m_not_judged")
                for when in versions["evaluated_at"]
            ],
            words("m_created"): [write_time(when) for when in versions["created_at"]],
        }
    )
    bars = {
        words(f"m_name_{name}"): st.column_config.ProgressColumn(
            min_value=0.0,
            max_value=max(1.0, float(versions[name].max() or 0)),
            format="%.3f",
        )
        for name in FIGURES
    }
    st.container(key="models_table").dataframe(
        table, hide_index=True, column_config=bars
    )


# -- one version ---------------------------------------------------------------------


def _choose(versions: pd.DataFrame, words: Words) -> int:
    options = [int(version) for version in versions["version"]]
    _keep(_VERSION)
    gone = st.session_state.get(_VERSION, options[0])
    if gone not in options:
        st.session_state[_VERSION] = options[0]
        text = words("m_gone", version=gone, other=options[0])
        st.warning(text, icon=":material/delete:")
    rows = {row.version: row for row in versions.itertuples()}

    def name(version: int) -> str:
        row: Any = rows[version]
        stage = stage_name(row, words)
        return words("m_option", version=version, stage=stage, algorithm=row.algorithm)

    return st.selectbox(words("m_choose"), options, format_func=name, key=_VERSION)


def _show_version(
    source: Source,
    versions: pd.DataFrame,
    history: pd.DataFrame | None,
    version: int,
    words: Words,
) -> None:
    record = source.record(version)
    evaluations = source.evaluations(version)
    judgement = None if evaluations is None else latest_judgement(evaluations)
    st.header(words("m_figures", version=version))
    if judgement is None:
        chosen_by = evaluations is not None and len(evaluations) > 0
        text = words("m_only_choosing" if chosen_by else "m_unjudged", version=version)
        st.info(text, icon=":material/help:")
        st.code(f"registry.reevaluate(X, y, {version})", language="python")
    else:
        others = _judged_on(source, versions, version)
        comparison = compare(versions, version, judgement.evaluation, others)
        _models_sections.show_figures(judgement, comparison, words)
    events, _ = _data.current(source, words)
    if judgement is not None:
        _models_slider.show_threshold(source, record, judgement, events, words)
        _models_sections.show_curves(judgement.evaluation, words)
    # what may take seconds is made last, and stands before what is there at once
    features = st.container()
    _models_sections.show_data(provenance(record, judgement), words)
    if history is not None:
        _models_sections.show_history(version_history(history, version), words)
    with features:
        _models_sections.show_features(source, record, events, words)


def _judged_on(source: Source, versions: pd.DataFrame, version: int) -> dict[int, str]:
    """Give the rows that the other versions' figures are of."""
    judged = versions[versions["judged"] & (versions["version"] != version)]
    return {
        int(row.version): _rows_judged(
            int(row.version), str(row.created_at), str(row.evaluated_at), source
        )
        for row in judged.itertuples()
    }


@st.cache_data(max_entries=1000, show_spinner=False)
def _rows_judged(
    version: int, created_at: str, evaluated_at: str, _source: Source
) -> str:
    evaluations = _source.evaluations(version)
    judgement: Judgement | None = None
    if evaluations is not None:
        judgement = latest_judgement(evaluations)
    return "" if judgement is None else judgement.evaluation.data_fingerprint


def _keep(key: str) -> None:
    """Let a choice outlive a look at the other page."""
    if key in st.session_state:
        st.session_state[key] = st.session_state[key]
