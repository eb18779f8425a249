"""The fields of an Evaluation, and their lossless JSON form."""

import json
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


_DTYPES = {"float64", "int64", "bool", "str"}  # of the columns of a table


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
            # so that nothing is read as another value, such as 1 for True
            if _spell(_write(fields[name])) != _spell(data[name]):
                message = "it would be read as something else"
                raise ValueError(message)
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


def _spell(part: Any) -> str:
    return json.dumps(part, sort_keys=True)


def _parts_since_2() -> dict[str, Any]:
    """Return the parts that evaluations of format 1 lack, empty."""
    return {"contacts": no_contacts(), "draws": _read_table([]), "resamples": ""}


def _find_readers(data: Any) -> dict[str, Callable[[Any], Any]]:
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
        return {str(key): _write(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_write(item) for item in value]
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, float) or math.isfinite(value):
        return value
    return next((text for text, one in _INFINITE.items() if one == value), None)


def _write_table(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Convert a table to a list of its columns, each with name, dtype and values."""
    dtypes = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
    if (
        list(table.columns) != list(dtypes)
        or not set(dtypes.values()) <= _DTYPES
        or not table.index.equals(pd.RangeIndex(len(table)))
    ):
        message = (
            f"A table of an Evaluation needs distinct text as column names, the dtypes "
            f"{sorted(_DTYPES)}, and rows numbered from 0; found {dtypes}. Convert the "
            "columns, and reset the index."
        )
        raise ValueError(message)
    return [
        {"name": name, "dtype": dtype, "values": _write(table[name].tolist())}
        for name, dtype in dtypes.items()
    ]


def _read_table(columns: list[dict[str, Any]]) -> pd.DataFrame:
    series = {}
    for column in columns:
        values, dtype = column["values"], column["dtype"]
        if dtype == "float64":
            values = [*map(_read_number, values)]
        series[column["name"]] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(series, columns=pd.Index(list(series), dtype="str"))


def _read_tables(tables: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    return {name: _read_table(columns) for name, columns in tables.items()}


def _read_number(value: Any) -> float:
    if isinstance(value, str):
        return _INFINITE[value]
    if value is not None and type(value) not in (int, float):
        message = f"expected a number, found {type(value).__name__}"
        raise TypeError(message)
    return math.nan if value is None else value


def _read_numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: _read_number(value) for name, value in values.items()}


def _read_intervals(values: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    return {k: (_read_number(low), _read_number(up)) for k, (low, up) in values.items()}


def _read_counts(values: Mapping[str, Any]) -> dict[str, int]:
    return {name: int(value) for name, value in values.items()}


def _read_matrix(rows: list[list[int]]) -> IntArray:
    whole = [[int(value) for value in row] for row in rows]
    return np.array(whole, dtype=np.int64).reshape(2, 2)


_READERS: dict[str, Callable[[Any], Any]] = {
    "metrics": _read_numbers,
    "intervals": _read_intervals,
    "confidence": _read_number,
    "threshold": _read_number,
    "counts": _read_counts,
    "confusion": _read_matrix,
    "curves": _read_tables,
    "by_partition": _read_table,
    "by_course": _read_table,
    "by_group": _read_tables,
    "precision_at_k": _read_table,
    "lead_time": _read_numbers,
    "flip_rate": _read_number,
    "data_fingerprint": str,
    "contacts": _read_table,
    "draws": _read_table,
    "resamples": str,
}
