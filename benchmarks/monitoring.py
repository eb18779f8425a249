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
    Faults of the feed, planted in terms (halves as above) from their first day on, and
    the table cut at the end of each week: milliseconds for seconds, grading dates gone,
    a course with a new name, scores halved, the events of the last seven days missing.
    Reported: the share of terms with 'look' or worse, and with 'act', after each week.
concept
    The outcomes of a term, exchanged at random among 20 % or 50 % of its students: the
    features stay, and what they mean changes. Reported: the share of terms with 'look'
    or worse when the outcomes are known.
export
    Writes the same terms to the folder ``--to`` for ``monitoring_others.py``, which
    states how NannyML and Evidently are run on them.

With ``--oulad``, these four parts use the first ten weeks of presentation 2013J instead
of generated students: the model is trained on a third of its students, and 2,000 of the
others are divided. The weeks of faults are then 1, 2, 5 and 10.

Planned sizes: null 500 terms, faults 20, concept 60 (NannyML 60 terms without a shift
and 10 with each fault; Evidently 40 and 10, as it takes longest); on OULAD null 60,
faults 8, concept 30 (the two: 20 and 5).

oulad
    Trained on 2013B and 2013J without the students of 2014B, who are monitored with
    their outcomes: expected and realised ROC AUC and average precision at the end of
    each week, the mean absolute error (at most 0.02), and how often the 95 % interval
    holds the realised figure (at least 0.9). Then the faults as above after weeks 1, 2,
    5 and 10, rated by the part "input".

    This part was run twice: after the first run, which called for action on the term as
    it is, missing values are compared with those of the same week of training, columns
    of dates may be constant, moved features are a reason to look and not to act, and
    the score must also have moved by three points of probability.
time
    400,000 snapshots of generated students: seconds of wall and of CPU time, which are
    alike on an idle machine, and the ratio to computing their probabilities alone.

