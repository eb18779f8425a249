"""PeriodSplit: forward in time, and no student on both sides."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from edml.datasets import load_oulad
from edml.exceptions import SplitError, TableError
from edml.model_selection import PeriodSplit, StudentKFold

HALF_YEARS = [(year, half) for year in (2019, 2020, 2021) for half in (1, 2)]


@st.composite
def tables(draw):
    """Return students' rows in periods of either form, in any order."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 12),
                st.sampled_from(HALF_YEARS),
                st.sampled_from(["", "0"]),
            ),
            min_size=1,
            max_size=40,
        )
    )
    X = pd.DataFrame(
        {
            "user_uuid": [student for student, _, _ in rows],
            "periodo": [f"{zero}{half}-{year}" for _, (year, half), zero in rows],
        }
    )
    order = pd.Series([year * 2 + half for _, (year, half), _ in rows])
    return X, order


@given(tables(), st.integers(1, 2), st.integers(1, 3))
def test_splits_match_the_definition(made, test_periods, n_splits):
    X, order = made
    periods = sorted(set(order))
    cv = PeriodSplit(test_periods, n_splits)
    if len(periods) < test_periods * n_splits + 1:
        with pytest.raises(SplitError, match="Lower n_splits or test_periods"):
            cv.split(X)
        return
    expected = []
    for back in range(n_splits, 0, -1):
        stop = len(periods) - (back - 1) * test_periods
        window = periods[stop - test_periods : stop]
        tested = {*X["user_uuid"][order.isin(window)]}
        train = (order < window[0]) & ~X["user_uuid"].isin(tested)
        expected.append((np.flatnonzero(train), np.flatnonzero(order.isin(window))))
    if any(len(train) == 0 for train, _ in expected):
        with pytest.raises(SplitError, match="is empty"):
            cv.split(X)
        return
    found = list(cv.split(X))
    assert len(found) == cv.get_n_splits() == n_splits
    for (train, test), (expected_train, expected_test) in zip(
        found, expected, strict=True
    ):
        assert np.array_equal(train, expected_train)
        assert np.array_equal(test, expected_test)


def small():
    X = pd.DataFrame(
        {
            "user_uuid": ["a", "b", "c", "d", "e", "f", "a"],
            "periodo": ["2-2021", "2-2021", "1-2022", "01-2022", "02-2022"]
            + 2 * ["2-2022"],
        }
    )
    return X, np.array([1, 0, 1, 0, 0, 1, 0])


def test_second_half_follows_the_first_of_its_year():
    X, y = small()
    ((train, test),) = PeriodSplit().split(X, y)
    assert train.tolist() == [1, 2, 3]  # without row 0: a returns in 2-2022
    assert test.tolist() == [4, 5, 6]


def test_window_rolls_back_in_calendar_order():
    X, y = small()
    first, second = PeriodSplit(n_splits=2).split(X, y)
    assert [side.tolist() for side in first] == [[0, 1], [2, 3]]
    assert [side.tolist() for side in second] == [[1, 2, 3], [4, 5, 6]]


def test_mapped_names_and_groups():
    X, y = small()
    ((train, test),) = PeriodSplit(student="sid", period="term").split(
        X.rename(columns={"user_uuid": "sid", "periodo": "term"}), y
    )
    assert (len(train), len(test)) == (3, 3)
    alone = np.arange(len(X))  # each row a student: nobody returns
    ((train, _),) = PeriodSplit().split(X, y, groups=alone)
    assert train.tolist() == [0, 1, 2, 3]


def test_works_in_scikit_learn():
    X, y = small()
    cv = PeriodSplit(n_splits=2)
    assert len(cross_val_score(DummyClassifier(), X, y, cv=cv)) == 2
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            DummyClassifier(), X, y, cv=cv, params={"groups": np.arange(len(X))}
        )
    assert len(routed) == 2


def test_repr():
    assert repr(PeriodSplit(2, student="sid")) == (
        "PeriodSplit(n_splits=1, period='periodo', student='sid', test_periods=2)"
    )


