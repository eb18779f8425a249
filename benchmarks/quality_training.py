"""Thinning, balancing and the learners' defaults, measured on both data sets.

Run: ``python benchmarks/quality_training.py [--oulad FOLDER]``. On the shipped sample,
five student folds are pooled, and the figures are means over three divisions. On OULAD
the model is trained on 2013B and validated on 2013J, with no student on both sides;
2014B stays unseen. Each snapshot counts once, and times are processor times.
"""

import argparse
import sys
import time

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from xgboost import XGBClassifier

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
LIBRARY = {  # the same learners with their libraries' defaults
    "lightgbm": LGBMClassifier(random_state=0, n_jobs=1, verbosity=-1),
    "xgboost": XGBClassifier(random_state=0, n_jobs=1),
    "random_forest": RandomForestClassifier(random_state=0, n_jobs=1),
}


def judge(features, y, divisions, pipe):
    """Return mean AUC, average precision, Brier score, and seconds of fitting."""
    found = []
    for splits in divisions:
        scores, outcomes, taken = [], [], 0.0
        for train, test in splits:
            after = clone(pipe[2:])  # the features are precomputed
            start = time.process_time()
            after.fit(features.iloc[train], y.iloc[train])
            taken += time.process_time() - start
            snapshots, outcome = SnapshotSampler().fit_resample(
                features.iloc[test], y.iloc[test]
            )
            scores.append(after.predict_proba(snapshots)[:, 1])
            outcomes.append(outcome)
        score, outcome = np.concatenate(scores), np.concatenate(outcomes)
        found.append(
            (
                roc_auc_score(outcome, score),
                average_precision_score(outcome, score),
                brier_score_loss(outcome, score),
                taken,
            )
        )
    return np.mean(found, axis=0)


def read_sets(folder):
    """Yield the features, the outcome and the divisions of each data set."""
    X, y = load_activity(return_X_y=True)
    divisions = [
        list(StudentKFold(5, random_state=seed).split(X, y)) for seed in range(3)
    ]
    yield "sample", FeatureEngineer().fit_transform(X), y, divisions
    if folder:
        X, y = load_oulad(folder, return_X_y=True)
        known = X["periodo"].isin(["01-2013", "02-2013"]).to_numpy()
        X, y = X[known], y[known]
        divisions = [list(PeriodSplit().split(X, y))]
        yield "oulad", FeatureEngineer().fit_transform(X), y, divisions


def show(label, found, last=""):
    """Print one line of a table."""
    sys.stdout.write(
        f"{label:<24} " + " ".join(f"{value:.3f}" for value in found[:3]) + f"{last}\n"
    )
    sys.stdout.flush()


def main(folder=None):
    """Print the tables."""
    write = sys.stdout.write
    lowered = worse = trials = 0
    for name, features, y, divisions in read_sets(folder):
        write(f"\n{name}: every, AUC, AP, Brier, fitting time over that of every=1\n")
        whole = None
        for every in (1, 2, 3, 5, 7, 10, 14):
            found = judge(features, y, divisions, make_risk_pipeline(every=every))
            whole = whole or found[3]
            show(f"every={every}", found, f" {found[3] / whole:.2f}")
        write(f"\n{name}: learner and balance, AUC, AP, Brier\n")
        for learner in LEARNERS:
            plain = None
            for balance in (None, "over", "under", "smote"):
                pipe = make_risk_pipeline(learner, balance=balance)
                found = judge(features, y, divisions, pipe)
                show(f"{learner} {balance}", found)
                if plain is None:
                    plain = found
                else:
                    trials += 1
                    lowered += found[1] < plain[1]
                    worse += found[2] > plain[2]
            found = judge(features, y, divisions, make_risk_pipeline(LIBRARY[learner]))
            show(f"{learner} as its library", found)
    write(
        f"\nBalancing lowered average precision in {lowered} of {trials} trials, and "
        f"made the Brier score worse in {worse}.\n"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oulad", metavar="FOLDER", default=None)
    main(parser.parse_args().oulad)
