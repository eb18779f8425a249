"""SplitPlan: splits frozen as row positions, with a hash."""

import hashlib
from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import check_cv

from edml._sklearn import num_samples
from edml.exceptions import SplitError
from edml.model_selection._student_kfold import StudentKFold
from edml.model_selection._students import KnownSplits
from edml.schema import IntArray


class SplitPlan(KnownSplits):
    """Splits of one table, frozen as row positions.

    Models can be compared only on the same splits. A plan is created once from any
    cross-validator and is immutable; its hash shows whether two results come from the
    same splits. It is itself a cross-validator, for the table that it was created for.

    Parameters
    ----------
    splits : iterable of (train, test)
        Row positions, or boolean masks of shape (n_samples,). Their order and
        repeated positions are kept.
    n_samples : int
        Number of rows of the table.

    Attributes
    ----------
    splits : tuple of (train, test)
        The positions, in read-only arrays.
    n_samples : int
        Number of rows of the table.
    n_splits : int
        Number of splits.
    hash : str
        SHA-256 over little-endian 64-bit integers: n_samples, n_splits, then for
        each split the length and the positions of train, and those of test.

    Raises
    ------
    SplitError
        If there is no split, a side is empty or has a position outside the
        table, or a row is on both sides.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.model_selection import SplitPlan, StudentKFold
    >>> X = pd.DataFrame({"user_uuid": list("aabbccdd")})
    >>> y = [0, 0, 1, 1, 0, 0, 1, 1]
    >>> plan = SplitPlan.from_cv(StudentKFold(2, random_state=0), X, y)
    >>> plan
    SplitPlan(n_splits=2, n_samples=8, hash='988525ba7d61')
    >>> SplitPlan(plan.splits, plan.n_samples) == plan
    True
    """

    __module__ = "edml.model_selection"

    def __init__(
        self, splits: Iterable[tuple[ArrayLike, ArrayLike]], n_samples: int
    ) -> None:
        if not isinstance(n_samples, Integral) or n_samples < 1:
            message = (
                f"n_samples must be a whole number from 1 on; found {n_samples!r}."
            )
            raise SplitError(message)
        self._n_samples: int = int(n_samples)
        self._splits: tuple[tuple[IntArray, IntArray], ...] = tuple(
            _freeze(split, number, self._n_samples)
            for number, split in enumerate(splits)
        )
        if not self._splits:
            message = "A plan needs at least one split; the splitter gave none."
            raise SplitError(message)
        self._hash: str = _digest(self._splits, self._n_samples)

    @classmethod
    def from_cv(
        cls,
        cv: Any,
        X: Any,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        *,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Self:
        """Freeze the splits of a cross-validator.

        Parameters
        ----------
        cv : int, cross-validator, iterable of (train, test) or None
            Anything that scikit-learn takes as ``cv=``. A number of folds, or None for
            five, means `StudentKFold`.
        X : DataFrame of shape (n_rows, n_columns)
            The table to split.
        y : array-like of shape (n_rows,), default=None
            Its labels.
        groups : array-like of shape (n_rows,), default=None
            Its groups, for a cross-validator that takes them.
        random_state : int, RandomState instance or None, default=0
            Controls the folds if ``cv`` is a number or None.

        Returns
        -------
        plan : SplitPlan
            The frozen splits.

        Raises
        ------
        SplitError
            If the table cannot be split this way, or the splits are invalid.
        """
        if cv is None or isinstance(cv, Integral):
            n_splits = 5 if cv is None else int(cv)
            splitter = StudentKFold(n_splits, random_state=random_state)
        else:
            splitter = check_cv(cv)
        return cls(splitter.split(X, y, groups), num_samples(X))

    @property
    def splits(self) -> tuple[tuple[IntArray, IntArray], ...]:
        """The positions of train and test, for each split."""
        return self._splits

    @property
    def n_samples(self) -> int:
        """Number of rows of the table."""
        return self._n_samples

    @property
    def n_splits(self) -> int:  # type: ignore[override]
        """Number of splits."""
        return len(self._splits)

    @property
    def hash(self) -> str:
        """SHA-256 of the plan, 64 hexadecimal digits."""
        return self._hash

    def split(
        self, X: Any, y: object = None, groups: object = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Generate the frozen row positions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_columns)
            The table that the plan was created for; only its length is used.
        y, groups : object, default=None
            Ignored.

        Returns
        -------
        splits : iterator of (train, test)
            Two read-only arrays of row positions.

        Raises
        ------
        SplitError
            If ``X`` has a different number of rows.
        """
        found = num_samples(X)
        if found != self._n_samples:
            message = (
                f"The plan was made for {self._n_samples} rows; X has {found}. Make a "
                "plan for this table with SplitPlan.from_cv."
            )
            raise SplitError(message)
        return iter(self._splits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SplitPlan):
            return NotImplemented
        return self._hash == other._hash

    def __hash__(self) -> int:
        return int(self._hash[:15], 16)

    def __repr__(self) -> str:
        return (
            f"SplitPlan(n_splits={self.n_splits}, n_samples={self._n_samples}, "
            f"hash={self._hash[:12]!r})"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Use the constructor, because a copied array would be writable.
        return type(self), (self._splits, self._n_samples)


def _freeze(split: Any, number: int, n_samples: int) -> tuple[IntArray, IntArray]:
    pair = tuple(split) if isinstance(split, Iterable) else (split,)
    if len(pair) != 2:
        message = f"Split {number}: expected (train, test), found {len(pair)} parts."
        raise SplitError(message)
    train = _positions(pair[0], n_samples, f"Split {number}, train")
    test = _positions(pair[1], n_samples, f"Split {number}, test")
    shared = int(np.isin(test, train).sum())
    if shared:
        message = f"Split {number}: {shared} rows are on both sides. Keep each on one."
        raise SplitError(message)
    return train, test


def _positions(side: ArrayLike, n_samples: int, where: str) -> IntArray:
    found = np.asarray(side)
    if found.dtype == np.bool_ and found.shape == (n_samples,):
        found = np.flatnonzero(found)
    if found.size == 0:
        message = f"{where}: the side is empty. Use fewer splits, or more rows."
        raise SplitError(message)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        message = (
            f"{where}: expected row positions, one dimension of integers, or a mask of "
            f"shape ({n_samples},); found shape {found.shape} of {found.dtype}."
        )
        raise SplitError(message)
    if found.min() < 0 or found.max() >= n_samples:
        message = (
            f"{where}: positions must be in [0, {n_samples}). Freeze splits of the "
            "table that n_samples counts."
        )
        raise SplitError(message)
    positions = found.astype(np.int64)  # a copy, because the caller's array may change
    positions.flags.writeable = False
    return positions


def _digest(splits: tuple[tuple[IntArray, IntArray], ...], n_samples: int) -> str:
    """Hash the plan to the same digest on every platform."""
    digest = hashlib.sha256(np.array([n_samples, len(splits)], dtype="<i8").tobytes())
    for side in (side for split in splits for side in split):
        digest.update(np.array([len(side)], dtype="<i8").tobytes())
        digest.update(side.astype("<i8").tobytes())
    return digest.hexdigest()