# -- errors -------------------------------------------------------------------


def test_error_names_too_few_periods():
    X, y = small()
    with pytest.raises(
        SplitError,
        match=r"need 4 periods; X holds 3: \['02-2021', '01-2022', '02-2022'",
    ):
        PeriodSplit(n_splits=3).split(X, y)


def test_null_and_unreadable_periods_raise():
    X, y = small()
    with pytest.raises(SplitError, match="'periodo': 1 of 7 rows have no period"):
        PeriodSplit().split(X.assign(periodo=X["periodo"].where(X.index != 2)), y)
    with pytest.raises(TableError, match="'periodo': 1 of 7 rows hold no period"):
        PeriodSplit().split(X.replace("01-2022", "03-2022"), y)


def test_absent_columns_error_says_what_to_pass():
    X, y = small()
    with pytest.raises(SplitError, match=r"'periodo'.*which X lacks.*period="):
        PeriodSplit().split(X.drop(columns="periodo"), y)
    with pytest.raises(SplitError, match=r"'user_uuid'.*which X lacks.*groups="):
        PeriodSplit().split(X.drop(columns="user_uuid"), y)
    with pytest.raises(SplitError, match=r"'periodo' of a DataFrame"):
        PeriodSplit().split(X.to_numpy(), y, groups=X["user_uuid"])
    with pytest.raises(SplitError, match="rows have no value"):
        PeriodSplit().split(X.assign(user_uuid=None), y)


def test_training_side_must_not_be_empty():
    X, y = small()
    everyone = X.assign(user_uuid="a")
    with pytest.raises(SplitError, match="training side before 02-2022 is empty"):
        PeriodSplit().split(everyone, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1, 0, 0, 0, 0, 1, 0], "3 rows of the training side of the split at 02-2022"),
        ([1, 0, 1, 0, 0, 0, 0], "3 rows of the test side of the split at 02-2022"),
        ([0] * 7, "the 7 rows hold one"),
    ],
)
def test_each_side_needs_both_classes(y, message):
    X, _ = small()
    with pytest.raises(SplitError, match=message):
        PeriodSplit().split(X, y)
    assert len(list(PeriodSplit().split(X))) == 1  # without y, no check


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "1"])
@pytest.mark.parametrize("name", ["test_periods", "n_splits"])
def test_parameters_are_whole_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number from 1 on"):
        PeriodSplit(**{name: value})


# -- on the real tables -------------------------------------------------------


@pytest.fixture(scope="module")
def oulad(oulad_home):
    return load_oulad(oulad_home, tick_days=60, return_X_y=True)


def test_returning_students_of_oulad_leave_the_training_side(oulad):
    X, y = oulad
    ((train, test),) = PeriodSplit().split(X, y)
    assert set(X["periodo"].iloc[test]) == {"01-2014"}
    assert set(X["periodo"].iloc[train]) == {"01-2013", "02-2013"}
    enrolments = X[["user_uuid", "course_uuid", "periodo"]].drop_duplicates()
    earlier = enrolments[enrolments["periodo"] != "01-2014"]
    later = enrolments[enrolments["periodo"] == "01-2014"]
    # 2014B's enrolments whose student has rows in 2013B or 2013J as well.
    returning = later["user_uuid"].isin(set(earlier["user_uuid"]))
    assert returning.sum() == 770
    trained = set(X["user_uuid"].iloc[train])
    assert not trained & set(X["user_uuid"].iloc[test])
    assert trained == set(earlier["user_uuid"]) - set(later["user_uuid"])


def test_folds_of_oulad_have_one_share_of_failing_students(oulad):
    X, y = oulad
    failing = y.groupby(X["user_uuid"]).max()
    for train, test in StudentKFold(5, random_state=0).split(X, y):
        tested = X["user_uuid"].iloc[test].unique()
        assert failing[tested].mean() == pytest.approx(failing.mean(), abs=1e-3)
        assert not set(X["user_uuid"].iloc[train]) & set(tested)
