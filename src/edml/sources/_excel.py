"""Read sheets of Excel workbooks."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import Any

import pandas as pd

from edml._messages import coded, table_error
from edml._optional import import_optional
from edml.exceptions import TableError
from edml.sources._header import N_TOP, check_top
from edml.sources._raw import LARGEST_SIZE, Dialect, Expected, Raw, label_lines

_Row = tuple[int, tuple[Any, ...]]
_Formats = dict[int, dict[bool, int]]


def read_excel(data: bytes, given: Dialect, expected: Expected) -> Raw:
    """Read a sheet; by default the one whose first row holds most of the known names.

    Formulas have the values that the workbook was saved with.
    """
    with open_workbook(data) as book:
        return _read_book(book, given.sheet, set(expected.known), _note_merged(data))


@contextmanager
def open_workbook(data: bytes) -> Iterator[Any]:
    """Open a workbook whose size is within the limit, to read its values."""
    # python-calamine is faster, but two far cells make it abort the process, and it
    # reads a cell that holds an error as an empty one.
    openpyxl = import_optional("openpyxl", extra="excel", purpose="Excel")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(part.file_size for part in archive.infolist())
        if size > LARGEST_SIZE:
            raise table_error(
                "too_large", "It unpacks to more than 4 GB. Split the workbook."
            )
        with warnings.catch_warnings():  # of styles and extensions that it lacks
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(
                io.BytesIO(data), read_only=True, data_only=True
            )
            with closing(book):
                yield book
    except TableError:
        raise
    except Exception:  # it raises many kinds, whose messages may quote the file
        raise table_error(
            "not_excel",
            "It cannot be read as an Excel workbook. Save it again as .xlsx.",
        ) from None


def _note_merged(data: bytes) -> list[str]:
    """Note merged cells, which openpyxl shows only to who loads a whole workbook."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for part in archive.namelist():
            if not part.startswith("xl/worksheets/"):
                continue
            with archive.open(part) as file:
                end = b""
                while piece := file.read(2**20):
                    if b"mergeCells" in end + piece:
                        message = coded(
                            "read_merged",
                            "It has merged cells, of which the first one holds the "
                            "value and the others are empty: if they are among the "
                            "rows, unmerge them and fill each cell.",
                        )
                        return [message]
                    end = piece[-10:]
    return []


def _read_book(book: Any, sheet: str | None, known: set[str], notes: list[str]) -> Raw:
    sheets = {one.title: one for one in book.worksheets}
    if sheet is None:
        tops = {title: [*islice(_rows(one), N_TOP)] for title, one in sheets.items()}

        def fitness(title: str) -> int:
            n_known = (len(known.intersection(cells)) for _, cells in tops[title])
            return max(n_known, default=0)

        sheet = max(tops, key=fitness)
        if len(sheets) > 1:
            message = coded(
                "read_sheet",
                f"It has {len(sheets)} sheets, of which {sheet!r} was read; fix it "
                f"with sheet={sheet!r}.",
                n=len(sheets),
                sheet=sheet,
            )
            notes.append(message)
    elif sheet not in sheets:
        raise table_error(
            "no_sheet",
            f"It has no sheet {sheet!r}. Its sheets are {list(sheets)}.",
            sheet=sheet,
            sheets=list(sheets),
        )
    formats: _Formats = {}
    rows = _rows(sheets[sheet], formats)
    top = [*islice(rows, N_TOP)]
    if not top:
        raise table_error(
            "empty_file", "It is empty. Write a row of column names, and rows below it."
        )
    check_top(top, known)
    line, names = top[0]
    found = []
    for number, cells in chain(top[1:], rows):
        if len(cells) > len(names):
            raise table_error(
                "unnamed_cell",
                f"Line {line} holds no name for column {len(cells)}, which has a value "
                f"in line {number}. Name it, or empty it.",
                line=number,
                place=len(cells),
            )
        found.append((number, cells + (None,) * (len(names) - len(cells))))
    _check_percents({names[place]: lines for place, lines in formats.items()}, known)
    frame = pd.DataFrame(
        [cells for _, cells in found], columns=range(len(names)), dtype=object
    )
    texts = ["" if name is None else str(name) for name in names]
    frame.columns = pd.Index(texts, dtype=object)
    frame.index = label_lines([number for number, _ in found])
    return Raw("excel", frame, notes, Dialect(sheet=sheet), f"Line {line}")


def _rows(sheet: Any, formats: _Formats | None = None) -> Iterator[_Row]:
    """Yield the line and the cells, up to the last, of every row that is not empty.

    ``formats`` gets the first lines of a column's numbers with and without percent.
    """
    sheet.reset_dimensions()  # which some programs write wrongly
    for line, row in enumerate(sheet.iter_rows(), start=1):
        cells = tuple(cell.value for cell in row)
        for place, cell in enumerate(cells):
            if formats is not None and isinstance(cell, (int, float)):
                percent = "%" in row[place].number_format
                formats.setdefault(place, {}).setdefault(percent, line)
        n_cells = len(cells)
        while n_cells and _is_blank(cells[n_cells - 1]):
            n_cells -= 1
        if n_cells:
            yield line, cells[:n_cells]


def _check_percents(formats: dict[str, dict[bool, int]], known: set[str]) -> None:
    """Reject columns in which 85 % is 0.85 in one line and 85 in another."""
    for name, lines in formats.items():
        if name in known and len(lines) > 1:
            raise table_error(
                "mixed_percents",
                f"Column {name!r} mixes formats: line {lines[True]} holds a "
                "percentage, which Excel keeps as a fraction, and line "
                f"{lines[False]} a plain number. Format the whole column "
                "alike, and correct its values.",
                column=name,
                percent=lines[True],
                plain=lines[False],
            )


def _is_blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
