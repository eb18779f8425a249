"""The texts and numbers of the pages, in the reader's language."""

import math

from edml._translation import SOURCE_LANGUAGE, list_languages, translator


class Words:
    """The texts of one language; the key is the English original."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = translator(language)
        self.decimal = self._texts.pgettext("decimal separator", ".")
        self.thousands = self._texts.pgettext("thousands separator", ",")

    def __call__(self, text: str, /, **values: object) -> str:
        """Translate a text and fill in its values."""
        return _fill(self._texts.gettext(text), values)

    def pgettext(self, context: str, text: str, /, **values: object) -> str:
        """Translate a text whose translation depends on the context."""
        return _fill(self._texts.pgettext(context, text), values)

    def ngettext(self, one: str, many: str, n: int, /, **values: object) -> str:
        """Translate a text that depends on a number, which fills in ``{n}``."""
        text = self._texts.ngettext(one, many, n)
        return _fill(text, {"n": self.number(n), **values})

    def number(self, value: float, digits: int = 0) -> str:
        """Format a number for the language, 1,234.5 or 1.234,5; NaN is a dash."""
        if math.isnan(value):
            return "–"  # noqa: RUF001 - a dash marks a missing value
        signs = str.maketrans({",": self.thousands, ".": self.decimal})
        return f"{value:,.{digits}f}".translate(signs)

    def percent(self, share: float, digits: int = 0) -> str:
        """Format a fraction as a percentage."""
        return self._texts.gettext("{}%").format(self.number(100 * share, digits))


def _fill(text: str, values: dict[str, object]) -> str:
    return text.format(**values) if values else text


def language_name(language: str) -> str:
    """Return the native name of a language, from its own catalogue."""
    return Words(language).pgettext("name of this language", "English")


def choose_language(wanted: str | None) -> str:
    """Return the language for a locale such as "es-AR"; English for any other."""
    first = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return first if first in list_languages() else SOURCE_LANGUAGE
