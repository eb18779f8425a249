"""What the displays of predictions and outcomes have in common."""

from typing import Any, ClassVar, Self

from numpy.typing import ArrayLike

from edml._drawing import open_axes, require_pyplot
from edml._words import Words, words_in
from edml.inspection._units import EvaluationUnits, own_threshold


class PredictionsDisplay:
    """The base of displays that `from_predictions` makes from outcomes and risks."""

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        y: ArrayLike,
        *,
        fail_label: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Predict once, compare with the outcomes, and draw.

        Parameters
        ----------
        model : classifier
            Fitted, with `predict_proba`. Its own threshold is ``threshold_``, or 0.5
            without one.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            An event table of students that the model has not seen, in which each
            snapshot counts once. Displays without course days take any other table.
        y : array-like of shape (n_rows,)
            The labels, aligned with ``X`` by position.
        fail_label : label, default=None
            The label in ``y`` that means failing; None takes the model's own.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Further arguments of `from_predictions` and `plot`.

        Returns
        -------
        display : object of this class

        Raises
        ------
        ValueError
            If the picture needs course days, and ``X`` is not an event table.
        """
        require_pyplot()
        units = EvaluationUnits.from_estimator(model, X, y, fail_label=fail_label)
        return cls._from_units(units, own_threshold(model), ax=ax, **kwargs)

    @classmethod
    def _from_units(
        cls, units: EvaluationUnits, threshold: float, **kwargs: Any
    ) -> Self:
        raise NotImplementedError


class CurveDisplay(PredictionsDisplay):
    """The base of displays of one curve, of which several fit into the same axes."""

    _SIZE: ClassVar[tuple[float, float] | None] = None
    name: str | None

    def plot(
        self, ax: Any = None, *, name: str | None = None, language: str = "en"
    ) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure. A second curve on the same axes
            takes another colour.
        name : str, default=None
            Names the curve in a legend; None takes the display's own.
        language : {"en", "es"}, default="en"
            The reader's language, one of `edml.explanation.LANGUAGES`.

        Returns
        -------
        display : object of this class
            This object.
        """
        self.ax_ = open_axes(ax, figsize=self._SIZE)
        self.figure_ = self.ax_.figure
        self._draw(self.ax_, self.name if name is None else name, words_in(language))
        return self

    def _draw(self, ax: Any, name: str | None, words: Words) -> None:
        raise NotImplementedError
