"""What the figures are made of: labels, probabilities, flags and keys, checked."""

from collections.abc import Sized
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.schema import (
    BoolArray,
    FloatArray,
    IntArray,
    rank_keys,
    read_numbers,
    read_partitions,
)


def read_predictions(
    y_true: ArrayLike, y_prob: ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Read labels and probabilities of the same rows.

    Parameters
    ----------
    y_true : array-like of shape (n_rows,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_rows,)
        Probabilities of failing, fractions in [0, 1].

    Returns
    -------
    fails : ndarray of shape (n_rows,)
    probability : ndarray of shape (n_rows,)
    """
    fails, probability = read_flags(y_true, "y_true"), read_probabilities(y_prob)
    check_lengths(y_true=fails, y_prob=probability)
    return fails, probability


def read_flags(values: ArrayLike, name: str) -> BoolArray:
    """Read a column of two values, 0 and 1 or False and True.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Numbers or booleans; one of the two values may be absent.
    name : str
        What the column is called in errors.

    Returns
    -------
    flags : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If a value is none of the two, or there is no row.
    """
    numbers = read_numbers(_read_column(values, name))
    wrong = int(((numbers != 0) & (numbers != 1)).sum())
    if wrong:
        message = (
            f"{name} needs the values 0 and 1, or False and True; {wrong} of "
            f"{len(numbers)} rows hold something else. Map the class that counts as "
            "failing to 1, and drop the rows without a value."
        )
        raise ValueError(message)
    flags: BoolArray = numbers == 1
    return flags


def read_probabilities(y_prob: ArrayLike) -> FloatArray:
    """Read a column of probabilities.

    Parameters
    ----------
    y_prob : array-like of shape (n_rows,)
        Fractions in [0, 1].

    Returns
    -------
    probability : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If a value is missing or outside [0, 1], or there is no row.
    """
    numbers = read_numbers(_read_column(y_prob, "y_prob"))
    missing = int(np.isnan(numbers).sum())
    if missing:
        message = (
            f"y_prob needs a probability in every row; {missing} of {len(numbers)} "
            "are NaN. Check the classifier, or drop these rows and their labels."
        )
        raise ValueError(message)
    outside = int(((numbers < 0) | (numbers > 1)).sum())
    if outside:
        message = (
            f"y_prob needs probabilities, fractions in [0, 1]; {outside} of "
            f"{len(numbers)} lie outside. Pass predict_proba(X)[:, 1], neither scores "
            "nor percentages."
        )
        raise ValueError(message)
    return numbers


def read_keys(values: ArrayLike, name: str) -> IntArray:
    """Give each key a number, in the order of the sorted keys.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        Students, courses or histories: texts or numbers, none missing.
    name : str
        What the column is called in errors.

    Returns
    -------
    codes : ndarray of shape (n_rows,)
        From 0, without gaps. The order of the rows plays no part.
    """
    return rank_keys(_read_column(values, name))


def read_days(partitions: ArrayLike) -> IntArray:
    """Read a column of partitions; a missing one is 0, as in an event table.

    Parameters
    ----------
    partitions : array-like of shape (n_rows,)
        Course days, whole numbers.

    Returns
    -------
    days : ndarray of shape (n_rows,)
    """
    return read_partitions(_read_column(partitions, "partitions"))


def check_lengths(**columns: Sized) -> None:
    """Check that columns are of the same rows.

    Parameters
    ----------
    **columns : sized
        The columns by their names.

    Raises
    ------
    ValueError
        If one is longer than another.
    """
    lengths = [len(column) for column in columns.values()]
    if len(set(lengths)) > 1:
        message = (
            f"{', '.join(columns)} need the same rows; they hold "
            f"{', '.join(map(str, lengths))}. Take all of them from one table."
        )
        raise ValueError(message)


def check_threshold(threshold: float) -> float:
    """Check that a threshold is a number.

    Parameters
    ----------
    threshold : float
        The parameter.

    Returns
    -------
    threshold : float

    Raises
    ------
    ValueError
        If it is NaN.
    """
    check_scalar(threshold, "threshold", Real)
    if np.isnan(threshold):
        message = "threshold needs a number; found NaN. Choose the threshold anew."
        raise ValueError(message)
    return float(threshold)


def _read_column(values: ArrayLike, name: str) -> pd.Series:
    if not isinstance(values, (pd.Series, pd.api.extensions.ExtensionArray)):
        values = np.asarray(values)
    if values.ndim != 1:
        message = (
            f"{name} needs one value per row, an array of shape (n_rows,); found the "
            f"shape {values.shape}. Pass one column, such as predict_proba(X)[:, 1]."
        )
        raise ValueError(message)
    if len(values) == 0:
        message = f"{name} needs at least one row; found none."
        raise ValueError(message)
    return pd.Series(values, name=name)
