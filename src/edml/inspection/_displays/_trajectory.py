"""TrajectoryDisplay: one student's risk over the course, day by day."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml._drawing import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    VERMILLION,
    add_lanes,
    localize,
    open_axes,
    require_pyplot,
    soften,
)
from edml._words import Words, words_in
from edml.inspection._displays._history import select_history
from edml.inspection._units import own_threshold, predict_risk
from edml.schema import (
    PARTITION,
    FloatArray,
    IntArray,
    columns_of,
    first_rows,
    read_days,
    read_names,
    read_partitions,
    read_probabilities,
)


@dataclass(eq=False, repr=False)
class TrajectoryDisplay:
    """One student's probability of failing over the course, with exams and submissions.

    Create it with `from_estimator` or `from_predictions`. A partition's probability
    uses only the data known at its end, and is valid until the student's next
    partition. Where it reaches the threshold, the curve and the area below it change
    colour.

    Parameters
    ----------
    partitions : array-like of shape (n_partitions,)
        Course days, ascending, each once.
    y_prob : array-like of shape (n_partitions,)
        The probability of failing at each, a fraction.
    threshold : float, default=None
        The probability at and above which the student is flagged.
    exams, submissions : array-like of int, default=None
        Partitions in which the student sat an exam, or handed something in.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the curve.
    figure_ : matplotlib Figure
        The figure that holds them.
    line_ : matplotlib StepPatch
        The curve.
    flagged_ : matplotlib StepPatch or None
        The flagged part of it.
    threshold_line_ : matplotlib Line2D or None
        The threshold.
    strip_ax_ : matplotlib Axes or None
        The strip above, with exams and submissions.

    See Also
    --------
    ReasonsDisplay : What moved the score on one day.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.inspection import TrajectoryDisplay
    >>> display = TrajectoryDisplay.from_predictions(
    ...     [0.1, 0.1, 0.4, 0.6], [0, 5, 10, 15], threshold=0.35,
    ...     exams=[10], submissions=[3, 5],
    ... )
    >>> display.ax_.get_ylabel()
    'probability of failing'
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.inspection"

    partitions: ArrayLike
    y_prob: ArrayLike
    _: KW_ONLY
    threshold: float | None = None
    exams: ArrayLike | None = None
    submissions: ArrayLike | None = None

    def plot(
        self, ax: Any = None, *, title: str | None = None, language: str = "en"
    ) -> Self:
        """Draw the course.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        title : str, default=None
            Title of the picture, such as the student's name.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        display : TrajectoryDisplay
            This object.
        """
        words = words_in(language)
        self.ax_ = ax = open_axes(ax)
        self.figure_ = ax.figure
        days = np.asarray(self.partitions)
        risk = np.asarray(self.y_prob, dtype=np.float64)
        # a day is drawn around its number, so that marks are centred in it
        edges = np.append(days, days[-1] + 1) - 0.5
        self.line_ = ax.stairs(
            risk, edges, baseline=None, color=BLUE, linewidth=2, zorder=3
        )
        self.flagged_ = self.threshold_line_ = None
        top = risk.max()
        if self.threshold is not None:
            top = max(top, self.threshold)
            self._draw_flagged(ax, risk, edges, self.threshold, words)
        ax.set(xlim=(edges[0], edges[-1]), ylim=(0, min(max(top * 1.15, 0.05), 1.02)))
        ax.set(xlabel=words("course day"), ylabel=words("probability of failing"))
        soften(ax)
        localize(ax, words)
        self.strip_ax_ = self._draw_strip(ax, words)
        if title is not None:
            ax.set_title(title)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(loc="best", frameon=False)
        return self

    def _draw_flagged(
        self,
        ax: Any,
        risk: FloatArray,
        edges: FloatArray,
        threshold: float,
        words: Words,
    ) -> None:
        line = {"color": GREY, "linestyle": "--", "linewidth": 1.2, "zorder": 2}
        label = words("threshold {threshold}", threshold=words.percent(threshold))
        self.threshold_line_ = ax.axhline(threshold, label=label, **line)
        flagged = risk >= threshold
        if not flagged.any():
            return
        shown = np.where(flagged, risk, np.nan)
        self.flagged_ = ax.stairs(
            shown, edges, baseline=None, color=VERMILLION, linewidth=2, zorder=4
        )
        ground = {"color": VERMILLION, "alpha": 0.18, "linewidth": 0}
        ax.stairs(shown, edges, fill=True, label=words("flagged"), **ground)

    def _draw_strip(self, ax: Any, words: Words) -> Any:
        lanes = {words("exams"): (self.exams, PURPLE, "D")}
        lanes[words("submissions")] = (self.submissions, GREEN, "o")
        known = {name: lane for name, lane in lanes.items() if lane[0] is not None}
        if not known:
            return None
        strip = add_lanes(ax, list(known))
        for height, (given, color, marker) in enumerate(known.values()):
            when = np.asarray(given)
            if not len(when):
                continue  # an empty, unclipped line gets a huge bounding box
            style = {"color": color, "marker": marker, "linestyle": "none"}
            level = np.full(len(when), height)
            strip.plot(when, level, markersize=5, clip_on=False, **style)
            low, high = ax.get_xlim()
            ax.set_xlim(min(low, when.min() - 0.5), max(high, when.max() + 0.5))
        return strip

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: pd.DataFrame,
        *,
        student: object,
        course: object = None,
        threshold: float | None = None,
        fail_label: Any = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Predict one student's course, and draw.

        Parameters
        ----------
        model : classifier
            Fitted on event tables.
        X : DataFrame of shape (n_rows, n_columns)
            An event table with all events of the student in the course.
        student : object
            The student, as the table's column holds it.
        course : object, default=None
            The course; None where the student is in one only.
        threshold : float, default=None
            The probability at and above which a student is flagged; None takes
            the model's own (``threshold_``, or else 0.5).
        fail_label : label, default=None
            The class of the model that means failing. None is its own
            ``fail_label_``, else the higher of two numbers; text needs one of them.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``title``.

        Returns
        -------
        display : TrajectoryDisplay
        """
        require_pyplot()
        names = columns_of(model)
        history = X.iloc[select_history(X, names, student, course)]
        days = read_partitions(history[names[PARTITION]])
        rows, _ = first_rows(days)
        rows = rows[np.argsort(days[rows])]
        display = cls(
            days[rows],
            # a history's features do not depend on other students' rows
            predict_risk(model, history, fail_label)[rows],
            threshold=own_threshold(model) if threshold is None else threshold,
            exams=_days_with(history, names["nombre_examen"], days),
            submissions=_days_with(history, names["ass_name_sub"], days),
        )
        return display.plot(ax, **plot_kw)

    @classmethod
    def from_predictions(
        cls,
        y_prob: ArrayLike,
        partitions: ArrayLike,
        *,
        threshold: float | None = None,
        exams: ArrayLike | None = None,
        submissions: ArrayLike | None = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw the probabilities of one student.

        Parameters
        ----------
        y_prob : array-like of shape (n_partitions,)
            Probabilities of failing, fractions.
        partitions : array-like of shape (n_partitions,)
            The course day of each, in any order.
        threshold : float, default=None
            The probability at and above which the student is flagged.
        exams, submissions : array-like of int, default=None
            Partitions in which the student sat an exam, or handed something in.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``title``.

        Returns
        -------
        display : TrajectoryDisplay

        Raises
        ------
        ValueError
            If the two differ in length, or a partition has two probabilities.
        """
        risk, days = read_probabilities(y_prob), read_days(partitions)
        if len(days) != len(risk) or len(np.unique(days)) != len(days):
            message = (
                "One history needs one probability per partition; found "
                f"{len(risk)} probabilities and {len(days)} partitions, "
                f"{len(np.unique(days))} of them different. Pass one history, and the "
                "first row of each of its snapshots."
            )
            raise ValueError(message)
        order = np.argsort(days)
        display = cls(
            days[order],
            risk[order],
            threshold=threshold,
            exams=exams,
            submissions=submissions,
        )
        return display.plot(ax, **plot_kw)


def _days_with(history: pd.DataFrame, name: str, days: IntArray) -> IntArray | None:
    """Return the days on which a name column is not null; None without the column."""
    if name not in history.columns:
        return None
    return np.unique(days[read_names(history[name]).rows])
