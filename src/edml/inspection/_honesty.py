"""honesty_report: one pipeline under four ways to split the same table."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import column_or_1d

from edml._messages import coded
from edml._sklearn import (
    HasMethods,
    Interval,
    check_aligned,
    safe_indexing,
    validate_params,
)
from edml.classifier import RiskClassifier
from edml.exceptions import SplitError
from edml.inspection._honesty_report import HonestyReport
from edml.inspection._honesty_splits import Fold, Folds, make_folds
from edml.inspection._units import predict_risk
from edml.metrics import (
    LOSSES,
    bootstrap_metrics,
    percentile_interval,
    snapshot_metrics,
)
from edml.pipeline import make_risk_pipeline, split_per_history
from edml.schema import (
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    Target,
    check_outcomes,
    check_table,
    columns_of,
    factorize_keys,
    first_rows,
    read_target,
    snapshot_codes,
)


@validate_params(
    {
        "pipe": [HasMethods(["fit", "predict_proba"])],
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "test_periods": [Interval(Integral, 1, None, closed="left")],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def honesty_report(
    pipe: Any,
    X: pd.DataFrame,
    y: ArrayLike,
    *,
    n_splits: int = 5,
    test_periods: int = 1,
    metrics: Sequence[str] = ("roc_auc", "average_precision", "brier"),
    confidence: float = 0.95,
    n_resamples: int = 1000,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = 0,
    fail_label: Any = None,
) -> HonestyReport:
    """Compare the figures of one pipeline under four ways to split one table.

    The splits differ in the rows that the pipeline is trained on:

    - *row-random*: folds of shuffled rows of the feature table, so that other days of
      each test student are in training;
    - *by student*: folds of students, see `StudentKFold`;
    - *by course*: folds of courses; students of the test side leave training;
    - *forward*: the earlier periods, see `PeriodSplit`, which is how a model is used.

    All of them are evaluated on the same rows, the first of each snapshot of the last
    periods, by a model that was not trained on them; the predictions of a split's folds
    are pooled. *Optimism* is the difference between the figure of a split and that of
    *forward*; its sign is chosen so that positive values flatter the model. An
    impossible split is left out and noted; without *forward*, all snapshots are
    evaluated, and optimism is measured relative to *by student* or else *by course*.

    Parameters
    ----------
    pipe : classifier
        A pipeline over event tables, a meta-estimator around one (``estimator``), or
        any other classifier. It is cloned, never changed. The leading steps of the
        pipeline that carry edml's per-history mark run once for all folds
        (`edml.testing.is_per_history`); the others are fitted in each fold. If its
        ``random_state`` is None, the report differs from call to call.
    X : DataFrame of shape (n_rows, n_columns)
        An event table.
    y : array-like of shape (n_rows,)
        Two classes; the same within each snapshot.
    n_splits : int, default=5
        Number of folds, at least 2, of all splits except *forward*. If there are fewer
        courses, *by course* has one fold per course.
    test_periods : int, default=1
        Number of periods, the last ones, that are evaluated.
    metrics : sequence of str, default=("roc_auc", "average_precision", "brier")
        Names of `edml.metrics.snapshot_metrics`; those that need a threshold use 0.5.
    confidence : float, default=0.95
        Share of the bootstrap's resamples in an interval, in (0, 1).
    n_resamples : int, default=1000
        Number of resamples. Students are resampled with all their snapshots [1]_, and
        identically for all splits. The intervals reflect the sampling of test students,
        not of training students.
    n_jobs : int, default=None
        Number of folds to train in parallel; None means 1, -1 all processors. The
        result does not depend on it.
    random_state : int, RandomState or None, default=0
        Controls the folds and the resamples.
    fail_label : label, default=None
        The label in ``y`` that means failing. None is that of ``pipe`` if it has one,
        else the higher of two numbers; text needs one of them.

    Returns
    -------
    report : HonestyReport
        The figures of each split and its optimism.

    Raises
    ------
    SplitError
        If ``y`` does not have two classes, or no split that separates students is
        possible.
    TableError
        If ``X`` is not an event table, or a snapshot has two outcomes.
    ValueError
        If a parameter is invalid, ``X`` and ``y`` differ in length, or the classifier
        does not return two probabilities per row.

    See Also
    --------
    edml.model_selection.PeriodSplit : The split to report.

    References
    ----------
    .. [1] Field, C. A. and Welsh, A. H. (2007). Bootstrapping clustered data.
       Journal of the Royal Statistical Society B, 69(3), 369-390.
       :doi:`10.1111/j.1467-9868.2007.00593.x`

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.inspection import honesty_report
    >>> from edml.pipeline import make_risk_pipeline
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X, y = load_activity(return_X_y=True)
    >>> tree = DecisionTreeClassifier(random_state=0)  # memorizes each row
    >>> pipe = make_risk_pipeline(tree, every=10)
    >>> report = honesty_report(pipe, X, y, n_splits=2, n_resamples=100)
    >>> report.table["roc_auc_optimism"].idxmax()
    'row-random'
    """
    wanted = check_metrics(metrics)
    names = columns_of(pipe)
    if fail_label is None:
        fail_label = getattr(pipe, "fail_label", None)
    codes = snapshot_codes(check_table(X), names)
    outcome, target = read_outcome(X, y, codes, fail_label)
    fails = target.fails
    seed = read_seed(random_state)
    found = make_folds(
        X,
        fails,
        names,
        n_splits=n_splits,
        test_periods=test_periods,
        random_state=seed,
    )
    front, rest = part(pipe)
    students = factorize_keys(X[names[STUDENT]])
    score = predict(front, rest, X, outcome, found, students, n_jobs, target.fail_label)
    table = measure(
        {split: values[found.rows] for split, values in score.items()},
        fails[found.rows],
        X[names[STUDENT]].iloc[found.rows],  # ids, so that row order does not matter
        found.reference,
        wanted,
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=seed,
    )
    notes = found.notes
    if front is None and (
        hasattr(rest, "estimator") or len(getattr(rest, "steps", ())) > 1
    ):
        notes = [*notes, _UNMARKED]
    return HonestyReport(
        table, wanted, found.reference, float(confidence), tuple(notes)
    )


_UNMARKED = coded(
    "unmarked_steps",
    "No step at the front of the pipeline is known to treat histories one by one, so "
    "that all steps were fitted in each fold; under 'row-random' they saw a part of "
    "each history. Pass a pipeline, or a wrapper with it as its estimator.",
)


def check_metrics(metrics: Sequence[str]) -> tuple[str, ...]:
    known = list(snapshot_metrics([0, 1], [0.0, 1.0]))
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    unknown = [name for name in names if name not in known]
    if unknown or not names or len(set(names)) < len(names):
        message = (
            f"metrics needs one or more of {known}, each once; found {list(names)}."
        )
        raise ValueError(message)
    return names


def read_seed(random_state: int | np.random.RandomState | None) -> int:
    """Return one seed, so that all splits use the same resamples."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def read_outcome(
    X: pd.DataFrame, y: ArrayLike, codes: IntArray, fail_label: Any
) -> tuple[Any, Target]:
    """Return ``y`` as an array, and its classes."""
    check_aligned(X, y=y)
    try:
        target = read_target(y, fail_label)
    except ValueError as error:
        raise SplitError(str(error)) from None
    check_outcomes(target.fails, *first_rows(codes))
    return pd.Series(column_or_1d(y)).infer_objects().to_numpy(), target


