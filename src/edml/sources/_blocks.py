"""Read some columns of a file that may be larger than the memory, block by block."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, TextIO, cast

import pandas as pd

from edml._messages import coded
from edml._optional import import_optional
from edml.exceptions import TableError
from edml.sources._raw import label_lines, naming

_BLOCK = 100_000  # rows
_SEPARATORS = (",", ";", "\t", "|")
_NESTED = ("key", "value", "meta")  # of Canvas's exports
_UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read_blocks(
    path: Path, wanted: Collection[str], plain: Callable[[str], str] = str.lower
) -> Iterator[pd.DataFrame]:
    r"""Yield the wanted columns of CSV, JSON lines or Parquet, also with ``.gz``.

    ``plain`` makes the names of columns from those in the file. The cells of CSV are
    text, null where they are empty, in the tab-separated form also where they are
    ``\N``. Rows are labelled by their lines, or as a spreadsheet numbers them.
    """
    suffix = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    readers = {"parquet": _read_parquet, "csv": _read_csv, "tsv": _read_csv}
    read = readers.get(suffix, _read_csv if suffix == "txt" else _read_json)
    try:
        with naming(path.name):
            yield from read(path, set(wanted), plain)
    except TableError:
        raise
    except (ValueError, OSError, EOFError, zlib.error) as error:
        message = coded(
            "unreadable_export",
            f"{path.name} cannot be read as {suffix}: {type(error).__name__}. Export "
            "it again.",
            name=path.name,
        )
        raise TableError(message) from None  # its message may hold a value


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        if path.suffix.lower() != ".gz":
            yield file
            return
        with gzip.open(file) as unpacked:
            yield cast(IO[bytes], unpacked)


@contextmanager
def _open_text(path: Path) -> Iterator[TextIO]:
    with (
        _open(path) as file,
        TextIOWrapper(file, encoding="utf-8-sig", newline="") as text,
    ):
        yield text


def _read_csv(
    path: Path, wanted: set[str], plain: Callable[[str], str]
) -> Iterator[pd.DataFrame]:
    """Read CSV, or the tab-separated form, which has no quotes but escapes."""
    csv.field_size_limit(2**31 - 1)
    with _open_text(path) as file:
        top = file.readline()

        def find(sep: str) -> list[str]:
            names = next(csv.reader([top], _how(sep)), [])
            return [plain(name.strip()) for name in names]

        sep = max(_SEPARATORS, key=lambda sep: len(wanted.intersection(find(sep))))
        names, number = find(sep), 2
        kept = [place for place, name in enumerate(names) if name in wanted]
        file.seek(0)
        rows = csv.reader(file, _how(sep))
        try:
            next(rows, None)
            while block := list(islice(rows, _BLOCK)):
                for place, row in enumerate(block, start=number):
                    if len(row) not in (0, len(names)):
                        message = (
                            f"Expected {len(names)} fields in every line, as there are "
                            f"column names; found {len(row)} in line {place}. Correct "
                            "the line, or export the table again."
                        )
                        raise TableError(message)
                lines = [n for n, row in enumerate(block, start=number) if row]
                cells = {
                    names[place]: _cells([row[place] for row in block if row], sep)
                    for place in kept
                }
                yield pd.DataFrame(cells).set_axis(label_lines(lines))
                number += len(block)
        except csv.Error:
            message = (
                f"The quotes near line {rows.line_num} cannot be read. Export the "
                "table again."
            )
            raise TableError(message) from None


def _how(sep: str) -> type[csv.Dialect]:
    class Dialect(csv.excel):
        delimiter = sep
        strict = True
        quoting = csv.QUOTE_NONE if sep == "\t" else csv.QUOTE_MINIMAL

    return Dialect


def _cells(texts: list[str], sep: str) -> pd.Series:
    nulls = ("", r"\N") if sep == "\t" else ("",)
    cells = pd.Series([None if text in nulls else text for text in texts], dtype="str")
    if sep == "\t" and any("\\" in text for text in texts):
        cells = cells.str.replace(
            r"\\[\\tnr]", lambda found: _UNESCAPED[found[0]], regex=True
        )
    return cells


def _read_json(
    path: Path, wanted: set[str], plain: Callable[[str], str]
) -> Iterator[pd.DataFrame]:
    """Read JSON lines, whose fields may stand in ``key``, ``value`` and ``meta``."""
    names: dict[str, str] = {}  # found once per spelling: this runs for every field

    def flat(record: Any) -> dict[str, Any]:
        fields = dict(record)
        for part in _NESTED:
            if isinstance(fields.get(part), dict):
                fields |= fields.pop(part)
        found = {}
        for spelling, value in fields.items():
            name = names.get(spelling) or names.setdefault(spelling, plain(spelling))
            if name in wanted:
                nested = isinstance(value, list | dict)
                found[name] = json.dumps(value) if nested else value
        return found

    with _open_text(path) as file:
        begin = 1
        while lines := list(islice(file, _BLOCK)):
            rows = {n: one for n, one in enumerate(lines, start=begin) if one.strip()}
            records = [flat(_parse(n, line)) for n, line in rows.items()]
            columns = [name for name in wanted if any(name in one for one in records)]
            cells = {name: [one.get(name) for one in records] for name in columns}
            yield pd.DataFrame(cells, label_lines([*rows]), dtype=object)
            begin += len(lines)


def _parse(number: int, line: str) -> Any:
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        record = None
    if not isinstance(record, dict):
        message = f"Expected one JSON object per line; line {number} is not."
        raise TableError(message + " Export the table again.")
    return record


def _read_parquet(
    path: Path, wanted: set[str], plain: Callable[[str], str]
) -> Iterator[pd.DataFrame]:
    arrow = import_optional("pyarrow", extra="parquet", purpose="Parquet")
    parquet = import_optional("pyarrow.parquet", extra="parquet", purpose="Parquet")
    with _open(path) as file:
        whole = parquet.ParquetFile(file)
        tops = [
            name
            for name in whole.schema_arrow.names
            if name in _NESTED or plain(name) in wanted
        ]
        for batch in whole.iter_batches(_BLOCK, columns=tops):
            table = arrow.Table.from_batches([batch])
            while any(
                str(field.type).startswith("struct")
                for field in table.schema
                if field.name in _NESTED
            ):
                table = table.flatten()
            kept = [name for name in table.column_names if plain(name) in wanted]
            # whole numbers with nulls must not become floats, which round large ids
            block = table.select(kept).to_pandas(integer_object_nulls=True)
            for name in kept:
                if str(table.schema.field(name).type).startswith(("list", "large_l")):
                    block[name] = [
                        None if cell is None else json.dumps(list(cell))
                        for cell in block[name]
                    ]
            yield block.rename(columns=plain)
