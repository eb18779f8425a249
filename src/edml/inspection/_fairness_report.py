"""FairnessReport: the gaps between groups, as a table, a picture and text."""

import html
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from edml._drawing import (
    BLUE,
    GREY,
    VERMILLION,
    localize,
    open_panels,
    require_pyplot,
    soften,
    without_math,
)
from edml._words import Words, words_in
from edml.inspection._fairness_html import write_page
from edml.metrics import GROUP_TITLES

_COLOURS = {"differs": VERMILLION, "alike": BLUE, "cannot tell": GREY}


@dataclass(frozen=True, eq=False, repr=False)
class FairnessReport:
    """How a model's flags and errors differ between groups of students.

    `fairness_report` returns it. It holds no student ids, and no group of few students.

    Parameters
    ----------
    table : DataFrame of shape (5 * n_groups, 9)
        A row for each group and figure (those of `edml.metrics.bootstrap_groups`):
        group, figure, value, rest (the figure of all other students), gap (the
        difference), low and high (its interval), detectable (the smallest gap that the
        data would have shown) and verdict: "alike" where a gap beyond ``tolerance`` is
        ruled out, "differs" where the interval excludes 0, else "cannot tell". NaN
        where fewer than five students of the group fail, or pass.
    groups : DataFrame of shape (n_groups, 4)
        group, n_snapshots, n_students, n_failing (students).
    by : str
        What the groups are values of.
    n_left_out : int
        Number of groups with too few students to be shown.
    threshold : float
        The probability at and above which a student is flagged.
    tolerance : float
        The largest gap that is of no importance, a fraction.
    confidence : float
        Of the intervals of one figure together, a fraction in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.inspection import fairness_report
    >>> X, y = make_classification(900, random_state=0)
    >>> model = LogisticRegression().fit(X[:300], y[:300])
    >>> degree = np.where(X[300:, 0] > 0, "day", "evening")
    >>> report = fairness_report(model, X[300:], y[300:], degree, n_resamples=100)
    >>> report.groups["group"].tolist()
    ['day', 'evening']
    """

    __module__ = "edml.inspection"

    table: pd.DataFrame
    groups: pd.DataFrame
    by: str
    n_left_out: int
    threshold: float
    tolerance: float
    confidence: float

    def plot(self, ax: Any = None, *, language: str = "en") -> Any:
        """Draw each gap as a dot with its interval, a panel for each figure.

        The shaded band holds the gaps of no importance. Gaps that are undefined are
        left out.

        Parameters
        ----------
        ax : sequence of 5 Axes, default=None
            Where to draw; None makes a figure.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        axes : ndarray of Axes of shape (5,)

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        ValueError
            If there are fewer or more axes than figures, or the language is unknown.
        """
        require_pyplot()
        words = words_in(language)
        names = list(GROUP_TITLES)
        size = (2.0 + 2.2 * len(names), 1.3 + 0.35 * len(self.groups))
        axes = open_panels(ax, len(names), "figures", size)
        labels = [without_math(label) for label in self.groups["group"]]
        for number, (panel, name) in enumerate(zip(axes, names, strict=True)):
            self._draw_panel(panel, name, words)
            panel.set_yticks(range(len(labels)), labels if number == 0 else [])
        return axes

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The fields; tables are lists of rows, and NaN is None.
        """
        fields = {
            field.name: getattr(self, field.name)
            for field in dataclass_fields(self)
            if field.name not in ("table", "groups")
        }
        for name in ("table", "groups"):
            plain = getattr(self, name).astype(object)
            fields[name] = plain.where(plain.notna(), None).to_dict("records")
        return fields

    def to_html(self, path: str | PathLike[str], *, language: str = "en") -> None:
        """Write a self-contained HTML page, with what each remedy costs.

        The page loads no external resources, and the file is written atomically.

        Parameters
        ----------
        path : str or path-like
            The file, replaced where it exists; its folder must exist.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Raises
        ------
        ValueError
            If the language is unknown.
        """
        write_page(self, path, words_in(language))

    def _draw_panel(self, panel: Any, name: str, words: Words) -> None:
        panel.axvspan(-self.tolerance, self.tolerance, color=GREY, alpha=0.15, lw=0)
        panel.axvline(0, color=GREY, lw=1)
        rows = self.table[self.table["figure"] == name].itertuples()
        for place, row in enumerate(rows):
            colour = _COLOURS[row.verdict]
            panel.plot([row.low, row.high], [place, place], color=colour, lw=2)
            panel.plot(row.gap, place, "o", color=colour)
        panel.set_ylim(len(self.groups) - 0.5, -0.5)  # the first group on top
        panel.margins(x=0.08)
        soften(panel, grid="x")
        localize(panel, words)
        panel.set_title(words(GROUP_TITLES[name]), fontsize="small", wrap=True)
        panel.set_xlabel(words("gap to the others"))

    def __repr__(self) -> str:
        lines = [f"FairnessReport: {self._caption()}"]
        width = max(map(len, self.groups["group"]))
        for name, title in GROUP_TITLES.items():
            lines.append(title[0].upper() + title[1:])
            lines += [
                f"  {row.group:<{width}}  {_format(row)}"
                for row in self.table[self.table["figure"] == name].itertuples()
            ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        shown = {
            GROUP_TITLES[str(name)]: rows.set_index("group").apply(_format, axis=1)
            for name, rows in self.table.groupby("figure", sort=False)
        }
        table = pd.DataFrame(shown).loc[self.groups["group"]]
        return f"<p>{html.escape(self._caption())}</p>{table.to_html()}"

    def _caption(self) -> str:
        words = Words()
        sizes = ", ".join(
            f"{row.group} ({row.n_students:,} students, {row.n_failing:,} of them fail)"
            for row in self.groups.itertuples()
        )
        left_out = (
            f" {self.n_left_out} groups have too few students to be shown."
            if self.n_left_out
            else ""
        )
        return (
            f"{self.by}: {sizes}; flagged from {words.percent(self.threshold)}. Each "
            f"group is compared with all other students: its figure, the gap and its "
            f"{words.percent(self.confidence, 0)} interval. Gaps within "
            f"{self.tolerance:g} are of no importance.{left_out}"
        )


def _format(row: Any) -> str:
    """Format one comparison as text."""
    if np.isnan(row.low):
        return "too few students"
    words = Words()
    gap = words.number(row.gap, 3, signed=True)
    ends = words.interval(row.low, row.high, 3)
    text = f"{words.number(row.value, 3)}, gap {gap} {ends}"
    note = f": {row.verdict}"
    if row.verdict == "cannot tell":
        note += f" (gaps from {words.number(row.detectable, 3)} on would show)"
    return text + note
