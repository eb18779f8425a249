"""What Streamlit keeps between runs of a page, and what it shows when one fails.

Everything is kept in memory alone. What is shown of students is keyed by the
fingerprint of their events, the model's version and what was asked.
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
    """Open what the models and scores come from, once for all sessions.

    Parameters
    ----------
    _settings : AppSettings
        Where they come from; one process has one.

    Returns
    -------
    source : Source
    """
    if _settings.open_client is not None:
        from edml.app._endpoint import EndpointSource  # noqa: PLC0415 - seconds

        return EndpointSource(_settings.open_client(), _settings.columns)
    if _settings.open_registry is not None:
        from edml.app._source import RegistrySource  # noqa: PLC0415

        return RegistrySource(_settings.open_registry)
    from edml.app._demo import DemoSource  # noqa: PLC0415

    return DemoSource()


def current_source() -> "Source":
    """Give the source of this process.

    Returns
    -------
    source : Source
    """
    return open_source(handed_settings())


@contextmanager
def guarded(words: Words, key: str = "try_again") -> Iterator[None]:
    """Make of what goes wrong a message on the page, with a way on.

    What edml refuses is told in its own words. Of anything else only the kind is
    shown, and the place printed: a message may hold a student's values.

    Parameters
    ----------
    words : Words
        In the page's language.
    key : str, default="try_again"
        Of the button.

    Yields
    ------
    nothing : None
    """
    try:
        yield
    except EdmlError as error:
        _tell(words, words("refused", reason=plain(error)), key)
    except MemoryError:
        _tell(words, words("no_memory"), key)
    except OSError as error:  # without the address of a file, which others see
        reason = error.strerror or type(error).__name__
        _tell(words, words("refused", reason=f"{reason}."), key)
    except Exception as error:  # the page has no other end
        _print_place(error)
        _tell(words, words("unexpected", kind=type(error).__name__), key)


def plain(error: EdmlError) -> str:
    """Give the message of an error as one line of text.

    Parameters
    ----------
    error : EdmlError
        What was refused.

    Returns
    -------
    text : str
        Escaped.
    """
    return escape(" ".join(str(error).split()))


def escape(text: str) -> str:
    """Escape a text so that nothing in it is taken for Markdown.

    Parameters
    ----------
    text : str
        Such as the name of a course.

    Returns
    -------
    escaped : str
    """
    return "".join(f"\\{c}" if c in _MARKDOWN else c for c in text)


def _tell(words: Words, text: str, key: str) -> None:
    st.error(text, icon=":material/error:")
    if st.button(words("try_again"), key=key):
        st.rerun()


def _print_place(error: Exception) -> None:
    """Print where an error of edml's own arose, without its message."""
    frames = traceback.format_tb(error.__traceback__)
    print(f"edml app: {type(error).__name__}", *frames, file=sys.stderr)  # noqa: T201
