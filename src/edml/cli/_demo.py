"""The figures of ``edml demo``, as tables; nothing here prints."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from edml.datasets import load_activity, load_oulad
from edml.model_selection import PeriodSplit, student_train_test_split
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


@dataclass(frozen=True)
class Split:
    """Training and test side of a table; no student is on both.

    Attributes
    ----------
    X_train, X_test : DataFrame of shape (n_rows, n_columns)
        The event tables.
    y_train, y_test : Series of shape (n_rows,)
        1 where the student fails, else 0.
    how : str
        What is trained and tested on, for people.
    """

    X_train: pd.DataFrame
    y_train: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series
    how: str


def split_sample() -> Split:
    """Split the shipped sample by student."""
    X, y = load_activity(return_X_y=True)
    X_train, X_test, y_train, y_test = student_train_test_split(
        X, y, test_size=0.2, random_state=0
    )
    how = (
        "The sample that comes with edml; its students are synthetic. Trained on "
        "80 % of the students, tested on the others."
    )
    return Split(X_train, y_train, X_test, y_test, how)


def split_oulad(folder: Path) -> Split:
    """Split the Open University tables in time.

    Parameters
    ----------
    folder : Path
        Where the tables are.

    Returns
    -------
    split : Split
        The last period is the test side.

    Raises
    ------
    FileNotFoundError
        If the folder, or one of its tables, is not there.
    TableError
        If a table cannot be read.
    SplitError
        If there is but one period, or a side has but one outcome.
    """
    X, y = load_oulad(folder, return_X_y=True)
    train, test = next(PeriodSplit().split(X, y))
    X_train, X_test = X.iloc[train], X.iloc[test]
    how = (
        f"The OULAD tables. Trained on the presentations before {_start(X_test)}, "
        "tested on those of that month."
    )
    return Split(X_train, y.iloc[train], X_test, y.iloc[test], how)


def _start(X: pd.DataFrame) -> str:
    half, year = str(X[PERIOD].iloc[0]).split("-")
    return {"01": "February", "02": "October"}[half] + f" {year}"


def take_snapshots(X: pd.DataFrame, y: pd.Series, score: FloatArray) -> pd.DataFrame:
    """Give one row per snapshot: who, when, outcome and score.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table.
    y : Series of shape (n_rows,)
        The outcome of each row.
    score : ndarray of shape (n_rows,)
        The probability of failing that each row was given, in [0, 1].

    Returns
    -------
    snapshots : DataFrame of shape (n_snapshots, 7)
        The first row of each student, course and partition.
    """
    first, _ = first_rows(snapshot_codes(X, resolve_columns(None)))
    snapshots = X.iloc[first][[STUDENT, COURSE, "course_name", "legajo"]].copy()
    snapshots[PARTITION] = read_partitions(X[PARTITION])[first]
    snapshots["fails"] = y.to_numpy()[first]
    snapshots["probability"] = score[first]
    return snapshots


def measure(snapshots: pd.DataFrame) -> dict[str, float]:
    """Give the figures of some snapshots.

    Parameters
    ----------
    snapshots : DataFrame of shape (n_snapshots, 7)
        What `take_snapshots` gives.

    Returns
    -------
    figures : dict of str to float
        The number of students, and shares in [0, 1]: those that fail, AUC,
        average precision, precision and recall at 0.5. What is not defined, for
        want of failing or passing students or of flags, is NaN.
    """
    fails = snapshots["fails"].to_numpy() == 1
    score = snapshots["probability"].to_numpy(dtype=np.float64)
    flagged = score >= THRESHOLD
    both = fails.any() and not fails.all()
    return {
        "students": float(snapshots[STUDENT].nunique()),
        "failing": _share(fails.sum(), len(fails)),
        "AUC": roc_auc_score(fails, score) if both else np.nan,
        "average precision": average_precision_score(fails, score) if both else np.nan,
        "precision": _share((fails & flagged).sum(), flagged.sum()),
        "recall": _share((fails & flagged).sum(), fails.sum()),
    }


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else np.nan


def measure_fifths(snapshots: pd.DataFrame) -> pd.DataFrame:
    """Give the figures for each fifth of the course, and for all of it.

    Parameters
    ----------
    snapshots : DataFrame of shape (n_snapshots, 7)
        What `take_snapshots` gives.

    Returns
    -------
    figures : DataFrame of shape (n_parts, 6)
        What `measure` gives. A course lasts as long as the longest one here; of
        one with fewer than five days, the fifths without a day are left out.
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
    """Give the students with the highest probability at their latest partition.

    Parameters
    ----------
    snapshots : DataFrame of shape (n_snapshots, 7)
        What `take_snapshots` gives.
    n_students : int, default=10
        How many students to give at most.

    Returns
    -------
    students : DataFrame of shape (n_students, 7)
        The highest first; who is in several courses is given once.
    """
    in_time = snapshots.sort_values(PARTITION, kind="stable")
    latest = in_time.drop_duplicates([STUDENT, COURSE], keep="last")
    ranked = latest.sort_values("probability", ascending=False, kind="stable")
    return ranked.drop_duplicates(STUDENT).head(n_students)
