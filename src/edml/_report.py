"""Reports: their sentences and tables as text, in a notebook and as a page."""

from os import PathLike
from typing import Any, ClassVar

import pandas as pd

from edml._files import replace_file
from edml._page import Picture, Table, make_body, make_figures, make_page, wrap
from edml._urls import as_path
from edml._words import Words, words_in


class Report:
    """The base of reports, which say what is in them with `_parts`."""

    _TITLE: ClassVar[str]

    def _parts(self, words: Words) -> list[str | Table]:
        raise NotImplementedError

    def _pictures(self, words: Words) -> list[Picture]:
        """Return what the page shows below the parts."""
        return []

    def to_text(self, language: str = "en") -> str:
        """Return the report as text.

        Parameters
        ----------
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        text : str
        """
        texts = []
        for part in self._parts(words_in(language)):
            if not isinstance(part, Table):
                texts.append(part)
            elif not part.folded:
                texts.append(part.to_text())
        return "\n\n".join(texts)

    def to_html(self, path: str | PathLike[str], language: str = "en") -> None:
        """Write the report as one HTML page that loads nothing from elsewhere.

        The file is written atomically.

        Parameters
        ----------
        path : str or path-like
            The file, replaced where it exists; its folder is made if need be.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Raises
        ------
        MissingExtraError
            If the page has pictures, and matplotlib is not installed.
        OSError
            If the file cannot be written.
        """
        words = words_in(language)
        body = make_body(self._parts(words))
        if pictures := self._pictures(words):
            body += make_figures(pictures)
        path = as_path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, make_page(words(self._TITLE), body, language))

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return wrap(self._parts(words_in("en")))


def list_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table for JSON, with None for nulls."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
