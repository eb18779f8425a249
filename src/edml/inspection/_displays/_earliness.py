"""EarlinessDisplay: the quality of the predictions over the course."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._drawing import (
    GREY,
    add_strip,
    fill_strip,
    localize,
    next_colour,
    require_pyplot,
    soften,
)
from edml._words import Words
from edml.inspection._displays._predictions import CurveDisplay
from edml.inspection._options import Options
from edml.inspection._units import EvaluationUnits
from edml.metrics import METRIC_TITLES, snapshot_metrics
from edml.schema import (
    check_lengths,
    read_days,
    read_keys,
    read_predictions,
)


@dataclass(eq=False, repr=False)
class EarlinessDisplay(CurveDisplay):
    """A metric by partition, which shows how early the predictions are good.

    Create it with `from_estimator` or `from_predictions`. The band is a bootstrap
    interval that resamples students with all their snapshots. The strip above shows the
    number of failing students behind each point.

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
        The level of random predictions: 0.5 for ROC AUC, the share that fails for
        average precision.
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

    def _draw(self, ax: Any, name: str | None, words: Words) -> None:
        first, colour = not ax.lines, next_colour(ax)
        days = np.asarray(self.partition)
        style = {"color": colour, "linewidth": 2, "zorder": 3}
        (self.line_,) = ax.plot(days, np.asarray(self.value), label=name, **style)
        self.band_ = None
        if self.low is not None and self.high is not None:
            self.band_ = ax.fill_between(
                days, self.low, self.high, color=colour, alpha=0.2, linewidth=0
            )
        self.chance_line_ = self._draw_chance(ax, words("chance")) if first else None
        self.strip_ax_ = None
        if first and self.n_failing is not None:
            self.strip_ax_ = add_strip(ax, words("students\nwho fail"))
            fill_strip(self.strip_ax_, days, self.n_failing, words.number, step="mid")
        ax.set(
            xlabel=words("course day"),
            ylabel=words(METRIC_TITLES.get(self.metric, self.metric)),
        )
        soften(ax)
        localize(ax, words)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(frameon=False)

    def _draw_chance(self, ax: Any, label: str) -> Any:
        """Draw the level of random predictions, for metrics that have one."""
        days = np.asarray(self.partition)
        level = None
        if self.metric == "roc_auc":
            level = np.full(len(days), 0.5)
        elif self.metric == "average_precision" and self.n_failing is not None:
            # None becomes NaN: no level where the number of snapshots is unknown
            n_snapshots = np.asarray(self.n_snapshots, dtype=np.float64)
            level = np.asarray(self.n_failing) / np.maximum(n_snapshots, 1)
        if level is None or np.isnan(level).all():
            return None
        style = {"color": GREY, "linestyle": "--", "linewidth": 1, "label": label}
        return ax.plot(days, level, **style)[0]

    @classmethod
    def _from_units(
        cls, units: EvaluationUnits, threshold: float, **kwargs: Any
    ) -> Self:
        if units.course is None:
            message = (
                "A metric by partition needs an event table, with the columns of the "
                "student, the course and the partition. Pass such a table, or use "
                "from_predictions."
            )
            raise ValueError(message)
        return cls.from_predictions(
            *(units.y_true, units.y_prob, units.course.partitions),
            students=units.students,
            threshold=threshold,
            **kwargs,
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
        if metric not in METRIC_TITLES:
            message = f"metric={metric!r} is unknown: pass one of {[*METRIC_TITLES]}."
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
        options = Options(
            threshold=threshold, n_resamples=n_resamples, random_state=random_state
        )
        counts = np.zeros((2, len(days)))
        measured = np.full((3, len(days)), np.nan)
        for place, one in enumerate(days):
            at = day == one
            n, n_failing = counts[:, place] = at.sum(), fails[at].sum()
            if min(n_failing, n - n_failing) >= max(min_failing, 1):
                shown = fails[at], risk[at]
                ends = options.estimate_intervals(*shown, who[at], [metric])[metric]
                figures = snapshot_metrics(*shown, threshold)
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
