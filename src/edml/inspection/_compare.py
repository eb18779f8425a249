"""compare_models: the gain of each model, or set of features, over a baseline."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.model_selection import check_cv

from edml._sklearn import Interval, validate_params
from edml.exceptions import SplitError
from edml.inspection._honesty import (
    check_metrics,
    measure,
    part,
    predict,
    read_outcome,
    read_seed,
)
from edml.inspection._honesty_splits import Fold, Folds, check_sides
from edml.model_selection import StudentKFold
from edml.schema import (
    PARTITION,
    STUDENT,
    check_table,
    columns_of,
    factorize_keys,
    first_rows,
    read_partitions,
    snapshot_codes,
)


@validate_params(
    {
        "models": [Mapping],
        "hide": [Mapping, None],
        "cv": ["cv_object"],
        "days": ["array-like", None],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def compare_models(
    models: Mapping[str, Any],
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    hide: Mapping[str, Sequence[str]] | None = None,
    cv: Any = None,
    days: Sequence[int] | None = None,
    metrics: Sequence[str] = ("roc_auc", "average_precision", "brier"),
    confidence: float = 0.95,
    n_resamples: int = 1000,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    fail_label: Any = None,
) -> pd.DataFrame:
    """Compare models on one table by cross-validation, with paired intervals.

    All models are trained on the same folds and evaluated on the same snapshots, each
    by a model that was not trained on its student. The first model is the baseline. Use
    it to see what new columns bring: compare pipelines that are shown different
    features.

    Parameters
    ----------
    models : mapping of str to classifier
        Two or more pipelines over event tables, meta-estimators around them, or other
        classifiers, by name. They are cloned, never changed.
    X : DataFrame of shape (n_rows, n_columns)
        An event table with the columns that any of the models reads.
    y : array-like of shape (n_rows,)
        Two classes; the same within each snapshot.
    hide : mapping of str to sequence of str, default=None
        Columns of ``X`` that a model is not shown, by the model's name.
    cv : int, splitter or iterable, default=None
        The folds. None is `StudentKFold` with 5; `PeriodSplit` trains on earlier
        periods and evaluates on the last, which is how a model is used.
    days : sequence of int, default=None
        The partitions to evaluate, each by itself; None evaluates all snapshots at
        once.
    metrics : sequence of str, default=("roc_auc", "average_precision", "brier")
        Names of `edml.metrics.snapshot_metrics`; those that need a threshold use 0.5.
    confidence : float, default=0.95
        Share of the bootstrap's resamples in an interval, in (0, 1).
    n_resamples : int, default=1000
        Number of resamples. Students are resampled with all their snapshots, and
        identically for all models. The intervals reflect the sampling of test students,
        not of training students.
    n_jobs : int, default=None
        Number of folds to train in parallel; None means 1, -1 all processors. The
        result does not depend on it.
    random_state : int, RandomState or None, default=0
        Controls the folds of ``cv=None`` and the resamples.
    fail_label : label, default=None
        The label in ``y`` that means failing. None is that of the first model if it has
        one, else the higher of two numbers; text needs one of them.

    Returns
    -------
    table : DataFrame of shape (n_models, 6 * n_metrics + 2)
        A row for each model, or for each day and model. For each metric, such as
        roc_auc, the columns roc_auc, roc_auc_low, roc_auc_high (the figure and its
        interval), roc_auc_gain, roc_auc_gain_low, roc_auc_gain_high (how much better it
        is than the baseline's: positive for a higher AUC, or a lower Brier score). Then
        n_snapshots and n_students.

    Raises
    ------
    SplitError
        If ``y`` does not have two classes, or the folds cannot be made.
    TableError
        If ``X`` is not an event table, lacks a column that a model reads, or a snapshot
        has two outcomes.
    ValueError
        If a parameter is invalid, a day has no snapshots, or ``X`` and ``y`` differ in
        length.

    See Also
    --------
    honesty_report : Compare the splits of one model.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.inspection import compare_models
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> models = {
    ...     name: make_risk_pipeline(features=name, every=10)
    ...     for name in ("classic", "progress")
    ... }
    >>> table = compare_models(models, X, y, cv=2, n_resamples=100)
    >>> table[["roc_auc", "roc_auc_gain"]].round(2).index.tolist()
    ['classic', 'progress']
    """
    wanted = check_metrics(metrics)
    if len(models) < 2:
        message = f"models needs two or more to compare; found {len(models)}."
        raise ValueError(message)
    hidden = hide or {}
    absent = {column for columns in hidden.values() for column in columns} - set(X)
    unknown = [*(set(hidden) - set(models)), *absent]
    if unknown:
        message = f"hide has {sorted(unknown)}, which are neither models nor columns."
        raise ValueError(message)
    baseline = next(iter(models.values()))
    names = columns_of(baseline)
    if fail_label is None:
        fail_label = getattr(baseline, "fail_label", None)
    codes = snapshot_codes(check_table(X), names)
    outcome, target = read_outcome(X, y, codes, fail_label)
    seed = read_seed(random_state)
    folds = _make_folds(X, target.fails, codes, cv, names[STUDENT], seed)
    students = factorize_keys(X[names[STUDENT]])
    score = {}
    for name, model in models.items():
        shown = X.drop(columns=list(hidden.get(name, ())))
        front, rest = part(model)
        score[name] = predict(
            front, rest, shown, outcome, folds, students, n_jobs, target.fail_label
        )[_SPLIT]
    partition = read_partitions(X[names[PARTITION]])[folds.rows]
    tables = {}
    for day in [None] if days is None else list(days):
        rows = folds.rows if day is None else folds.rows[partition == day]
        if not len(rows):
            message = f"X has no snapshot of day {day}. Choose other days."
            raise ValueError(message)
        tables[day] = measure(
            {name: values[rows] for name, values in score.items()},
            target.fails[rows],
            X[names[STUDENT]].iloc[rows],
            next(iter(models)),
            wanted,
            confidence=confidence,
            n_resamples=n_resamples,
            random_state=seed,
            above="gain",
        ).rename_axis("model")
    return tables[None] if days is None else pd.concat(tables, names=["day"])


_SPLIT = "cv"


def _make_folds(
    X: pd.DataFrame, fails: Any, codes: Any, cv: Any, student: str, seed: int
) -> Folds:
    """Return the folds, and the first row of each snapshot that is on a test side."""
    if cv is None or isinstance(cv, Integral):
        cv = StudentKFold(5 if cv is None else int(cv), student, random_state=seed)
    sides = [
        (np.asarray(train), np.asarray(test))
        for train, test in check_cv(cv).split(X, fails)
    ]
    tested = np.concatenate([test for _, test in sides])
    if len(np.unique(tested)) < len(tested):
        message = "cv evaluates rows more than once. Pass one that does so once."
        raise SplitError(message)
    tested = np.sort(tested)
    rows = tested[first_rows(codes[tested])[0]]
    folds = [
        Fold(_SPLIT, train, np.intersect1d(test, rows))
        for train, test in check_sides(sides, fails)
    ]
    return Folds([fold for fold in folds if len(fold.test)], rows, [])
