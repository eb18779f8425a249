"""Stages: who becomes the champion, who was it before, and what is no longer needed."""

from collections.abc import Sequence

from edml.exceptions import RegistryError
from edml.registry._protocol import STAGES
from edml.registry._store import State

DEVELOPMENT, STAGING, PRODUCTION = STAGES
ROLLBACK = "rollback"


def move(state: State, version: int, stage: str) -> dict[int, str]:
    """Give the stages after a version has moved.

    Parameters
    ----------
    state : State
        The stages before.
    version : int
        Which moves.
    stage : {"development", "staging", "production"}
        Where to; the champion before goes back to development.

    Returns
    -------
    stages : dict of int to str
        Of all versions.

    Raises
    ------
    RegistryError
        If there is no such version.
    """
    check_version(state, version)
    stages = dict(state.stages)
    if stage == PRODUCTION and state.champion is not None:
        stages[state.champion] = DEVELOPMENT
    stages[version] = stage
    return stages


def check_version(state: State, version: int) -> None:
    """Check that there is a version.

    Parameters
    ----------
    state : State
        The stages.
    version : int
        Its number.

    Raises
    ------
    RegistryError
        If there is none of that number.
    """
    if version in state.stages:
        return
    was = 0 < version <= state.highest
    message = (
        f"Expected the number of a version; found {version}, which "
        f"{'was removed' if was else 'there is not'}. There are "
        f"{_shorten(list(state.stages))}."
    )
    raise RegistryError(message)


def champion_before(history: Sequence[State], state: State) -> int | None:
    """Give the champion that a rollback brings back.

    A rollback takes back the last promotion. A second one takes back the one before
    that, so that it does not bring back what was just rolled back.

    Parameters
    ----------
    history : sequence of State
        All states, the oldest first.
    state : State
        The present one.

    Returns
    -------
    version : int or None
        None where there was no other champion that is still there.
    """
    line: list[int] = []
    for one in history:
        if one.champion is None or (line and line[-1] == one.champion):
            continue
        if one.what == ROLLBACK and one.champion in line:
            while line[-1] != one.champion:
                line.pop()
        else:
            line.append(one.champion)
    if state.champion is not None and line and line[-1] == state.champion:
        line.pop()
    return next(
        (
            version
            for version in reversed(line)
            if version in state.stages and version != state.champion
        ),
        None,
    )


def removable(history: Sequence[State], state: State, keep_last: int) -> list[int]:
    """Give the versions that no stage needs.

    Parameters
    ----------
    history : sequence of State
        All states, the oldest first.
    state : State
        The present one.
    keep_last : int
        How many development versions stay, the newest.

    Returns
    -------
    versions : list of int
        In development, and not the champion that a rollback brings back.
    """
    before = champion_before(history, state)
    development = [v for v, stage in state.stages.items() if stage == DEVELOPMENT]
    old = development[: max(0, len(development) - keep_last)]
    return [version for version in old if version != before]


def _shorten(versions: list[int]) -> str:
    if not versions:
        return "none yet: register a model"
    if len(versions) <= 10:
        return str(versions)
    return f"{len(versions)}, from {versions[0]} to {versions[-1]}"
