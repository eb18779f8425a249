"""The figures of an Evaluation: of all units, by part, and along the course."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml.inspection._curves import make_curves
from edml.inspection._groups import read_group
from edml.inspection._units import EvaluationUnits
from edml.metrics import (
    alert_lead_time,
    bootstrap_metrics,
    flip_rate,
    percentile_interval,
    precision_at_k,
    snapshot_metrics,
)
from edml.schema import COURSE, PARTITION, BoolArray, FloatArray, IntArray

# The parts of a breakdown add up to all units, so 200 resamples of each part take about
# as long as 1,000 of the whole, however many parts there are.
_PART_RESAMPLES = 200


@dataclass(frozen=True)
class Options:
    """The checked options of `Evaluation.from_units`; ``evaluate`` documents them."""

    by: Any
    k: int | Sequence[int]
    min_count: int
    confidence: float
    n_resamples: int
    random_state: int | np.random.RandomState | None

    def __post_init__(self) -> None:
        check_scalar(self.min_count, "min_count", Integral, min_val=1)
        check_scalar(self.n_resamples, "n_resamples", Integral, min_val=0)
        check_scalar(
            self.confidence,
            "confidence",
            Real,
            min_val=0,
            max_val=1,
            include_boundaries="neither",
        )
        for k in self.ks:
            check_scalar(k, "k", Integral, min_val=1)

    @property
    def ks(self) -> list[int]:
        """Each k once, in the order given."""
        ks: Any = [self.k] if isinstance(self.k, Integral) else self.k
        return list(dict.fromkeys(ks))

    @property
    def columns(self) -> list[Hashable]:
        """The columns of ``by``; a string or a number is a single name."""
        if self.by is None:
            return []
        if isinstance(self.by, str) or not isinstance(self.by, Iterable):
            return [self.by]
        return list(dict.fromkeys(self.by))


def measure(
    units: EvaluationUnits, threshold: float, options: Options
) -> dict[str, Any]:
    """Compute the fields of an Evaluation."""
    flagged = units.y_prob >= threshold
    by_group = {}
    for column in options.columns:
        codes, labels = read_group(units, column, options.min_count)
        key = pd.Series(labels, name="group", dtype="str")
        by_group[str(column)] = _break_down(units, codes, key, threshold, options)
    return {
        "metrics": snapshot_metrics(units.y_true, units.y_prob, threshold),
        "intervals": _intervals(units, threshold, options),
        "confidence": float(options.confidence),
        "threshold": threshold,
        "counts": _count(units),
        "confusion": np.bincount(2 * units.y_true + flagged, minlength=4).reshape(2, 2),
        "curves": make_curves(
            units,
            threshold,
            options.confidence,
            options.n_resamples,
            options.random_state,
        ),
        "by_group": by_group,
        "data_fingerprint": units.fingerprint(),
        **_along_the_course(units, flagged, threshold, options),
    }


def _intervals(
    units: EvaluationUnits, threshold: float, options: Options
) -> dict[str, tuple[float, float]]:
    if not options.n_resamples:
        names = snapshot_metrics(units.y_true, units.y_prob, threshold)
        return dict.fromkeys(names, (np.nan, np.nan))
    draws = bootstrap_metrics(
        units.y_true,
        units.y_prob,
        units.clusters,
        threshold=threshold,
        n_resamples=options.n_resamples,
        random_state=options.random_state,
    )
    return {
        name: percentile_interval(draws[name].to_numpy(), options.confidence)
        for name in draws
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
    units: EvaluationUnits, flagged: BoolArray, threshold: float, options: Options
) -> dict[str, Any]:
    """Compute the fields that need snapshots: days, courses, and times of flags."""
    course = units.course
    if course is None:
        return {
            "by_partition": _no_breakdown(PARTITION, "int64"),
            "by_course": _no_breakdown(COURSE, "str"),
            "precision_at_k": _at_k([], []),
            "lead_time": {},
            "flip_rate": np.nan,
        }
    days, day = np.unique(course.partitions, return_inverse=True)
    day_key = pd.Series(days, name=PARTITION)
    course_key = pd.Series(course.labels, name=COURSE, dtype="str")
    history = (course.histories, course.partitions)
    precision = [
        precision_at_k(units.y_true, units.y_prob, course.courses, course.partitions, k)
        for k in options.ks
    ]
    return {
        "by_partition": _break_down(units, day, day_key, threshold, options),
        "by_course": _break_down(units, course.courses, course_key, threshold, options),
        "precision_at_k": _at_k(options.ks, precision),
        "lead_time": dict(alert_lead_time(units.y_true, flagged, *history)),
        "flip_rate": float(flip_rate(flagged, *history)),
    }


def _at_k(ks: list[int], precision: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"k": ks, "precision": precision})
    return table.astype({"k": "int64", "precision": "float64"})


# -- breakdowns ---------------------------------------------------------------


def _break_down(
    units: EvaluationUnits,
    codes: IntArray,
    key: pd.Series,
    threshold: float,
    options: Options,
) -> pd.DataFrame:
    """Compute the metrics of each part; ``codes`` are positions in ``key``."""
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.searchsorted(codes[order], np.arange(1, len(key))))
    records = [_measure_part(units, part, threshold, options) for part in parts]
    return _as_table(key, records)


def _measure_part(
    units: EvaluationUnits, part: IntArray, threshold: float, options: Options
) -> dict[str, float]:
    y_true, students = units.y_true[part], units.students[part]
    counts = {
        "n_snapshots": len(part),
        "n_students": len(np.unique(students)),
        "n_failing": len(np.unique(students[y_true])),
    }
    enough = counts["n_students"] >= options.min_count and 0 < y_true.sum() < len(part)
    figures = dict.fromkeys(snapshot_metrics([0], [0.0]), np.nan)
    low = high = np.nan
    if enough:
        figures, low, high = measure_with_interval(
            *(y_true, units.y_prob[part], units.clusters[part], "roc_auc", threshold),
            min(options.n_resamples, _PART_RESAMPLES),
            *(options.random_state, options.confidence),
        )
    limits = {"roc_auc_low": low, "roc_auc_high": high}
    return counts | figures | limits | {"enough": bool(enough)}


def measure_with_interval(
    y_true: BoolArray,
    y_prob: FloatArray,
    clusters: IntArray,
    metric: str,
    threshold: float,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
    confidence: float = 0.95,
) -> tuple[dict[str, float], float, float]:
    """Return all metrics and the interval of one, which is NaN without resamples."""
    figures = snapshot_metrics(y_true, y_prob, threshold)
    if not n_resamples:
        return figures, np.nan, np.nan
    draws = bootstrap_metrics(
        y_true,
        y_prob,
        clusters,
        threshold=threshold,
        metrics=[metric],
        n_resamples=n_resamples,
        random_state=random_state,
    )
    return figures, *percentile_interval(draws[metric], confidence)


def _as_table(key: pd.Series, records: list[dict[str, float]]) -> pd.DataFrame:
    names = list(snapshot_metrics([0], [0.0]))
    dtypes = dict.fromkeys(["n_snapshots", "n_students", "n_failing"], "int64")
    dtypes |= dict.fromkeys([*names, "roc_auc_low", "roc_auc_high"], "float64")
    dtypes["enough"] = "bool"
    table = pd.DataFrame(records, columns=list(dtypes)).astype(dtypes)
    table.insert(0, str(key.name), key.to_numpy())
    return table


def _no_breakdown(name: str, dtype: str) -> pd.DataFrame:
    """Return an empty breakdown: all columns, no rows."""
    return _as_table(pd.Series([], name=name, dtype=dtype), []).astype({name: dtype})
