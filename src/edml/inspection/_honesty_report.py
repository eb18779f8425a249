"""HonestyReport: the figures of each split, as a table, a picture and a file."""

import html
from dataclasses import dataclass
from os import PathLike
from typing import Any

import pandas as pd

from edml._drawing import (
    BLUE,
    VERMILLION,
    localize,
    open_panels,
    require_pyplot,
    soften,
)
from edml._words import Words, words_in
from edml.inspection._honesty_html import name_split, write_page
from edml.metrics import LOSSES, METRIC_TITLES


@dataclass(frozen=True, eq=False, repr=False)
class HonestyReport:
    """The figures of one pipeline under each way to split a table.

    `honesty_report` returns it. All splits are evaluated on the same snapshots.

    Parameters
    ----------
    table : DataFrame of shape (n_splits, 6 * n_metrics + 2)
        A row for each split, by its name. For each metric, such as roc_auc, the columns
        roc_auc, roc_auc_low, roc_auc_high (the figure and its interval),
        roc_auc_optimism, roc_auc_optimism_low, roc_auc_optimism_high (how much it
        flatters the model: positive for too high an AUC, or too low a Brier score).
        Then n_snapshots and n_students, the same for all splits.
    metrics : tuple of str
        Names of the metrics.
    reference : str
        The split that optimism is measured relative to, "forward" where there is one.
    confidence : float
        Share of the resamples in an interval, a fraction in (0, 1).
    notes : tuple of str, default=()
        Which splits are left out or differ, and why.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.inspection import honesty_report
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> pipe = make_risk_pipeline(every=10)
    >>> report = honesty_report(pipe, X, y, n_splits=2, n_resamples=100)
    >>> report.table.index.tolist()
    ['row-random', 'by student', 'by course', 'forward']
    """

    __module__ = "edml.inspection"

    table: pd.DataFrame
    metrics: tuple[str, ...]
    reference: str
    confidence: float
    notes: tuple[str, ...] = ()

    def plot(self, ax: Any = None, *, language: str = "en") -> Any:
        """Draw each figure as a dot with its interval, a panel for each metric.

        A dashed line marks the reference split, which optimism is measured relative to.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            Where to draw, one for each metric; None makes a figure.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        axes : ndarray of Axes of shape (n_metrics,)

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        ValueError
            If there are fewer or more axes than metrics.
        """
        require_pyplot()
        words = words_in(language)
        n_metrics = len(self.metrics)
        size = (1.2 + 2.2 * n_metrics, 1.1 + 0.4 * len(self.table))
        axes = open_panels(ax, n_metrics, "metrics", size)
        for number, (panel, name) in enumerate(zip(axes, self.metrics, strict=True)):
            self._draw_panel(panel, name, words)
            named = [name_split(split, words) for split in self.table.index]
            splits = named if number == 0 else []
            panel.set_yticks(range(len(self.table)), splits)
        return axes

    def _draw_panel(self, panel: Any, name: str, words: Words) -> None:
        """Draw the dot and the interval of each split."""
        for place, split in enumerate(self.table.index):
            value, low, high = self._read(split, name)
            colour = BLUE if split == self.reference else VERMILLION
            panel.plot([low, high], [place, place], color=colour, lw=2)
            panel.plot(value, place, "o", color=colour)
        reference = self.table.loc[self.reference, name]
        panel.axvline(reference, color=BLUE, ls="--", lw=1)
        panel.set_ylim(len(self.table) - 0.5, -0.5)  # the first split on top
        panel.margins(x=0.08)
        soften(panel, grid="x")
        localize(panel, words)
        panel.set_title(words(METRIC_TITLES.get(name, name)))
        better = words("less is better") if name in LOSSES else words("more is better")
        panel.set_xlabel(better)

    def to_html(self, path: str | PathLike[str], *, language: str = "en") -> None:
        """Write the report as one HTML page that loads nothing from elsewhere.

        Parameters
        ----------
        path : str or path-like
            The file, replaced where it exists; its folder must exist.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Raises
        ------
        MissingExtraError
            If matplotlib is not installed.
        """
        write_page(self, path, words_in(language))

    def __repr__(self) -> str:
        width = max(len(split) for split in self.table.index)
        lines = [f"HonestyReport: {self._caption()}"]
        for name in self.metrics:
            lines.append(METRIC_TITLES.get(name, name))
            for split in self.table.index:
                figure, optimism = self._cells(split, name)
                lines.append(f"  {split:<{width}}  {figure}  {optimism}".rstrip())
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        cells = {
            split: [text for name in self.metrics for text in self._cells(split, name)]
            for split in self.table.index
        }
        titles = [METRIC_TITLES.get(name, name) for name in self.metrics]
        head = pd.MultiIndex.from_product([titles, ["figure", "optimism"]])
        shown = pd.DataFrame.from_dict(cells, orient="index", columns=head)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p>{html.escape(self._caption())}</p>{shown.to_html()}{notes}"

    def _caption(self) -> str:
        n_snapshots, n_students = self.table[["n_snapshots", "n_students"]].iloc[0]
        words = Words()
        return (
            f"{n_snapshots:,} snapshots of {n_students:,} students, the same for each "
            f"split; {words.percent(self.confidence, 0)} intervals; optimism is how "
            f"much a split flatters, compared with {self.reference!r}"
        )

    def _cells(self, split: str, name: str) -> tuple[str, str]:
        """Format a figure and its optimism, each with its interval."""
        value, low, high = self._read(split, name)
        words = Words()
        figure = f"{words.number(value, 3)} {words.interval(low, high, 3)}"
        if split == self.reference:
            return figure, ""
        above, low, high = self._read(split, f"{name}_optimism")
        optimism = words.number(above, 3, signed=True)
        return figure, f"{optimism} {words.interval(low, high, 3)}"

    def _read(self, split: str, name: str) -> Any:
        """Return a figure and the ends of its interval."""
        return self.table.loc[split, [name, f"{name}_low", f"{name}_high"]]
