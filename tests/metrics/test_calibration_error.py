"""Calibration bins and their error, against plain loops and scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from edml.metrics import calibration_bins, expected_calibration_error

ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.8, 1.0])),
    min_size=1,
    max_size=40,
)
BOTH = [calibration_bins, expected_calibration_error]


def by_hand(rows, n_bins, strategy):
    """Put the rows in bins, one by one."""
    bins = {}
    for fails, p in rows:
        if strategy == "uniform":
            edges = np.linspace(0, 1, n_bins + 1)
            place = max(b for b in range(n_bins) if p >= edges[b])
        else:
            below = sum(other < p for _, other in rows)
            tied = sum(other == p for _, other in rows)
            place = int((2 * below + tied - 1) * n_bins // (2 * len(rows)))
        bins.setdefault(place, []).append((fails, p))
    return [np.array(bins[place], dtype=float) for place in sorted(bins)]


@given(ROWS, st.sampled_from([1, 2, 4, 10]), st.sampled_from(["quantile", "uniform"]))
def test_bins_are_those_of_a_loop(rows, n_bins, strategy):
    y, p = zip(*rows, strict=True)
    bins = by_hand(rows, n_bins, strategy)
    found = calibration_bins(y, p, n_bins=n_bins, strategy=strategy)
    assert list(found) == ["mean_predicted", "share_positive", "n"]
    assert found["n"].tolist() == [len(held) for held in bins]
    means = np.array([held.mean(axis=0) for held in bins])
    assert found["share_positive"].to_numpy() == pytest.approx(means[:, 0])
    assert found["mean_predicted"].to_numpy() == pytest.approx(means[:, 1])
    assert found["mean_predicted"].is_monotonic_increasing
    gap = (found["mean_predicted"] - found["share_positive"]).abs()
    error = expected_calibration_error(y, p, n_bins=n_bins, strategy=strategy)
    assert error == pytest.approx((gap * found["n"]).sum() / len(rows), abs=1e-12)
    assert 0 <= error <= 1


def test_quantile_bins_have_equal_sizes():
    p = np.random.default_rng(0).permutation(1000) / 1000
    assert set(calibration_bins(p > 0.5, p, n_bins=15)["n"]) == {66, 67}
    assert calibration_bins(p > 0.5, p, n_bins=10)["n"].tolist() == [100] * 10


def test_edges_of_bins():
    p = [0.25, 0.5, 0.5, 0.75, 1.0]
    uniform = calibration_bins([0] * 5, p, n_bins=2, strategy="uniform")
    assert uniform["n"].tolist() == [1, 4]
    # The middle of the two tied ranks, 1.5 of 0 to 4, is below 2.5.
    assert calibration_bins([0] * 5, p, n_bins=2)["n"].tolist() == [3, 2]
    # One of three rows in two bins is the middle one: its rank, 1, is below 1.5.
    assert calibration_bins([0] * 3, [0.1, 0.2, 0.3], n_bins=2)["n"].tolist() == [2, 1]


@given(ROWS, st.integers(1, 20))
def test_equal_probabilities_are_never_divided(rows, n_bins):
    y, p = zip(*rows, strict=True)
    found = calibration_bins(y, p, n_bins=n_bins)
    counts = pd.Series(p).value_counts().sort_index().cumsum()
    assert set(found["n"].cumsum()) <= set(counts)


def test_uniform_bins_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = rng.random(500)
    y = rng.random(500) < p
    share, mean = calibration_curve(y, p, n_bins=15)
    found = calibration_bins(y, p, strategy="uniform")
    assert found["share_positive"].to_numpy() == pytest.approx(share)
    assert found["mean_predicted"].to_numpy() == pytest.approx(mean)


def test_error_separates_true_and_distorted_probabilities():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 8, 50_000)
    y = rng.random(50_000) < p
    for strategy in ("quantile", "uniform"):
        assert expected_calibration_error(y, p, strategy=strategy) < 0.01
        distorted = expected_calibration_error(y, np.sqrt(p), strategy=strategy)
        assert distorted == pytest.approx(np.mean(np.sqrt(p) - p), abs=0.02)


@pytest.mark.parametrize("function", BOTH)
def test_bad_parameters_raise(function):
    with pytest.raises(ValueError, match="'quantile' or 'uniform'; found 'equal'"):
        function([0, 1], [0.1, 0.2], strategy="equal")
    with pytest.raises(ValueError, match="n_bins"):
        function([0, 1], [0.1, 0.2], n_bins=0)
    with pytest.raises(TypeError, match="n_bins"):
        function([0, 1], [0.1, 0.2], n_bins=2.5)
    with pytest.raises(ValueError, match="1 of 2 are NaN"):
        function([0, 1], [0.1, np.nan])
    with pytest.raises(ValueError, match="same rows"):
        function([0], [0.1, 0.2])
