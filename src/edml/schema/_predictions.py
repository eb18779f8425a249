"""Readers of labels, probabilities, flags and keys, for metrics and pictures."""

from collections.abc import Sized
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.schema._keys import rank_keys
from edml.schema._readers import read_numbers, read_partitions
from edml.schema._types import BoolArray, FloatArray, IntArray


def read_predictions(
    y_true: ArrayLike, y_prob: ArrayLike
) -> tuple[BoolArray, FloatArray]:
    """Read labels and probabilities of the same rows."""
    fails, probability = read_flags(y_true, "y_true"), read_probabilities(y_prob)
    check_lengths(y_true=fails, y_prob=probability)
    return fails, probability


def read_flags(values: ArrayLike, name: str) -> BoolArray:
    """Read a column of two values, 0 and 1 or False and True."""
    numbers = read_numbers(_read_column(values, name), booleans=True)
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
    """Read a column of probabilities."""
    numbers = read_numbers(
        _read_column(y_prob, "y_prob", ", such as predict_proba(X)[:, 1]"),
        booleans=True,
    )
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


def read_weights(sample_weight: ArrayLike, n_rows: int) -> FloatArray:
    """Read the weight of each row: a finite number from 0 on."""
    column = _read_column(sample_weight, "sample_weight").infer_objects()
    if column.dtype.kind not in "biuf":
        message = (
            f"sample_weight needs a number in every row; found the dtype "
            f"{column.dtype}. Convert them, or leave the weights out."
        )
        raise ValueError(message)
    weight: FloatArray = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if len(weight) != n_rows:
        message = (
            f"sample_weight needs one number for each of the {n_rows} rows; found "
            f"{len(weight)}. Take the weights from the same table."
        )
        raise ValueError(message)
    bad = int((~(np.isfinite(weight) & (weight >= 0))).sum())
    if bad:
        message = (
            f"sample_weight must be finite and from 0 on; {bad} of {n_rows} are not. "
            "Correct them, or leave the weights out."
        )
        raise ValueError(message)
    return weight


def read_keys(values: ArrayLike, name: str) -> IntArray:
    """Read keys as codes from 0 without gaps, in the order of the sorted keys."""
    return rank_keys(_read_column(values, name))


def read_days(partitions: ArrayLike) -> IntArray:
    """Read a column of partitions; a missing one is 0, as in an event table."""
    return read_partitions(_read_column(partitions, "partitions"))


def check_lengths(**columns: Sized) -> None:
    """Check that columns are of the same rows."""
    lengths = [len(column) for column in columns.values()]
    if len(set(lengths)) > 1:
        message = (
            f"{', '.join(columns)} need the same rows; they hold "
            f"{', '.join(map(str, lengths))}. Take all of them from one table."
        )
        raise ValueError(message)


def check_threshold(threshold: float) -> float:
    """Check that a threshold is a number."""
    check_scalar(threshold, "threshold", Real)
    if np.isnan(threshold):
        message = "threshold needs a number; found NaN. Choose the threshold again."
        raise ValueError(message)
    return float(threshold)


def check_confidence(confidence: float) -> float:
    """Check that the confidence of an interval is a fraction strictly within (0, 1)."""
    limits = {"min_val": 0, "max_val": 1, "include_boundaries": "neither"}
    return float(check_scalar(confidence, "confidence", Real, **limits))


def _read_column(values: ArrayLike, name: str, example: str = "") -> pd.Series:
    if not isinstance(values, (pd.Series, pd.api.extensions.ExtensionArray)):
        values = np.asarray(values)
    if values.ndim != 1:
        message = (
            f"{name} needs one value per row, an array of shape (n_rows,); found the "
            f"shape {values.shape}. Pass one column{example}."
        )
        raise ValueError(message)
    if len(values) == 0:
        message = f"{name} needs at least one row; found none."
        raise ValueError(message)
    return pd.Series(values, name=name)
