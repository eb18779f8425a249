"""evaluate: the quality of a fitted model on unseen students."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from edml.inspection._evaluation import Evaluation
from edml.inspection._measures import measure
from edml.inspection._options import Options
from edml.inspection._units import EvaluationUnits, own_threshold


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
    fail_label: Any = None,
) -> Evaluation:
    """Evaluate a fitted model on rows that it was not trained on.

    Only ``predict_proba(X)`` is called, and only once, so no row of ``X`` can reach the
    model's calibration or threshold. On an event table the unit is the snapshot, the
    first row of each student, course and partition, however many rows the day has; all
    rows of a snapshot must have the same label. On any other table the unit is the row.

    The snapshots of a student are correlated, and intervals that treat them as
    independent would be too narrow. The intervals therefore come from a bootstrap that
    resamples students with all their snapshots [1]_. An undefined metric, such as the
    ROC AUC of one class, is NaN.

    Parameters
    ----------
    model : estimator
        A fitted binary classifier, such as `RiskClassifier` or a fitted pipeline. A
        student is flagged at and above ``model.threshold_``, or 0.5 without one.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        An event table, its columns named as the model's steps read them, or any
        table that the model takes.
    y : array-like of shape (n_rows,)
        The labels, in the classes of the model.
    groups : array-like of shape (n_rows,), default=None
        Which rows are resampled together. By default the rows of a student if ``X`` has
        the student column, else each row by itself.
    by : str or iterable of str, default=None
        Columns of ``X`` to group by; every metric is also computed for each group.
        Nulls form the group "missing". The values appear in the result, so a column
        that identifies students raises an error.
    k : int or sequence of int, default=(5, 10, 15)
        How many students per course a tutor can help in a day, each at least 1.
    min_count : int, default=30
        Days, courses and groups with fewer students than this, or with one class,
        have NaN figures.
    confidence : float, default=0.95
        Of the intervals, a fraction strictly between 0 and 1.
    n_resamples : int, default=1000
        Number of bootstrap resamples; 0 leaves all intervals NaN. Days, courses and
        groups use at most 200, so that each breakdown takes about as long as the
        overall figures.
    random_state : int, RandomState instance or None, default=0
        Controls the resampling. With an int, the result does not depend on the row
        order.
    fail_label : label, default=None
        The label that means failing. None is the model's own ``fail_label_`` if it has
        one, else the higher of two numbers; text needs one of them.

    Returns
    -------
    evaluation : Evaluation
        The metrics, their intervals, curves and breakdowns; it contains no student ids.

    Raises
    ------
    ValueError
        If ``X`` is empty, ``y`` holds labels other than the model's classes, two rows
        of a snapshot have different ones, the predictions are not probabilities (NaN
        among them), ``by`` is not a column of groups, or a parameter is out of range.

    See Also
    --------
    Evaluation.from_units : Evaluate existing predictions.

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
    options = Options(
        threshold=own_threshold(model),
        by=by,
        k=k,
        min_count=min_count,
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    units = EvaluationUnits.from_estimator(
        model, X, y, groups=groups, fail_label=fail_label
    )
    return Evaluation(**measure(units, options))
