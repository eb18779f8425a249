"""What goes over the wire: a table as a body, and the answer as a table."""

import importlib.util
import io
import json
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import ServingError
from edml.schema import COURSE, FINAL_GRADE, PARTITION, STUDENT

PARQUET = "application/vnd.apache.parquet"
JSON = "application/json"

_COLUMNS = {
    "user_uuid": STUDENT,
    "course_uuid": COURSE,
    "partition": PARTITION,
    "probability": "probability",
    "flagged": "flagged",
    "threshold": "threshold",
}
_REASONS = {"reasons": "reasons", "facts": "facts"}
_DTYPES = {PARTITION: "int64", "probability": "float64", "flagged": "bool"}


def encode(X: pd.DataFrame) -> tuple[bytes, str]:
    """Write a table as a body: Parquet where pyarrow is installed, else JSON.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The events; a final grade is left out.

    Returns
    -------
    body : bytes
        The table, without its index.
    content_type : str
        What it is.

    Raises
    ------
    ServingError
        If a column cannot be written, or two have one name.
    """
    X = X.drop(columns=FINAL_GRADE, errors="ignore")
    X.attrs = {}  # they would be sent with it
    names = X.columns
    if names.has_duplicates or not all(isinstance(name, str) for name in names):
        message = (
            "Expected columns with different names that are str; found others. Rename "
            "them."
        )
        raise ServingError(message)
    if importlib.util.find_spec("pyarrow") is not None:
        body = io.BytesIO()
        try:
            X.to_parquet(body, engine="pyarrow", index=False)
        except (ValueError, TypeError, OverflowError, NotImplementedError):
            pass  # a column of several types, say; JSON has no types
        else:
            return body.getvalue(), PARQUET
    return _encode_json(X), JSON


def _encode_json(X: pd.DataFrame) -> bytes:
    columns = {name: _json_values(column) for name, column in X.items()}
    try:
        rows = [
            dict(zip(columns, row, strict=True))
            for row in zip(*columns.values(), strict=True)
        ]
        return json.dumps(rows, allow_nan=False, default=_plain).encode()
    except (TypeError, ValueError):
        message = (
            "Expected columns of text, numbers and dates; found one that JSON cannot "
            f"carry among {sorted(columns)}. Convert it, or drop it."
        )
        raise ServingError(message) from None


def _json_values(column: pd.Series) -> list[Any]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        column = _epochs(column)
    values = column.astype(object).where(column.notna().to_numpy(), None)
    return values.to_list()


def _epochs(column: pd.Series) -> pd.Series:
    """Give dates as the model would read them; those without a zone are UTC."""
    dates = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    moments = dates.to_numpy(dtype="datetime64[us]")
    return pd.Series(moments.astype(np.int64) / 1e6).mask(np.isnat(moments))


def _plain(value: Any) -> Any:
    """Give the number within a NumPy scalar."""
    if isinstance(value, np.generic):
        return value.item()
    message = f"JSON has no {type(value).__name__}"
    raise TypeError(message)


def read_answer(answer: dict[str, Any], explain: bool) -> pd.DataFrame:
    """Read the answer to a table.

    Parameters
    ----------
    answer : dict
        What the endpoint sent.
    explain : bool
        Whether reasons and facts were asked for.

    Returns
    -------
    students : DataFrame
        As `RiskClient.predict` gives it.

    Raises
    ------
    ServingError
        If something is missing in it.
    """
    wanted = {
        **_COLUMNS,
        **({"reasons": "reasons", "facts": "facts"} if explain else {}),
    }
    try:
        version = answer["model"]["version"]
        entries = answer["predictions"]
        students = pd.DataFrame(
            {name: [entry[key] for entry in entries] for key, name in wanted.items()}
        ).astype(_DTYPES)
    except (KeyError, TypeError, ValueError):
        message = (
            "Expected predictions as this version of edml writes them; found others. "
            "Install the same version of edml on both sides."
        )
        raise ServingError(message) from None
    students.insert(len(_COLUMNS), "model_version", version)
    return students


def parse(data: bytes) -> Any:
    """Read JSON; None where it is none.

    Parameters
    ----------
    data : bytes
        The text.

    Returns
    -------
    document : object
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def refusal(url: str, status: int, problem: dict[str, Any]) -> str:
    """Say in a line why the endpoint refused.

    Parameters
    ----------
    url : str
        Its address.
    status : int
        The HTTP status.
    problem : dict
        The document of RFC 9457.

    Returns
    -------
    text : str
    """
    parts = [
        f"{url} refused ({status}): {problem.get('detail') or problem.get('title')}"
    ]
    for name in ("column", "rows", "request_id"):
        if problem.get(name) not in (None, []):
            parts.append(f"{name.replace('_', ' ')}: {problem[name]}")
    return " ".join(part if part.endswith(".") else f"{part}." for part in parts)
