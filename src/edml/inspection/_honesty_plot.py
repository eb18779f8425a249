"""The picture of an HonestyReport."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from edml._optional import import_optional

#: How a metric is called where there is room; the others by their own name.
TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "f1": "F1",
}
#: Of these, less is better.
LOSSES = frozenset({"brier", "log_loss", "calibration_error"})


def plot_splits(
    table: pd.DataFrame,
    metrics: Sequence[str],
    reference: str,
    ax: Any,
) -> Any:
    """Draw a panel for each metric, with a dot and its interval for each split.

    Parameters
    ----------
    table : DataFrame
        The table of an `HonestyReport`.
    metrics : sequence of str
        Which of its metrics to draw.
    reference : str
        The split through whose dot a dashed line goes.
    ax : Axes, sequence of Axes or None
        Where to draw, one for each metric; None makes a figure.

    Returns
    -------
    axes : ndarray of Axes of shape (n_metrics,)

    Raises
    ------
    ValueError
        If there are fewer or more axes than metrics.
    """
    pyplot = import_optional("matplotlib.pyplot", extra="plot", purpose="Plotting")
    if ax is None:
        size = (1.2 + 2.2 * len(metrics), 1.1 + 0.4 * len(table))
        _, ax = pyplot.subplots(1, len(metrics), figsize=size, layout="constrained")
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != len(metrics):
        message = (
            f"ax needs one Axes for each of the {len(metrics)} metrics; found "
            f"{len(axes)}. Make them with subplots(1, {len(metrics)})."
        )
        raise ValueError(message)
    for number, (panel, name) in enumerate(zip(axes, metrics, strict=True)):
        _draw_panel(panel, table, name, reference)
        panel.set_title(TITLES.get(name, name))
        panel.set_xlabel("less is better" if name in LOSSES else "more is better")
        panel.set_yticks(range(len(table)), table.index if number == 0 else [])
    return axes


def _draw_panel(panel: Any, table: pd.DataFrame, name: str, reference: str) -> None:
    for place, split in enumerate(table.index):
        value, low, high = table.loc[split, [name, f"{name}_low", f"{name}_high"]]
        colour = "tab:blue" if split == reference else "tab:orange"
        panel.plot([low, high], [place, place], color=colour, lw=2)
        panel.plot(value, place, "o", color=colour)
    panel.axvline(table.loc[reference, name], color="tab:blue", ls="--", lw=1)
    panel.set_ylim(len(table) - 0.5, -0.5)  # the first split on top
    panel.margins(x=0.08)
    panel.grid(axis="x", alpha=0.3)
