"""The effect of other thresholds on the test set, exactly as recorded."""

import numpy as np
import pandas as pd

from edml.inspection import Evaluation
from edml.schema import FloatArray, IntArray

#: The counts of a row of `threshold_table`: by truth, then by flag.
COUNTS = ("passing_unflagged", "passing_flagged", "failing_missed", "failing_flagged")


def threshold_table(evaluation: Evaluation) -> pd.DataFrame:
    """Return the thresholds for which the evaluation holds every count, ascending.

    An evaluation keeps precision and recall at some 200 thresholds. The counts follow
    from these, except above the probability of every failing snapshot: there both are 0
    for any number flagged, and only the ROC curve may show the count.
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
    """Return the number flagged where no failing one is flagged; NaN if unknown."""
    roc = evaluation.curves["roc"]
    known = pd.Series(roc["fpr"].to_numpy(), index=roc["threshold"].to_numpy())
    share = known.reindex(thresholds).to_numpy(dtype=np.float64)
    return np.rint(share * n_passing)


def confusion_at(table: pd.DataFrame, threshold: float) -> IntArray:
    """Return snapshots by outcome (passes, fails) and by flag (no, yes)."""
    row = table[table["threshold"] == threshold].iloc[0]
    return row[list(COUNTS)].to_numpy(dtype=np.int64).reshape(2, 2)
