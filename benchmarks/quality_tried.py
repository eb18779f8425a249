"""What was tried for a higher AUC on OULAD, on 2013 only: peers, learners, formulas.

Run: ``python benchmarks/quality_tried.py FOLDER --part NAME``. Splits are those of
quality_choice.py, with all three folds of *students*, whose scores are pooled. Each
candidate is compared with the same model without it, with 95 % intervals from drawing
the evaluated students for peers. Trees are half as many and learn twice as fast.

peers
    For each student, course and day, among the students still enrolled: the ranks of
    marks in hand, of the shares submitted, of mean and last scores and of missed
    assignments; the deviations of shares and scores from the course's mean, and these
    means; with "full" the ranks of actions and active days, in all and in the last 14
    and 28 days, and the deviation of their logarithms.
context
    The same for the deviations from the course's mean that edml computes itself
    (edml.add_course_context). Added after the run of *peers*, and after a look at one
    fold, in which deviations did as well as ranks.
learners
    Other settings of the trees, the mean of several models, other weights of the
    snapshots, with "progress". To be quick, on one fold of *students*, trained on the
    snapshots up to day 140.
modules
    The AUC of "progress" within each module, with and without peers, and over all if
    the share of each module that fails were known; on the same rows as *learners*.
formulas
    Features beyond "progress": how many assignments were due, submitted, late and
    carried over, and the mean lateness, each group for itself; and the calendar of
    quality_choice.py. On the same rows as *learners*.

The rule was written down before this run, but after a first look at one fold and the
days up to 140: a candidate becomes a default, or part of "progress" or "full", if it
raises the mean AUC of both splits on the three days by more than 0.003, and if no split
loses on any day by more than its interval. Peers need a store of each course's state,
and must pass on each split by itself. What passes is run on 2014B once; if nothing
passes, 2014B is not run again.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from quality_choice import QUICK, Candidates
from quality_signals import DAYS, TRAIN, write
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from edml import StudentKFold, make_risk_pipeline
from edml.metrics import percentile_interval

MARKS = [
    "marks_in_hand",
    "submitted_share",
    "due_score_mean",
    "score_last",
    "missed_n",
]
SHARES = ["submitted_share", "on_time_share", "due_score_mean", "score_last"]
ACTIONS = ["actions_n", "actions_n_14d", "actions_n_28d"]
ACTIONS += ["active_n", "active_n_14d", "active_n_28d"]
COUNTS = {
    "counts": ["due_n", "submitted_n"],
    "lateness": ["late_n", "lateness_mean"],
    "carried": ["carried_over_n"],
}
LEARNERS = {
    "more columns": {"colsample_bytree": 0.6},
    "fewer columns": {"colsample_bytree": 0.15},
    "fewer rows": {"subsample": 0.2},
    "smaller leaves, no penalty": {"min_child_samples": 20, "reg_lambda": 0},
    "larger leaves": {"min_child_samples": 500},
    "31 leaves": {"num_leaves": 31},
    "7 leaves, twice as many": {"num_leaves": 7, "n_estimators": 300},
    "half the rate, twice as many": {"learning_rate": 0.03, "n_estimators": 300},
    "random thresholds": {"extra_trees": True, "n_estimators": 300},
    "255 bins": {"max_bin": 255},
}


def describe_peers(table, *, activity):
    """Return ranks and deviations among the students enrolled on the row's day."""
    keys = [table["course_uuid"], table["particion"]]
    ranked = table[MARKS + ACTIONS * activity]
    logs = np.log1p(table[ACTIONS[:2]]) if activity else table[[]]
    parts = [
        ranked.groupby(keys).rank(pct=True).add_prefix("rank_"),
        table[SHARES].groupby(keys).transform("mean").add_prefix("mean_"),
    ]
    for some in (table[SHARES], logs):
        if len(some.columns):
            own = some - some.groupby(keys).transform("mean")
            parts.append(own.add_prefix("deviation_"))
    return pd.concat(parts, axis=1)


def read_work(folder):
    """Return the assignments of each course, and the submissions with their dates."""
    due = pd.read_csv(Path(folder) / "assessments.csv")
    due = due[(due["assessment_type"] != "Exam") & due["date"].notna()]
    due["course"] = due["code_module"] + "-" + due["code_presentation"]
    sent = pd.read_csv(Path(folder) / "studentAssessment.csv")
    sent = sent.merge(due[["id_assessment", "course", "date"]], on="id_assessment")
    banked = sent["is_banked"] == 1
    late = sent["date_submitted"] - sent["date"]
    return due, pd.DataFrame(
        {
            "seat": sent["id_student"].astype(str) + sent["course"],
            "day": sent["date_submitted"].clip(lower=0).mask(banked, 0),
            "submitted_n": 1,
            "late_n": (late > 0) & ~banked,
            "lateness": late.mask(banked, 0),
            "dated": ~banked,
            "carried_over_n": banked,
        }
    )


