"""From the event table to the arrays that the numeric kernels work on."""

from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._jobs import Jobs
from edml.feature_extraction._history import Creations, Exams, Rows, Submissions
from edml.schema import (
    COURSE,
    PARTITION,
    REQUIRED_COLUMNS,
    STUDENT,
    FloatArray,
    IntArray,
    check_table,
    factorize_keys,
    join_histories,
    known_partitions,
    read_epochs,
    read_names,
    read_numbers,
    read_partitions,
)


class Events(NamedTuple):
    """A table's rows and the three facets of its events, as arrays."""

    rows: Rows
    exam_names: list[str]
    exams: Exams
    creations: Creations
    submissions: Submissions


def read_events(
    X: pd.DataFrame, columns: Mapping[str, str], partition_days: float, jobs: Jobs
) -> Events:
    """Read an event table.

    Parameters
    ----------
    X : DataFrame
        The event table.
    columns : mapping of str to str
        The actual name of each canonical column.
    partition_days : float
        Length of a partition in days.
    jobs : Jobs
        Takes the columns that can be read beside others.

    Returns
    -------
    events : Events

    Raises
    ------
    TableError
        If a required column is absent, or cannot be read.
    """
    check_table(X, [columns[name] for name in REQUIRED_COLUMNS])
    table = {name: X[columns[name]] for name in REQUIRED_COLUMNS}
    students = jobs(factorize_keys, table[STUDENT])
    creations = jobs(read_names, table["ass_name"])
    exams = jobs(read_names, table["nombre_examen"])

    courses = factorize_keys(table[COURSE])
    handed_in = read_names(table["ass_name_sub"])
    partition = read_partitions(table[PARTITION])
    grade = read_numbers(table["nota_parcial"])
    due = read_epochs(table["ass_due_at"])
    unlock = read_epochs(table["ass_unlock_at"])
    score = read_numbers(table["score"])[handed_in.rows]
    submitted = read_epochs(table["s_submitted_at"])[handed_in.rows]
    graded = read_epochs(table["s_graded_at"])[handed_in.rows]
    arrival = partition[handed_in.rows]
    known = known_partitions(arrival, submitted, graded, partition_days)

    exam, created = exams(), creations()
    history = join_histories(students(), courses)
    rows = Rows(history, partition, int(history.max()) + 1 if len(history) else 0)
    # both facets number one list of names, by which they are aligned
    assignment_names, _ = pd.factorize(
        np.array([*created.labels, *handed_in.labels], dtype=object)
    )
    n_created = len(created.labels)
    return Events(
        rows,
        exam.labels,
        Exams(
            history[exam.rows],
            partition[exam.rows],
            exam.codes,
            np.nan_to_num(grade[exam.rows]),  # named and null: absent, hence 0
        ),
        Creations(
            history[created.rows],
            partition[created.rows],
            assignment_names[:n_created][created.codes],
            _rank(table["assignment_id"], created.rows),
            due[created.rows],
            unlock[created.rows],
        ),
        Submissions(
            history[handed_in.rows],
            arrival,
            assignment_names[n_created:][handed_in.codes],
            # neither scored nor sent: nothing was handed in, hence 0
            np.where(np.isnan(score) & np.isnan(submitted), 0.0, score),
            submitted,
            known,
        ),
    )


def _rank(identifiers: pd.Series, rows: IntArray) -> FloatArray:
    """Rank identifiers: numbers as numbers, then text as text; NaN where null.

    Each compares by what it is itself, whatever other rows hold.
    """
    if pd.api.types.is_numeric_dtype(identifiers.dtype):
        return read_numbers(identifiers)[rows]
    codes, found = pd.factorize(identifiers.iloc[rows].to_numpy(dtype=object))
    keys = [
        (0, name, "") if isinstance(name, Real) else (1, 0, str(name)) for name in found
    ]
    rank = {key: place for place, key in enumerate(sorted(set(keys)))}
    # the code of null is -1, the last entry
    return np.array([*(rank[key] for key in keys), np.nan], dtype=np.float64)[codes]
