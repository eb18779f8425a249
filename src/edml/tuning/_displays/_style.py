"""The look that the pictures of a search share with those of `edml.inspection`.

Text, ticks and background are left to matplotlib's rcParams, so that a dark style
stays dark. `tuning` and `inspection` do not import each other, hence a home here.
"""

from types import ModuleType
from typing import Any

from edml._optional import import_optional

BLUE = "#0072B2"
GREY = "#888888"
#: One for each algorithm, in order; those of Okabe and Ito that stand out from white
#: and from black alike. The markers tell algorithms apart without colour.
COLOURS = (BLUE, "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

_STRIP_GAP = 0.05  # of the height of the axes
_LANE_HEIGHT = 0.07


def require_pyplot() -> ModuleType:
    """Import pyplot; called before anything that takes long is computed."""
    return import_optional("matplotlib.pyplot", extra="plot", purpose="Plotting")


def open_axes(ax: Any, *, figsize: tuple[float, float] | None = None) -> Any:
    """Give the axes to draw on.

    Parameters
    ----------
    ax : matplotlib Axes or None
        The caller's; None makes a figure with one.
    figsize : tuple of two float, default=None
        Size of a new figure, in inches; None is that of rcParams.

    Returns
    -------
    ax : matplotlib Axes

    Raises
    ------
    TypeError
        If ``ax`` is something else, such as the array that ``subplots(2)`` gives.
    """
    pyplot = require_pyplot()
    if ax is None:
        return pyplot.subplots(figsize=figsize, layout="constrained")[1]
    axes = import_optional("matplotlib.axes", extra="plot", purpose="Plotting")
    if not isinstance(ax, axes.Axes):
        message = (
            f"ax takes one matplotlib Axes, found {type(ax).__name__}. Pass one of "
            "those that plt.subplots gave, or None."
        )
        raise TypeError(message)
    return ax


def soften(ax: Any, *, grid: str) -> None:
    """Take away what is no data, and draw a quiet grid behind what is."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, axis=grid, alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)


def lanes_above(ax: Any, names: list[str]) -> Any:
    """Give narrow axes above ``ax`` with a named lane each, from the top down."""
    height = _LANE_HEIGHT * len(names)
    strip = ax.inset_axes(
        (0, 1 + _STRIP_GAP, 1, height), sharex=ax, facecolor="none", label="lanes"
    )
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.tick_params(bottom=False, labelbottom=False, left=False, labelsize="small")
    strip.set(ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
    strip.set_yticklabels(names)
    return strip
