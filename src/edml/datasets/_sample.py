"""The sample that ships with edml."""

import json
import lzma
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from edml.datasets._table import take_texts
from edml.datasets._target import make_target
from edml.schema import COURSE, NAME_COLUMNS, PERIOD, STUDENT

SAMPLE_FILE = "activity.json.xz"
#: The arguments of :func:`make_student_activity` that make the sample.
SAMPLE_PARAMETERS = MappingProxyType({"n_enrolments": 1500, "random_state": 2022})
_TEXTS = {STUDENT, COURSE, PERIOD, *NAME_COLUMNS}
_TEXTS |= {"course_name", "sub_uuid", "submission_type"}


def load_activity(return_X_y: bool = False) -> Any:
    """Load a small event table: 1500 enrolments, of which 4 % fail.

    It is synthetic and fixed: the result of :func:`make_student_activity` for
    ``n_enrolments=1500, random_state=2022``.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return the target too.

    Returns
    -------
    X : DataFrame of shape (n_rows, 25)
        The event table; its column ``nota_final_materia`` holds the outcome.
    y : Series of shape (n_rows,)
        1 where the student fails the course, else 0. Only with
        ``return_X_y=True``.

    See Also
    --------
    make_student_activity : Make a table of any size.
    load_oulad : Read real data.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> X, y = load_activity(return_X_y=True)
    >>> X.groupby(["user_uuid", "course_uuid"]).ngroups
    1500
    """
    packed = files("edml.datasets").joinpath(SAMPLE_FILE).read_bytes()
    columns = json.loads(lzma.decompress(packed))
    X = pd.DataFrame({name: _column(name, columns[name]) for name in columns})
    return (X, make_target(X)) if return_X_y else X


def _column(name: str, values: list[Any]) -> Any:
    """Convert a column to the dtype that :func:`make_student_activity` uses."""
    if name in _TEXTS:
        codes, labels = pd.factorize(np.array(values, dtype=object))
        return take_texts(codes, labels)
    return np.array(values, dtype=np.int64 if name == "legajo" else np.float64)
