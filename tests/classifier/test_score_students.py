"""The contact list: one row per student and course, as it was on a day."""

import html
import pickle

import numpy as np
import pandas as pd
import pytest

from edml import as_of, make_risk_pipeline, make_student_activity, make_target
from edml.classifier import Capacity, RiskClassifier
from edml.exceptions import TableError

X = make_student_activity(60, fail_rate=0.3, random_state=1)
y = make_target(X)
KEYS = ["user_uuid", "course_uuid"]


@pytest.fixture(scope="module")
def model():
    return RiskClassifier(make_risk_pipeline(every=7), cv=2).fit(X, y)


@pytest.fixture(scope="module")
def students(model):
    return model.score_students(X, at=30, since=20, n_reasons=2)


def by_hand(model, X, at):
    """Return each history's probability at its last row up to a day."""
    shown = as_of(X, at)
    shown = shown.assign(
        p=model.predict_proba(shown)[:, 1], day=shown["particion"].fillna(0)
    )
    last = shown.sort_values("day", kind="stable").groupby(KEYS).last()
    return last[["p", "day"]]


def test_columns_and_rows(students):
    assert list(students) == [
        *("user_uuid", "course_uuid", "legajo", "course_name", "particion"),
        *("probability", "flagged", "change", "reasons"),
        *("reason_features", "facts"),
    ]
    assert not students.duplicated(KEYS).any()
    assert students["probability"].is_monotonic_decreasing
    assert students.index.equals(pd.RangeIndex(len(students)))
    assert len(students) == X[X["particion"].fillna(0) <= 30].groupby(KEYS).ngroups


def test_probabilities_are_those_of_the_day(model, students):
    expected = by_hand(model, X, 30).loc[pd.MultiIndex.from_frame(students[KEYS])]
    np.testing.assert_allclose(students["probability"], expected["p"], rtol=1e-9)
    np.testing.assert_array_equal(students["particion"], expected["day"])
    np.testing.assert_array_equal(
        students["flagged"], students["probability"] >= model.threshold_
    )


def test_change_is_counted_from_the_earlier_day(model, students):
    then = by_hand(model, X, 20)["p"].reindex(pd.MultiIndex.from_frame(students[KEYS]))
    expected = students["probability"] - then.to_numpy()
    expected[students["particion"] <= 20] = np.nan  # no event since
    np.testing.assert_allclose(students["change"], expected, atol=1e-9)
    late = model.score_students(X, since=1000, n_reasons=0)
    assert late["change"].isna().all()
    assert (students["change"] != 0).sum() > 10


def test_without_a_day_it_is_each_historys_latest(model):
    students = model.score_students(X, n_reasons=0)
    expected = by_hand(model, X, np.inf).loc[pd.MultiIndex.from_frame(students[KEYS])]
    np.testing.assert_allclose(students["probability"], expected["p"], rtol=1e-9)
    assert students["change"].isna().all()
    assert "reasons" not in students


def test_the_future_changes_no_list(model, students):
    rng = np.random.RandomState(0)
    later = X["particion"].fillna(0) > 30
    altered = X.copy()
    altered.loc[later, "score"] = rng.uniform(0, 100, later.sum())
    altered.loc[later, "nota_parcial"] = 0.0
    for table in (altered, as_of(X, 30)):
        pd.testing.assert_frame_equal(
            model.score_students(table, at=30, since=20, n_reasons=2), students
        )


@pytest.mark.parametrize("capacity", [2, Capacity(2)])
def test_capacity_flags_the_most_at_risk_of_each_course(model, capacity):
    students = model.score_students(X, at=40, capacity=capacity, n_reasons=0)
    for _, course in students.groupby("course_uuid"):
        flags = course["flagged"].to_numpy()
        assert flags.sum() == min(2, len(course))
        assert flags[:2].all()  # sorted by probability
    none = model.score_students(X, at=40, capacity=0, n_reasons=0)
    assert not none["flagged"].any()


def test_reasons_and_facts_are_words(model, students):
    for column in ("reasons", "facts"):
        assert all(isinstance(text, str) for row in students[column] for text in row)
    assert 0 < students["reasons"].map(len).max() <= 2
    assert students["facts"].map(len).max() > 0
    spanish = model.score_students(X, at=30, since=20, n_reasons=2, language="es")
    assert list(spanish["probability"]) == list(students["probability"])
    assert not set(spanish["reasons"].explode()) & set(students["reasons"].explode())
    with pytest.raises(ValueError, match=r"language='fr' is unknown"):
        model.score_students(X, language="fr")


def test_a_student_in_two_courses_has_two_rows(model):
    students = model.score_students(X, n_reasons=0)
    assert students["user_uuid"].duplicated().any()
    assert len(students) == X.groupby(KEYS).ngroups


def test_mapped_names():
    names = {"user_uuid": "student", "course_uuid": "course", "particion": "day"}
    renamed = X.rename(columns=names)
    pipe = make_risk_pipeline(every=7, columns=names)
    model = RiskClassifier(pipe, cv=2).fit(renamed, y)
    students = model.score_students(renamed, at=30, since=20, n_reasons=2)
    plain = RiskClassifier(make_risk_pipeline(every=7), cv=2).fit(X, y)
    expected = plain.score_students(X, at=30, since=20, n_reasons=2)
    pd.testing.assert_frame_equal(students, expected.rename(columns=names))


def test_any_index_and_order_of_rows(model, students):
    order = np.random.RandomState(0).permutation(len(X))
    other = X.iloc[order].set_axis([f"row {k}" for k in range(len(X))])
    found = model.score_students(other, at=30, since=20, n_reasons=2)
    both = [table.sort_values(KEYS, ignore_index=True) for table in (found, students)]
    pd.testing.assert_frame_equal(*both, rtol=1e-9)


def test_the_input_is_not_changed(model):
    before = X.copy()
    model.score_students(X, at=30, since=20)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"at": 20, "since": 20}, ValueError, "since must be before at"),
        ({"at": -1}, TableError, "X has no row up to partition -1"),
        ({"at": float("nan")}, ValueError, "at must be a partition"),
        ({"capacity": -1}, ValueError, "capacity must be a whole number from 0 on"),
        ({"capacity": 2.5}, ValueError, "capacity must be a whole number from 0 on"),
        ({"n_reasons": -1}, ValueError, "n_reasons must be a whole number from 0 on"),
        ({"at": "30"}, TypeError, "at must be"),
    ],
)
def test_bad_parameters_raise(model, given, error, message):
    with pytest.raises(error, match=message):
        model.score_students(X, **given)


def test_a_plain_table_has_no_contact_list():
    table = pd.DataFrame({"a": np.arange(60.0), "b": 1.0})
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    model = RiskClassifier(LogisticRegression(), cv=2).fit(table, np.arange(60) % 2)
    with pytest.raises(TableError, match="score_students needs an event table"):
        model.score_students(table)


def test_before_fit():
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415

    with pytest.raises(NotFittedError, match="not fitted yet"):
        RiskClassifier().score_students(X)


def test_a_notebook_shows_reasons_in_full(students):
    assert isinstance(students, pd.DataFrame)
    first = students.head(3)
    page = html.unescape(first._repr_html_())
    for name in ("reasons", "facts"):
        for said in first[name]:
            assert f"<td>{'; '.join(said)}</td>" in page
    assert students["reasons"].map(type).eq(list).all()  # the values stay lists
    again = pickle.loads(pickle.dumps(students))  # noqa: S301 - our own bytes
    pd.testing.assert_frame_equal(again, students)
    column = first[["probability"]]._repr_html_()
    assert f"{first['probability'].iloc[0]:.6f}" in column
