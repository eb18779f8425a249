"""Checks of what the pictures are given: predictions, and one student's rows."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import column_or_1d

from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    check_table,
)


def check_predictions(
    y_true: ArrayLike, y_prob: ArrayLike, **keys: ArrayLike | None
) -> tuple[BoolArray, FloatArray]:
    """Return labels and probabilities as arrays; ``keys`` must be of their length."""
    fails, probability = column_or_1d(y_true), check_probabilities(y_prob)
    sizes = {"y_true": len(fails), "y_prob": len(probability)}
    sizes |= {
        name: len(np.asarray(key)) for name, key in keys.items() if key is not None
    }
    if len(set(sizes.values())) > 1:
        message = f"All arrays need one value per sample; their lengths are {sizes}."
        raise ValueError(message)
    if not np.isin(fails, (0, 1)).all():
        message = (
            "y_true needs 1 where the student fails and 0 elsewhere; it holds other "
            "labels. Compare it with the failing one: y == label."
        )
        raise ValueError(message)
    return fails.astype(bool), probability


def check_probabilities(y_prob: ArrayLike) -> FloatArray:
    """Return probabilities as an array; there must be one, all in [0, 1]."""
    values: FloatArray = column_or_1d(y_prob).astype(np.float64)
    wrong = int((~((values >= 0) & (values <= 1))).sum())  # NaN too
    if wrong or not len(values):
        message = (
            "y_prob needs probabilities, fractions in [0, 1]; "
            f"{wrong} of {len(values)} values are missing or outside. Pass "
            "predict_proba(X)[:, 1]."
        )
        raise ValueError(message)
    return values


def select_history(
    X: object, names: Mapping[str, str], student: object, course: object = None
) -> IntArray:
    """Find the rows of one student in one course, the only one without ``course``."""
    table = check_table(X, [names[STUDENT], names[COURSE], names[PARTITION]])
    matches = (table[names[STUDENT]] == student).to_numpy(dtype=bool, na_value=False)
    if course is not None:
        there = (table[names[COURSE]] == course).to_numpy(dtype=bool, na_value=False)
        matches = matches & there
    rows = np.flatnonzero(matches)
    n_courses = table[names[COURSE]].iloc[rows].nunique()
    if n_courses > 1:
        message = (
            f"The student is in {n_courses} courses of the table. Pass course= too."
        )
        raise ValueError(message)
    if not len(rows):
        message = (
            "The table has no history of this student and course. Pass the ids as the "
            f"columns {names[STUDENT]!r} and {names[COURSE]!r} hold them, of the same "
            "type."
        )
        raise ValueError(message)
    return rows
