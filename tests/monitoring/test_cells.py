"""Histograms of students, their tests, and the control of false discoveries."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2_contingency

from edml.monitoring._cells import (
    MIN_STUDENTS,
    NOTHING,
    Cell,
    add_up,
    adjust,
    compare,
    conclude,
    make_cells,
)

VALUES = st.sampled_from([np.nan, -1.5, 0.0, 0.0, 1.0, 2.0, 1e-300, 7.25, 1e9])
COLUMNS = st.integers(20, 90).flatmap(
    lambda n: arrays(np.float64, (n, 2), elements=st.one_of(VALUES, st.floats(0, 1)))
)


def count_slowly(cuts, values):
    """Count by comparing each value with each cut."""
    counts = [0] * (len(cuts) + 1)
    for value in values:
        known = -np.inf if np.isnan(value) else value
        counts[sum(cut < known for cut in cuts)] += 1
    return counts


@given(COLUMNS)
def test_no_cell_holds_few_students(values):
    for column, cell in enumerate(make_cells(values)):
        assert cell.counts.sum() == len(values)
        assert cell.counts.min() >= MIN_STUDENTS
        assert cell.counts.tolist() == count_slowly(cell.cuts, values[:, column])
        assert cell.counts.tolist() == cell.tally(values[:, column]).tolist()


@given(COLUMNS, st.randoms(use_true_random=False))
def test_order_of_students_does_not_matter(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    for one, other in zip(make_cells(values), make_cells(values[order]), strict=True):
        assert one.cuts.tolist() == other.cuts.tolist()
        assert one.counts.tolist() == other.counts.tolist()


@given(COLUMNS)
def test_no_cut_is_a_value(values):
    for column, cell in enumerate(make_cells(values)):
        assert not set(cell.cuts) & set(values[:, column])


def test_missing_values_have_a_cell_of_their_own():
    values = np.r_[np.full(15, np.nan), np.arange(85.0)][:, None]
    cell = make_cells(values)[0]
    assert cell.cuts[0] == -np.inf
    assert cell.counts[0] == 15


def test_comparison_is_pearsons():
    cell = Cell(np.array([1.5, 2.5]), np.array([40, 30, 30]))
    new = np.r_[np.ones(10), np.full(25, 2.0), np.full(15, 3.0)]
    found = conclude(compare(cell, new), 1.0)
    expected = chi2_contingency([[40, 30, 30], [10, 25, 15]], correction=False)
    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.direction > 0


def test_strata_add_up():
    cell = Cell(np.array([0.5]), np.array([50, 50]))
    one = compare(cell, np.r_[np.zeros(40), np.ones(10)])
    both = add_up([one, compare(cell, np.r_[np.zeros(10), np.ones(40)])])
    assert both.freedom == 2
    assert conclude(both, 1.0).size == pytest.approx(conclude(one, 1.0).size)
    assert conclude(both, 1.0).direction == pytest.approx(0)


def test_constant_feature_is_not_tested():
    assert compare(Cell(np.array([]), np.array([40])), np.ones(20)) == NOTHING
    assert np.isnan(conclude(NOTHING, 1.0).p_value)


def test_size_does_not_grow_with_students():
    """Under no shift the corrected size is near 0, whatever the number of students."""
    random = np.random.default_rng(0)
    for n_students in (200, 5000):
        cell = make_cells(random.normal(size=(n_students, 1)))[0]
        sizes = [
            conclude(compare(cell, random.normal(size=n_students)), 1.0).size
            for _ in range(50)
        ]
        assert np.mean(sizes) < 0.1


def test_dependent_rows_do_not_alarm():
    """A student in two courses with the same ability counts once in the test."""
    random = np.random.default_rng(1)
    alarms = plain = 0
    for _ in range(300):
        old = np.repeat(random.normal(size=(300, 1)), 2, axis=1)
        new = np.repeat(random.normal(size=(200, 1)), 2, axis=1)
        cells = [make_cells(old[:, [course]])[0] for course in range(2)]
        found = add_up(compare(cells[k], new[:, k]) for k in range(2))
        alarms += conclude(found, 2.0).p_value < 0.05
        plain += conclude(found, 1.0).p_value < 0.05
    assert alarms / 300 <= 0.07
    assert plain / 300 > 0.1  # the correction is needed


def adjust_slowly(p_values, weights):
    """Return the smallest rate at which each test is a discovery."""
    tested = [k for k, p in enumerate(p_values) if not np.isnan(p)]
    mean = np.mean([weights[k] for k in tested])
    scaled = {k: p_values[k] / (weights[k] / mean) for k in tested}
    found = [np.nan] * len(p_values)
    for k in tested:
        rates = [
            scaled[other]
            * len(tested)
            / sum(scaled[x] <= scaled[other] for x in tested)
            for other in tested
            if scaled[other] >= scaled[k]
        ]
        found[k] = min(1.0, *rates, 1.0)
    return found


@given(
    st.lists(
        st.tuples(st.floats(1e-6, 1) | st.just(np.nan), st.floats(0.1, 5)),
        min_size=1,
        max_size=12,
    )
)
def test_adjusted_p_values_by_definition(tests):
    p_values, weights = map(np.array, zip(*tests, strict=True))
    if np.isnan(p_values).all():
        assert np.isnan(adjust(p_values, weights)).all()
        return
    expected = adjust_slowly(p_values, weights)
    assert adjust(p_values, weights) == pytest.approx(expected, nan_ok=True)


def test_unused_feature_is_no_discovery():
    adjusted = adjust(np.array([1e-9, 1e-9]), np.array([1.0, 0.0]))
    assert adjusted[0] < 1e-6
    assert adjusted[1] == 1
