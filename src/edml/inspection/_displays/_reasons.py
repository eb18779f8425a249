"""ReasonsDisplay: what moved one student's score, and in which direction."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._drawing import BLUE, GREY, VERMILLION, localize, require_pyplot
from edml._words import Words, words_in
from edml.explanation import Explanation, explain, feature_phrase
from edml.inspection._displays._bars import draw_largest
from edml.inspection._displays._history import select_history
from edml.schema import PARTITION, columns_of, read_partitions

_TEXT_WIDTH = 0.2  # of the bars' range, for the number next to a bar


@dataclass(eq=False, repr=False)
class ReasonsDisplay:
    """What moved one score: bars to the right raise the risk, to the left lower it.

    Create it with `from_estimator` or `from_explanation`. The bars and the base add up
    to the score before calibration. They show what the model relies on, not what makes
    the student fail.

    Parameters
    ----------
    contributions : array-like of shape (n_features,)
        What each feature added to the score.
    labels : array-like of str of shape (n_features,)
        The text next to each bar.
    base : float, default=None
        The score before any feature is known.
    scale : {"log-odds", "probability"}, default="log-odds"
        Unit of the contributions.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the bars.
    figure_ : matplotlib Figure
        The figure that holds them.
    bars_ : matplotlib BarContainer
        The bars, from the top down.

    See Also
    --------
    ImportanceDisplay : The same over many rows.
    TrajectoryDisplay : The student's whole course.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.inspection import ReasonsDisplay
    >>> display = ReasonsDisplay(
    ...     [-0.2, 0.9], ["mean score 81", "mean exam grade 3.5"], base=-2.5
    ... ).plot()
    >>> display.ax_.get_title()
    'base -2.50, features +0.70: score -1.80'
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.inspection"

    contributions: ArrayLike
    labels: ArrayLike
    _: KW_ONLY
    base: float | None = None
    scale: str = "log-odds"

    def plot(
        self,
        ax: Any = None,
        *,
        n_features: int = 10,
        title: str | None = None,
        language: str = "en",
    ) -> Self:
        """Draw the bars, the last of which adds up the smaller contributions.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_features : int, default=10
            Number of features with their own bar, the largest contributions first.
        title : str, default=None
            Title of the picture; None writes how the score adds up, where the base
            is known.
        language : {"en", "es"}, default="en"
            Language of the title and the axis.

        Returns
        -------
        display : ReasonsDisplay
            This object.

        Raises
        ------
        ValueError
            If contributions and labels differ in length.
        """
        words = words_in(language)
        self.ax_, self.bars_ = ax, bars = draw_largest(
            *(ax, self.contributions, self.labels, n_features),
            names="contributions and labels",
            colour_of=lambda width: VERMILLION if width > 0 else BLUE,
            words=words,
        )
        self.figure_ = ax.figure
        _write_widths(ax, bars, words)
        label = words(
            "contribution to the score\nbefore calibration ({scale})\n"
            "← lowers the risk    raises the risk →",
            scale=words(self.scale),
        )
        ax.set_xlabel(label)
        localize(ax, words)
        if title is None and self.base is not None:
            total = float(np.sum(self.contributions))
            title = words(
                "base {base}, features {total}: score {score}",
                base=words.number(self.base, 2),
                total=words.number(total, 2, signed=True),
                score=words.number(self.base + total, 2),
            )
        if title is not None:
            ax.set_title(title)
        return self

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        student: object = None,
        course: object = None,
        partition: int | None = None,
        row: int | None = None,
        background: Any = None,
        random_state: Any = 0,
        fail_label: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Explain one score of a model, and draw.

        Parameters
        ----------
        model : classifier
            A fitted model that `edml.explanation.explain` supports.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            An event table with all events of the student in the course; or any
            other table, with ``row``.
        student : object, default=None
            The student, as the event table's column holds it.
        course : object, default=None
            The course; None where the student is in one only.
        partition : int, default=None
            Explain the student's latest snapshot up to this partition; None takes
            the last.
        row : int, default=None
            Position of the row to explain, used instead of a student.
        background : DataFrame or array-like, default=None
            Typical rows, for models that are explained by comparison with them; see
            `edml.explanation.explain`.
        random_state : int, RandomState or None, default=0
            Draws the background.
        fail_label : label, default=None
            The class that means failing, whose score is explained; see
            `edml.explanation.explain`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Further arguments of `from_explanation` and `plot`, such as ``language``.

        Returns
        -------
        display : ReasonsDisplay

        Raises
        ------
        ValueError
            If not exactly one of ``student`` and ``row`` is given.
        """
        require_pyplot()
        if (student is None) == (row is None):
            message = (
                "The picture explains one score: pass either student= (with an event "
                "table) or row=, the position of a row."
            )
            raise ValueError(message)
        if row is None:
            row = _find_snapshot(X, columns_of(model), student, course, partition)
        explanation = explain(
            model,
            X,
            rows=[row],
            background=background,
            random_state=random_state,
            fail_label=fail_label,
        )
        return cls.from_explanation(explanation, ax=ax, **kwargs)

    @classmethod
    def from_explanation(
        cls,
        explanation: Explanation,
        *,
        row: int = 0,
        language: str | None = "en",
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Draw one row of an explanation.

        Parameters
        ----------
        explanation : Explanation
            From `edml.explanation.explain`.
        row : int, default=0
            Position of the row in the explanation.
        language : {"en", "es"}, default="en"
            Write features and values in words of this language, those with the same
            words as one bar; None writes their names.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``title``.

        Returns
        -------
        display : ReasonsDisplay

        Raises
        ------
        ValueError
            If the explanation has no such row.
        """
        n_rows = len(explanation.contributions)
        check_scalar(row, "row", Integral)
        if not 0 <= row < n_rows:
            message = (
                f"row={row} is not a position in the explanation, which has {n_rows} "
                "rows. Count from 0."
            )
            raise ValueError(message)
        values = explanation.values  # noqa: PD011 - an attribute of Explanation
        labels = _label_features(values.iloc[row], language)
        contributions = explanation.contributions.iloc[row].to_numpy(dtype=np.float64)
        # near-duplicate features share one phrase ("no exam grade yet") and one bar
        place, distinct = pd.factorize(np.array(labels, dtype=object))
        display = cls(
            np.bincount(place, contributions),
            distinct,
            base=float(explanation.base_values[row]),
            scale=explanation.scale,
        )
        return display.plot(ax, language=language or "en", **plot_kw)


