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

    Several models of one table can share the preparation: see `of`.
    """

    __module__ = "edml.classifier"

    X: Any
    target: Target
    fails: IntArray  # 1 where the outcome is the failing class, else 0
    weight: FloatArray | None
    columns: BaseEstimator  # holds n_features_in_ and feature_names_in_
    names: Mapping[str, str]  # actual column names by canonical name
    units: Units
    plan: SplitPlan
    estimator: Any
    front: Pipeline | None  # the fitted steps that process each history independently
    rest: Any  # the remaining steps, not fitted
    ready: Any  # the output of front for X
    hash_rows: Callable[[], str]  # of the rows with their outcomes, computed once

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
        """Return the same table and folds for another estimator, which is not fitted.

        Its steps that process each history independently run again, unless they are
        the same.
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
        """Return an unfitted copy of an estimator that names classes by their codes."""
        encoded = clone(estimator)
        return encoded.set_params(**encode_labels(encoded, self.target))

    def found(self, scores: Iterable[FloatArray]) -> pd.DataFrame:
        """Combine the out-of-fold scores of each fold's ``tests`` in one table.

        It has the columns row, fold, y_true and y_score. Scores outside [0, 1] are an
        error.
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

    ``draw_seed`` is called for the seed if the folds are drawn here; ``cv=None`` means
    5. The other parameters are those of `RiskClassifier` and its ``fit``.
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
