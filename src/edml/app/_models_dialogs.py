"""Promoting and rolling back, each asked for once more before it is done."""

from typing import Any, Literal, NamedTuple

import pandas as pd
import streamlit as st

from edml.app import _state
from edml.app._launch import handed_settings
from edml.app._models_changes import Outcome, Seen, promote, roll_back
from edml.app._source import Source
from edml.app._words import Words
from edml.exceptions import RegistryError

_ASKING, _SAID = "models_asking", "models_said"


class Asking(NamedTuple):
    """A change that is to be confirmed.

    Attributes
    ----------
    what : {"promote", "rollback"}
        Which.
    version : int
        What becomes the champion.
    seen : Seen
        The stages that the page showed when it was asked for.
    judged : bool
        Whether the version has figures.
    """

    what: Literal["promote", "rollback"]
    version: int
    seen: Seen
    judged: bool


def offer(
    source: Source,
    version: int,
    seen: Seen,
    words: Words,
    *,
    judged: bool,
    changed: bool,
) -> None:
    """Show the buttons, and the dialog of the one that was pressed.

    Parameters
    ----------
    source : Source
        Of a registry.
    version : int
        The one that is looked at.
    seen : Seen
        The stages as the page shows them.
    words : Words
        The language.
    judged : bool
        Whether the version has figures.
    changed : bool
        Whether the page has just said that the registry was changed: then what was
        pressed was pressed before that was known.
    """
    with st.container(horizontal=True):
        if version == seen.champion:
            st.badge(words("m_is_champion", version=version), icon=":material/star:")
        elif st.button(
            words("m_promote"), key="models_promote", icon=":material/upgrade:"
        ):
            st.session_state[_ASKING] = Asking("promote", version, seen, judged)
        if st.button(
            words("m_rollback"),
            key="models_rollback",
            icon=":material/undo:",
            disabled=seen.before is None,
            help=words("m_rollback_none") if seen.before is None else None,
        ):
            before = seen.champion if seen.before is None else seen.before
            st.session_state[_ASKING] = Asking(
                "rollback", before or version, seen, judged=True
            )
    if changed:
        _forget()
    asking: Asking | None = st.session_state.get(_ASKING)
    if asking is not None:
        title = words(f"m_{asking.what}_title", version=asking.version)
        ask = st.dialog(title, on_dismiss=_forget)(_ask)
        ask(source, asking, words)


def _ask(source: Source, asking: Asking, words: Words) -> None:
    with _state.guarded(words, "models_try_again"):
        st.write(_say_consequence(asking, words))
        if not asking.judged:
            st.warning(words("m_promote_unjudged"), icon=":material/help:")
        why = st.text_input(words("m_why_input"), max_chars=200, key="models_why")
        yes = st.button(words(f"m_yes_{asking.what}"), key="models_yes", type="primary")
        no = st.button(words("m_no"), key="models_no")
    if yes:
        _forget()
        allow = handed_settings().allow_changes
        if asking.what == "promote":
            outcome = promote(
                source, asking.version, why, asking.seen, allow_changes=allow
            )
        else:
            outcome = roll_back(source, why, asking.seen, allow_changes=allow)
        done = outcome.kind in ("done", "overtaken")
        said = "done" if done else outcome.kind
        st.session_state[_SAID] = said, _say_outcome(outcome, asking.what, words)
    if yes or no:
        _forget()
        st.rerun()


def _say_consequence(asking: Asking, words: Words) -> str:
    champion = asking.seen.champion
    if asking.what == "rollback":
        return words("m_rollback_text", before=asking.version, version=champion)
    if champion is None:
        return words("m_promote_first", version=asking.version)
    before = words("m_version_n", version=champion)
    return words("m_promote_text", version=asking.version, before=before)


def _say_outcome(outcome: Outcome, what: str, words: Words) -> str:
    if outcome.kind == "done":
        return words(f"m_done_{what}", version=outcome.champion)
    changes = say_changes(outcome.since, words)
    if outcome.kind == "overtaken":
        champion = outcome.champion or words("m_nobody")
        return words("m_done_overtaken", changes=changes, version=champion)
    reason = _state.plain(RegistryError(outcome.message))
    return words(f"m_not_done_{outcome.kind}", changes=changes, reason=reason)


def say_changes(since: pd.DataFrame, words: Words) -> str:
    """Say which versions have moved.

    Parameters
    ----------
    since : DataFrame
        Of `changes_since`.
    words : Words
        The language.

    Returns
    -------
    text : str
        Without a full stop.
    """
    moves = [
        words(
            "m_change",
            version=change.version,
            was=words(f"m_stage_{change.was}"),
            now=words(f"m_stage_{change.now}"),
        )
        for change in since.itertuples(index=False)
    ]
    return "; ".join(moves) or words("m_changed_no_move")


def take_said() -> tuple[str, str] | None:
    """Give what became of the last change, once.

    Returns
    -------
    said : (str, str) or None
        "done" or why not, and the text.
    """
    said: Any = st.session_state.pop(_SAID, None)
    return said


def _forget() -> None:
    st.session_state.pop(_ASKING, None)
