"""What the models page shows of a registry: tables and figures, and no words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml.inspection import Evaluation
from edml.registry import ModelRecord

#: The headline figures, in the order in which they are shown.
FIGURES = (
    "roc_auc",
    "average_precision",
    "f1",
    "precision",
    "recall",
    "accuracy",
    "brier",
    "log_loss",
    "calibration_error",
)
#: Of these, less is better.
ERRORS = frozenset({"brier", "log_loss", "calibration_error"})
PRODUCTION = "production"

_CHANGE = re.compile(r"(\d+): (\w+) to (\w+)")  # as ModelRegistry.history writes it


@dataclass(frozen=True)
class Judgement:
    """The evaluation that stands for how good a version is.

    Attributes
    ----------
    number : int
        Of the evaluation, among the version's.
    purpose : {"validation", "report"}
        What it was made for.
    evaluated_at : Timestamp
        When.
    evaluation : Evaluation
        All of it.
    n_others : int
        Other evaluations of the version that may be shown.
    n_choosing : int
        Evaluations by which a contest was decided, or on the same rows: not shown.
    """

    number: int
    purpose: str
    evaluated_at: pd.Timestamp
    evaluation: Evaluation
    n_others: int
    n_choosing: int


@dataclass(frozen=True)
class Compared:
    """A figure of a version beside the average of the others'.

    Attributes
    ----------
    name : str
        One of `FIGURES`.
    value : float
        Of the version; NaN where it cannot be told.
    low, high : float
        The ends of its interval; NaN where there is none.
    others : float
        The mean of the others; NaN where there is none.
    better : bool or None
        Whether the version is the better one; None where it cannot be told, or
        where they are equal.
    """

    name: str
    value: float
    low: float
    high: float
    others: float
    better: bool | None

    @property
    def difference(self) -> float:
        """The value less the mean of the others."""
        return self.value - self.others


@dataclass(frozen=True)
class Comparison:
    """All figures of a version, and with whom they are compared.

    Attributes
    ----------
    figures : tuple of Compared
        In the order of `FIGURES`.
    n_others : int
        Versions that the average is of.
    same_rows : bool
        Whether they were judged on the rows that this version was judged on.
    n_left_out : int
        Versions that were judged, but on other rows, where some were on the same.
    """

    figures: tuple[Compared, ...]
    n_others: int
    same_rows: bool
    n_left_out: int


def list_versions(records: pd.DataFrame) -> pd.DataFrame:
    """Give the versions, the newest first and the champion before them.

    Parameters
    ----------
    records : DataFrame
        Of `ModelRegistry.records`.

    Returns
    -------
    versions : DataFrame
        With the columns of records, and ``champion`` and ``judged``: whether it is
        in production, and whether it has figures that may be shown.
    """
    versions = records.copy()
    versions["champion"] = versions["stage"] == PRODUCTION
    versions["judged"] = versions["evaluated_at"].notna()
    order = ["champion", "version"]
    return versions.sort_values(order, ascending=False).reset_index(drop=True)


def latest_judgement(evaluations: pd.DataFrame) -> Judgement | None:
    """Give the latest evaluation by which no contest was decided.

    Parameters
    ----------
    evaluations : DataFrame
        Of `ModelRegistry.evaluations`, of one version.

    Returns
    -------
    judgement : Judgement or None
        None where there is none.
    """
    fair = evaluations[evaluations["fair"]]
    if not len(fair):
        return None
    row = fair.iloc[-1]
    return Judgement(
        number=int(row["number"]),
        purpose=str(row["purpose"]),
        evaluated_at=row["evaluated_at"],
        evaluation=row["evaluation"],
        n_others=len(fair) - 1,
        n_choosing=int((~evaluations["fair"]).sum()),
    )


def compare(
    records: pd.DataFrame,
    version: int,
    evaluation: Evaluation,
    judged_on: Mapping[int, str],
) -> Comparison:
    """Put the figures of a version beside the average of the others.

    Figures on other rows differ by the rows as well. So the average is of those that
    were judged on the same rows, and only where there are none of all.

    Parameters
    ----------
    records : DataFrame
        Of `ModelRegistry.records`.
    version : int
        Which.
    evaluation : Evaluation
        Its own.
    judged_on : mapping of int to str
        The fingerprint of the rows that each version's figures in ``records`` are of.

    Returns
    -------
    comparison : Comparison
        A figure that is NaN for some of the others is averaged over the rest.
    """
    judged = records[records["evaluated_at"].notna()]
    others = judged[judged["version"] != version]
    fingerprints = others["version"].map(dict(judged_on))
    same = others[fingerprints == evaluation.data_fingerprint]
    chosen = same if len(same) else others
    return Comparison(
        figures=tuple(_compare(name, evaluation, chosen) for name in FIGURES),
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
        better = (value > mean) != (name in ERRORS)
    return Compared(name, value, float(low), float(high), mean, better)


def version_history(history: pd.DataFrame, version: int) -> pd.DataFrame:
    """Give the changes that concern one version, the newest first.

    Parameters
    ----------
    history : DataFrame
        Of `ModelRegistry.history`.
    version : int
        Which.

    Returns
    -------
    changes : DataFrame
        One row per change: when, who, what, was, now and why. ``was`` is "new" at
        the first, ``now`` "removed" at the last.
    """
    rows = [
        {
            "when": change.when,
            "who": change.who,
            "what": change.what,
            "was": was,
            "now": now,
            "why": change.why,
        }
        for change in history.itertuples(index=False)
        for number, was, now in read_changes(str(change.changes))
        if number == version
    ]
    columns = ["when", "who", "what", "was", "now", "why"]
    return pd.DataFrame(rows[::-1], columns=columns)


def read_changes(text: str) -> list[tuple[int, str, str]]:
    """Read the changes of one line of the history.

    Parameters
    ----------
    text : str
        As `ModelRegistry.history` writes it.

    Returns
    -------
    changes : list of (int, str, str)
        The version, the stage before and after.
    """
    return [(int(v), was, now) for v, was, now in _CHANGE.findall(text)]


def provenance(record: ModelRecord, judgement: Judgement | None) -> dict[str, Any]:
    """Give what is known of the data and the split that a version was judged on.

    Parameters
    ----------
    record : ModelRecord
        Of the version.
    judgement : Judgement or None
        Its evaluation.

    Returns
    -------
    facts : dict of str to object
        What is not known is left out.
    """
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
    if judgement is not None:
        evaluation = judgement.evaluation
        facts |= {
            "judged_on": evaluation.data_fingerprint,
            "evaluated_at": judgement.evaluated_at,
            "purpose": judgement.purpose,
            **evaluation.counts,
            "n_courses": len(evaluation.by_course) or None,
            "n_partitions": len(evaluation.by_partition) or None,
        }
    return {name: value for name, value in facts.items() if value not in (None, "")}


def _written(value: Any) -> str | None:
    """Write what a record keeps of a parameter, which may be a dict of them."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_written(one)}" for name, one in value.items())
    return None if value is None else str(value)
