"""The students for training, evaluation and contests."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.cli._files import add_context, read_file
from edml.cli._settings import Config
from edml.cli._stores import reject_context
from edml.cli._terminal import note, stage, words
from edml.datasets import make_target
from edml.exceptions import TableError
from edml.model_selection import student_train_test_split
from edml.schema import FINAL_GRADE, STUDENT, check_table, fingerprint, resolve_columns


class Side(NamedTuple):
    """The events of some students, and their target (1 fails)."""

    X: pd.DataFrame
    y: pd.Series

    def fingerprint(self) -> str:
        """Return the fingerprint that identifies training rows in a registry."""
        return fingerprint(self.X, np.asarray(self.y, dtype=np.int64))


class Sides(NamedTuple):
    """The sides for fitting, evaluation and contests."""

    train: Side
    test: Side
    contest: Side

    def count_students(self, config: Config) -> dict[str, int]:
        """Count the students of each side."""
        student = resolve_columns(config.columns)[STUDENT]
        sides = zip(self._fields, self, strict=True)
        return {name: int(side.X[student].nunique()) for name, side in sides}


def read_sides(raw: Path, config: Config) -> tuple[Side, Sides]:
    """Read the events with a known outcome, and divide their students."""
    if config.signals.context:
        reject_context(raw)
    with stage("Reading the events"):
        X = read_file(
            raw,
            resolve_columns(config.columns),
            source=config.source,
            max_rows=config.data.max_rows,
        )
        if config.signals.context:
            X = add_context(X, config.columns, config.data.partition_days)
        whole, n_left_out = with_outcome(X, config)
        sides = divide(whole, config)
    if n_left_out:
        text = words.ngettext(
            "Left out {n} row of courses that are still running.",
            "Left out {n} rows of courses that are still running.",
            n_left_out,
        )
        note(text)
    return whole, sides


def with_outcome(X: pd.DataFrame, config: Config) -> tuple[Side, int]:
    """Return the rows with a known outcome, and the number of rows left out."""
    name = resolve_columns(config.columns)[FINAL_GRADE]
    check_table(X, [name])
    known = X[name].notna().to_numpy()
    if not known.any():
        message = coded(
            "all_running",
            f"Column {name!r} is null in all {len(X)} rows: their courses are still "
            "running. Pass events of courses that have ended.",
            column=name,
        )
        raise TableError(message)
    ended = X if known.all() else X[known].reset_index(drop=True)
    y = make_target(ended, config.data.passing_grade, columns=config.columns)
    return Side(ended, y), int((~known).sum())


def divide(side: Side, config: Config) -> Sides:
    """Divide the students into three sides, each with both outcomes.

    The same students, outcomes and settings give the same sides, for any row order.
    `edml update` can therefore identify the students that `edml tune` has not seen.
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
    """Concatenate sides."""
    return Side(
        pd.concat([side.X for side in sides], ignore_index=True),
        pd.concat([side.y for side in sides], ignore_index=True),
    )
