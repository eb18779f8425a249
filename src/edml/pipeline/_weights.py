"""Sample weights that follow their rows through the samplers of a pipeline."""

from collections.abc import Callable
from typing import Any, Self

from imblearn.pipeline import Pipeline as SamplingPipeline
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import has_fit_parameter

from edml._sklearn import check_aligned, num_samples
from edml.pipeline._boosters import single_thread_after_fork, warn_of_constant
from edml.pipeline._steps import IDLE
from edml.schema import read_weights


def _has(method: str) -> Callable[[Any], bool]:
    # its own AttributeError explains why
    return lambda pipeline: bool(getattr(pipeline.steps[-1][1], method))


class RiskPipeline(SamplingPipeline):
    """A pipeline with samplers whose sample weights follow their rows.

    imbalanced-learn passes the weights of all rows to the classifier, which is trained
    only on the rows that the samplers kept. Here each kept row keeps its own weight.
    Everything else is as in :class:`imblearn.pipeline.Pipeline`.

    Parameters
    ----------
    steps : list of (str, estimator)
        The transformers and samplers, then the classifier.
    transform_input : list of str, default=None
        As in :class:`imblearn.pipeline.Pipeline`.
    memory : str or object, default=None
        Caches the fitted steps; not used in a fit with sample weights.
    verbose : bool, default=False
        Whether to print the time that each step takes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classifier's labels.
    n_features_in_ : int
        Number of columns seen in `fit`.

    See Also
    --------
    make_risk_pipeline : Build a pipeline from a raw event table to a probability.

    Examples
    --------
    >>> import numpy as np
    >>> from edml.datasets import load_activity
    >>> from edml.pipeline import RiskPipeline, make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> pipeline = make_risk_pipeline()
    >>> isinstance(pipeline, RiskPipeline)
    True
    >>> weight = np.where(y == 1, 3.0, 1.0)
    >>> pipeline = pipeline.fit(X, y, classify__sample_weight=weight)
    """

    __module__ = "edml.pipeline"

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the steps in order, and the classifier on the rows that they keep.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The training rows.
        y : array-like of shape (n_rows,), default=None
            The outcome of each row.
        **params : dict
            Parameters of the steps' own ``fit``, as ``step__parameter``; the
            classifier's ``sample_weight`` has one entry for each row of ``X``.

        Returns
        -------
        self : RiskPipeline
            The same object.

        Raises
        ------
        ValueError
            If there are weights, and a sampler creates new rows or the classifier does
            not accept weights.
        """
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **params)
            own = {
                name: dict(routed.get(name, {}).get("fit", {}))
                for name, _ in self.steps
            }
        else:
            own = {name: {} for name, _ in self.steps}
            for key, value in params.items():
                name, _, parameter = key.partition("__")
                own.setdefault(name, {})[parameter] = value
        weight = own[self.steps[-1][0]].pop("sample_weight", None)
        if weight is None:
            with single_thread_after_fork(self):
                super().fit(X, y, **params)
            warn_of_constant(self)
            return self
        if any(own.values()):
            given = sorted(name for name in params if "sample_weight" not in name)
            message = (
                f"sample_weight was given with other parameters of fit, {given}. Leave "
                "them out, or set them on the steps."
            )
            raise ValueError(message)
        fit_weighted(self, X, y, weight)
        return self

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Transform the rows, and compute the probability of each class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.
        **params : dict
            Of the classifier's own ``predict_proba``.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_classes)
            The columns in the order of ``classes_``.
        """
        with single_thread_after_fork(self):
            return super().predict_proba(X, **params)

    @available_if(_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Transform the rows, and predict their labels.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.
        **params : dict
            Of the classifier's own ``predict``.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Of ``classes_``.
        """
        with single_thread_after_fork(self):
            return super().predict(X, **params)


def fit_weighted(estimator: Any, X: Any, y: Any, sample_weight: ArrayLike) -> Any:
    """Fit a pipeline or classifier in place, with weights that follow their rows.

    It is an error if a sampler creates new rows, or the classifier takes no weights.
    """
    weight = read_weights(sample_weight, num_samples(X))
    check_aligned(X, y=y, sample_weight=sample_weight)
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("", estimator)]
    final = steps[-1][1]
    if not has_fit_parameter(final, "sample_weight"):
        message = (
            f"{type(final).__name__} takes no sample_weight. Leave the weights out, or "
            "pass another classifier."
        )
        raise ValueError(message)
    for name, step in steps[:-1]:
        if step in IDLE:
            continue
        if not hasattr(step, "fit_resample"):
            # one step: some samplers transform the rows of fit differently from new
            # ones
            X = step.fit_transform(X, y)
            continue
        X, y = step.fit_resample(X, y)
        kept = getattr(step, "sample_indices_", None)
        if kept is None:
            message = (
                f"The sampler {name!r} ({type(step).__name__}) makes new rows, "
                "which have no sample_weight. Leave the weights out, or balance by "
                "'over', 'under' or not at all."
            )
            raise ValueError(message)
        weight = weight[kept]
    with single_thread_after_fork(final):
        final.fit(X, y, sample_weight=weight)
    return estimator
