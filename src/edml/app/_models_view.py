"""The contents of the models page, as tables and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml.app._models_names import METRICS
from edml.inspection import Evaluation
from edml.metrics import LOSSES
from edml.registry import PRODUCTION, ModelRecord


@dataclass(frozen=True)
class LatestEvaluation:
    """The latest evaluation of a version on students who did not decide a contest."""

    purpose: str
    evaluated_at: pd.Timestamp
    evaluation: Evaluation
    n_choosing: int  # evaluations on the students of a contest, which are not shown


@dataclass(frozen=True)
class Compared:
    """A metric of a version and the average of the others'; NaN where unknown."""

    name: str
    value: float
    low: float
    high: float
    others: float
    better: bool | None  # None where equal or unknown

    @property
    def difference(self) -> float:
        """The value minus the mean of the others."""
        return self.value - self.others


@dataclass(frozen=True)
class Comparison:
    """All metrics of a version, and their reference."""

    metrics: tuple[Compared, ...]
    n_others: int  # versions in the average
    same_rows: bool  # whether these were evaluated on the version's own rows
    n_left_out: int  # versions evaluated on other rows, where some were on the same


def list_versions(records: pd.DataFrame) -> pd.DataFrame:
    """Return the versions, the champion first, then the newest first."""
    versions = records.copy()
    versions["champion"] = versions["stage"] == PRODUCTION
    versions["evaluated"] = versions["evaluated_at"].notna()
    order = ["champion", "version"]
    return versions.sort_values(order, ascending=False).reset_index(drop=True)


def latest_evaluation(evaluations: pd.DataFrame) -> LatestEvaluation | None:
    """Return the latest evaluation of `ModelRegistry.evaluations` to be shown."""
    fair = evaluations[evaluations["fair"]]
    if not len(fair):
        return None
    row = fair.iloc[-1]
    return LatestEvaluation(
        purpose=str(row["purpose"]),
        evaluated_at=row["evaluated_at"],
        evaluation=row["evaluation"],
        n_choosing=int((~evaluations["fair"]).sum()),
    )


def compare(records: pd.DataFrame, version: int, evaluation: Evaluation) -> Comparison:
    """Compare the metrics of a version with the average of the others.

    Metrics on other rows also differ because of the rows. The average therefore covers
    the versions evaluated on the same rows, or all if there are none.
    """
    evaluated = records[records["evaluated_at"].notna()]
    others = evaluated[evaluated["version"] != version]
    same = others[others["evaluated_on"] == evaluation.data_fingerprint]
    chosen = same if len(same) else others
    return Comparison(
        metrics=tuple(_compare(name, evaluation, chosen) for name in METRICS),
        n_others=len(chosen),
        same_rows=bool(len(same)),
        n_left_out=len(others) - len(chosen),
    )


def _compare(name: str, evaluation: Evaluation, others: pd.DataFrame) -> Compared:
    value = float(evaluation.metrics[name])
    low, high = evaluation.intervals.get(name, (np.nan, np.nan))
    mean = float(others[name].mean()) if len(others) else float("nan")
    better = None
    if value != mean and not np.isnan(value - mean):
        better = (value > mean) != (name in LOSSES)
    return Compared(name, value, float(low), float(high), mean, better)


def version_history(history: pd.DataFrame, version: int) -> pd.DataFrame:
    """Return the moves of one version from stage to stage, the newest first."""
    rows = [
        (change.when, change.who, change.what, was, now, change.why)
        for change in history.itertuples(index=False)
        for number, was, now in change.moves
        if number == version
    ]
    columns = ["when", "who", "what", "was", "now", "why"]
    return pd.DataFrame(rows[::-1], columns=columns)


def provenance(record: ModelRecord, latest: LatestEvaluation | None) -> dict[str, Any]:
    """Return the known facts about a version's training and evaluation data."""
    training = record.training or {}
    facts: dict[str, Any] = {
        "created_at": record.created_at,
        "parent": record.parent,
        "trained_on": record.data_fingerprint,
        "split_plan": record.split_plan_hash,
        "folds": _written(training.get("cv")),
        "calibration": training.get("calibration"),
        "threshold_rule": _written(training.get("threshold")),
        "threshold_from": record.threshold_fingerprint,
    }
    if latest is not None:
        evaluation = latest.evaluation
        facts |= {
            "judged_on": evaluation.data_fingerprint,
            "evaluated_at": latest.evaluated_at,
            "purpose": latest.purpose,
            **evaluation.counts,
            "n_courses": len(evaluation.by_course) or None,
            "n_partitions": len(evaluation.by_partition) or None,
        }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _written(value: Any) -> str | None:
    """Format a parameter from a record, which may be a nested dict."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_written(one)}" for name, one in value.items())
    return None if value is None else str(value)
