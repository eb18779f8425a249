"""ParameterImportanceDisplay: which parameters mattered in a search."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import KFold
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted

from edml._drawing import (
    BLUE,
    GREY,
    draw_bars,
    localize,
    require_pyplot,
    without_math,
)
from edml._words import Words, words_in
from edml.schema import FloatArray

_N_LEAST = 8  # candidates; below it a fold would hold one
_N_ENOUGH = 40  # from which the note does not say that they are few
_N_FOLDS = 5
_N_REPEATS = 5
_N_TREES = 60
_R2_ENOUGH = 0.2


@dataclass(eq=False, repr=False)
class ParameterImportanceDisplay:
    """Which parameters of an algorithm mattered for its score in a search.

    Create it with `from_tuner`. A random forest learns the scores of candidates from
    their parameters. The importance of a parameter is how much worse the forest
    predicts unseen candidates when the parameter's values are shuffled among them. A
    note shows the number of candidates and how much variance the forest explains.

    The importance is that in this search: on this table, in these ranges. Parameters
    that act together share their importance.

    Parameters
    ----------
    importance : array-like of shape (n_parameters,)
        Loss of R² by shuffling each parameter, in any order; 0 or less means none.
    parameters : array-like of str of shape (n_parameters,)
        Their names.
    algorithm : str, default=None
        Whose parameters they are.
    n_candidates : int, default=None
        Number of candidates that the forest learned from.
    r2 : float, default=None
        Share of the variance of the scores, at most 1, that the forest explains in
        candidates that it has not seen.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes of the bars.
    figure_ : matplotlib Figure
        The figure that holds them.
    bars_ : matplotlib BarContainer
        The bars, from the top down.
    note_ : str
        The text above the bars; "" where nothing is known.

    See Also
    --------
    ConvergenceDisplay : The scores of the candidates.

    References
    ----------
    Breiman, "Random forests", Machine Learning 45, 2001,
    doi:10.1023/A:1010933404324.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.tuning import ParameterImportanceDisplay
    >>> display = ParameterImportanceDisplay(
    ...     [0.1, 0.6], ["balance", "learning_rate"],
    ...     algorithm="lightgbm", n_candidates=60, r2=0.7,
    ... ).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['learning_rate', 'balance']
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.tuning"

    importance: ArrayLike
    parameters: ArrayLike
    _: KW_ONLY
    algorithm: str | None = None
    n_candidates: int | None = None
    r2: float | None = None

    def plot(
        self, ax: Any = None, *, n_parameters: int = 15, language: str = "en"
    ) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_parameters : int, default=15
            Number of parameters that are shown, the most important ones.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        display : ParameterImportanceDisplay
            This object.

        Raises
        ------
        ValueError
            If importances and names differ in length, or the language is unknown.
        """
        words = words_in(language)
        check_scalar(n_parameters, "n_parameters", Integral, min_val=1)
        widths = np.asarray(self.importance, dtype=np.float64)
        names = [str(name) for name in np.asarray(self.parameters)]
        if widths.shape != (len(names),):
            message = (
                f"importance needs one number per parameter: its shape is "
                f"{widths.shape}, and there are {len(names)} parameters."
            )
            raise ValueError(message)
        order = np.argsort(-widths, kind="stable")[:n_parameters]
        shown = widths[order].tolist()
        labels = [names[place] for place in order]
        colours = [BLUE if width > 0 else GREY for width in shown]
        self.ax_, self.bars_ = ax, _ = draw_bars(ax, shown, labels, colours)
        self.figure_ = ax.figure
        ax.axvline(0, color=GREY, linewidth=0.8, zorder=2)
        ax.set_xlabel(
            words(
                "importance for the score in the search\n(loss of R² by shuffling it)"
            )
        )
        localize(ax, words)
        self.note_ = self._note(words)
        if self.note_:
            ax.set_title(without_math(self.note_), loc="left", fontsize="small")
        return self

    def _note(self, words: Words) -> str:
        """Return what the bars rest on, with a warning where that is too little."""
        n, r2 = self.n_candidates, self.r2
        lines = []
        if n is not None:
            of = words(" of {algorithm}", algorithm=self.algorithm)
            own = of if self.algorithm else ""
            lines.append(words("parameters of {n} candidates{of}", n=n, of=own))
        elif self.algorithm:
            lines.append(words("parameters of {algorithm}", algorithm=self.algorithm))
        if r2 is not None:
            share = words.percent(r2, 0) if r2 > 0 else words("nothing")
            text = words(
                "they explain {share} of the variance in unseen candidates", share=share
            )
            lines.append(text)
        if r2 is not None and r2 < _R2_ENOUGH:
            lines.append(words("that is too little: read nothing into the order"))
        elif n is not None and n < _N_ENOUGH:
            lines.append(words("few candidates: the order is uncertain"))
        return "\n".join(lines)

    @classmethod
    def from_tuner(
        cls,
        tuner: Any,
        *,
        algorithm: str | None = None,
        random_state: int | np.random.RandomState | None = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Learn the scores of a tuner's candidates from their parameters, and draw.

        Candidates without a score are left out, so parameters that made them fail seem
        to matter less than they do. Parameters with a single value are left out too.

        Parameters
        ----------
        tuner : ModelTuner
            Fitted.
        algorithm : str, default=None
            Whose parameters; None takes the algorithm of the best candidate.
        random_state : int, RandomState instance or None, default=0
            Draws the trees, and how values are shuffled.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``n_parameters``.

        Returns
        -------
        display : ParameterImportanceDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If the algorithm was not searched, has fewer than 8 candidates with a
            score, or if its parameters or scores do not differ.
        """
        require_pyplot()
        check_is_fitted(tuner, "history_")
        history = tuner.history_
        if algorithm is None:
            algorithm = str(tuner.best_params_["algorithm"])
        searched = [a if isinstance(a, str) else a[0] for a in tuner.algorithms]
        if algorithm not in searched:
            message = (
                f"algorithm={algorithm!r} was not searched; pass one of {searched}."
            )
            raise ValueError(message)
        own = (history["algorithm"] == algorithm) & np.isfinite(history["score"])
        score = history.loc[own, "score"].to_numpy(dtype=np.float64)
        table = _encode(list(history.loc[own, "params"]))
        _check_enough(algorithm, table, score)
        importance, r2 = _learn(table, score, random_state)
        display = cls(
            importance,
            [name.removeprefix("classify__") for name in table.columns],
            algorithm=algorithm,
            n_candidates=len(score),
            r2=r2,
        )
        return display.plot(ax, **plot_kw)


