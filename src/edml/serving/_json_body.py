"""Read JSON bodies: records or columns, from untrusted bytes to lists of cells."""

from collections.abc import Collection, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edml._optional import import_optional
from edml.serving._limits import Limits
from edml.serving._problem import Problem, refuse_missing, refuse_size

_SLACK = 1000  # brackets that names may contain, in addition to one for each row
_ADVICE = (
    "Send a list of records, [{column: value, ...}, ...], or an object of columns, "
    "{column: {row: value, ...}, ...}."
)


def read_json(
    body: bytes, required: Collection[str], optional: Collection[str], limits: Limits
) -> dict[str, Sequence[Any]]:
    """Read the named columns as sequences of one length; ignore all others."""
    n_brackets = _count_brackets(body, limits)
    document = _parse(body)
    if isinstance(document, list):
        n_rows, n_keys = len(document), _check_records(document)
        n_containers = n_rows + 1
    else:
        n_rows, n_keys = _check_columns(document)
        n_containers = len(document) + 1
    if n_brackets != n_containers:  # some cells are nested, or strings contain brackets
        _check_nesting(body, limits)
    _check_keys(body, document, n_keys)
    if n_rows > limits.max_rows:
        raise refuse_size(f"{n_rows:,} rows", f"{limits.max_rows:,}")
    if isinstance(document, list):
        return _records_to_columns(document, required, optional)
    return _align_columns(document, required, optional)


def _parse(body: bytes) -> Any:
    orjson = import_optional("orjson", extra="serve", purpose="Serving")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        detail = (
            f"Expected JSON in UTF-8; found something else at line {error.lineno}, "
            f"column {error.colno} of the body. Correct it there; NaN and Infinity are "
            "not JSON, send null."
        )
        raise Problem(400, "no-json", detail) from error


# -- what orjson lets pass -------------------------------------------------------------


def _count_brackets(body: bytes, limits: Limits) -> int:
    """Count objects and lists, and reject too many before they use memory."""
    most = 2 * limits.max_rows + _SLACK
    found = body.count(b"{") + body.count(b"[")
    if found > most and _Structure(body).count(b"{[") > most:
        raise refuse_size("far more rows", f"{limits.max_rows:,}")
    return found


def _check_nesting(body: bytes, limits: Limits) -> None:
    depth = _Structure(body).depth()
    if depth > limits.max_depth:
        detail = (
            f"Expected at most {limits.max_depth} levels of nesting; found {depth}. "
            f"{_ADVICE}"
        )
        raise Problem(400, "too-deep", detail)


def _check_keys(body: bytes, document: Any, n_keys: int) -> None:
    """Reject duplicate keys, of which the parser keeps the last.

    Every key has one colon, so there are as many colons outside of strings as keys.
    """
    if body.count(b":") == n_keys:
        return
    n_colons = _Structure(body).count(b":")
    if n_colons not in (n_keys, _count_keys(document)):
        detail = (
            "Expected every key of an object once; found a duplicate. Send each key "
            "once: which of the values is meant is unknown."
        )
        raise Problem(400, "duplicate-key", detail)


def _count_keys(document: Any) -> int:
    """Count the keys of all objects; the depth of nesting was checked before."""
    if isinstance(document, dict):
        return len(document) + sum(map(_count_keys, document.values()))
    return sum(map(_count_keys, document)) if isinstance(document, list) else 0


class _Structure:
    """The bytes of a JSON document outside of its strings."""

    def __init__(self, body: bytes) -> None:
        # Match escapes in pairs from the left; no remaining quote is escaped.
        plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        self._bytes = np.frombuffer(plain, dtype=np.uint8)
        self._quotes = np.flatnonzero(self._bytes == ord('"'))

    def _find(self, signs: bytes) -> NDArray[np.intp]:
        found = np.flatnonzero(np.isin(self._bytes, list(signs)))
        return found[np.searchsorted(self._quotes, found) % 2 == 0]

    def count(self, signs: bytes) -> int:
        return len(self._find(signs))

    def depth(self) -> int:
        signs = self._bytes[self._find(b"{}[]")]
        steps = np.where((signs == ord("{")) | (signs == ord("[")), 1, -1)
        return int(np.cumsum(steps).max(initial=0))


# -- records ---------------------------------------------------------------------------


def _check_records(document: list[Any]) -> int:
    """Check that a list contains only objects, and count their keys."""
    if not document:
        _refuse("found an empty list")
    if set(map(type, document)) != {dict}:
        row = next(i for i, one in enumerate(document) if not isinstance(one, dict))
        _refuse(f"found an entry of the list that is not an object (row {row})", (row,))
    return sum(map(len, document))


def _records_to_columns(
    rows: list[dict[str, Any]], required: Collection[str], optional: Collection[str]
) -> dict[str, Sequence[Any]]:
    names = [*required, *(name for name in optional if name in rows[0])]
    try:
        cells = zip(*map(itemgetter(*names), rows), strict=True)
        return dict(zip(names, cells, strict=True))
    except KeyError:
        pass
    absent = [name for name in required if not any(name in row for row in rows)]
    if absent:
        raise refuse_missing(absent)
    for name in required:
        lacking = (i for i, row in enumerate(rows) if name not in row)
        if first := tuple(islice(lacking, 5)):
            detail = (
                f"Expected the column {name!r} in every record; it is missing in some "
                f"(rows {', '.join(map(str, first))}, counted from 0, and maybe more). "
                "Send null where there is no value."
            )
            raise Problem(422, "missing-column", detail, column=name, rows=first)
    return {name: [row.get(name) for row in rows] for name in names}


# -- columns ---------------------------------------------------------------------------


def _check_columns(document: Any) -> tuple[int, int]:
    """Check that an object contains only objects; count its rows and all keys."""
    if not isinstance(document, dict):
        _refuse("found neither a list nor an object")
    if not document:
        _refuse("found an empty object")
    if set(map(type, document.values())) != {dict}:
        _refuse("found an object with a member that is not an object of rows")
    sizes = [len(cells) for cells in document.values()]
    return max(sizes), len(document) + sum(sizes)


def _align_columns(
    document: dict[str, dict[str, Any]],
    required: Collection[str],
    optional: Collection[str],
) -> dict[str, Sequence[Any]]:
    absent = [name for name in required if name not in document]
    if absent:
        raise refuse_missing(absent)
    names = [*required, *(name for name in optional if name in document)]
    labels = list(document[names[0]])
    if not labels:
        _refuse("found columns without rows")
    found: dict[str, Sequence[Any]] = {}
    for name in names:
        cells = document[name]
        if list(cells) == labels:
            found[name] = list(cells.values())
        elif cells.keys() == document[names[0]].keys():
            found[name] = [cells[label] for label in labels]
        else:
            detail = (
                f"Expected the same rows in every column; those of {name!r} differ "
                f"from those of {names[0]!r}. Send null where there is no value."
            )
            raise Problem(422, "ragged-columns", detail, column=name)
    return found


def _refuse(found: str, rows: tuple[int, ...] = ()) -> NoReturn:
    raise Problem(
        422, "no-table", f"Expected a table of events; {found}. {_ADVICE}", rows=rows
    )
