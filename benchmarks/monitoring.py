"""How often monitoring alarms, rightly and wrongly, and whether its estimates hold.

Run: ``python benchmarks/monitoring.py PART``, for OULAD with ``--oulad FOLDER``. What
follows was written and committed before the parts were run; thresholds of verdicts were
chosen on generated tables of other seeds, and on OULAD's 2013J after training on 2013B.

null
    No shift. One generated table of 1,200 enrolments in 8 courses; a model is trained
    on a third of the students. Again and again, the other students are divided at
    random: one half makes the reference, and the other half is the term. Reported: the
    share of terms with 'look' or 'act', by part, which must be at most 5 %. Each term
    is compared in all its weeks and with its outcomes.
faults
    Faults of the feed, planted in generated terms (20 of them, halves as above) from
    their first day on, and the table cut at the end of each week: milliseconds for
    seconds, grading dates gone, a course with a new name, scores halved, the events of
    the last seven days missing. Reported: the share of terms with 'look' or worse, and
    with 'act', after each week.
concept
    The outcomes of a term, exchanged at random among 20 % or 50 % of its students: the
    features stay, and what they mean changes. Reported: the share of terms with 'look'
    or worse when the outcomes are known.
oulad
    Trained on 2013B and 2013J without the students of 2014B, who are monitored with
    their outcomes: expected and realised ROC AUC and average precision at the end of
    each week, the mean absolute error (at most 0.02), and how often the 95 % interval
    holds the realised figure (at least 0.9). Then the faults as above after weeks 1, 2,
    5 and 10, judged by the part "input".

    This part was run twice: after the first run, which called for action on the term as
    it is, missing values are compared with those of the same week of training, columns
    of dates may be constant, moved features are a reason to look and not to act, and
    the score must also have moved by three points of probability.
time
    400,000 snapshots of generated students, in seconds of wall time with two threads.

NannyML and Evidently are not run beside it.
"""

import argparse
import sys
import time
import warnings

import numpy as np
import pandas as pd

from edml import RiskClassifier, as_of, load_oulad, make_target
from edml.datasets import make_student_activity
from edml.monitoring import make_reference, monitor

STUDENT, COURSE, DAY = "user_uuid", "course_uuid", "particion"
EVENTS = ("nombre_examen", "ass_name", "ass_name_sub")


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--terms", type=int, default=100)
    parser.add_argument("--oulad")
    given = parser.parse_args()
    start = time.perf_counter()
    PARTS[given.part](given)
    say(f"{time.perf_counter() - start:.0f} s")


def say(text):
    sys.stdout.write(f"{text}\n")


def generated():
    """Return a model, and the table of the students that it has not seen."""
    X = make_student_activity(1200, n_courses=8, fail_rate=0.2, random_state=100)
    students = X[STUDENT].unique()
    seen = X[STUDENT].isin(students[::3])
    train = X[seen]
    return RiskClassifier(cv=5).fit(train, make_target(train)), X[~seen]


