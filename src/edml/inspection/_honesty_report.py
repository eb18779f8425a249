"""HonestyReport: the figures of each split, as a table, a picture and a file."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from edml.inspection._honesty_plot import TITLES, plot_splits

_KEYS = ("table", "metrics", "reference", "confidence", "notes")


@dataclass(frozen=True, eq=False, repr=False)
class HonestyReport:
    """What each way to split a table reports of one pipeline.

    Made by `honesty_report`. All splits are judged on the same snapshots.

    Parameters
    ----------
    table : DataFrame of shape (n_splits, 6 * n_metrics + 2)
        A row for each split, by its name. For each metric, such as roc_auc, the
        columns roc_auc, roc_auc_low, roc_auc_high (the figure and its interval),
        roc_auc_optimism, roc_auc_optimism_low, roc_auc_optimism_high (by how much
        it flatters: above 0 for too high an AUC, or too low a Brier score). Then
        n_snapshots and n_students, which are judged.
    metrics : tuple of str
        Names of the metrics.
    reference : str
        The split that optimism is measured from, "forward" where there is one.
    confidence : float
        Share of the resamples in an interval, a fraction in (0, 1).
    notes : tuple of str, default=()
        Which splits are left out or differ, and why.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.inspection import HonestyReport, honesty_report
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> pipe = make_risk_pipeline(every=10)
    >>> report = honesty_report(pipe, X, y, n_splits=2, n_resamples=100)
    >>> report.table.index.tolist()
    ['row-random', 'by student', 'by course', 'forward']
    >>> HonestyReport.from_dict(report.to_dict()).table.equals(report.table)
    True
    """

    __module__ = "edml.inspection"

    table: pd.DataFrame
    metrics: tuple[str, ...]
    reference: str
    confidence: float
    notes: tuple[str, ...] = ()

    def plot(self, ax: Any = None) -> Any:
        """Draw each figure as a dot with its interval, a panel for each metric.

        A dashed line goes through the split that optimism is measured from.

        Parameters
        ----------
        ax : Axes or sequence of Axes, default=None
            Where to draw, one for each metric; None makes a figure.

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
        return plot_splits(self.table, self.metrics, self.reference, ax)

    def to_dict(self) -> dict[str, Any]:
        """Give the report as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The keys table (a dict of columns by split), metrics, reference,
            confidence and notes. What is undefined is None.
        """
        table = {
            str(split): {
                str(name): None if pd.isna(value) else value
                for name, value in row.items()
            }
            for split, row in self.table.to_dict(orient="index").items()
        }
        return {
            "table": table,
            "metrics": list(self.metrics),
            "reference": self.reference,
            "confidence": self.confidence,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read a report that `to_dict` wrote.

        Parameters
        ----------
        data : mapping
            With the keys table, metrics, reference, confidence and notes.

        Returns
        -------
        report : HonestyReport
            With the same figures, to the bit.

        Raises
        ------
        ValueError
            If a part is missing.
        """
        absent = [key for key in _KEYS if key not in data]
        if not absent:
            metrics = tuple(data["metrics"])
            rows = data["table"]
            columns = _columns(metrics)
            absent = sorted(
                {c for row in rows.values() for c in columns if c not in row}
            )
            absent += [] if data["reference"] in rows else [data["reference"]]
        if absent:
            message = (
                f"Expected what HonestyReport.to_dict gives; {absent} is missing. Make "
                "the report anew with honesty_report."
            )
            raise ValueError(message)
        table = pd.DataFrame(
            {
                name: [
                    np.nan if row[name] is None else row[name] for row in rows.values()
                ]
                for name in columns
            },
            index=pd.Index(list(rows), name="split"),
        )
        table = table.astype(
            {c: "int64" if c.startswith("n_") else "float64" for c in columns}
        )
        return cls(
            table, metrics, data["reference"], data["confidence"], tuple(data["notes"])
        )

    def __repr__(self) -> str:
        width = max(len(split) for split in self.table.index)
        lines = [f"HonestyReport: {self._caption()}"]
        for name in self.metrics:
            lines.append(TITLES.get(name, name))
            for split in self.table.index:
                figure, optimism = self._cells(split, name)
                lines.append(f"  {split:<{width}}  {figure}  {optimism}".rstrip())
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        cell, head = "<td>{}</td>".format, "<th>{}</th>".format
        titles = [TITLES.get(name, name) for name in self.metrics]
        above = "".join(
            f'<th colspan="2">{html.escape(title)}</th>' for title in titles
        )
        below = (head("figure") + head("optimism")) * len(titles)
        rows = [
            f"<tr>{head(html.escape(split))}"
            + "".join(
                cell(html.escape(text))
                for name in self.metrics
                for text in self._cells(split, name)
            )
            + "</tr>"
            for split in self.table.index
        ]
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (
            f"<table><caption>{html.escape(self._caption())}</caption>"
            f'<thead><tr><th rowspan="2">split</th>{above}</tr><tr>{below}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table>{notes}"
        )

    def _caption(self) -> str:
        n_snapshots, n_students = self.table[["n_snapshots", "n_students"]].iloc[0]
        return (
            f"{n_snapshots:,} snapshots of {n_students:,} students, judged by each "
            f"split; {100 * self.confidence:g} % intervals; optimism is what a split "
            f"claims above {self.reference!r}"
        )

    def _cells(self, split: str, name: str) -> tuple[str, str]:
        """Write a figure and its optimism, each with its interval."""
        row = self.table.loc[split]
        value, low, high, above, above_low, above_high = (
            row[column] for column in _columns((name,))[:6]
        )
        figure = f"{value:.3f} [{low:.3f}, {high:.3f}]"
        if split == self.reference:
            return figure, ""
        return figure, f"{above:+z.3f} [{above_low:+z.3f}, {above_high:+z.3f}]"


def _columns(metrics: tuple[str, ...]) -> list[str]:
    """Give the columns of a report's table, in order."""
    parts = ("", "_low", "_high", "_optimism", "_optimism_low", "_optimism_high")
    figures = [f"{name}{part}" for name in metrics for part in parts]
    return [*figures, "n_snapshots", "n_students"]
