"""The start of a fit: read, check and split a table, and compute its features."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils.validation import column_or_1d

from edml._sklearn import (
    GroupsConsumerMixin,
    check_aligned,
    num_samples,
    remember_columns,
)
from edml.classifier._training import encode_labels
from edml.classifier._units import Units, check_plan, check_scores, read_units
from edml.exceptions import SplitError
from edml.model_selection import SplitPlan, StudentKFold
from edml.pipeline import split_per_history
from edml.schema import (
    STUDENT,
    FloatArray,
    IntArray,
    Target,
    check_array_like,
    columns_of,
    fingerprint,
    read_target,
    read_weights,
)


@dataclass(frozen=True)
class Prepared:
    """A table prepared for the folds of one estimator.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The table as passed.
    target : Target
        The labels of the two classes, sorted, and the one that means failing.
    fails : ndarray of shape (n_rows,)
        1 where the outcome is the failing class, else 0.
    weight : ndarray of shape (n_rows,) or None
        How much each row counts in training.
    columns : estimator
        Holds ``n_features_in_`` and ``feature_names_in_``.
    names : dict
        Actual column names by canonical name.
    units : Units
        The rows that count in calibration, threshold and metrics.
    plan : SplitPlan
        The folds.
    estimator : estimator
        The model to fit.
    front : Pipeline or None
        The fitted steps that process each history independently.
    rest : estimator
        The remaining steps.
    ready : DataFrame or array-like of shape (n_rows, ...)
        The output of ``front`` for ``X``.
    hash_rows : callable
        Returns the SHA-256 of the rows with their outcomes, computed once for all
        estimators that share the table.

    See Also
    --------
    prepare : Prepare a table.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.classifier import RiskClassifier, prepare
    >>> X, y = make_classification(200, random_state=0)
    >>> weak, strong = LogisticRegression(C=1e-3), LogisticRegression(C=10)
    >>> table = prepare(weak, X, y, cv=4, draw_seed=lambda: 0)
    >>> models = [
    ...     RiskClassifier(one).fit_prepared(table.of(one)) for one in (weak, strong)
    ... ]
    >>> models[0].split_plan_ == models[1].split_plan_
    True
    """

    __module__ = "edml.classifier"

    X: Any
    target: Target
    fails: IntArray
    weight: FloatArray | None
    columns: BaseEstimator
    names: Mapping[str, str]
    units: Units
    plan: SplitPlan
    estimator: Any
    front: Pipeline | None
    rest: Any
    ready: Any
    hash_rows: Callable[[], str]

    @cached_property
    def tests(self) -> list[IntArray]:
        """The rows of units that each fold tests, ascending."""
        is_unit = np.zeros(len(self.fails), dtype=np.bool_)
        is_unit[self.units.rows] = True
        return [np.sort(test[is_unit[test]]) for _, test in self.plan.splits]

    @cached_property
    def shown(self) -> list[IntArray]:
        """The rows to score for ``tests``: all of a history that is not described."""
        students = self.units.students
        if self.units.described or students is None:
            return self.tests
        return [np.flatnonzero(np.isin(students, students[t])) for t in self.tests]

    def of(self, estimator: Any) -> "Prepared":
        """Return the same table and folds, prepared for another estimator.

        Its steps that process each history independently run again, unless they are the
        same.

        Parameters
        ----------
        estimator : estimator
            Not fitted.

        Returns
        -------
        prepared : Prepared
        """
        front, rest = split_per_history(estimator)
        ready = self.X
        if front is not None and _same_steps(front, self.front):
            front, ready = self.front, self.ready
        elif front is not None:
            ready = front.fit_transform(self.X)
        described = front is not None or not self.units.events
        units = replace(self.units, described=described)
        return replace(
            self, estimator=estimator, front=front, rest=rest, ready=ready, units=units
        )

    def encode(self, estimator: Any) -> Any:
        """Return a copy of an estimator that names the classes by their codes.

        Parameters
        ----------
        estimator : estimator
            Its class weights and numbers of rows by label use the labels of ``y``.

        Returns
        -------
        encoded : estimator
            Not fitted; 1 is the failing class, as in ``fails``.
        """
        encoded = clone(estimator)
        return encoded.set_params(**encode_labels(encoded, self.target))

    def found(self, scores: Iterable[FloatArray]) -> pd.DataFrame:
        """Combine the out-of-fold scores of all folds in one table.

        Parameters
        ----------
        scores : iterable of ndarray
            For each fold, the scores of its ``tests``.

        Returns
        -------
        found : DataFrame of shape (n_tested_units, 4)
            row, fold, y_true and y_score.

        Raises
        ------
        ValueError
            If a score is not in [0, 1].
        """
        row = np.concatenate(self.tests)
        lengths = [len(test) for test in self.tests]
        fold = np.repeat(np.arange(len(lengths)), lengths)
        score = np.concatenate(list(scores))
        check_scores(score, fold)
        return pd.DataFrame(
            {"row": row, "fold": fold, "y_true": self.fails[row], "y_score": score}
        )


def prepare(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    cv: Any,
    draw_seed: Callable[[], int],
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    fail_label: Any = None,
) -> Prepared:
    """Read and check the input, and compute history features, before any fit.

    Parameters
    ----------
    estimator : estimator
        The model to fit, which may be changed.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The event table, or a plain one.
    y : array-like of shape (n_rows,)
        The outcome of each row.
    cv : int, cross-validator, iterable or None
        The folds; None stands for 5.
    draw_seed : callable
        Returns the seed of the folds; called if the folds are drawn here.
    sample_weight : array-like of shape (n_rows,), default=None
        How much each row counts in training.
    groups : array-like of shape (n_rows,), default=None
        The group of each row; a group stays on one side of a fold.
    fail_label : label, default=None
        The label in ``y`` that means failing, as in `RiskClassifier`.

    Returns
    -------
    prepared : Prepared

    Raises
    ------
    TableError
        If ``X`` cannot be read, or a snapshot has two outcomes.
    SplitError
        If the students cannot be split this way, or one is on both sides of a fold.
    ValueError
        If ``y`` does not have two classes, or labels of which none is known to mean
        failing, or the weights cannot be used.
    TypeError
        If column names have mixed types.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.classifier import prepare
    >>> X, y = make_classification(200, random_state=0)
    >>> table = prepare(LogisticRegression(), X, y, cv=4, draw_seed=lambda: 0)
    >>> len(table.tests)
    4
    """
    check_array_like(X)
    X, groups = indexable(X, groups)
    columns = BaseEstimator()
    remember_columns(columns, X)
    check_aligned(X, y=y)
    if getattr(y, "ndim", 1) == 2:
        column_or_1d(y, warn=True)
    target = read_target(y, fail_label)
    fails = target.fails.astype(np.int64)
    weight = None
    if sample_weight is not None:
        weight = read_weights(sample_weight, num_samples(X))
        check_aligned(X, sample_weight=sample_weight)
    names = columns_of(estimator)
    front, rest = split_per_history(estimator)
    units = read_units(X, names, groups, fails, described=front is not None)
    plan = make_plan(_for_codes(cv, target), X, fails, units, names, groups, draw_seed)
    ready = X if front is None else front.fit_transform(X)
    return Prepared(
        X=X,
        target=target,
        fails=fails,
        weight=weight,
        columns=columns,
        names=names,
        units=units,
        plan=plan,
        estimator=estimator,
        front=front,
        rest=rest,
        ready=ready,
        hash_rows=cache(partial(fingerprint, X, fails)),
    )


def _same_steps(front: Pipeline, other: Pipeline | None) -> bool:
    return other is not None and repr(front.get_params()) == repr(other.get_params())


def make_plan(
    cv: Any,
    X: Any,
    fails: IntArray,
    units: Units,
    names: Mapping[str, str],
    groups: ArrayLike | None,
    draw_seed: Callable[[], int],
) -> SplitPlan:
    """Freeze the folds, and check that they are honest."""
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral):
        n_splits, seed = int(cv), draw_seed()
        if units.students is not None:
            cv = StudentKFold(n_splits, student=names[STUDENT], random_state=seed)
        else:
            cv = StratifiedKFold(n_splits, shuffle=True, random_state=seed)
            _check_enough(fails, n_splits)
    if isinstance(cv, BaseCrossValidator) and not isinstance(cv, GroupsConsumerMixin):
        groups = None  # the cross-validator would warn that it ignores them
    plan = SplitPlan.from_cv(cv, X, fails, groups)
    check_plan(plan, fails, units)
    return plan


def _for_codes(cv: Any, target: Target) -> Any:
    """Return a splitter of codes, 1 for failing, from one of the user's labels."""
    label = getattr(cv, "fail_label", None)
    if label is None:
        return cv
    if label != target.fail_label:
        message = (
            f"cv has fail_label={label!r}, and the model {target.fail_label!r}. Pass "
            "the same label, or leave it out of cv."
        )
        raise ValueError(message)
    cv = copy.copy(cv)
    cv.fail_label = None
    return cv


def _check_enough(fails: IntArray, n_splits: int) -> None:
    fewest = int(np.bincount(fails, minlength=2).min())
    if fewest < n_splits:
        message = (
            f"{n_splits} folds need at least {n_splits} rows of each class; the rarer "
            f"one has {fewest}. Lower cv, or bring more rows."
        )
        raise SplitError(message)
