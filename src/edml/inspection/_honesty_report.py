"""HonestyReport: the figures of each split, as tables, a picture and text."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from edml._drawing import (
    BLUE,
    VERMILLION,
    draw_intervals,
    open_panels,
    require_pyplot,
)
from edml._messages import in_words
from edml._page import Cell, Picture, Prose, Table
from edml._report import Report
from edml._translation import N_
from edml._words import MISSING, Words, words_in
from edml.inspection._evaluation_figures import Plot, draw_picture
from edml.metrics import LOSSES, METRIC_TITLES

#: The splits of `honesty_report`: their names, and what they train on.
_SPLITS = {
    "row-random": (
        N_("rows at random"),
        N_("Trained on other days of the same students."),
    ),
    "by student": (
        N_("by student"),
        N_("Trained on other students, of the same courses and periods."),
    ),
    "by course": (
        N_("by course"),
        N_("Trained on other courses, without the students tested."),
    ),
    "forward": (
        N_("forward in time"),
        N_("Trained on earlier periods, as a model is used."),
    ),
}


@dataclass(frozen=True, eq=False, repr=False)
class HonestyReport(Report):
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
    _TITLE = N_("How honest each split is")

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
        labels = [_name(split, words) for split in self.table.index]
        colours = dict.fromkeys(self.table.index, VERMILLION) | {self.reference: BLUE}
        for panel, name in zip(axes, self.metrics, strict=True):
            rows = [(*self._read(split, name), colours[split]) for split in colours]
            draw_intervals(panel, rows, words)
            reference = self.table.loc[self.reference, name]
            panel.axvline(reference, color=BLUE, ls="--", lw=1)
            panel.set_title(words(METRIC_TITLES[name]))
            panel.set_xlabel(_name_better(name, words))
            panel.set_yticks(range(len(labels)), labels if panel is axes[0] else [])
        return axes

    def _read(self, split: str, name: str) -> Any:
        """Return a figure and the ends of its interval."""
        return self.table.loc[split, [name, f"{name}_low", f"{name}_high"]]

    def _parts(self, words: Words) -> list[str | Table]:
        n_snapshots, n_students = self.table[["n_snapshots", "n_students"]].iloc[0]
        caption = words(
            "All splits are evaluated on the same {n_snapshots} snapshots of "
            "{n_students} students. Brackets hold {confidence} intervals. Optimism is "
            "how much a split flatters the model, compared with: {reference}.",
            n_snapshots=words.number(n_snapshots),
            n_students=words.number(n_students),
            confidence=words.percent(self.confidence, 0),
            reference=_name(self.reference, words),
        )
        return [
            self._headline(words),
            caption,
            *(self._tabulate(name, words) for name in self.metrics),
            *(in_words(note, words.language) for note in self.notes),
        ]

    def _pictures(self, words: Words) -> list[Picture]:
        n_metrics = len(self.metrics)
        plot = Plot(
            "honesty",
            words("The figures of each split"),
            words(
                "Dots are figures, lines their intervals; the dashed line is the split "
                "that the others are compared with."
            ),
            (1.6 + 2.2 * n_metrics, 1.1 + 0.4 * len(self.table)),
            lambda report, figure, words: report.plot(
                figure.subplots(1, n_metrics), language=words.language
            ),
        )
        return [draw_picture(self, plot, "", words)]

    def _headline(self, words: Words) -> str:
        """Return which split flatters the model most in the first metric."""
        name = self.metrics[0]
        reference = _name(self.reference, words)
        others = self.table.drop(index=self.reference)
        if not len(others):
            return words(
                "Only one split could be made: {reference}.", reference=reference
            )
        split = others[f"{name}_optimism"].idxmax()
        optimism, low, high = self._read(split, f"{name}_optimism")
        if pd.isna(low) or low <= 0:
            return words(
                "No split is shown to flatter the model: by {metric}, none can be told "
                "apart from {reference}.",
                metric=words(METRIC_TITLES[name]),
                reference=reference,
            )
        return words(
            "The split '{split}' flatters the model most: by {metric}, it looks "
            "{optimism} {ends} better than '{reference}'.",
            split=_name(str(split), words),
            metric=words(METRIC_TITLES[name]),
            optimism=words.number(optimism, 3),
            ends=words.interval(low, high, 3),
            reference=reference,
        )

    def _tabulate(self, name: str, words: Words) -> Table:
        """Return the figures of one metric."""
        rows = []
        for split in self.table.index:
            value, low, high = self._read(split, name)
            optimism: list[str | Cell] = [MISSING, ""]
            if split != self.reference:
                above, from_, to = self._read(split, f"{name}_optimism")
                text = words.number(above, 3, signed=True)
                optimism = [Cell(text, above), words.interval(from_, to, 3)]
            rows.append(
                (
                    _name(split, words),
                    Cell(words.number(value, 3), value),
                    words.interval(low, high, 3),
                    *optimism,
                    Prose(words(_SPLITS[split][1])),
                )
            )
        head = [
            words("split"),
            words("value"),
            words("its interval"),
            words("optimism"),
            words("its interval"),
            words("what it means"),
        ]
        caption = f"{words(METRIC_TITLES[name])} ({_name_better(name, words)})"
        return Table(caption, head, rows, sortable=True)


def _name(split: str, words: Words) -> str:
    """Return the readable name of a split."""
    return words(_SPLITS[split][0])


def _name_better(metric: str, words: Words) -> str:
    return words("less is better") if metric in LOSSES else words("more is better")
