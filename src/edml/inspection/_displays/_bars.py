"""Horizontal bars with a label each, the longest on top."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edml._drawing import open_axes
from edml.schema import FloatArray

_ROW_HEIGHT = 0.32  # inches


def open_bar_axes(ax: Any, n_bars: int) -> Any:
    """Give axes that are high enough for so many bars."""
    return open_axes(ax, figsize=(8.0, 1.1 + _ROW_HEIGHT * max(n_bars, 3)))


def draw_bars(ax: Any, widths: FloatArray, labels: list[str], colors: list[str]) -> Any:
    """Draw bars from the top down.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    widths : ndarray of shape (n_bars,)
        Lengths of the bars; the negative ones go to the left.
    labels, colors : list of str
        One per bar.

    Returns
    -------
    bars : matplotlib BarContainer
    """
    places = np.arange(len(widths))
    bars = ax.barh(places, widths, height=0.7, color=colors, zorder=3)
    ax.set(ylim=(len(widths) - 0.4, -0.6), yticks=places)
    # names of features may hold what matplotlib would read as a formula
    ax.set_yticklabels([label.replace("$", r"\$") for label in labels])
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x", alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return bars


def keep_weightiest(weights: FloatArray, n: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give the places of the n weightiest, highest first, and those of the rest."""
    order = np.argsort(-np.abs(weights), kind="stable")
    return order[:n], order[n:]


def rest_label(n: int) -> str:
    """Name the bar that stands for the features without one of their own."""
    return f"{n} other{'s' if n > 1 else ''}, added up"
