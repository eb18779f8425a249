"""Blend: the mean of several classifiers, each trained in its own way."""

import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit
from sklearn.base import ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    assert_all_finite,
    check_is_fitted,
    column_or_1d,
)

from edml._sklearn import BaseComposition, StrOptions, fit_context, remember_columns
from edml.pipeline._boosters import single_thread_after_fork
from edml.pipeline._steps import strip_samplers
from edml.schema import FloatArray

PROBABILITY = "probability"
LOG_ODDS = "log-odds"

_LEAST = float(np.finfo(np.float32).eps)  # XGBoost rounds probabilities to 32 bits


class Blend(MetaEstimatorMixin, ClassifierMixin, BaseComposition):
    """The mean of several classifiers that learn from the same rows.

    Models of one type differ by chance, because of the rows, columns and parameters
    that they happened to use. Their mean varies less.

    Parameters
    ----------
    members : list of (str, classifier)
        The models to fit: binary classifiers with ``predict_proba``, or pipelines that
        end in one and may contain samplers.
    scale : {"probability", "log-odds"}, default="probability"
        The scale on which the mean is taken. Contributions in boosted trees are
        additive on log-odds, those in forests on probabilities. On the matching scale a
        blend is explained exactly, by the mean of its members' contributions.

    Attributes
    ----------
    classifiers_ : list of classifier
        The fitted members, without samplers.
    classes_ : ndarray of shape (2,)
        The labels, ascending.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    sklearn.ensemble.VotingClassifier : Average probabilities of any number of classes.

    References
    ----------
    Caruana, R. et al. (2004). Ensemble selection from libraries of models. ICML.
    https://doi.org/10.1145/1015330.1015432

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from edml.pipeline import Blend
    >>> X, y = make_classification(200, random_state=0)
    >>> trees = [(f"depth {d}", DecisionTreeClassifier(max_depth=d)) for d in (2, 3)]
    >>> blend = Blend(trees).fit(X, y)
    >>> each = [tree.predict_proba(X) for tree in blend.classifiers_]
    >>> bool(np.allclose(blend.predict_proba(X), sum(each) / 2))
    True
    """

    __module__ = "edml.pipeline"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "members": [list],
        "scale": [StrOptions({PROBABILITY, LOG_ODDS})],
    }

    def __init__(
        self, members: list[tuple[str, Any]], scale: str = PROBABILITY
    ) -> None:
        self.members = members
        self.scale = scale

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: ArrayLike) -> Self:
        """Fit each member on all rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The rows, as the members take them.
        y : array-like of shape (n_rows,)
            Two classes.

        Returns
        -------
        self : Blend
            The same object.

        Raises
        ------
        ValueError
            If there are no members, two have the same name, one has no probabilities,
            or ``y`` does not have two classes.
        """
        self._check_members()
        outcome = column_or_1d(y, warn=True)
        assert_all_finite(outcome, input_name="y")
        check_classification_targets(outcome)
        classes = np.unique(outcome)
        if len(classes) != 2:
            message = (
                "Only binary classification is supported. Blend takes two classes; y "
                f"has {len(classes)} class(es)."
            )
            raise ValueError(message)
        classifiers = [_fit_member(clone(one), X, y) for _, one in self.members]
        self.classes_ = classes
        self.classifiers_ = classifiers
        remember_columns(self, X)
        return self

    def predict_proba(self, X: Any) -> FloatArray:
        """Compute the mean of the members' probabilities, on the blend's scale.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, 2)
            The columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        each = [classifier.predict_proba(X)[:, 1] for classifier in self.classifiers_]
        second = mean_probability(each, self.scale)
        return np.column_stack([1 - second, second])

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the more probable class of each row.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Of ``classes_``.
        """
        likelier = self.predict_proba(X).argmax(axis=1)
        return self.classes_[likelier]

    def deployable(self) -> Self:
        """Return an equivalent copy that cannot be refitted.

        Returns
        -------
        blend : Blend
            It shares the fitted classifiers.
        """
        check_is_fitted(self)
        deployed = copy.copy(self)
        deployed.members = []
        return deployed

    @property
    def feature_importances_(self) -> FloatArray:
        """The mean of the members' importances, each normalized to sum to 1."""
        check_is_fitted(self)
        each = np.array([one.feature_importances_ for one in self.classifiers_])
        total = each.sum(axis=1, keepdims=True)
        shares = np.divide(each, total, out=np.zeros(each.shape), where=total > 0)
        return shares.mean(axis=0)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, including those of the members.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the members' own, as ``member__parameter``.

        Returns
        -------
        params : dict of str to object
            By name.
        """
        return self._get_params("members", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, members, or members' own parameters.

        Parameters
        ----------
        **params : dict
            By name; ``member__parameter`` for those of a member.

        Returns
        -------
        self : Blend
            The same object.
        """
        self._set_params("members", **params)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "classifiers_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        own = [get_tags(one).input_tags for _, one in self.members]
        tags.input_tags.allow_nan = all(one.allow_nan for one in own)
        tags.input_tags.sparse = all(one.sparse for one in own)
        return tags

    def _check_members(self) -> None:
        if not self.members:
            message = (
                "Blend has no members to fit. Pass a list of (name, classifier); one "
                "that was made deployable cannot be fitted again."
            )
            raise ValueError(message)
        self._validate_names([name for name, _ in self.members])
        for name, one in self.members:
            if not hasattr(one, "predict_proba"):
                message = (
                    f"The member {name!r} of Blend gives no probabilities: "
                    f"{type(one).__name__} has no predict_proba. Leave it out."
                )
                raise ValueError(message)


def mean_probability(each: Any, scale: str) -> FloatArray:
    """Return the mean over the members, each of shape (n_rows,), on a scale."""
    probabilities = np.asarray(each, dtype=np.float64)
    if scale == PROBABILITY:
        return probabilities.mean(axis=0)
    bounded = probabilities.clip(_LEAST, 1 - _LEAST)
    return np.asarray(expit(logit(bounded).mean(axis=0)))


def _fit_member(member: Any, X: Any, y: Any) -> Any:
    """Fit a member and drop its samplers; a single remaining step is unwrapped."""
    with single_thread_after_fork(member):
        kept = strip_samplers(member.fit(X, y))
    alone = isinstance(kept, Pipeline) and len(kept.steps) == 1
    return kept.steps[0][1] if alone else kept
