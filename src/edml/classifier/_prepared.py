"""The start of a fit: read, check and split a table, and compute its features."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import BaseCrossValidator, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, indexable
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite, column_or_1d

from edml._sklearn import GroupsConsumerMixin, remember_columns
from edml.classifier._checks import check_plan, check_scores
from edml.classifier._units import Units, read_units
from edml.exceptions import SplitError
from edml.model_selection import SplitPlan, StudentKFold
from edml.pipeline import split_per_history
from edml.schema import STUDENT, FloatArray, IntArray, columns_of, fingerprint


@dataclass(frozen=True)
class Prepared:
    """A table prepared for the folds of one estimator.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The table as passed.
    classes : ndarray of shape (2,)
        The labels: passes, fails.
    fails : ndarray of shape (n_rows,)
        1 where the outcome is the second class.
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
    classes: NDArray[Any]
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
        If ``y`` does not have two classes, or the weights cannot be used.
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
    X, sample_weight, groups = indexable(X, sample_weight, groups)
    columns = BaseEstimator()
    remember_columns(columns, X)
    classes, fails = read_outcome(X, y)
    weight = _read_weight(sample_weight, X)
    names = columns_of(estimator)
    front, rest = split_per_history(estimator)
    units = read_units(X, names, groups, fails, described=front is not None)
    plan = make_plan(cv, X, fails, units, names, groups, draw_seed)
    ready = X if front is None else front.fit_transform(X)
    return Prepared(
        X=X,
        classes=classes,
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


def read_outcome(X: Any, y: ArrayLike) -> tuple[NDArray[Any], IntArray]:
    """Return the classes, and 1 for each row of the higher one."""
    check_consistent_length(X, y)
    values = pd.Series(column_or_1d(y, warn=True)).infer_objects()
    null = int(values.isna().sum())
    if null:
        message = (
            f"y has no value in {null} of {len(values)} rows. Drop the rows of "
            "courses that still run."
        )
        raise ValueError(message)
    if values.dtype.kind == "f":
        assert_all_finite(values, input_name="y")
    labels = values.to_numpy()
    if pd.api.types.infer_dtype(values).startswith("mixed"):
        message = "y needs labels of one kind, such as 0 and 1; found several kinds."
        raise ValueError(message)
    check_classification_targets(labels)
    classes, codes = np.unique(labels, return_inverse=True)
    if type_of_target(labels) != "binary" or len(classes) != 2:
        held = "one class" if len(classes) == 1 else f"{len(classes)} classes"
        message = (
            "Only binary classification is supported: y needs two classes, passes "
            f"and fails; the {len(values)} rows hold {held}. Check the passing "
            "grade, or stratify the split by student."
        )
        raise ValueError(message)
    return classes, codes.astype(np.int64)


def _read_weight(sample_weight: ArrayLike | None, X: Any) -> FloatArray | None:
    if sample_weight is None:
        return None
    check_consistent_length(X, sample_weight)
    weight: FloatArray = column_or_1d(sample_weight).astype(np.float64)
    bad = int((~(np.isfinite(weight) & (weight >= 0))).sum())
    if bad:
        message = (
            f"sample_weight must be finite and from 0 on; {bad} of {len(weight)} are "
            "not. Correct them, or leave the weights out."
        )
        raise ValueError(message)
    return weight


def _check_enough(fails: IntArray, n_splits: int) -> None:
    fewest = int(np.bincount(fails, minlength=2).min())
    if fewest < n_splits:
        message = (
            f"{n_splits} folds need at least {n_splits} rows of each class; the rarer "
            f"one has {fewest}. Lower cv, or bring more rows."
        )
        raise SplitError(message)
