"""The health page: whether the champion still suits the running term."""

from typing import TYPE_CHECKING

import streamlit as st

from edml.app import _data, _state
from edml.app._events_view import Events
from edml.app._launch import handed_settings
from edml.app._source import EndpointSource, RegistrySource, Source
from edml.app._words import Words
from edml.exceptions import EdmlError, RegistryError
from edml.monitoring import MonitoringReport, monitor

if TYPE_CHECKING:
    from edml.ledger import Ledger

_REPORT = "health_report"
_SHOWN = 10  # features
#: How Streamlit shows each verdict.
_BOXES = {
    "fine": st.success,
    "cannot tell": st.info,
    "look": st.warning,
    "act": st.error,
}


def show(source: Source, words: Words) -> None:
    """Show the page."""
    if isinstance(source, EndpointSource):
        st.info(words("The health of a model is shown where its registry is."))
        return
    _state.show_demo_note(source, words)
    body = st.container()
    events = _data.choose(source, words, body)
    if events is None:
        return
    with body, st.spinner(words("Comparing with the training …"), show_time=True):
        report = _find(source, events, words)
    with body:
        _show_report(report, words)


def _find(source: RegistrySource, events: Events, words: Words) -> MonitoringReport:
    """Return the report on these events; keep the last one of the session."""
    version = source.champion().version
    ledger, n_lists = _open_ledger(words)
    asked = (events.fingerprint, version, n_lists)
    kept = st.session_state.get(_REPORT)
    if kept is None or kept[0] != asked:
        try:
            reference = source.registry.reference(version)
        except RegistryError:
            reference = None  # the report says so
        report = monitor(
            source.load(version), events.X, reference=reference, ledger=ledger
        )
        st.session_state[_REPORT] = kept = (asked, report)
    return kept[1]


def _open_ledger(words: Words) -> "tuple[Ledger | None, int]":
    """Return the ledger and the number of its lists; say so if it cannot be read."""
    open_ledger = handed_settings().open_ledger
    if open_ledger is None:
        return None, 0
    try:
        ledger = open_ledger()
        return ledger, len(ledger.runs()) if ledger.path.exists() else 0
    except (EdmlError, OSError) as error:
        st.warning(_state.say(error, words), icon=":material/history_toggle_off:")
        return None, 0


def _show_report(report: MonitoringReport, words: Words) -> None:
    for part in report.parts.values():
        st.subheader(part.title(words.language))
        for sign in part.signs:
            found, remedy = map(_state.escape, sign.describe(words.language))
            _BOXES[sign.verdict](f"{found} {remedy}")
    table = report.shifts(words.language, _SHOWN)
    if len(table):
        st.subheader(words("Largest shifts"))
        st.dataframe(table, hide_index=True)
