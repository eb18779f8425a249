"""How scores moved, how early flags came, and what was said last week."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.exceptions import LedgerError, TableError
from edml.ledger import Ledger
from ledger_lists import make_scores

KEY = b"0123456789abcdef"
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)


def days(n):
    return MONDAY + timedelta(days=n)


@pytest.fixture(params=[None, KEY], ids=["plain", "pseudonyms"])
def ledger(request, tmp_path):
    return Ledger(tmp_path / "ledger.db", request.param)


def record(ledger, day, ids, probability, threshold=0.5, **options):
    flagged = np.array(probability) >= threshold
    scores = make_scores(ids, day=int(day), probability=probability, flagged=flagged)
    return ledger.append(scores, version=1, time=days(day), **options)


# -- changes ------------------------------------------------------------------------


def test_changes_compare_the_last_lists_of_two_weeks(ledger):
    record(ledger, 0, ["ann", "ben"], [0.9, 0.9])
    record(ledger, 3, ["ann", "ben", "cho"], [0.8, 0.2, 0.1])  # these count
    record(ledger, 6.7, ["eve"], [0.3])  # Sunday, 22:48
    record(ledger, 7, ["ann", "ben"], [0.4, 0.3])
    record(ledger, 21, ["ann"], [0.9])  # nobody was told about the week before
    first, second, third = ledger.changes().to_dict("records")
    assert [one["week"] for one in (first, second, third)] == [
        pd.Timestamp("2026-03-02", tz="UTC") + pd.Timedelta(weeks=k) for k in (0, 1, 3)
    ]
    assert (first["n_students"], first["n_compared"]) == (4, 0)
    assert np.isnan(first["flip_rate"])
    assert first["flagged_share"] == 0.25
    assert first["mean"] == pytest.approx(0.35)
    assert (second["n_students"], second["n_compared"]) == (2, 2)
    assert second["flip_rate"] == 0.5
    assert second["mean_change"] == pytest.approx(-0.15)
    assert second["mean_absolute_change"] == pytest.approx(0.25)
    assert third["n_compared"] == 0


def test_changes_of_a_course_and_a_time(ledger):
    record(ledger, 0, ["ann"], [0.9])
    other = make_scores(["ann", "ben"], "physics")
    ledger.append(other, version=2, time=days(1))
    assert ledger.changes()["n_students"].tolist() == [3]
    assert ledger.changes()["n_versions"].tolist() == [2]
    assert ledger.changes(course="physics")["n_students"].tolist() == [2]
    assert ledger.changes(days(1))["n_students"].tolist() == [2]
    assert not len(ledger.changes(days(2)))


TOLD = st.lists(
    st.tuples(
        st.integers(0, 40), st.sampled_from("abc"), st.floats(0, 1), st.booleans()
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda one: one[:2],
)


@settings(deadline=None)
@given(told=TOLD)
def test_changes_agree_with_a_loop(tmp_path_factory, told):
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.db")
    last = {}
    for day, student, probability, flagged in sorted(told):
        scores = make_scores([student], probability=[probability], flagged=[flagged])
        ledger.append(scores, version=1, time=days(day))
        last[day // 7, student] = probability, flagged
    found = ledger.changes()
    weeks = sorted({week for week, _ in last})
    assert found["n_students"].tolist() == [
        sum(one == week for one, _ in last) for week in weeks
    ]
    for row, week in zip(found.itertuples(), weeks, strict=True):
        pairs = [
            (last[week, one], last[week - 1, one])
            for one in "abc"
            if {(week, one), (week - 1, one)} <= last.keys()
        ]
        assert row.n_compared == len(pairs)
        if pairs:
            assert row.flip_rate == pytest.approx(
                np.mean([now[1] != then[1] for now, then in pairs])
            )
            assert row.mean_change == pytest.approx(
                np.mean([now[0] - then[0] for now, then in pairs])
            )


# -- previous -----------------------------------------------------------------------


def test_previous_is_what_was_said_at_least_a_week_ago(ledger):
    now = datetime.now(UTC)
    for age, probability in ((20, 0.1), (7, 0.2), (3, 0.3), (0, 0.4)):
        scores = make_scores(["ann"], probability=[probability], day=40 - age)
        ledger.append(scores, version=1, time=now - timedelta(days=age), capacity=1)
    asked = make_scores(["zoe", "ann"]).set_axis([7, 3])
    found = ledger.previous(asked)
    assert found.index.tolist() == [7, 3]
    assert list(found) == [
        *("time", "run", "version", "day", "probability", "flagged"),
        "within_capacity",
    ]
    assert found.loc[7].isna().all()
    assert found.loc[3, ["run", "day", "probability"]].tolist() == [2, 33, 0.2]
    assert found.loc[3, "within_capacity"]
    assert ledger.previous(asked, timedelta(0)).loc[3, "probability"] == 0.4
    assert ledger.previous(asked, timedelta(days=30)).isna().all(axis=None)
    elsewhere = asked.assign(course_uuid="physics")
    assert ledger.previous(elsewhere).isna().all(axis=None)


def test_previous_of_an_empty_list(ledger):
    record(ledger, 0, ["ann"], [0.9])
    assert len(ledger.previous(make_scores()[:0])) == 0


# -- lead time ----------------------------------------------------------------------


def test_lead_time_is_from_the_first_flag_to_the_end(ledger):
    record(ledger, 0, ["ann", "ben", "cho"], [0.4, 0.9, 0.9], capacity=1)
    record(ledger, 10, ["ann", "ben", "cho"], [0.8, 0.1, 0.7], capacity=1)
    record(ledger, 30, ["ann", "ben", "cho"], [0.9, 0.1, 0.9], capacity=1)
    outcomes = pd.DataFrame(
        {
            "student": ["ann", "ben", "cho", "dan"],
            "course": "algebra",
            "fails": [1, 1, 0, 1],
            "date": [days(20), None, days(20), days(20)],
        }
    )
    lead = ledger.lead_time(outcomes).set_index("student")
    assert lead.index.tolist() == ["ann", "ben", "dan"]
    assert lead["n_told"].tolist() == [2, 3, 0]
    assert lead["lead_days_flagged"].tolist()[:2] == [10, 30]
    assert lead["lead_days_within_capacity"].tolist()[:2] == [10, 30]
    assert lead.loc["dan", ["first_flagged", "lead_days_flagged"]].isna().all()
    assert lead.loc["ben", "end"] == pd.Timestamp(days(30))


def test_without_dates_the_end_is_the_last_entry(ledger):
    record(ledger, 0, ["ann"], [0.9])
    record(ledger, 30, ["ann"], [0.1])
    outcomes = pd.DataFrame({"student": ["ann"], "course": "algebra", "fails": [1]})
    lead = ledger.lead_time(outcomes)
    assert lead["lead_days_flagged"].tolist() == [30]
    assert lead["end"].tolist() == [pd.Timestamp(days(30))]


def test_no_lead_from_a_flag_after_the_end(ledger):
    record(ledger, 10, ["ann"], [0.9])
    outcomes = pd.DataFrame({"student": ["ann"], "course": "algebra", "fails": True})
    lead = ledger.lead_time(outcomes.assign(date=days(5)))
    assert lead["n_told"].tolist() == [0]
    assert lead["lead_days_flagged"].isna().all()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"fails": [0, 2]}, "fails needs the values 0 and 1"),
        ({"student": ["ann", "ann"]}, "1 of 2 rows repeat one"),
        ({"student": ["ann", None]}, "have no value"),
        ({"date": ["2026-07-01", "soon"]}, "date needs a date"),
    ],
    ids=["fails", "repeated", "null", "date"],
)
def test_bad_outcomes_raise(ledger, columns, message):
    record(ledger, 0, ["ann"], [0.9])
    good = {"student": ["ann", "ben"], "course": "algebra", "fails": [0, 1]}
    with pytest.raises(ValueError, match=message):
        ledger.lead_time(pd.DataFrame(good | columns))
    with pytest.raises(TableError, match="fails"):
        ledger.lead_time(pd.DataFrame(good).drop(columns="fails"))


def test_ids_need_the_key(tmp_path):
    path = tmp_path / "ledger.db"
    record(Ledger(path, KEY), 0, ["ann"], [0.9])
    without = Ledger(path)
    assert len(without.changes()) == 1
    outcomes = pd.DataFrame({"student": ["ann"], "course": "algebra", "fails": 1})
    for use in (
        lambda: without.previous(make_scores()),
        lambda: without.lead_time(outcomes),
        lambda: without.export("ann"),
        lambda: without.erase("ann"),
    ):
        with pytest.raises(LedgerError, match="found no key"):
            use()
