"""The common style of the displays: colours, and the strip above the axes.

The colours are those of the Okabe-Ito palette that contrast with both white and black;
colour-blind readers can distinguish them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edml._drawing import BLUE, GREY
from edml._optional import import_optional

VERMILLION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
_CYCLE = (BLUE, VERMILLION, GREEN, PURPLE)  # for the curves of one picture, in order

_STRIP = "edml strip"
_STRIP_HEIGHT = 0.16  # of the height of the axes
_STRIP_GAP = 0.05


def merge_style(
    defaults: Mapping[str, Any], given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Merge line arguments; the caller's override ours, and "lw" means "linewidth"."""
    cbook = import_optional("matplotlib.cbook", extra="plot", purpose="Plotting")
    lines = import_optional("matplotlib.lines", extra="plot", purpose="Plotting")
    return {**defaults, **cbook.normalize_kwargs(given or {}, lines.Line2D)}


def next_colour(ax: Any) -> str:
    """Return the first colour of the cycle that no line in the axes uses."""
    colors = import_optional("matplotlib.colors", extra="plot", purpose="Plotting")
    used = {colors.to_hex(line.get_color()).upper() for line in ax.lines}
    return next((colour for colour in _CYCLE if colour not in used), _CYCLE[0])


def strip_above(ax: Any, label: str) -> Any:
    """Return the narrow axes above ``ax`` with a shared x-axis, created only once."""
    for child in ax.child_axes:
        if child.get_label() == _STRIP:
            return child
    strip = ax.inset_axes(
        (0, 1 + _STRIP_GAP, 1, _STRIP_HEIGHT), sharex=ax, label=_STRIP, facecolor="none"
    )
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.tick_params(bottom=False, labelbottom=False, left=False, labelsize="small")
    strip.set_ylabel(
        label, rotation=0, ha="right", va="center", fontsize="small", labelpad=4
    )
    return strip


def fill_strip(strip: Any, x: Any, heights: Any, write: str, **fill_kw: Any) -> None:
    """Fill a strip with one quantity; ``write`` formats its maximum."""
    top = float(np.nanmax(heights))
    strip.fill_between(x, heights, color=GREY, alpha=0.45, linewidth=0, **fill_kw)
    strip.set(ylim=(0, top * 1.1 or 1), yticks=[0, top])
    strip.set_yticklabels(["0", f"{top:{write}}"])
    strip.minorticks_off()
    strip.yaxis.tick_right()
    strip.tick_params(right=False)
