"""``edml demo``: train on some students, and evaluate on others."""

import math
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from edml.cli._terminal import stage
from edml.datasets import load_activity, load_oulad
from edml.metrics import snapshot_metrics
from edml.model_selection import PeriodSplit, student_train_test_split
from edml.pipeline import make_risk_pipeline
from edml.schema import (
    COURSE,
    PARTITION,
    PERIOD,
    STUDENT,
    FloatArray,
    first_rows,
    read_partitions,
    resolve_columns,
    snapshot_codes,
)

THRESHOLD = 0.5
N_FIFTHS = 5
FIGURES = ("roc_auc", "average_precision", "precision", "recall")


class Demo(NamedTuple):
    """The results: ``figures`` by fifth of the course, and ten students."""

    how: str
    n_students: tuple[int, int]  # of training and test data
    figures: pd.DataFrame
    most_at_risk: pd.DataFrame


class _Split(NamedTuple):
    """Training and test rows of a table, without common students."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series
    how: str


def demo(oulad: Path | None) -> Demo:
    """Train and test on the shipped sample, or on a folder of the OULAD tables."""
    with stage("Reading the events"):
        split = _split_sample() if oulad is None else _split_oulad(oulad)
    with stage(f"Training on {len(split.X_train):,} rows"):
        # one thread: on busy cores, several threads wait for each other far longer
        pipeline = make_risk_pipeline().fit(split.X_train, split.y_train)
    with stage(f"Scoring {len(split.X_test):,} rows"):
        score = pipeline.predict_proba(split.X_test)[:, 1]
    snapshots = take_snapshots(split.X_test, split.y_test, score)
    return Demo(
        split.how,
        (split.X_train[STUDENT].nunique(), split.X_test[STUDENT].nunique()),
        measure_fifths(snapshots),
        most_at_risk(snapshots),
    )


def _split_sample() -> _Split:
    X, y = load_activity(return_X_y=True)
    sides = student_train_test_split(X, y, test_size=0.2, random_state=0)
    how = (
        "The sample that comes with edml; its students are synthetic. Trained on "
        "80 % of the students, tested on the others."
    )
    X_train, X_test, y_train, y_test = sides
    return _Split(X_train, X_test, y_train, y_test, how)


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
    return _Split(X_train, X_test, y.iloc[train], y.iloc[test], how)


def take_snapshots(X: pd.DataFrame, y: pd.Series, score: FloatArray) -> pd.DataFrame:
    """Return each snapshot's keys, outcome and probability, from its first row."""
    first, _ = first_rows(snapshot_codes(X, resolve_columns(None)))
    snapshots = X.iloc[first][[STUDENT, COURSE, "course_name", "legajo"]].copy()
    snapshots[PARTITION] = read_partitions(X[PARTITION])[first]
    snapshots["fails"] = y.to_numpy()[first]
    snapshots["probability"] = score[first]
    return snapshots


def measure(snapshots: pd.DataFrame) -> dict[str, float]:
    """Return the figures of some snapshots; NaN where undefined."""
    fails = snapshots["fails"].to_numpy() == 1
    figures = dict.fromkeys(FIGURES, math.nan)
    if len(snapshots):
        figures |= snapshot_metrics(fails, snapshots["probability"], THRESHOLD)
    return {
        "students": float(snapshots[STUDENT].nunique()),
        "failing": float(fails.mean()) if len(fails) else math.nan,
        **{name: figures[name] for name in FIGURES},
    }


def measure_fifths(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of each fifth of the course, and of the whole course.

    The length is that of the longest course. With fewer than five days, the fifths
    without a day are left out.
    """
    length = int(snapshots[PARTITION].max()) + 1
    # day p is in fifth p * 5 // length, which begins at the quotient rounded up
    starts = [-(-fifth * length // N_FIFTHS) for fifth in range(N_FIFTHS + 1)]
    parts = {
        f"days {start}-{stop - 1}": measure(
            snapshots[snapshots[PARTITION].between(start, stop - 1)]
        )
        for start, stop in pairwise(starts)
        if start < stop
    }
    parts["all days"] = measure(snapshots)
    return pd.DataFrame.from_dict(parts, orient="index")


def most_at_risk(snapshots: pd.DataFrame, n_students: int = 10) -> pd.DataFrame:
    """Return the students most at risk at their latest partition, each once."""
    in_time = snapshots.sort_values(PARTITION, kind="stable")
    latest = in_time.drop_duplicates([STUDENT, COURSE], keep="last")
    ranked = latest.sort_values("probability", ascending=False, kind="stable")
    return ranked.drop_duplicates(STUDENT).head(n_students)
