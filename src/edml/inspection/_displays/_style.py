"""The look that the pictures share: colours, and the strip above.

The colours are those of Okabe and Ito that stand out from white and
from black alike, and from each other also for the colour-blind.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edml._drawing import BLUE, GREY
from edml._optional import import_optional

VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
#: In the order in which curves of one picture take them.
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE)

STRIP = "edml strip"
_STRIP_HEIGHT = 0.16  # of the height of the axes
_STRIP_GAP = 0.05


def merge_style(
    defaults: Mapping[str, Any], given: Mapping[str, Any] | None, artist: str = "Line2D"
) -> dict[str, Any]:
    """Let the caller's keyword arguments override ours, under any of their names.

    Parameters
    ----------
    defaults : mapping of str to object
        Ours, by their long names.
    given : mapping of str to object or None
        The caller's; "lw" is "linewidth".
    artist : str, default="Line2D"
        "Line2D" or "Patch": whose names they are.

    Returns
    -------
    style : dict
    """
    cbook = import_optional("matplotlib.cbook", extra="plot", purpose="Plotting")
    home = "lines" if artist == "Line2D" else "patches"
    module = import_optional(f"matplotlib.{home}", extra="plot", purpose="Plotting")
    cls = getattr(module, artist)
    return {**defaults, **cbook.normalize_kwargs(given or {}, cls)}


def next_colour(ax: Any) -> str:
    """Give the first colour of the cycle that no line of the axes has."""
    colors = import_optional("matplotlib.colors", extra="plot", purpose="Plotting")
    used = {colors.to_hex(line.get_color()).upper() for line in ax.lines}
    return next((colour for colour in CYCLE if colour not in used), CYCLE[0])


def strip_above(ax: Any, label: str) -> Any:
    """Give the narrow axes above ``ax``, with the same x-axis.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes of the picture.
    label : str
        What the strip shows; may have several lines.

    Returns
    -------
    strip : matplotlib Axes
        The one that is there already, if a second curve is drawn on ``ax``.
    """
    for child in ax.child_axes:
        if child.get_label() == STRIP:
            return child
    strip = ax.inset_axes(
        (0, 1 + _STRIP_GAP, 1, _STRIP_HEIGHT), sharex=ax, label=STRIP, facecolor="none"
    )
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.tick_params(bottom=False, labelbottom=False, left=False, labelsize="small")
    strip.set_ylabel(
        label, rotation=0, ha="right", va="center", fontsize="small", labelpad=4
    )
    return strip


def fill_strip(strip: Any, x: Any, heights: Any, write: str, **fill_kw: Any) -> None:
    """Fill a strip with one quantity, and write its highest value beside it.

    Parameters
    ----------
    strip : matplotlib Axes
        From `strip_above`.
    x, heights : array-like of shape (n_points,)
        The quantity over the x-axis; NaN leaves a gap.
    write : str
        How the highest value is formatted, such as ".0f".
    **fill_kw : dict
        Further arguments of matplotlib's `fill_between`.
    """
    top = float(np.nanmax(heights))
    strip.fill_between(x, heights, color=GREY, alpha=0.45, linewidth=0, **fill_kw)
    strip.set(ylim=(0, top * 1.1 or 1), yticks=[0, top])
    strip.set_yticklabels(["0", f"{top:{write}}"])
    strip.minorticks_off()
    strip.yaxis.tick_right()
    strip.tick_params(right=False)
