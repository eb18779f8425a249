"""Thinning, balancing and learners: average precision and AUC on both data sets.

Run: ``python benchmarks/quality_training.py [FOLDER]``. On the shipped sample five
student folds are pooled; on OULAD (FOLDER) the model is trained on 2013B and
validated on 2013J, with no student on both sides: 2014B stays unseen.
"""

import sys
import time

import numpy as np
from sklearn.base import clone
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from edml import (
    FeatureEngineer,
    PeriodSplit,
    SnapshotSampler,
    StudentKFold,
    load_activity,
    load_oulad,
    make_risk_pipeline,
)

LEARNERS = ("lightgbm", "xgboost", "random_forest")


def judge(features, y, splits, pipe):
    """Give AUC, average precision, Brier and fitting seconds over the splits."""
    after = clone(pipe[2:])  # the features are ready
    scores, outcomes, taken = [], [], 0.0
    for train, test in splits:
        start = time.perf_counter()
        after.fit(features.iloc[train], y.iloc[train])
        taken += time.perf_counter() - start
        snapshots, outcome = SnapshotSampler().fit_resample(
            features.iloc[test], y.iloc[test]
        )
        scores.append(after.predict_proba(snapshots)[:, 1])
        outcomes.append(outcome)
    score, outcome = np.concatenate(scores), np.concatenate(outcomes)
    return (
        roc_auc_score(outcome, score),
        average_precision_score(outcome, score),
        brier_score_loss(outcome, score),
        taken,
    )


def main(folder=None):
    """Print the tables."""
    X, y = load_activity(return_X_y=True)
    sets = {"sample": (X, y, list(StudentKFold(5, random_state=0).split(X, y)))}
    if folder:
        X, y = load_oulad(folder, return_X_y=True)
        known = X["periodo"].isin(["01-2013", "02-2013"]).to_numpy()
        X, y = X[known], y[known]
        sets["oulad"] = (X, y, list(PeriodSplit().split(X, y)))
    write = sys.stdout.write
    for name, (X, y, splits) in sets.items():
        features = FeatureEngineer().fit_transform(X)
        write(f"\n{name}: every, AUC, AP, Brier, fitting time over every=1\n")
        whole = None
        for every in (1, 2, 3, 5, 7, 10):
            pipe = make_risk_pipeline(every=every)
            *found, taken = judge(features, y, splits, pipe)
            whole = whole or taken
            text = " ".join(f"{value:6.3f}" for value in found)
            write(f"{every:>3} {text} {taken / whole:6.2f}\n")
        write(f"\n{name}: learner, balance, AUC, AP, Brier\n")
        for learner in LEARNERS:
            for balance in (None, "over", "under", "smote"):
                pipe = make_risk_pipeline(learner, balance=balance, every=5)
                *found, _ = judge(features, y, splits, pipe)
                text = " ".join(f"{value:6.3f}" for value in found)
                write(f"{learner:>14} {balance!s:>6} {text}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
