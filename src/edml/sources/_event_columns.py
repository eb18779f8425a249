"""Read the columns of an event table by their roles, and note what was inferred."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded, join
from edml._words import count
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    REQUIRED_COLUMNS,
    SNAPSHOT_KEYS,
    STUDENT,
    IntArray,
    read_partitions,
    read_periods,
)
from edml.sources._cells import (
    NULL_WORDS,
    Texts,
    is_objects,
    read_keys,
    read_numbered,
    read_numbers,
    read_texts,
    recode,
)
from edml.sources._dates import Dates, read_dates
from edml.sources._raw import Expected

#: The columns that hold nothing but numbers.
NUMBERS = (PARTITION, *NUMBER_COLUMNS)
_IDS = (STUDENT, COURSE, "legajo", "sub_uuid")
NUMBERED = "assignment_id"  # an id that is ordered by size where it is a number
_UNIT_NAMES = {"ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


class Column(NamedTuple):
    """A column that was read, and what the report says about it."""

    cells: pd.Series
    dates: Dates | None = None
    whole: bool = False  # ids had a ``.0``
    distinct: pd.Series | None = None  # the texts in it
    n_alike: int = 0  # ids that differ in spelling only


def expect(names: Mapping[str, str]) -> Expected:
    """Return the columns that an event table may have, by their actual names."""
    return Expected(
        set(names.values()),
        [names[one] for one in SNAPSHOT_KEYS],
        [names[one] for one in (*NUMBERS, *EPOCH_COLUMNS) if one in names],
    )


class ColumnReader(NamedTuple):
    """How the columns of a table are read."""

    date_unit: str | None
    date_format: str | None
    timezone: str | None
    decimal: str
    na_values: tuple[str, ...]
    numbered: bool = True  # whether ids of assignments may be numbers
    coded: bool = False  # whether texts become categories

    def read_table(
        self, frame: pd.DataFrame, names: Mapping[str, str]
    ) -> "tuple[pd.DataFrame, dict[str, str], dict[str, Column], list[TableError]]":
        """Read the columns that are known; return also the role of each, and errors."""
        # where a column has two roles, the required one decides how it is read
        order = sorted(names, key=lambda name: name in REQUIRED_COLUMNS)
        present = {names[name]: name for name in order if names[name] in frame.columns}
        roles = {name: present[name] for name in frame.columns if name in present}
        with ThreadPoolExecutor() as pool:  # Arrow and numpy release the GIL
            columns = pool.map(
                self.try_to_read, (frame[name] for name in roles), roles.values()
            )
            found = dict(zip(roles, columns, strict=True))
        read = {name: one for name, one in found.items() if isinstance(one, Column)}
        errors = [one for one in found.values() if isinstance(one, TableError)]
        cells = {n: read[n].cells if n in read else frame[n] for n in frame.columns}
        return pd.DataFrame(cells, frame.index, copy=False), roles, read, errors

    def try_to_read(self, column: pd.Series, role: str) -> "Column | TableError":
        """Read a column, or return what is wrong with it."""
        try:
            return self.read(column, role)
        except TableError as error:
            return error

    def read(self, column: pd.Series, role: str) -> Column:
        """Read a column by its role, and check it while its rows have their lines."""
        if not self.coded or is_objects(column):
            return self._read(column, role)
        if role in (*EPOCH_COLUMNS, *NUMBERS):
            return self._read(_decode(column), role)
        codes, distinct = _factorize(column)
        if len(codes) and codes.min() < 0:
            if distinct.dtype.kind in "iu":
                distinct = distinct.convert_dtypes()  # exact beside a null
            distinct = distinct.reindex(range(len(distinct) + 1))
        try:
            read = self._read(distinct, role)
        except TableError:
            self._read(_decode(column), role)  # which names the rows
            raise
        places, texts = pd.factorize(read.cells)
        cells = pd.Categorical.from_codes(recode(codes, places), texts)
        return read._replace(
            cells=pd.Series(cells, column.index, name=column.name, copy=False)
        )

    def _read(self, column: pd.Series, role: str) -> Column:
        if role in EPOCH_COLUMNS:
            dates = self._read_dates(column)
            return Column(dates.seconds, dates)
        if role in NUMBERS:
            numbers = read_numbers(column, self.decimal)
            return Column(_whole(numbers) if role == PARTITION else numbers)
        if role == NUMBERED and self.numbered:
            if self.na_values:
                texts = read_texts(column, ids=True, decimal=self.decimal)
                column = texts.without(self.na_values).column
            texts = read_numbered(column, self.decimal)
            return Column(texts.column, whole=texts.whole)
        texts = read_texts(column, ids=role in (*_IDS, NUMBERED), decimal=self.decimal)
        texts = texts.without(self.na_values)
        cells, n_alike = texts.column, 0
        if role in (STUDENT, COURSE):
            cells, n_alike = read_keys(texts)
        elif role == PERIOD:
            _check_periods(texts)
        return Column(cells, None, texts.whole, texts.distinct, n_alike)

    def _read_dates(self, column: pd.Series) -> Dates:
        try:
            return read_dates(
                column,
                self.date_unit,
                self.timezone or "UTC",
                self.decimal,
                self.date_format,
            )
        except TableError as error:
            if not isinstance(column.dtype, pd.StringDtype):
                raise
            hint = (
                "Or pass how they are written, such as date_format='%d/%m/%Y %H:%M'."
                if self.date_format is None
                else f"Not all are written as date_format={self.date_format!r} says."
            )
            message = join(error.args[0], coded("date_written", f" {hint}"))
            raise TableError(message, column=error.column, rows=error.rows) from None


def _decode(column: pd.Series) -> pd.Series:
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return column.astype(dtype.categories.dtype)
    return column


def _factorize(column: pd.Series) -> tuple[IntArray, pd.Series]:
    """Return each row's place in the distinct values, -1 for null, and these."""
    dtype = column.dtype
    if not isinstance(dtype, pd.CategoricalDtype):
        codes, found = pd.factorize(column)
    else:
        codes = column.cat.codes.to_numpy()
        used = np.zeros(len(dtype.categories) + 1, dtype=np.bool_)
        used[codes] = True  # a null's is the last
        used = used[:-1]
        codes, found = recode(codes, np.cumsum(used) - 1), dtype.categories[used]
    return codes, pd.Series(found, name=column.name)