def _check_enough(algorithm: str, table: pd.DataFrame, score: FloatArray) -> None:
    if len(score) < _N_LEAST:
        message = (
            f"{algorithm!r} needs at least {_N_LEAST} candidates with a score to rank "
            f"its parameters; found {len(score)}. Search longer, or pass another "
            "algorithm."
        )
        raise ValueError(message)
    if table.shape[1] == 0 or not np.ptp(score) > 0:
        what = "scores" if table.shape[1] else "parameters"
        message = (
            f"The {len(score)} candidates of {algorithm!r} do not differ in their "
            f"{what}, so there is nothing to rank."
        )
        raise ValueError(message)


def _encode(params: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the parameters that vary as numbers, one row per candidate."""
    # A tree can single out each code of a choice, and no scale changes its splits.
    columns: dict[str, Any] = {}
    for name in sorted({name for point in params for name in point} - {"algorithm"}):
        values = [point.get(name) for point in params]
        if all(isinstance(v, Real) and not isinstance(v, bool) for v in values):
            codes = np.array(values, dtype=np.float64)
        else:
            codes = pd.factorize(np.array([repr(v) for v in values]))[0].astype(float)
        if len(np.unique(codes)) > 1:
            columns[name] = codes
    return pd.DataFrame(columns, index=range(len(params)))


def _learn(
    table: pd.DataFrame, score: FloatArray, random_state: Any
) -> tuple[FloatArray, float]:
    """Return the loss of R² by shuffling each parameter, and R² without shuffling."""
    X = table.to_numpy()
    rng = check_random_state(random_state)
    lost, missed = np.zeros(X.shape[1]), 0.0
    # in each fold score each candidate by a forest that has not seen it
    folds = KFold(_N_FOLDS, shuffle=True, random_state=rng)
    for train, test in folds.split(X):
        forest = RandomForestRegressor(_N_TREES, random_state=rng)
        forest.fit(X[train], score[train])
        found = permutation_importance(
            forest,
            *(X[test], score[test]),
            scoring="neg_mean_squared_error",
            n_repeats=_N_REPEATS,
            random_state=rng,
        )
        lost += len(test) * found.importances_mean
        missed += float(np.square(forest.predict(X[test]) - score[test]).sum())
    whole = len(score) * float(score.var())
    return lost / whole, 1 - missed / whole
