"""What to show a model on OULAD, chosen on 2013 only.

Run: ``python benchmarks/quality_choice.py FOLDER``. Each set of features is scored on
the two splits of quality_signals.py that 2013 allows, *forward* and *students*. The
set with the fewest columns is chosen of those, without the calendar, whose mean AUC is
within 0.001 of the highest. This rule was written down after the run on 2014B, for
which "bands" had been chosen on smaller trees. 2014B takes no part. To be quick, trees
are half as many and learn twice as fast.

*calendar* is the timetable of a course, as published before it begins: the shares of
its assignments and of their weight that are due so far, the share of its days that is
over, its length, the days to the next due day and the weight due then, the days since
the last due day, the first due day, and the marks in hand as shares of all weight and
of the weight due.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from quality_signals import DAYS, Sides, sides_of_2013, write
from sklearn.metrics import roc_auc_score

from edml import make_risk_pipeline

SETS = (
    "progress",
    "progress, course",
    "progress, calendar",
    "progress, static",
    "progress, static, protected",
    "progress, static, bands",
    "progress, static, bands, course",
    "progress, static, bands, calendar",
)
QUICK = {"n_estimators": 150, "learning_rate": 0.06, "num_leaves": 15, "max_bin": 63}
COURSE = ["code_module", "code_presentation"]


def read_calendars(folder):
    """Return the due days, the weights and the length of each course."""
    table = pd.read_csv(Path(folder) / "assessments.csv")
    table = table[(table["assessment_type"] != "Exam") & table["date"].notna()]
    lengths = pd.read_csv(Path(folder) / "courses.csv").set_index(COURSE)
    found = {}
    for course, own in table.sort_values("date").groupby(COURSE):
        weight = own["weight"].to_numpy(dtype=float)
        if weight.sum() == 0:  # unknown: the features take 10 percent, too
            weight = np.full(len(weight), 10.0)
        length = lengths.loc[course, "module_presentation_length"]
        found["-".join(course)] = own["date"].to_numpy(dtype=float), weight, length
    return found


def describe_calendar(features, calendars):
    """Return the features of the calendar on the day of each row."""
    parts = []
    for course, own in features.groupby("course_uuid"):
        days, weight, length = calendars[course]
        day, total = own["particion"].to_numpy(), weight.sum()
        n_due = np.searchsorted(days, day, side="right")
        coming, past = np.append(days, np.nan)[n_due], np.append(np.nan, days)[n_due]
        next_weight = np.where(days == coming[:, np.newaxis], weight, 0).sum(axis=1)
        marks, due = own["marks_in_hand"], own["weight_due"]
        columns = {
            "share_due": n_due / len(days),
            "weight_share_due": np.append(0, weight.cumsum())[n_due] / total,
            "share_over": day / length,
            "length": float(length),
            "days_to_next_due": coming - day,
            "next_weight": 100 * next_weight / total,
            "days_since_last_due": day - past,
            "first_due": days[0],
            "marks_of_all": 100 * marks / total,
            "marks_of_due": 100 * marks / due.where(due > 0),
        }
        parts.append(pd.DataFrame(columns, index=own.index))
    return pd.concat(parts).loc[features.index]


class Candidates(Sides):
    """The features of all sets, with the calendar."""

    def __init__(self, folder):
        super().__init__(folder, held_back=False)
        calendars = read_calendars(folder)
        self.sides = []
        for table in (self.train, self.test):
            numbered = table.reset_index(drop=True)
            self.sides.append((numbered, describe_calendar(numbered, calendars)))

    def shown(self, side, name):
        """Return the features of a set, without keys."""
        table, calendar = self.sides[side]
        wanted = self.columns(name.replace(", calendar", ""))
        found = table[wanted].drop(columns=["user_uuid", "course_uuid"])
        return pd.concat([found, calendar], axis=1) if "calendar" in name else found

    def find_auc(self, name, train, test):
        """Return the AUC on each of the days."""
        trees = make_risk_pipeline()[-1].set_params(**QUICK)
        trees.fit(self.shown(0, name)[train], self.y[train])
        score = trees.predict_proba(self.shown(1, name))[:, 1]
        rows = [test & (self.day == day) for day in DAYS]
        return [roc_auc_score(self.y_true[row], score[row]) for row in rows]


def main(folder):
    """Print the figures of each set, and their mean."""
    sides = Candidates(folder)
    splits = [*sides_of_2013(sides)]
    write(f"{'':<33} {' '.join(f'{name:<20}' for name, *_ in splits)} mean")
    for name in SETS:
        found = [sides.find_auc(name, train, test) for _, train, test in splits]
        figures = " ".join(f"{auc:.4f}" for auc in np.ravel(found))
        write(f"{name:<33} {figures} {np.mean(found):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="FOLDER")
    main(parser.parse_args().folder)