def _whole(numbers: pd.Series) -> pd.Series:
    """Check partitions, and return them as whole numbers if none is null."""
    partitions = read_partitions(numbers)
    if numbers.isna().any():
        return numbers
    return pd.Series(partitions, numbers.index, copy=False)


def _check_periods(texts: Texts) -> None:
    try:
        read_periods(texts.distinct)
    except TableError:
        read_periods(texts.column)  # which names the rows


def note_dates(
    dates: Mapping[str, Dates], reader: ColumnReader, notes: list[str]
) -> None:
    for unit, word in _UNIT_NAMES.items():
        found = [name for name, one in dates.items() if one.form == unit]
        if found and reader.date_unit is None:
            message = coded(
                "read_epochs",
                f"Dates in {found} are {word} since 1970; fix it with "
                f"date_unit={unit!r}.",
                columns=found,
                unit=unit,
            )
            notes.append(message)
    naive = [name for name, one in dates.items() if one.naive]
    if naive and reader.timezone is None:
        message = coded(
            "read_as_utc",
            f"Dates in {naive} have no time zone and were read as UTC; fix it with "
            "timezone='UTC' or another.",
            columns=naive,
        )
        notes.append(message)


def note_ids(read: Mapping[str, Column], notes: list[str]) -> None:
    notes += [
        coded(
            "alike_ids",
            f"Column {name!r} holds {count(column.n_alike, 'id')} that differ from "
            "another one only in white space, case or leading zeros, and count as "
            "different. Write each id in one way.",
            column=name,
            n=column.n_alike,
        )
        for name, column in read.items()
        if column.n_alike
    ]


def note_texts(read: Mapping[str, Column], notes: list[str]) -> None:
    whole = [name for name, column in read.items() if column.whole]
    if whole:
        message = coded(
            "read_tails",
            f"Columns {whole} hold whole numbers with decimals, which were left out: "
            "1004.0 is the id 1004. Write ids as text.",
            columns=whole,
        )
        notes.append(message)
    found = {
        name: column.distinct[column.distinct.isin(NULL_WORDS)]
        for name, column in read.items()
        if column.distinct is not None
    }
    columns = [name for name, words in found.items() if len(words)]
    if columns:
        words = sorted(set(pd.concat([found[name] for name in columns])))
        message = coded(
            "kept_words",
            f"Columns {columns} hold the words {words}, which stay words: if they mean "
            f"missing values, pass na_values={words}.",
            columns=columns,
            words=words,
        )
        notes.append(message)


def note_work(read: Mapping[str, Column], notes: list[str]) -> None:
    """Note names that differ in case only, and scores that are no percentages."""
    for roles in (("nombre_examen",), ("ass_name", "ass_name_sub")):
        found = [read[role] for role in roles if role in read]
        texts = [one.distinct for one in found if one.distinct is not None]
        names = pd.concat([pd.Series(dtype="str"), *texts]).str.strip()
        alike = names.nunique() - names.str.casefold().nunique()
        if alike:
            columns = [one.cells.name for one in found]
            message = coded(
                "alike_names",
                f"Columns {columns} hold {count(alike, 'name')} that differ from "
                "another one only in case and count as different. Write each name in "
                "one way.",
                columns=columns,
                n=alike,
            )
            notes.append(message)
    if "score" in read and 0 < read["score"].cells.max() <= 1:
        name = read["score"].cells.name
        message = coded(
            "small_scores",
            f"Column {name!r} holds scores of 0 to 1, as Excel keeps cells that are "
            "formatted as percent. If they are fractions, multiply them by 100.",
            column=name,
        )
        notes.append(message)
