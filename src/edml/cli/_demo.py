"""``edml demo``: train on some students, and evaluate on others."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.cli._terminal import stage, words
from edml.datasets import load_activity, load_oulad
from edml.inspection import Evaluation, EvaluationUnits
from edml.metrics import bootstrap_metrics, percentile_interval
from edml.model_selection import PeriodSplit, student_train_test_split
from edml.pipeline import make_risk_pipeline
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    read_partitions,
)

N_FIFTHS = 5
CAPACITY = 0.1  # share of the students of a course who can be contacted


class Demo(NamedTuple):
    """The results: who is found by day, the figures of all days, and ten students."""

    how: str
    n_students: tuple[int, int]  # of training and test data
    gain: pd.DataFrame
    evaluation: Evaluation
    most_at_risk: pd.DataFrame


#: The training and test rows of a table, their targets, and how it was split.
_Split = tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.Series, str]


def demo(oulad: Path | None) -> Demo:
    """Train and test on the shipped sample, or on a folder of the OULAD tables."""
    with stage("Reading the events"):
        split = _split_sample() if oulad is None else _split_oulad(oulad)
    X_train, X_test, y_train, y_test, how = split
    with stage("Training on {n} rows", n=words.number(len(X_train))):
        # one thread: on busy cores, several threads wait for each other far longer
        pipeline = make_risk_pipeline().fit(X_train, y_train)
    with stage("Evaluating {n} rows", n=words.number(len(X_test))):
        units = EvaluationUnits.from_estimator(pipeline, X_test, y_test)
        evaluation = Evaluation.from_units(units)
    snapshots = take_snapshots(X_test, units)
    return Demo(
        how,
        (X_train[STUDENT].nunique(), X_test[STUDENT].nunique()),
        measure_gain(snapshots),
        evaluation,
        most_at_risk(snapshots),
    )


def _split_sample() -> _Split:
    X, y = load_activity(return_X_y=True)
    sides = student_train_test_split(X, y, test_size=0.2, random_state=0)
    how = (
        "The sample that comes with edml; its students are synthetic. Trained on "
        "80% of the students, tested on the others."
    )
    return *sides, how


def _split_oulad(folder: Path) -> _Split:
    """Split by time: test on the last period."""
    X, y = load_oulad(folder, return_X_y=True)
    train, test = next(PeriodSplit().split(X, y))
    X_train, X_test = X.iloc[train], X.iloc[test]
    half, year = str(X_test[PERIOD].iloc[0]).split("-")
    month = {"01": "February", "02": "October"}[half]
    how = (
        f"The OULAD tables. Trained on the presentations before {month} {year}, tested "
        "on those of that month."
    )
    return X_train, X_test, y.iloc[train], y.iloc[test], how


def take_snapshots(X: pd.DataFrame, units: EvaluationUnits) -> pd.DataFrame:
    """Return each snapshot's keys, outcome and probability, from its first row."""
    snapshots = X.iloc[units.rows][[STUDENT, COURSE, "course_name", "legajo"]].copy()
    snapshots[PARTITION] = read_partitions(X[PARTITION])[units.rows]
    snapshots["fails"] = units.y_true.astype(int)
    snapshots["probability"] = units.y_prob
    return snapshots


def measure_gain(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return who is found by contacting some students, at the end of each fifth.

    In each course the share ``CAPACITY`` of its students is contacted, rounded up:
    those most at risk at their latest partition by then.
    """
    length = int(snapshots[PARTITION].max()) + 1
    # day p is in fifth p * 5 // length
    days = {-(-fifth * length // N_FIFTHS) - 1 for fifth in range(1, N_FIFTHS + 1)}
    return pd.DataFrame([measure_day(snapshots, day) for day in sorted(days)])


def measure_day(snapshots: pd.DataFrame, day: int) -> dict[str, float]:
    """Return who is found on one day, and the interval of the share found.

    The interval comes from resamples of students.
    """
    known = snapshots[snapshots[PARTITION] <= day].sort_values(PARTITION, kind="stable")
    latest = known.drop_duplicates([STUDENT, COURSE], keep="last")
    by_course = latest.groupby(COURSE, observed=True)["probability"]
    n_students = by_course.transform("size")
    places = np.ceil(CAPACITY * n_students)
    rank = by_course.rank(method="first", ascending=False)
    contacted = (rank <= places).to_numpy()
    fails = latest["fails"].to_numpy() == 1
    found = contacted & fails
    share, low, high = math.nan, math.nan, math.nan
    if fails.any():
        share = found.sum() / fails.sum()
        draws = bootstrap_metrics(
            fails, contacted.astype(float), latest[STUDENT], metrics=["recall"]
        )
        low, high = percentile_interval(draws["recall"].dropna())
    return {
        "day": day,
        "n_enrolled": len(latest),
        "n_failing": int(fails.sum()),
        "n_contacted": int(contacted.sum()),
        "n_found": int(found.sum()),
        "by_lot": float((places / n_students)[fails].sum()),
        "share": share,
        "low": low,
        "high": high,
    }


def most_at_risk(snapshots: pd.DataFrame, n_students: int = 10) -> pd.DataFrame:
    """Return the students most at risk at their latest partition, each once."""
    in_time = snapshots.sort_values(PARTITION, kind="stable")
    latest = in_time.drop_duplicates([STUDENT, COURSE], keep="last")
    ranked = latest.sort_values("probability", ascending=False, kind="stable")
    return ranked.drop_duplicates(STUDENT).head(n_students)
