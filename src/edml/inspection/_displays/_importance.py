"""ImportanceDisplay: which features move the scores most."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from edml._drawing import BLUE, localize, require_pyplot
from edml._words import words_in
from edml.explanation import Explanation, explain, feature_name
from edml.inspection._displays._bars import draw_largest
from edml.schema import columns_of, first_rows, is_event_table, snapshot_codes


@dataclass(eq=False, repr=False)
class ImportanceDisplay:
    """The features that move the scores most, by their mean absolute contribution.

    Create it with `from_estimator` or `from_explanation`. A contribution is what a
    feature added to the score of a row before calibration; it shows what the model
    relies on, not what makes students fail.

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

    importance: ArrayLike
    features: ArrayLike
    _: KW_ONLY
    scale: str = "log-odds"

    def plot(
        self, ax: Any = None, *, n_features: int = 15, language: str | None = "en"
    ) -> Self:
        """Draw the bars, the last of which adds up the less important features.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        n_features : int, default=15
            Number of features with their own bar, the most important first.
        language : {"en", "es"}, default="en"
            The reader's language, in which features have readable names; None writes
            their names in the library, and the rest in English.

        Returns
        -------
        display : ImportanceDisplay
            This object.

        Raises
        ------
        ValueError
            If importances and names differ in length.
        """
        words = words_in(language or "en")
        features = [str(name) for name in np.asarray(self.features)]
        if language is not None:
            features = [feature_name(name, language) for name in features]
        self.ax_, self.bars_ = draw_largest(
            *(ax, self.importance, features, n_features),
            names="importance and features",
            colour_of=lambda _: BLUE,
            words=words,
        )
        self.figure_ = self.ax_.figure
        scale = words(self.scale)
        label = words("mean absolute contribution ({scale})", scale=scale)
        self.ax_.set_xlabel(label)
        localize(self.ax_, words)
        return self

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        background: Any = None,
        random_state: Any = 0,
        fail_label: Any = None,
        ax: Any = None,
        **plot_kw: Any,
    ) -> Self:
        """Explain a model's scores, and draw.

        Parameters
        ----------
        model : classifier
            A fitted model that `edml.explanation.explain` supports.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            An event table, in which each snapshot counts once, or any other table.
            Forests are slow to explain: pass fewer students.
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
        **plot_kw : dict
            Further arguments of `plot`, such as ``n_features``.

        Returns
        -------
        display : ImportanceDisplay
        """
        require_pyplot()
        names = columns_of(model)
        rows = None
        if is_event_table(X, names):
            rows, _ = first_rows(snapshot_codes(X, names))
        explanation = explain(
            model,
            X,
            rows=rows,
            background=background,
            random_state=random_state,
            fail_label=fail_label,
        )
        return cls.from_explanation(explanation, ax=ax, **plot_kw)

    @classmethod
    def from_explanation(
        cls, explanation: Explanation, *, ax: Any = None, **plot_kw: Any
    ) -> Self:
        """Draw the importances of an explanation, over all of its rows.

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
        """
        mean = explanation.importance()
        display = cls(mean.to_numpy(), list(mean.index), scale=explanation.scale)
        return display.plot(ax, **plot_kw)
