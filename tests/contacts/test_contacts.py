"""Lots near the line, the power beforehand, and the effect afterwards."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.contacts import assign_contacts, contact_effect, contact_power
from edml.exceptions import TableError
from edml.sources import read_contacts


def make_list(sizes, seed=0, repeat_students=False):
    rng = np.random.default_rng(seed)
    courses = np.repeat(np.arange(len(sizes)), sizes)
    n = len(courses)
    students = np.arange(n) % (n // 2 or 1) if repeat_students else np.arange(n)
    scores = pd.DataFrame(
        {
            "user_uuid": [f"s{k}" for k in students],
            "course_uuid": [f"c{k}" for k in courses],
            "probability": rng.random(n),
        }
    )
    return scores.drop_duplicates(["user_uuid", "course_uuid"], ignore_index=True)


# -- assign_contacts ----------------------------------------------------------------


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    capacity=st.integers(1, 12),
    holdout=st.floats(0.01, 1),
    seed=st.integers(0, 5),
)
def test_every_place_is_used_and_only_the_line_is_drawn(sizes, capacity, holdout, seed):
    scores = make_list(sizes, seed)
    found = assign_contacts(scores, capacity, holdout, random_state=seed)
    drawn = int(np.ceil(holdout * capacity - 1e-9))
    for _, of_course in found.groupby("course_uuid"):
        course = of_course.sort_values("probability", ascending=False)
        n = len(course)
        assert course["contact"].sum() == min(n, capacity)
        assert course["assignment_probability"].sum() == pytest.approx(min(n, capacity))
        chance = course["assignment_probability"].to_numpy()
        assert (np.diff(chance) <= 0).all()  # who is more at risk has no lower chance
        lot = course["randomised"].to_numpy()
        assert (lot == ((chance > 0) & (chance < 1))).all()
        assert lot.sum() == (
            0 if n <= capacity else min(2 * drawn, n - capacity + drawn)
        )
        assert course.loc[chance == 1, "contact"].all()
        assert not course.loc[chance == 0, "contact"].any()


def test_probability_is_that_of_the_lots():
    scores = make_list([14, 20])
    found = [assign_contacts(scores, 10, 0.5, k)["contact"] for k in range(600)]
    share = np.mean(found, axis=0)
    chance = assign_contacts(scores, 10, 0.5, 0)["assignment_probability"]
    assert set(chance.round(3)) == {0, 0.5, 0.556, 1}
    assert share == pytest.approx(chance, abs=0.06)


def test_lots_depend_on_neither_row_order_nor_other_columns():
    scores = make_list([30, 30]).round(1)  # with ties
    shuffled = scores.sample(frac=1, random_state=3)
    one = assign_contacts(scores, 8, random_state=5)
    other = assign_contacts(shuffled, 8, random_state=5).loc[scores.index]
    pd.testing.assert_frame_equal(one, other)


def test_assign_contacts_takes_the_users_names_and_no_row():
    scores = make_list([5]).rename(columns={"user_uuid": "id"})
    found = assign_contacts(scores, 2, columns={"user_uuid": "id"})
    assert found["contact"].sum() == 2
    assert list(assign_contacts(make_list([5])[:0], 2))[-3:] == [
        *("contact", "randomised", "assignment_probability"),
    ]


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"capacity": 0}, ValueError, "capacity"),
        ({}, {"holdout": 0.0}, ValueError, "holdout"),
        ({}, {"holdout": 1.1}, ValueError, "holdout"),
        ({"contact": True}, {}, TableError, r"columns \['contact'\] already"),
        ({"user_uuid": "ann"}, {}, TableError, "4 of 5 rows repeat one"),
        ({"probability": 2.0}, {}, ValueError, r"fractions in \[0, 1\]"),
    ],
    ids=["capacity", "none", "more", "column", "repeated", "probability"],
)
def test_bad_lists_raise(change, options, error, message):
    with pytest.raises(error, match=message):
        assign_contacts(make_list([5]).assign(**change), **{"capacity": 2, **options})


# -- contact_power ------------------------------------------------------------------


@pytest.mark.parametrize(("n", "rate"), [(240, 0.3), (1000, 0.5), (400, 0.1)])
def test_power_is_that_of_simulated_trials(n, rate):
    found = contact_power(n, rate)
    rng = np.random.default_rng(0)
    held = rng.binomial(n // 2, rate, 20_000) / (n // 2)
    helped = rng.binomial(n // 2, rate - found.detectable, 20_000) / (n // 2)
    error = np.sqrt((held * (1 - held) + helped * (1 - helped)) / (n // 2))
    power = np.mean(np.abs(held - helped) > 1.959964 * error)
    assert power == pytest.approx(0.8, abs=0.04)
    at = contact_power(n, rate, effect=found.detectable)
    assert at.power == pytest.approx(0.8, abs=1e-6)


@given(st.integers(4, 10**6), st.floats(0.01, 0.99), st.floats(0.1, 0.9))
def test_more_students_find_smaller_effects(n, rate, assigned):
    few, many = (contact_power(k, rate, assigned=assigned) for k in (n, 2 * n))
    assert np.isnan(few.detectable) or 0 < many.detectable <= few.detectable <= rate


def test_nothing_can_be_found_among_few():
    assert np.isnan(contact_power(10, 0.1).detectable)
    assert np.isnan(contact_power(240, 0.3).power)


@pytest.mark.parametrize(
    ("given_", "options", "name"),
    [
        ((3, 0.3), {}, "n_students"),
        ((240, 1.0), {}, "fail_rate"),
        ((240, 0.3), {"effect": 0.4}, "effect"),
        ((240, 0.3), {"assigned": 0.0}, "assigned"),
        ((240, 0.3), {"power": 1.0}, "power"),
        ((240, 0.3), {"confidence": 95}, "confidence"),
    ],
    ids=["students", "rate", "effect", "assigned", "power", "confidence"],
)
def test_bad_trials_raise(given_, options, name):
    with pytest.raises(ValueError, match=name):
        contact_power(*given_, **options)


# -- contact_effect -----------------------------------------------------------------


def run_trial(seed, effect, n_courses=40, reach=1.0):
    """Assign, contact, and draw outcomes; half of the students have two courses."""
    rng = np.random.default_rng(seed)
    scores = make_list([11 + k % 20 for k in range(n_courses)], seed, True)
    assigned = assign_contacts(scores, 10, 0.5, seed)
    reached = assigned["contact"] & (rng.random(len(assigned)) < reach)
    # the riskier fail more often, and a student's courses share luck
    student = assigned["user_uuid"].str[1:].astype(int)
    luck = rng.normal(0, 0.1, student.max() + 1)[student]
    risk = np.clip(0.2 + 0.6 * assigned["probability"] + luck, 0.1, 0.9)
    fails = rng.random(len(assigned)) < np.clip(risk + effect * reached, 0, 1)
    keys = {"student": assigned["user_uuid"], "course": assigned["course_uuid"]}
    outcomes = pd.DataFrame({**keys, "fails": fails.astype(int)})
    contacts = pd.DataFrame(keys)[reached].assign(date="2026-03-02")
    return assigned, outcomes, read_contacts(contacts)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, -0.1])
def test_interval_covers_the_effect(effect):
    found = [contact_effect(*run_trial(seed, effect)[:2]) for seed in range(150)]
    covered = np.mean([one.low <= effect <= one.high for one in found])
    assert covered >= 0.91
    assert np.mean([one.effect for one in found]) == pytest.approx(effect, abs=0.02)


@pytest.mark.slow
def test_effect_of_contact_is_that_on_the_reached():
    trials = [run_trial(seed, -0.3, reach=0.5) for seed in range(150)]
    found = [contact_effect(*trial) for trial in trials]
    per_lot = np.mean([one.effect for one in found])
    per_contact = np.mean([one.effect_of_contact for one in found])
    assert per_lot == pytest.approx(-0.15, abs=0.02)
    assert per_contact == pytest.approx(-0.3, abs=0.04)
    covered = [one.low_of_contact <= -0.3 <= one.high_of_contact for one in found]
    assert np.mean(covered) >= 0.91


def test_effect_counts_only_those_drawn():
    assigned, outcomes, contacts = run_trial(0, -0.3, reach=0.7)
    lot = assigned["randomised"]
    others = outcomes.assign(fails=outcomes["fails"].where(lot, 1 - outcomes["fails"]))
    found = contact_effect(assigned, outcomes, contacts)
    assert found == contact_effect(assigned, others, contacts)
    assert found.n_assigned + found.n_held_back == lot.sum()
    assert found.reached_held_back == 0
    assert 0.5 < found.reached_assigned < 0.9
    assert found.verdict == "helps"
    assert found.to_dict()["verdict"] == "helps"


def test_effect_without_weights_is_the_difference_of_shares():
    assigned, outcomes, _ = run_trial(1, 0.0)
    half = assigned["assignment_probability"] == 0.5
    found = contact_effect(assigned[half], outcomes)
    fails = outcomes["fails"][half & assigned["randomised"]]
    drawn = assigned["contact"][fails.index]
    assert found.effect == pytest.approx(fails[drawn].mean() - fails[~drawn].mean())
    assert found.low < found.effect < found.high
    assert np.isnan(found.effect_of_contact)
    assert found.to_dict()["effect_of_contact"] is None


def test_students_without_outcome_are_counted():
    assigned, outcomes, _ = run_trial(2, 0.0)
    lot = assigned["randomised"].to_numpy()
    some = np.flatnonzero(lot)[:7]
    found = contact_effect(assigned, outcomes.drop(index=some))
    assert found.n_without_outcome == 7


def test_bad_outcomes_raise():
    assigned, outcomes, _ = run_trial(3, 0.0)
    with pytest.raises(TableError, match="rows repeat one"):
        contact_effect(assigned, pd.concat([outcomes, outcomes[:1]]))
    with pytest.raises(TableError, match=r"found 0 and 0\. Check that outcomes"):
        contact_effect(assigned, outcomes.assign(course=outcomes["course"] + "x"))
    with pytest.raises(TableError, match="fails"):
        contact_effect(assigned, outcomes.drop(columns="fails"))