def describe_counts(table, work):
    """Return what was due, submitted, late and carried over by the row's day."""
    due, sent = work
    seat = table["user_uuid"].astype(str) + table["course_uuid"].astype(str)
    code = pd.factorize(pd.concat([sent["seat"], seat]))[0]
    sent = sent.assign(code=code[: len(sent)]).sort_values(["code", "day"])
    names = ["submitted_n", "late_n", "lateness", "dated", "carried_over_n"]
    ran = np.vstack([np.zeros(len(names)), sent[names].astype(float).cumsum()])
    key = sent["code"].to_numpy() * 1000.0 + sent["day"].to_numpy()
    own = code[-len(table) :] * 1000.0
    until = np.searchsorted(key, own + table["particion"].to_numpy(), side="right")
    found = ran[until] - ran[np.searchsorted(key, own)]
    found = pd.DataFrame(found, columns=names, index=table.index)
    found["lateness_mean"] = found["lateness"] / found["dated"].where(
        found["dated"] > 0
    )
    days = {c: np.sort(one.to_numpy()) for c, one in due.groupby("course")["date"]}
    found["due_n"] = 0
    for course, one in table.groupby("course_uuid")["particion"]:
        found.loc[one.index, "due_n"] = np.searchsorted(days[course], one, side="right")
    return found


class Tried(Candidates):
    """The features of all sets, and the folds."""

    def __init__(self, folder):
        super().__init__(folder)
        self.work = read_work(folder)
        earlier = (self.train["periodo"] == TRAIN[0]).to_numpy()
        tested, later = self.about["user_uuid"], self.about["periodo"] == TRAIN[1]
        asked = np.isin(self.day, DAYS)
        known = set(self.train["user_uuid"][earlier])
        self.folds = {
            "forward": [(earlier, asked & (later & ~tested.isin(known)).to_numpy())],
            "students": [],
        }
        for rows, _ in StudentKFold(3, random_state=0).split(self.train, self.y):
            train = np.isin(np.arange(len(self.y)), rows)
            left = set(self.train["user_uuid"][~train])
            self.folds["students"].append((train, asked & tested.isin(left).to_numpy()))

    def add(self, name, describe, columns=None):
        """Return the tables of both sides, with further columns."""
        pair = []
        for side, (table, _) in enumerate(self.sides):
            found = [self.shown(side, name)]
            if describe is not None:
                more = describe(table)
                found.append(more if columns is None else more[columns])
            pair.append(pd.concat(found, axis=1).to_numpy(dtype=np.float32))
        return pair

    def score_folds(self, pair, *, weight=None, seeds=(0,), **changed):
        """Return the scores of each split's test rows, NaN elsewhere."""
        weight = np.ones(len(self.y)) if weight is None else weight
        result = {}
        for split, folds in self.folds.items():
            result[split] = np.full(len(self.y_true), np.nan)
            for train, test in folds:
                score = 0
                for seed in seeds:
                    trees = make_risk_pipeline(random_state=seed)[-1]
                    trees = LGBMClassifier(**trees.get_params() | QUICK | changed)
                    rows = train & (weight > 0)
                    trees.fit(pair[0][rows], self.y[rows], sample_weight=weight[rows])
                    score += trees.predict_proba(pair[1][test])[:, 1] / len(seeds)
                result[split][test] = score
        return result

    def measure(self, scores):
        """Return the AUC of each split and day."""
        found = []
        for score in scores.values():
            for day in DAYS:
                rows = ~np.isnan(score) & (self.day == day)
                found.append(roc_auc_score(self.y_true[rows], score[rows]))
        return found

    def compare(self, label, plain, scores):
        """Print the change of each split and day, with intervals, and the mean."""
        both = [np.array(self.measure(one)) for one in (plain, scores)]
        cells = []
        for split, score in scores.items():
            for day in DAYS:
                rows = ~np.isnan(score) & (self.day == day)
                drawn = [self.draw(rows, one[split]) for one in (plain, scores)]
                (first, before), (second, now) = drawn
                low, high = percentile_interval(now["roc_auc"] - before["roc_auc"])
                change = second["roc_auc"] - first["roc_auc"]
                cells.append(f"{change:+.4f} [{low:+.4f}, {high:+.4f}]")
        write(f"{label:<40} {both[1].mean():.4f} {(both[1] - both[0]).mean():+.4f}")
        for split, three in zip(scores, (cells[:3], cells[3:]), strict=True):
            write(f"    {split:<9} {'  '.join(three)}")


