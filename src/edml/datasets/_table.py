"""Events of one kind, and the columns that they fill at some rows of a table."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from edml.schema import IntArray

ObjectArray = NDArray[np.object_]


class Texts(NamedTuple):
    """A text for each event: its position in ``labels``, or -1 for none."""

    codes: IntArray
    labels: ObjectArray


Values = NDArray[Any] | Texts


class Events(NamedTuple):
    """Events of one kind, arrays of shape (n_events,), and the columns they fill."""

    enrolment: IntArray
    day: IntArray
    columns: dict[str, Values]


def spread(values: Values, rows: IntArray, n_rows: int) -> Any:
    """Make a column that holds ``values`` at ``rows``, and null elsewhere."""
    if isinstance(values, Texts):
        codes = np.full(n_rows, -1)
        codes[rows] = values.codes
        return take_texts(codes, values.labels)
    column = np.full(n_rows, np.nan)
    column[rows] = values
    return column


def take_texts(codes: IntArray, labels: ObjectArray) -> Any:
    """Take texts, in the dtype that pandas gives to text by default."""
    texts = pd.Series(labels if len(labels) else np.array([""], dtype=object))
    return texts.array.take(codes, allow_fill=True)
