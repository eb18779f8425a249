"""What a model is shown, measured forward in time on OULAD.

Run: ``python benchmarks/quality_signals.py FOLDER --part NAME``. Training tables have a
row for everybody on every seventh day, test tables on every thirtieth: one row for each
enrolment that is open on that day, as of its end. Chosen on 2013 only, where *forward*
is trained on 2013B and tested on the other students of 2013J, and *students* tests the
first of three folds of the students of both:

unknown
    What is unknown left out (NaN), or 0.
trees
    Small and large trees, by how many rows fail.
calibration
    Kinds of calibration, learned from three folds of the training students on every
    thirtieth day, with one curve for all days or one for each.
time
    Processor time and peak memory of reading all tables and computing all features.
cold
    A course that the model has not seen: each module left out of training, or not, for
    the same students of a fold.

Run once on 2014B with what was chosen, trained on 2013B and 2013J without the students
of 2014B; the sets of features were written down in a commit before that run:

start
    Training from a student's first exam or assignment on, or from the enrolment on; and
    on which days. *Begun* are the students with an exam or assignment by then.
groups
    What each group of features brings, with calibration by two folds of students.
    Intervals draw the same students for both sides of a change.
context
    The same of the comparisons with the course (edml.add_course_context). The sets were
    written down before the run, which came after all others.
fairness
    What each protected column brings, and whom the list of the 30 % at most risk holds:
    the share flagged of each group, and of those in it who pass (false alarms).
curve
    Fewer training students, drawn by their ids.
"""

import argparse
import resource
import sys
import time

import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from edml import (
    FeatureEngineer,
    HistoryFeatures,
    RiskClassifier,
    StaticColumns,
    StudentKFold,
    add_course_context,
    load_oulad,
    make_risk_pipeline,
)
from edml.classifier import IsotonicCalibrator, SigmoidCalibrator
from edml.feature_extraction import FEATURES, PROGRESS_FEATURES, RELATIVE_FIGURES
from edml.metrics import bootstrap_metrics, percentile_interval, snapshot_metrics
from edml.pipeline import larger_trees
from edml.sampling import EVENT_COUNTS

DAYS = (30, 60, 120)
FIGURES = ("roc_auc", "average_precision", "brier", "calibration_error")
KEYS = ["user_uuid", "course_uuid", "particion"]
TRAIN, TEST = ("01-2013", "02-2013"), "01-2014"
NUMBERS = ["num_of_prev_attempts", "studied_credits", "date_registration"]
EDUCATION = ["highest_education"]
COURSE = ["course_name", "half_year"]
PROTECTED = ["imd_band", "age_band", "gender", "region", "disability"]
#: Deprivation and age as numbers, the lower ends of the bands, and not as categories.
BANDS = ["imd_from", "age_from"]
ALL = StaticColumns(
    NUMBERS + BANDS,
    EDUCATION + COURSE + PROTECTED,
    sensitive_ok=PROTECTED + BANDS,
    fill_value=None,
)
#: The sets of features, and the set that each is compared with.
GROUPS = {
    "classic": None,
    "progress": "classic",
    "progress, course": "progress",
    "progress, static": "progress",
    "progress, static, protected": "progress, static",
    "progress, static, bands": "progress, static",
    "full": "progress",
    "full, static": "progress, static",
    "full, static, protected": "full, static",
    "full, static, bands": "full, static",
    "full, static, protected, course": "full, static, protected",
}
#: The sets that also compare students with their course.
CONTEXTS = {
    "progress": None,
    "progress, context": "progress",
    "progress, static, bands": None,
    "progress, static, bands, context": "progress, static, bands",
    "full": None,
    "full, context": "full",
    "full, static, bands": None,
    "full, static, bands, context": "full, static, bands",
}
RULES = {
    "first_event, every=3": {"start": "first_event", "every": 3},
    "enrolment, every=3": {"every": 3},
    "enrolment, every=7": {},
}


def read(folder, tick_days, **options):
    """Return the table of all three presentations, and the outcomes."""
    X, y = load_oulad(folder, return_X_y=True, tick_days=tick_days, **options)
    X["half_year"] = X["periodo"].str[:2]
    if "imd_band" in X:
        for number, band in zip(BANDS, ("imd_band", "age_band"), strict=True):
            X[number] = X[band].str.extract(r"^(\d+)", expand=False).astype(float)
    return X, y


