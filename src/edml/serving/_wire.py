"""The wire format of RiskClient: encode a table, and read the response."""

import importlib.util
import io
import json
import warnings
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import coded
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
    """Return a table as a body and its content type, without index and final grade.

    It is Parquet if pyarrow is installed and can store the table, else JSON.
    """
    X = X.drop(columns=FINAL_GRADE, errors="ignore")
    X.attrs = {}  # Parquet would carry them
    names = X.columns
    if names.has_duplicates or not all(isinstance(name, str) for name in names):
        raise ServingError(
            "Expected columns with different names that are str; found others. Rename "
            "them."
        )
    if importlib.util.find_spec("pyarrow") is not None:
        body = io.BytesIO()
        try:
            X.to_parquet(body, engine="pyarrow", index=False)
        except (ValueError, TypeError, OverflowError, NotImplementedError):
            pass  # for example a column of mixed types; JSON has no types
        else:
            return body.getvalue(), PARQUET
    return _encode_json(X), JSON


def _encode_json(X: pd.DataFrame) -> bytes:
    """Write {column: {row: value}}, each column on its own to name one that fails."""
    parts = []
    for name, column in X.items():
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            column = _epochs(column)  # noqa: PLW2901
        cells = column.astype(object).where(column.notna().to_numpy(), None)
        try:
            text = json.dumps(dict(enumerate(cells)), allow_nan=False, default=_plain)
        except (TypeError, ValueError):
            raise ServingError(
                "Expected columns of text, numbers and dates; JSON cannot hold "
                f"{name!r}. Convert it, or drop it: the endpoint does not read other "
                "types."
            ) from None
        parts.append(f"{json.dumps(name)}: {text}")
    return f"{{{', '.join(parts)}}}".encode()


def _epochs(column: pd.Series) -> pd.Series:
    """Return dates as epoch seconds, as the model reads them; naive ones are UTC."""
    dates = pd.to_datetime(column, utc=True).dt.tz_localize(None)
    moments = dates.to_numpy(dtype="datetime64[us]")
    return pd.Series(moments.astype(np.int64) / 1e6).mask(np.isnat(moments))


def _plain(value: Any) -> Any:
    """Convert a NumPy scalar to a Python number."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"JSON has no {type(value).__name__}")


def read_answer(answer: dict[str, Any], explain: bool) -> pd.DataFrame:
    """Convert the response of /predict to the table of `RiskClient.predict`."""
    wanted = {**_COLUMNS, **(_REASONS if explain else {})}
    try:
        version = answer["model"]["version"]
        entries = answer["predictions"]
        students = pd.DataFrame(
            {name: [entry[key] for entry in entries] for key, name in wanted.items()}
        ).astype(_DTYPES)
    except (KeyError, TypeError, ValueError):
        raise ServingError(
            "Expected predictions as this version of edml writes them; found others. "
            "Install the same version of edml on both sides."
        ) from None
    if answer.get("notes"):
        warnings.warn(" ".join(map(str, answer["notes"])), stacklevel=3)
    students.insert(len(_COLUMNS), "model_version", version)
    return students


def parse(data: bytes) -> Any:
    """Parse a JSON document; return None if it is not JSON."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def refusal(url: str, status: int, problem: dict[str, Any]) -> str:
    """Return an RFC 9457 document as a one-line error message."""
    reason = problem.get("detail") or problem.get("title")
    parts = [f"{url} answered {status}: {reason}"]
    for name in ("column", "rows", "parameter", "request_id"):
        if problem.get(name) not in (None, []):
            parts.append(f"{name.replace('_', ' ')}: {problem[name]}")
    message = " ".join(part if part.endswith(".") else f"{part}." for part in parts)
    column = problem.get("column")
    if column:
        return coded("rejected_column", message, url=url, column=column)
    return coded("rejected", message, url=url, status=status)
