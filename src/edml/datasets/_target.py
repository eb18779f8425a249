"""The target: which rows belong to students who fail."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml.schema import (
    FINAL_GRADE,
    check_table,
    read_numbers,
    resolve_columns,
    row_error,
)


def make_target(
    X: pd.DataFrame,
    passing_grade: float = 4,
    *,
    columns: Mapping[str, str] | None = None,
) -> pd.Series:
    """Label each row by whether its student fails the course.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_columns)
        The event table, with the column ``nota_final_materia``.
    passing_grade : float, default=4
        The lowest final grade that passes, on the scale of the grades.
    columns : mapping of str to str or None, default=None
        ``{canonical: actual}`` for the columns whose names differ.

    Returns
    -------
    y : Series of shape (n_rows,)
        1 where the student fails and 0 elsewhere, int64, named "target", with
        the index of ``X``.

    Raises
    ------
    TableError
        If the final grades are absent, are not numbers, or are null, as they are
        while a course runs.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.datasets import make_target
    >>> make_target(pd.DataFrame({"nota_final_materia": [2.0, 4.0]})).tolist()
    [1, 0]
    """
    check_scalar(passing_grade, "passing_grade", Real)
    name = resolve_columns(columns)[FINAL_GRADE]
    check_table(X, [name])
    grades = read_numbers(X[name])
    running = np.isnan(grades)
    if running.any():
        remedy = f"Drop them: X = X.dropna(subset=[{name!r}])."
        raise row_error(
            X[name], running, "have no final grade, as their courses still run", remedy
        )
    failed = (grades < passing_grade).astype(np.int64)
    return pd.Series(failed, index=X.index, name="target")
