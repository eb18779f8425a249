"""student_train_test_split: whole students, both outcomes on both sides."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.exceptions import SplitError
from edml.model_selection import student_train_test_split


def table(n_failing, n_passing, seed=0):
    """Return students with 1 to 4 shuffled rows, and y."""
    rng = np.random.default_rng(seed)
    n_students = n_failing + n_passing
    students = np.repeat(np.arange(n_students), rng.integers(1, 5, n_students))
    students = rng.permutation(students)
    X = pd.DataFrame({"user_uuid": students, "row": np.arange(len(students))})
    y = pd.Series((students < n_failing).astype(int), index=X.index + 100)
    return X.set_index(X.index + 100), y


@given(
    st.integers(2, 10),
    st.integers(2, 30),
    st.one_of(st.floats(0.05, 0.95), st.integers(2, 10)),
    st.integers(0, 5),
)
def test_sides_share_no_student_and_have_both_outcomes(
    n_failing, n_passing, test_size, seed
):
    X, y = table(n_failing, n_passing, seed)
    n_students = n_failing + n_passing
    share = isinstance(test_size, float)
    n_test = int(np.ceil(round(test_size * n_students, 9))) if share else test_size
    if not 2 <= n_test <= n_students - 2:
        with pytest.raises(SplitError, match="Both sides need a failing"):
            student_train_test_split(X, y, test_size=test_size, random_state=seed)
        return
    X_train, X_test, y_train, y_test = student_train_test_split(
        X, y, test_size=test_size, random_state=seed
    )
    assert not {*X_train["user_uuid"]} & {*X_test["user_uuid"]}
    assert sorted([*X_train["row"], *X_test["row"]]) == list(range(len(X)))
    assert X_test["user_uuid"].nunique() == n_test
    assert set(y_train) == set(y_test) == {0, 1}
    tested_failing = X_test["user_uuid"][y_test == 1].nunique()
    # As close to the exact share as possible with both outcomes on both sides.
    least, most = max(1, n_test - n_passing + 1), min(n_failing - 1, n_test - 1)
    exact = np.clip(n_test * n_failing / n_students, least, most)
    assert abs(tested_failing - exact) <= 0.5


def test_rows_stay_in_order_and_aligned():
    X, y = table(5, 20)
    weights = np.arange(len(X)) * 1.5
    parts = student_train_test_split(X, y, weights, random_state=0)
    X_train, X_test, y_train, y_test, weights_train, weights_test = parts
    for frame, labels, weight in (
        (X_train, y_train, weights_train),
        (X_test, y_test, weights_test),
    ):
        assert frame["row"].is_monotonic_increasing
        assert frame.index.equals(labels.index)
        assert np.array_equal(weight, frame["row"] * 1.5)


def test_row_order_does_not_matter():
    X, y = table(6, 30)
    order = np.random.default_rng(1).permutation(len(X))
    _, one, _, _ = student_train_test_split(X, y, random_state=3)
    _, other, _, _ = student_train_test_split(
        X.iloc[order], y.iloc[order], random_state=3
    )
    assert set(one["user_uuid"]) == set(other["user_uuid"])


def test_seed_decides_the_split():
    X, y = table(10, 40)
    tests = [
        student_train_test_split(X, y, random_state=seed)[1]["row"].tolist()
        for seed in (0, 0, 1)
    ]
    assert tests[0] == tests[1]
    assert tests[0] != tests[2]


def test_every_student_is_tested_by_some_seed():
    X, y = table(3, 9)
    tested = set()
    for seed in range(40):
        tested |= {*student_train_test_split(X, y, random_state=seed)[1]["user_uuid"]}
    assert tested == set(X["user_uuid"])


def test_whole_share_is_not_rounded_up():
    X, y = table(7, 93)
    test = student_train_test_split(X, y, test_size=0.07, random_state=0)[1]
    assert test["user_uuid"].nunique() == 7


def test_rare_outcome_is_on_both_sides():
    X, y = table(2, 98)
    parts = student_train_test_split(X, y, test_size=0.1, random_state=0)
    tested_failing = parts[1]["user_uuid"][parts[3] == 1]
    assert len(set(tested_failing)) == 1


def test_student_column_and_groups():
    X, y = table(5, 20)
    expected = student_train_test_split(X, y, random_state=0)[1]
    renamed = X.rename(columns={"user_uuid": "sid"})
    mapped = student_train_test_split(renamed, y, random_state=0, student="sid")[1]
    grouped = student_train_test_split(
        renamed, y, random_state=0, groups=X["user_uuid"]
    )[1]
    assert mapped["row"].tolist() == grouped["row"].tolist() == expected["row"].tolist()


def test_numpy_arrays_round_trip():
    X, y = table(5, 20)
    parts = student_train_test_split(
        X.to_numpy(), y.to_numpy(), random_state=0, groups=X["user_uuid"]
    )
    assert all(isinstance(part, np.ndarray) for part in parts)


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.2, 1.5, 0, -3, True, "0.2", None])
def test_size_must_be_a_share_or_a_number(test_size):
    X, y = table(5, 20)
    with pytest.raises(ValueError, match="test_size is a share of the students"):
        student_train_test_split(X, y, test_size=test_size)


@pytest.mark.parametrize(
    ("n_failing", "n_passing", "test_size"),
    [(1, 20, 0.2), (20, 1, 0.2), (5, 5, 1), (5, 5, 9), (5, 5, 50)],
)
def test_too_few_students_raise(n_failing, n_passing, test_size):
    X, y = table(n_failing, n_passing)
    with pytest.raises(SplitError, match=f"{n_failing} fail and {n_passing} pass"):
        student_train_test_split(X, y, test_size=test_size)


def test_y_is_needed():
    X, y = table(5, 20)
    with pytest.raises(SplitError, match="Pass y"):
        student_train_test_split(X, None)
    with pytest.raises(SplitError, match="rows hold one"):
        student_train_test_split(X, np.zeros(len(X)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        student_train_test_split(X, y, y[:-1])
