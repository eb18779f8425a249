"""EarlinessDisplay: the quality of the predictions over the course."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._drawing import GREY, open_axes, require_pyplot, soften
from edml.inspection._displays._style import (
    fill_strip,
    merge_style,
    next_colour,
    strip_above,
)
from edml.inspection._measures import measure_with_interval
from edml.inspection._titles import TITLES
from edml.inspection._units import EvaluationUnits, own_threshold
from edml.schema import (
    FloatArray,
    check_lengths,
    read_days,
    read_keys,
    read_predictions,
)

_CHANCE = "chance"
_STRIPS = {
    "n_failing": "enrolments\nthat fail",
    "n_snapshots": "enrolments",
    "share_failing": "share that\nfails",
}


@dataclass(eq=False, repr=False)
class EarlinessDisplay:
    """A metric by partition, which shows how early the predictions are good.

    Create it with `from_estimator` or `from_predictions`. The band is a bootstrap
    interval that resamples students with all their snapshots. The strip above shows the
    number of students behind each point.

    Parameters
    ----------
    partition : array-like of shape (n_partitions,)
        Course days, ascending.
    value : array-like of shape (n_partitions,)
        The metric on the snapshots of each partition; NaN leaves a gap.
    low, high : array-like of shape (n_partitions,), default=None
        Ends of the interval of each value.
    n_snapshots, n_failing : array-like of shape (n_partitions,), default=None
        Number of snapshots in each partition, and how many belong to failing students.
    metric : str, default="roc_auc"
        Name of the metric, one of `edml.metrics.snapshot_metrics`.
    name : str, default=None
        Names the curve in a legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the curve.
    figure_ : matplotlib Figure
        The figure that holds them.
    line_ : matplotlib Line2D
        The curve.
    band_ : matplotlib FillBetweenPolyCollection or None
        The intervals.
    chance_line_ : matplotlib Line2D or None
        The level of random predictions.
    strip_ax_ : matplotlib Axes or None
        The strip above.

    See Also
    --------
    TrajectoryDisplay : The course of one student.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.inspection import EarlinessDisplay
    >>> display = EarlinessDisplay(
    ...     [0, 10, 20, 30], [0.55, 0.70, 0.81, 0.86],
    ...     low=[0.45, 0.61, 0.74, 0.80], high=[0.65, 0.78, 0.87, 0.91],
    ... ).plot()
    >>> display.ax_.get_ylabel()
    'ROC AUC'
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.inspection"

    partition: ArrayLike
    value: ArrayLike
    _: KW_ONLY
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    n_snapshots: ArrayLike | None = None
    n_failing: ArrayLike | None = None
    metric: str = "roc_auc"
    name: str | None = None

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        strip: str | None = "n_failing",
        plot_chance_level: bool = True,
        line_kw: Mapping[str, Any] | None = None,
    ) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. A second curve on the same axes
            takes another colour.
        name : str, default=None
            Names the curve in a legend; None takes the display's own.
        strip : {"n_failing", "n_snapshots", "share_failing"}, default="n_failing"
            What the strip above the axes shows, where known; None for no strip.
        plot_chance_level : bool, default=True
            Whether to mark the level of random predictions, for ROC AUC (0.5) and
            average precision (the share that fails).
        line_kw : dict, default=None
            Keyword arguments of matplotlib's `plot` for the curve.

        Returns
        -------
        display : EarlinessDisplay
            This object.

        Raises
        ------
        ValueError
            If ``strip`` is unknown.
        """
        if strip is not None and strip not in _STRIPS:
            message = (
                f"strip={strip!r} is unknown: pass one of {list(_STRIPS)}, or None."
            )
            raise ValueError(message)
        self.ax_ = ax = open_axes(ax)
        self.figure_ = ax.figure
        name = self.name if name is None else name
        first = not ax.lines
        style = {"color": next_colour(ax), "linewidth": 2, "label": name, "zorder": 3}
        style = merge_style(style, line_kw)
        days = np.asarray(self.partition)
        (self.line_,) = ax.plot(days, np.asarray(self.value), **style)
        self.band_ = None
        if self.low is not None and self.high is not None:
            self.band_ = ax.fill_between(
                days, self.low, self.high, color=style["color"], alpha=0.2, linewidth=0
            )
        self.chance_line_ = self.strip_ax_ = None
        if first and plot_chance_level:
            self.chance_line_ = self._draw_chance(ax)
        if first and strip is not None and self._count(strip) is not None:
            self.strip_ax_ = strip_above(ax, _STRIPS[strip])
            write = ".1%" if strip == "share_failing" else ".0f"
            fill_strip(self.strip_ax_, days, self._count(strip), write, step="mid")
        ax.set(
            xlabel="partition (course day)",
            ylabel=TITLES.get(self.metric, self.metric),
        )
        soften(ax)
        handles, labels = ax.get_legend_handles_labels()
        if labels:
            order = sorted(
                range(len(labels)), key=lambda place: labels[place] == _CHANCE
            )
            ax.legend(handles=[handles[place] for place in order], frameon=False)
        return self

    def _draw_chance(self, ax: Any) -> Any:
        """Draw the chance level, for metrics that have one."""
        days = np.asarray(self.partition)
        levels = {
            "roc_auc": np.full(len(days), 0.5),
            "average_precision": self._count("share_failing"),
        }
        level = levels.get(self.metric)
        if level is None:
            return None
        style = {"color": GREY, "linestyle": "--", "linewidth": 1, "label": _CHANCE}
        return ax.plot(days, level, **style)[0]

    def _count(self, which: str) -> FloatArray | None:
        """Return the values of a strip, or None if unknown."""
        if which != "share_failing":
            counts = getattr(self, which)
            return None if counts is None else np.asarray(counts, dtype=np.float64)
        n, n_failing = self._count("n_snapshots"), self._count("n_failing")
        if n is None or n_failing is None:
            return None
        return n_failing / np.maximum(n, 1)

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: pd.DataFrame,
        y: ArrayLike,
        *,
        metric: str = "roc_auc",
        every: int = 1,
        min_failing: int = 5,
        n_resamples: int = 200,
        random_state: int | None = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Evaluate a model on each partition of an event table, and draw.

        Parameters
        ----------
        model : classifier
            Fitted; metrics that need a threshold use its own (``threshold_``, or else
            0.5).
        X : DataFrame of shape (n_rows, n_columns)
            An event table of students that the model has not seen.
        y : array-like of shape (n_rows,)
            The labels, aligned with ``X`` by position.
        metric : str, default="roc_auc"
            One of `edml.metrics.snapshot_metrics`.
        every : int, default=1
            Show the partitions p with ``p % every == 0``.
        min_failing : int, default=5
            Leave a gap where fewer snapshots are of failing students, or of passing
            ones: too few for a figure.
        n_resamples : int, default=200
            Number of bootstrap resamples; 0 for no band.
        random_state : int or None, default=0
            Draws the resamples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``name``.

        Returns
        -------
        display : EarlinessDisplay

        Raises
        ------
        ValueError
            If ``X`` is not an event table.
        """
        require_pyplot()
        units = EvaluationUnits.from_estimator(model, X, y)
        if units.course is None:
            message = (
                "A metric by partition needs an event table, with the columns of the "
                "student, the course and the partition. Pass such a table, or use "
                "from_predictions."
            )
            raise ValueError(message)
        return cls.from_predictions(
            units.y_true,
            units.y_prob,
            units.course.partitions,
            students=units.students,
            metric=metric,
            threshold=own_threshold(model),
            every=every,
            min_failing=min_failing,
            n_resamples=n_resamples,
            random_state=random_state,
            ax=ax,
            **plot_kw,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_prob: ArrayLike,
        partitions: ArrayLike,
        *,
        students: ArrayLike | None = None,
        metric: str = "roc_auc",
        threshold: float = 0.5,
        every: int = 1,
        min_failing: int = 5,
        n_resamples: int = 200,
        random_state: int | None = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Evaluate predictions partition by partition, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_snapshots,)
            1 where the student fails, else 0.
        y_prob : array-like of shape (n_snapshots,)
            Probabilities of failing, fractions.
        partitions : array-like of shape (n_snapshots,)
            The course day of each snapshot.
        students : array-like of shape (n_snapshots,), default=None
            The student of each snapshot; None for no band.
        metric : str, default="roc_auc"
            One of `edml.metrics.snapshot_metrics`.
        threshold : float, default=0.5
            The probability at and above which a student is flagged, for the
            metrics that need it.
        every : int, default=1
            Show the partitions p with ``p % every == 0``.
        min_failing : int, default=5
            Leave a gap where fewer snapshots are of failing students, or of passing
            ones: too few for a figure.
        n_resamples : int, default=200
            Number of bootstrap resamples; 0 for no band.
        random_state : int or None, default=0
            Draws the resamples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``name``.

        Returns
        -------
        display : EarlinessDisplay

        Raises
        ------
        ValueError
            If the metric is unknown, or no partition is left to show.
        """
        require_pyplot()
        if metric not in TITLES:
            message = f"metric={metric!r} is unknown: pass one of {list(TITLES)}."
            raise ValueError(message)
        check_scalar(every, "every", Integral, min_val=1)
        fails, risk = read_predictions(y_true, y_prob)
        day = read_days(partitions)
        if students is None:
            n_resamples = 0
        who = read_keys(day if students is None else students, "students")
        check_lengths(y_true=fails, partitions=day, students=who)
        days = np.unique(day[day % every == 0])
        if not len(days):
            message = f"No partition is a multiple of every={every}. Lower it."
            raise ValueError(message)
        counts = np.zeros((2, len(days)))
        measured = np.full((3, len(days)), np.nan)
        for place, one in enumerate(days):
            at = day == one
            n, n_failing = counts[:, place] = at.sum(), fails[at].sum()
            if min(n_failing, n - n_failing) >= max(min_failing, 1):
                figures, *ends = measure_with_interval(
                    *(fails[at], risk[at], who[at], metric, threshold),
                    *(n_resamples, random_state),
                )
                measured[:, place] = figures[metric], *ends
        value, low, high = measured
        display = cls(
            days,
            value,
            low=low if n_resamples else None,
            high=high if n_resamples else None,
            n_snapshots=counts[0],
            n_failing=counts[1],
            metric=metric,
        )
        return display.plot(ax, **plot_kw)
