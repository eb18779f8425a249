"""What another threshold would have flagged on the test side, exactly as recorded."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from edml.inspection import Evaluation
from edml.schema import FloatArray, IntArray

#: The counts of a row of `threshold_table`: by truth, then by flag.
COUNTS = ("passing_unflagged", "passing_flagged", "failing_missed", "failing_flagged")


@dataclass(frozen=True)
class AtThreshold:
    """What one threshold does on the test side.

    Attributes
    ----------
    threshold : float
        The probability at and above which a snapshot is flagged.
    confusion : ndarray of shape (2, 2)
        Snapshots by truth (rows: passes, fails) and by flag (columns: no, yes).
    precision, recall, f1 : float
        NaN where it cannot be told.
    flagged_per_course : float
        Mean number of students of a course who stand flagged on a day; NaN where
        the evaluation was made on a plain table.
    is_own : bool
        Whether it is the threshold that the model has.
    """

    threshold: float
    confusion: IntArray
    precision: float
    recall: float
    f1: float
    flagged_per_course: float
    is_own: bool


def threshold_table(evaluation: Evaluation) -> pd.DataFrame:
    """Give the thresholds for which the evaluation tells every count.

    An evaluation keeps precision, recall and the flagged per course at some 200
    thresholds, and between two of them nobody knows who would be flagged. The counts
    follow from the shares, but for thresholds above the probability of every failing
    snapshot: there recall and precision are 0 however many are flagged. Such a
    threshold is kept only where the ROC curve has it, too.

    Parameters
    ----------
    evaluation : Evaluation
        As it was stored.

    Returns
    -------
    table : DataFrame
        One row per threshold, ascending: threshold, the counts of `COUNTS`,
        precision, recall, f1 and flagged_per_course.
    """
    curve = evaluation.curves["thresholds"]
    n_passing, n_failing = (int(count) for count in evaluation.confusion.sum(axis=1))
    threshold = curve["threshold"].to_numpy(dtype=np.float64)
    precision = curve["precision"].to_numpy(dtype=np.float64)
    recall = curve["recall"].to_numpy(dtype=np.float64)
    caught = np.rint(np.nan_to_num(recall) * n_failing)
    flagged = np.full(len(threshold), np.nan)
    flagged[np.isnan(precision)] = 0
    some = caught > 0
    flagged[some] = np.rint(caught[some] / precision[some])
    # the lowest is at or below every probability
    flagged[:1] = n_passing + n_failing
    own = threshold == evaluation.threshold
    flagged[own] = evaluation.confusion[:, 1].sum()
    unknown = np.isnan(flagged)
    flagged[unknown] = _flagged_by_roc(evaluation, threshold[unknown], n_passing)
    table = pd.DataFrame(
        {
            "threshold": threshold,
            "passing_unflagged": n_passing - (flagged - caught),
            "passing_flagged": flagged - caught,
            "failing_missed": n_failing - caught,
            "failing_flagged": caught,
            "precision": precision,
            "recall": recall,
            "f1": curve["f1"].to_numpy(dtype=np.float64),
            "flagged_per_course": curve["flagged_per_course"].to_numpy(np.float64),
        }
    )
    known = table[~np.isnan(flagged)].reset_index(drop=True)
    return known.astype(dict.fromkeys(COUNTS, "int64"))


def _flagged_by_roc(
    evaluation: Evaluation, thresholds: FloatArray, n_passing: int
) -> FloatArray:
    """Give how many are flagged where no failing one is; NaN where nothing tells."""
    roc = evaluation.curves["roc"]
    known = pd.Series(roc["fpr"].to_numpy(), index=roc["threshold"].to_numpy())
    share = known.reindex(thresholds).to_numpy(dtype=np.float64)
    return np.rint(share * n_passing)


def at_threshold(
    table: pd.DataFrame, threshold: float, own: float | None = None
) -> AtThreshold:
    """Give what the nearest threshold of a table does.

    Parameters
    ----------
    table : DataFrame
        Of `threshold_table`, with a row.
    threshold : float
        The one that is asked for.
    own : float, default=None
        The model's.

    Returns
    -------
    at : AtThreshold
        Its threshold is one of the table's.
    """
    place = nearest(table["threshold"].to_numpy(dtype=np.float64), threshold)
    row = table.iloc[place]
    return AtThreshold(
        threshold=float(row["threshold"]),
        confusion=row[list(COUNTS)].to_numpy(dtype=np.int64).reshape(2, 2),
        precision=float(row["precision"]),
        recall=float(row["recall"]),
        f1=float(row["f1"]),
        flagged_per_course=float(row["flagged_per_course"]),
        is_own=bool(row["threshold"] == own),
    )


def nearest(thresholds: FloatArray, wanted: float) -> int:
    """Give the place of the nearest threshold.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Ascending, one at least.
    wanted : float
        Any number.

    Returns
    -------
    place : int
        Of two that are as near, the lower.
    """
    # the same infinity, of a model that flags nobody, is at no distance
    same = np.flatnonzero(thresholds == wanted)
    if len(same):
        return int(same[0])
    distance = np.abs(thresholds - min(max(wanted, 0.0), 1.0))
    return int(np.argmin(distance))
