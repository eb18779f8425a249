"""How every picture of edml begins: its axes, its two main colours, its grid.

Text, ticks and background are left to matplotlib's rcParams, so that a dark style
stays dark.
"""

from types import ModuleType
from typing import Any

from edml._optional import import_optional

BLUE = "#0072B2"
GREY = "#888888"


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


def soften(ax: Any, *, grid: str = "y") -> None:
    """Take away what is no data, and draw a quiet grid behind what is.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    grid : {"x", "y", "both"}, default="y"
        The direction of the values that are read off.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, axis=grid, alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)
