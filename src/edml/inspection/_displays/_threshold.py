"""ThresholdDisplay: what each threshold catches, and what it costs."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml._drawing import (
    BLUE,
    GREEN,
    GREY,
    VERMILLION,
    add_strip,
    fill_strip,
    localize,
    open_axes,
    require_pyplot,
    soften,
)
from edml._words import Words, words_in
from edml.inspection._curves import threshold_curve
from edml.inspection._displays._predictions import PredictionsDisplay
from edml.inspection._units import EvaluationUnits
from edml.metrics import METRIC_TITLES
from edml.schema import (
    FloatArray,
    check_lengths,
    count_occupancy,
    history_codes,
    read_days,
    read_keys,
    read_predictions,
)

_N_THRESHOLDS = 400
_LEFT_OUT = 0.001  # of the snapshots: those with the highest probabilities
# Dashes distinguish the curves in print, and for the colour-blind.
_CURVES: dict[str, tuple[str, Any]] = {
    "precision": (BLUE, "-"),
    "recall": (VERMILLION, (0, (5, 1.5))),
    "f1": (GREEN, (0, (5, 1.5, 1, 1.5))),
}


@dataclass(eq=False, repr=False)
class ThresholdDisplay(PredictionsDisplay):
    """Precision, recall, F1 and the number flagged, by threshold.

    Create it with `from_estimator` or `from_predictions`. The strip above is the mean
    number of students flagged in a course on a day: the workload of a threshold.

    Parameters
    ----------
    threshold : array-like of shape (n_thresholds,)
        Probabilities at and above which a student is flagged, ascending.
    precision, recall, f1 : array-like of shape (n_thresholds,)
        The three metrics at each threshold, fractions; NaN where undefined.
    flagged_per_course : array-like of shape (n_thresholds,), default=None
        Mean number of students flagged per course and partition.
    chosen : float, default=None
        The model's own threshold, to be marked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the curves.
    figure_ : matplotlib Figure
        The figure that holds them.
    lines_ : dict of str to matplotlib Line2D
        The curves, by "precision", "recall" and "f1".
    chosen_line_ : matplotlib Line2D or None
        The mark of the model's own threshold.
    strip_ax_ : matplotlib Axes or None
        The strip above.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.inspection import ThresholdDisplay
    >>> y_true, y_prob = [0, 0, 0, 1, 0, 1], [0.1, 0.2, 0.2, 0.4, 0.6, 0.8]
    >>> display = ThresholdDisplay.from_predictions(y_true, y_prob, chosen=0.4)
    >>> sorted(display.lines_)
    ['f1', 'precision', 'recall']
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.inspection"

    threshold: ArrayLike
    precision: ArrayLike
    recall: ArrayLike
    f1: ArrayLike
    flagged_per_course: ArrayLike | None = None
    _: KW_ONLY
    chosen: float | None = None

    def plot(self, ax: Any = None, *, language: str = "en") -> Self:
        """Draw the curves, and mark the model's own threshold.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        display : ThresholdDisplay
            This object.
        """
        words = words_in(language)
        self.ax_ = ax = open_axes(ax)
        self.figure_ = ax.figure
        grid = np.asarray(self.threshold, dtype=np.float64)
        chosen = self.chosen
        self.lines_ = {}
        for name, (color, dashes) in _CURVES.items():
            curve = np.asarray(getattr(self, name), dtype=np.float64)
            label = words(METRIC_TITLES[name])
            if chosen is not None:
                label += f" {words.number(_value_at(grid, curve, chosen), 2)}"
            style = {"color": color, "linestyle": dashes, "linewidth": 2, "zorder": 3}
            (self.lines_[name],) = ax.plot(grid, curve, label=label, **style)
        self.chosen_line_ = None if chosen is None else _mark(ax, chosen)
        ax.set(
            xlabel=words("threshold (probability of failing)"),
            ylabel=words("share"),
            ylim=(0, 1.02),
        )
        ax.margins(x=0.01)
        soften(ax)
        localize(ax, words)
        self.strip_ax_ = None
        flagged = np.asarray(self.flagged_per_course, dtype=np.float64)  # None is NaN
        if np.isfinite(flagged).any():
            self.strip_ax_ = _draw_strip(ax, grid, flagged, chosen, words)
        title = None
        if chosen is not None:
            threshold = words.percent(chosen)
            title = words("at the threshold {threshold}", threshold=threshold)
        ax.legend(loc="best", frameon=False, title=title)
        return self

    @classmethod
    def _from_units(
        cls, units: EvaluationUnits, threshold: float, **kwargs: Any
    ) -> Self:
        if units.course is not None:
            kwargs["students"] = units.students
            kwargs["courses"] = units.course.courses
            kwargs["partitions"] = units.course.partitions
        return cls.from_predictions(
            units.y_true, units.y_prob, chosen=threshold, **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_prob: ArrayLike,
        *,
        students: ArrayLike | None = None,
        courses: ArrayLike | None = None,
        partitions: ArrayLike | None = None,
        chosen: float | None = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Try thresholds on probabilities, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_snapshots,)
            1 where the student fails, else 0.
        y_prob : array-like of shape (n_snapshots,)
            Probabilities of failing, fractions.
        students, courses, partitions : array-like of shape (n_snapshots,), default=None
            The keys of the snapshots, for the number flagged per course, which needs
            all three. A snapshot is valid until the student's next one in the course.
        chosen : float, default=None
            The model's own threshold, to be marked.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``language``.

        Returns
        -------
        display : ThresholdDisplay
        """
        require_pyplot()
        fails, risk = read_predictions(y_true, y_prob)
        # the few highest probabilities are noise and would fill half the picture
        end = np.quantile(risk, 1 - _LEFT_OUT, method="higher")
        grid = np.linspace(0, end, _N_THRESHOLDS + 1)
        if chosen is not None:
            grid = np.unique(np.append(grid, chosen))
        occupancy = None
        if students is not None and courses is not None and partitions is not None:
            student = pd.Series(read_keys(students, "students"))
            course, day = read_keys(courses, "courses"), read_days(partitions)
            check_lengths(y_true=fails, students=student, courses=course, days=day)
            history = history_codes(student, pd.Series(course))
            occupancy = count_occupancy(history, course, day)
        curve = threshold_curve(fails, risk, grid, occupancy)
        display = cls(
            curve["threshold"].to_numpy(),
            curve["precision"].to_numpy(),
            curve["recall"].to_numpy(),
            curve["f1"].to_numpy(),
            None if occupancy is None else curve["flagged_per_course"].to_numpy(),
            chosen=chosen,
        )
        return display.plot(ax, **plot_kw)


def _draw_strip(
    ax: Any, grid: FloatArray, flagged: FloatArray, chosen: float | None, words: Words
) -> Any:
    strip = add_strip(ax, words("flagged per\ncourse and day"))
    strip.set_yscale("symlog", linthresh=1)  # from the whole course to nobody
    fill_strip(strip, grid, flagged, words.short)
    if chosen is not None:
        _mark(strip, chosen)
        strip.annotate(
            words.short(_value_at(grid, flagged, chosen)),
            *((chosen, 1), (4, -2)),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize="small",
        )
    return strip


def _mark(ax: Any, chosen: float) -> Any:
    return ax.axvline(chosen, color=GREY, linestyle=":", linewidth=1.5, zorder=2)


def _value_at(grid: FloatArray, curve: FloatArray, chosen: float) -> float:
    """Return the value of a curve at the chosen threshold."""
    place = int(np.searchsorted(grid, chosen, side="right")) - 1
    return float(curve[place]) if place >= 0 else np.nan
