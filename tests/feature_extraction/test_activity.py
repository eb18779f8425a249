"""`ActivityFeatures` agree with a brute-force oracle, and keep the promises."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import as_of, make_student_activity
from edml.exceptions import LeakageError, TableError
from edml.feature_extraction import (
    ActivityFeatures,
    _activity_history,
    _transformer,
)
from edml.schema import latest_rows, resolve_columns
from edml.testing import check_company_invariance, check_no_lookahead
from strategies import n_examples

KEYS = ["user_uuid", "course_uuid"]
KINDS = ["activity_forum", "activity_quiz"]
some = settings(max_examples=n_examples(200), deadline=None)
lengths = st.sampled_from([1.0, 7.0, 0.5, 2.5, 30.0])
COUNTS = st.sampled_from([None, None, 0, 0, 1, 3, 2**40])
DAYS = st.sampled_from([None, 0, 1, 2, 6, 7, 8, 13, 14, 15, 27, 28, 29, 60, 2**50])


@st.composite
def tables(draw, min_rows=0):
    cells = st.tuples(
        st.sampled_from(["ana", "ben"]), st.sampled_from("xxy"), DAYS, COUNTS, COUNTS
    )
    rows = draw(st.lists(cells, min_size=min_rows, max_size=16))
    X = pd.DataFrame(rows, columns=[*KEYS, "particion", *KINDS])
    for name in ("particion", *KINDS):
        X[name] = X[name].astype(float)
    if draw(st.booleans()):
        X = X.astype({KINDS[0]: draw(st.sampled_from(["Int64", object, "Float64"]))})
    return X.set_axis(pd.Index([f"r{n}" for n in range(len(X))], dtype=object))


def oracle(X, length=1.0, fill=0.0):
    """Compute the features as the docstring of `ActivityFeatures` says."""
    numbers = X[["particion", *KINDS]].astype(float).fillna(0).to_numpy().tolist()
    keys = list(zip(X["user_uuid"], X["course_uuid"], strict=True))
    found = []
    for key, (p, *_) in zip(keys, numbers, strict=True):
        own = [
            row
            for k, row in zip(keys, numbers, strict=True)
            if k == key and row[0] <= p
        ]

        def last(days, own=own, p=p):
            return [row for row in own if (p - row[0]) * length < days]

        def total(rows):
            return sum(sum(row[1:]) for row in rows)

        def active(rows):
            return len({row[0] for row in rows if max(row[1:]) > 0})

        late, early = total(last(14)), total(last(28)) - total(last(14))
        busy = [row[0] for row in own if max(row[1:]) > 0]
        empty = math.nan if fill is None else fill
        values = [
            p,
            *(total(own), *(total(last(days)) for days in (7, 14, 28))),
            *(active(own), *(active(last(days)) for days in (7, 14, 28))),
            (p - max(busy)) * length if busy else empty,
            math.log((1 + late) / (1 + early)),
        ]
        for kind in range(len(KINDS)):
            values.append(sum(row[1 + kind] for row in own))
            values.append(sum(row[1 + kind] for row in last(14)))
        found.append(values)
    return np.array(found)


def activity(X, **given):
    return ActivityFeatures(**given).fit(X).transform(X)


@some
@given(tables(), lengths, st.sampled_from([None, 0.0, -1.0]))
def test_features_agree_with_the_oracle(X, length, fill):
    out = activity(X, partition_days=length, fill_value=fill)
    assert list(out)[:2] == KEYS
    pd.testing.assert_index_equal(out.index, X.index)
    got, want = out.iloc[:, 2:].to_numpy(), oracle(X, length, fill)
    want = want.reshape(got.shape)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    counts = ["_n" in name for name in out.columns[2:]]
    np.testing.assert_array_equal(got[:, counts], want[:, counts])


@some
@given(tables(), st.sampled_from([0, 6, 14, 28]), lengths)
def test_no_lookahead(X, p, length):
    fitted = ActivityFeatures(partition_days=length, fill_value=None).fit(X)
    past = fitted.transform(X)
    past = past[past["particion"] <= p]
    pd.testing.assert_frame_equal(fitted.transform(as_of(X, p)), past)


@some
@given(tables(), tables(), st.randoms(use_true_random=False))
def test_order_and_company_change_no_bit(X, others, random):
    own = activity(X)
    others = others.assign(user_uuid="new " + others["user_uuid"].astype(object))
    both = pd.concat([others.astype(object), X.astype(object)], ignore_index=True)
    place = list(range(len(both)))
    random.shuffle(place)
    got = activity(both.iloc[place]).sort_index().iloc[len(others) :]
    np.testing.assert_array_equal(got.iloc[:, 2:], own.iloc[:, 2:])


@some
@given(tables(min_rows=1))
def test_latest_rows_score_the_same_among_all_rows(X):
    rows, features = ActivityFeatures().fit(X).transform_latest(X)
    np.testing.assert_array_equal(features, activity(X).iloc[:, 2:].to_numpy()[rows])
    assert rows.tolist() == latest_rows(X, resolve_columns(None)).tolist()


@pytest.fixture(name="table", scope="module")
def make_table():
    X = make_student_activity(20, random_state=2)
    draws = np.random.default_rng(0)
    counts = draws.poisson(0.4, (len(X), 2)) * draws.integers(1, 9, (len(X), 2))
    return X.assign(**dict(zip(KINDS, counts.astype(float).T, strict=True)))


def test_the_checks_of_the_library_pass(table):
    check_no_lookahead(ActivityFeatures(fill_value=None), table)
    check_company_invariance(ActivityFeatures(fill_value=None), table)


def _totals_with_the_next(numbers):
    return np.append(np.cumsum(numbers), numbers.sum())


def test_planted_lookahead_is_caught(table, monkeypatch):
    monkeypatch.setattr(_activity_history, "_running_total", _totals_with_the_next)
    with pytest.raises(LeakageError, match="ActivityFeatures: feature"):
        check_no_lookahead(ActivityFeatures(), table)


def test_a_student_read_with_another_is_caught(table, monkeypatch):
    monkeypatch.setattr(
        _transformer,
        "history_codes",
        lambda students, courses: np.zeros(len(students), int),
    )
    with pytest.raises(LeakageError, match="ActivityFeatures: feature"):
        check_company_invariance(ActivityFeatures(), table)


def test_kinds_are_those_of_fit_in_the_order_of_their_names(table):
    turned = table[list(table)[::-1]].assign(activity_new=1.0)
    fitted = ActivityFeatures().fit(table)
    assert fitted.activity_columns_ == KINDS
    pd.testing.assert_frame_equal(fitted.transform(turned), fitted.transform(table))
    names = fitted.get_feature_names_out()
    assert list(fitted.transform(table)) == names.tolist()
    assert names[-4:].tolist() == [f"{k}_{of}" for k in KINDS for of in ("n", "14d")]


def test_columns_that_stand_for_others_are_no_activity(table):
    renamed = table.rename(columns={"score": "activity_score"})
    fitted = ActivityFeatures({"score": "activity_score"}).fit(renamed)
    assert fitted.activity_columns_ == KINDS


def test_without_activity_it_says_so(table):
    plain = table.drop(columns=KINDS)
    with pytest.raises(TableError, match="no column of activity, such as"):
        ActivityFeatures().fit(plain)
    fitted = ActivityFeatures().fit(table)
    with pytest.raises(TableError, match=r"lacks \['activity_forum'\], the activity"):
        fitted.transform(table.drop(columns=KINDS[:1]))
    with pytest.raises(TableError, match=r"lacks \['activity_forum', 'activity_quiz'"):
        fitted.transform_latest(plain)


@pytest.mark.parametrize("count", [-1, 0.5, 2.0**41])
def test_invalid_counts_raise(count):
    X = pd.DataFrame({"user_uuid": ["ana"] * 2, "course_uuid": "x", "particion": 0})
    X["activity_quiz"] = [1, count]
    with pytest.raises(
        TableError, match="'activity_quiz': 1 of 2 rows hold a negative"
    ):
        activity(X)
