"""The pictures of an Evaluation, as SVG that can be embedded in a page."""

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml._optional import import_optional
from edml.inspection._evaluation_format import EvaluationFields

# Replaced by the colour of the page's text, so that it suits light and dark pages.
_INK = "#010203"
_BLUE, _ORANGE, _GREEN = "#2a7fc4", "#c8601a", "#3a9a5b"
_STYLE = {
    "svg.fonttype": "none",  # keeps text searchable, and readable by screen readers
    "svg.hashsalt": "edml",  # the same evaluation gives the same file
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _INK,
    "grid.alpha": 0.15,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_SHARE = {"xlim": (-0.02, 1.02), "ylim": (-0.02, 1.02)}


class Picture(NamedTuple):
    """A picture; ``text`` explains it, also to readers who cannot see it."""

    title: str
    text: str
    svg: str


class _Plot(NamedTuple):
    """How to draw and describe a picture; its size is in inches."""

    name: str
    title: str
    text: str
    size: tuple[float, float]
    draw: Callable[[EvaluationFields, Any], None]


def draw_pictures(evaluation: EvaluationFields) -> list[Picture]:
    """Draw the curves, and the earliness if there are course days."""
    has_days = len(evaluation.by_partition) > 0
    plots = (plot for plot in _PLOTS if has_days or plot.name != "earliness")
    return [_draw(evaluation, plot) for plot in plots]


def _draw(evaluation: EvaluationFields, plot: _Plot) -> Picture:
    matplotlib = import_optional("matplotlib", extra="plot", purpose="Plotting")
    module = import_optional("matplotlib.figure", extra="plot", purpose="Plotting")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # ignore the settings of the caller's notebook
        matplotlib.rcParams.update(_STYLE)
        figure = module.Figure(figsize=plot.size, layout="constrained")
        plot.draw(evaluation, figure)
        file = io.StringIO()
        nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
        figure.savefig(file, format="svg", metadata=nothing)
    return Picture(plot.title, plot.text, _embed(file.getvalue(), plot))


def _embed(svg: str, plot: _Plot) -> str:
    """Make SVG embeddable: unique ids, a title, and the page's text colour."""
    name = plot.name
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    # A style element would apply to the whole page.
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    named = f'aria-labelledby="{name}-title {name}-text"'
    words = (
        f'<title id="{name}-title">{escape(plot.title)}</title>'
        f'<desc id="{name}-text">{escape(plot.text)}</desc>'
    )
    return re.sub(
        r"<svg\b([^>]*)>", rf'<svg role="img" {named}\1>{words}', svg, count=1
    )


def _write(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


def _draw_roc(evaluation: EvaluationFields, figure: Any) -> None:
    curve = evaluation.curves["roc"]
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], linestyle=":", color=_INK, label="by chance")
    axes.set(
        xlabel="share of passing flagged", ylabel="share of failing flagged", **_SHARE
    )
    if not len(curve):
        _write(axes, "one class: no curve")
        return
    axes.plot(curve["fpr"], curve["tpr"], color=_BLUE, label="model")
    matrix = evaluation.confusion / np.maximum(evaluation.confusion.sum(1), 1)[:, None]
    axes.plot(*matrix[:, 1], "o", color=_ORANGE, label="at the threshold")
    axes.legend(loc="lower right")


def _draw_precision_recall(evaluation: EvaluationFields, figure: Any) -> None:
    curve = evaluation.curves["precision_recall"]
    axes = figure.subplots()
    axes.set(
        xlabel="recall: share of failing flagged",
        ylabel="precision: share of flagged that fail",
        **_SHARE,
    )
    if not len(curve):
        _write(axes, "nobody fails: no curve")
        return
    counts = evaluation.counts
    share = counts["n_failing_snapshots"] / counts["n_snapshots"]
    axes.axhline(share, linestyle=":", color=_INK, label="by chance")
    # Precision does not change between two thresholds: draw steps, not slopes.
    axes.step(
        curve["recall"], curve["precision"], where="post", color=_BLUE, label="model"
    )
    metrics = evaluation.metrics
    axes.plot(
        metrics["recall"],
        metrics["precision"],
        "o",
        color=_ORANGE,
        label="at the threshold",
    )
    axes.legend(loc="upper right")


