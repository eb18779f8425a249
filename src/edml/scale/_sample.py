"""training_sample: the events of some students, drawn from a store."""

from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state, check_scalar

from edml.scale._store import EventStore
from edml.schema import STUDENT, resolve_columns


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """The students that were drawn, and how large the table of their events is.

    Parameters
    ----------
    store : EventStore
        The store.
    students : list of ndarray
        The ids that were drawn of each bucket.
    n_students : int
        Number of students.
    n_rows : int
        Number of events.
    n_bytes : int
        About how much memory the table takes, in bytes.

    See Also
    --------
    training_sample : Draws it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml.datasets import make_student_activity
    >>> from edml.scale import bucket_events, training_sample
    >>> X = make_student_activity(50, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     store = bucket_events(X, f"{folder}/store", 4, progress=False)
    ...     training_sample(store, 0.5).n_students == round(store.n_students / 2)
    True
    """

    __module__ = "edml.scale"

    store: EventStore = field(repr=False)
    students: list[np.ndarray] = field(repr=False)
    n_students: int
    n_rows: int
    n_bytes: int

    def read(self) -> pd.DataFrame:
        """Read all events of the students, bucket by bucket.

        Returns
        -------
        X : DataFrame of shape (n_rows, n_columns)
            An event table, a student's rows in the order of the source.
        """
        student = resolve_columns(self.store.columns)[STUDENT]
        parts = []
        for bucket, drawn in enumerate(self.students):
            if len(drawn):
                events = self.store.read(bucket)
                parts.append(events[events[student].isin(drawn)])
        return pd.concat(parts, ignore_index=True)


def training_sample(
    store: EventStore,
    students: float = 1.0,
    *,
    random_state: int | np.random.RandomState | None = 0,
) -> TrainingSample:
    """Draw whole students from a store, to train on more than memory holds.

    Models learn from snapshots of students, on days that
    `edml.sampling.SnapshotSampler` chooses by the calendar, and need the whole history
    of each: a sample of students loses nothing but precision. Its size is known before
    the events are read.

    Parameters
    ----------
    store : EventStore
        The events.
    students : int or float, default=1.0
        How many students to draw: a number, or a fraction in (0, 1].
    random_state : int, RandomState instance or None, default=0
        Controls the draw. The same number draws the same students, however many buckets
        the store has.

    Returns
    -------
    sample : TrainingSample
        Its ``n_rows`` and ``n_bytes`` state its size; ``read()`` returns the table.

    Raises
    ------
    ValueError
        If ``students`` is more than the store has, or not positive.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml.datasets import make_student_activity
    >>> from edml.scale import bucket_events, training_sample
    >>> X = make_student_activity(50, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     store = bucket_events(X, f"{folder}/store", 4, progress=False)
    ...     sample = training_sample(store, 10)
    ...     sample.read()["user_uuid"].nunique(), len(sample.read()) == sample.n_rows
    (10, True)
    """
    if isinstance(students, Integral):
        check_scalar(students, "students", Integral, min_val=1)
        wanted = int(students)
    else:
        check_scalar(
            *(students, "students", Real),
            min_val=0,
            max_val=1,
            include_boundaries="right",
        )
        wanted = max(round(students * store.n_students), 1)
    if wanted > store.n_students:
        message = (
            f"students must be at most the {store.n_students:,} of the store; found "
            f"{wanted:,}. Pass a smaller number."
        )
        raise ValueError(message)
    student = resolve_columns(store.columns)[STUDENT]
    counts = pd.concat(
        [
            store.read(bucket, [student])[student]
            .value_counts(sort=False)
            .to_frame()
            .assign(bucket=bucket)
            for bucket in range(store.n_buckets)
        ]
    ).sort_index()
    rng = check_random_state(random_state)
    drawn = counts.iloc[rng.permutation(len(counts))[:wanted]]
    n_rows = int(drawn["count"].sum())
    of_bucket = drawn.groupby("bucket").groups
    largest = max(range(store.n_buckets), key=store.n_rows_of)
    few = store.read(largest).head(10_000)
    n_bytes = int(few.memory_usage(deep=True).sum() / len(few) * n_rows)
    return TrainingSample(
        store,
        [of_bucket.get(bucket, []) for bucket in range(store.n_buckets)],
        wanted,
        n_rows,
        n_bytes,
    )