def show_peers(tried):
    """Print what peers add to three sets."""
    for name in ("progress", "progress, static", "full, static"):
        plain = tried.score_folds(tried.add(name, None))
        write(f"{name:<40} {np.round(tried.measure(plain), 4)}")
        activity = name.startswith("full")
        pair = tried.add(name, lambda t, a=activity: describe_peers(t, activity=a))
        tried.compare(f"{name}, peers", plain, tried.score_folds(pair))


def show_context(tried):
    """Print what edml's own comparisons with the course add to three sets."""
    for name in ("progress", "progress, static", "full, static"):
        plain = tried.score_folds(tried.add(name, None))
        write(f"{name:<40} {np.round(tried.measure(plain), 4)}")
        pair = tried.add(f"{name}, context", None)
        tried.compare(f"{name}, context", plain, tried.score_folds(pair))


def show_learners(tried):
    """Print what other trees, means and weights do for "progress"."""
    tried.folds = {split: folds[:1] for split, folds in tried.folds.items()}
    pair = tried.add("progress", None)
    day = tried.train["particion"].to_numpy()
    early = (day <= 140).astype(float)
    candidates = {
        "progress": {},
        "another seed": {"seeds": (1,)},
        "mean of 3 models": {"seeds": range(3)},
        "early snapshots weigh more": {"weight": early * 60 / (60 + day)},
        "all snapshots": {"weight": np.ones(len(day))},
    }
    for label, options in (candidates | LEARNERS).items():
        scores = tried.score_folds(pair, **{"weight": early} | options)
        show_mean(tried, label, scores)


def show_modules(tried):
    """Print the AUC within each module, and with the level of each module known."""
    tried.folds = {split: folds[:1] for split, folds in tried.folds.items()}
    early = (tried.train["particion"] <= 140).to_numpy(dtype=float)
    about = tried.about["course_name"].to_numpy(dtype=str)
    for peers in (False, True):
        describe = (lambda t: describe_peers(t, activity=False)) if peers else None
        pair = tried.add("progress", describe)
        scores = tried.score_folds(pair, weight=early)
        label = "progress, peers" if peers else "progress"
        write(f"{label:<16} {np.round(tried.measure(scores), 4)}")
        levelled = {}
        for split, score in scores.items():
            levelled[split] = np.full(len(score), np.nan)
            for day in DAYS:
                cells = []
                for module in np.unique(about):
                    rows = ~np.isnan(score) & (tried.day == day) & (about == module)
                    y_true, own = tried.y_true[rows], score[rows]
                    levelled[split][rows] = set_level(own, y_true.mean())
                    cells.append(f"{module} {roc_auc_score(y_true, own):.3f}")
                write(f"    {split:<9} {day:>4} {'  '.join(cells)}")
        write(f"    level known {np.round(tried.measure(levelled), 4)}")


def set_level(score, mean):
    """Return log-odds of scores, shifted so that the probabilities have a mean."""
    odds = logit(score)
    shift = brentq(lambda step: expit(odds + step).mean() - mean, -20, 20)
    return odds + shift


def show_formulas(tried):
    """Print what further features of the student's own work add to "progress"."""
    tried.folds = {split: folds[:1] for split, folds in tried.folds.items()}
    early = (tried.train["particion"] <= 140).to_numpy(dtype=float)
    for label, columns in COUNTS.items():
        pair = tried.add("progress", lambda t: describe_counts(t, tried.work), columns)
        show_mean(tried, label, tried.score_folds(pair, weight=early))
    pair = tried.add("progress, calendar", None)
    show_mean(tried, "calendar", tried.score_folds(pair, weight=early))


def show_mean(tried, label, scores):
    """Print the AUC of each split and day, and their mean."""
    found = np.array(tried.measure(scores))
    write(f"{label:<28} {found.round(4)} {found.mean():.4f}")


PARTS = {
    "peers": show_peers,
    "context": show_context,
    "modules": show_modules,
    "learners": show_learners,
    "formulas": show_formulas,
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--part", choices=PARTS, action="append")
    given = parser.parse_args()
    sides = Tried(given.folder)
    folds = sides.folds
    for part in given.part or PARTS:
        sides.folds = folds
        PARTS[part](sides)
