"""The figures of ``edml demo``, as tables; nothing here prints."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import (
    average_precision_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from edml.datasets import load_activity, load_oulad
from edml.model_selection import PeriodSplit, student_train_test_split
from edml.schema import (
    COLUMNS,
    COURSE,
    PARTITION,
    STUDENT,
    read_partitions,
    snapshot_codes,
)

FIGURES = ("AUC", "average precision", "precision", "recall")
N_FIFTHS = 5


@dataclass(frozen=True)
class Split:
    """Training and test side of a table; no student is on both."""

    X_train: pd.DataFrame
    y_train: pd.Series
    X_test: pd.DataFrame
    y_test: pd.Series
    how: str


def split_sample() -> Split:
    """Split the shipped sample by student."""
    X, y = load_activity(return_X_y=True)
    X_train, X_test, y_train, y_test = student_train_test_split(X, y, random_state=0)
    return Split(X_train, y_train, X_test, y_test, "80 % of the students, the rest")


def split_oulad(folder: Path) -> Split:
    """Split the real tables in time."""
    X, y = load_oulad(folder, return_X_y=True)
    train, test = next(PeriodSplit().split(X, y))
    return Split(
        *(X.iloc[train], y.iloc[train], X.iloc[test], y.iloc[test]),
        how="the earlier presentations, the last one",
    )


def snapshots(X: pd.DataFrame, y: pd.Series, score: np.ndarray) -> pd.DataFrame:
    """Give one row per snapshot: who, when, outcome and score.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table.
    y : Series of shape (n_rows,)
        The outcome of each row.
    score : ndarray of shape (n_rows,)
        The probability of failing that each row was given.

    Returns
    -------
    table : DataFrame
        The first row of each student, course and partition.
    """
    codes = snapshot_codes(X, dict(zip(COLUMNS, COLUMNS, strict=True)))
    _, first = np.unique(codes, return_index=True)
    first.sort()
    table = X.iloc[first][[STUDENT, COURSE, "course_name", "legajo"]].copy()
    table[PARTITION] = read_partitions(X[PARTITION])[first]
    table["fails"] = y.to_numpy()[first]
    table["probability"] = score[first]
    return table


def figures(table: pd.DataFrame) -> dict[str, float]:
    """Give the four figures of some snapshots, NaN where one is not defined."""
    fails, score = table["fails"].to_numpy(), table["probability"].to_numpy()
    if len(np.unique(fails)) < 2:
        return dict.fromkeys(FIGURES, np.nan)
    flagged = score >= 0.5
    return {
        "AUC": roc_auc_score(fails, score),
        "average precision": average_precision_score(fails, score),
        "precision": precision_score(fails, flagged, zero_division=np.nan),
        "recall": recall_score(fails, flagged),
    }


def by_fifth(table: pd.DataFrame) -> pd.DataFrame:
    """Give the figures for each fifth of the course, and for all of it."""
    length = int(table[PARTITION].max()) + 1
    fifth = table[PARTITION] * N_FIFTHS // length
    parts = {
        f"days {days.min()}-{days.max()}": table[fifth == part]
        for part, days in table[PARTITION].groupby(fifth)
    }
    parts["all days"] = table
    return pd.DataFrame(
        {
            name: {"failing": part["fails"].mean(), **figures(part)}
            for name, part in parts.items()
        }
    ).T


def most_at_risk(table: pd.DataFrame, n_students: int = 10) -> pd.DataFrame:
    """Give the students with the highest probability at their latest partition."""
    latest = table.sort_values(PARTITION, kind="stable")
    latest = latest.groupby([STUDENT, COURSE], sort=False).tail(1)
    return latest.nlargest(n_students, "probability")
