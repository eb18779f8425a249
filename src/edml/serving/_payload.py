"""read_body: read an event table from the body of a request."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import pandas as pd

from edml.schema import COURSE, REQUIRED_COLUMNS, STUDENT
from edml.serving._arrow_body import (
    check_length,
    check_lines,
    has_other_separator,
    read_csv,
    read_parquet,
)
from edml.serving._cells import (
    Cells,
    choose_columns,
    is_number,
    is_plain,
    read_column,
    read_like_a_file,
    to_objects,
)
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


def read_body(
    body: bytes, content_type: str, *, limits: Limits, columns: Mapping[str, str]
) -> pd.DataFrame:
    """Read the events of an untrusted body, or raise a Problem.

    ``columns`` maps canonical to actual names; those of features must be present, as
    they are the ones that the model was trained with. The rest of the body is ignored.
    What was inferred is in ``attrs["notes"]``.
    """
    kind = _media_type(content_type)
    if len(body) > limits.max_body_bytes:
        raise refuse_body(limits)
    if not body:
        detail = "Expected events in the body; found an empty body. Send some."
        raise Problem(400, "empty-body", detail)
    # where a column has two roles, the required one decides how it is read
    roles = {columns[name]: name for name in sorted(columns, key=_is_required)}
    required = [columns[name] for name in REQUIRED_COLUMNS if name in columns]
    optional = [name for name in roles if name not in set(required)]
    notes: tuple[str, ...] = ()
    found: dict[str, Cells]
    if kind == CSV and has_other_separator(body):
        check_lines(body, limits)
        found, notes = read_like_a_file(BytesIO(body), roles)
        names = choose_columns(found, required, optional)
        check_length(len(found[names[0]]), limits)
        found = {name: found[name] for name in names}
    else:
        ids = {"ids": (columns[STUDENT], columns[COURSE])} if kind == CSV else {}
        found = _READERS[kind](body, required, optional, limits, **ids)
        if not all(is_plain(roles[name], cells) for name, cells in found.items()):
            # ids and names are read below: here any text stands for them
            table = pd.DataFrame(
                {
                    name: to_objects(cells) if is_number(roles[name]) else "x"
                    for name, cells in found.items()
                    if is_number(roles[name]) or name in required
                }
            )
            again, notes = read_like_a_file(table, roles)
            found |= {name: again[name] for name in found if is_number(roles[name])}
    index = pd.RangeIndex(len(next(iter(found.values()))))
    table = {}
    for name, cells in found.items():
        values = read_column(roles[name], name, cells)
        # a Series keeps the dtype of object arrays, which a DataFrame would change
        table[name] = pd.Series(values, index, values.dtype, copy=False)
    X = pd.DataFrame(table, index, copy=False)
    if notes:
        X.attrs["notes"] = list(notes)
    return X


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
