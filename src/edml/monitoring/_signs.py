"""Signs and parts: what monitoring found, its verdict, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edml._translation import N_
from edml._words import Words
from edml.explanation import feature_name
from edml.monitoring._texts import TEXTS

FINE, CANNOT_TELL, LOOK, ACT = "fine", "cannot tell", "look", "act"
#: The verdicts, from the best to the worst.
VERDICTS = (FINE, CANNOT_TELL, LOOK, ACT)

#: The parts of a report, with their titles.
PARTS = {
    "input": N_("Input"),
    "drift": N_("Drift of features and scores"),
    "expected": N_("Expected performance"),
    "realised": N_("Realised performance"),
    "lists": N_("Lists of the ledger"),
}
_WORDS = {
    FINE: N_("fine"),
    CANNOT_TELL: N_("cannot tell"),
    LOOK: N_("look"),
    ACT: N_("act"),
}


@dataclass(frozen=True)
class Sign:
    """One fact that monitoring found, with its verdict and the next step.

    Parameters
    ----------
    code : str
        A stable identifier, such as "unit-of-dates".
    verdict : {"fine", "cannot tell", "look", "act"}
        What it means.
    found : str
        What was found, with placeholders for ``details``; never a student's value.
    remedy : str
        The next step, likewise; empty if there is nothing to do.
    details : dict or None, default=None
        The counts, shares and names in the texts.

    Examples
    --------
    >>> from edml.monitoring import Sign
    >>> sign = Sign("dates", "act", "{n} dates are gone.", "Check the feed.", {"n": 3})
    >>> sign.describe()
    ('3 dates are gone.', 'Check the feed.')
    """

    __module__ = "edml.monitoring"

    code: str
    verdict: str
    found: str
    remedy: str
    details: dict[str, Any] | None = None

    def describe(self, language: str = "en") -> tuple[str, str]:
        """Return what was found and the next step.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            Of the texts.

        Returns
        -------
        found, remedy : str
        """
        words = Words(language)
        details = {
            name: _format(name, value, words)
            for name, value in (self.details or {}).items()
        }
        texts = [text and words(text, **details) for text in (self.found, self.remedy)]
        return texts[0], texts[1]


def _format(name: str, value: Any, words: Words) -> str:
    """Format a detail: features in words, and figures by what their name says."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(feature_name(one, words.language) for one in value)
    if name.startswith("share"):
        return words.percent(value, 0 if value > 0.1 else 1)
    if isinstance(value, int):
        return words.number(value)
    if name == "points" or name.startswith("day"):
        return words.number(value, 1)
    return words.number(value, 2 if name in ("size", "ratio") else 3)


@dataclass(frozen=True)
class Part:
    """One part of a report: its signs, the worst first.

    Parameters
    ----------
    name : {"input", "drift", "expected", "realised", "lists"}
        Which part.
    signs : tuple of Sign
        What was found; at least one.

    Examples
    --------
    >>> from edml.monitoring import Part, Sign
    >>> Part("input", (Sign("whole", "fine", "Nothing is missing.", ""),)).verdict
    'fine'
    """

    __module__ = "edml.monitoring"

    name: str
    signs: tuple[Sign, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict of its signs."""
        return self.signs[0].verdict

    def title(self, language: str = "en") -> str:
        """Return what the part is called.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            Of the title.

        Returns
        -------
        title : str
        """
        return Words(language)(PARTS[self.name])


def make_sign(code: str, verdict: str, **details: Any) -> Sign:
    """Return a sign with the texts of a code."""
    found, remedy = TEXTS[code]
    return Sign(code.partition("/")[0], verdict, found, remedy, details or None)


def make_part(name: str, signs: Iterable[Sign], otherwise: Sign) -> Part:
    """Return a part with its signs, or with one that says nothing was found."""
    ranked = sorted(signs, key=lambda one: -VERDICTS.index(one.verdict))
    return Part(name, tuple(ranked) or (otherwise,))


def name_verdict(verdict: str, language: str) -> str:
    """Return a verdict in a language."""
    return Words(language)(_WORDS[verdict])
