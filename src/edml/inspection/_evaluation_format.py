"""An Evaluation as plain lists, dicts, numbers and texts, and back, bit for bit."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from edml.schema import IntArray

FORMAT = 1
# JSON has no such numbers; NaN becomes null. The first is where nobody is flagged.
_INFINITE = {math.inf: "Infinity", -math.inf: "-Infinity"}
_SPELLED = {text: value for value, text in _INFINITE.items()}


def write_number(value: Any) -> int | float | str | None:
    """Give a number as JSON can hold it.

    Parameters
    ----------
    value : int or float
        Of Python or NumPy.

    Returns
    -------
    written : int, float, str or None
        None for NaN, "Infinity" or "-Infinity", or the number itself.
    """
    value = getattr(value, "item", lambda: value)()
    if not isinstance(value, float):
        return int(value)
    return None if math.isnan(value) else _INFINITE.get(value, value)


def read_number(value: Any) -> int | float:
    """Read what `write_number` gave.

    Parameters
    ----------
    value : int, float, str or None
        The written number.

    Returns
    -------
    number : int or float

    Raises
    ------
    ValueError
        If it is nothing of the kind.
    """
    if value is None:
        return math.nan
    if isinstance(value, str) and value in _SPELLED:
        return _SPELLED[value]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f"expected a number or null, found {type(value).__name__}"
        raise ValueError(message)
    return value


def _read_float(value: Any) -> float:
    return float(read_number(value))


def _write_text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _read_text(value: Any) -> str | None:
    return _read_kind(value, (str, type(None)))


def _read_flag(value: Any) -> bool:
    return _read_kind(value, bool)


def _read_whole(value: Any) -> int:
    if isinstance(value, bool):
        message = "expected a whole number, found bool"
        raise ValueError(message)
    return _read_kind(value, int)


def _read_kind(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        message = f"expected another kind of value, found {type(value).__name__}"
        raise ValueError(message)
    return value


_DTYPES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "float64": (write_number, _read_float),
    "int64": (int, _read_whole),
    "bool": (bool, _read_flag),
    "str": (_write_text, _read_text),
}


def write_table(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Give a table as a list of its columns, in their order.

    Parameters
    ----------
    table : DataFrame
        Columns of floats, whole numbers, booleans and text.

    Returns
    -------
    columns : list of dict
        Each with name, dtype and values.

    Raises
    ------
    ValueError
        If a column is of another dtype, or rows or columns are not plainly named.
    """
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


def read_table(columns: list[dict[str, Any]]) -> pd.DataFrame:
    """Read what `write_table` gave.

    Parameters
    ----------
    columns : list of dict
        Each with name, dtype and values.

    Returns
    -------
    table : DataFrame
        The same columns, of the same dtypes.

    Raises
    ------
    ValueError
        If the columns are of different lengths, or one is there twice.
    """
    series = {}
    for column in columns:
        dtype = column["dtype"]
        values = [_DTYPES[dtype][1](value) for value in column["values"]]
        series[_read_kind(column["name"], str)] = pd.Series(values, dtype=dtype)
    lengths = {len(one) for one in series.values()}
    if len(lengths) > 1 or len(series) != len(columns):
        message = "the columns differ in length, or one is there twice"
        raise ValueError(message)
    index = pd.RangeIndex(max(lengths, default=0))
    return pd.DataFrame(
        series, index=index, columns=pd.Index(list(series), dtype="str")
    )


def _write_matrix(matrix: IntArray) -> list[list[int]]:
    return [[int(value) for value in row] for row in matrix.tolist()]


def _read_matrix(rows: list[list[int]]) -> IntArray:
    matrix = np.array([[_read_whole(value) for value in row] for row in rows], np.int64)
    if matrix.shape != (2, 2):
        message = f"expected the shape (2, 2), found {matrix.shape}"
        raise ValueError(message)
    return matrix


def _write_interval(interval: tuple[float, float]) -> list[Any]:
    low, high = interval
    return [write_number(low), write_number(high)]


def _read_interval(ends: list[Any]) -> tuple[float, float]:
    low, high = ends
    return _read_float(low), _read_float(high)


Write = Callable[[Any], Any]


def _each(convert: Write) -> Write:
    def convert_each(values: Mapping[str, Any]) -> dict[str, Any]:
        return {_read_kind(key, str): convert(item) for key, item in values.items()}

    return convert_each


_WRITERS_AND_READERS: dict[str, tuple[Write, Write]] = {
    "metrics": (_each(write_number), _each(_read_float)),
    "intervals": (_each(_write_interval), _each(_read_interval)),
    "confidence": (write_number, _read_float),
    "threshold": (write_number, _read_float),
    "counts": (_each(int), _each(_read_whole)),
    "confusion": (_write_matrix, _read_matrix),
    "curves": (_each(write_table), _each(read_table)),
    "by_partition": (write_table, read_table),
    "by_course": (write_table, read_table),
    "by_group": (_each(write_table), _each(read_table)),
    "precision_at_k": (write_table, read_table),
    "lead_time": (_each(write_number), _each(read_number)),
    "flip_rate": (write_number, _read_float),
    "data_fingerprint": (str, lambda text: _read_kind(text, str)),
}


def write_parts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Give the parts of an Evaluation as what JSON can hold.

    Parameters
    ----------
    parts : mapping of str to object
        Its fields.

    Returns
    -------
    data : dict
        The written fields, and "format".
    """
    written = {
        name: write(parts[name]) for name, (write, _) in _WRITERS_AND_READERS.items()
    }
    return {"format": FORMAT} | written


def read_parts(data: Any) -> dict[str, Any]:
    """Read what `write_parts` gave.

    Parameters
    ----------
    data : mapping
        The written fields, and "format".

    Returns
    -------
    parts : dict
        The fields.

    Raises
    ------
    ValueError
        If the format is another, a part is absent or unknown, or cannot be read.
    """
    _check_parts(data)
    parts = {}
    for name, (_, read) in _WRITERS_AND_READERS.items():
        try:
            parts[name] = read(data[name])
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            message = (
                f"The part {name!r} is not what Evaluation.to_dict gives: {error}. "
                "Take the evaluation from where it was written, or evaluate anew."
            )
            raise ValueError(message) from error
    return parts


def _check_parts(data: Any) -> None:
    if not isinstance(data, Mapping) or "format" not in data:
        message = (
            "Expected what Evaluation.to_dict gives, {'format': 1, 'metrics': ...}; "
            f"found {type(data).__name__} without a format. Pass that dictionary."
        )
        raise ValueError(message)
    found = data["format"]
    if type(found) is not int or found != FORMAT:
        message = (
            f"The evaluation is of format {found!r}; this edml reads format {FORMAT}. "
            "Read it with the edml that wrote it, or evaluate anew."
        )
        raise ValueError(message)
    missing = sorted(set(_WRITERS_AND_READERS) - set(data))
    unexpected = sorted(map(str, set(data) - {"format", *_WRITERS_AND_READERS}))
    if missing or unexpected:
        message = (
            f"The evaluation lacks the parts {missing} and has the unknown parts "
            f"{unexpected}. Take it whole from where it was written, or evaluate anew."
        )
        raise ValueError(message)
