"""The reader's language: its choice and its name."""

from edml._translation import SOURCE_LANGUAGE, list_languages
from edml._words import Words

__all__ = ["Words", "choose_language", "language_name"]


def language_name(language: str) -> str:
    """Return the native name of a language, from its own catalogue."""
    return Words(language).pgettext("name of this language", "English")


def choose_language(wanted: str | None) -> str:
    """Return the language for a locale such as "es-AR"; English for any other."""
    first = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return first if first in list_languages() else SOURCE_LANGUAGE
