"""StaticColumns: what is known of a student from the beginning, as features."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.exceptions import TableError
from edml.feature_extraction._transformer import HistoryTransformer, Rows
from edml.schema import (
    BoolArray,
    FloatArray,
    IntArray,
    first_rows,
    read_numbers,
    spell_key,
)

_MOST_CATEGORIES = 100
#: Words in the name of a column that describes a protected attribute, and beginnings of
#: such words; in English and Spanish.
_WORDS = frozenset(
    (
        *("age", "edad", "sex", "sexo", "gender", "genero", "race", "raza", "region"),
        *("birth", "nacimiento", "imd", "postcode", "zip", "nation", "pais", "country"),
        *("income", "pell", "poverty", "pobreza", "ses", "tongue", "tribe", "caste"),
    )
)
_BEGINNINGS = (
    *("disab", "discap", "ethnic", "etni", "national", "nacional", "depriv"),
    *("religi", "pregnan", "embaraz", "marital", "orientacion", "orientation"),
    *("indigen", "migra", "immigra", "refug", "citizen", "ciudadan", "socioecon"),
    *("pronoun", "pronombre", "veteran"),
)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f",:\[\]{}<>=]')  # in names of features


class StaticColumns(HistoryTransformer):
    """Use columns of the event table that say what a student was from the beginning.

    Parameters
    ----------
    numeric : sequence of str, default=()
        Columns of numbers, such as an admission score.
    categorical : sequence of str, default=()
        Columns of categories, such as the previous school. Each category seen in `fit`
        (at most 100) becomes a feature ``column=category`` that is 1 or 0; others and
        missing ones are 0 in all.
    sensitive_ok : sequence of str, default=()
        The columns of these that may be used although they describe an attribute that
        is protected in many places: sex, age, disability, ethnicity, religion, nation,
        region or deprivation. They are recognised by their names.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the keys whose names differ.
    fill_value : float, default=0.0
        Value of a missing number; None keeps NaN.

    Attributes
    ----------
    categories_ : list of list of str
        The categories of each of ``categorical``, sorted.
    n_features_in_ : int
        Number of columns of the table seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    edml.sources.add_students : Add a table of students to an event table.

    Notes
    -----
    A column that changes within a history is rejected: its later value would be known
    before its time. Categories are texts without surrounding white space; 1 and 1.0 are
    one category. In names of features, characters that a learner cannot store
    (``" , : [ ] { } < > =``) are underscores.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.feature_extraction import StaticColumns
    >>> X = load_activity()
    >>> X["school"] = X["user_uuid"].map(hash) % 2
    >>> static = StaticColumns(categorical=["school"]).fit(X)
    >>> static.get_feature_names_out()[2:].tolist()
    ['school=0', 'school=1']
    """

    __module__ = "edml.feature_extraction"
    # A row's output depends only on its own history; fit learns categories, no outcome.
    _per_history: ClassVar[bool] = True
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "numeric": [list, tuple],
        "categorical": [list, tuple],
        "sensitive_ok": [list, tuple],
        "columns": [Mapping, None],
        "fill_value": [Real, None],
    }

    def __init__(
        self,
        numeric: Sequence[str] = (),
        categorical: Sequence[str] = (),
        *,
        sensitive_ok: Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        fill_value: float | None = 0.0,
    ) -> None:
        self.numeric = numeric
        self.categorical = categorical
        self.sensitive_ok = sensitive_ok
        self.columns = columns
        self.fill_value = fill_value

    def _fit(self, X: pd.DataFrame) -> None:
        self._check_names()
        read = self._read(X)
        self._check_present(X)
        names = self._all_names()
        first, place = first_rows(read.history)
        found = {name: _own_codes(X[name], first, place)[1] for name in names}
        for name in self.numeric:
            read_numbers(X[name])
        self.categories_ = [
            _find_categories(name, found[name]) for name in self.categorical
        ]

    def _check_names(self) -> None:
        names = self._all_names()
        if not names:
            message = "StaticColumns needs a column: name it in numeric or categorical."
            raise ValueError(message)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            message = f"StaticColumns names {twice} more than once. Name each once."
            raise ValueError(message)
        sensitive = [n for n in names if is_sensitive(n) and n not in self.sensitive_ok]
        if sensitive:
            message = (
                f"The columns {sensitive} may describe a protected attribute. Leave "
                "them out; or, where their use is lawful and helps students, name them "
                "in sensitive_ok."
            )
            raise ValueError(message)

    def _all_names(self) -> list[str]:
        return [*self.numeric, *self.categorical]

    def _names(self) -> list[str]:
        names = list(self.numeric)
        for column, categories in zip(self.categorical, self.categories_, strict=True):
            names += [f"{column}={_UNSAFE.sub('_', one)}" for one in categories]
        return names

    def _check_present(self, X: pd.DataFrame) -> None:
        absent = [name for name in self._all_names() if name not in X.columns]
        if absent:
            message = coded(
                "missing_static",
                f"The event table lacks the columns {absent} about the student. Add "
                "them with edml.add_students.",
                columns=absent,
            )
            raise TableError(message)

    def _describe(
        self, read: Rows, rows: IntArray | None = None, out: FloatArray | None = None
    ) -> FloatArray:
        self._check_present(read.X)
        first, place = first_rows(read.history)
        of_row = place if rows is None else place[rows]
        described = np.empty((len(self._names()), len(of_row))) if out is None else out
        for row, name in zip(described, self.numeric, strict=False):
            column = read.X[name]
            _own_codes(column, first, place)
            numbers = self._fill(read_numbers(column)[first])
            np.take(numbers, of_row, out=row, mode="clip")
        end = len(self.numeric)
        for name, categories in zip(self.categorical, self.categories_, strict=True):
            codes, found = _own_codes(read.X[name], first, place)
            code_of = {text: code for code, text in enumerate(categories)}
            known = [code_of.get(_text(value) or "", -1) for value in found]
            own = np.array([*known, -1])[codes][of_row]  # the code of null is -1
            begin, end = end, end + len(categories)
            each = np.arange(len(categories))[:, np.newaxis]
            np.equal(own, each, out=described[begin:end])
        return described.T

    def _fill(self, numbers: FloatArray) -> FloatArray:
        if self.fill_value is None:
            return numbers
        return np.where(np.isnan(numbers), self.fill_value, numbers)


def is_sensitive(name: str) -> bool:
    """Check whether a column's name is one of a protected attribute."""
    plain = unicodedata.normalize("NFKD", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
    plain = plain.encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z]+", plain)
    return any(word in _WORDS or word.startswith(_BEGINNINGS) for word in words)


def _text(value: object) -> str | None:
    # a file of text holds 1.0 where numbers with nulls were written
    return re.sub(r"^(-?\d+)\.0+$", r"\1", spell_key(value).strip()) or None


def _find_categories(name: str, values: Iterable[object]) -> list[str]:
    found = sorted({text for value in values if (text := _text(value)) is not None})
    if len(found) > _MOST_CATEGORIES:
        message = (
            f"Column {name!r} has {len(found):,} categories, more than "
            f"{_MOST_CATEGORIES}. Group them, or name the column in numeric."
        )
        raise TableError(message, column=name)
    # LightGBM stores spaces as underscores
    safe = [_UNSAFE.sub("_", one).replace(" ", "_") for one in found]
    if len({*safe}) < len(safe):
        message = (
            f"Column {name!r} has categories that differ only in spaces or "
            'characters that names of features lack (" , : [ ] { } < > =). Rename them.'
        )
        raise TableError(message, column=name)
    return found


def _own_codes(column: pd.Series, first: IntArray, place: IntArray) -> tuple[Any, Any]:
    """Return each history's value as a code, -1 for null, and the distinct values.

    Raise a `TableError` if the column changes within a history.
    """
    codes, found = pd.factorize(column.array)
    own = codes[first]
    changed: BoolArray = codes != own[place]
    if changed.any():
        histories = len(np.unique(place[changed]))
        message = coded(
            "varying_column",
            f"Column {column.name!r} changes within {histories:,} of {len(first):,} "
            "histories (a student in a course). Keep one value for each, as known when "
            "the course begins, or leave the column out.",
            column=column.name,
        )
        raise TableError(message, column=str(column.name))
    return own, found
