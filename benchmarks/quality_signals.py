"""What a model is shown, measured forward in time on OULAD.

Run: ``python benchmarks/quality_signals.py FOLDER``. Models are trained on 2013B and
2013J without the students of 2014B, and evaluated on 2014B: one row for each enrolment
that is open on days 30, 60 and 120, as of the end of that day. Training tables have a
row for everybody on every seventh day, test tables on every thirtieth.

The sets of features were written down before the run on 2014B: the groups below, with
`make_risk_pipeline`'s defaults in a `RiskClassifier`. They and the sizes of trees were
chosen on 2013B and 2013J only (``--part trees``).

start
    Training from a student's first exam or assignment on, or from the enrolment on; and
    on which days. *Begun* are the students with an exam or assignment by then.
groups
    The 44 features ("classic") and more of them: what was due ("progress"), clicks
    ("full"), and columns about the student without protected ones, or with them ("all
    static"). Intervals are of the change from "classic", and draw the same students for
    both. Calibration, like training, sees the days that everybody has.
trees
    Small and large trees, by how many rows fail, trained on 2013B and tested on 2013J,
    and under folds of students of both.
"""

import argparse
import sys

import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from edml import (
    FeatureEngineer,
    HistoryFeatures,
    RiskClassifier,
    StaticColumns,
    StudentKFold,
    load_oulad,
    make_risk_pipeline,
)
from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics
from edml.pipeline import larger_trees
from edml.sampling import EVENT_COUNTS

DAYS = (30, 60, 120)
FIGURES = ("roc_auc", "average_precision", "brier", "calibration_error")
TRAIN, TEST = ("01-2013", "02-2013"), "01-2014"
NUMBERS = ["num_of_prev_attempts", "studied_credits", "date_registration"]
EDUCATION = ["highest_education"]
PROTECTED = ["imd_band", "age_band", "gender", "region", "disability"]
STATIC = StaticColumns(NUMBERS, EDUCATION)
ALL_STATIC = StaticColumns(NUMBERS, EDUCATION + PROTECTED, sensitive_ok=PROTECTED)
GROUPS = {
    "classic": HistoryFeatures("classic"),
    "progress": HistoryFeatures("progress"),
    "progress, static": HistoryFeatures("progress", STATIC),
    "full, static": HistoryFeatures("full", STATIC),
    "full": HistoryFeatures("full"),
    "progress, all static": HistoryFeatures("progress", ALL_STATIC),
    "full, all static": HistoryFeatures("full", ALL_STATIC),
}
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


def snapshots(X, y, days):
    """Return the rows of these days, the first one of each snapshot."""
    keys = ["user_uuid", "course_uuid", "particion"]
    kept = X["particion"].isin(days) & ~X.duplicated(keys)
    return kept.to_numpy(), y[kept].to_numpy()


def show_groups(folder):
    """Print the figures of each set of features, and their change from the first."""
    X, y, later, outcome = read(folder, activity=True, static=True)
    chosen, y_true = snapshots(later, outcome, DAYS)
    tested = later[chosen]
    weekly = (X["particion"] % 7 == 0).to_numpy()
    plain = {}
    for name, transformer in GROUPS.items():
        steps = make_risk_pipeline()[2:]
        features = transformer.fit_transform(X)[weekly]
        after = transformer.transform(later)[chosen]
        model = RiskClassifier(steps, cv=3).fit(features, y[weekly])
        y_prob = model.fail_probability(after)
        empty = (after[[*EVENT_COUNTS]] == 0).all(axis=1).to_numpy()
        for day in DAYS:
            rows = (tested["particion"] == day).to_numpy()
            show(f"{name} {day:>4}", y_true[rows], y_prob[rows])
            idle = rows & empty
            if 0 < y_true[idle].sum() < idle.sum():
                show(f"{name} {day:>4} not begun", y_true[idle], y_prob[idle])
            students = tested["user_uuid"][rows]
            draws = bootstrap_metrics(
                y_true[rows], y_prob[rows], students, metrics=FIGURES
            )
            if name == "classic":
                plain[day] = y_prob[rows], draws
                continue
            before = snapshot_metrics(y_true[rows], plain[day][0])
            now = snapshot_metrics(y_true[rows], y_prob[rows])
            for figure in FIGURES[:3]:
                low, high = percentile_interval(draws[figure] - plain[day][1][figure])
                change = now[figure] - before[figure]
                sys.stdout.write(
                    f"    {figure} {change:+.4f} [{low:+.4f}, {high:+.4f}]\n"
                )
            sys.stdout.flush()


def show_trees(folder):
    """Print the AUC of both sizes of trees, by the number of failing rows."""
    X, y, *_ = read(folder)
    features = HistoryFeatures("progress").fit_transform(X).iloc[:, 2:]
    kept, y = snapshots(X, y, range(0, 400, 7))
    X, features = X[kept], features[kept]
    forward = X["periodo"] == "01-2013"
    again = ~forward & X["user_uuid"].isin(set(X["user_uuid"][forward]))
    folds = next(iter(StudentKFold(5, random_state=0).split(X, y)))
    sides = {
        "forward": (np.flatnonzero(forward), np.flatnonzero(~forward & ~again)),
        "students": folds,
    }
    for side, (train, test) in sides.items():
        students = X["user_uuid"].iloc[train]
        for part in (40, 16, 6, 2, 1):
            some = students.unique()[::part]
            rows = train[students.isin(set(some)).to_numpy()]
            small = make_risk_pipeline()[-1]
            larger = larger_trees(small, np.ones(50_000))
            for name, trees in (("small", {}), ("large", larger)):
                model = clone(small).set_params(**trees)
                model.fit(features.iloc[rows], y[rows])
                score = model.predict_proba(features.iloc[test])[:, 1]
                auc = roc_auc_score(y[test], score)
                sys.stdout.write(f"{side} {y[rows].sum():>7} {name} {auc:.4f}\n")
        sys.stdout.flush()


PARTS = {"start": show_start, "groups": show_groups, "trees": show_trees}


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
