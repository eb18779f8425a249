"""The texts of the pages, in English and Spanish."""

from edml.app._words_models import MODELS
from edml.app._words_scores import SCORES
from edml.app._words_shared import SHARED

LANGUAGES = {"en": "English", "es": "Español"}

_TEXTS = {
    language: {**SHARED[language], **SCORES[language], **MODELS[language]}
    for language in LANGUAGES
}


class Words:
    """The texts in one language.

    Parameters
    ----------
    language : {"en", "es"}
        Which.

    Attributes
    ----------
    language : str
        As given.
    decimal : {".", ","}
        The decimal sign.

    Examples
    --------
    >>> from edml.app._words import Words
    >>> Words("es")("page_scores")
    'Estudiantes'
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self.decimal = "," if language == "es" else "."

    def __call__(self, key: str, /, **values: object) -> str:
        """Give a text, with its places filled."""
        text = _TEXTS[self.language][key]
        return text.format(**values) if values else text

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number as its readers do: 1,234.5 or 1.234,5.

        Parameters
        ----------
        value : float
            The number.
        digits : int, default=0
            Those after the decimal sign.

        Returns
        -------
        text : str
            A dash where the number is NaN.
        """
        if value != value:  # noqa: PLR0124 - NaN
            return "–"  # noqa: RUF001 - a dash stands for nothing
        text = f"{value:,.{digits}f}"
        if self.decimal == ",":
            return text.translate(str.maketrans(",.", ".,"))
        return text

    def percent(self, share: float, digits: int = 0) -> str:
        """Write a share as a percentage.

        Parameters
        ----------
        share : float
            A fraction in [0, 1].
        digits : int, default=0
            Those after the decimal sign.

        Returns
        -------
        text : str
        """
        return f"{self.number(100 * share, digits)} %"


def choose_language(wanted: str | None) -> str:
    """Give the language for a locale such as "es-AR"; English for any other.

    Parameters
    ----------
    wanted : str or None
        What the browser asks for.

    Returns
    -------
    language : {"en", "es"}
    """
    first = (wanted or "").replace("_", "-").partition("-")[0].lower()
    return first if first in LANGUAGES else "en"
