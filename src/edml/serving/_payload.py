"""read_events: read an event table from the body of a request."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from edml.schema import REQUIRED_COLUMNS
from edml.serving._arrow_body import read_csv, read_parquet
from edml.serving._cells import read_column
from edml.serving._json_body import read_json
from edml.serving._limits import Limits
from edml.serving._problem import Problem, refuse_body

JSON = "application/json"
CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"

_READERS: dict[str, Callable[..., dict[str, Any]]] = {
    JSON: read_json,
    CSV: read_csv,
    PARQUET: read_parquet,
}
_CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}


def read_events(
    body: bytes, content_type: str, *, limits: Limits, columns: Mapping[str, str]
) -> pd.DataFrame:
    """Read the events of an untrusted body, or raise a Problem.

    ``columns`` maps canonical to actual names; the required columns of an event table
    must be present. The rest of the body is ignored.
    """
    read = _READERS[_media_type(content_type)]
    if len(body) > limits.max_body_bytes:
        raise refuse_body(limits)
    if not body:
        detail = "Expected events in the body; found an empty body. Send some."
        raise Problem(400, "empty-body", detail)
    # where a column has two roles, the required one decides how it is read
    roles = {columns[name]: name for name in sorted(columns, key=_is_required)}
    required = [columns[name] for name in REQUIRED_COLUMNS]
    optional = [name for name in roles if name not in set(required)]
    found = read(body, required, optional, limits)
    index = pd.RangeIndex(len(next(iter(found.values()))))
    table = {}
    for name, cells in found.items():
        values = read_column(roles[name], name, cells)
        # a Series keeps the dtype of object arrays, which a DataFrame would change
        table[name] = pd.Series(values, index, values.dtype, copy=False)
    return pd.DataFrame(table, index, copy=False)


def _is_required(name: str) -> bool:
    return name in REQUIRED_COLUMNS


def _media_type(header: str) -> str:
    kind, *parameters = (part.strip().lower() for part in header.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(" \"'") not in _CHARSETS:
            detail = (
                "Expected text in UTF-8; found another charset in the header "
                "Content-Type. Encode the body in UTF-8."
            )
            raise Problem(415, "charset", detail)
    if kind not in _READERS:
        detail = (
            f"Expected the header Content-Type to be one of {', '.join(_READERS)}; "
            "found another, or none. Name the format of the body."
        )
        raise Problem(415, "content-type", detail)
    return kind
