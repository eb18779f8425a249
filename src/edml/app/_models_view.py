"""The contents of the models page, as tables and numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from edml.app._models_names import PURPOSES, TEST_SET
from edml.app._words import Words
from edml.inspection import Evaluation
from edml.registry import PRODUCTION, ModelRecord

_HASH = 16  # shown characters, enough to see whether two are equal


@dataclass(frozen=True)
class StoredEvaluation:
    """An evaluation of a version on students who did not decide a contest."""

    version: int
    purpose: str
    evaluated_at: pd.Timestamp
    evaluation: Evaluation


@dataclass(frozen=True)
class Pair:
    """A version's evaluation, and another version's, on the same rows if possible."""

    first: StoredEvaluation | None
    second: StoredEvaluation | None
    n_choosing: int  # evaluations on the students of a contest, which are not shown
    #: Metrics with the columns of `Evaluation.compare`; None where `reason` says why.
    differences: pd.DataFrame | None = None
    reason: Literal["", "not evaluated", "other rows", "no resamples"] = ""


def list_versions(records: pd.DataFrame) -> pd.DataFrame:
    """Return the versions, the champion first, then the newest first."""
    versions = records.copy()
    versions["champion"] = versions["stage"] == PRODUCTION
    versions["evaluated"] = versions["evaluated_at"].notna()
    order = ["champion", "version"]
    return versions.sort_values(order, ascending=False).reset_index(drop=True)


def pair_evaluations(
    version: int,
    evaluations: pd.DataFrame,
    other: int | None = None,
    others: pd.DataFrame | None = None,
) -> Pair:
    """Choose the evaluations of two versions from `ModelRegistry.evaluations`.

    They are the latest on common rows, if there are common rows.
    """
    mine = evaluations[evaluations["fair"].astype(bool)]
    n_choosing = len(evaluations) - len(mine)
    if other is None or others is None:
        return Pair(_latest(version, mine), None, n_choosing)
    theirs = others[others["fair"].astype(bool)]
    shared = set(mine["data_fingerprint"]) & set(theirs["data_fingerprint"])
    if shared:
        mine = mine[mine["data_fingerprint"].isin(shared)]
        rows = mine["data_fingerprint"].iloc[-1]
        theirs = theirs[theirs["data_fingerprint"] == rows]
    first, second = _latest(version, mine), _latest(other, theirs)
    if first is None or second is None:
        return Pair(first, second, n_choosing, reason="not evaluated")
    if not shared:
        return Pair(first, second, n_choosing, reason="other rows")
    if first.evaluation.resamples != second.evaluation.resamples or not (
        first.evaluation.resamples
    ):
        return Pair(first, second, n_choosing, reason="no resamples")
    confidence = first.evaluation.confidence
    table = first.evaluation.compare(second.evaluation, confidence=confidence)
    return Pair(first, second, n_choosing, table)


def _latest(version: int, fair: pd.DataFrame) -> StoredEvaluation | None:
    if not len(fair):
        return None
    row = fair.iloc[-1]
    return StoredEvaluation(
        version, str(row["purpose"]), row["evaluated_at"], row["evaluation"]
    )


def read_interval(intervals: Any, name: str) -> tuple[float | None, float | None]:
    """Return the ends of a metric's interval in `ModelRegistry.records`."""
    if not isinstance(intervals, Mapping):  # stored by an earlier edml
        return None, None
    low, high = intervals.get(name) or (None, None)
    return low, high


def write_time(when: Any) -> str:
    """Format a time in UTC, independent of the language; "" if missing."""
    return "" if pd.isna(when) else f"{pd.Timestamp(when):%Y-%m-%d %H:%M} UTC"


def describe_data(
    record: ModelRecord, stored: StoredEvaluation | None, words: Words
) -> dict[str, str]:
    """Return the known facts about a version's training and evaluation data."""
    training = record.training or {}
    facts: dict[str, Any] = {
        words("Algorithm"): record.algorithm,
        words("Flags from this probability up"): words.percent(record.threshold),
        words("Stored"): write_time(record.created_at),
        words("Made from version"): record.parent,
        words("Rows it was trained on (SHA-256)"): _short(record.data_fingerprint),
        words("Split plan for calibration and threshold (hash)"): _short(
            record.split_plan_hash
        ),
        words("Folds of that plan, by student"): _written(training.get("cv")),
        words("Calibration"): training.get("calibration"),
        words("Threshold rule"): _written(training.get("threshold")),
        words("Rows the threshold was chosen on (SHA-256)"): _short(
            record.threshold_fingerprint
        ),
    }
    if stored is not None:
        evaluation = stored.evaluation
        rows = words("Rows it was evaluated on: the test set (SHA-256)")
        counts = evaluation.counts | {
            "n_courses": len(evaluation.by_course) or None,
            "n_partitions": len(evaluation.by_partition) or None,
        }
        facts |= {
            rows: _short(evaluation.data_fingerprint),
            words("Evaluated"): write_time(stored.evaluated_at),
            words("Evaluated for"): words(PURPOSES[stored.purpose]),
            **{words(text): counts.get(name) for name, text in TEST_SET.items()},
        }
    return {
        name: words.number(fact) if isinstance(fact, int) else str(fact)
        for name, fact in facts.items()
        if fact not in (None, "")
    }


def _short(digest: str | None) -> str | None:
    return None if digest is None else digest[:_HASH]


def _written(value: Any) -> str | None:
    """Format a parameter from a record, which may be a nested dict."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_written(one)}" for name, one in value.items())
    return None if value is None else str(value)
