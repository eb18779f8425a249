"""Checks that any transformer of event tables does not leak information.

They need no test framework: each raises a `LeakageError` (an ``AssertionError``) that
names the changed feature and the partition.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state

from edml.datasets import as_of
from edml.exceptions import LeakageError, TableError
from edml.schema import (
    ACTIVITY_PREFIX,
    COLUMNS,
    CONTEXT_PREFIX,
    COURSE,
    FINAL_GRADE,
    NUMBER_COLUMNS,
    PARTITION,
    SECONDS_PER_DAY,
    SNAPSHOT_KEYS,
    STUDENT,
    BoolArray,
    IntArray,
    check_table,
    history_codes,
    known_partitions,
    read_epochs,
    read_partitions,
    resolve_columns,
)

__all__ = ["check_company_invariance", "check_no_lookahead", "is_per_history"]

_N_CUTOFFS = 6


def is_per_history(transformer: object) -> bool:
    """Check whether a transformer is marked as processing each history independently.

    A marked step may run once for all folds of a cross-validation. Only steps of edml
    that pass `check_no_lookahead` and `check_company_invariance` are marked;
    scikit-learn's ``requires_fit=False`` is not sufficient.

    Parameters
    ----------
    transformer : object
        Any transformer, or "passthrough".

    Returns
    -------
    marked : bool

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from edml.feature_extraction import FeatureEngineer
    >>> from edml.testing import is_per_history
    >>> is_per_history(FeatureEngineer()), is_per_history(StandardScaler())
    (True, False)
    """
    return "_per_history" in vars(type(transformer)) and bool(
        type(transformer)._per_history  # type: ignore[attr-defined]
    )


def check_no_lookahead(
    transformer: Any,
    X: pd.DataFrame,
    y: ArrayLike | None = None,
    *,
    cutoffs: Sequence[int] | None = None,
    columns: Mapping[str, str] | None = None,
    partition_days: float = 1.0,
    refit: bool = True,
    rtol: float = 1e-9,
    random_state: Any = 0,
) -> None:
    """Check that no feature depends on the future or the outcome.

    For each cut-off, the events after it, and the scores and grading times not known by
    then, are first removed and then altered; the features up to the cut-off must not
    change. Then the final grades are altered, and no feature may change at all.

    Parameters
    ----------
    transformer : transformer
        Returns one row for each row of the event table. It is cloned, never changed.
    X : DataFrame of shape (n_rows, n_columns)
        An event table with events before and after the cut-offs.
    y : array-like of shape (n_rows,), default=None
        The target, for transformers that ask for one.
    cutoffs : sequence of int, default=None
        Partitions after which the table is cut; None takes six, spread over the
        partitions of the table.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    partition_days : float, default=1.0
        Length of a partition in days.
    refit : bool, default=True
        Whether to refit on every altered table, to check that `fit` does not use the
        future either. False fits once, on the whole table.
    rtol : float, default=1e-9
        Relative tolerance for numbers.
    random_state : int, RandomState or None, default=0
        Controls how events are altered.

    Raises
    ------
    LeakageError
        If a feature moves; it names the feature and the partition.
    TableError
        If ``X`` cannot be read, or the transformer drops or adds rows.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.feature_extraction import FeatureEngineer
    >>> from edml.testing import check_no_lookahead
    >>> X = make_student_activity(10, random_state=0)
    >>> check_no_lookahead(FeatureEngineer(), X)
    """
    names = resolve_columns(columns)
    rng = check_random_state(random_state)
    run = _Runner(transformer, X, y, names, refit=refit, rtol=rtol)
    every = np.arange(len(X))
    if cutoffs is None:
        distinct = np.unique(run.partition)
        places = np.linspace(0, len(distinct) - 1, _N_CUTOFFS + 1).astype(int)[:-1]
        cutoffs = np.unique(distinct[places]).tolist() if len(distinct) else []
    for cutoff in cutoffs:
        past = run.partition <= cutoff
        seen = as_of(X, cutoff, columns=columns, partition_days=partition_days)
        run.compare(
            *(seen, every[past], np.ones(len(seen), dtype=bool)),
            change=f"events after partition {cutoff} are removed",
        )
        altered = _alter_future(X, cutoff, run.partition, names, partition_days, rng)
        run.compare(
            *(altered, every, past),
            change=f"events after partition {cutoff} are altered",
        )
    if names[FINAL_GRADE] in X.columns:
        graded = X.assign(**{names[FINAL_GRADE]: rng.uniform(0, 10, len(X))})
        run.compare(graded, every, every >= 0, change="final grades are altered")


def check_company_invariance(
    transformer: Any,
    X: pd.DataFrame,
    y: ArrayLike | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    refit: bool = True,
    rtol: float = 1e-9,
    random_state: Any = 0,
) -> None:
    """Check that a row's features depend only on its own history, in any row order.

    A history is a student in a course. The rows are shuffled, other students are
    removed, other courses of the same students are removed, and other students are
    added; the features of the remaining rows must not change.

    Parameters
    ----------
    transformer : transformer
        Returns one row for each row of the event table. It is cloned, never changed.
    X : DataFrame of shape (n_rows, n_columns)
        An event table of several students, some of them in several courses.
    y : array-like of shape (n_rows,), default=None
        The target, for transformers that ask for one.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    refit : bool, default=True
        Whether to refit on every altered table, to check that `fit` does not learn from
        other students either. False fits once, on the whole table.
    rtol : float, default=1e-9
        Relative tolerance for numbers.
    random_state : int, RandomState or None, default=0
        Controls the shuffling and the choice of removed students.

    Raises
    ------
    LeakageError
        If a feature moves; it names the feature and the partition.
    TableError
        If ``X`` cannot be read, or the transformer drops or adds rows.

    Examples
    --------
    >>> from edml.datasets import make_student_activity
    >>> from edml.feature_extraction import FeatureEngineer
    >>> from edml.testing import check_company_invariance
    >>> X = make_student_activity(10, random_state=0)
    >>> check_company_invariance(FeatureEngineer(), X)
    """
    names = resolve_columns(columns)
    rng = check_random_state(random_state)
    run = _Runner(transformer, X, y, names, refit=refit, rtol=rtol)
    order = rng.permutation(len(X))
    run.compare(X.iloc[order], order, order >= 0, change="the rows are shuffled")
    students, found = pd.factorize(X[names[STUDENT]])
    leaving = rng.permutation(len(found))[::2]
    stay = np.flatnonzero(~np.isin(students, leaving))
    run.compare(X.iloc[stay], stay, stay >= 0, change="other students are removed")
    histories = history_codes(X[names[STUDENT]], X[names[COURSE]])
    leaving = rng.permutation(int(histories.max(initial=-1)) + 1)[::2]
    stay = np.flatnonzero(~np.isin(histories, leaving))
    run.compare(X.iloc[stay], stay, stay >= 0, change="other histories are removed")
    more = pd.concat([X, _strangers(X, names, rng)], ignore_index=True)
    mixed = rng.permutation(len(more))
    run.compare(
        *(more.iloc[mixed], mixed % len(X), mixed < len(X)),
        change="other students are added",
    )


class _Runner:
    """Applies clones of a transformer, and compares with the whole table's output."""

    def __init__(
        self,
        transformer: Any,
        X: pd.DataFrame,
        y: ArrayLike | None,
        names: Mapping[str, str],
        *,
        refit: bool,
        rtol: float,
    ) -> None:
        check_table(X, [names[key] for key in SNAPSHOT_KEYS])
        self.partition = read_partitions(X[names[PARTITION]])
        self._y = None if y is None else np.asarray(y)
        self._transformer = transformer
        self._rtol = rtol
        self._fitted = None if refit else clone(transformer).fit(X, self._y)
        self._whole = self._apply(X, np.arange(len(X)))

    def _apply(self, X: pd.DataFrame, origin: IntArray) -> pd.DataFrame:
        fitted = self._fitted
        if fitted is None:
            y = None if self._y is None else self._y[origin]
            fitted = clone(self._transformer).fit(X, y)
        output = fitted.transform(X)
        if hasattr(output, "toarray"):  # a sparse matrix
            output = output.toarray()
        if not isinstance(output, pd.DataFrame):
            output = pd.DataFrame(np.asarray(output))
        if len(output) != len(X):
            message = (
                f"{type(fitted).__name__} gives {len(output)} rows for {len(X)}; the "
                "check needs one row per row, in order. Pass the step that makes the "
                "features, not a sampler."
            )
            raise TableError(message)
        return output

    def compare(
        self, X: pd.DataFrame, origin: IntArray, compared: BoolArray, change: str
    ) -> None:
        """Raise if a row of ``X`` has different features from its original row."""
        after = self._apply(X, origin)[compared]
        before = self._whole.iloc[origin[compared]]
        what = type(self._transformer).__name__
        if list(before.columns) != list(after.columns):
            message = f"The columns that {what} gives differ when {change}."
            raise LeakageError(message)
        moved: dict[Any, BoolArray] = {}
        for place, name in enumerate(before.columns):
            differs = _differs(before.iloc[:, place], after.iloc[:, place], self._rtol)
            if differs.any():
                moved[name] = differs
        if moved:
            name, differs = next(iter(moved.items()))
            first = self.partition[origin[compared]][differs].min()
            others = f" {len(moved) - 1} others move too." if len(moved) > 1 else ""
            message = (
                f"{what}: feature {name!r} at partition {first} moves when {change} "
                f"({np.count_nonzero(differs)} of {len(before)} rows).{others}"
            )
            raise LeakageError(message)


