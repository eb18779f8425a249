"""The common look of edml's pictures: their axes, two main colours and grid.

Text, ticks and background are left to matplotlib's rcParams, so that a dark style
stays dark.
"""

from types import ModuleType
from typing import Any

from edml._optional import import_optional

BLUE = "#0072B2"
GREY = "#888888"


def require_pyplot() -> ModuleType:
    """Import pyplot; call it before long computations."""
    return import_optional("matplotlib.pyplot", extra="plot", purpose="Plotting")


def open_axes(ax: Any, *, figsize: tuple[float, float] | None = None) -> Any:
    """Return ``ax`` after a check, or the axes of a new figure (size in inches)."""
    pyplot = require_pyplot()
    if ax is None:
        return pyplot.subplots(figsize=figsize, layout="constrained")[1]
    axes = import_optional("matplotlib.axes", extra="plot", purpose="Plotting")
    if not isinstance(ax, axes.Axes):
        message = (
            f"ax takes one matplotlib Axes, found {type(ax).__name__}. Pass one of "
            "those that plt.subplots returned, or None."
        )
        raise TypeError(message)
    return ax


def soften(ax: Any, *, grid: str = "y") -> None:
    """Remove the upper and right frame, and draw a light grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, axis=grid, alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)
