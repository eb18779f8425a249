"""Texts in other languages, from gettext catalogues.

The English texts in the code are the message ids. A catalogue is in
``edml/locale/<language>/LC_MESSAGES``: ``edml.po`` is for translators, and edml reads
``edml.mo``. `nox -s translations` updates both from the code, and `nox -s translations
-- fr` starts a new language without changes to the code.
"""

import gettext
from functools import cache
from gettext import NullTranslations
from pathlib import Path

LOCALE = Path(__file__).with_name("locale")
DOMAIN = "edml"
SOURCE_LANGUAGE = "en"


def list_languages() -> tuple[str, ...]:
    """Return English, then each language that has a compiled catalogue."""
    found = LOCALE.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    return (SOURCE_LANGUAGE, *sorted(path.parts[-3] for path in found))


@cache
def translator(language: str) -> NullTranslations:
    """Return the catalogue of a language; raise ValueError for an unknown one."""
    languages = list_languages()
    if language not in languages:
        message = f"language={language!r} is unknown: use one of {list(languages)}."
        raise ValueError(message)
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [language])


def N_(text: str) -> str:  # noqa: N802 - the name that extractors know
    """Mark a text for extraction that is translated later."""
    return text
