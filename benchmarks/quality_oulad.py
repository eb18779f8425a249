"""An honest split and a row-random one compared on OULAD.

Run: ``python benchmarks/quality_oulad.py FOLDER``. All splits test on the same rows of
the last presentation: for each day, the latest row of each enrolment that is still open
then. They differ in the training rows:

forward
    The earlier presentations, without the students of the last one.
by student
    All presentations, in five folds of students.
row-random
    All presentations, in five folds of shuffled rows of the feature table: the
    other days of every tested student are in training.

The last lines show the same for a learner that can memorize a student: a forest of
deep trees, with its library's defaults except for the number of trees.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import KFold

from edml import (
    FeatureEngineer,
    PeriodSplit,
    StudentKFold,
    load_oulad,
    make_risk_pipeline,
)

DAYS = (30, 60, 120)


def one_row_each(X, day):
    """Return the position of each open enrolment's last row up to a day."""
    rows = pd.DataFrame(
        {
            "student": X["user_uuid"].to_numpy(),
            "course": X["course_uuid"].to_numpy(),
            "day": X["particion"].to_numpy(),
            "row": np.arange(len(X)),
        }
    )
    last = rows.groupby(["student", "course"])["day"].transform("max")
    shown = rows[(rows["day"] <= day) & (last >= day)].sort_values("day", kind="stable")
    return shown.groupby(["student", "course"])["row"].last().to_numpy()


def predict(features, y, splits, learner):
    """Return each row's score from the model that was not trained on it."""
    score = np.full(len(y), np.nan)
    for train, test in splits:
        pipe = make_risk_pipeline(learner)[2:]  # the features are precomputed
        pipe.fit(features.iloc[train], y.iloc[train])
        score[test] = pipe.predict_proba(features.iloc[test])[:, 1]
    return score


def show(folder, grading_days, name, learner):
    """Print one learner's figures under each split."""
    X, y = load_oulad(folder, return_X_y=True, grading_days=grading_days)
    features = FeatureEngineer().fit_transform(X)  # per history, for all splits
    forward = list(PeriodSplit().split(X, y))
    splits = {
        "forward": forward,
        "by student": StudentKFold(5, random_state=0).split(X, y),
        "row-random": KFold(5, shuffle=True, random_state=0).split(X),
    }
    test = forward[0][1]
    for split, folds in splits.items():
        score = predict(features, y, folds, learner)[test]
        outcome = y.iloc[test].to_numpy()
        for day in DAYS:
            rows = one_row_each(X.iloc[test], day)
            sys.stdout.write(
                f"{name:>11} {grading_days:>6} {split:>10} {day:>4} {len(rows):>5} "
                f"{roc_auc_score(outcome[rows], score[rows]):.3f} "
                f"{average_precision_score(outcome[rows], score[rows]):.3f} "
                f"{brier_score_loss(outcome[rows], score[rows]):.3f}\n"
            )
        sys.stdout.flush()


def main(folder):
    """Print the table."""
    sys.stdout.write("    learner graded      split  day     n   AUC    AP Brier\n")
    show(folder, 0, "default", "lightgbm")
    show(folder, 14, "default", "lightgbm")
    show(folder, 0, "deep forest", RandomForestClassifier(25, random_state=0))


if __name__ == "__main__":
    main(sys.argv[1])
