"""Read the event table into arrays for the numeric kernels."""

from collections.abc import Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.feature_extraction._items import Creations, Exams, Submissions
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
    row_error,
)


class Events(NamedTuple):
    """A table, its rows' histories and partitions, and the three kinds of events."""

    X: pd.DataFrame
    history: IntArray
    partition: IntArray
    exam_names: list[str]
    exams: Exams
    creations: Creations
    submissions: Submissions


def event_arrays(
    X: pd.DataFrame, read: Mapping[str, str], partition_days: float
) -> Events:
    """Read an event table; ``read`` holds the actual name of each column it has.

    In a row with a creation, the weight is that of the creation.
    """
    table = read_work(X, read)
    history = history_codes(table[STUDENT], table[COURSE])
    partition = read_partitions(table[PARTITION])
    exam = read_names(table["nombre_examen"])
    created = read_names(table["ass_name"])
    sent = read_names(table["ass_name_sub"])
    exam_codes, exam_names = _number_names(exam.labels)
    # creations and submissions share one list of names, which aligns them
    names, _ = _number_names([*created.labels, *sent.labels])
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
    blank = np.isnan(score) & np.isnan(submitted)
    score = np.where(blank, 0.0, score)
    weight = _read_weights(X, read)
    of_sent = weight.copy()
    of_sent[created.rows] = np.nan
    return Events(
        X=X,
        history=history,
        partition=partition,
        exam_names=exam_names,
        exams=Exams(exam.rows, exam_codes[exam.codes], grade),
        creations=Creations(
            row=created.rows,
            name=names[:n_created][created.codes],
            rank=rank,
            due=due,
            unlock=unlock,
            weight=weight[created.rows],
        ),
        submissions=Submissions(
            row=sent.rows,
            name=names[n_created:][sent.codes],
            score=score,
            submitted=submitted,
            known=known,
            weight=of_sent[sent.rows],
            blank=blank,
        ),
    )


def _number_names(labels: list[str]) -> tuple[IntArray, list[str]]:
    """Return the code of each name, and the names sorted: values are summed in order.

    In another order, sums differ in their last bits. This one depends neither on the
    order of the rows nor on who else is in the table.
    """
    codes, names = pd.factorize(np.array(labels, dtype=object), sort=True)
    return codes, list(names)


def _read_weights(X: pd.DataFrame, read: Mapping[str, str]) -> FloatArray:
    """Read the weights of assignments, in percent; NaN where none is stated."""
    if "ass_weight" not in read:
        return np.full(len(X), np.nan)
    column = X[read["ass_weight"]]
    weight = read_numbers(column)
    negative = weight < 0  # NaN compares as False
    if negative.any():
        raise row_error(
            column,
            negative,
            "hold a negative weight",
            "Weights are percent of the mark of the course: 0 or more.",
        )
    return weight


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
