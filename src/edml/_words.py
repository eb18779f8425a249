"""Texts and numbers in the reader's language: the only formatter of numbers.

Tables, captions, charts, reports, downloads and the command line all use it, so that a
value has the same digits everywhere. It rounds halves away from zero, as browsers do.
"""

import math
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from typing import Any

from edml._messages import Coded, in_words
from edml._translation import N_, SOURCE_LANGUAGE, translator

MISSING = "–"  # noqa: RUF001 - a dash marks a missing value
#: The highest exam grade and assignment score of the event table.
MAX_GRADE, MAX_SCORE = 10, 100
_CONTEXT = Context(prec=400)  # digits of the largest float, and of its fraction
_MOST_NAMES, _MORE_NAMES = 8, N_("{names} and {n} more")  # in a sentence
_MOST_DIGITS = 6  # of a small number


class Words:
    """The texts and numbers of one language; a text's key is the English original."""

    def __init__(self, language: str = SOURCE_LANGUAGE) -> None:
        self.language = language
        self._texts = translator(language)
        self.decimal = self._texts.pgettext("decimal separator", ".")
        self.thousands = self._texts.pgettext("thousands separator", ",")
        self._signs = str.maketrans({",": self.thousands, ".": self.decimal})

    # -- texts ------------------------------------------------------------------------

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

    def say(self, text: str) -> str:
        """Translate a text that knows its values; any other stays as it is."""
        if not isinstance(text, Said):
            return text
        values = {k: self._write(k, v) for k, v in text.values.items()}
        return self._texts.gettext(text.template).format(**values)

    def _write(self, name: str, value: Any) -> str:
        if isinstance(value, Coded) and self.language != SOURCE_LANGUAGE:
            return in_words(value, self.language)
        if isinstance(value, str):
            return value
        if not isinstance(value, list):
            share = name.startswith("share")
            return self.percent(value) if share else self.short(value)
        shown = ", ".join(map(repr, value[:_MOST_NAMES]))
        n = len(value) - _MOST_NAMES
        if n <= 0:
            return shown
        return self(_MORE_NAMES, names=shown, n=self.number(n))

    # -- numbers ----------------------------------------------------------------------

    def number(
        self, value: float | None, digits: int = 0, *, signed: bool = False
    ) -> str:
        """Format a number: 1,234.5 or 1.234,5; a dash for NaN and None.

        A value that rounds to zero has no sign; ``signed`` shows the plus of others.
        """
        if value is None or math.isnan(value):
            return MISSING
        if math.isinf(value):
            return "∞" if value > 0 else "-∞"
        step = Decimal(1).scaleb(-digits)
        rounded = Decimal(value).quantize(step, ROUND_HALF_UP, _CONTEXT)
        sign = "+" if signed and rounded else ""
        return f"{rounded:{sign}z,f}".translate(self._signs)

    def percent(
        self, share: float | None, digits: int = 1, *, signed: bool = False
    ) -> str:
        """Format a fraction as a percentage: 35.3% or 35,3 %."""
        if share is None or math.isnan(share):
            return MISSING
        number = self.number(100 * share, digits, signed=signed)
        return self._texts.gettext("{}%").format(number)

    def short(self, value: float | None) -> str:
        """Format a number without needless digits: 1,234, 12.5, 8 or 0.04."""
        if value is None or not math.isfinite(value):
            return self.number(value)
        size = abs(value)
        digits = 0 if size >= 100 else 1
        if 0 < size < 0.1:
            digits = min(-math.floor(math.log10(size)), _MOST_DIGITS)
        text = self.number(value, digits)
        return text.rstrip("0").removesuffix(self.decimal) if digits else text

    def p_value(self, value: float | None) -> str:
        """Format a p-value to three digits, or as less than 0.001."""
        if value is not None and value < 0.001:
            return self._texts.gettext("less than {}").format(self.number(0.001, 3))
        return self.number(value, 3)

    def interval(self, low: float | None, high: float | None, digits: int = 2) -> str:
        """Format the ends of an interval: [0.71, 0.84]; "" where one is unknown."""
        if low is None or high is None or math.isnan(low) or math.isnan(high):
            return ""
        ends = {"low": self.number(low, digits), "high": self.number(high, digits)}
        return self._texts.gettext("[{low}, {high}]").format(**ends)

    def estimate(
        self,
        value: float | None,
        low: float | None,
        high: float | None,
        digits: int = 3,
        *,
        signed: bool = False,
    ) -> str:
        """Format a figure and its interval, if known: 0.812 [0.710, 0.840]."""
        text = self.number(value, digits, signed=signed)
        return f"{text} {self.interval(low, high, digits)}".rstrip()

    def grade(self, value: float | None, highest: int = MAX_GRADE) -> str:
        """Format a grade with its scale: 6.5/10; one beyond the scale has none."""
        text = self.short(value)
        if value is None or not 0 <= value <= highest:
            return text
        return f"{text}/{highest}"


class Said(str):
    """A text in English, and its template and values, to say it in other languages."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]


def say(template: str, /, **values: Any) -> Said:
    """Fill in values: names, lists of names, and numbers, which are shares by name."""
    bare = Said(template)
    bare.template, bare.values = template, values
    filled = Said(words_in(SOURCE_LANGUAGE).say(bare))
    filled.template, filled.values = template, values
    return filled


@cache
def words_in(language: str) -> Words:
    """Return the words of a language, made once."""
    return Words(language)


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 row" or "1,234 rows"; ``many`` is ``one`` and an s by default."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _fill(text: str, values: dict[str, object]) -> str:
    return text.format(**values) if values else text
