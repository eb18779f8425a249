"""`DataCleaner` and `FeatureEngineer` agree with the brute-force oracle."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import load_oulad, make_student_activity
from edml.feature_extraction import FeatureEngineer
from edml.preprocessing import DataCleaner
from oracle import FEATURES, GROUPS, KEYS, assert_features_agree, features_oracle
from strategies import START, as_dates, event_tables, n_examples, table

OULAD = Path(__file__).parents[3] / "shared" / "data" / "oulad"
QUIZZES = {"parciales": ("ORAL",), "integradores": ()}
PARAMS = [
    {},
    {"pending": "zero"},
    {"partition_days": 7.0},
    {"partition_days": 0.5, "pending": "zero"},
    {"fill_value": None},
    {"fill_value": -1.0},
    {"exam_kinds": QUIZZES},
]
params = st.fixed_dictionaries(
    {
        "pending": st.sampled_from(["missing", "zero"]),
        "partition_days": st.sampled_from([1.0, 7.0, 0.5]),
        "fill_value": st.sampled_from([0.0, None, -1.0]),
        "exam_kinds": st.sampled_from([None, QUIZZES]),
    }
)
many = settings(max_examples=n_examples(100))


def engineer(X, **given):
    return FeatureEngineer(**given).fit(X).transform(X)


def clean(X, columns=None):
    return DataCleaner(columns=columns).fit(X).transform(X)


def check(X, *, clean_too=True, **given):
    want = features_oracle(X, **given)
    assert_features_agree(engineer(X, **given), want)
    if clean_too:
        assert_features_agree(engineer(clean(X), **given), want)


def some_histories(X, n, seed):
    """Draw n histories of an event table."""
    history = X.groupby(KEYS, sort=True, observed=True).ngroup().to_numpy()
    kept = np.random.default_rng(seed).permutation(history.max() + 1)[:n]
    return X.loc[np.isin(history, kept)]


# -- synthetic and real tables ------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1])
def test_synthetic_activity(seed):
    check(make_student_activity(60, n_courses=4, random_state=seed))


@pytest.mark.parametrize("given", PARAMS[1:], ids=str)
def test_synthetic_activity_with_parameters(given):
    check(make_student_activity(15, n_courses=2, random_state=2), **given)


def test_synthetic_activity_shuffled_with_other_labels():
    X = make_student_activity(25, random_state=3).sample(frac=1, random_state=3)
    check(X.set_axis(np.arange(len(X)) // 7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10, 11, 12])
@pytest.mark.parametrize("given", PARAMS, ids=str)
def test_much_synthetic_activity(seed, given):
    check(make_student_activity(500, random_state=seed), **given)


@pytest.fixture(scope="module", params=[0, {"TMA": 14, "CMA": 0}], ids=["0", "TMA14"])
def oulad(request):
    if not OULAD.is_dir():
        pytest.skip(f"the OULAD tables are not in {OULAD}")
    X, _ = load_oulad(OULAD, grading_days=request.param, return_X_y=True)
    return X


def test_oulad(oulad):
    check(some_histories(oulad, 40, seed=0))


@pytest.mark.slow
def test_much_oulad(oulad):
    X = some_histories(oulad, 500, seed=1)
    check(X)
    check(X, pending="zero", partition_days=7.0, fill_value=None)


# -- adversarial tables -------------------------------------------------------


@settings(many, max_examples=n_examples(250))
@given(event_tables(), params)
def test_any_table(X, given):
    assert_features_agree(engineer(X, **given), features_oracle(X, **given))


@settings(many, max_examples=n_examples(250))
@given(event_tables(max_rows=10), params)
def test_any_table_cleaned(X, given):
    assert_features_agree(engineer(clean(X), **given), features_oracle(X, **given))


@settings(many, max_examples=n_examples(60))
@given(event_tables(min_rows=15, max_rows=40, dtypes=False))
def test_long_histories(X):
    X = X.assign(user_uuid="ana", course_uuid="x")
    check(X, fill_value=None)


@settings(many, max_examples=n_examples(50))
@given(event_tables(max_rows=8))
def test_mapped_columns(X):
    columns = {name: f"{name} of ours" for name in X.columns if name != "extra"}
    ours = X.rename(columns=columns)
    want = features_oracle(ours, columns=columns)
    assert_features_agree(want, features_oracle(X))
    back = {actual: canonical for canonical, actual in columns.items()}
    for source in (ours, clean(ours, columns)):
        got = engineer(source, columns=columns)
        assert_features_agree(got.rename(columns=back), want)


def test_columns_may_swap_names():
    X = table(
        [
            {"user_uuid": "ana", "course_uuid": "x", "particion": 1, "score": 9.0}
            | {"nombre_examen": "ORAL", "nota_parcial": 5.0, "ass_name_sub": "A"}
        ]
    )
    swap = {"score": "nota_parcial", "nota_parcial": "score"}
    got = engineer(X, columns=swap)
    assert got.loc[0, ["score_mean", "nota_overall_mean"]].tolist() == [5.0, 9.0]
    assert_features_agree(got, features_oracle(X, columns=swap))
    assert_features_agree(engineer(clean(X, swap), columns=swap), got)


@many
@given(event_tables(dtypes=False))
def test_equal_values_are_exact(X):
    got = engineer(X, fill_value=None)
    want = features_oracle(X, fill_value=None)
    for group in GROUPS:
        low, high, mean, std = (
            got[f"{group}_{s}"] for s in ("min", "max", "mean", "std")
        )
        equal = (low == high).to_numpy()
        assert (mean == low).to_numpy()[equal].all(), group
        assert (std.isna() | (std == 0)).to_numpy()[equal].all(), group
        if not group.startswith("rel_time"):  # a ratio's last bit depends on the unit
            exact = (want[f"{group}_min"] == want[f"{group}_max"]).to_numpy()
            spread = want[f"{group}_std"].fillna(0) == 0
            assert equal[exact & spread.to_numpy()].all(), group


@pytest.mark.parametrize("value", [0.1, 1 / 3, 33.3, -0.7, 1e-9, 1e15 + 0.3])
@pytest.mark.parametrize("n", [2, 3, 7, 10, 49])
def test_equal_parts_and_items_are_exact(value, n):
    exams = [("nombre_examen", "nota_parcial", f"E{k}") for k in range(n)]
    sent = [("ass_name_sub", "score", f"A{k}") for k in range(n)]
    parts = [(name, number, label[0]) for name, number, label in exams + sent]
    X = table(
        [
            {"user_uuid": "ana", "course_uuid": "x", "particion": 0}
            | {name: label, number: value}
            for name, number, label in exams + sent + parts
        ]
    )
    row = engineer(X).iloc[0]
    assert row["overall_parciales_n_sum"] == row["assignment_n_sum"] == n + 1
    for group in ("nota_overall", "score"):
        found = row[[f"{group}_{s}" for s in ("min", "max", "mean", "std")]]
        assert found.tolist() == [value, value, value, 0.0]


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "-03:00", "timestamps", "Int64"])
def test_dates_in_any_form(dtype):
    X = make_student_activity(10, n_courses=2, random_state=5)
    dates = ("ass_due_at", "ass_unlock_at", "s_submitted_at", "s_graded_at")
    whole = {name: pd.to_numeric(X[name]).astype(float).round() for name in dates}
    X = X.assign(**whole)
    forms = {name: as_dates(X[name], dtype) for name in dates}
    want = features_oracle(X)
    assert_features_agree(features_oracle(X.assign(**forms)), want)
    assert_features_agree(engineer(X.assign(**forms)), want)
    assert_features_agree(engineer(clean(X.assign(**forms))), want)


def test_far_apart_histories_and_partitions():
    far = [0, 1, 2**20, 2**40, 2**50]
    X = table(
        [
            {"user_uuid": f"u{k % 3}", "course_uuid": "x", "particion": p}
            | {"ass_name_sub": f"A{k}", "score": 10.0 * k, "s_submitted_at": START}
            | {"s_graded_at": START + (k % 4) * 86_400}
            for k, p in enumerate(far * 3)
        ]
    )
    check(X, fill_value=None)
    check(X, partition_days=1e-3)


def test_feature_names():
    X = make_student_activity(5, random_state=0)
    names = FeatureEngineer().fit(X).get_feature_names_out()
    assert list(names) == KEYS + FEATURES