def read_sides(folder, **options):
    """Return the training and the test table, each with its outcome."""
    X, y = read(folder, 7, **options)
    later, outcome = read(folder, 30, **options)
    tested = (later["periodo"] == TEST).to_numpy()
    later, outcome = later[tested], outcome[tested]
    known = X["periodo"].isin(TRAIN) & ~X["user_uuid"].isin(set(later["user_uuid"]))
    return X[known], y[known], later, outcome


def write(line):
    """Print at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(label, y_true, y_prob):
    """Print one line: the number of rows, the share failing, and the figures."""
    found = snapshot_metrics(y_true, y_prob)
    numbers = " ".join(f"{found[name]:.3f}" for name in FIGURES)
    write(f"{label:<40} {len(y_true):>5} {y_true.mean():.2f} {numbers}")


def snapshots(X, y, every):
    """Return the rows of every so many days, the first one of each snapshot."""
    kept = (X["particion"] % every == 0) & ~X.duplicated(KEYS)
    return kept.to_numpy(), y[kept].to_numpy()


class Sides:
    """The features of all sets, and the rows to train and test on."""

    def __init__(self, folder, *, held_back):
        options = {"activity": True, "static": True}
        if held_back:
            X, y, later, outcome = read_sides(folder, **options)
        else:
            X, y = read(folder, 7, **options)
            later, outcome = read(folder, 30, **options)
            early = later["periodo"].isin(TRAIN).to_numpy()
            later, outcome = later[early], outcome[early]
            early = X["periodo"].isin(TRAIN).to_numpy()
            X, y = X[early], y[early]
        X, later = add_course_context(X), add_course_context(later)
        describe = HistoryFeatures("full", ALL, fill_value=None).fit(X)
        kept, self.y = snapshots(X, y, 7)
        self.train = describe.transform(X)[kept]
        self.train["periodo"] = X["periodo"]
        tested, self.y_true = snapshots(later, outcome, 30)
        self.test = describe.transform(later)[tested]
        self.test["periodo"] = later["periodo"]
        self.about = later[tested]
        self.students = self.about["user_uuid"].to_numpy()
        self.day = self.about["particion"].to_numpy()
        self.idle = (self.test[[*EVENT_COUNTS]].fillna(0) == 0).all(axis=1).to_numpy()

    def columns(self, name):
        """Return the keys and the features of a set."""
        parts = name.split(", ")
        about = {}
        for part, columns in (
            ("static", NUMBERS + EDUCATION),
            ("course", COURSE),
            ("protected", PROTECTED),
            ("bands", BANDS),
        ):
            about |= dict.fromkeys(columns, part in parts)
        about |= {column: column in parts for column in PROTECTED if column in parts}
        chosen = []
        for column in self.train.columns.drop("periodo"):
            origin = column.partition("=")[0]
            relative = column.removeprefix("relative_")
            if origin in about:
                wanted = about[origin]
            elif relative != column:
                compared = RELATIVE_FIGURES[parts[0]]
                wanted = "context" in parts and relative in compared
            elif column in KEYS or column in FEATURES:
                wanted = True
            elif column in PROGRESS_FEATURES:
                wanted = parts[0] != "classic"
            else:
                wanted = parts[0] == "full"
            chosen += [column] * wanted
        return chosen

    def of(self, table, name, *, fill=None):
        """Return the features of a set; by default 0 for the unknown in "classic"."""
        found = table[self.columns(name)]
        fill = name == "classic" if fill is None else fill
        return found.fillna(0) if fill else found

    def score(self, name, rows=None, test=None, *, fill=None):
        """Fit the default pipeline on some rows, without calibration, and score."""
        rows = np.arange(len(self.y)) if rows is None else np.flatnonzero(rows)
        test = np.full(len(self.y_true), True) if test is None else test
        steps = make_risk_pipeline()[2:]
        steps.set_params(**larger_trees(steps, self.y[rows]))
        steps.fit(self.of(self.train.iloc[rows], name, fill=fill), self.y[rows])
        found = np.full(len(test), np.nan)
        after = self.of(self.test[test], name, fill=fill)
        found[test] = steps.predict_proba(after)[:, 1]
        return found

    def draw(self, rows, y_prob):
        """Return AUC and average precision, and those of resamples of the students."""
        given = self.y_true[rows], y_prob[rows]
        draws = bootstrap_metrics(
            *given, self.students[rows], metrics=FIGURES[:2], n_resamples=400
        )
        return snapshot_metrics(*given), draws


def write_change(label, before, now):
    """Print the changes between two results of `draw`, with intervals."""
    found = []
    for figure in FIGURES[:2]:
        low, high = percentile_interval(now[1][figure] - before[1][figure])
        change = now[0][figure] - before[0][figure]
        found.append(f"{change:+.4f} [{low:+.4f}, {high:+.4f}]")
    write(f"    {label} {'  '.join(found)}")


def sides_of_2013(sides):
    """Yield the name, the training rows and the test rows of each split of 2013."""
    earlier = (sides.train["periodo"] == TRAIN[0]).to_numpy()
    known = set(sides.train["user_uuid"][earlier])
    later = (sides.about["periodo"] == TRAIN[1]).to_numpy()
    yield "forward", earlier, later & ~np.isin(sides.students, [*known])
    train, _ = next(iter(StudentKFold(3, random_state=0).split(sides.train, sides.y)))
    kept = np.zeros(len(sides.y), dtype=bool)
    kept[train] = True
    own = set(sides.train["user_uuid"][~kept])
    yield "students", kept, np.isin(sides.students, [*own])


def show_trees(folder):
    """Print the AUC of both sizes of trees, by the number of failing rows."""
    X, y, *_ = read_sides(folder)
    features = HistoryFeatures("progress").fit_transform(X).iloc[:, 2:]
    kept, y = snapshots(X, y, 7)
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


def show_unknown(folder):
    """Print the figures of 0 and of NaN for what is unknown."""
    sides = Sides(folder, held_back=False)
    for side, train, test in sides_of_2013(sides):
        for name in ("classic", "progress", "full, static"):
            both = [sides.score(name, train, test, fill=fill) for fill in (True, False)]
            for day in DAYS:
                rows = test & (sides.day == day)
                for fill, score in zip(("0", "NaN"), both, strict=True):
                    label = f"{side} {name} {day:>4} {fill}"
                    show(label, sides.y_true[rows], score[rows])
                write_change("change", *(sides.draw(rows, score) for score in both))


def calibrated(own, fails, own_day, score, day):
    """Yield the name of each kind of calibration, and the probabilities."""
    yield "none", score
    for name, kind in (
        ("isotonic", IsotonicCalibrator),
        ("sigmoid", SigmoidCalibrator),
    ):
        for by_day in (False, True):
            found = np.empty(len(score))
            for at in np.unique(day):
                units = own_day == at if by_day else np.full(len(own), True)
                y = fails[units]
                counts = {"n_failing": int(y.sum()), "n_passing": int((~y).sum())}
                curve = kind().fit(own[units], y, **counts)
                found[day == at] = curve.predict(score[day == at])
            yield f"{name} by day" if by_day else name, found


def show_calibration(folder):
    """Print the calibration error, the mean error and the Brier score of each kind."""
    sides = Sides(folder, held_back=False)
    seat = (sides.about["user_uuid"] + sides.about["course_uuid"]).to_numpy()
    seats = (sides.train["user_uuid"] + sides.train["course_uuid"]).to_numpy()
    for side, train, test in sides_of_2013(sides):
        score = sides.score("progress", train, test)
        units = np.isin(seat, [*set(seats[train])])
        own = np.full(len(units), np.nan)
        folds = StudentKFold(3, random_state=1)
        for some, _ in folds.split(sides.train[train], sides.y[train]):
            kept = np.flatnonzero(train)[some]
            fitted = np.zeros(len(train), dtype=bool)
            fitted[kept] = True
            left = units & ~np.isin(
                sides.students, [*set(sides.train["user_uuid"][fitted])]
            )
            own[left] = sides.score("progress", fitted, left)[left]
        fails = sides.y_true == 1
        given = own[units], fails[units], sides.day[units], score[test], sides.day[test]
        for name, y_prob in calibrated(*given):
            found = np.full(len(test), np.nan)
            found[test] = y_prob
            for at in DAYS:
                for who, rows in (("", test), (" not begun", test & sides.idle)):
                    here = rows & (sides.day == at)
                    if not 100 < fails[here].sum() < here.sum():
                        continue
                    off = found[here].mean() - fails[here].mean()
                    label = f"{side} {name} {at:>4}{who} {off:+.3f}"
                    show(label, sides.y_true[here], found[here])


def show_time(folder):
    """Print the processor time and the peak memory, so far, of each step."""
    start = time.process_time()
    X, _ = read(folder, 7, activity=True, static=True)
    middle = time.process_time()
    features = HistoryFeatures("full", ALL).fit_transform(X)
    seconds = middle - start, time.process_time() - middle
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    write(f"{len(X):,} rows, {features.shape[1]} columns of features")
    write(f"{seconds[0]:.1f} s to read, {seconds[1]:.1f} s to describe")
    write(f"{gigabytes:.1f} GiB at most")


def show_cold(folder):
    """Print the figures for each module, left out of training and not."""
    sides = Sides(folder, held_back=False)
    *_, (_, train, test) = sides_of_2013(sides)
    own = sides.train["course_uuid"].str.partition("-")[0].to_numpy()
    tested = sides.about["course_name"].to_numpy()
    for name in ("progress", "full, static"):
        seen = sides.score(name, train, test)
        for module in sorted(set(tested)):
            here = test & (tested == module)
            unseen = sides.score(name, train & (own != module), here)
            for day in DAYS:
                rows = here & (sides.day == day)
                for label, score in (("seen", seen), ("unseen", unseen)):
                    show(
                        f"{name} {module} {day:>4} {label} {score[rows].mean():.2f}",
                        sides.y_true[rows],
                        score[rows],
                    )
                both = (sides.draw(rows, score) for score in (seen, unseen))
                write_change("change", *both)


def show_start(folder):
    """Print the figures of each rule, for the students who have begun and not."""
    X, y, later, outcome = read_sides(folder)
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


def show_groups(folder, groups=GROUPS):
    """Print the figures of each set, and what it brings to another set."""
    sides = Sides(folder, held_back=True)
    drawn = {}
    for name, base in groups.items():
        steps = make_risk_pipeline()[2:]
        model = RiskClassifier(steps, cv=2).fit(sides.of(sides.train, name), sides.y)
        y_prob = model.fail_probability(sides.of(sides.test, name))
        for day in np.unique(sides.day[sides.day > 0]):
            rows = sides.day == day
            label = f"{name} {day:>4}"
            show(label, sides.y_true[rows], y_prob[rows])
            idle = rows & sides.idle
            if 0 < sides.y_true[idle].sum() < idle.sum():
                show(f"{label} not begun", sides.y_true[idle], y_prob[idle])
            if day not in DAYS:
                continue
            drawn[name, day] = now = sides.draw(rows, y_prob)
            for other in dict.fromkeys((base, "classic") if base else ()):
                if (other, day) not in drawn:
                    continue
                write_change(f"from {other}:", drawn[other, day], now)


def show_fairness(folder):
    """Print what each protected column brings, and the flags of each group."""
    sides = Sides(folder, held_back=True)
    plain = sides.score("progress, static")
    for column in PROTECTED:
        score = sides.score(f"progress, static, {column}")
        group = sides.about[column].astype(object).fillna("not stated").to_numpy()
        for day in DAYS[:2]:
            rows = sides.day == day
            both = (sides.draw(rows, some) for some in (plain, score))
            write_change(f"{column} {day}:", *both)
            passes = sides.y_true == 0
            flags = [rows & (s >= np.quantile(s[rows], 0.7)) for s in (plain, score)]
            for one in sorted(set(group)):
                own = rows & (group == one)
                numbers = [sides.y_true[own].mean()]
                for some in (own, own & passes):
                    numbers += [flag[some].mean() for flag in flags]
                shares = " ".join(f"{number:.3f}" for number in numbers)
                write(f"    {one:<24} {own.sum():>5} {shares}")


def show_curve(folder):
    """Print the figures by the number of training students."""
    sides = Sides(folder, held_back=True)
    own = sides.train["user_uuid"]
    order = np.random.default_rng(0).permutation(own.unique())
    for name in ("classic", "progress", "full, static"):
        for size in (500, 1000, 2000, 4000, len(order)):
            score = sides.score(name, own.isin(set(order[:size])).to_numpy())
            for day in DAYS:
                rows = sides.day == day
                found, draws = sides.draw(rows, score)
                low, high = percentile_interval(draws["roc_auc"])
                auc = f"{found['roc_auc']:.3f} [{low:.3f}, {high:.3f}]"
                write(f"{name} {day:>4} {size:>6} {auc}")


PARTS = {
    "unknown": show_unknown,
    "trees": show_trees,
    "calibration": show_calibration,
    "time": show_time,
    "cold": show_cold,
    "start": show_start,
    "groups": show_groups,
    "context": lambda folder: show_groups(folder, CONTEXTS),
    "fairness": show_fairness,
    "curve": show_curve,
}


def main(folder, parts):
    """Print the tables."""
    write(f"{'':<40} {'n':>5} fail {' '.join(FIGURES)}")
    for part in parts:
        PARTS[part](folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--part", choices=PARTS, action="append")
    given = parser.parse_args()
    main(given.folder, given.part or PARTS)
