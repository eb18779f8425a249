"""What the pictures are given, checked: predictions, and one student's rows."""

from collections.abc import Mapping
from typing import Any

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


def predict_risk(model: Any, X: Any) -> FloatArray:
    """Give the probability of the higher class for every row.

    Parameters
    ----------
    model : classifier
        Fitted, with two classes.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        What it predicts.

    Returns
    -------
    probability : ndarray of shape (n_rows,)

    Raises
    ------
    TypeError
        If the model gives no probabilities.
    ValueError
        If it has not two classes.
    """
    if not hasattr(model, "predict_proba"):
        message = (
            f"The model needs predict_proba; {type(model).__name__} has none. Pass a "
            "fitted classifier, or a pipeline that ends in one."
        )
        raise TypeError(message)
    answer = np.asarray(model.predict_proba(X), dtype=np.float64)
    if answer.ndim != 2 or answer.shape[1] != 2:
        message = (
            "The model needs two classes, of which the higher fails; it gives "
            f"probabilities of shape {answer.shape}. Fit it on 0 and 1."
        )
        raise ValueError(message)
    return answer[:, 1]


def check_predictions(
    y_true: ArrayLike, y_prob: ArrayLike, **keys: ArrayLike | None
) -> tuple[BoolArray, FloatArray]:
    """Check that labels, probabilities and keys can be shown, and belong together.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 where the student fails, else 0.
    y_prob : array-like of shape (n_samples,)
        Probabilities, fractions.
    **keys : array-like of shape (n_samples,) or None
        Students, courses, partitions, by the names of the parameters.

    Returns
    -------
    y_true, y_prob : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If one is not what it must be.
    """
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
    """Check that probabilities are fractions, and that there is one.

    Parameters
    ----------
    y_prob : array-like of shape (n_samples,)
        Probabilities.

    Returns
    -------
    y_prob : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If there is none, or one is missing or outside [0, 1].
    """
    found: FloatArray = column_or_1d(y_prob).astype(np.float64)
    wrong = int((~((found >= 0) & (found <= 1))).sum())  # NaN too
    if wrong or not len(found):
        message = (
            "y_prob needs probabilities, fractions in [0, 1]; "
            f"{wrong} of {len(found)} values are missing or outside. Pass "
            "predict_proba(X)[:, 1]."
        )
        raise ValueError(message)
    return found


def select_history(
    X: object, names: Mapping[str, str], student: object, course: object = None
) -> IntArray:
    """Find the rows of one student in one course.

    Parameters
    ----------
    X : DataFrame
        An event table.
    names : mapping of str to str
        The actual names of the canonical columns.
    student, course : object
        As the key columns hold them; without a course, the student's only one.

    Returns
    -------
    rows : ndarray of shape (n_found,)
        Positions, ascending.

    Raises
    ------
    ValueError
        If there is no such history, or several of the student.
    """
    table = check_table(X, [names[STUDENT], names[COURSE], names[PARTITION]])
    found = (table[names[STUDENT]] == student).to_numpy(dtype=bool, na_value=False)
    if course is not None:
        there = (table[names[COURSE]] == course).to_numpy(dtype=bool, na_value=False)
        found = found & there
    rows = np.flatnonzero(found)
    n_courses = table[names[COURSE]].iloc[rows].nunique()
    if n_courses > 1:
        message = (
            f"student={student!r} is in {n_courses} courses of the table. Pass "
            "course= too."
        )
        raise ValueError(message)
    if not len(rows):
        where = "" if course is None else f" and course={course!r}"
        message = (
            f"The table has no history with student={student!r}{where}. Pass the ids "
            f"as the columns {names[STUDENT]!r} and {names[COURSE]!r} hold them, of "
            "the same type."
        )
        raise ValueError(message)
    return rows
