"""SnapshotSampler: one training row per snapshot."""

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from imblearn.base import SamplerMixin
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.multiclass import check_classification_targets

from edml._sklearn import (
    Interval,
    StrOptions,
    check_aligned,
    fit_context,
    remember_columns,
)
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    PARTITION,
    SNAPSHOT_KEYS,
    STUDENT,
    IntArray,
    check_outcomes,
    check_table,
    first_rows,
    history_codes,
    read_partitions,
    resolve_columns,
    snapshot_codes,
)

#: The features that count a student's exams and assignments; a history has its first
#: event once either is above 0.
EVENT_COUNTS = ("overall_parciales_n_sum", "assignment_n_sum")

_LEAST, _MOST = 3, 31  # partitions from one to the next, with every=None
_NEARLY_ALL = 0.95


class SnapshotSampler(SamplerMixin, BaseEstimator):
    """Keep one row per snapshot.

    All rows of one student, course and partition have the same features, so a busy day
    would otherwise count more than a quiet one. As a sampler it acts only in `fit`;
    every row is predicted.

    Parameters
    ----------
    every : int or None, default=1
        Keep the partitions p with ``p % every == 0``. Neighbouring snapshots are nearly
        identical, so thinning saves time and costs little. None is the lowest number
        from 3 on whose partitions nearly all histories have, 3 without any: in a table
        with weekly ticks, other days have rows of active students only. Partitions are
        chosen by the calendar and never by the end of a history, which would reveal to
        the model who left.
    start : {"enrolment", "first_event"}, default="enrolment"
        Where a history begins to train: at its first row, or with its first exam or
        assignment. Students without either are scored, too, and a model that never saw
        one is wrong about them: see the user guide.

    Attributes
    ----------
    sample_indices_ : ndarray of shape (n_samples_new,)
        Positions of the rows that were kept.
    every_ : int
        The partitions that were kept are its multiples.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.feature_extraction import FeatureEngineer
    >>> from edml.sampling import SnapshotSampler
    >>> X, y = load_activity(return_X_y=True)
    >>> features = FeatureEngineer().fit_transform(X)
    >>> snapshots, _ = SnapshotSampler(every=5).fit_resample(features, y)
    >>> bool((snapshots["particion"] % 5 == 0).all())
    True
    >>> snapshots.duplicated(["user_uuid", "course_uuid", "particion"]).sum().item()
    0
    """

    __module__ = "edml.sampling"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "every": [Interval(Integral, 1, None, closed="left"), None],
        "start": [StrOptions({"enrolment", "first_event"})],
    }

    def __init__(self, every: int | None = 1, start: str = "enrolment") -> None:
        self.every = every
        self.start = start

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: ArrayLike) -> Self:
        """Check the table; use `fit_resample` to sample it.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The output of `FeatureEngineer`.
        y : array-like of shape (n_rows,)
            The outcome of each row.

        Returns
        -------
        self : SnapshotSampler
            The same object.

        Raises
        ------
        TableError
            If ``X`` is another table, or a snapshot has two outcomes.
        """
        self._select(X, y)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_resample(
        self, X: pd.DataFrame, y: ArrayLike, **params: Any
    ) -> tuple[pd.DataFrame, Any]:
        """Keep one row per snapshot.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The output of `FeatureEngineer`.
        y : array-like of shape (n_rows,)
            The outcome of each row.
        **params : dict
            Ignored, as in every sampler.

        Returns
        -------
        X_resampled : DataFrame of shape (n_samples_new, n_columns)
            The first row of each snapshot that is kept, in the order of ``X``.
        y_resampled : Series or ndarray of shape (n_samples_new,)
            Their outcomes.

        Raises
        ------
        TableError
            If ``X`` is another table, a snapshot has two outcomes, no row is
            left, or all that are left have one outcome.
        ValueError
            If ``X`` and ``y`` differ in length, or ``y`` does not hold class labels.
        """
        if pd.api.types.is_object_dtype(getattr(y, "dtype", None)):
            inferred = pd.Series(y).infer_objects()
            y = inferred if inferred.dtype.kind in "biuf" else y
        kept = self._select(X, y)
        if not len(kept):
            message = (
                f"No snapshot is left of {len(X)} rows with every={self.every_} and "
                f"start={self.start!r}. Lower `every`, or pass a table with other days."
            )
            raise TableError(message)
        outcome = y.iloc[kept] if isinstance(y, pd.Series) else np.asarray(y)[kept]
        if len(np.unique(outcome)) < 2:  # lightgbm and forests would accept it
            message = (
                f"y needs two classes; the {len(kept)} snapshots of {len(X)} rows hold "
                "one. Stratify the split by student, or add students."
            )
            raise TableError(message)
        self.sample_indices_ = kept
        return X.iloc[kept], outcome

    def _select(self, X: pd.DataFrame, y: ArrayLike) -> IntArray:
        from_event = self.start == "first_event"
        check_table(X, [*SNAPSHOT_KEYS, *(EVENT_COUNTS if from_event else ())])
        check_aligned(X, y=y)
        check_classification_targets(y)
        remember_columns(self, X)
        first, which = first_rows(snapshot_codes(X, resolve_columns(None)))
        check_outcomes(y, first, which)
        chosen = X.iloc[first]
        day = read_partitions(chosen[PARTITION])
        self.every_ = _find_interval(chosen, day) if self.every is None else self.every
        kept = day % self.every_ == 0
        if from_event:
            kept &= (chosen[list(EVENT_COUNTS)].to_numpy() > 0).any(axis=1)
        return first[kept]

    def _fit_resample(self, X: Any, y: Any, **params: Any) -> Any:
        return self.fit_resample(X, y, **params)


def _find_interval(snapshots: pd.DataFrame, day: IntArray) -> int:
    """Return the lowest interval of partitions that nearly all histories have."""
    history = history_codes(snapshots[STUDENT], snapshots[COURSE])
    days = pd.Series(day).groupby(history)
    first, last = days.min(), days.max()
    for every in range(_LEAST, _MOST + 1):
        expected = (last // every - (first - 1) // every).sum()
        if (day % every == 0).sum() >= _NEARLY_ALL * expected:
            return every
    return _LEAST
