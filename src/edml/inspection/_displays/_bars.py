"""Horizontal bars of contributions: the largest on top, the others combined."""

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._drawing import GREY, draw_bars
from edml._words import Words


def draw_largest(
    ax: Any,
    weights: ArrayLike,
    labels: ArrayLike,
    n_features: int,
    names: str,
    colour_of: Callable[[float], str],
    words: Words,
) -> tuple[Any, Any]:
    """Draw the largest weights, and a grey bar that adds up the others.

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
    widths = values[kept].tolist()
    shown = [texts[place] for place in kept]
    colours = [colour_of(width) for width in widths]
    if len(others):
        widths.append(float(values[others].sum()))
        others_text = words.ngettext(
            "{n} other, added up", "{n} others, added up", len(others)
        )
        shown.append(others_text)
        colours.append(GREY)
    return draw_bars(ax, widths, shown, colours)
