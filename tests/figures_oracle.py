"""Snapshot metrics as scikit-learn computes them, weights included."""

import math

import numpy as np
from sklearn import metrics as sk


def by_scikit_learn(y, p, threshold, weight=None):
    """Return all metrics but calibration's; NaN as documented."""
    y, p = np.asarray(y, int), np.asarray(p, float)
    seen = np.ones(len(y), bool) if weight is None else np.asarray(weight) > 0
    flag = p >= threshold
    both, fails, flags = 0 < y[seen].mean() < 1, y[seen].any(), flag[seen].any()
    w = {"sample_weight": weight}
    nan = math.nan
    return {
        "roc_auc": sk.roc_auc_score(y, p, **w) if both else nan,
        "average_precision": sk.average_precision_score(y, p, **w) if both else nan,
        "brier": sk.brier_score_loss(y, p, pos_label=1, **w),
        "log_loss": sk.log_loss(y, p, labels=[0, 1], **w),
        "f1": sk.f1_score(y, flag, zero_division=0, **w) if fails else nan,
        "precision": sk.precision_score(y, flag, **w) if flags else nan,
        "recall": sk.recall_score(y, flag, **w) if fails else nan,
        "accuracy": sk.accuracy_score(y, flag, **w),
    }