def _draw_calibration(evaluation: EvaluationFields, figure: Any) -> None:
    curve = evaluation.curves["calibration"]
    axes = figure.subplots()
    share = curve["share_positive"]
    ends = curve[["low", "high"]].to_numpy().T
    axes.vlines(curve["mean_predicted"], *ends, color=_BLUE, alpha=0.5)
    axes.plot(curve["mean_predicted"], share, "o-", color=_BLUE, label="model")
    largest = np.nanmax([0.01, curve["mean_predicted"].max(), share.max(), *ends[1]])
    axes.plot(
        [0, largest], [0, largest], linestyle=":", color=_INK, label="as predicted"
    )
    axes.set(xlabel="mean predicted probability", ylabel="share that fails")
    axes.legend(loc="upper left")


def _draw_thresholds(evaluation: EvaluationFields, figure: Any) -> None:
    curve = evaluation.curves["thresholds"]
    n_rows = 1 + bool(curve["flagged_per_course"].notna().any())
    every = figure.subplots(n_rows, sharex=True, squeeze=False)[:, 0]
    colours = {"precision": _BLUE, "recall": _ORANGE, "f1": _GREEN}
    for name, colour in colours.items():
        every[0].plot(curve["threshold"], curve[name], color=colour, label=name)
    every[0].set(ylabel="share", ylim=(-0.02, 1.02))
    if n_rows == 2:
        every[1].plot(curve["threshold"], curve["flagged_per_course"], color=_BLUE)
        every[1].set(ylabel="flagged per course", ylim=(0, None))
    for axes in every:
        axes.axvline(evaluation.threshold, linestyle=":", color=_INK, label="chosen")
    every[0].legend(loc="upper right", ncols=2)
    every[-1].set_xlabel("threshold")


def _draw_earliness(evaluation: EvaluationFields, figure: Any) -> None:
    table: pd.DataFrame = evaluation.by_partition
    axes = figure.subplots()
    day = table["particion"]
    axes.axhline(0.5, linestyle=":", color=_INK, label="by chance")
    axes.set(xlabel="course day (partition)", ylabel="ROC AUC")
    if not table["enough"].any():
        _write(axes, "too few to tell on every day")
        return
    percent = f"{100 * evaluation.confidence:g}% interval"
    low, high = table["roc_auc_low"], table["roc_auc_high"]
    if low.notna().any():
        axes.fill_between(day, low, high, color=_BLUE, alpha=0.2, lw=0, label=percent)
    marker = "." if len(table) <= 40 else None
    axes.plot(day, table["roc_auc"], color=_BLUE, marker=marker, label="model")
    axes.set_ylim(top=1.01)
    axes.legend(loc="lower right")


_PLOTS = (
    _Plot(
        "earliness",
        "How early the model can tell",
        "ROC AUC on each day of the course, with its interval. Days with too few "
        "students are left out.",
        (8.4, 3.2),
        _draw_earliness,
    ),
    _Plot(
        "roc",
        "ROC curve",
        "For each threshold, the share of the failing that is flagged against the "
        "share of the passing. Further up and to the left is better.",
        (4.2, 3.6),
        _draw_roc,
    ),
    _Plot(
        "precision-recall",
        "Precision and recall",
        "For each threshold, how many of the flagged fail, against how many of the "
        "failing are flagged. Further up and to the right is better.",
        (4.2, 3.6),
        _draw_precision_recall,
    ),
    _Plot(
        "calibration",
        "Calibration",
        "The share that fails among those with about the same predicted probability. "
        "On the dotted line the probabilities are right. Vertical lines are "
        "intervals.",
        (4.2, 3.6),
        _draw_calibration,
    ),
    _Plot(
        "thresholds",
        "What each threshold would do",
        "Precision, recall and F1 and, where there are courses, the mean number of "
        "students flagged in a course on a day. The dotted line is the model's "
        "threshold.",
        (4.2, 4.2),
        _draw_thresholds,
    ),
)