def _find_snapshot(
    X: Any,
    names: Mapping[str, str],
    student: object,
    course: object,
    partition: int | None,
) -> int:
    """Return the position of a row in the latest snapshot up to a partition."""
    rows = select_history(X, names, student, course)
    days = read_partitions(X[names[PARTITION]].iloc[rows])
    if partition is not None:
        check_scalar(partition, "partition", Integral, min_val=0)
        rows, days = rows[days <= partition], days[days <= partition]
    if not len(rows):
        message = (
            f"The history has no row up to partition={partition}. Pass a later one, or "
            "None for the last."
        )
        raise ValueError(message)
    return int(rows[np.argmax(days)])


def _write_widths(ax: Any, bars: Any, words: Words) -> None:
    """Write each value at the end of its bar, and leave room for it."""
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=4)
    texts = [words.number(width, 2, signed=True) for width in bars.datavalues]
    ax.bar_label(bars, texts, padding=3, fontsize="small", zorder=5)
    low, high = min(*bars.datavalues, 0.0), max(*bars.datavalues, 0.0)
    room = _TEXT_WIDTH * (high - low or 1.0)
    ax.set_xlim(low - room * (low < 0), high + room * (high > 0 or low == 0))


def _label_features(row: pd.Series, language: str | None) -> list[str]:
    """Label each feature with its value, in words or, without a language, by name."""
    if language is not None:
        return [feature_phrase(str(n), value, language) for n, value in row.items()]
    return [
        f"{name}: unknown" if pd.isna(value) else f"{name} = {_write(value)}"
        for name, value in row.items()
    ]


def _write(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, (Real, np.number)) else str(value)