def part(pipe: Any) -> tuple[Any, Any]:
    """Split a pipeline into steps to run once for all folds, or None, and the rest."""
    inner = getattr(pipe, "estimator", None)
    if isinstance(pipe, RiskClassifier) and inner is None:
        inner = make_risk_pipeline(random_state=read_seed(pipe.random_state))
    if isinstance(pipe, Pipeline) or not isinstance(inner, Pipeline):
        return split_per_history(pipe)
    front, rest = split_per_history(inner)
    return front, pipe if front is None else clone(pipe).set_params(estimator=rest)


def predict(
    front: Any,
    rest: Any,
    X: pd.DataFrame,
    y: Any,
    found: Folds,
    students: IntArray,
    n_jobs: int | None,
    fail_label: Any,
) -> dict[str, FloatArray]:
    """Return the score of each evaluated row, for each split; NaN in other rows."""
    table = X if front is None else clone(front).fit_transform(X)
    answers = Parallel(n_jobs=n_jobs)(
        delayed(_run_fold)(rest, table, y, fold, students, fail_label)
        for fold in found.folds
    )
    score = {split: np.full(len(X), np.nan) for split in found.splits}
    for fold, answer in zip(found.folds, answers, strict=True):
        score[fold.split][fold.test] = answer
    return score


def _run_fold(
    rest: Any, table: Any, y: Any, fold: Fold, students: IntArray, fail_label: Any
) -> FloatArray:
    """Train on one side, and score the test rows of the other side."""
    fitted = clone(rest).fit(safe_indexing(table, fold.train), y[fold.train])
    # Keep whole histories, because steps fitted in each fold may read them.
    shown = np.flatnonzero(np.isin(students, students[fold.test]))
    risk = predict_risk(fitted, safe_indexing(table, shown), fail_label)
    return risk[np.searchsorted(shown, fold.test)]


def measure(
    score: dict[str, FloatArray],
    fails: BoolArray,
    students: pd.Series,
    reference: str,
    metrics: tuple[str, ...],
    *,
    confidence: float,
    n_resamples: int,
    random_state: int,
    above: str = "optimism",
) -> pd.DataFrame:
    """Return figures by name, and by how much they are better than the reference's."""
    values = [snapshot_metrics(fails, prob) for prob in score.values()]
    draws = [
        bootstrap_metrics(
            fails,
            prob,
            students,
            metrics=metrics,
            n_resamples=n_resamples,
            random_state=random_state,  # the same resampled students for all splits
        )
        for prob in score.values()
    ]
    first = list(score).index(reference)
    columns: dict[str, Any] = {}
    for name in metrics:
        value = np.array([found[name] for found in values])
        drawn = np.array([found[name] for found in draws])
        sign = -1 if name in LOSSES else 1
        # + 0.0 turns the -0.0 of a loss into 0 for the reference itself
        better = sign * (value - value[first]) + 0.0
        drawn_better = sign * (drawn - drawn[first]) + 0.0
        columns |= _with_interval(name, value, drawn, confidence)
        columns |= _with_interval(f"{name}_{above}", better, drawn_better, confidence)
    columns["n_snapshots"] = [len(fails)] * len(score)
    columns["n_students"] = [students.nunique()] * len(score)
    return pd.DataFrame(columns, index=pd.Index(list(score), name="split"))


def _with_interval(
    name: str, figures: FloatArray, draws: FloatArray, confidence: float
) -> dict[str, Any]:
    """Return three columns; ``draws`` has a row of resamples for each split."""
    ends = np.array([percentile_interval(drawn, confidence) for drawn in draws])
    return {name: figures, f"{name}_low": ends[:, 0], f"{name}_high": ends[:, 1]}
