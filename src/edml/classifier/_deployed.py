"""DeployedClassifier: a fitted model without its training data."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from edml.classifier._predictions import RiskModel


class DeployedClassifier(RiskModel, ClassifierMixin, BaseEstimator):
    """A fitted risk model that predicts and cannot be refitted.

    `RiskClassifier.deployable` returns it. It holds no samplers, out-of-fold scores or
    training rows, unless the classifier itself keeps some. Cloning returns the same
    object and `fit` does nothing, so cross-validation would score it on its training
    rows; use `edml.inspection.evaluate` instead.

    Parameters
    ----------
    pipeline : estimator
        A fitted pipeline or classifier, without samplers.
    calibrator : SigmoidCalibrator, IsotonicCalibrator or None, default=None
        Maps its scores to probabilities.
    threshold : float, default=0.5
        The probability at and above which a student is flagged.
    classes : array-like of shape (2,), default=(0, 1)
        The labels: the one that passes, then the one that fails.
    feature_names : array-like of str or None, default=None
        The columns seen in fit.
    split_plan_hash : str or None, default=None
        Hash of the splits that calibration and threshold were learned from.
    data_fingerprint : str or None, default=None
        SHA-256 of the rows that it was trained on.

    Attributes
    ----------
    pipeline_, calibrator_, threshold_ : object
        The parameters, under the names of a fitted model.
    classes_ : ndarray of shape (2,)
        The labels, sorted.
    fail_label_ : label
        The one that means failing.
    n_features_in_ : int
        Number of columns seen in fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if given.

    See Also
    --------
    RiskClassifier : The model to fit.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.classifier import RiskClassifier
    >>> X, y = make_classification(200, random_state=0)
    >>> model = RiskClassifier(LogisticRegression()).fit(X, y)
    >>> deployed = model.deployable()
    >>> bool((deployed.predict(X) == model.predict(X)).all())
    True
    """

    __module__ = "edml.classifier"

    def __init__(
        self,
        pipeline: Any,
        calibrator: Any = None,
        threshold: float = 0.5,
        classes: Any = (0, 1),
        feature_names: Any = None,
        split_plan_hash: str | None = None,
        data_fingerprint: str | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.calibrator = calibrator
        self.threshold = threshold
        self.classes = classes
        self.feature_names = feature_names
        self.split_plan_hash = split_plan_hash
        self.data_fingerprint = data_fingerprint

    def fit(self, X: object, y: object = None) -> Self:
        """Do nothing, as `sklearn.frozen.FrozenEstimator` does.

        Parameters
        ----------
        X : object
            Ignored.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : DeployedClassifier
            The same object, unchanged.
        """
        return self

    def set_params(self, **params: Any) -> Self:
        """Raise an error: a deployed model cannot change.

        Parameters
        ----------
        **params : dict
            Nothing.

        Returns
        -------
        self : DeployedClassifier
            The same object.

        Raises
        ------
        ValueError
            If any parameter is given.
        """
        if params:
            message = (
                f"A deployed model cannot change; found {sorted(params)} to be set. "
                "Set them on the RiskClassifier, and fit it."
            )
            raise ValueError(message)
        return self

    @property
    def pipeline_(self) -> Any:
        """The fitted pipeline."""
        return self.pipeline

    @property
    def calibrator_(self) -> Any:
        """The calibrator, or None."""
        return self.calibrator

    @property
    def threshold_(self) -> float:  # type: ignore[override]
        """The probability at and above which a student is flagged."""
        return self.threshold

    @property
    def classes_(self) -> NDArray[Any]:  # type: ignore[override]
        """The labels, sorted: the order of the columns of `predict_proba`."""
        return np.sort(np.asarray(self.classes))

    @property
    def fail_label_(self) -> Any:
        """The label that means failing."""
        return np.asarray(self.classes).tolist()[1]

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """The columns seen in fit."""
        if self.feature_names is None:
            message = "The model was fitted on an array, whose columns have no names."
            raise AttributeError(message)
        return np.asarray(self.feature_names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """Number of columns seen in fit."""
        if self.feature_names is None:
            return int(self.pipeline.n_features_in_)
        return len(self.feature_names)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_clone__(self) -> Self:
        return self  # like sklearn.frozen: there is nothing to refit
