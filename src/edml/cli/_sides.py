"""Which students are trained on, evaluated on, and kept for contests."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml.cli._settings import Config
from edml.datasets import make_target
from edml.exceptions import TableError
from edml.model_selection import student_train_test_split
from edml.schema import FINAL_GRADE, STUDENT, check_table, fingerprint, resolve_columns


class Side(NamedTuple):
    """Some students' events.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table.
    y : Series of shape (n_rows,)
        1 where the student fails, else 0.
    """

    X: pd.DataFrame
    y: pd.Series


class Sides(NamedTuple):
    """The three sides of a table; no student is on two.

    Attributes
    ----------
    train : Side
        To fit on.
    test : Side
        To evaluate on.
    contest : Side
        To decide contests on.
    """

    train: Side
    test: Side
    contest: Side

    def counts(self, config: Config) -> dict[str, int]:
        """Count the students of each side.

        Parameters
        ----------
        config : Config
            Names the column.

        Returns
        -------
        counts : dict of str to int
        """
        student = resolve_columns(config.columns)[STUDENT]
        sides = zip(self._fields, self, strict=True)
        return {name: int(side.X[student].nunique()) for name, side in sides}


def with_outcome(X: pd.DataFrame, config: Config) -> tuple[Side, int]:
    """Give the rows whose outcome is known.

    Parameters
    ----------
    X : DataFrame
        The event table.
    config : Config
        Its columns, and the grade that passes.

    Returns
    -------
    side : Side
        Without the rows of courses that still run.
    n_left_out : int
        How many these are.

    Raises
    ------
    TableError
        If the final grade is absent, no number, or never known.
    """
    name = resolve_columns(config.columns)[FINAL_GRADE]
    check_table(X, [name])
    known = X[name].notna().to_numpy()
    if not known.any():
        message = (
            f"Column {name!r} is null in all {len(X)} rows: their courses still run. "
            "Give events of courses that have ended."
        )
        raise TableError(message)
    ended = X if known.all() else X[known].reset_index(drop=True)
    y = make_target(ended, config.data.passing_grade, columns=config.columns)
    return Side(ended, y), int((~known).sum())


def divide(side: Side, config: Config) -> Sides:
    """Divide students in three, both outcomes on every side.

    The same students, outcomes and configuration give the same sides, whatever the
    order of the rows.

    Parameters
    ----------
    side : Side
        The events.
    config : Config
        The shares and the seed.

    Returns
    -------
    sides : Sides

    Raises
    ------
    SplitError
        If there are too few students of an outcome.
    """
    test, contest = config.data.test_share, config.data.contest_share
    how: dict[str, Any] = {
        "student": resolve_columns(config.columns)[STUDENT],
        "random_state": config.data.random_state,
    }
    X_train, X_rest, y_train, y_rest = student_train_test_split(
        *side, test_size=test + contest, **how
    )
    X_test, X_contest, y_test, y_contest = student_train_test_split(
        X_rest, y_rest, test_size=contest / (test + contest), **how
    )
    return Sides(
        Side(X_train, y_train), Side(X_test, y_test), Side(X_contest, y_contest)
    )


def join(*sides: Side) -> Side:
    """Put sides together.

    Parameters
    ----------
    *sides : Side
        Of the same columns.

    Returns
    -------
    joined : Side
    """
    return Side(
        pd.concat([side.X for side in sides], ignore_index=True),
        pd.concat([side.y for side in sides], ignore_index=True),
    )


def fingerprint_of(side: Side) -> str:
    """Give the fingerprint by which a registry knows training rows.

    Parameters
    ----------
    side : Side
        The rows.

    Returns
    -------
    digest : str
        As `edml.classifier.RiskClassifier` makes it.
    """
    return fingerprint(side.X, np.asarray(side.y, dtype=np.int64))
