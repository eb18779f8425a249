"""The target: failing rows, and rows without a target yet."""

import numpy as np
import pandas as pd
import pytest

from edml.datasets import make_student_activity, make_target
from edml.exceptions import TableError

GRADES = [0.0, 3.99, 4.0, 4.01, 10.0]


def table(grades, **given):
    return pd.DataFrame({"nota_final_materia": grades}, **given)


def test_fails_below_the_passing_grade():
    X = table(GRADES, index=list("edcba"))
    expected = pd.Series([1, 1, 0, 0, 0], index=list("edcba"), name="target")
    pd.testing.assert_series_equal(make_target(X), expected)
    assert make_target(X, 4.01).tolist() == [1, 1, 1, 0, 0]
    assert make_target(X, passing_grade=0).sum() == 0


@pytest.mark.parametrize("dtype", ["float32", "Float64", "Int64", "object", "string"])
def test_grades_of_any_dtype(dtype):
    X = table(pd.Series([2, 4, 9]).astype(dtype))
    y = make_target(X)
    assert y.dtype == np.int64
    assert y.tolist() == [1, 0, 0]


def test_column_can_be_mapped():
    X = pd.DataFrame({"final": [1.0, 6.0]})
    assert make_target(X, columns={"nota_final_materia": "final"}).tolist() == [1, 0]


def test_empty_table_has_an_empty_target():
    y = make_target(make_student_activity(1, random_state=0).iloc[:0])
    assert len(y) == 0
    assert y.dtype == np.int64


def test_running_courses_have_no_target():
    X = table([3.25, None, 7.75, None], index=[10, 11, 12, 13])
    message = (
        r"Column 'nota_final_materia': 2 of 4 rows have no final grade.*"
        r"row labels 11, 13.*X\.dropna\(subset=\['nota_final_materia'\]\)"
    )
    with pytest.raises(TableError, match=message) as caught:
        make_target(X)
    assert "3.25" not in str(caught.value)
    assert make_target(X.dropna(subset=["nota_final_materia"])).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("X", "given", "error", "message"),
    [
        (table(["two"]), {}, TableError, "1 of 1 rows are not numbers"),
        (table([np.inf]), {}, TableError, "infinite"),
        (
            pd.DataFrame({"nota": [1]}),
            {},
            TableError,
            r"lacks \['nota_final_materia'\]",
        ),
        (np.ones((2, 2)), {}, TableError, "found ndarray"),
        (
            table([1.0]),
            {"columns": {"grade": "x"}},
            ValueError,
            "unknown column 'grade'",
        ),
        (table([1.0]), {"passing_grade": "4"}, TypeError, "passing_grade must be an"),
    ],
)
def test_bad_input_raises(X, given, error, message):
    with pytest.raises(error, match=message):
        make_target(X, **given)
