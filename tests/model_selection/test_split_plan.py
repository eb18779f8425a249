"""SplitPlan: frozen positions, a hash of them, and a cross-validator."""

import copy
import hashlib
import json
import pickle
import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    cross_val_score,
)

from edml.exceptions import SplitError
from edml.model_selection import PeriodSplit, SplitPlan, StudentKFold

X = pd.DataFrame({"user_uuid": np.repeat(list("abcdefgh"), 3), "value": 1.0})
X["periodo"] = ["1-2020"] * 12 + ["2-2020"] * 12
Y = np.repeat([0, 1] * 4, 3)


def positions(splits):
    return [(train.tolist(), test.tolist()) for train, test in splits]


@st.composite
def plans(draw):
    n_samples = draw(st.integers(2, 30))
    splits = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.permutations(range(n_samples)))
        cut = draw(st.integers(1, n_samples - 1))
        end = draw(st.integers(cut + 1, n_samples))
        splits.append((rows[:cut], rows[cut:end]))
    return splits, n_samples


# -- invariants ---------------------------------------------------------------


def as_lists(plan):
    return [[side.tolist() for side in split] for split in plan.splits]


@given(plans())
def test_plan_survives_json_pickle_and_copies(made):
    splits, n_samples = made
    plan = SplitPlan(splits, n_samples)
    again = [
        SplitPlan(json.loads(json.dumps(as_lists(plan))), plan.n_samples),
        pickle.loads(pickle.dumps(plan)),  # noqa: S301 - our own bytes
        copy.deepcopy(plan),
        copy.copy(plan),
        clone(plan, safe=False),
    ]
    for other in again:
        assert other == plan
        assert hash(other) == hash(plan)
        assert positions(other.splits) == positions(plan.splits)
        assert not any(side.flags.writeable for split in other.splits for side in split)


@given(plans())
def test_hash_is_that_of_its_definition(made):
    splits, n_samples = made
    digest = hashlib.sha256(struct.pack("<qq", n_samples, len(splits)))
    for split in splits:
        for side in split:
            digest.update(struct.pack(f"<{len(side) + 1}q", len(side), *side))
    assert SplitPlan(splits, n_samples).hash == digest.hexdigest()


def test_hash_is_stable():
    plan = SplitPlan([([0, 1], [2]), ([2], [0, 1])], 3)
    assert plan.hash == (
        "bcc7f939164381ff5dd95892ee78b2ef003300c0f0059ace2b4d3ef3058deeb2"
    )


def test_hash_differs_between_plans():
    plans = [
        SplitPlan([([0, 1], [2])], 3),
        SplitPlan([([0, 1], [2])], 4),
        SplitPlan([([1, 0], [2])], 3),
        SplitPlan([([0], [1, 2])], 3),
        SplitPlan([([0, 1], [2]), ([0, 1], [2])], 3),
    ]
    assert len({plan.hash for plan in plans}) == len({*plans}) == len(plans)
    assert plans[0] != "a plan"


def test_dtype_of_positions_does_not_matter():
    lists = SplitPlan([([0, 1], [2])], 3)
    for dtype in ("int8", "uint64", ">i4"):
        arrays = (np.array([0, 1], dtype=dtype), np.array([2], dtype=dtype))
        assert SplitPlan([arrays], 3) == lists
    masks = (np.array([True, True, False]), np.array([False, False, True]))
    assert SplitPlan([masks], 3) == lists


# -- immutability -------------------------------------------------------------


def test_plan_cannot_change():
    train = np.array([0, 1])
    plan = SplitPlan([(train, [2])], 3)
    before = plan.hash
    train[0] = 2  # the plan has its own copy
    assert plan.splits[0][0].tolist() == [0, 1]
    with pytest.raises(ValueError, match="read-only"):
        plan.splits[0][0][0] = 2
    ((yielded, _),) = plan.split(X.iloc[:3])
    with pytest.raises(ValueError, match="read-only"):
        yielded[0] = 2
    for name in ("splits", "n_samples", "n_splits", "hash"):
        with pytest.raises(AttributeError, match="setter"):
            setattr(plan, name, None)
    assert plan.hash == before


# -- splitters to freeze ------------------------------------------------------


@pytest.mark.parametrize(
    "cv",
    [
        StudentKFold(4, random_state=0),
        PeriodSplit(),
        KFold(3),
        ShuffleSplit(2, random_state=0),
    ],
    ids=["students", "periods", "rows", "shuffled rows"],
)
def test_any_cross_validator_is_frozen(cv):
    plan = SplitPlan.from_cv(cv, X, Y)
    assert positions(plan.split(X, Y)) == positions(cv.split(X, Y))
    assert plan.get_n_splits() == plan.n_splits == cv.get_n_splits()
    assert plan.n_samples == len(X)
    assert SplitPlan.from_cv(plan, X, Y) == plan


