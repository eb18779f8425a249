"""Promotion and rollback from the page: nothing is changed that was not looked at."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from edml.app._models_view import PRODUCTION, read_changes
from edml.app._source import Source
from edml.exceptions import RegistryError
from edml.registry._stages import champion_before
from edml.registry._state import State

REMOVED = "removed"


@dataclass(frozen=True)
class Seen:
    """The stages that a page has shown.

    Attributes
    ----------
    generation : int
        How many changes there had been; 0 before the first.
    champion : int or None
        The version in production.
    before : int or None
        The version that a rollback would bring back.
    """

    generation: int
    champion: int | None
    before: int | None


@dataclass(frozen=True)
class Outcome:
    """What became of a change that was asked for.

    Attributes
    ----------
    kind : str
        "done"; "not_allowed", the app was started without leave to change; "changed",
        the registry is not as the page showed it, so that nothing was done; "gone",
        the version was removed; "none_before", there is nothing to roll back to;
        "refused", the registry did not do it; "overtaken", it was done, but another
        change came in between.
    champion : int or None
        The version in production after it, where it was done.
    message : str
        What the registry said, where it refused.
    since : DataFrame
        The changes that the page had not shown, as `changes_since` gives them.
    """

    kind: Literal[
        "done",
        "not_allowed",
        "changed",
        "gone",
        "none_before",
        "refused",
        "overtaken",
    ]
    champion: int | None = None
    message: str = ""
    since: pd.DataFrame = field(default_factory=pd.DataFrame)


def look(history: pd.DataFrame) -> Seen:
    """Note the stages as a page shows them.

    Parameters
    ----------
    history : DataFrame
        Of `ModelRegistry.history`.

    Returns
    -------
    seen : Seen
        What `promote` and `roll_back` compare with.
    """
    states = _replay(history)
    if not states:
        return Seen(0, None, None)
    last = states[-1]
    return Seen(last.generation, last.champion, champion_before(states, last))


def changes_since(history: pd.DataFrame, generation: int) -> pd.DataFrame:
    """Give the changes after one.

    Parameters
    ----------
    history : DataFrame
        Of `ModelRegistry.history`.
    generation : int
        The last that is known.

    Returns
    -------
    changes : DataFrame
        One row per version and change, the oldest first: when, who, what, version,
        was and now.
    """
    rows = [
        (change.when, change.who, change.what, version, was, now)
        for change in history.itertuples(index=False)
        if change.generation > generation
        for version, was, now in read_changes(str(change.changes))
    ]
    columns = ["when", "who", "what", "version", "was", "now"]
    return pd.DataFrame(rows, columns=columns)


def promote(
    source: Source,
    version: int,
    why: str,
    seen: Seen,
    *,
    allow_changes: bool,
) -> Outcome:
    """Make a version the champion, if the registry is as the page showed it.

    Parameters
    ----------
    source : Source
        Of a registry.
    version : int
        Which.
    why : str
        For the history.
    seen : Seen
        What the page showed.
    allow_changes : bool
        Whether the app may change the registry.

    Returns
    -------
    outcome : Outcome
        What became of it.
    """
    if not allow_changes:
        return Outcome("not_allowed")
    stale = _compare(source, seen, version)
    if stale is not None:
        return stale
    try:
        source.promote(version, PRODUCTION, why)
    except (RegistryError, OSError) as error:
        return Outcome("refused", message=str(error))
    return _look_back(source, seen, version)


def roll_back(source: Source, why: str, seen: Seen, *, allow_changes: bool) -> Outcome:
    """Bring the champion before back, if the registry is as the page showed it.

    Parameters
    ----------
    source : Source
        Of a registry.
    why : str
        For the history.
    seen : Seen
        What the page showed.
    allow_changes : bool
        Whether the app may change the registry.

    Returns
    -------
    outcome : Outcome
        What became of it.
    """
    if not allow_changes:
        return Outcome("not_allowed")
    if seen.before is None:
        return Outcome("none_before")
    stale = _compare(source, seen, seen.before)
    if stale is not None:
        return stale
    try:
        source.rollback(why)
    except (RegistryError, OSError) as error:
        return Outcome("refused", message=str(error))
    return _look_back(source, seen, seen.before)


def _compare(source: Source, seen: Seen, version: int) -> Outcome | None:
    try:
        history, records = _read(source)
    except (RegistryError, OSError) as error:
        return Outcome("refused", message=str(error))
    since = changes_since(history, seen.generation)
    if version not in set(records["version"]):
        return Outcome("gone", since=since)
    if look(history) != seen:
        return Outcome("changed", since=since)
    return None


def _look_back(source: Source, seen: Seen, version: int) -> Outcome:
    """Tell whether another change came between the look and ours.

    The registry has no change on condition; what cannot be kept away is told.
    """
    try:
        history, _ = _read(source)
    except (RegistryError, OSError) as error:
        return Outcome("overtaken", champion=version, message=str(error))
    now = look(history)
    since = changes_since(history, seen.generation)
    if now.generation != seen.generation + 1 or now.champion != version:
        return Outcome("overtaken", champion=now.champion, since=since)
    return Outcome("done", champion=version, since=since)


def _read(source: Source) -> tuple[pd.DataFrame, pd.DataFrame]:
    history = source.history()
    if history is None:
        message = (
            "Expected a registry; found an endpoint, which tells no history. Start the "
            "app with --registry."
        )
        raise RegistryError(message)
    return history, source.records()


def _replay(history: pd.DataFrame) -> list[State]:
    """Give the states that the changes of a history led to."""
    stages: dict[int, str] = {}
    states = []
    for change in history.itertuples(index=False):
        for version, _, now in read_changes(str(change.changes)):
            if now == REMOVED:
                stages.pop(version, None)
            else:
                stages[version] = now
        given: Any = change  # pandas does not say what a row holds
        states.append(State(int(given.generation), dict(stages), str(given.what)))
    return states
