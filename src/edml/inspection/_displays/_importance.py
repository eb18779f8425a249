"""ImportanceDisplay: which features move the scores most."""

from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml._drawing import BLUE, GREY, require_pyplot
from edml.explanation import Explanation, explain
from edml.inspection._displays._bars import (
    draw_bars,
    keep_weightiest,
    open_bar_axes,
    rest_label,
)
from edml.schema import columns_of, first_rows, is_event_table, snapshot_codes


class ImportanceDisplay:
    """The features that move the scores most, by their mean absolute contribution.

    Make it with `from_estimator` or `from_explanation`. A contribution is what a
    feature added to the score of a row before calibration; it says what the model
    goes by, and not what makes students fail.

    Parameters
    ----------
    importance : array-like of shape (n_features,)
        Mean absolute contribution of each feature, in any order.
    features : array-like of str of shape (n_features,)
        Names of the features.
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
    ReasonsDisplay : The contributions of one row.
    edml.explanation.explain : The contributions as a table.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from edml.inspection import ImportanceDisplay
    >>> display = ImportanceDisplay([0.1, 0.5, 0.3], ["age", "grade", "score"]).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['grade', 'score', 'age']
    >>> plt.close(display.figure_)
    """

    __module__ = "edml.inspection"

    def __init__(
        self, importance: ArrayLike, features: ArrayLike, *, scale: str = "log-odds"
    ) -> None:
        self.importance = importance
        self.features = features
        self.scale = scale

    def plot(self, ax: Any = None, *, n_features: int = 15, rest: bool = True) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_features : int, default=15
            Number of features that have a bar of their own.
        rest : bool, default=True
            Whether a last, grey bar adds up the others.

        Returns
        -------
        display : ImportanceDisplay
            This object.

        Raises
        ------
        ValueError
            If importances and names are not of one length.
        """
        check_scalar(n_features, "n_features", Integral, min_val=1)
        weights = np.asarray(self.importance, dtype=np.float64)
        names = [str(name) for name in np.asarray(self.features)]
        if weights.shape != (len(names),):
            message = (
                f"importance needs one number per feature: its shape is "
                f"{weights.shape}, and there are {len(names)} features."
            )
            raise ValueError(message)
        kept, others = keep_weightiest(weights, n_features)
        widths, labels = weights[kept], [names[place] for place in kept]
        colors = [BLUE] * len(kept)
        if rest and len(others):
            widths = np.append(widths, weights[others].sum())
            labels.append(rest_label(len(others)))
            colors.append(GREY)
        self.ax_ = ax = open_bar_axes(ax, len(widths))
        self.figure_ = ax.figure
        self.bars_ = draw_bars(ax, widths, labels, colors)
        ax.set_xlabel(f"mean absolute contribution ({self.scale})")
        return self

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        background: Any = None,
        random_state: Any = 0,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Explain a model's scores, and draw.

        Parameters
        ----------
        model : classifier
            Fitted; whatever `edml.explanation.explain` takes.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            An event table, of which each snapshot counts once, or any other. A
            forest takes long for many: pass fewer students then.
        background : DataFrame or array-like, default=None
            What is typical, for models that are explained by comparison with it;
            see `edml.explanation.explain`.
        random_state : int, RandomState or None, default=0
            Draws the background.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``n_features``.

        Returns
        -------
        display : ImportanceDisplay
            Drawn.
        """
        require_pyplot()
        names = columns_of(model)
        rows = None
        if is_event_table(X, names):
            rows, _ = first_rows(snapshot_codes(X, names))
        explanation = explain(
            model, X, rows=rows, background=background, random_state=random_state
        )
        return cls.from_explanation(explanation, ax=ax, **plot_kw)

    @classmethod
    def from_explanation(
        cls, explanation: Explanation, *, ax: Any = None, **plot_kw: Any
    ) -> Self:
        """Draw the importances of an explanation, every row of which counts.

        Parameters
        ----------
        explanation : Explanation
            From `edml.explanation.explain`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Further arguments of `plot`, such as ``n_features``.

        Returns
        -------
        display : ImportanceDisplay
            Drawn.
        """
        found = explanation.importance()
        display = cls(found.to_numpy(), list(found.index), scale=explanation.scale)
        return display.plot(ax, **plot_kw)
