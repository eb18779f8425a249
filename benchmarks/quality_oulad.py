"""What an honest split reports on OULAD, and what a row-random one would claim.

Run: ``python benchmarks/quality_oulad.py FOLDER``. Trained on every presentation
but the last and tested on the last, with no student on both sides; one row per
student and course at each day, of the enrolments that are still open then.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from edml import PeriodSplit, load_oulad, make_risk_pipeline

DAYS = (30, 60, 120)


def one_row_each(X, day):
    """Give the position of each open enrolment's last row up to a day."""
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


def figures(y, score):
    """Give AUC, average precision and Brier score."""
    return (
        roc_auc_score(y, score),
        average_precision_score(y, score),
        brier_score_loss(y, score),
    )


def main(folder):
    """Print the table."""
    write = sys.stdout.write
    write(
        f"{'graded':>8} {'split':>12} {'day':>4} {'n':>6} "
        f"{'AUC':>6} {'AP':>6} {'Brier':>6}\n"
    )
    for grading_days in (0, 14):
        X, y = load_oulad(folder, return_X_y=True, grading_days=grading_days)
        honest_train, honest_test = next(PeriodSplit().split(X, y))
        rows = np.arange(len(X))
        random_train, _ = train_test_split(rows, test_size=0.2, random_state=0)
        splits = {
            "forward": (honest_train, honest_test),
            "row-random": (random_train, honest_test),
        }
        for name, (train, test) in splits.items():
            pipe = make_risk_pipeline().fit(X.iloc[train], y.iloc[train])
            table = X.iloc[test]
            score = pipe.predict_proba(table)[:, 1]
            outcome = y.iloc[test].to_numpy()
            for day in DAYS:
                chosen = one_row_each(table, day)
                if name == "row-random":  # its own test rows, of that presentation
                    chosen = chosen[~np.isin(test[chosen], train)]
                found = figures(outcome[chosen], score[chosen])
                text = " ".join(f"{value:6.3f}" for value in found)
                write(
                    f"{grading_days:>8} {name:>12} {day:>4} {len(chosen):>6} {text}\n"
                )


if __name__ == "__main__":
    main(sys.argv[1])
