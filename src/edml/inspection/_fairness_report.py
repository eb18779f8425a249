"""FairnessReport: the gaps between groups, as tables, a picture and text."""

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from edml._drawing import (
    BLUE,
    GREY,
    VERMILLION,
    draw_intervals,
    open_panels,
    require_pyplot,
    without_math,
)
from edml._page import Cell, Table
from edml._report import Report, list_records
from edml._translation import N_
from edml._words import MISSING, Words, words_in
from edml.metrics import GROUP_TITLES

_VERDICTS = {
    "alike": N_("alike"),
    "differs": N_("differs"),
    "cannot tell": N_("cannot tell"),
}
_COLOURS = {"differs": VERMILLION, "alike": BLUE, "cannot tell": GREY}
#: What can be done about a gap, and what that costs.
_REMEDIES = (
    N_(
        "Where groups fail at different rates, no model can make flags, false alarms "
        "and misses alike at once. Decide which of them matters for the help you offer."
    ),
    N_(
        "A calibration for each group corrects probabilities that are too low or too "
        "high. It uses the attribute in each decision, which may be unlawful. More "
        "students of the group in training do not."
    ),
    N_(
        "A threshold for each group makes the misses alike. It also uses the "
        "attribute, and students of equal risk are then treated differently."
    ),
    N_("Leaving a column out also removes what it adds for everybody."),
)


@dataclass(frozen=True, eq=False, repr=False)
class FairnessReport(Report):
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
        The column whose values are the groups.
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
    _TITLE = N_("Whether groups of students are served alike")

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
        for panel, name in zip(axes, names, strict=True):
            panel.axvspan(-self.tolerance, self.tolerance, color=GREY, alpha=0.15, lw=0)
            panel.axvline(0, color=GREY, lw=1)
            rows = self.table[self.table["figure"] == name].itertuples()
            gaps = ((row.gap, row.low, row.high, _COLOURS[row.verdict]) for row in rows)
            draw_intervals(panel, gaps, words)
            panel.set_title(words(GROUP_TITLES[name]), fontsize="small", wrap=True)
            panel.set_xlabel(words("gap to the others"))
            panel.set_yticks(range(len(labels)), labels if panel is axes[0] else [])
        return axes

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The fields; tables are lists of rows, and NaN is None.
        """
        tables = {
            name: list_records(getattr(self, name)) for name in ("table", "groups")
        }
        return asdict(self) | tables

    def _parts(self, words: Words) -> list[str | Table]:
        caption = words(
            "Each group of {by} is compared with all other students. Students are "
            "flagged from {threshold} on. Intervals hold with {confidence} together; "
            "gaps within {tolerance} are of no importance. Nothing is corrected.",
            by=self.by,
            threshold=words.percent(self.threshold),
            confidence=words.percent(self.confidence, 0),
            tolerance=words.number(self.tolerance, 3),
        )
        if self.n_left_out:
            caption += " " + words.ngettext(
                "{n} group has too few students to be shown.",
                "{n} groups have too few students to be shown.",
                self.n_left_out,
            )
        sizes = [
            (one.group, words.number(one.n_students), words.number(one.n_failing))
            for one in self.groups.itertuples()
        ]
        head = (words("Group"), words("Students"), words("of whom fail"))
        return [
            caption,
            Table(words("The groups"), head, sizes),
            *(self._tabulate(name, words) for name in GROUP_TITLES),
            words("What each remedy costs:"),
            *map(words, _REMEDIES),
        ]

    def _tabulate(self, name: str, words: Words) -> Table:
        """Return the comparisons of one figure."""
        head = (
            words("Group"),
            words("Value"),
            words("Of the others"),
            words("Gap"),
            words("Interval"),
            words("Smallest gap that would have shown"),
            words("Verdict"),
        )
        rows = [
            (
                row.group,
                words.number(row.value, 3),
                words.number(row.rest, 3),
                Cell(words.number(row.gap, 3, signed=True), row.gap),
                words.interval(row.low, row.high, 3) or MISSING,
                words.number(row.detectable, 3),
                words(_VERDICTS[row.verdict]),
            )
            for row in self.table[self.table["figure"] == name].itertuples()
        ]
        return Table(words(GROUP_TITLES[name]), head, rows, sortable=True)
