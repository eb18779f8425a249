"""evaluate_store: the quality of a model on the students of a store."""

from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml._messages import table_error
from edml.datasets import make_target
from edml.inspection import Evaluation, EvaluationUnits
from edml.scale._map import map_buckets
from edml.scale._store import EventStore
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    PARTITION,
    STUDENT,
    columns_of,
    fail_column,
    first_rows,
    read_partitions,
    snapshot_codes,
)

_Y, _PROBABILITY = "outcome", "probability"


def evaluate_store(
    model: Any,
    store: EventStore,
    out: str | PathLike[str],
    *,
    key: str,
    every: int = 1,
    passing_grade: float = 4,
    k: int | Sequence[int] = (5, 10, 15),
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
    n_jobs: int | None = None,
    progress: bool = True,
) -> Evaluation:
    """Evaluate a fitted model on a store of students that it was not trained on.

    Snapshots are scored bucket by bucket, and kept in ``out`` as `map_buckets` does;
    what `edml.inspection.evaluate` measures of them is the same as of one table. It
    holds about 200 bytes of each snapshot: of a large store, take every tenth day.

    Parameters
    ----------
    model : estimator
        A fitted binary classifier of an event table.
    store : EventStore
        The events; histories without a final grade are left out.
    out : path-like
        The folder to write: the key, the outcome and the probability of each snapshot.
    key : str
        Names the model, as for `map_buckets`.
    every : int, default=1
        Evaluate the course days that are a multiple of it.
    passing_grade : float, default=4
        The lowest final grade that passes.
    k : int or sequence of int, default=(5, 10, 15)
        How many students per course a tutor can help in a day.
    n_resamples : int, default=1000
        Number of bootstrap resamples of students; 0 leaves the intervals NaN.
    random_state : int, RandomState instance or None, default=0
        Controls the resampling.
    n_jobs : int or None, default=None
        Number of processes; None is 1, -1 one for each core.
    progress : bool, default=True
        Whether to show a progress bar.

    Returns
    -------
    evaluation : Evaluation
        As from `edml.inspection.evaluate`.

    Raises
    ------
    TableError
        If no history has a final grade, or as `map_buckets`.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from edml.datasets import load_activity
    >>> from edml.model_selection import student_train_test_split
    >>> from edml.pipeline import make_risk_pipeline
    >>> from edml.scale import bucket_events, evaluate_store
    >>> X, y = load_activity(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = student_train_test_split(
    ...     X, y, test_size=0.4, random_state=0)
    >>> model = make_risk_pipeline().fit(X_train, y_train)
    >>> with TemporaryDirectory() as folder:
    ...     store = bucket_events(X_test, f"{folder}/store", 4, progress=False)
    ...     evaluation = evaluate_store(model, store, f"{folder}/scores", key="1",
    ...                                 n_resamples=20, progress=False)
    >>> evaluation.metrics["roc_auc"] > 0.8
    True
    """
    check_scalar(every, "every", int, min_val=1)
    names = columns_of(model)
    work = partial(
        _score, model=model, names=names, every=every, passing_grade=passing_grade
    )
    path = map_buckets(
        work,
        store,
        out,
        key=f"{key} {every} {passing_grade}",
        n_jobs=n_jobs,
        progress=progress,
    )
    parts = [pd.read_parquet(part) for part in sorted(path.glob("*.parquet"))]
    table = pd.concat(parts, ignore_index=True)
    if not len(table):
        message = (
            "No student of the store has a final grade on the days to evaluate. Make a "
            "store of courses that have ended."
        )
        raise table_error("none_ended", message)
    ids = [names[STUDENT], names[COURSE]]
    table[ids] = table[ids].astype("category")
    units = EvaluationUnits.from_predictions(
        table,
        table[_Y].to_numpy(dtype=np.bool_),
        table[_PROBABILITY].to_numpy(),
        columns=names,
    )
    model = getattr(model, "best_estimator_", model)
    return Evaluation.from_units(
        units,
        threshold=getattr(model, "threshold_", 0.5),
        k=k,
        n_resamples=n_resamples,
        random_state=random_state,
    )


def _score(
    X: pd.DataFrame,
    model: Any,
    names: Mapping[str, str],
    every: int,
    passing_grade: float,
) -> pd.DataFrame:
    """Return the snapshots with a known outcome on the chosen days."""
    probability = model.predict_proba(X)[:, fail_column(model)]
    rows, _ = first_rows(snapshot_codes(X, names))
    partition = read_partitions(X[names[PARTITION]])[rows]
    known = X[names[FINAL_GRADE]].notna().to_numpy()[rows]
    rows = rows[(partition % every == 0) & known]
    keys = [names[name] for name in (STUDENT, COURSE, PARTITION)]
    table = X[keys].iloc[rows].reset_index(drop=True)
    y = make_target(X.iloc[rows], passing_grade, columns=names) if len(rows) else []
    outcome = np.asarray(y, dtype=np.int64)
    return table.assign(**{_Y: outcome, _PROBABILITY: probability[rows]})
