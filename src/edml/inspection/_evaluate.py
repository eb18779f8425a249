"""evaluate: how good a fitted model is, on students that it has not seen."""

from collections.abc import Hashable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.inspection._breakdown import break_down, no_breakdown
from edml.inspection._curves import make_curves
from edml.inspection._evaluation import Evaluation
from edml.inspection._groups import read_group
from edml.inspection._judged import Judged, judge
from edml.metrics import (
    alert_lead_time,
    bootstrap_metrics,
    flip_rate,
    percentile_interval,
    precision_at_k,
    snapshot_metrics,
)
from edml.schema import (
    COURSE,
    PARTITION,
    BoolArray,
    IntArray,
    columns_of,
    fingerprint,
)


def evaluate(
    model: Any,
    X: pd.DataFrame | ArrayLike,
    y: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    by: Hashable | Iterable[Hashable] | None = None,
    k: int | Sequence[int] = (5, 10, 15),
    min_count: int = 30,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
) -> Evaluation:
    """Judge a fitted model on rows that it was not trained on.

    The model is asked for ``predict_proba(X)``, once, and for nothing else: no row
    of ``X`` can reach its calibration or its threshold. On an event table the unit
    is the snapshot, the first row of each student, course and partition, however
    many rows the day has; all rows of a snapshot need one label. On any other table
    the unit is the row.

    The snapshots of a student are alike, so an interval that took them for
    independent would be too narrow: the intervals come from a bootstrap that draws
    students, each with all of their snapshots [1]_. A figure that cannot be told,
    such as the ROC AUC of one class, is NaN.

    Parameters
    ----------
    model : estimator
        A fitted classifier of two classes, such as `RiskClassifier` or a fitted
        pipeline. The second of its ``classes_`` is the positive one: fails. Flagged
        is who has at least ``model.threshold_``, or 0.5 where it has none.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        An event table, its columns named as the model's steps read them, or any
        table that the model takes.
    y : array-like of shape (n_rows,)
        The labels, in the classes of the model.
    groups : array-like of shape (n_rows,), default=None
        Who is drawn together for the intervals. By default that is the student,
        where ``X`` has the student's column, and else each row alone.
    by : str or iterable of str, default=None
        Columns of ``X`` by whose values everything is measured again. A null is the
        group "missing". The values appear in the result, so a column of single
        students is refused.
    k : int or sequence of int, default=(5, 10, 15)
        How many students of a course a tutor can see to on a day, each at least 1.
    min_count : int, default=30
        Days, courses and groups with fewer students than this, or with one class,
        are "too few to tell": their figures are NaN.
    confidence : float, default=0.95
        Of the intervals, a fraction strictly between 0 and 1.
    n_resamples : int, default=1000
        How often students are drawn anew; 0 leaves all intervals NaN. Days, courses
        and groups have 200 draws at most, so that each breakdown takes about as
        long as the figures of the whole.
    random_state : int, RandomState instance or None, default=0
        Draws the students. With an int the order of the rows plays no part.

    Returns
    -------
    evaluation : Evaluation
        The figures, their intervals, curves and breakdowns; no student's id.

    Raises
    ------
    ValueError
        If ``X`` is empty, ``y`` holds other labels than the model's classes, two
        rows of a snapshot have different ones, the model gives no probabilities
        (NaN among them), ``by`` names no column of groups, or a parameter is out of
        its range.

    See Also
    --------
    Evaluation : What it gives.

    References
    ----------
    .. [1] C. A. Field, A. H. Welsh, "Bootstrapping clustered data", Journal of the
       Royal Statistical Society B 69(3), 2007.
       https://doi.org/10.1111/j.1467-9868.2007.00593.x

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.inspection import evaluate
    >>> from edml.model_selection import student_train_test_split
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = student_train_test_split(
    ...     X, y, test_size=0.4, random_state=0)
    >>> model = make_risk_pipeline().fit(X_train, y_train)
    >>> evaluation = evaluate(model, X_test, y_test, by="periodo", n_resamples=50)
    >>> evaluation.metrics["roc_auc"] > 0.8
    True
    >>> low, high = evaluation.intervals["roc_auc"]
    >>> low < evaluation.metrics["roc_auc"] < high
    True
    """
    ks = _check(k, min_count, confidence, n_resamples)
    names = columns_of(model)
    judged = judge(model, X, y, groups)
    threshold = float(getattr(model, "threshold_", 0.5))
    draw: dict[str, Any] = {
        "confidence": confidence,
        "n_resamples": n_resamples,
        "random_state": random_state,
    }

    def measure(codes: IntArray, key: pd.Series) -> pd.DataFrame:
        return break_down(
            judged, codes, key, threshold=threshold, min_count=min_count, **draw
        )

    by_group = {}
    for column in _list_columns(by):
        codes, labels = read_group(X, column, judged, names, min_count)
        by_group[str(column)] = measure(codes, _texts(labels, "group"))
    flagged = judged.probability >= threshold
    return Evaluation(
        metrics=snapshot_metrics(judged.fails, judged.probability, threshold),
        intervals=_intervals(judged, threshold, **draw),
        confidence=float(confidence),
        threshold=threshold,
        counts=_count(judged),
        confusion=_confusion(judged.fails, flagged),
        curves=make_curves(judged, threshold, **draw),
        by_group=by_group,
        # as the classes' places, so that "fails" and 1 are the same label
        data_fingerprint=fingerprint(X, judged.labels),
        **_along_the_course(judged, flagged, ks, measure),
    )


