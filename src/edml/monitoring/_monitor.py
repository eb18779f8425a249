"""monitor: a model on the data of a running term, beside what it was trained on."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import check_aligned, num_samples
from edml.exceptions import MonitoringError, TableError
from edml.ledger import Ledger
from edml.monitoring._drift import judge_drift, measure_drift
from edml.monitoring._input import check_input
from edml.monitoring._lists import read_lists
from edml.monitoring._performance import Draws, estimate, judge_expected, judge_realised
from edml.monitoring._reference import Reference
from edml.monitoring._report import MonitoringReport
from edml.monitoring._signs import (
    ACT,
    CANNOT_TELL,
    LOOK,
    Part,
    Sign,
    make_part,
    make_sign,
)
from edml.monitoring._summary import compute_features, numbers_of, predict_risk
from edml.monitoring._weeks import Weeks, days_of_week, read_weeks
from edml.schema import (
    BoolArray,
    FloatArray,
    check_array_like,
    check_confidence,
    columns_of,
    is_event_table,
    read_outcomes,
)

_COMPLETE = 0.95  # of the students of a course, whose outcomes must be known
_UNKNOWN = 0.5  # of the students, in courses that training did not have


def monitor(
    model: Any,
    X: Any,
    y: ArrayLike | None = None,
    since: float | None = None,
    *,
    reference: Reference | None = None,
    until: float | None = None,
    ledger: Ledger | None = None,
    confidence: float = 0.95,
    n_resamples: int = 400,
    random_state: int | np.random.RandomState | None = 0,
    fail_label: Any = None,
) -> MonitoringReport:
    """Compare a term with what a model was trained on, and say what to do.

    Students are the unit: each counts once in a course and week, with the features
    that it has at the end of the week. Courses are compared with themselves, by name,
    in the same week.

    Parameters
    ----------
    model : classifier
        Fitted, such as `ModelRegistry.load` returns.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The events of the term so far, of students that the model has not seen.
    y : array-like of shape (n_rows,), default=None
        Outcomes as far as they are known, in the classes of the model; null where
        they are not. They count in courses where nearly all are known: students who
        leave are known first, and all of them fail.
    since : float, default=None
        Only compare weeks that end after this day of the course; None compares all.
    reference : Reference, default=None
        From `ModelRegistry.reference` or `make_reference`. None is the model's own
        ``reference_``; without any, only the feed is checked.
    until : float, default=None
        The day that each course should have reached, to notice a feed that is late.
    ledger : Ledger, default=None
        Shows how the lists of these courses moved from week to week and, with ``y``,
        how early failing students were flagged. It asks for a look at most, and cannot
        tell before the first list.
    confidence : float, default=0.95
        Of the intervals, a fraction in (0, 1).
    n_resamples : int, default=400
        Number of draws of students and outcomes, at least 100.
    random_state : int, RandomState instance or None, default=0
        Controls the draws.
    fail_label : label, default=None
        The label that means failing. None is the model's own.

    Returns
    -------
    report : MonitoringReport

    Raises
    ------
    MonitoringError
        If ``X`` is not an event table and the model has no reference, so that there is
        nothing to check, or a ledger is given.
    LedgerError
        If the ledger cannot be read, or ``y`` is given and its key is missing.
    ValueError
        If a parameter is out of range, or ``y`` holds other labels than the model's.

    See Also
    --------
    make_reference : The reference of a model that has none.

    Notes
    -----
    A feature is compared with the reference by Pearson's chi-squared in each course,
    added over the courses. As a student may be in several, the sum is divided by the
    number of courses of a student, which is conservative. The rate of false
    discoveries is controlled by Benjamini and Hochberg's procedure [1]_, in which a
    feature counts by how much the model uses it [2]_.

    Performance is expected only from the calibrated probabilities [3]_: a student
    with 0.3 is counted as 0.3 failing and 0.7 passing. This holds as long as
    probabilities mean what they meant in training, in the same week of the course; no
    estimate without outcomes can notice that the outcomes themselves have changed.
    The intervals draw students, how courses deviate from the calibration, and
    outcomes. Students in courses that training did not have are left out.

    References
    ----------
    .. [1] Benjamini, Y. and Hochberg, Y., "Controlling the false discovery rate",
       Journal of the Royal Statistical Society B 57(1), 1995.
    .. [2] Genovese, C. R., Roeder, K. and Wasserman, L., "False discovery control
       with p-value weighting", Biometrika 93(3), 2006.
       https://doi.org/10.1093/biomet/93.3.509
    .. [3] Garg, S. et al., "Leveraging unlabeled data to predict out-of-distribution
       performance", ICLR 2022. https://arxiv.org/abs/2201.04234

    Examples
    --------
    >>> from edml import RiskClassifier
    >>> from edml.datasets import make_student_activity, make_target
    >>> from edml.monitoring import monitor
    >>> X = make_student_activity(300, fail_rate=0.2, random_state=0)
    >>> model = RiskClassifier(cv=3).fit(X, make_target(X))
    >>> later = make_student_activity(200, fail_rate=0.2, random_state=1)
    >>> report = monitor(model, later.assign(s_graded_at=float("nan")))
    >>> report.verdict, report.parts["input"].signs[0].code
    ('act', 'values-missing')
    """
    check_confidence(confidence)
    check_scalar(n_resamples, "n_resamples", Integral, min_val=100)
    for name, day in (("since", since), ("until", until)):
        if day is not None:
            check_scalar(day, name, Real)
    check_array_like(X)
    check_is_fitted(model)
    if reference is None:
        reference = getattr(model, "reference_", None)
    names = columns_of(model)
    events = is_event_table(X, names)
    if reference is None and not events:
        message = (
            "Expected a model with a reference, or a table of events whose feed can "
            "be checked; found neither. Make one with make_reference, and pass it."
        )
        raise MonitoringError(message)
    if ledger is not None and not events:
        message = (
            "Expected a table of events with the ledger; found another table. Leave "
            "the ledger out."
        )
        raise MonitoringError(message)
    outcome = None if y is None else _read_outcomes(model, X, y, fail_label)
    step = days_of_week(model) if reference is None else reference.step
    parts = {}
    if events:
        parts["input"] = check_input(X, names, step, reference, since, until)
    units = read_weeks(X, names, step)
    if since is not None:
        units = units.take(units.week * step - 1 > since)
    threshold = float(getattr(model, "threshold_", 0.5))
    tables: dict[str, Any] = dict.fromkeys(("drift", "performance", "realised"))
    if reference is None:
        parts |= _cannot_tell("no-reference")
    else:
        try:
            values, score = _score(model, X, units, reference, fail_label)
        except TableError as error:
            parts["input"] = _unreadable(parts.get("input"), error)
            parts |= _cannot_tell("no-scores")
        else:
            known = None if outcome is None else outcome[units.rows]
            draws = Draws(confidence, int(n_resamples), random_state)
            found, tables = _compare(
                units, values, score, threshold, reference, known, draws
            )
            parts = _doubt_feed(parts | found)
    weeks, lead = None, None
    if ledger is not None:
        parts["lists"], weeks, lead = read_lists(ledger, X, names, outcome)
    return MonitoringReport(
        parts=parts,
        **tables,
        counts=_count(units, X),
        threshold=threshold,
        confidence=float(confidence),
        lists=weeks,
        lead_time=lead,
    )


def _compare(
    units: Weeks,
    values: FloatArray,
    score: FloatArray,
    threshold: float,
    reference: Reference,
    outcome: FloatArray | None,
    draws: Draws,
) -> tuple[dict[str, Part], dict[str, pd.DataFrame | None]]:
    """Measure drift and performance; ``outcome`` is NaN where it is unknown.

    Return the parts of the report, and its tables.
    """
    drift = measure_drift(units, np.column_stack([values, score]), reference)
    parts = {"drift": judge_drift(drift)}
    trained = np.isin(units.labels, reference.courses)[units.courses]
    if not trained.any():  # courses without names that come back
        trained[:] = True
    table = estimate(
        units.take(trained), score[trained], threshold, reference, None, draws
    )
    doubts = _doubt(trained, parts["drift"])
    parts["expected"] = judge_expected(table, doubts)
    known, n_known, n_runs = _complete(units, outcome)
    known &= trained
    realised = None
    if outcome is not None and known.any():
        fails = outcome[known] == 1
        realised = estimate(
            units.take(known), score[known], threshold, reference, fails, draws
        )
    parts["realised"] = judge_realised(realised, n_known, n_runs)
    return parts, {"drift": drift, "performance": table, "realised": realised}


def _score(
    model: Any, X: Any, units: Weeks, reference: Reference, fail_label: Any
) -> tuple[FloatArray, FloatArray]:
    """Return the reference's features and the probability of each unit."""
    pipeline = getattr(model, "pipeline_", model)
    features = compute_features(pipeline, X)
    names = columns_of(model)
    columns, values = numbers_of(
        features, names, units.rows, reference.categories or {}
    )
    place = {name: number for number, name in enumerate(columns)}
    missing = [name for name in reference.features if name not in place]
    if missing:
        message = (
            f"Expected the reference of this model; found one with {len(missing)} "
            "features that the model does not compute. Pass the reference of the same "
            "version."
        )
        raise MonitoringError(message)
    chosen = values[:, [place[name] for name in reference.features]]
    return chosen, predict_risk(model, X, features, units.rows, fail_label)


