"""The models page: two versions side by side, in tabs that are drawn when opened."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from edml.app import (
    _data,
    _models_contacts,
    _models_dialogs,
    _models_features,
    _models_overview,
    _models_sections,
    _state,
)
from edml.app._models_changes import Seen, changes_since, list_moves, look
from edml.app._models_names import STAGES
from edml.app._models_view import (
    Pair,
    list_versions,
    pair_evaluations,
)
from edml.app._source import EndpointSource, Source
from edml.app._words import Words

_VERSION, _OTHER, _SEEN = "models_version", "models_other", "models_seen"
_COMMAND = "edml tune events.csv --registry registry"


def show(source: Source, words: Words) -> None:
    """Show the page."""
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
    version, other = _choose(versions, words)
    registry = source.registry
    record = registry.record(version)
    pair = pair_evaluations(
        version,
        registry.evaluations(version),
        other,
        None if other is None else registry.evaluations(other),
    )

    def show_overview() -> None:
        _models_overview.show(versions, pair, version, words)
        _models_dialogs.offer(
            registry,
            version,
            seen,
            words,
            evaluated=pair.first is not None,
            changed=changed,
        )

    def show_features() -> None:
        events = _data.current(source, words)
        _models_features.show(source, record, events, words)

    def show_data() -> None:
        shown = [(record, pair.first)]
        if other is not None:
            shown.append((registry.record(other), pair.second))
        _models_sections.show_data(shown, words)
        moves = list_moves(history)
        mine = moves[moves["version"] == version][::-1]  # the newest first
        _models_sections.show_history(mine, words)

    _show_tabs(
        {
            words("Overview"): show_overview,
            words("Figures"): _if_evaluated(
                pair, version, words, _models_sections.show_metrics
            ),
            words("Threshold"): _if_evaluated(
                pair, version, words, _models_contacts.show
            ),
            words("Curves"): _if_evaluated(
                pair, version, words, _models_sections.show_curves
            ),
            words("Features"): show_features,
            words("Data and history"): show_data,
        },
        words.language,
    )


def _show_tabs(sections: dict[str, Callable[[], None]], language: str) -> None:
    """Draw the open tab only: the others may take seconds."""
    key = f"models_tab_{language}"
    _state.keep(key)
    tabs = st.tabs(list(sections), key=key, on_change="rerun")
    for tab, show_section in zip(tabs, sections.values(), strict=True):
        if tab.open:
            with tab:
                show_section()


def _if_evaluated(
    pair: Pair, version: int, words: Words, show_section: Callable[[Pair, Words], None]
) -> Callable[[], None]:
    """Return a section that says why there is nothing where there is no evaluation."""

    def show_or_explain() -> None:
        if pair.first is not None:
            show_section(pair, words)
            return
        if pair.n_choosing:
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

    return show_or_explain


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


def _choose(versions: pd.DataFrame, words: Words) -> tuple[int, int | None]:
    """Return the version to look at, and one to compare it with."""
    labels = {
        int(version): f"{version} · {words(STAGES[stage])} · {algorithm}"
        for version, stage, algorithm in zip(
            versions["version"], versions["stage"], versions["algorithm"], strict=True
        )
    }
    newest = next(iter(labels))
    _state.keep(_VERSION, _OTHER)
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
    left, right = st.columns(2)
    version = left.selectbox(
        words("Version to look at"),
        list(labels),
        format_func=labels.__getitem__,
        key=_VERSION,
    )
    named: dict[int | None, str] = {None: words("no other version")}
    named |= {one: label for one, label in labels.items() if one != version}
    others = list(named)
    if st.session_state.get(_OTHER) not in others:
        st.session_state[_OTHER] = None
    other = right.selectbox(
        words("Compare with"),
        others,
        format_func=named.__getitem__,
        placeholder=named[None],  # Streamlit shows None by it
        key=_OTHER,
        disabled=len(others) == 1,
        help=words("There is only one version.") if len(others) == 1 else None,
    )
    return version, other
