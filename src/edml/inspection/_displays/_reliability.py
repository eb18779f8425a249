"""ReliabilityDisplay: whether 30 % fail where the model predicts 0.3."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from edml._drawing import (
    GREY,
    add_strip,
    localize,
    next_colour,
    require_pyplot,
    soften,
)
from edml._words import Words
from edml.inspection._curves import assign_bins, share_intervals
from edml.inspection._displays._predictions import CurveDisplay
from edml.inspection._options import Options
from edml.inspection._units import EvaluationUnits
from edml.metrics import calibration_bins
from edml.schema import FloatArray, IntArray, check_lengths, read_keys, read_predictions

_N_HISTOGRAM_BINS = 40


@dataclass(eq=False, repr=False)
class ReliabilityDisplay(CurveDisplay):
    """The share of failing students against the predicted probability.

    Create it with `from_estimator` or `from_predictions`. The vertical lines are
    bootstrap intervals that resample students with all their snapshots; where a bin has
    only one outcome, they are the exact interval for its number of students. The strip
    above is the histogram of the predictions.

    Parameters
    ----------
    mean_predicted : array-like of shape (n_bins,)
        Mean probability of each bin, ascending.
    share_positive : array-like of shape (n_bins,)
        Share of each bin that fails.
    n : array-like of shape (n_bins,), default=None
        Number of snapshots of each bin.
    low, high : array-like of shape (n_bins,), default=None
        Ends of the interval of each share.
    y_prob : array-like of shape (n_snapshots,), default=None
        The probabilities, for the histogram.
    name : str, default=None
        Names the curve in the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the curve.
    figure_ : matplotlib Figure
        The figure that holds them.
    line_ : matplotlib Line2D
        The curve.
    bars_ : matplotlib LineCollection or None
        The intervals.
    strip_ax_ : matplotlib Axes or None
        The histogram.

    See Also
    --------
    edml.metrics.expected_calibration_error : A single-number summary.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.inspection import ReliabilityDisplay
    >>> y_true, y_prob = [0, 0, 0, 1, 0, 1], [0.1, 0.2, 0.2, 0.4, 0.6, 0.8]
    >>> students = ["ana", "ben", "ben", "eva", "leo", "mia"]
    >>> display = ReliabilityDisplay.from_predictions(
    ...     y_true, y_prob, students=students, n_bins=3
    ... )
    >>> display.share_positive.tolist()
    [0.0, 1.0, 0.5]
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.inspection"
    _SIZE = (5.5, 5.5)

    mean_predicted: ArrayLike
    share_positive: ArrayLike
    n: ArrayLike | None = None
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    _: KW_ONLY
    y_prob: ArrayLike | None = None
    name: str | None = None

    def _draw(self, ax: Any, name: str | None, words: Words) -> None:
        predicted = np.asarray(self.mean_predicted, dtype=np.float64)
        share = np.asarray(self.share_positive, dtype=np.float64)
        limit = self._limit(ax, predicted, share)
        colour = next_colour(ax)
        if not ax.lines:
            perfect = {"color": GREY, "linestyle": "--", "linewidth": 1}
            ax.plot([0, 1], [0, 1], label=words("as predicted"), **perfect)
        style = {"color": colour, "linewidth": 2, "markersize": 5, "zorder": 3}
        (self.line_,) = ax.plot(predicted, share, marker="o", label=name, **style)
        self.bars_ = None
        if self.low is not None and self.high is not None:
            self.bars_ = ax.vlines(
                predicted, self.low, self.high, color=colour, alpha=0.5, lw=1.5
            )
        ax.set(xlim=(0, limit), ylim=(0, limit), box_aspect=1)
        ax.set(
            xlabel=words("predicted probability of failing"),
            ylabel=words("share that fails"),
        )
        soften(ax, grid="both")
        localize(ax, words)
        self.strip_ax_ = None
        if self.y_prob is not None:
            self.strip_ax_ = _draw_histogram(
                ax, self.y_prob, limit, colour, words("snapshots")
            )
        ax.legend(loc="upper left", frameon=False)

    def _limit(self, ax: Any, predicted: FloatArray, share: FloatArray) -> float:
        """Return the end of both axes: the data's, not 1, because few students fail."""
        ends = np.asarray([] if self.high is None else self.high, dtype=np.float64)
        highest = np.nanmax(np.concatenate([predicted, share, ends]))
        drawn = ax.get_xlim()[1] if ax.lines else 0.0
        return float(max(min(1.0, highest * 1.05), drawn, 0.01))

    @classmethod
    def _from_units(
        cls, units: EvaluationUnits, threshold: float, **kwargs: Any
    ) -> Self:
        return cls.from_predictions(
            units.y_true, units.y_prob, students=units.clusters, **kwargs
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_prob: ArrayLike,
        *,
        students: ArrayLike | None = None,
        n_bins: int = 15,
        strategy: str = "quantile",
        confidence: float = 0.95,
        n_resamples: int = 1000,
        random_state: int | None = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Compare probabilities with the outcomes, and draw.

        Parameters
        ----------
        y_true : array-like of shape (n_snapshots,)
            1 where the student fails, else 0.
        y_prob : array-like of shape (n_snapshots,)
            Probabilities of failing, fractions.
        students : array-like of shape (n_snapshots,), default=None
            The student of each snapshot; None for no intervals.
        n_bins : int, default=15
            Number of bins.
        strategy : {"quantile", "uniform"}, default="quantile"
            Whether bins hold equally many snapshots, or are equally wide.
        confidence : float, default=0.95
            Coverage of the intervals, a fraction in (0, 1).
        n_resamples : int, default=1000
            Number of bootstrap resamples; 0 for no intervals.
        random_state : int or None, default=0
            Draws the resamples.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``name``.

        Returns
        -------
        display : ReliabilityDisplay
        """
        require_pyplot()
        fails, risk = read_predictions(y_true, y_prob)
        table = calibration_bins(fails, risk, n_bins=n_bins, strategy=strategy)
        share = table["share_positive"].to_numpy()
        low = high = None
        if students is not None and n_resamples:
            who = read_keys(students, "students")
            check_lengths(y_true=fails, students=who)
            bins = assign_bins(risk, table["n"])
            options = Options(
                confidence=confidence,
                n_resamples=n_resamples,
                random_state=random_state,
            )
            ends = share_intervals(fails, bins, who, options)
            low, high = _widen_pure_bins(*ends, bins, who, share, confidence)
        display = cls(
            table["mean_predicted"].to_numpy(),
            *(share, table["n"].to_numpy(), low, high),
            y_prob=risk,
        )
        return display.plot(ax, **plot_kw)


def _draw_histogram(
    ax: Any, y_prob: ArrayLike, limit: float, color: Any, label: str
) -> Any:
    strip = add_strip(ax, label)
    strip.hist(
        np.asarray(y_prob),
        bins=np.linspace(0, limit, _N_HISTOGRAM_BINS + 1),
        color=color,
        alpha=0.4,
        linewidth=0,
    )
    strip.set_yticks([])
    return strip


def _widen_pure_bins(
    low: FloatArray,
    high: FloatArray,
    bins: IntArray,
    students: IntArray,
    share: FloatArray,
    confidence: float,
) -> tuple[FloatArray, FloatArray]:
    """Use exact limits where all snapshots of a bin have the same outcome.

    The bootstrap sees no spread there, however few the students are.
    """
    pairs = np.unique(np.column_stack([bins, students]), axis=0)
    n_students = np.bincount(pairs[:, 0], minlength=len(share))
    reach = 1 - ((1 - confidence) / 2) ** (1 / n_students)
    return np.where(share == 1, 1 - reach, low), np.where(share == 0, reach, high)
