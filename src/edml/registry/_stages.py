"""Former home of names now in `_state`; gone when the app and tracking have moved."""

from collections.abc import Sequence

from edml.registry._state import (
    DEVELOPMENT,
    PRODUCTION,
    STAGING,
    State,
    previous_champion,
)

__all__ = ["DEVELOPMENT", "PRODUCTION", "STAGING", "champion_before"]


def champion_before(history: Sequence[State], state: State) -> int | None:
    """Return the champion that a rollback would bring back now."""
    return previous_champion(history)
