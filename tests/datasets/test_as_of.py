"""The view from an earlier day, and consistency between days."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.datasets import as_of, make_student_activity
from edml.exceptions import TableError
from strategies import event_tables

DAY = 86_400
NOON = 1_600_041_600 + DAY // 2
PARTITIONS = st.sampled_from([-1, 0, 1, 2, 3, 5, 9, 41, 100, 2000])


def table(**columns):
    plain = {
        "particion": [0.0],
        "score": [80.0],
        "s_submitted_at": [float(NOON)],
        "s_graded_at": [float(NOON)],
    }
    return pd.DataFrame(plain | columns)


def waiting(days, partition=3.0):
    return table(particion=[partition], s_graded_at=[NOON + days * DAY])


def test_later_rows_are_left_out():
    X = table(
        particion=[2, 0, 3, 1, 2],
        score=[1.0, 2, 3, 4, 5],
        s_submitted_at=[NOON] * 5,
        s_graded_at=[NOON] * 5,
    ).set_index(pd.Index(list("abcde")))
    assert as_of(X, 1).index.tolist() == ["b", "d"]
    assert as_of(X, 2).index.tolist() == ["a", "b", "d", "e"]
    assert as_of(X, 2)["score"].tolist() == [1, 2, 4, 5]
    assert as_of(X, -1).empty


def test_null_partition_counts_as_0():
    X = table(particion=[np.nan])
    pd.testing.assert_frame_equal(as_of(X, 0), X)


@pytest.mark.parametrize(("days", "known"), [(-2, 3), (0, 3), (0.6, 4), (1, 4), (4, 7)])
def test_score_is_blank_until_it_was_graded(days, known):
    X = waiting(days)
    before, after = as_of(X, known - 1), as_of(X, known)
    pd.testing.assert_frame_equal(after, X)
    if known > 3:
        assert before[["score", "s_graded_at"]].isna().all(axis=None)
        assert before["s_submitted_at"].tolist() == [NOON]


@pytest.mark.parametrize("missing", [0.0, np.nan])
@pytest.mark.parametrize("column", ["s_submitted_at", "s_graded_at"])
def test_score_without_both_dates_is_known_at_once(missing, column):
    X = waiting(30).assign(**{column: missing})
    pd.testing.assert_frame_equal(as_of(X, 3), X)


def test_grading_time_of_a_pending_score_is_blank_too():
    X = waiting(5).assign(score=np.nan)
    assert as_of(X, 4)["s_graded_at"].isna().all()
    assert as_of(X, 8)["s_graded_at"].notna().all()


@pytest.mark.parametrize(
    ("length", "known"), [(7.0, 5), (1.0, 11), (0.5, 19), (8.0, 4)]
)
def test_partitions_can_be_longer_than_a_day(length, known):
    X = waiting(8)
    assert as_of(X, known - 1, partition_days=length)["score"].isna().all()
    assert as_of(X, known, partition_days=length)["score"].notna().all()


def test_columns_can_be_mapped():
    columns = {"particion": "day", "score": "mark", "s_graded_at": "graded"}
    X = waiting(2).assign(other=1).rename(columns=columns)
    shown = as_of(X, 4, columns=columns)
    assert list(shown) == list(X)
    assert shown["mark"].isna().all()
    assert shown["other"].tolist() == [1]


def test_whole_numbers_and_doubled_labels():
    X = pd.concat([waiting(2), waiting(0)]).astype("int64")
    shown = as_of(X, 3)
    assert shown.index.tolist() == [0, 0]
    assert shown["score"].isna().tolist() == [True, False]
    assert as_of(X, 5).dtypes.equals(X.dtypes)


def test_final_grade_stays():
    X = make_student_activity(5, random_state=0)
    assert as_of(X, 10)["nota_final_materia"].notna().all()


def same(left, right):
    pd.testing.assert_frame_equal(left, right, check_dtype=False, check_freq=False)


@given(X=event_tables(), p=PARTITIONS)
def test_input_is_unchanged_and_result_is_independent(X, p):
    before = X.copy(deep=True)
    shown = as_of(X, p)
    shown["score"] = None
    shown.index = shown.index.astype(str)
    pd.testing.assert_frame_equal(X, before)


@given(X=event_tables(), p=PARTITIONS)
def test_seeing_twice_is_seeing_once(X, p):
    once = as_of(X, p)
    same(as_of(once, p), once)


@given(X=event_tables(), p=PARTITIONS, q=PARTITIONS)
def test_early_view_is_part_of_the_late_view(X, p, q):
    p, q = sorted((p, q))
    same(as_of(as_of(X, q), p), as_of(X, p))


@given(X=event_tables(), p=PARTITIONS)
def test_only_scores_and_grading_times_are_blanked(X, p):
    shown = as_of(X, p)
    seen = (X["particion"].astype(float).fillna(0) <= p).to_numpy()
    rest = [name for name in X if name not in {"score", "s_graded_at"}]
    same(shown[rest], X.loc[seen, rest])
    for name in ("score", "s_graded_at"):
        kept = shown[name].notna().to_numpy()
        given_there = X.loc[seen, name]
        assert given_there[kept].tolist() == shown.loc[kept, name].tolist()


@given(X=event_tables(), moments=st.lists(PARTITIONS, min_size=1, max_size=4))
def test_several_moments_in_one_table(X, moments):
    stacked = pd.concat([X] * len(moments))
    shown = as_of(stacked, np.repeat(moments, len(X)))
    expected = pd.concat([as_of(X, p) for p in moments])
    # the types of a table and its index may differ where no row is left
    loose = {"check_dtype": False, "check_index_type": False, "check_freq": False}
    pd.testing.assert_frame_equal(shown, expected, **loose)


@given(X=event_tables())
def test_late_enough_everything_is_seen(X):
    pd.testing.assert_frame_equal(as_of(X, 10_000), X)


@pytest.mark.parametrize(
    ("X", "p", "given", "error", "message"),
    [
        (table().drop(columns="score"), 1, {}, TableError, r"lacks \['score'\]"),
        (table(particion=[-1]), 1, {}, TableError, "negative"),
        (table(s_graded_at=["soon"]), 1, {}, TableError, "are not numbers"),
        (table().to_numpy(), 1, {}, TableError, "found ndarray"),
        (table(), "1", {}, TypeError, "p must be an instance of"),
        (table(), [1, 2], {}, ValueError, "inconsistent numbers of samples"),
        (table(), 1, {"partition_days": 0}, ValueError, "partition_days == 0"),
        (table(), 1, {"columns": {"dia": "x"}}, ValueError, "unknown column 'dia'"),
    ],
)
def test_bad_input_raises(X, p, given, error, message):
    with pytest.raises(error, match=message):
        as_of(X, p, **given)