def test_groups_reach_the_cross_validator():
    groups = np.arange(len(X)) % 4
    plan = SplitPlan.from_cv(LeaveOneGroupOut(), X, Y, groups)
    assert plan.n_splits == 4


def test_random_splitter_is_frozen_once():
    plan = SplitPlan.from_cv(StudentKFold(4), X, Y)
    assert positions(plan.split(X)) == positions(plan.split(X))


def test_iterables_of_splits_are_frozen():
    splits = list(KFold(3).split(X))
    expected = SplitPlan.from_cv(KFold(3), X)
    assert SplitPlan.from_cv(splits, X) == expected
    assert SplitPlan.from_cv((split for split in splits), X) == expected


def test_number_of_folds_means_folds_of_students():
    plan = SplitPlan.from_cv(3, X, Y)
    assert plan == SplitPlan.from_cv(StudentKFold(3, random_state=0), X, Y)
    assert plan == SplitPlan.from_cv(np.int64(3), X, Y)
    other = SplitPlan.from_cv(3, X, Y, random_state=1)
    assert other == SplitPlan.from_cv(StudentKFold(3, random_state=1), X, Y)
    more = pd.concat([X, X.assign(user_uuid=X["user_uuid"] + "'")])
    assert SplitPlan.from_cv(None, more).n_splits == 5


# -- in scikit-learn ----------------------------------------------------------


def test_plan_is_a_cross_validator():
    plan = SplitPlan.from_cv(StudentKFold(4, random_state=0), X, Y)
    model = DummyClassifier(strategy="stratified", random_state=0)
    scores = cross_val_score(model, X, Y, cv=plan)
    expected = cross_val_score(model, X, Y, cv=StudentKFold(4, random_state=0))
    assert np.array_equal(scores, expected)
    search = GridSearchCV(model, {"random_state": [0, 1]}, cv=plan).fit(X, Y)
    assert search.n_splits_ == 4


def test_repr_is_short():
    plan = SplitPlan([([0, 1], [2])], 3)
    assert repr(plan) == (
        f"SplitPlan(n_splits=1, n_samples=3, hash={plan.hash[:12]!r})"
    )


# -- errors -------------------------------------------------------------------


def test_table_of_another_length_raises():
    plan = SplitPlan.from_cv(StudentKFold(4, random_state=0), X, Y)
    with pytest.raises(SplitError, match="made for 24 rows; X has 23"):
        plan.split(X.iloc[1:])


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ([], "at least one split"),
        ([([], [2])], "Split 0, train: the side is empty"),
        ([([0], [1]), ([0], [])], "Split 1, test: the side is empty"),
        ([(np.zeros(3, dtype=bool), [2])], "Split 0, train: the side is empty"),
        ([([0, -1], [2])], r"Split 0, train: positions must be in \[0, 3\)"),
        ([([0], [3])], r"Split 0, test: positions must be in \[0, 3\)"),
        ([(np.array([2**64 - 1], dtype=np.uint64), [1])], "positions must be in"),
        ([([0, 1], [1, 2])], "Split 0: 1 rows are on both sides"),
        ([([0.0, 1.0], [2])], "expected row positions.*float64"),
        ([([[0, 1]], [2])], r"expected row positions.*shape \(1, 2\)"),
        ([([True, False], [2])], "expected row positions.*bool"),
        ([(["0"], [2])], "expected row positions"),
        ([0, 1], r"Split 0: expected \(train, test\), found 1 parts"),
        ([([0], [1], [2])], r"expected \(train, test\), found 3 parts"),
    ],
)
def test_bad_splits_raise(splits, message):
    with pytest.raises(SplitError, match=message):
        SplitPlan(splits, 3)


@pytest.mark.parametrize("n_samples", [0, -1, 2.0, "3", None])
def test_number_of_rows_must_be_one(n_samples):
    with pytest.raises(SplitError, match="n_samples must be a whole number"):
        SplitPlan([([0], [1])], n_samples)


def test_number_of_folds_needs_the_students():
    with pytest.raises(SplitError, match="groups="):
        SplitPlan.from_cv(3, X[["value"]], Y)


def test_invalid_splitter_raises():
    with pytest.raises(ValueError, match=r"Expected .?cv.? as an integer"):
        SplitPlan.from_cv("students", X, Y)
