"""What the students of a course have done by each day, and who is compared with it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import (
    HistoryFeatures,
    ModelRegistry,
    RiskClassifier,
    add_activity,
    add_course_context,
    as_of,
    explain,
    make_course_context,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import TableError
from edml.feature_extraction import RELATIVE_FIGURES
from edml.testing import check_company_invariance, check_no_lookahead

KEYS = ["user_uuid", "course_uuid", "particion"]
RNG = np.random.default_rng(3)


def make_table(n_students=12):
    """Return a table in which students have no row on some days, and some leave."""
    X = make_student_activity(n_students, random_state=1)
    seats = X[KEYS[:2]].drop_duplicates().set_axis(["student", "course"], axis=1)
    log = seats.sample(200, replace=True, random_state=0).assign(
        day=RNG.integers(0, 40, 200),
        kind=RNG.choice(["quiz", "forum"], 200),
        count=RNG.integers(1, 9, 200),
    )
    X = add_activity(X, log)
    left = pd.factorize(X["user_uuid"])[0] % 4 == 3
    kept = (RNG.random(len(X)) < 0.4) & ~(left & (X["particion"] > 12))
    return X[kept | (X["particion"] == 0)].reset_index(drop=True)


X = make_table()
CONTEXT = make_course_context(X)
FIGURES = RELATIVE_FIGURES["full"]


def test_equals_plain_loops():
    names = [f"context_{figure}" for figure in FIGURES]
    for _, row in CONTEXT.iloc[:: max(len(CONTEXT) // 12, 1)].iterrows():
        course, day = row["course_uuid"], row["particion"]
        expected = []
        known = X[(X["course_uuid"] == course) & (X["particion"] <= day)]
        for _, own in known.groupby("user_uuid"):
            if own["particion"].max() <= day - 14:
                continue
            now = own[KEYS].iloc[[0]].assign(particion=day)
            table = pd.concat([own, now], ignore_index=True)
            found = HistoryFeatures("full", fill_value=None).fit_transform(table)
            found = found[[*FIGURES]].iloc[-1]
            expected.append(
                [
                    np.log1p(value) if name.startswith("actions") else value
                    for name, value in found.items()
                ]
            )
        assert row["n_students"] == len(expected)
        mean = pd.DataFrame(expected).mean().to_numpy()
        np.testing.assert_allclose(row[names].astype(float), mean, rtol=1e-12)


@given(day=st.integers(0, 60))
def test_knows_nothing_of_later_days(day):
    cut = as_of(X, day)
    expected = CONTEXT[CONTEXT["particion"] <= day]
    found = make_course_context(cut)
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True))


@given(seed=st.integers(0, 99))
def test_order_of_rows_changes_no_bit(seed):
    shuffled = X.sample(frac=1, random_state=seed)
    pd.testing.assert_frame_equal(make_course_context(shuffled), CONTEXT)


def test_many_students_are_read_in_parts(monkeypatch):
    monkeypatch.setattr("edml.feature_extraction._context._MOST_ROWS", 40)
    pd.testing.assert_frame_equal(make_course_context(X), CONTEXT)


def test_students_who_are_the_same_differ_by_nothing():
    one = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    course = pd.concat([one.assign(user_uuid=name) for name in "abc"])
    table = add_course_context(course)
    found = HistoryFeatures("full", fill_value=None).fit_transform(table)
    relative = found[[f"relative_{figure}" for figure in FIGURES]]
    assert (relative.isna() | (relative.abs() < 1e-12)).all(axis=None)
    assert relative.notna().any().all()


def test_a_course_does_not_depend_on_the_others():
    course = CONTEXT["course_uuid"].iloc[-1]
    found = make_course_context(X[X["course_uuid"] == course])
    expected = CONTEXT[CONTEXT["course_uuid"] == course].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected)


def test_weeks_are_as_long_as_their_days():
    week = X.assign(particion=X["particion"] * 7)
    weekly = make_course_context(X, partition_days=7)
    daily = make_course_context(week)
    assert weekly["n_students"].tolist() == daily["n_students"].tolist()


def test_row_depends_on_its_history_and_its_context():
    table = add_course_context(X)
    for features in ("progress", "full"):
        check_no_lookahead(HistoryFeatures(features), table)
        check_company_invariance(HistoryFeatures(features), table)


def test_context_travels_with_some_students():
    whole = add_course_context(X)
    some = X["user_uuid"].isin(X["user_uuid"].unique()[:2])
    pd.testing.assert_frame_equal(add_course_context(X[some], CONTEXT), whole[some])
    again = CONTEXT.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(add_course_context(X[some], again), whole[some])


def test_differences_are_from_the_means():
    table = add_course_context(X)
    features = HistoryFeatures("full", fill_value=None).fit(table)
    found = features.transform(table)
    for figure in FIGURES:
        own = found[figure]
        own = np.log1p(own) if figure.startswith("actions") else own
        expected = (own - table[f"context_{figure}"]).to_numpy()
        np.testing.assert_array_equal(found[f"relative_{figure}"], expected)
    rows, latest = features.transform_latest(table)
    np.testing.assert_array_equal(latest, found.iloc[rows, 2:])
    filled = HistoryFeatures("full", fill_value=-1.0).fit(table).transform(table)
    pd.testing.assert_frame_equal(filled, found.fillna(-1.0))
    assert features.unfilled().transform(table).equals(found)


def test_rows_of_a_day_have_one_context():
    table = add_course_context(X)
    features = HistoryFeatures("progress").fit(table)
    other = pd.concat([table, table.iloc[[7]].assign(context_missed_n=99)])
    with pytest.raises(TableError, match="'context_missed_n' differs between rows"):
        features.transform(other)
    same = pd.concat([table, table.iloc[[7]].assign(nombre_examen=None)])
    assert len(features.transform(same)) == len(table) + 1


def test_classic_ignores_the_context():
    table = add_course_context(X)
    assert not HistoryFeatures("classic").fit(table).relative_


def test_missing_and_old_contexts_are_reported():
    course = CONTEXT["course_uuid"].iloc[0]
    with pytest.warns(UserWarning, match="rows have no context: their course"):
        found = add_course_context(X, CONTEXT[CONTEXT["course_uuid"] != course])
    absent = found["context_missed_n"].isna()
    assert absent[X["course_uuid"] == course].all()
    early = CONTEXT[CONTEXT["particion"] <= 20]
    late = X[X["particion"] == 30]
    with pytest.warns(UserWarning, match=r"up to \d+ days older than they are"):
        found = add_course_context(late, early)
    last = early.groupby("course_uuid")["context_missed_n"].last()
    np.testing.assert_array_equal(found["context_missed_n"], last[late["course_uuid"]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        add_course_context(X[X["particion"] <= 20], early)
    empty = X.head(0)
    assert list(add_course_context(empty, CONTEXT)) == list(add_course_context(X))


@pytest.mark.parametrize(
    ("table", "context", "error", "message"),
    [
        (X.assign(context_missed_n=1.0), None, ValueError, "context once, or drop it"),
        (X, CONTEXT[["course_uuid", "particion"]], TableError, "no column context_"),
        (X, CONTEXT.drop(columns="particion"), TableError, "particion"),
        (X, pd.concat([CONTEXT, CONTEXT]), TableError, "a course twice"),
        (X.drop(columns="course_uuid"), None, TableError, "course_uuid"),
        (X.head(0), None, TableError, "X has no row"),
        (X.assign(user_uuid=None), None, TableError, f"{len(X)} of {len(X)} rows have"),
        (
            X,
            pd.concat([CONTEXT, CONTEXT["context_missed_n"]], axis=1),
            TableError,
            "context_missed_n.* more than once",
        ),
    ],
    ids=["twice", "nothing", "no day", "repeated", "no course", "empty", "null", "two"],
)
def test_bad_input(table, context, error, message):
    with pytest.raises(error, match=message):
        add_course_context(table, context)


def test_bad_length_of_a_partition():
    with pytest.raises(TypeError, match="partition_days"):
        add_course_context(X, CONTEXT, partition_days="week")
    with pytest.raises(ValueError, match="partition_days"):
        add_course_context(X, CONTEXT, partition_days=0)


def test_days_of_many_courses_may_be_far_apart():
    courses = [f"course {i}" for i in range(2_000)]
    days = pd.DataFrame({"course_uuid": courses}).merge(
        pd.DataFrame({"particion": [3, 2**53]}), how="cross"
    )
    context = days.assign(context_missed_n=np.arange(len(days)))
    found = add_course_context(days.assign(user_uuid="ana"), context)
    assert found["context_missed_n"].tolist() == context["context_missed_n"].tolist()


def test_columns_may_have_other_names():
    names = {"course_uuid": "course", "particion": "day", "user_uuid": "who"}
    found = make_course_context(X.rename(columns=names), columns=names)
    pd.testing.assert_frame_equal(
        found.rename(columns={"course": KEYS[1], "day": KEYS[2]}), CONTEXT
    )


def test_model_is_the_same_everywhere(tmp_path):
    whole = make_student_activity(60, fail_rate=0.4, random_state=2)
    table, y = add_course_context(whole), make_target(whole)
    pipeline = make_risk_pipeline(features="progress", every=5)
    pipeline.set_params(classify__n_estimators=10)
    model = RiskClassifier(pipeline, cv=2).fit(table, y)
    assert any(name.startswith("relative_") for name in model.features(table[:5]))
    expected = model.fail_probability(table)
    registry = ModelRegistry(tmp_path)
    registry.register(model)
    np.testing.assert_array_equal(registry.load(1).fail_probability(table), expected)
    one = whole["user_uuid"] == whole["user_uuid"].iloc[0]
    alone = add_course_context(whole[one], make_course_context(whole))
    np.testing.assert_allclose(model.fail_probability(alone), expected[one], rtol=1e-9)
    for ask in (model.fail_probability, model.score_latest, model.pipeline_.predict):
        with pytest.raises(TableError, match="context_missed_n"):
            ask(whole)
    assert model.score_students(table, at=20)["reasons"].str.len().min() == 3
    assert set(explain(model, table, rows=[0]).contributions) >= {
        "relative_missed_n",
        "relative_score_last",
    }