def _read_outcomes(model: Any, X: Any, y: ArrayLike, fail_label: Any) -> FloatArray:
    check_aligned(X, y=y)
    return read_outcomes(model, y, fail_label, nulls=True)


def _complete(units: Weeks, outcome: FloatArray | None) -> tuple[BoolArray, int, int]:
    """Return the units of courses whose outcomes are known, and count the courses."""
    runs = np.unique(units.runs)
    none = np.zeros(len(units.rows), dtype=np.bool_)
    if outcome is None or not len(runs):
        return none, 0, len(runs)
    known = ~np.isnan(outcome)
    pairs = (
        pd.DataFrame({"run": units.runs, "student": units.students, "known": known})
        .groupby(["run", "student"])["known"]
        .max()
    )
    share = pairs.groupby("run").mean()
    complete = share.index[share >= _COMPLETE].to_numpy()
    return known & np.isin(units.runs, complete), len(complete), len(runs)


def _doubt(trained: BoolArray, drift: Part) -> list[Sign]:
    """Return why the expected performance should not be believed."""
    doubts = []
    unknown = float(1 - trained.mean()) if len(trained) else 0.0
    if unknown > _UNKNOWN:
        doubts.append(make_sign("expected-unknown-courses", CANNOT_TELL, share=unknown))
    if drift.verdict in (LOOK, ACT):
        doubts.append(make_sign("expected-after-drift", CANNOT_TELL))
    return doubts


def _doubt_feed(parts: dict[str, Part]) -> dict[str, Part]:
    """Expect nothing of the probabilities where the feed calls for action."""
    if "input" not in parts or parts["input"].verdict != ACT:
        return parts
    sign = make_sign("expected-broken-feed", CANNOT_TELL)
    part = make_part("expected", [*parts["expected"].signs, sign], sign)
    return {**parts, "expected": part}


def _cannot_tell(code: str) -> dict[str, Part]:
    """Return the parts that need scores, all with the same sign."""
    sign = make_sign(code, CANNOT_TELL)
    names = ("drift", "expected", "realised")
    return {name: make_part(name, [sign], sign) for name in names}


def _unreadable(part: Part | None, error: TableError) -> Part:
    sign = make_sign("unreadable", ACT, error=str(error))
    return make_part("input", [*(() if part is None else part.signs), sign], sign)


def _count(units: Weeks, X: Any) -> dict[str, int]:
    return {
        "n_rows": num_samples(X),
        "n_students": len(np.unique(units.students)),
        "n_courses": len(np.unique(units.runs)),
        "last_week": int(units.week.max()) if len(units.week) else 0,
    }
