"""The state that Streamlit keeps between runs, and the display of errors.

Everything is kept in memory only. Data of students is keyed by the fingerprint of their
events, the model's version and the query.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from edml._messages import in_words
from edml.app._launch import handed_settings
from edml.app._settings import AppSettings
from edml.app._words import Words
from edml.exceptions import EdmlError

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

    from edml.app._source import Source

_MARKDOWN = frozenset("\\`*_{}[]<>()#$|~:!")


@st.cache_resource(show_spinner=False)
def open_source(_settings: AppSettings) -> "Source":
    """Open the source of models and scores, once for all sessions."""
    from edml.app import _source  # noqa: PLC0415 - seconds

    if _settings.open_client is not None:
        return _source.EndpointSource(_settings.open_client(), _settings.columns)
    if _settings.open_registry is not None:
        return _source.RegistrySource(_settings.open_registry)
    return _source.DemoSource()


def current_source() -> "Source":
    """Return the source of this process."""
    return open_source(handed_settings())


@contextmanager
def guarded(words: Words, key: str = "try_again") -> Iterator[None]:
    """Show an error on the page, with a button to try again.

    An EdmlError shows its own message. For any other error only its type is shown and
    its location printed, because its message may hold a student's values.
    """
    try:
        yield
    except Exception as error:  # the last handler
        kind = EdmlError | MemoryError | OSError
        reason = say(error, words) if isinstance(error, kind) else None
        if reason is None:
            frames = traceback.format_tb(error.__traceback__)
            print(f"edml app: {type(error).__name__}", *frames, file=sys.stderr)  # noqa: T201
            text = words(
                "Something went wrong in the app ({kind}). Try again; if it happens "
                "again, tell whoever runs the app.",
                kind=type(error).__name__,
            )
        else:
            text = words("That did not work. {reason}", reason=reason)
        _show_error(words, text, key)


def say(error: Exception, words: Words) -> str:
    """Say in words what an error means, for Markdown."""
    if isinstance(error, MemoryError):
        return words(
            "There is not enough memory for that. Choose one course, or a smaller file."
        )
    if isinstance(error, OSError) and not isinstance(error, EdmlError):
        # without the file path, which others would see
        return f"{error.strerror or type(error).__name__}."
    return escape(in_words(error, words.language))


def forget_file(file: "UploadedFile") -> None:
    """Free the memory of an uploaded file that has been read."""
    context = get_script_run_ctx()
    if context is not None and isinstance(
        context.uploaded_file_mgr, MemoryUploadedFileManager
    ):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)


def keep(*keys: str) -> None:
    """Keep the values of widgets while the user is on another page."""
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def show_demo_note(source: "Source", words: Words) -> None:
    """Show a note if the page is only a demonstration."""
    if source.kind == "demo":
        text = words(
            "This is a demonstration with made-up students and a model trained just "
            "now. To see your own, start the app with --registry or --url, and --data."
        )
        st.caption(f":material/school: {text}")


def escape(text: str) -> str:
    """Escape a text, such as a course's name, for Markdown."""
    return "".join(f"\\{c}" if c in _MARKDOWN else c for c in text)


def _show_error(words: Words, text: str, key: str) -> None:
    st.error(text, icon=":material/error:")
    if st.button(words("Try again"), key=key):
        st.rerun()
