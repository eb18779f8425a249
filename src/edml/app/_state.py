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

from edml.app._launch import handed_settings
from edml.app._settings import AppSettings
from edml.app._words import Words
from edml.exceptions import EdmlError

if TYPE_CHECKING:
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
    except EdmlError as error:
        text = words("That did not work. {reason}", reason=plain(error))
        _show_error(words, text, key)
    except MemoryError:
        text = words(
            "There is not enough memory for that. Choose one course, or a smaller file."
        )
        _show_error(words, text, key)
    except OSError as error:  # without the file path, which others would see
        reason = f"{error.strerror or type(error).__name__}."
        text = words("That did not work. {reason}", reason=reason)
        _show_error(words, text, key)
    except Exception as error:  # the last handler
        frames = traceback.format_tb(error.__traceback__)
        print(f"edml app: {type(error).__name__}", *frames, file=sys.stderr)  # noqa: T201
        text = words(
            "Something went wrong in the app ({kind}). Try again; if it happens again, "
            "tell whoever runs the app.",
            kind=type(error).__name__,
        )
        _show_error(words, text, key)


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


def plain(error: EdmlError) -> str:
    """Return the message of an error as one line of text."""
    return escape(" ".join(str(error).split()))


def escape(text: str) -> str:
    """Escape a text, such as a course's name, for Markdown."""
    return "".join(f"\\{c}" if c in _MARKDOWN else c for c in text)


def _show_error(words: Words, text: str, key: str) -> None:
    st.error(text, icon=":material/error:")
    if st.button(words("Try again"), key=key):
        st.rerun()
