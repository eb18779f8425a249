"""The common look of edml's pictures: colours, axes, bars, and strips above the axes.

Text, ticks and background are left to matplotlib's rcParams, so that a dark style
stays dark. The colours are those of the Okabe-Ito palette that contrast with both white
and black; colour-blind readers can distinguish them.
"""

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from edml._optional import import_optional
from edml._words import Words

BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
GREY = "#888888"
#: For the curves of one picture, in order.
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, "#E69F00", "#56B4E9")

_BAR_HEIGHT = 0.32  # inches
_STRIP = "edml strip"
_STRIP_HEIGHT = 0.16  # of the height of the axes
_STRIP_GAP = 0.05
_LANE_HEIGHT = 0.07


def require_pyplot() -> ModuleType:
    """Import pyplot; call it before long computations."""
    return import_optional("matplotlib.pyplot", extra="plot", purpose="Plotting")


def open_axes(ax: Any, *, figsize: tuple[float, float] | None = None) -> Any:
    """Return ``ax`` after a check, or the axes of a new figure (size in inches)."""
    if ax is None:
        return require_pyplot().subplots(figsize=figsize, layout="constrained")[1]
    axes = import_optional("matplotlib.axes", extra="plot", purpose="Plotting")
    if not isinstance(ax, axes.Axes):
        message = (
            f"ax takes one matplotlib Axes, found {type(ax).__name__}. Pass one of "
            "those that plt.subplots returned, or None."
        )
        raise TypeError(message)
    return ax


def open_panels(ax: Any, n_panels: int, what: str, figsize: tuple[float, float]) -> Any:
    """Return ``ax`` as an array after a check, or the panels of a new figure."""
    if ax is None:
        pyplot = require_pyplot()
        _, ax = pyplot.subplots(1, n_panels, figsize=figsize, layout="constrained")
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) != n_panels:
        message = (
            f"ax needs one Axes for each of the {n_panels} {what}; found {len(axes)}. "
            f"Make them with subplots(1, {n_panels})."
        )
        raise ValueError(message)
    return axes


def soften(ax: Any, *, grid: str = "y") -> None:
    """Remove the upper and right frame, and draw a light grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, axis=grid, alpha=0.3, linewidth=0.6)
    ax.set_axisbelow(True)


def draw_intervals(
    ax: Any, rows: Iterable[tuple[float, float, float, str]], words: Words
) -> None:
    """Draw values as dots with their intervals from the top down.

    A row is the value, the ends of its interval, and the colour.
    """
    n_rows = 0
    for place, (value, low, high, colour) in enumerate(rows):
        ax.plot([low, high], [place, place], color=colour, lw=2)
        ax.plot(value, place, "o", color=colour)
        n_rows += 1
    ax.set_ylim(n_rows - 0.5, -0.5)
    ax.margins(x=0.08)
    soften(ax, grid="x")
    localize(ax, words)


def localize(ax: Any, words: Words) -> None:
    """Write the numbers of the axes with the decimal separator of the language."""
    ticker = import_optional("matplotlib.ticker", extra="plot", purpose="Plotting")
    if words.decimal == ".":
        return

    class Formatter(ticker.ScalarFormatter):  # type: ignore[name-defined]
        def __call__(self, x: float, pos: int | None = None) -> str:
            text: str = super().__call__(x, pos)
            return text.replace(".", words.decimal)

    for axis in (ax.xaxis, ax.yaxis):
        if type(axis.get_major_formatter()) is ticker.ScalarFormatter:
            axis.set_major_formatter(Formatter())


def without_math(text: str) -> str:
    """Return a text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


def next_colour(ax: Any) -> str:
    """Return the first colour that no line in the axes uses."""
    colors = import_optional("matplotlib.colors", extra="plot", purpose="Plotting")
    used = {colors.to_hex(line.get_color()).upper() for line in ax.lines}
    return next((colour for colour in COLOURS if colour not in used), BLUE)


def draw_bars(
    ax: Any, widths: Sequence[float], labels: Sequence[str], colours: Sequence[str]
) -> tuple[Any, Any]:
    """Draw horizontal bars from the top down; return their axes and the bars."""
    n_bars = len(widths)
    ax = open_axes(ax, figsize=(8.0, 1.3 + _BAR_HEIGHT * max(n_bars, 3)))
    places = np.arange(n_bars)
    bars = ax.barh(places, widths, height=0.7, color=colours, zorder=3)
    ax.set(ylim=(n_bars - 0.4, -0.6), yticks=places)
    ax.set_yticklabels([without_math(label) for label in labels])
    ax.tick_params(axis="y", length=0)
    soften(ax, grid="x")
    ax.spines["left"].set_visible(False)
    return ax, bars


def add_strip(ax: Any, label: str = "", *, height: float = _STRIP_HEIGHT) -> Any:
    """Return narrow axes above ``ax`` with a shared x-axis, created only once.

    ``height`` is a fraction of that of ``ax``.
    """
    for child in ax.child_axes:
        if child.get_label() == _STRIP:
            return child
    strip = ax.inset_axes(
        (0, 1 + _STRIP_GAP, 1, height), sharex=ax, label=_STRIP, facecolor="none"
    )
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.tick_params(bottom=False, labelbottom=False, left=False, labelsize="small")
    strip.set_ylabel(
        label, rotation=0, ha="right", va="center", fontsize="small", labelpad=4
    )
    return strip


def add_lanes(ax: Any, names: Sequence[str]) -> Any:
    """Add a strip with one named lane each, from the top down at y = 0, 1, ..."""
    strip = add_strip(ax, height=_LANE_HEIGHT * len(names))
    strip.set(ylim=(len(names) - 0.4, -0.6), yticks=range(len(names)))
    strip.set_yticklabels(names)
    return strip


def fill_strip(
    strip: Any, x: Any, heights: Any, write: Callable[[float], str], **fill_kw: Any
) -> None:
    """Fill a strip with one quantity; ``write`` formats its maximum."""
    top = float(np.nanmax(heights))
    strip.fill_between(x, heights, color=GREY, alpha=0.45, linewidth=0, **fill_kw)
    strip.set(ylim=(0, top * 1.1 or 1), yticks=[0, top])
    strip.set_yticklabels(["0", write(top)])
    strip.minorticks_off()
    strip.yaxis.tick_right()
    strip.tick_params(right=False)