def _differs(before: pd.Series, after: pd.Series, rtol: float) -> BoolArray:
    if all(pd.api.types.is_numeric_dtype(column.dtype) for column in (before, after)):
        old, new = (
            column.to_numpy(dtype=np.float64, na_value=np.nan)
            for column in (before, after)
        )
        return ~np.isclose(new, old, rtol=rtol, atol=rtol, equal_nan=True)
    old, new = before.astype(object).to_numpy(), after.astype(object).to_numpy()
    null = pd.isna(old) & pd.isna(new)
    return np.asarray(~null & (old != new), dtype=bool)


def _alter_future(
    X: pd.DataFrame,
    cutoff: int,
    partition: IntArray,
    names: Mapping[str, str],
    partition_days: float,
    rng: np.random.RandomState,
) -> pd.DataFrame:
    """Rewrite everything that was not known at the end of ``cutoff``."""
    altered = X.copy()
    future = np.flatnonzero(partition > cutoff)
    shuffled = rng.permutation(future)
    for canonical in COLUMNS:
        name = names[canonical]
        if name not in X.columns or canonical in (*SNAPSHOT_KEYS, FINAL_GRADE):
            continue
        place = X.columns.get_loc(name)
        values = X.iloc[shuffled, place]
        if canonical in NUMBER_COLUMNS:  # and grades that no student had
            values = values.fillna(0) * 0.5 + rng.uniform(0, 9, len(future)).round(2)
            altered[name] = altered[name].astype(np.float64)
        altered.iloc[future, place] = values.array
    for name in [name for name in X if str(name).startswith(ACTIVITY_PREFIX)]:
        counts = np.nan_to_num(X[name].to_numpy(dtype=np.float64, na_value=0))
        counts[future] = counts[shuffled] + rng.randint(9, size=len(future))
        altered[name] = counts
    _, day = np.unique(partition[future], return_inverse=True)
    for name in [name for name in X if str(name).startswith(CONTEXT_PREFIX)]:
        drawn = rng.uniform(0, 9, len(future))[day]  # one for all rows of a day
        altered.iloc[future, X.columns.get_loc(name)] = drawn
    timing = [names[name] for name in ("s_submitted_at", "s_graded_at", "score")]
    if all(name in X.columns for name in timing):
        submitted, graded = (read_epochs(X[name]) for name in timing[:2])
        known = known_partitions(partition, submitted, graded, partition_days)
        hidden = np.flatnonzero((partition <= cutoff) & (known > cutoff))
        altered[timing[2]] = altered[timing[2]].astype(np.float64)
        altered.iloc[hidden, X.columns.get_loc(timing[2])] = rng.uniform(
            -9, 99, len(hidden)
        ).round(2)
        later = read_epochs(altered[timing[1]])
        later[hidden] += SECONDS_PER_DAY * rng.randint(1, 30, len(hidden))
        altered[timing[1]] = later
    return altered


def _strangers(
    X: pd.DataFrame, names: Mapping[str, str], rng: np.random.RandomState
) -> pd.DataFrame:
    """Copy the table under other students' names, with shuffled numbers."""
    others = X.copy()
    codes, found = pd.factorize(X[names[STUDENT]])
    others[names[STUDENT]] = np.array(
        [f"stranger-{rng.randint(2**31)}-{code}" for code in range(len(found))],
        dtype=object,
    )[codes]
    shuffled = [names[canonical] for canonical in ("nota_parcial", "score")]
    shuffled += [name for name in X if str(name).startswith(ACTIVITY_PREFIX)]
    for name in shuffled:
        if name in X.columns:
            others[name] = rng.permutation(X[name].to_numpy())
    return others
