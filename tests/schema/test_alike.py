"""Ids and rows that a user takes for the same are the same."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from edml import (
    FeatureEngineer,
    RiskClassifier,
    StudentKFold,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
    student_train_test_split,
)
from edml.schema import factorize_keys, rank_keys

FORMS = (int, str, float, np.int64)


@pytest.fixture(scope="module")
def events():
    X = make_student_activity(40, n_courses=2, partitions=10, random_state=0)
    return X.assign(user_uuid=pd.factorize(X["user_uuid"])[0] + 1000)


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from(FORMS)), min_size=1),
    st.booleans(),
)
def test_an_id_is_the_same_number_in_any_form(drawn, with_words):
    ids = [number for number, _ in drawn]
    keys = pd.Series([form(number) for number, form in drawn], dtype=object)
    if with_words:  # such as a test account among numbers
        ids, keys = [*ids, -1], pd.concat([keys, pd.Series(["guest"])])
    mixed = len({isinstance(key, str) for key in keys}) == 2
    codes = factorize_keys(keys)
    expected, _ = pd.factorize(np.array(ids))
    if mixed or all(not isinstance(key, str) for key in keys):
        assert codes.tolist() == expected.tolist()
    order = np.random.RandomState(0).permutation(len(keys))
    moved = rank_keys(keys.iloc[order])
    assert moved.tolist() == rank_keys(keys)[order].tolist()


@pytest.mark.parametrize("key", ["user_uuid", "course_uuid"])
def test_features_do_not_depend_on_the_form_of_an_id(events, key):
    numbers = events.assign(course_uuid=pd.factorize(events["course_uuid"])[0])
    every_other = np.arange(len(numbers)) % 2 == 0
    texts = numbers[key].astype(str).astype(object)
    mixed = numbers.assign(
        **{key: numbers[key].astype(object).where(every_other, texts)}
    )
    expected = FeatureEngineer().fit_transform(numbers).iloc[:, 2:]
    found = FeatureEngineer().fit_transform(mixed).iloc[:, 2:]
    pd.testing.assert_frame_equal(found, expected)


def test_leading_zeros_stay_another_id():
    assert factorize_keys(pd.Series([7, "007", "7"], dtype=object)).tolist() == [
        0,
        1,
        0,
    ]


USES = {
    "fit": lambda X, y: RiskClassifier().fit(X, y),
    "plain fit": lambda X, y: RiskClassifier(LogisticRegression()).fit(
        X[["particion"]], y
    ),
    "pipeline": lambda X, y: make_risk_pipeline().fit(X, y),
    "split": student_train_test_split,
    "folds": lambda X, y: list(StudentKFold(3).split(X, y)),
    "evaluate": lambda X, y: evaluate(
        make_risk_pipeline(random_state=0).fit(X, y.to_numpy()[::-1]), X, y
    ),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_outcome_in_another_order_is_an_error(events, use):
    y = make_target(events)
    with pytest.raises(ValueError, match="row labels of y are those of X in another"):
        use(events, y[::-1])


def test_weights_in_another_order_are_an_error(events):
    y = make_target(events)
    weight = pd.Series(1.0, index=events.index[::-1])
    with pytest.raises(ValueError, match="row labels of sample_weight are those of X"):
        RiskClassifier().fit(events, y, sample_weight=weight)


def test_other_row_labels_are_matched_by_position(events):
    y = make_target(events)
    students = events["user_uuid"].nunique()
    split = student_train_test_split(events, y.set_axis(y.index + 7), random_state=0)
    sides = [side["user_uuid"].nunique() for side in split[:2]]
    assert sum(sides) == students


def test_scores_no_better_than_chance_are_a_warning():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(60, 1)), np.tile([0, 1], 30)
    with pytest.warns(UserWarning, match="rank no better than chance"):
        model = RiskClassifier(LogisticRegression(), random_state=0).fit(X, y)
    assert np.ptp(model.predict_proba(X)[:, 1]) < 0.01
