"""Promotion and rollback, each confirmed in a dialog."""

from typing import Any

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._launch import handed_settings
from edml.app._models_changes import Asking, Outcome, Seen, change
from edml.app._models_names import STAGES
from edml.app._words import Words
from edml.exceptions import RegistryError
from edml.registry import ModelRegistry

_ASKING, _OUTCOME = "models_asking", "models_outcome"


def offer(
    registry: ModelRegistry,
    version: int,
    seen: Seen,
    words: Words,
    *,
    evaluated: bool,
    changed: bool,
) -> None:
    """Show the buttons, and the dialog of the one that was pressed.

    If the page has just reported a change of the registry, the button was pressed
    before the user could see it, and no dialog opens.
    """
    allowed = handed_settings().allow_changes
    reasons = []
    if not allowed:
        text = words("Changes need an app that was started with --allow-changes.")
        reasons.append(text)
    elif seen.before is None:
        text = words(
            "There is no version to roll back to: no earlier production version is "
            "still there."
        )
        reasons.append(text)
    with st.container(horizontal=True, key="models_changes"):
        if version == seen.champion:
            text = words("Version {version} is in production.", version=version)
            st.badge(text, icon=":material/star:")
        elif st.button(
            words("Promote to production"),
            key="models_promote",
            icon=":material/upgrade:",
            disabled=not allowed,
        ):
            st.session_state[_ASKING] = Asking("promote", version, seen, evaluated)
        rollback = st.button(
            words("Roll back"),
            key="models_rollback",
            icon=":material/undo:",
            disabled=not allowed or seen.before is None,
        )
        if rollback and seen.before is not None:
            asking = Asking("rollback", seen.before, seen, evaluated=True)
            st.session_state[_ASKING] = asking
    for reason in reasons:  # below the buttons, where a phone shows it too
        st.caption(reason)
    if changed:
        _forget()
    pending: Asking | None = st.session_state.get(_ASKING)
    if pending is not None:
        if pending.what == "promote":
            title = words("Promote version {version}?", version=pending.version)
        else:
            title = words("Roll back to version {version}?", version=pending.version)
        st.dialog(title, on_dismiss=_forget)(_ask)(registry, pending, words)


def _ask(registry: ModelRegistry, asking: Asking, words: Words) -> None:
    promoting = asking.what == "promote"
    with _state.guarded(words, "models_try_again"):
        st.write(_say_consequence(asking, words))
        if not asking.evaluated:
            text = words("It was not evaluated: nobody knows how good it is.")
            st.warning(text, icon=":material/help:")
        label = words("Why? (for the history)")
        why = st.text_input(label, max_chars=200, key="models_why")
        label = words("Yes, promote") if promoting else words("Yes, roll back")
        yes = st.button(label, key="models_yes", type="primary")
        no = st.button(words("No, change nothing"), key="models_no")
    if yes:
        _forget()
        allow = handed_settings().allow_changes
        outcome = change(registry, asking, why, allow_changes=allow)
        done = outcome.kind in ("done", "overtaken")
        st.session_state[_OUTCOME] = done, _say_outcome(outcome, promoting, words)
    if yes or no:
        _forget()
        st.rerun()


def _say_consequence(asking: Asking, words: Words) -> str:
    champion = asking.seen.champion
    if asking.what == "rollback":
        return words(
            "Version {before} will score students again, and version {version} goes "
            "back to development.",
            before=asking.version,
            version=champion,
        )
    if champion is None:
        return words(
            "Version {version} will score students from now on. No version does so "
            "yet.",
            version=asking.version,
        )
    return words(
        "Version {version} will score students from now on. Version {before} goes "
        "back to development.",
        version=asking.version,
        before=champion,
    )


def _say_outcome(outcome: Outcome, promoting: bool, words: Words) -> str:
    version = outcome.champion
    if outcome.kind == "done":
        if promoting:
            return words("Version {version} is in production now.", version=version)
        return words("Version {version} is in production again.", version=version)
    changes = say_moves(outcome.moves, words)
    if outcome.kind == "overtaken":
        return words(
            "Done, but another change came at the same moment: {changes}. Version "
            "{version} is in production now.",
            changes=changes,
            version=version or words("none"),
        )
    reason = _state.say(RegistryError(outcome.message), words)
    nothing_done = {
        "changed": words(
            "Nothing was changed, because the registry is no longer as the page "
            "showed it: {changes}. Look at it as it is now, then decide again.",
            changes=changes,
        ),
        "gone": words("Nothing was changed: the version has been removed."),
        "not_allowed": words(
            "Nothing was changed: the app was started without --allow-changes."
        ),
        "refused": words("Nothing was changed. {reason}", reason=reason),
    }
    return nothing_done[outcome.kind]


def say_moves(moves: pd.DataFrame, words: Words) -> str:
    """Describe which versions have moved, without a full stop."""
    texts = [
        words(
            "version {version} moved from {was} to {now}",
            version=move.version,
            was=words(STAGES[str(move.was)]),
            now=words(STAGES[str(move.now)]),
        )
        for move in moves.itertuples(index=False)
    ]
    return "; ".join(texts) or words("another evaluation or note was written")


def take_outcome() -> tuple[bool, str] | None:
    """Return, once, whether the last change was made and a text about it."""
    outcome: Any = st.session_state.pop(_OUTCOME, None)
    return outcome


def _forget() -> None:
    st.session_state.pop(_ASKING, None)
