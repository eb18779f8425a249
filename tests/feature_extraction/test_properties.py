"""The properties that features promise, on small adversarial tables.

No look-ahead, no target, order and company; and the guarantees that every transformer
of this library makes about its rows.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import as_of, make_student_activity
from edml.feature_extraction import FeatureEngineer
from edml.preprocessing import DataCleaner
from edml.schema import latest_rows, resolve_columns
from oracle import (
    COUNTS,
    FEATURES,
    KEYS,
    as_of_oracle,
    assert_features_agree,
    features_oracle,
)
from strategies import DATES, DAY, NUMBERS, START, event_tables, n_examples, table

many = settings(max_examples=n_examples(80))
some = settings(many, max_examples=n_examples(40))
pendings = st.sampled_from(["missing", "zero"])
cuts = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 39, 40, 41, 999, 1000, 1100])
EVENTS = ["nombre_examen", "ass_name", "ass_name_sub"]


def engineer(X, **params):
    return FeatureEngineer(**params).fit(X).transform(X)


def clean(X, **params):
    return DataCleaner(**params).fit(X).transform(X)


def partitions(X):
    return X["particion"].astype("Float64").fillna(0).to_numpy(dtype=float)


# -- no look-ahead ------------------------------------------------------------


@many
@given(event_tables(), cuts, pendings)
def test_no_lookahead(X, p, pending):
    fitted = FeatureEngineer(pending=pending, fill_value=None).fit(X)
    past = fitted.transform(X).loc[partitions(X) <= p]
    assert_features_agree(fitted.transform(as_of(X, p)), past)
    assert_features_agree(fitted.transform(as_of_oracle(X, p)), past)


@some
@given(event_tables(), cuts, pendings)
def test_no_lookahead_when_fitted_and_cleaned_only_on_the_past(X, p, pending):
    past = engineer(clean(X), pending=pending).loc[partitions(X) <= p]
    assert_features_agree(engineer(clean(as_of(X, p)), pending=pending), past)
    assert_features_agree(engineer(as_of(clean(X), p), pending=pending), past)


@some
@given(event_tables(), cuts, st.sampled_from([7.0, 0.5, 2.5]), pendings)
def test_no_lookahead_where_a_partition_is_not_a_day(X, p, days, pending):
    fitted = FeatureEngineer(partition_days=days, pending=pending).fit(X)
    past = fitted.transform(X).loc[partitions(X) <= p]
    assert_features_agree(fitted.transform(as_of(X, p, partition_days=days)), past)


@some
@given(event_tables(max_rows=8), event_tables(max_rows=8), cuts)
def test_later_events_do_not_matter(X, other, p):
    future = other.assign(particion=partitions(other) + p + 1)
    past = as_of_oracle(X, p)
    both = joined(past, future)
    expected = engineer(past, fill_value=None)
    got = engineer(both, fill_value=None).iloc[: len(past)]
    assert_features_agree(got.set_axis(expected.index), expected)


@some
@given(event_tables(), cuts)
def test_as_of_matches_the_platform(X, p):
    shown, want = as_of(X, p), as_of_oracle(X, p)
    pd.testing.assert_index_equal(shown.index, want.index)
    assert list(shown.columns) == list(X.columns)
    for name in X.columns:
        assert shown[name].isna().tolist() == want[name].isna().tolist()
        assert shown[name].dropna().tolist() == want[name].dropna().tolist()


@some
@given(event_tables())
def test_counts_of_items_never_fall(X):
    out = engineer(X).sort_values("particion", kind="stable")
    growing = [name for name in COUNTS if name != "assignment_zero_sum"]
    steps = out.groupby(KEYS, observed=True)[growing].diff().fillna(0)
    assert (steps >= 0).all(axis=None)


# -- no target ----------------------------------------------------------------


@some
@given(event_tables(), st.sampled_from([0.0, 10.0, np.nan]))
def test_no_target(X, grade):
    expected = engineer(X)
    pd.testing.assert_frame_equal(
        engineer(X.assign(nota_final_materia=grade)), expected
    )
    pd.testing.assert_frame_equal(
        engineer(X.drop(columns="nota_final_materia")), expected
    )
    y = (X["nota_final_materia"] < 4).astype(int)
    fitted = FeatureEngineer().fit(X, y)
    pd.testing.assert_frame_equal(fitted.transform(X), expected)


@some
@given(event_tables())
def test_columns_of_no_concern(X):
    optional = ["nota_final_materia", "periodo", "ass_created_at", "extra"]
    expected = engineer(X)
    pd.testing.assert_frame_equal(engineer(X.drop(columns=optional)), expected)
    got = engineer(clean(X.drop(columns=optional)))
    assert_features_agree(got, expected)


# -- order and company --------------------------------------------------------


@many
@given(event_tables(), st.randoms(use_true_random=False), pendings)
def test_order_of_rows(X, random, pending):
    order = list(range(len(X)))
    random.shuffle(order)
    got = engineer(X.iloc[order], pending=pending)
    want = engineer(X, pending=pending).iloc[order]
    assert_features_agree(got, want, to_the_bit=True)


@some
@given(event_tables(), pendings)
def test_each_history_separately(X, pending):
    every = engineer(X, pending=pending, fill_value=None)
    history = X[KEYS].astype(object).apply(tuple, axis=1)
    for one in set(history):
        alone = X.loc[(history == one).to_numpy()]
        expected = every.loc[(history == one).to_numpy()]
        got = engineer(alone, pending=pending, fill_value=None)
        assert_features_agree(got, expected, to_the_bit=True)


@many
@given(event_tables(max_rows=8), event_tables(max_rows=8), st.booleans())
def test_other_students_do_not_matter(X, others, before):
    # Their marks are huge, so that a sum over students would swamp ours.
    loud = {
        name: others[name].astype("Float64").astype(float) * 1e15 for name in NUMBERS
    }
    users = ["new " + user for user in others["user_uuid"].astype(object)]
    others = others.assign(user_uuid=users, **loud)
    expected = engineer(X, fill_value=None)
    if before:
        got = engineer(joined(others, X), fill_value=None).iloc[len(others) :]
    else:
        got = engineer(joined(X, others), fill_value=None).iloc[: len(X)]
    assert_features_agree(got.set_axis(X.index), expected, to_the_bit=True)


def joined(first, second):
    """Concatenate two tables, even with different dtypes."""
    columns = {}
    for name in first.columns:
        a, b = first[name], second[name]
        if name in DATES:
            a, b = seconds(a), seconds(b)
        values = a.astype(object).tolist() + b.astype(object).tolist()
        values = [None if pd.isna(value) else value for value in values]
        columns[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(columns)


def seconds(column):
    if column.dtype == object:
        column = column.map(
            lambda v: v.timestamp() if isinstance(v, pd.Timestamp) else v,
            na_action="ignore",
        )
    elif column.dtype.kind == "M":
        utc = column if column.dt.tz is None else column.dt.tz_convert(None)
        epoch = (utc - pd.Timestamp(0)).dt.total_seconds()
        column = epoch.where(utc.notna())
    return column


def creation(user, p, number, hours):
    return {
        "user_uuid": user,
        "course_uuid": "x",
        "particion": p,
        "ass_name": "A",
        "assignment_id": number,
        "ass_due_at": START + 3600 * hours,
        "ass_unlock_at": START,
    }


@pytest.mark.parametrize("ids", [(9, 10), ("10", "9")], ids=repr)
@pytest.mark.parametrize("foreign", ["a", "9", 9, 10.5], ids=repr)
def test_ids_of_other_rows_do_not_change_how_ids_compare(ids, foreign):
    first, second = ids  # numbers compare as numbers, text as text
    rows = [creation("ana", 0, first, 2), creation("ana", 0, second, 1)]
    X = table([*rows, creation("ana", 5, foreign, 7), creation("ben", 0, foreign, 7)])
    X["assignment_id"] = X["assignment_id"].astype(object)
    for shown in (X, X.iloc[:3], as_of(X, 0), X.iloc[:2], table(rows)):
        assert engineer(shown)["hrs_to_do_assignment_mean"].tolist()[:2] == [2.0, 2.0]


# -- rows ---------------------------------------------------------------------


@some
@given(event_tables())
def test_one_row_out_per_row_in_and_input_unchanged(X):
    before = X.copy(deep=True)
    cleaned = clean(X)
    kept = cleaned.copy(deep=True)
    out = engineer(X)
    engineer(cleaned)
    pd.testing.assert_frame_equal(X, before)
    pd.testing.assert_frame_equal(cleaned, kept)
    for result in (cleaned, out):
        pd.testing.assert_index_equal(result.index, X.index)
        assert [result[key].tolist() for key in KEYS] == [
            X[key].tolist() for key in KEYS
        ]


@some
@given(event_tables(min_rows=2))
def test_rows_of_a_snapshot_are_equal(X):
    out = engineer(X, fill_value=-7.0)
    distinct = out.drop_duplicates()
    assert not distinct.duplicated([*KEYS, "particion"]).any()
    assert (out["particion"] == partitions(X)).all()


@some
@given(event_tables(), pendings)
def test_raw_and_cleaned_are_equal(X, pending):
    cleaned = clean(X)
    assert_features_agree(
        engineer(cleaned, pending=pending), engineer(X, pending=pending)
    )
    pd.testing.assert_frame_equal(clean(cleaned), cleaned)


@some
@given(event_tables(), st.randoms(use_true_random=False))
def test_order_of_columns(X, random):
    names = list(X.columns)
    random.shuffle(names)
    expected = engineer(X)
    pd.testing.assert_frame_equal(engineer(X[names]), expected)
    pd.testing.assert_frame_equal(
        FeatureEngineer().fit(X).transform(X[names]), expected
    )
    got = engineer(DataCleaner().fit(X).transform(X[names]))
    assert_features_agree(got, expected)


@pytest.mark.filterwarnings("ignore:The behavior of DataFrame concat:FutureWarning")
@some
@given(event_tables(min_rows=2))
def test_ticks_change_only_the_partition(X):
    ticks = X.copy()
    for name in EVENTS:
        ticks[name] = pd.Series([None] * len(X), index=X.index, dtype=object)
    for row in engineer(ticks)[FEATURES[1:]].to_numpy():
        assert not row.any()
    out = engineer(pd.concat([X, ticks]))
    for half in (out.iloc[: len(X)], out.iloc[len(X) :]):
        assert_features_agree(half.set_axis(X.index), engineer(X))


@given(event_tables(min_rows=1, max_rows=3))
@settings(some, max_examples=n_examples(25))
def test_empty_table(X):
    empty = X.iloc[:0]
    for out in (engineer(empty), engineer(clean(empty)), engineer(as_of(empty, 3))):
        assert_features_agree(out, features_oracle(empty))
    assert_features_agree(FeatureEngineer().fit(X).transform(empty), engineer(empty))


def test_empty_table_with_only_column_names():
    X = pd.DataFrame(columns=table([]).columns)
    out = engineer(clean(X))
    assert out.shape == (0, 46)
    assert_features_agree(engineer(X), out)


@pytest.mark.parametrize("dtype", ["int64", "int8", "Int64", "UInt16", "float32"])
def test_scores_of_a_narrow_dtype_can_be_blanked(dtype):
    X = table(
        [
            {"user_uuid": "ana", "course_uuid": "x", "particion": p, "score": 7}
            | {"ass_name_sub": "A", "s_submitted_at": START, "s_graded_at": START + DAY}
            for p in range(3)
        ]
    )
    dates = {
        name: X[name].astype("int64") for name in ("s_submitted_at", "s_graded_at")
    }
    X = X.assign(score=X["score"].astype(dtype), **dates)
    before = X.copy(deep=True)
    assert_features_agree(engineer(as_of(X, 1)), engineer(X).iloc[:2])
    assert engineer(as_of(X, 0))["score_mean"].tolist() == [0.0]
    pd.testing.assert_frame_equal(X, before)


# -- implementation -----------------------------------------------------------


@some
@given(event_tables(min_rows=1), st.sampled_from([1, 2**40]))
def test_latest_rows_score_the_same_among_all_rows(X, scale):
    X = X.assign(particion=partitions(X) * scale)
    rows, features = FeatureEngineer().fit(X).transform_latest(X)
    expected = engineer(X)[FEATURES].to_numpy()[rows]
    np.testing.assert_array_equal(features, expected)
    assert rows.tolist() == latest_rows(X, resolve_columns(None)).tolist()


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_kinds_of_text_change_no_bit(storage):
    with pd.option_context("mode.string_storage", storage):
        X = make_student_activity(150, random_state=5)
    texts = X.select_dtypes("str").columns
    objects = X.astype(dict.fromkeys(texts, object))
    pd.testing.assert_frame_equal(
        engineer(clean(X))[FEATURES],
        engineer(clean(objects))[FEATURES],
        check_exact=True,
    )
