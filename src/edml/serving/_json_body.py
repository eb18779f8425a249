"""Read JSON bodies: records or columns, from untrusted bytes to lists of cells."""

from collections.abc import Collection, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np
import orjson

from edml.serving._cells import choose_columns
from edml.serving._limits import Limits
from edml.serving._problem import Problem, refuse_size

_PIECE = 2**20  # bytes of a body that are searched at once
_SLACK = 1000  # brackets that names may contain, in addition to one for each row
_ADVICE = (
    "Send a list of records, [{column: value, ...}, ...], or an object of columns, "
    "{column: {row: value, ...}, ...}."
)


def read_json(
    body: bytes, required: Collection[str], optional: Collection[str], limits: Limits
) -> dict[str, Sequence[Any]]:
    """Read the named columns as sequences of one length; ignore all others."""
    # each row has one bracket, and too many would use memory before they are counted
    most = 2 * limits.max_rows + _SLACK
    n_brackets = body.count(b"{") + body.count(b"[")
    if n_brackets > most and _count_outside_texts(body, b"{[", most) > most:
        raise refuse_size("far more rows", f"{limits.max_rows:,}")
    document = _parse(body)
    is_records = isinstance(document, list)
    parts = _check_records(document) if is_records else _check_columns(document)
    n_keys = sum(map(len, parts)) + (0 if is_records else len(parts))
    if n_brackets != len(parts) + 1 or body.count(b":") != n_keys:
        # some cells are nested, strings hold these signs, or a key is there twice
        _check_structure(body, document, limits)
    n_rows = len(parts) if is_records else max(map(len, parts))
    if n_rows > limits.max_rows:
        raise refuse_size(f"{n_rows:,} rows", f"{limits.max_rows:,}")
    if is_records:
        return _records_to_columns(document, required, optional)
    return _align_columns(document, required, optional)


def _parse(body: bytes) -> Any:
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


def _check_structure(body: bytes, document: Any, limits: Limits) -> None:
    """Reject deep nesting, and duplicate keys, of which the parser keeps the last."""
    depth, n_keys = _measure(document)
    if depth > limits.max_depth:
        detail = (
            f"Expected at most {limits.max_depth} levels of nesting; found {depth}. "
            f"{_ADVICE}"
        )
        raise Problem(400, "too-deep", detail)
    if _count_outside_texts(body, b":") != n_keys:  # every key has one colon
        detail = (
            "Expected every key of an object once; found a duplicate. Send each key "
            "once: which of the values is meant is unknown."
        )
        raise Problem(400, "duplicate-key", detail)


def _measure(document: Any) -> tuple[int, int]:
    """Return the depth of nesting and the number of keys of all objects."""
    depth = n_keys = 0
    level = [document]
    while level:
        depth += 1
        objects = [one for one in level if isinstance(one, dict)]
        n_keys += sum(map(len, objects))
        lists = [one for one in level if isinstance(one, list)]
        cells = chain.from_iterable([*lists, *(one.values() for one in objects)])
        level = [cell for cell in cells if isinstance(cell, (dict, list))]
    return depth, n_keys


def _count_outside_texts(body: bytes, signs: bytes, most: float = np.inf) -> int:
    """Count signs outside of texts, but not far beyond ``most``."""
    if b"\\" in body:  # match escapes in pairs from the left
        body = body.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    total, inside = 0, False
    for start in range(0, len(body), _PIECE):
        found = np.frombuffer(body[start : start + _PIECE], dtype=np.uint8)
        quoted = np.logical_xor.accumulate(found == ord('"')) ^ inside
        wanted = np.logical_or.reduce([found == sign for sign in signs])
        total += int(np.count_nonzero(wanted & ~quoted))
        if total > most:
            break
        inside = bool(quoted[-1])
    return total


# -- records ---------------------------------------------------------------------------


def _check_records(document: list[Any]) -> list[dict[str, Any]]:
    """Return a list, after a check that it contains only objects."""
    if not document:
        _refuse("found an empty list")
    if set(map(type, document)) != {dict}:
        row = next(i for i, one in enumerate(document) if not isinstance(one, dict))
        _refuse(f"found an entry of the list that is not an object (row {row})", (row,))
    return document


def _records_to_columns(
    rows: list[dict[str, Any]], required: Collection[str], optional: Collection[str]
) -> dict[str, Sequence[Any]]:
    names = choose_columns(rows[0], required, optional)
    try:
        cells = zip(*map(itemgetter(*names), rows), strict=True)
        return dict(zip(names, cells, strict=True))
    except KeyError:
        pass
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


def _check_columns(document: Any) -> list[dict[str, Any]]:
    """Return the columns of an object, after a check that they are objects."""
    if not isinstance(document, dict):
        _refuse("found neither a list nor an object")
    if not document:
        _refuse("found an empty object")
    if set(map(type, document.values())) != {dict}:
        _refuse("found an object with a member that is not an object of rows")
    return list(document.values())


def _align_columns(
    document: dict[str, dict[str, Any]],
    required: Collection[str],
    optional: Collection[str],
) -> dict[str, Sequence[Any]]:
    names = choose_columns(document, required, optional)
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
