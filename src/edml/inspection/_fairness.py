"""fairness_report: whether a model serves groups of students alike."""

from collections.abc import Hashable
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.utils import check_scalar
from sklearn.utils.validation import column_or_1d

from edml._sklearn import check_aligned
from edml.inspection._fairness_report import FairnessReport
from edml.inspection._groups import read_group
from edml.inspection._options import Options
from edml.inspection._units import EvaluationUnits, own_threshold
from edml.metrics import GROUP_TITLES, bootstrap_groups, percentile_interval
from edml.schema import FloatArray, IntArray

_POWER = 0.8  # of the smallest gap that could be detected
_FEWEST = 5  # failing students, and passing ones, behind a figure of one outcome
_BY_OUTCOME = ("false_alarms", "misses", "roc_auc")


def fairness_report(
    model: Any,
    X: Any,
    y: ArrayLike,
    by: Hashable | ArrayLike,
    *,
    tolerance: float = 0.05,
    groups: ArrayLike | None = None,
    min_count: int = 30,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
    fail_label: Any = None,
) -> FairnessReport:
    """Compare a model's flags and errors between groups of students.

    Each group is compared with all other students: how many are flagged, how many of
    those who pass are flagged (false alarms), how many of those who fail are not
    (misses), whether probabilities are too high or too low, and how well the model
    ranks. Nothing is corrected.

    With few students, a gap may stay hidden. The report therefore has an interval for
    each gap, from resampled students, and the smallest gap that the data would have
    shown. It says "alike" only where a gap larger than ``tolerance`` is ruled out.

    Parameters
    ----------
    model : classifier
        Fitted, with two classes and ``predict_proba``. A student is flagged at and
        above its ``threshold_``, or 0.5 without one.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        Rows that the model was not trained on, as for `evaluate`.
    y : array-like of shape (n_rows,)
        The labels, in the classes of the model.
    by : str or array-like of shape (n_rows,)
        A column of ``X``, or the group of each row, for an attribute that the model
        does not see. Nulls form the group "missing".
    tolerance : float, default=0.05
        The largest gap that is of no importance, a fraction in (0, 1).
    groups : array-like of shape (n_rows,), default=None
        Which rows are resampled together; the rows of a student by default.
    min_count : int, default=30
        Groups of fewer students are not shown. They count among the others.
    confidence : float, default=0.95
        That the intervals of one figure all hold, a fraction in (0, 1). With more than
        two groups, each is wider by Bonferroni's correction.
    n_resamples : int, default=1000
        Number of bootstrap resamples, at least 1.
    random_state : int, RandomState instance or None, default=0
        Controls the resampling.
    fail_label : label, default=None
        The label that means failing. None is the model's own.

    Returns
    -------
    report : FairnessReport

    Raises
    ------
    ValueError
        If fewer than two groups are left, ``by`` identifies students, or a parameter is
        out of range. See `evaluate` for the rest.

    See Also
    --------
    evaluate : All figures by group, with ``by=``.
    edml.metrics.bootstrap_groups : The figures and the resamples.

    Notes
    -----
    The smallest detectable gap is that which an interval would exclude from 0 in 80 %
    of samples of this size: its standard error times the sum of two normal quantiles.

    Not all figures can be alike where groups fail at different rates: a calibrated
    model then has different shares of flags, false alarms and misses [1]_.

    References
    ----------
    .. [1] A. Chouldechova, "Fair prediction with disparate impact", Big Data 5(2),
       2017. https://doi.org/10.1089/big.2016.0047

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.inspection import fairness_report
    >>> from edml.model_selection import student_train_test_split
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = student_train_test_split(
    ...     X, y, test_size=0.4, random_state=0)
    >>> model = make_risk_pipeline().fit(X_train, y_train)
    >>> report = fairness_report(model, X_test, y_test, "periodo", n_resamples=50)
    >>> set(report.table["verdict"]) <= {"differs", "alike", "cannot tell"}
    True
    """
    check_scalar(
        tolerance,
        "tolerance",
        Real,
        min_val=0,
        max_val=1,
        include_boundaries="neither",
    )
    options = Options(
        threshold=own_threshold(model),
        min_count=min_count,
        confidence=confidence,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    units = EvaluationUnits.from_estimator(
        model, X, y, groups=groups, fail_label=fail_label
    )
    codes, labels, name = _read_by(units, by, min_count)
    sizes = _count(units, codes, labels)
    shown = np.flatnonzero(sizes["n_students"] >= min_count)
    codes = _merge_others(codes, shown)
    n_groups = int(codes.max()) + 1
    n_others = len(np.unique(units.students[codes == len(shown)]))
    if n_groups < 2 or (len(shown) < 2 and n_others < min_count):
        message = (
            f"A comparison needs two groups of at least {min_count} students; "
            f"{name!r} has {len(shown)}. Name another column, or lower min_count."
        )
        raise ValueError(message)
    found = bootstrap_groups(
        units.y_true,
        units.y_prob,
        codes,
        units.clusters,
        threshold=options.threshold,
        n_resamples=options.n_resamples,
        random_state=options.random_state,
    )
    # the gaps of two groups are one gap and its mirror image
    each = 1 - (1 - confidence) / (1 if n_groups == 2 else len(shown))
    rows = []
    for place, group in enumerate(shown):
        size = sizes.iloc[group]
        for number, figure in enumerate(GROUP_TITLES):
            draws = found.draws[:, place, number]
            if figure in _BY_OUTCOME and size["fewest"] < _FEWEST:
                draws = np.full_like(draws, np.nan)
            value, rest = found.own[place, number], found.rest[place, number]
            row = _compare(value, rest, draws, each, tolerance)
            rows.append({"group": labels[group], "figure": figure, **row})
    return FairnessReport(
        table=pd.DataFrame(rows),
        groups=sizes.iloc[shown].drop(columns="fewest").reset_index(drop=True),
        by=name,
        n_left_out=len(sizes) - len(shown),
        threshold=float(options.threshold),
        tolerance=float(tolerance),
        confidence=float(confidence),
    )


def _read_by(
    units: EvaluationUnits, by: Any, limit: int
) -> tuple[IntArray, list[str], str]:
    """Return the group of each unit, the groups' labels, and their common name."""
    if isinstance(by, (pd.Series, np.ndarray, list, pd.api.extensions.ExtensionArray)):
        if not isinstance(units.X, pd.DataFrame):
            X = pd.DataFrame(index=range(len(units.row_labels)))
        else:
            X = units.X
        check_aligned(X, by=by)
        name = getattr(by, "name", None) or "group"
        values = pd.Series(column_or_1d(by)).set_axis(X.index)
        kept = X.drop(columns=name, errors="ignore")
        units = replace(units, X=kept.assign(**{str(name): values}))
        by = str(name)
    return *read_group(units, by, limit), str(by)


def _count(units: EvaluationUnits, codes: IntArray, labels: list[str]) -> pd.DataFrame:
    """Count the snapshots and students of each group, and the rarer outcome's."""
    rows = []
    for code, label in enumerate(labels):
        students, fails = units.students[codes == code], units.y_true[codes == code]
        n_failing = len(np.unique(students[fails]))
        rows.append(
            {
                "group": label,
                "n_snapshots": len(students),
                "n_students": len(np.unique(students)),
                "n_failing": n_failing,
                "fewest": min(n_failing, len(np.unique(students[~fails]))),
            }
        )
    return pd.DataFrame(rows)


def _merge_others(codes: IntArray, shown: IntArray) -> IntArray:
    """Return codes from 0 for the shown groups; all others become one more group."""
    place = np.full(int(codes.max()) + 1, len(shown), dtype=np.int64)
    place[shown] = np.arange(len(shown))
    return place[codes]


def _compare(
    value: float, rest: float, draws: FloatArray, confidence: float, tolerance: float
) -> dict[str, Any]:
    """Return a figure of a group and of the others, the gap, and what it shows."""
    low, high = percentile_interval(draws, confidence)
    if np.isnan(low):
        value = rest = np.nan
        detectable = np.nan
    else:
        width = norm.ppf((1 + confidence) / 2) + norm.ppf(_POWER)
        detectable = float(width * np.nanstd(draws, ddof=1))
    verdict = "cannot tell"
    if -tolerance <= low and high <= tolerance:
        verdict = "alike"
    elif low > 0 or high < 0:
        verdict = "differs"
    return {
        "value": value,
        "rest": rest,
        "gap": value - rest,
        "low": low,
        "high": high,
        "detectable": detectable,
        "verdict": verdict,
    }
