"""What the pictures of a search share."""

from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from edml._drawing import BLUE, require_pyplot

#: One for each algorithm, in order; those of Okabe and Ito that stand out from white
#: and from black alike. The markers distinguish algorithms without colour.
COLOURS = (BLUE, "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STRIP_GAP = 0.05  # of the height of the axes
_LANE_HEIGHT = 0.07


def read_history(tuner: Any) -> pd.DataFrame:
    """Return the candidates of a fitted tuner, after a check for matplotlib."""
    require_pyplot()
    check_is_fitted(tuner, "history_")
    history: pd.DataFrame = tuner.history_
    return history


def without_math(text: str) -> str:
    """Return a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def add_lanes(ax: Any, names: list[str]) -> Any:
    """Add narrow axes above ``ax`` with one named lane each, from the top down."""
    height = _LANE_HEIGHT * len(names)
    strip = ax.inset_axes(
        (0, 1 + _STRIP_GAP, 1, height), sharex=ax, facecolor="none", label="lanes"
    )
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.tick_params(bottom=False, labelbottom=False, left=False, labelsize="small")
    strip.set(ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
    strip.set_yticklabels(names)
    return strip
