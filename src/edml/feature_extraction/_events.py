"""Read the event table into arrays for the numeric kernels."""

from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.feature_extraction._history import Creations, Exams, Submissions
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    FloatArray,
    IntArray,
    history_codes,
    known_partitions,
    read_epochs,
    read_names,
    read_numbers,
    read_partitions,
    read_work,
)


class Events(NamedTuple):
    """The rows' histories and partitions, and the three kinds of events."""

    history: IntArray
    partition: IntArray
    exam_names: list[str]
    exams: Exams
    creations: Creations
    submissions: Submissions


def read_events(
    X: pd.DataFrame, read: Mapping[str, str], partition_days: float
) -> Events:
    """Read an event table; ``read`` holds the actual name of each column it has."""
    table = read_work(X, read)
    history = history_codes(table[STUDENT], table[COURSE])
    partition = read_partitions(table[PARTITION])
    exam = read_names(table["nombre_examen"])
    created = read_names(table["ass_name"])
    sent = read_names(table["ass_name_sub"])
    # creations and submissions share one list of names, which aligns them
    names, _ = pd.factorize(np.array([*created.labels, *sent.labels], dtype=object))
    n_created = len(created.labels)

    grade = read_numbers(table["nota_parcial"])[exam.rows]
    due = read_epochs(table["ass_due_at"])[created.rows]
    unlock = read_epochs(table["ass_unlock_at"])[created.rows]
    score = read_numbers(table["score"])[sent.rows]
    submitted = read_epochs(table["s_submitted_at"])[sent.rows]
    graded = read_epochs(table["s_graded_at"])[sent.rows]
    rank = _rank(table["assignment_id"].iloc[created.rows])
    known = known_partitions(partition[sent.rows], submitted, graded, partition_days)
    # named and null: absent, hence 0
    grade = np.nan_to_num(grade)
    # neither scored nor submitted: nothing was handed in, hence 0
    score = np.where(np.isnan(score) & np.isnan(submitted), 0.0, score)
    return Events(
        history,
        partition,
        exam.labels,
        Exams(exam.rows, exam.codes, grade),
        Creations(created.rows, names[:n_created][created.codes], rank, due, unlock),
        Submissions(sent.rows, names[n_created:][sent.codes], score, submitted, known),
    )


def _rank(identifiers: pd.Series) -> FloatArray:
    """Rank identifiers: numbers as numbers, then text as text; NaN where null.

    The relative rank of two identifiers does not depend on other rows.
    """
    if pd.api.types.is_numeric_dtype(identifiers.dtype):
        return read_numbers(identifiers, booleans=True)
    codes, found = pd.factorize(identifiers.to_numpy(dtype=object))
    keys = [
        (0, name, "") if isinstance(name, Real) else (1, 0, str(name)) for name in found
    ]
    rank = {key: place for place, key in enumerate(sorted(set(keys)))}
    # the code of null is -1, the last entry
    return np.array([*(rank[key] for key in keys), np.nan], dtype=np.float64)[codes]
