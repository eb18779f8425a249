"""Horizontal bars of contributions: the largest on top, the others combined."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._drawing import GREY, open_axes
from edml.schema import FloatArray

_ROW_HEIGHT = 0.32  # inches


class Bars(NamedTuple):
    """What to draw, from the top down."""

    widths: FloatArray
    labels: list[str]
    is_rest: bool  # whether the last bar combines the other features


def select_bars(
    weights: ArrayLike, labels: ArrayLike, n_features: int, rest: bool, names: str
) -> Bars:
    """Keep the ``n_features`` largest weights, and add up the others if ``rest``.

    ``names`` are the display's two parameters, for the message about their lengths.
    """
    check_scalar(n_features, "n_features", Integral, min_val=1)
    values = np.asarray(weights, dtype=np.float64)
    texts = [str(label) for label in np.asarray(labels)]
    if values.shape != (len(texts),):
        message = (
            f"{names} need one entry per feature each; found the shape {values.shape} "
            f"and {len(texts)} names. Pass arrays of equal length."
        )
        raise ValueError(message)
    order = np.argsort(-np.abs(values), kind="stable")
    kept, others = order[:n_features], order[n_features:]
    widths, shown = values[kept], [texts[place] for place in kept]
    is_rest = rest and len(others) > 0
    if is_rest:
        widths = np.append(widths, values[others].sum())
        shown.append(f"{len(others)} other{'s' if len(others) > 1 else ''}, added up")
    return Bars(widths, shown, is_rest)


def open_bar_axes(ax: Any, bars: Bars) -> Any:
    """Return the caller's axes, or those of a new figure of fitting height."""
    return open_axes(ax, figsize=(8.0, 1.1 + _ROW_HEIGHT * max(len(bars.widths), 3)))


def draw_bars(ax: Any, bars: Bars, colors: list[str]) -> Any:
    """Draw the bars from the top down, each in its colour; the rest is grey."""
    n_bars = len(bars.widths)
    if bars.is_rest:
        colors = [*colors[:-1], GREY]
    places = np.arange(n_bars)
    drawn = ax.barh(places, bars.widths, height=0.7, color=colors, zorder=3)
    ax.set(ylim=(n_bars - 0.4, -0.6), yticks=places)
    # matplotlib could read part of a feature's name as a formula
    ax.set_yticklabels([label.replace("$", r"\$") for label in bars.labels])
    ax.tick_params(axis="y", length=0)
    ax.grid(True, axis="x", alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    return drawn
