"""The pictures of an Evaluation, as SVG that can be embedded in a page."""

import io
import re
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

import numpy as np

from edml._drawing import BLUE, GREY, VERMILLION, localize, soften
from edml._optional import import_optional
from edml._page import Picture
from edml._translation import N_
from edml._words import Words, words_in
from edml.inspection._displays import (
    EarlinessDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
)
from edml.inspection._evaluation_format import EvaluationFields

# Replaced by the colour of the page's text, so that it suits light and dark pages.
_INK = "#010203"
_STYLE = {
    "svg.fonttype": "none",  # keeps text searchable, and readable by screen readers
    "svg.hashsalt": "edml",  # the same evaluation gives the same file
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "grid.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


class Plot(NamedTuple):
    """How to draw and describe a picture; its size is in inches."""

    name: str
    title: str
    text: str
    size: tuple[float, float]
    draw: Callable[[Any, Any, Words], None]


def draw_pictures(
    evaluation: EvaluationFields, prefix: str, language: str
) -> list[Picture]:
    """Draw the curves, and the earliness if there are course days."""
    has_days = len(evaluation.by_partition) > 0
    plots = (plot for plot in _PLOTS if has_days or plot.name != "earliness")
    words = words_in(language)
    return [draw_picture(evaluation, plot, prefix, words) for plot in plots]


def draw_picture(subject: Any, plot: Plot, prefix: str, words: Words) -> Picture:
    """Draw a picture; a text that is already translated stays as it is."""
    plot = plot._replace(title=words(plot.title), text=words(plot.text))
    matplotlib = import_optional("matplotlib", extra="plot", purpose="Plotting")
    module = import_optional("matplotlib.figure", extra="plot", purpose="Plotting")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # ignore the settings of the caller's notebook
        matplotlib.rcParams.update(_STYLE)
        figure = module.Figure(figsize=plot.size, layout="constrained")
        plot.draw(subject, figure, words)
        file = io.StringIO()
        nothing = dict.fromkeys(["Creator", "Date", "Format", "Type"])
        figure.savefig(file, format="svg", metadata=nothing)
    return Picture(plot.title, plot.text, _embed(file.getvalue(), plot, prefix))


def _embed(svg: str, plot: Plot, prefix: str) -> str:
    """Make SVG embeddable: unique ids, a title, and the page's text colour."""
    name = prefix + plot.name
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


def _draw_roc(evaluation: EvaluationFields, figure: Any, words: Words) -> None:
    curve = evaluation.curves["roc"]
    shares = evaluation.confusion / np.maximum(evaluation.confusion.sum(1), 1)[:, None]
    axes = figure.subplots()
    axes.set(
        xlabel=words("share of the passing flagged"),
        ylabel=words("share of the failing flagged"),
    )
    axes.plot([0, 1], [0, 1], linestyle=":", color=GREY, label=words("chance"))
    _draw_curve(axes, curve["fpr"], curve["tpr"], shares[:, 1], words)


def _draw_precision_recall(
    evaluation: EvaluationFields, figure: Any, words: Words
) -> None:
    curve, metrics = evaluation.curves["precision_recall"], evaluation.metrics
    counts = evaluation.counts
    share = counts["n_failing_snapshots"] / counts["n_snapshots"]
    axes = figure.subplots()
    axes.set(
        xlabel=words("recall: share of the failing flagged"),
        ylabel=words("precision: share of the flagged that fail"),
    )
    axes.axhline(share, linestyle=":", color=GREY, label=words("chance"))
    point = metrics["recall"], metrics["precision"]
    # Precision does not change between two thresholds: draw steps, not slopes.
    steps = {"drawstyle": "steps-post"}
    _draw_curve(axes, curve["recall"], curve["precision"], point, words, **steps)


def _draw_curve(
    axes: Any, x: Any, y: Any, point: Any, words: Words, **style: Any
) -> None:
    soften(axes, grid="both")
    localize(axes, words)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    if not len(x):
        _write(axes, words("one class: no curve"))
        return
    axes.plot(x, y, color=BLUE, label=words("model"), **style)
    axes.plot(*point, "o", color=VERMILLION, label=words("at the threshold"))
    axes.legend(frameon=False)


def _write(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes)


def _draw_calibration(evaluation: EvaluationFields, figure: Any, words: Words) -> None:
    curve = evaluation.curves["calibration"]
    ReliabilityDisplay(**curve.to_dict("series")).plot(
        figure.subplots(), language=words.language
    )


def _draw_thresholds(evaluation: EvaluationFields, figure: Any, words: Words) -> None:
    curve = evaluation.curves["thresholds"].to_dict("series")
    display = ThresholdDisplay(**curve, chosen=evaluation.threshold)
    display.plot(figure.subplots(), language=words.language)


def _draw_earliness(evaluation: EvaluationFields, figure: Any, words: Words) -> None:
    table = evaluation.by_partition
    if not table["enough"].any():
        _write(figure.subplots(), words("too few students on every day"))
        return
    EarlinessDisplay(
        table["particion"],
        table["roc_auc"],
        low=table["roc_auc_low"],
        high=table["roc_auc_high"],
    ).plot(figure.subplots(), language=words.language)


_PLOTS = (
    Plot(
        "earliness",
        N_("How early the predictions are good"),
        N_(
            "ROC AUC on each day of the course, with its interval. Days with too few "
            "students are left out."
        ),
        (8.4, 3.2),
        _draw_earliness,
    ),
    Plot(
        "roc",
        N_("ROC curve"),
        N_(
            "For each threshold, the share of the failing that is flagged against the "
            "share of the passing. Further up and to the left is better."
        ),
        (4.2, 3.6),
        _draw_roc,
    ),
    Plot(
        "precision-recall",
        N_("Precision and recall"),
        N_(
            "For each threshold, how many of the flagged fail, against how many of the "
            "failing are flagged. Further up and to the right is better."
        ),
        (4.2, 3.6),
        _draw_precision_recall,
    ),
    Plot(
        "calibration",
        N_("Calibration"),
        N_(
            "The share that fails among those with about the same predicted "
            "probability. On the dashed line the probabilities are right. Vertical "
            "lines are intervals."
        ),
        (4.2, 3.6),
        _draw_calibration,
    ),
    Plot(
        "thresholds",
        N_("What each threshold would do"),
        N_(
            "Precision, recall and F1 and, where there are courses, the mean number of "
            "students flagged in a course on a day. The dotted line is the model's "
            "threshold."
        ),
        (4.2, 4.2),
        _draw_thresholds,
    ),
)
