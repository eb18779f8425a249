"""The curves of an evaluation, each as a table and the numbers that summarize it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from edml.inspection import Evaluation

_N_ROWS = 21  # of a curve's table, short enough for a screen reader


@dataclass(frozen=True)
class Curve:
    """A curve; unknown values are NaN in its summary, an unknown table is empty."""

    name: str
    table: pd.DataFrame
    summary: dict[str, float]  # the numbers of its caption


def make_curves(evaluation: Evaluation) -> dict[str, Curve]:
    """Return the curves of an evaluation by name, in the order of the page."""
    makers: dict[str, Callable[[Evaluation], Curve]] = {
        "roc": _roc,
        "precision_recall": _precision_recall,
        "calibration": _calibration,
        "earliness": _earliness,
        "thresholds": _thresholds,
    }
    return {name: make(evaluation) for name, make in makers.items()}


def thin(table: pd.DataFrame, n_rows: int = _N_ROWS) -> pd.DataFrame:
    """Keep evenly spaced rows of a table, including the first and the last."""
    if len(table) <= n_rows:
        return table.reset_index(drop=True)
    kept = np.linspace(0, len(table) - 1, n_rows).round().astype(np.int64)
    return table.iloc[kept].reset_index(drop=True)


def _roc(evaluation: Evaluation) -> Curve:
    low, high = _interval(evaluation, "roc_auc")
    passing, failing = evaluation.confusion.tolist()
    summary = {
        "area": evaluation.metrics["roc_auc"],
        "low": low,
        "high": high,
        "fpr": _share(passing[1], sum(passing)),
        "tpr": _share(failing[1], sum(failing)),
    }
    return Curve("roc", evaluation.curves["roc"], summary)


def _precision_recall(evaluation: Evaluation) -> Curve:
    low, high = _interval(evaluation, "average_precision")
    counts = evaluation.counts
    summary = {
        "area": evaluation.metrics["average_precision"],
        "low": low,
        "high": high,
        "chance": _share(counts["n_failing_snapshots"], counts["n_snapshots"]),
        "precision": evaluation.metrics["precision"],
        "recall": evaluation.metrics["recall"],
    }
    return Curve("precision_recall", evaluation.curves["precision_recall"], summary)


def _calibration(evaluation: Evaluation) -> Curve:
    table = evaluation.curves["calibration"]
    low, high = _interval(evaluation, "calibration_error")
    summary = {
        "error": evaluation.metrics["calibration_error"],
        "low": low,
        "high": high,
        "highest_given": float(table["mean_predicted"].max()),
        "highest_found": float(table["share_positive"].iloc[-1]),
    }
    return Curve("calibration", table, summary)


def _earliness(evaluation: Evaluation) -> Curve:
    every = evaluation.by_partition
    shown = every[every["enough"]]
    lead = evaluation.lead_time
    columns = ["particion", "n_students", "n_failing"]
    columns += ["roc_auc", "roc_auc_low", "roc_auc_high"]
    summary = {
        "first": float("nan"),
        "at_first": float("nan"),
        "last": float("nan"),
        "at_last": float("nan"),
        "n_left_out": float(len(every) - len(shown)),
        "share_alerted": float(lead.get("share_alerted", np.nan)),
        "lead": float(lead.get("median", np.nan)),
    }
    if len(shown):
        ends = shown.iloc[[0, -1]]
        summary["first"], summary["last"] = ends["particion"].astype(float)
        summary["at_first"], summary["at_last"] = ends["roc_auc"]
    return Curve("earliness", shown[columns].reset_index(drop=True), summary)


def _thresholds(evaluation: Evaluation) -> Curve:
    table = evaluation.curves["thresholds"]
    own = table.loc[table["threshold"] == evaluation.threshold, "flagged_per_course"]
    summary = {
        "threshold": evaluation.threshold,
        "flagged": float(own.iloc[0]) if len(own) else float("nan"),
        **{name: evaluation.metrics[name] for name in ("precision", "recall", "f1")},
    }
    return Curve("thresholds", table, summary)


def _interval(evaluation: Evaluation, name: str) -> tuple[float, float]:
    return evaluation.intervals.get(name, (float("nan"), float("nan")))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
