"""The fields of an Evaluation, and their lossless JSON form."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from edml.inspection._contacts import no_contacts
from edml.schema import IntArray

_FORMAT = 2
# JSON has no infinities; NaN becomes null. "Infinity" is the threshold of no flags.
_INFINITE = {"Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class EvaluationFields:
    """The fields of an `Evaluation`, which documents them."""

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    confidence: float
    threshold: float
    counts: dict[str, int]
    confusion: IntArray
    curves: dict[str, pd.DataFrame]
    by_partition: pd.DataFrame
    by_course: pd.DataFrame
    by_group: dict[str, pd.DataFrame]
    precision_at_k: pd.DataFrame
    lead_time: dict[str, float]
    flip_rate: float
    data_fingerprint: str
    contacts: pd.DataFrame
    draws: pd.DataFrame
    resamples: str


def write_fields(evaluation: EvaluationFields) -> dict[str, Any]:
    """Return the fields in JSON form, with "format"."""
    return {"format": _FORMAT} | {
        name: _write(getattr(evaluation, name)) for name in _READERS
    }


def read_fields(data: Any) -> dict[str, Any]:
    """Read what `write_fields` returned."""
    fields = _parts_since_2()
    for name, read in _find_readers(data).items():
        try:
            fields[name] = read(data[name])
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            message = (
                f"The part {name!r} is not what Evaluation.to_dict returns: {error}. "
                "Take the evaluation from where it was written, or evaluate again."
            )
            raise ValueError(message) from error
    return fields


def _parts_since_2() -> dict[str, Any]:
    """Return the parts that evaluations of format 1 lack, empty."""
    return {"contacts": no_contacts(), "draws": _read_table([]), "resamples": ""}


def _find_readers(data: Any) -> "dict[str, Convert]":
    """Return the readers of a format's parts; raise if one is missing or unknown."""
    if not isinstance(data, Mapping) or "format" not in data:
        message = (
            "Expected what Evaluation.to_dict returns, {'format': 2, 'metrics': ...}; "
            f"found {type(data).__name__} without a format. Pass that dictionary."
        )
        raise ValueError(message)
    version = data["format"]
    if type(version) is not int or not 1 <= version <= _FORMAT:
        message = (
            f"The evaluation is of format {version!r}; this edml reads formats "
            f"1 to {_FORMAT}. Read it with the edml that wrote it, or evaluate again."
        )
        raise ValueError(message)
    newer = _parts_since_2() if version == 1 else ()
    readers = {name: read for name, read in _READERS.items() if name not in newer}
    missing = sorted(set(readers) - set(data))
    unexpected = sorted(map(str, set(data) - {"format", *readers}))
    if missing or unexpected:
        message = (
            f"The evaluation lacks the parts {missing} and has the unknown parts "
            f"{unexpected}. Take it whole from where it was written, or evaluate again."
        )
        raise ValueError(message)
    return readers


def _write(value: Any) -> Any:
    """Convert a field: a table, or nested numbers and text."""
    if isinstance(value, pd.DataFrame):
        return _write_table(value)
    if isinstance(value, Mapping):
        return {_read_as(str)(key): _write(item) for key, item in value.items()}
    if isinstance(value, (tuple, np.ndarray)):
        return [_write(item) for item in value]
    return value if isinstance(value, str) else _write_number(value)


# -- values -------------------------------------------------------------------


def _write_number(value: Any) -> int | float | str | None:
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, float):
        return int(value)
    if math.isnan(value):
        return None
    spelled = (text for text, number in _INFINITE.items() if number == value)
    return next(spelled, value)


def _read_number(value: Any) -> int | float:
    if isinstance(value, str) and value in _INFINITE:
        return _INFINITE[value]
    return math.nan if value is None else _read_as(int, float)(value)


def _read_float(value: Any) -> float:
    return float(_read_number(value))


def _read_as(*kinds: type) -> Callable[[Any], Any]:
    """Return a reader that accepts exactly these types: True is not an int."""

    def read(value: Any) -> Any:
        if type(value) not in kinds:
            names = " or ".join(kind.__name__ for kind in kinds)
            message = f"expected {names}, found {type(value).__name__}"
            raise ValueError(message)
        return value

    return read


def _write_text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


Convert = Callable[[Any], Any]
_DTYPES: dict[str, tuple[Convert, Convert]] = {
    "float64": (_write_number, _read_float),
    "int64": (int, _read_as(int)),
    "bool": (bool, _read_as(bool)),
    "str": (_write_text, _read_as(str, type(None))),
}


# -- containers ---------------------------------------------------------------


def _write_table(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert a table to a list of its columns, each with name, dtype and values."""
    dtypes = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
    if (
        list(table.columns) != list(dtypes)
        or not set(dtypes.values()) <= set(_DTYPES)
        or not table.index.equals(pd.RangeIndex(len(table)))
    ):
        message = (
            f"A table of an Evaluation needs distinct text as column names, the dtypes "
            f"{list(_DTYPES)}, and rows numbered from 0; found {dtypes}. Convert the "
            "columns, and reset the index."
        )
        raise ValueError(message)
    return [
        {
            "name": name,
            "dtype": dtype,
            "values": [_DTYPES[dtype][0](value) for value in table[name].tolist()],
        }
        for name, dtype in dtypes.items()
    ]


def _read_table(columns: list[dict[str, Any]]) -> pd.DataFrame:
    series = {}
    for column in columns:
        dtype = column["dtype"]
        values = [_DTYPES[dtype][1](value) for value in column["values"]]
        series[_read_as(str)(column["name"])] = pd.Series(values, dtype=dtype)
    lengths = {len(one) for one in series.values()}
    if len(lengths) > 1 or len(series) != len(columns):
        message = "the columns differ in length, or one appears twice"
        raise ValueError(message)
    index = pd.RangeIndex(max(lengths, default=0))
    return pd.DataFrame(
        series, index=index, columns=pd.Index(list(series), dtype="str")
    )


def _read_matrix(rows: list[list[int]]) -> IntArray:
    read = _read_as(int)
    matrix = np.array([[read(value) for value in row] for row in rows], np.int64)
    if matrix.shape != (2, 2):
        message = f"expected the shape (2, 2), found {matrix.shape}"
        raise ValueError(message)
    return matrix


def _read_interval(ends: list[Any]) -> tuple[float, float]:
    low, high = ends
    return _read_float(low), _read_float(high)


def _each(read: Convert) -> Convert:
    """Return a reader that applies ``read`` to each value of a dictionary."""

    def read_each(values: Mapping[str, Any]) -> dict[str, Any]:
        return {_read_as(str)(key): read(item) for key, item in values.items()}

    return read_each


_READERS: dict[str, Convert] = {
    "metrics": _each(_read_float),
    "intervals": _each(_read_interval),
    "confidence": _read_float,
    "threshold": _read_float,
    "counts": _each(_read_as(int)),
    "confusion": _read_matrix,
    "curves": _each(_read_table),
    "by_partition": _read_table,
    "by_course": _read_table,
    "by_group": _each(_read_table),
    "precision_at_k": _read_table,
    "lead_time": _each(_read_number),
    "flip_rate": _read_float,
    "data_fingerprint": _read_as(str),
    "contacts": _read_table,
    "draws": _read_table,
    "resamples": _read_as(str),
}
