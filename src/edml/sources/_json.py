"""Read JSON: a record per line, a list of records, or an object of columns."""

import json
from typing import Any

import pandas as pd

from edml._messages import Rows, table_error
from edml.sources._csv import as_text
from edml.sources._raw import Dialect, Expected, Raw, label_lines

_ADVICE = (
    "Write a record in every line, {column: value, ...}, a list of records, or an "
    "object of columns, {column: {row: value, ...}, ...}."
)


def read_json(data: bytes, given: Dialect, _: Expected) -> Raw:
    """Read JSON of any of the three forms; a name that a record lacks is null."""
    notes: list[str] = []
    text, encoding = as_text(data, given.encoding, notes)
    whole = _parse_whole(text)
    if isinstance(whole, dict):
        whole = whole if _is_columns(whole) else [whole]
    if isinstance(whole, dict):
        frame = _from_columns(whole)
    elif whole is not None:
        frame = _from_records(whole, "record", range(1, len(whole) + 1))
    else:
        lines = [one for one in enumerate(text.split("\n"), 1) if one[1].strip()]
        records = [_parse(line, number) for number, line in lines]
        frame = _from_records(records, "line", [number for number, _ in lines])
    return Raw("json", frame, notes, Dialect(encoding=encoding))


def _parse_whole(text: str) -> Any:
    """Parse a document that is a list or an object of columns; None for lines."""
    first, _, rest = text.strip().partition("\n")
    if first[:1] not in ("[", "{"):
        raise table_error("not_json", f"It is not JSON. {_ADVICE}")
    if rest and first[0] == "{" and first.rstrip().endswith("}"):
        return None
    return _parse(text)


def _parse(text: str, line: int | None = None) -> Any:
    """Parse a document, or one line of a file with a document per line."""
    where = "the file" if line is None else f"line {line}"
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line = line or error.lineno
        raise table_error(
            "not_json_at",
            f"It is not JSON in line {line}, column {error.colno}. {_ADVICE}",
            line=line,
        ) from None
    except RecursionError:
        raise table_error(
            "nested_json", f"It is nested too deeply in {where}. {_ADVICE}"
        ) from None
    except _DoubledError as error:
        raise table_error(
            "doubled_in_json",
            f"An object in {where} holds the names {error} more than once. Write each "
            "name once.",
            columns=error.args[0],
        ) from None


class _DoubledError(Exception):
    """An object has a name more than once, of which the parser keeps the last."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DoubledError(sorted({name for name in names if names.count(name) > 1}))
    return found


def _from_records(records: list[Any], label: str, numbers: Any) -> pd.DataFrame:
    for number, record in zip(numbers, records, strict=True):
        if not isinstance(record, dict):
            raise table_error(
                "no_record",
                f"Expected a record in {label} {number}. {_ADVICE}",
                where=Rows(label, (number,)),
            )
    names = list(dict.fromkeys(name for record in records for name in record))
    frame = pd.DataFrame(
        {name: _objects([record.get(name) for record in records]) for name in names}
    )
    frame.index = label_lines(list(numbers)).rename(label)
    return frame


def _is_columns(document: dict[str, Any]) -> bool:
    return bool(document) and all(isinstance(one, dict) for one in document.values())


def _from_columns(document: dict[str, dict[str, Any]]) -> pd.DataFrame:
    first, labels = next((name, list(cells)) for name, cells in document.items())
    table = {}
    for name, cells in document.items():
        if cells.keys() != document[first].keys():
            raise table_error(
                "unequal_columns",
                f"Expected the same rows in every column; those of {name!r} differ "
                f"from those of {first!r}. Write null where there is no value.",
                first=first,
                second=name,
            )
        table[name] = _objects([cells[label] for label in labels])
    frame = pd.DataFrame(table)
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="record")
    return frame


def _objects(cells: list[Any]) -> pd.Series:
    return pd.Series(cells, dtype=object)