"""

import argparse
import sys
import time
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml import RiskClassifier, as_of, load_oulad, make_target
from edml.datasets import make_student_activity
from edml.exceptions import TableError
from edml.monitoring import make_reference, monitor
from edml.pipeline import split_per_history, strip_samplers

STUDENT, COURSE, DAY = "user_uuid", "course_uuid", "particion"
EVENTS = ("nombre_examen", "ass_name", "ass_name_sub")


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--terms", type=int, default=100)
    parser.add_argument("--oulad", type=Path)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    start = time.perf_counter()
    PARTS[given.part](given)
    say(f"{time.perf_counter() - start:.0f} s")


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Setting(NamedTuple):
    """A model, the students it has not seen, and the weeks of faults."""

    model: RiskClassifier
    X: pd.DataFrame
    y: pd.Series
    weeks: tuple[int, ...]


def prepare(given):
    """Return the setting of the terms: generated, or of OULAD."""
    if given.oulad is not None:
        return real(given.oulad)
    X = make_student_activity(1200, n_courses=8, fail_rate=0.2, random_state=100)
    return train(X, make_target(X), (1, 2, 3, 5, 8))


def real(folder):
    X, y = load_oulad(folder, return_X_y=True, grading_days=14)
    chosen = X["periodo"] == "02-2013"
    early = as_of(X[chosen], 69)
    model, X, y, weeks = train(early, y[early.index], (1, 2, 5, 10))
    some = X[STUDENT].isin(X[STUDENT].unique()[:2000])
    return Setting(model, X[some], y[some], weeks)


def train(X, y, weeks):
    seen = X[STUDENT].isin(X[STUDENT].unique()[::3])
    model = RiskClassifier(cv=5).fit(X[seen], y[seen])
    return Setting(model, X[~seen], y[~seen], weeks)


def halves(X, seed):
    """Divide the students at random: the reference's, and the term's."""
    students = np.sort(X[STUDENT].unique())
    chosen = np.random.default_rng(seed).permutation(students)[: len(students) // 2]
    first = X[STUDENT].isin(chosen)
    return X[first], X[~first]


def null(given):
    model, X, y, _ = prepare(given)
    found = []
    for seed in range(given.terms):
        old, term = halves(X, seed)
        reference = make_reference(model, old, y[old.index])
        report = monitor(model, term, y[term.index], reference=reference)
        parts = {name: part.verdict for name, part in report.parts.items()}
        found.append({**parts, "all": report.verdict})
        if len(found) == given.terms or len(found) % 100 == 0:
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
    model, X, y, weeks = prepare(given)
    rows = []
    for seed in range(given.terms):
        old, term = halves(X, seed)
        reference = make_reference(model, old, y[old.index])
        for week in weeks:
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
    model, X, y, weeks = prepare(given)
    rows = []
    for seed in range(given.terms):
        old, term = halves(X, seed)
        reference = make_reference(model, old, y[old.index])
        keys = term[STUDENT] + term[COURSE]
        of_key = y[term.index].groupby(keys).first()
        for share in SHARES:
            mixed = keys.map(exchange(of_key, share, seed)).to_numpy()
            report = monitor(model, term, mixed, reference=reference)
            part = report.parts["realised"].verdict
            rows.append((f"{share:.0%} exchanged", weeks[-1], part))
    show_verdicts(rows)


SHARES = (0.0, 0.2, 0.5)


def exchange(outcome, share, seed):
    """Exchange the outcomes of a share of the enrolments at random."""
    random = np.random.default_rng(seed)
    mixed = outcome.copy()
    where = random.random(len(mixed)) < share
    mixed[where] = random.permutation(mixed[where].to_numpy().copy())
    return mixed


def export(given):
    model, X, y, weeks = prepare(given)
    given.to.mkdir(parents=True, exist_ok=True)
    every = range(1, int(X[DAY].max() + 1) // 7 + 1)
    for name, spoil in FAULTS.items():
        try:
            tables = [
                snapshots(model, spoil(as_of(X, 7 * week - 1)), week)
                for week in (every if name == "none" else weeks)
            ]
        except TableError:
            say(f"{name}: the model rejects the events")
            continue
        path = given.to / f"{name.replace(' ', '_')}.parquet"
        pd.concat(tables, ignore_index=True).to_parquet(path)
    rows = []
    of_key = y.groupby(X[STUDENT] + X[COURSE]).first()
    for seed in range(given.terms):
        old, term = halves(X, seed)
        before = of_key[np.unique(old[STUDENT] + old[COURSE])]
        after = of_key[np.unique(term[STUDENT] + term[COURSE])]
        rows.append(before.to_frame("y_0").assign(seed=seed, is_reference=True))
        mixed = {f"y_{100 * s:.0f}": exchange(after, s, seed) for s in SHARES}
        rows.append(pd.DataFrame(mixed).assign(seed=seed, is_reference=False))
    halved_at = pd.concat(rows).rename_axis("enrolment").reset_index()
    halved_at.to_parquet(given.to / "halves.parquet")


def snapshots(model, X, week):
    """Return the features and the score of each enrolment at the end of a week."""
    front, _ = split_per_history(strip_samplers(model.pipeline_))
    table = front.transform(X).reset_index(drop=True)
    table = table.drop(columns=[STUDENT, COURSE], errors="ignore")
    score = model.predict_proba(X)[:, 1]
    table = table.assign(
        enrolment=(X[STUDENT] + X[COURSE]).to_numpy(),
        course=X["course_name"].to_numpy(),
        week=week,
        score=score,
        flag=(score >= model.threshold_).astype(int),
    )
    this_week = X[DAY].to_numpy() >= 7 * (week - 1)
    order = np.argsort(X[DAY].to_numpy(), kind="stable")
    rows = order[this_week[order]]
    return table.iloc[rows].drop_duplicates("enrolment", keep="last")


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
    spent = []
    for run in (lambda: model.predict_proba(X), lambda: monitor(model, X)):
        start, start_cpu = time.perf_counter(), time.process_time()
        run()
        spent.append(time.process_time() - start_cpu)
        say(f"{time.perf_counter() - start:.1f} s, {spent[-1]:.1f} s of CPU time")
    say(f"{n_snapshots:,} snapshots: {spent[1] / spent[0]:.2f} times predict_proba")


PARTS = {
    "null": null,
    "faults": faults,
    "concept": concept,
    "export": export,
    "oulad": oulad,
    "time": wall_time,
}

if __name__ == "__main__":
    main()
