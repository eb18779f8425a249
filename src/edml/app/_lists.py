"""The ledger of the lists: what the page shows, and what was said a week ago."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._events_view import (
    Choice,
    Events,
    choose_events,
    find_people,
    partition_range,
)
from edml.app._launch import handed_settings
from edml.app._source import Champion, RegistrySource, Scored, Source
from edml.app._words import Words
from edml.exceptions import EdmlError
from edml.schema import COURSE, PERIOD, STUDENT, fingerprint

if TYPE_CHECKING:
    from edml.ledger import Ledger

_SOURCE = "app"  # of the runs
_RECENT = timedelta(days=14)  # what was said earlier was not said last week

Asked = tuple[str, Choice, int, Champion]


def record(
    asked: Asked,
    source: Source,
    events: Events,
    scored: Scored,
    features: list[list[str]],
    words: Words,
) -> pd.DataFrame | None:
    """Record a list once, and return what was said last week; None if unknown."""
    if handed_settings().open_ledger is None or not isinstance(source, RegistrySource):
        return None
    try:
        students = scored.students.assign(reason_features=features)
        return _record(asked, _source=source, _events=events, _students=students)
    except Exception as error:  # the list is shown without the ledger
        known = isinstance(error, EdmlError | OSError)
        reason = _state.say(error, words) if known else f"{type(error).__name__}."
        text = words("The ledger cannot be used for this list. {reason}", reason=reason)
        st.warning(text, icon=":material/history_toggle_off:")
        return None


@st.cache_resource(max_entries=32, ttl=3600, show_spinner=False)
def _record(
    asked: Asked, _source: RegistrySource, _events: Events, _students: pd.DataFrame
) -> pd.DataFrame | None:
    _, choice, at, _ = asked
    open_ledger = handed_settings().open_ledger
    if open_ledger is None:
        return None
    ledger = open_ledger()
    # a list of an earlier day informs nobody
    if at == partition_range(_events, choice)[1]:
        _append(ledger, asked, _source, _events, _students)
    if not ledger.path.exists():
        return None
    said = ledger.previous(_students).reset_index(drop=True)
    return said.mask(said["time"] < datetime.now(UTC) - _RECENT)


def _append(
    ledger: "Ledger",
    asked: Asked,
    source: RegistrySource,
    events: Events,
    students: pd.DataFrame,
) -> None:
    """Append a list of the latest day, unless a run holds it."""
    _, choice, _, by = asked
    registry = source.registry
    digest = fingerprint(choose_events(events, choice))
    if ledger.path.exists():
        runs = ledger.runs()
        same = (runs["source"] == _SOURCE) & (runs["events"] == digest)
        same &= (runs["version"] == by.version) & (runs["registry"] == registry.name)
        if same.any():
            return
    periods = find_people(events, students, STUDENT, COURSE)["period"]
    ledger.append(
        students.assign(**{PERIOD: periods.to_numpy()}),
        version=by.version,
        registry=registry.name,
        model_hash=registry.record(by.version).model_hash,
        events=digest,
        threshold=by.threshold,
        capacity=handed_settings().capacity,
        source=_SOURCE,
    )
