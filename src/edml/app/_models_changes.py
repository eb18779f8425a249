"""Promotion and rollback from the page, only if the registry is as shown.

The registry has no conditional changes. The page therefore compares it with what was
shown before a change, and checks it again afterwards.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import pandas as pd

from edml.exceptions import RegistryError
from edml.registry import PRODUCTION, ModelRegistry


class Seen(NamedTuple):
    """The state of the registry that a page has shown."""

    generation: int  # number of changes so far
    champion: int | None
    before: int | None  # the version that a rollback would bring back


class Asking(NamedTuple):
    """A change that awaits confirmation."""

    what: Literal["promote", "rollback"]
    version: int  # the next champion
    seen: Seen  # the registry as the page showed it
    evaluated: bool


@dataclass(frozen=True)
class Outcome:
    """The outcome of a change that a user requested."""

    kind: Literal[
        "done",
        "not_allowed",  # the app was started without --allow-changes
        "changed",  # the registry has changed since it was shown: nothing done
        "gone",  # the version was removed
        "refused",  # the registry raised `message`
        "overtaken",  # done, but another change came in between
    ]
    champion: int | None = None  # after the change
    message: str = ""
    moves: pd.DataFrame = field(default_factory=pd.DataFrame)  # not shown before


def look(history: pd.DataFrame) -> Seen:
    """Return the state of the registry from `ModelRegistry.history`."""
    if history.empty:
        return Seen(0, None, None)
    last = history.iloc[-1]
    versions = (last["champion"], last["previous_champion"])
    champion, before = (None if pd.isna(one) else int(one) for one in versions)
    return Seen(int(last["generation"]), champion, before)


def list_moves(history: pd.DataFrame) -> pd.DataFrame:
    """Return every move of a version from stage to stage, the oldest first."""
    rows = [
        (change.generation, change.when, change.who, change.what, *move, change.why)
        for change in history.itertuples(index=False)
        for move in change.moves
    ]
    of_change = ["generation", "when", "who", "what"]
    return pd.DataFrame(rows, columns=[*of_change, "version", "was", "now", "why"])


def changes_since(history: pd.DataFrame, generation: int) -> pd.DataFrame:
    """Return the moves after a generation of the registry."""
    moves = list_moves(history)
    return moves[moves["generation"] > generation]


def change(
    registry: ModelRegistry, asking: Asking, why: str, *, allow_changes: bool
) -> Outcome:
    """Promote or roll back, if the registry is as the page showed it."""
    if not allow_changes:
        return Outcome("not_allowed")
    seen, version = asking.seen, asking.version
    try:
        history = registry.history()
        moves = changes_since(history, seen.generation)
        gone = version not in set(registry.records()["version"])
        if gone or look(history) != seen:
            return Outcome("gone" if gone else "changed", moves=moves)
        if asking.what == "promote":
            registry.promote(version, PRODUCTION, why)
        else:
            registry.rollback(why)
    except (RegistryError, OSError) as error:
        return Outcome("refused", message=str(error))
    try:
        history = registry.history()
    except (RegistryError, OSError) as error:
        return Outcome("overtaken", champion=version, message=str(error))
    now = look(history)
    moves = changes_since(history, seen.generation)
    if now.generation != seen.generation + 1 or now.champion != version:
        return Outcome("overtaken", champion=now.champion, moves=moves)
    return Outcome("done", champion=version, moves=moves)
