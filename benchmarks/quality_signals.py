"""What a model is shown, measured forward in time on OULAD.

Run: ``python benchmarks/quality_signals.py FOLDER``. Models are trained on 2013B and
2013J without the students of 2014B, and evaluated on 2014B: one row for each enrolment
that is open on days 30, 60 and 120, as of the end of that day. Training tables have a
row for everybody on every seventh day, test tables on every thirtieth.

start
    Training from a student's first exam or assignment on, or from the enrolment on; and
    on which days. *Begun* are the students with an exam or assignment by then.
"""

import argparse
import sys

import numpy as np

from edml import FeatureEngineer, RiskClassifier, load_oulad, make_risk_pipeline
from edml.metrics import snapshot_metrics
from edml.sampling import EVENT_COUNTS

DAYS = (30, 60, 120)
FIGURES = ("roc_auc", "average_precision", "brier", "calibration_error")
TRAIN, TEST = ("01-2013", "02-2013"), "01-2014"
RULES = {
    "first_event, every=3": {"start": "first_event", "every": 3},
    "enrolment, every=3": {"every": 3},
    "enrolment, every=7": {},
}


def read(folder, **options):
    """Return the training and the test table, each with its outcome."""
    X, y = load_oulad(folder, return_X_y=True, tick_days=7, **options)
    later, outcome = load_oulad(folder, return_X_y=True, tick_days=30, **options)
    tested = (later["periodo"] == TEST).to_numpy()
    later, outcome = later[tested], outcome[tested]
    known = X["periodo"].isin(TRAIN) & ~X["user_uuid"].isin(set(later["user_uuid"]))
    return X[known], y[known], later, outcome


def show(label, y_true, y_prob):
    """Print one line: the number of rows, the share failing, and the figures."""
    found = snapshot_metrics(y_true, y_prob)
    numbers = " ".join(f"{found[name]:.3f}" for name in FIGURES)
    sys.stdout.write(f"{label:<34} {len(y_true):>5} {y_true.mean():.2f} {numbers}\n")
    sys.stdout.flush()


def show_start(folder):
    """Print the figures of each rule, for the students who have begun and not."""
    X, y, later, outcome = read(folder)
    engineer = FeatureEngineer().fit(X)
    features, tested = engineer.transform(X), engineer.transform(later)
    tested, first = (
        tested.reset_index(drop=True),
        ~later.reset_index().duplicated(["user_uuid", "course_uuid", "particion"]),
    )
    for rule, options in RULES.items():
        model = RiskClassifier(make_risk_pipeline(**options)[2:]).fit(features, y)
        for day in DAYS:
            rows = np.flatnonzero(first & (tested["particion"] == day))
            y_prob = model.fail_probability(tested.iloc[rows])
            y_true = outcome.iloc[rows].to_numpy()
            begun = (tested.iloc[rows][[*EVENT_COUNTS]] > 0).any(axis=1).to_numpy()
            for who, chosen in (("all", begun | True), ("not begun", ~begun)):
                if 0 < y_true[chosen].sum() < chosen.sum():
                    label = f"{rule} {day:>4} {who}"
                    show(label, y_true[chosen], y_prob[chosen])


PARTS = {"start": show_start}


def main(folder, parts):
    """Print the tables."""
    sys.stdout.write(f"{'':<34} {'n':>5} fail {' '.join(FIGURES)}\n")
    for part in parts:
        PARTS[part](folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--part", choices=PARTS, action="append")
    given = parser.parse_args()
    main(given.folder, given.part or PARTS)
