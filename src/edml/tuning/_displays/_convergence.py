"""ConvergenceDisplay: what a search tried, and when it got better."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from edml._drawing import (
    COLOURS,
    GREY,
    add_lanes,
    localize,
    open_axes,
    require_pyplot,
    soften,
    without_math,
)
from edml._translation import N_
from edml._words import Words, words_in

_NUMBER = N_("candidate (row of history_)")
_UNSCORED = (N_("stopped"), N_("failed"))  # the lanes, from the top down
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # algorithms differ without colour, too


@dataclass(eq=False, repr=False)
class ConvergenceDisplay:
    """The score of each candidate of a search, and the best so far.

    Create it with `from_tuner`. Candidates without a score, because they failed or
    were stopped for lack of time, are shown above the axes.

    The best of many scores is partly high by chance: it ranks candidates, but does not
    measure the model. Use `edml.inspection.evaluate` on other students for that.

    Parameters
    ----------
    score : array-like of shape (n_candidates,)
        Scores in the order of evaluation, higher is better; NaN without a score.
    algorithm : array-like of str of shape (n_candidates,)
        The algorithm of each.
    status : array-like of str of shape (n_candidates,), default=None
        "evaluated", "stopped" or "failed"; with None, those without a score have
        failed.
    seconds : array-like of shape (n_candidates,), default=None
        When each evaluation ended, in seconds since the fit began: where to draw its
        candidate. None draws it at its number.
    scoring : str, default=None
        Name of the score.
    chosen : int, default=None
        Which candidate the search chose; None is that of the highest score.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the scores.
    figure_ : matplotlib Figure
        The figure that holds them.
    points_ : dict of str to matplotlib Line2D
        The scored candidates of each algorithm.
    best_line_ : matplotlib Line2D
        The best score so far.
    best_point_ : matplotlib Line2D or None
        The mark around the chosen candidate; None where no candidate has a score.
    strip_ax_ : matplotlib Axes or None
        The candidates without a score; None where all have one.

    See Also
    --------
    ParameterImportanceDisplay : Which parameters mattered.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.tuning import ConvergenceDisplay
    >>> display = ConvergenceDisplay(
    ...     [0.41, 0.44, float("nan"), 0.47],
    ...     ["lightgbm", "xgboost", "xgboost", "lightgbm"],
    ...     ["evaluated", "evaluated", "failed", "evaluated"],
    ...     seconds=[1.2, 2.9, 3.3, 4.8],
    ... ).plot()
    >>> display.ax_.get_xlabel()
    'seconds since fit began'
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.tuning"

    score: ArrayLike
    algorithm: ArrayLike
    status: ArrayLike | None = None
    _: KW_ONLY
    seconds: ArrayLike | None = None
    scoring: str | None = None
    chosen: int | None = None

    def plot(self, ax: Any = None, *, language: str = "en") -> Self:
        """Draw the search.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        display : ConvergenceDisplay
            This object.

        Raises
        ------
        ValueError
            If the arrays differ in length, ``chosen`` has no score, or the language is
            unknown.
        """
        words = words_in(language)
        table = self._read()
        is_scored = table["status"] == "evaluated"
        scored, unscored = table[is_scored], table[~is_scored]
        self.ax_ = ax = open_axes(ax)
        self.figure_ = ax.figure
        best = table["score"].where(is_scored).cummax().ffill()
        (self.best_line_,) = ax.step(
            *(table["place"], best),
            where="post",
            color=GREY,
            linewidth=1.5,
            zorder=2,
            label=words("best so far"),
        )
        self.best_point_ = None
        if scored["score"].notna().any():
            self.best_point_ = self._mark_best(ax, scored)
        styles = _styles(table["algorithm"])
        self.points_ = {}
        for name, style in styles.items():
            own = scored[scored["algorithm"] == name]
            # an algorithm without any scored candidate is in the legend, too
            label = name if name[:1] != "_" else f" {name}"  # "_" hides it there
            (self.points_[name],) = ax.plot(
                own["place"], own["score"], label=without_math(label), **style
            )
        self.strip_ax_ = _draw_unscored(ax, unscored, styles, words)
        name = f": {self.scoring}" if self.scoring else ""
        time = words("seconds since fit began")
        ax.set(
            xlabel=words(_NUMBER) if self.seconds is None else time,
            ylabel=words(
                "score in the search{name}\n(not the model's performance)", name=name
            ),
        )
        soften(ax, grid="y")
        localize(ax, words)
        ax.legend(frameon=False)
        return self

    def _read(self) -> pd.DataFrame:
        """Return one row per candidate; raise ValueError where lengths differ."""
        score = np.asarray(self.score, dtype=np.float64)
        status = np.where(np.isnan(score), "failed", "evaluated")
        columns = {
            "score": score,
            "algorithm": np.asarray(self.algorithm),
            "status": status if self.status is None else np.asarray(self.status),
        }
        columns["place"] = np.arange(len(score))
        if self.seconds is not None:
            columns["place"] = np.asarray(self.seconds, dtype=np.float64)
        lengths = [len(column) for column in columns.values()]
        if len(set(lengths)) > 1:
            message = (
                "score, algorithm, status and seconds need one entry per candidate; "
                f"their lengths are {lengths}."
            )
            raise ValueError(message)
        table = pd.DataFrame(columns).astype({"algorithm": str, "status": str})
        scored = table.index[table["status"] == "evaluated"]
        if self.chosen is not None and self.chosen not in scored:
            message = (
                f"chosen={self.chosen!r} is no candidate with a score. Pass its place, "
                "from 0, or None."
            )
            raise ValueError(message)
        return table

    def _mark_best(self, ax: Any, scored: pd.DataFrame) -> Any:
        """Draw a ring around the chosen candidate, or the one of the highest score."""
        at = scored["score"].idxmax() if self.chosen is None else self.chosen
        (ring,) = ax.plot(
            *(scored["place"][at], scored["score"][at]),
            linestyle="none",
            color=GREY,
            marker="o",
            markersize=13,
            fillstyle="none",
            zorder=2,
        )
        return ring

    @classmethod
    def from_tuner(cls, tuner: Any, *, ax: Any = None, language: str = "en") -> Self:
        """Draw what a tuner has tried.

        Parameters
        ----------
        tuner : ModelTuner
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        display : ConvergenceDisplay
            The display, drawn.
        """
        require_pyplot()
        check_is_fitted(tuner, "history_")
        history = tuner.history_
        display = cls(
            history["score"].to_numpy(),
            history["algorithm"].to_numpy(),
            history["status"].to_numpy(),
            seconds=(history["started"] + history["wall_time"]).to_numpy(),
            scoring=tuner.scoring if isinstance(tuner.scoring, str) else None,
            chosen=tuner.best_index_,
        )
        return display.plot(ax, language=language)


def _draw_unscored(
    ax: Any, table: pd.DataFrame, styles: dict[str, dict[str, Any]], words: Words
) -> Any:
    """Draw stopped and failed candidates in lanes above the axes."""
    counts = table["status"].value_counts()
    others = sorted(set(counts.index) - set(_UNSCORED))
    lanes = [lane for lane in (*_UNSCORED, *others) if lane in counts]
    if not lanes:
        return None
    strip = add_lanes(ax, [f"{words(lane)} {counts[lane]}" for lane in lanes])
    for (lane, name), own in table.groupby(["status", "algorithm"]):
        height = np.full(len(own), lanes.index(lane))
        strip.plot(own["place"], height, clip_on=False, **styles[name])
    return strip


def _styles(algorithm: pd.Series) -> dict[str, dict[str, Any]]:
    """Return a colour and a marker for each algorithm, in order of appearance."""
    return {
        name: {
            "color": COLOURS[number % len(COLOURS)],
            "marker": _MARKERS[number % len(_MARKERS)],
            "markersize": 5.5,
            "linestyle": "none",
            "zorder": 3,
        }
        for number, name in enumerate(algorithm.unique())
    }