def halves(X, seed):
    """Divide the students at random: the reference's, and the term's."""
    students = np.sort(X[STUDENT].unique())
    chosen = np.random.default_rng(seed).permutation(students)[: len(students) // 2]
    first = X[STUDENT].isin(chosen)
    return X[first], X[~first]


def null(given):
    model, X = generated()
    found = []
    for seed in range(given.terms):
        old, term = halves(X, seed)
        reference = make_reference(model, old, make_target(old))
        report = monitor(model, term, make_target(term), reference=reference)
        parts = {name: part.verdict for name, part in report.parts.items()}
        found.append({**parts, "all": report.verdict})
    table = pd.DataFrame(found).isin(["look", "act"])
    say(f"{len(table)} terms; share with 'look' or 'act':")
    say(table.mean().to_string())


def milliseconds(X):
    names = [name for name in X if name.endswith("_at")]
    return X.assign(**{name: X[name] * 1000 for name in names})


def no_grading_dates(X):
    return X.assign(s_graded_at=np.nan)


def new_course(X):
    course = X["course_name"].value_counts().index[0]
    return X.assign(
        course_name=X["course_name"].where(X["course_name"] != course, "New")
    )


def halved(X):
    return X.assign(score=X["score"] / 2)


def late(X):
    """Blank the events of each course's last seven days; its ticks stay."""
    last = X.groupby(COURSE)[DAY].transform("max")
    X = X.copy()
    names = [name for name in X if name.startswith(("ass_", "s_", "sub"))]
    names += ["nombre_examen", "nota_parcial", "score", "assignment_id"]
    X.loc[X[DAY] > last - 7, [name for name in names if name in X]] = None
    return X


FAULTS = {
    "none": lambda X: X,
    "milliseconds": milliseconds,
    "no grading dates": no_grading_dates,
    "new course": new_course,
    "scores halved": halved,
    "late feed": late,
}


def faults(given):
    model, X = generated()
    rows = []
    for seed in range(min(given.terms, 20)):
        old, term = halves(X, seed)
        reference = make_reference(model, old, make_target(old))
        for week in (1, 2, 3, 5, 8):
            shown = as_of(term, 7 * week - 1)
            for name, spoil in FAULTS.items():
                report = monitor(
                    model, spoil(shown), reference=reference, n_resamples=100
                )
                rows.append((name, week, report.verdict))
    show_verdicts(rows)


def show_verdicts(rows):
    table = pd.DataFrame(rows, columns=["fault", "week", "verdict"])
    by = table.groupby(["fault", "week"], sort=False)["verdict"]
    for title, wanted in (("look or act", ["look", "act"]), ("act", ["act"])):
        share = by.agg(lambda found, wanted=wanted: found.isin(wanted).mean())
        say(f"share with {title}:\n{share.reset_index().to_string()}")


def concept(given):
    model, X = generated()
    rows = []
    for seed in range(given.terms):
        old, term = halves(X, seed)
        reference = make_reference(model, old, make_target(old))
        outcome = make_target(term)
        keys = term[STUDENT] + term[COURSE]
        of_key = outcome.groupby(keys).first()
        for share in (0.0, 0.2, 0.5):
            random = np.random.default_rng(seed)
            mixed = of_key.copy()
            where = random.random(len(mixed)) < share
            mixed[where] = random.permutation(mixed[where].to_numpy().copy())
            y = keys.map(mixed).to_numpy()
            report = monitor(model, term, y, reference=reference)
            part = report.parts["realised"].verdict
            rows.append((f"{share:.0%} exchanged", 8, part))
    show_verdicts(rows)


def oulad(given):
    X, y = load_oulad(given.oulad, return_X_y=True, grading_days=14)
    is_test = X["periodo"] == "01-2014"
    is_train = X["periodo"].isin(["01-2013", "02-2013"])
    is_train &= ~X[STUDENT].isin(X.loc[is_test, STUDENT])
    model = RiskClassifier(cv=5).fit(X[is_train], y[is_train])
    compare(model, X[is_test], y[is_test])
    rows = []
    for week in (1, 2, 5, 10):
        shown = as_of(X[is_test], 7 * week - 1)
        for name, spoil in FAULTS.items():
            report = monitor(model, spoil(shown), n_resamples=100)
            rows.append((name, week, report.parts["input"].verdict))
            parts = {part: found.verdict for part, found in report.parts.items()}
            codes = [one.code for one in report.parts["input"].signs]
            say(f"{name}, week {week}: {parts} {codes}")
    show_verdicts(rows)


def compare(model, X, y):
    """Print expected beside realised figures, and how well they agree."""
    size = len(model.reference_.to_bytes())
    say(f"reference: {size:,} bytes")
    report = monitor(model, X, y)
    say(report)
    table = report.realised
    for figure in ("roc_auc", "average_precision", "share_failing"):
        one = table[table["figure"] == figure].set_index("week")
        error = (one["expected"] - one["realised"]).abs()
        held = (one["low"] <= one["realised"]) & (one["realised"] <= one["high"])
        say(f"{figure}: mean error {error.mean():.4f}, coverage {held.mean():.3f}")
        say(one[["n_students", "expected", "low", "high", "realised"]].round(3))


def wall_time(given):
    X = make_student_activity(6700, n_courses=20, fail_rate=0.1, random_state=7)
    small = make_student_activity(1000, n_courses=20, fail_rate=0.1, random_state=8)
    model = RiskClassifier(cv=3).fit(small, make_target(small))
    n_snapshots = len(X.drop_duplicates([STUDENT, COURSE, DAY]))
    start = time.perf_counter()
    monitor(model, X)
    say(f"{n_snapshots:,} snapshots: {time.perf_counter() - start:.1f} s")


PARTS = {
    "null": null,
    "faults": faults,
    "concept": concept,
    "oulad": oulad,
    "time": wall_time,
}

if __name__ == "__main__":
    main()
