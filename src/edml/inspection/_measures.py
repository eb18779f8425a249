"""The figures of an Evaluation: of all units, by part, and along the course."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from edml.inspection._contacts import count_contacts
from edml.inspection._curves import make_curves
from edml.inspection._groups import read_group
from edml.inspection._options import Options
from edml.inspection._paired import keep_draws, name_resamples
from edml.inspection._units import EvaluationUnits
from edml.metrics import (
    METRIC_TITLES,
    alert_lead_time,
    flip_rate,
    precision_at_k,
    snapshot_metrics,
)
from edml.schema import COURSE, PARTITION, BoolArray, IntArray

# The parts of a breakdown add up to all units, so 200 resamples of each part take about
# as long as 1,000 of the whole, however many parts there are.
_PART_RESAMPLES = 200
_DTYPES = {
    **dict.fromkeys(["n_snapshots", "n_students", "n_failing"], "int64"),
    **dict.fromkeys([*METRIC_TITLES, "roc_auc_low", "roc_auc_high"], "float64"),
    "enough": "bool",
}


def measure(units: EvaluationUnits, options: Options) -> dict[str, Any]:
    """Compute the fields of an Evaluation."""
    y_true, y_prob = units.y_true, units.y_prob
    flagged = y_prob >= options.threshold
    draws = options.draw(y_true, y_prob, units.clusters)
    by_group = {}
    for column in options.columns:
        codes, labels = read_group(units, column, options.min_count)
        key = pd.Series(labels, name="group", dtype="str")
        by_group[str(column)] = _break_down(units, codes, key, options)
    return {
        "metrics": snapshot_metrics(y_true, y_prob, options.threshold),
        "intervals": options.intervals_of(draws),
        "confidence": float(options.confidence),
        "threshold": float(options.threshold),
        "counts": _count(units),
        "confusion": np.bincount(2 * y_true + flagged, minlength=4).reshape(2, 2),
        "curves": make_curves(units, options),
        "by_group": by_group,
        "data_fingerprint": units.fingerprint(),
        "contacts": count_contacts(units, options.threshold),
        "draws": keep_draws(draws),
        "resamples": name_resamples(units, options),
        **_along_the_course(units, flagged, options),
    }


def _count(units: EvaluationUnits) -> dict[str, int]:
    course = units.course
    return {
        "n_snapshots": len(units.rows),
        "n_histories": 0 if course is None else len(np.unique(course.histories)),
        "n_students": len(np.unique(units.students)),
        "n_failing_students": len(np.unique(units.students[units.y_true])),
        "n_failing_snapshots": int(units.y_true.sum()),
    }


def _along_the_course(
    units: EvaluationUnits, flagged: BoolArray, options: Options
) -> dict[str, Any]:
    """Compute the fields that need snapshots: days, courses, and times of flags."""
    course = units.course
    if course is None:
        none = np.empty(0, dtype=np.int64)
        days, labels = pd.Series(none, name=PARTITION), pd.Series([], name=COURSE)
        return {
            "by_partition": _break_down(units, none, days, options),
            "by_course": _break_down(units, none, labels.astype("str"), options),
            "precision_at_k": _at_k([], []),
            "lead_time": {},
            "flip_rate": np.nan,
        }
    day, days = pd.factorize(course.partitions, sort=True)
    labels = pd.Series(course.labels, name=COURSE, dtype="str")
    by_course = _break_down(units, course.courses, labels, options)
    if course.names is not None:
        by_course.insert(1, "course_name", pd.Series(course.names, dtype="str"))
    history = (course.histories, course.partitions)
    precision = [
        precision_at_k(units.y_true, units.y_prob, course.courses, course.partitions, k)
        for k in options.ks
    ]
    return {
        "by_partition": _break_down(
            units, day, pd.Series(days, name=PARTITION), options
        ),
        "by_course": by_course,
        "precision_at_k": _at_k(options.ks, precision),
        "lead_time": dict(alert_lead_time(units.y_true, flagged, *history)),
        "flip_rate": float(flip_rate(flagged, *history)),
    }


def _at_k(ks: list[int], precision: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"k": ks, "precision": precision})
    return table.astype({"k": "int64", "precision": "float64"})


def _break_down(
    units: EvaluationUnits, codes: IntArray, key: pd.Series, options: Options
) -> pd.DataFrame:
    """Compute the metrics of each part; ``codes`` are positions in ``key``."""
    rows = pd.Series(codes).groupby(codes).indices
    parts = [_measure_part(units, rows[code], options) for code in range(len(key))]
    table = pd.DataFrame(parts, columns=list(_DTYPES)).astype(_DTYPES)
    table.insert(0, str(key.name), key.array)
    return table


def _measure_part(
    units: EvaluationUnits, part: IntArray, options: Options
) -> dict[str, float]:
    y_true, students = units.y_true[part], units.students[part]
    n_students = len(np.unique(students))
    enough = n_students >= options.min_count and 0 < y_true.sum() < len(part)
    figures, low, high = dict.fromkeys(METRIC_TITLES, np.nan), np.nan, np.nan
    if enough:
        y_prob = units.y_prob[part]
        figures = snapshot_metrics(y_true, y_prob, options.threshold)
        fewer = min(options.n_resamples, _PART_RESAMPLES)
        low, high = replace(options, n_resamples=fewer).estimate_intervals(
            y_true, y_prob, units.clusters[part], ["roc_auc"]
        )["roc_auc"]
    return {
        "n_snapshots": len(part),
        "n_students": n_students,
        "n_failing": len(np.unique(students[y_true])),
        **figures,
        "roc_auc_low": low,
        "roc_auc_high": high,
        "enough": bool(enough),
    }
