"""Contacts by week, counted one by one; and evaluations that are compared in pairs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.inspection import Evaluation, EvaluationUnits, evaluate
from edml.metrics import LOSSES

THRESHOLD = 0.5


class Risk:
    """A model whose risk is a column."""

    classes_ = np.array([0, 1])
    threshold_ = THRESHOLD

    def __init__(self, column="risk"):
        self.column = column

    def predict_proba(self, X):
        risk = X[self.column].to_numpy(dtype=float)
        return np.column_stack([1 - risk, risk])


@st.composite
def tables(draw):
    """Draw snapshots with distinct risks of students in two courses."""
    n_days = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows = [
        (f"s{who}", f"c{course}", day)
        for who in range(draw(st.integers(2, 8)))
        for course in range(1 + who % 2)
        for day in range(n_days)
        if rng.random() < 0.5
    ]
    X = pd.DataFrame(rows, columns=["user_uuid", "course_uuid", "particion"])
    X["risk"] = rng.permutation(len(X)) / max(len(X), 1)
    y = X["user_uuid"].isin(["s0", "s3", "s4"]).astype(int).to_numpy()
    return X, y


def list_by_hand(X, y, day, per_course):
    """Return the contacted enrolments of a day, and those who are enrolled."""
    known = X.assign(y=y)[X["particion"] <= day].sort_values("particion")
    latest = known.groupby(["user_uuid", "course_uuid"]).last()
    if per_course is None:
        chosen = latest[latest["risk"] >= THRESHOLD]
    else:
        ranked = latest.sort_values("risk", ascending=False)
        chosen = ranked.groupby("course_uuid").head(per_course)
    return chosen, latest


@given(tables())
def test_contacts_are_those_that_a_list_by_hand_holds(table):
    X, y = table
    if not len(X):
        return
    units = EvaluationUnits.from_estimator(Risk(), X, y)
    found = Evaluation.from_units(units, n_resamples=0).contacts
    largest = X.groupby("course_uuid")["user_uuid"].nunique().max()
    assert set(found["per_course"].dropna()) == set(range(1, largest + 1))
    weeks = [d for d in range(7, X["particion"].max() + 1, 7) if d >= min(X.particion)]
    assert list(found["particion"].unique()) == (weeks or [X["particion"].max()])
    for rule, rows in found.groupby("per_course", dropna=False):
        ever = set()
        for row in rows.itertuples():
            per_course = None if np.isnan(rule) else int(rule)
            chosen, latest = list_by_hand(X, y, row.particion, per_course)
            ever |= set(chosen.index)
            assert row.n_students == len(latest)
            assert row.n_failing == latest["y"].sum()
            assert row.n_contacted == len(chosen)
            assert row.n_found == chosen["y"].sum()
            assert row.n_contacted_so_far == len(ever)
            assert row.n_found_so_far == latest.loc[list(ever), "y"].sum()


def test_equal_risks_are_contacted_by_lot():
    n = 400
    X = pd.DataFrame(
        {
            "user_uuid": [f"s{who:03}" for who in range(n)],
            "course_uuid": "c",
            "particion": 7,
            "risk": 0.3,
        }
    )
    y = (np.arange(n) < n // 2).astype(int)  # the first ids fail
    found = evaluate(Risk(), X, y, n_resamples=0).contacts
    row = found[found["per_course"] == 100].iloc[0]
    assert 30 < row["n_found"] < 70


def test_plain_tables_have_no_contacts_and_cannot_be_paired():
    X = pd.DataFrame({"risk": np.linspace(0, 1, 40)})
    evaluation = evaluate(Risk(), X, np.arange(40) % 2, n_resamples=5)
    assert not len(evaluation.contacts)
    with pytest.raises(ValueError, match="or none, as earlier versions"):
        evaluation.compare(evaluation)


# -- paired differences ---------------------------------------------------------------


@pytest.fixture(scope="module")
def students():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "user_uuid": np.repeat([f"s{who}" for who in range(80)], 4),
            "course_uuid": "c",
            "particion": np.tile([0, 7, 14, 21], 80),
        }
    )
    y = np.repeat(rng.random(80) < 0.3, 4).astype(int)
    noise = rng.random(len(X))
    X["good"] = np.clip(0.45 * y + 0.5 * noise, 0, 1)
    X["chance"] = rng.random(len(X))
    X["close"] = X["good"] ** 1.02
    return X, y


def of(students, column, **options):
    return evaluate(Risk(column), *students, n_resamples=100, **options)


def test_a_difference_has_its_sign_and_its_interval(students):
    good, chance = of(students, "good"), of(students, "chance")
    shown = ["roc_auc", "average_precision", "brier", "log_loss"]
    table, back = good.compare(chance).loc[shown], chance.compare(good).loc[shown]
    assert set(table["verdict"]) == {"better"}
    assert set(back["verdict"]) == {"worse"}
    for name, row in table.iterrows():
        assert row["difference"] == good.metrics[name] - chance.metrics[name]
        assert row["low"] < row["difference"] < row["high"]
        assert (row["difference"] < 0) == (name in LOSSES)
    np.testing.assert_allclose(back["low"], -table["high"], atol=1e-9)


def test_pairs_are_narrower_than_two_intervals(students):
    good, close = of(students, "good"), of(students, "close")
    row = good.compare(close).loc["roc_auc"]
    low, high = good.intervals["roc_auc"]
    assert row["high"] - row["low"] < 0.2 * (high - low)
    assert good.compare(good)["verdict"].eq("cannot be told apart").all()


def test_other_rows_or_other_resamples_are_not_compared(students):
    X, y = students
    good = of(students, "good")
    with pytest.raises(ValueError, match="found different rows"):
        good.compare(of((X.iloc[4:], y[4:]), "good"))
    for other in ({"random_state": 1}, {"groups": X["user_uuid"].eq("s1")}):
        with pytest.raises(ValueError, match="same integer random_state"):
            good.compare(of(students, "good", **other))
