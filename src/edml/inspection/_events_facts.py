"""Read an event table column by column, and keep what cannot be read as findings."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from edml.exceptions import TableError
from edml.inspection._events_report import Finding
from edml.inspection._events_texts import find
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    FINAL_GRADE,
    NAME_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    REQUIRED_COLUMNS,
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    check_keys,
    check_table,
    check_work,
    describe_absent,
    history_codes,
    read_epochs,
    read_names,
    read_numbers,
    read_partitions,
    read_periods,
    resolve_columns,
    resolve_exam_kinds,
)

_READERS: dict[str, Callable[[pd.Series], Any]] = {
    STUDENT: check_keys,
    COURSE: check_keys,
    PARTITION: read_partitions,
    PERIOD: read_periods,
    **dict.fromkeys(NUMBER_COLUMNS, read_numbers),
    **dict.fromkeys(EPOCH_COLUMNS, read_epochs),
    **dict.fromkeys(NAME_COLUMNS, read_names),
}
#: The column that must hold a value for a row to be expected to hold another.
_OWNERS = {
    "nota_parcial": "nombre_examen",
    "fecha_mesa_epoch": "nombre_examen",
    "assignment_id": "ass_name",
    "points_possible": "ass_name",
    "ass_weight": "ass_name",
    "ass_created_at": "ass_name",
    "ass_due_at": "ass_name",
    "ass_unlock_at": "ass_name",
    "ass_lock_at": "ass_name",
    "sub_uuid": "ass_name_sub",
    "score": "ass_name_sub",
    "submission_type": "ass_name_sub",
    "s_submitted_at": "ass_name_sub",
    "s_graded_at": "score",
    "s_created_at": "ass_name_sub",
}


@dataclass
class Facts:
    """An event table under its canonical names, and its columns as they were read."""

    X: pd.DataFrame
    names: dict[str, str]
    kinds: dict[str, tuple[str, ...]]
    partition_days: float
    read: dict[str, Any] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)

    @cached_property
    def history(self) -> IntArray | None:
        """The history of each row, or None if a key cannot be read."""
        if STUDENT not in self.read or COURSE not in self.read:
            return None
        return history_codes(self.X[STUDENT], self.X[COURSE])

    @property
    def partition(self) -> IntArray | None:
        """The partition of each row, or None if it cannot be read."""
        return self.read.get(PARTITION)

    @cached_property
    def final_grade(self) -> FloatArray | None:
        """The final grade of each history: its first one that is not null."""
        if self.history is None or FINAL_GRADE not in self.read:
            return None
        grades = pd.Series(self.read[FINAL_GRADE]).groupby(self.history).first()
        return grades.to_numpy()

    @cached_property
    def course(self) -> tuple[IntArray, list[Any]]:
        """The course of each history as a code, and the courses' ids."""
        codes, ids = pd.factorize(self.X[COURSE])
        first = pd.Series(codes).groupby(self.history).first()
        return first.to_numpy(), list(ids)

    def count_distinct(self, name: str) -> int | None:
        """Count a key's or a period's distinct values; None if it cannot be read."""
        return int(self.X[name].nunique()) if name in self.read else None

    def is_missing(self, name: str) -> BoolArray:
        """Mark the rows without a value; a date of 0 and a blank name count."""
        if name in NAME_COLUMNS and name in self.read:
            missing = np.ones(len(self.X), dtype=bool)
            missing[self.read[name].rows] = False
            return missing
        if name in EPOCH_COLUMNS and name in self.read:
            return np.isnan(self.read[name])
        return self.X[name].isna().to_numpy()

    def rows_of(self, name: str) -> IntArray:
        """Return the rows that are expected to hold a value of this column."""
        owner = _OWNERS.get(name)
        if owner is None:
            return np.arange(0 if name in NAME_COLUMNS else len(self.X))
        if owner not in self.read:
            return np.arange(0)
        return np.flatnonzero(~self.is_missing(owner))


def read_facts(
    X: pd.DataFrame,
    columns: Mapping[str, str] | None,
    exam_kinds: str | Mapping[str, Iterable[str]] | None,
    partition_days: float,
    unreadable: Mapping[str, str],
) -> Facts:
    """Read every column that is there; collect what cannot be read."""
    names = resolve_columns(columns)
    check_table(X, [])
    canonical = {actual: name for name, actual in names.items()}
    twice = X.columns[X.columns.duplicated()]
    problems = [
        find("repeated-column", str(name), name=str(name))
        for name in dict.fromkeys(twice)
        if name in canonical
    ]
    kept = [name for name in X.columns if name in canonical and name not in set(twice)]
    table = X[kept].rename(columns=canonical)
    facts = Facts(table, names, resolve_exam_kinds(exam_kinds), partition_days)
    facts.problems += problems
    facts.problems += _find_absent(X, names)
    for name in table.columns:
        said = unreadable.get(names[name])
        try:
            reader = _READERS.get(name)
            if said is None:
                facts.read[name] = None if reader is None else reader(X[names[name]])
        except TableError as error:
            said = error.args[0]
        if said is not None:
            facts.problems.append(find("unreadable-column", names[name], error=said))
    keys = [name for name in (STUDENT, COURSE) if name in facts.read]
    # every check asks for them again, and hashing texts takes longest
    facts.X = table.astype(dict.fromkeys(keys, "category"))
    return facts


def _find_absent(X: pd.DataFrame, names: Mapping[str, str]) -> list[Finding]:
    """Report missing keys and kinds of work, and what stays empty."""
    known = X.loc[:, ~X.columns.duplicated()].head(0)
    try:
        read = check_work(known, names)
    except TableError as error:
        return [find("missing-columns/keys", error=error.args[0])]
    said = describe_absent(read)
    if not said:
        return []
    absent = [names[name] for name in REQUIRED_COLUMNS if name not in read]
    return [find("missing-columns", *absent, error=said)]
