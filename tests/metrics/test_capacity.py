"""precision_at_k: against every way of choosing k students."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.metrics import precision_at_k

ROWS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([0.0, 0.2, 0.2000001, 1.0]),
        st.sampled_from("xy"),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=6,
)


def by_hand(rows, k):
    """Try all orders of each group, sort them stably and take k of each."""
    groups = {}
    for fails, p, course, partition in rows:
        groups.setdefault((course, partition), []).append((fails, p))
    shares = [
        np.mean(
            [
                np.mean(
                    [fails for fails, _ in sorted(way, key=lambda row: -row[1])[:k]]
                )
                for way in permutations(members)
            ]
        )
        for members in groups.values()
    ]
    return np.mean(shares)


@given(ROWS, st.integers(1, 7))
def test_ties_are_the_mean_of_all_choices(rows, k):
    found = precision_at_k(*zip(*rows, strict=True), k=k)
    assert found == pytest.approx(by_hand(rows, k))


def test_groups_count_once_and_small_ones_use_all():
    y = [1, 0, 0, 0, 0, 1]
    p = [0.9, 0.8, 0.7, 0.6, 0.5, 0.1]
    courses = ["x"] * 5 + ["y"]
    assert precision_at_k(y, p, courses, [3] * 6, k=1) == 1
    assert precision_at_k(y, p, courses, [3] * 6, k=4) == (0.25 + 1) / 2
    assert precision_at_k(y, p, courses, [3] * 6, k=100) == (0.2 + 1) / 2
    assert precision_at_k(y, p, ["x"] * 6, [3] * 6, k=np.int64(2)) == 0.5


def test_missing_partition_is_0():
    y, p, courses = [1, 0], [0.2, 0.8], ["x", "x"]
    apart = precision_at_k(y, p, courses, [0, 1], k=1)
    assert apart == 0.5
    together = precision_at_k(y, p, courses, pd.Series([0, None], dtype="Int64"), k=1)
    assert together == 0


def test_unrankable_input_raises():
    good = {"y_true": [0, 1], "y_prob": [0.1, 0.2], "courses": ["x", "y"]}
    good |= {"partitions": [0, 1], "k": 1}
    for changed, error, message in (
        ({"k": 0}, ValueError, "k"),
        ({"k": 1.5}, TypeError, "k"),
        ({"courses": ["x"]}, ValueError, "they hold 2, 1, 2"),
        ({"courses": ["x", None]}, ValueError, "'courses': 1 of 2 rows have no value"),
        ({"partitions": [0, -1]}, ValueError, "partition"),
        ({"partitions": [0.5, 1]}, ValueError, "fractional partition"),
        ({"y_prob": [0.1, 2]}, ValueError, "1 of 2 lie outside"),
        ({"y_true": [0, 3]}, ValueError, "y_true"),
    ):
        with pytest.raises(error, match=message):
            precision_at_k(**good | changed)