def _check(
    k: int | Sequence[int], min_count: int, confidence: float, n_resamples: int
) -> list[int]:
    check_scalar(min_count, "min_count", Integral, min_val=1)
    check_scalar(n_resamples, "n_resamples", Integral, min_val=0)
    check_scalar(
        confidence,
        "confidence",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    ks: list[Any] = [k] if isinstance(k, Integral) else [*k]  # type: ignore[misc]
    for one in ks:
        check_scalar(one, "k", Integral, min_val=1)
    return [int(one) for one in dict.fromkeys(ks)]


def _list_columns(by: Any) -> list[Hashable]:
    """Give the columns of ``by``; a text or a number is one name."""
    if by is None:
        return []
    if isinstance(by, str) or not isinstance(by, Iterable):
        return [by]
    return list(dict.fromkeys(by))


def _texts(labels: list[str], name: str) -> pd.Series:
    return pd.Series(labels, name=name, dtype="str")


def _intervals(
    judged: Judged,
    threshold: float,
    confidence: float,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> dict[str, tuple[float, float]]:
    if not n_resamples:
        names = snapshot_metrics(judged.fails, judged.probability, threshold)
        return dict.fromkeys(names, (np.nan, np.nan))
    draws = bootstrap_metrics(
        judged.fails,
        judged.probability,
        judged.clusters,
        threshold=threshold,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    return {
        name: percentile_interval(draws[name].to_numpy(), confidence) for name in draws
    }


def _count(judged: Judged) -> dict[str, int]:
    course = judged.course
    return {
        "n_snapshots": len(judged.rows),
        "n_histories": 0 if course is None else len(np.unique(course.histories)),
        "n_students": len(np.unique(judged.students)),
        "n_failing_students": len(np.unique(judged.students[judged.fails])),
        "n_failing_snapshots": int(judged.fails.sum()),
    }


def _confusion(fails: BoolArray, flagged: BoolArray) -> IntArray:
    return np.bincount(2 * fails + flagged, minlength=4).reshape(2, 2)


def _along_the_course(
    judged: Judged, flagged: BoolArray, ks: list[int], measure: Any
) -> dict[str, Any]:
    """Measure what only snapshots have: days, courses, and who is flagged when."""
    course = judged.course
    if course is None:
        return {
            "by_partition": no_breakdown(PARTITION, "int64"),
            "by_course": no_breakdown(COURSE, "str"),
            "precision_at_k": _at_k([], []),
            "lead_time": {},
            "flip_rate": np.nan,
        }
    days, day = np.unique(course.partitions, return_inverse=True)
    history = (course.histories, course.partitions)
    precision = [
        precision_at_k(
            judged.fails, judged.probability, course.courses, course.partitions, k
        )
        for k in ks
    ]
    return {
        "by_partition": measure(day, pd.Series(days, name=PARTITION)),
        "by_course": measure(course.courses, _texts(course.labels, COURSE)),
        "precision_at_k": _at_k(ks, precision),
        "lead_time": dict(alert_lead_time(judged.fails, flagged, *history)),
        "flip_rate": float(flip_rate(flagged, *history)),
    }


def _at_k(ks: list[int], precision: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"k": ks, "precision": precision})
    return table.astype({"k": "int64", "precision": "float64"})
