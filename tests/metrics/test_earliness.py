"""alert_lead_time and flip_rate: against plain loops."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.metrics import alert_lead_time, flip_rate

# One row per history and partition, in any order: (fails, flagged) of each.
TABLES = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9)),
    st.tuples(st.booleans(), st.booleans()),
    min_size=1,
    max_size=20,
).map(lambda table: [(*key, *value) for key, value in table.items()])


@given(TABLES)
def test_lead_time_is_that_of_a_loop(table):
    history, partition, fails, flagged = zip(*table, strict=True)
    leads, n_failing = [], 0
    for name in set(history):
        rows = sorted(row[1:] for row in table if row[0] == name)
        if any(row[1] for row in rows):
            n_failing += 1
            alerts = [row[0] for row in rows if row[2]]
            leads += [rows[-1][0] - alerts[0]] if alerts else []
    quartiles = np.percentile(leads, [50, 25, 75]) if leads else [math.nan] * 3
    found = alert_lead_time(fails, flagged, history, partition)
    names = ["median", "lower_quartile", "upper_quartile"]
    assert list(found) == ["n_failing", "share_alerted", *names]
    share = len(leads) / n_failing if n_failing else math.nan
    expected = [n_failing, share, *quartiles]
    assert list(found.values()) == pytest.approx(expected, nan_ok=True)
    assert type(found["n_failing"]) is int


@given(TABLES)
def test_flip_rate_is_that_of_a_loop(table):
    history, partition, _, flagged = zip(*table, strict=True)
    changes = []
    for name in set(history):
        flags = [row[3] for row in sorted(table) if row[0] == name]
        changes += [a != b for a, b in pairwise(flags)]
    expected = np.mean(changes) if changes else math.nan
    assert flip_rate(flagged, history, partition) == pytest.approx(
        expected, nan_ok=True
    )


def test_only_failing_histories_lead():
    found = alert_lead_time([0, 0, 1], [1, 1, 0], ["a", "a", "b"], [0, 9, 4])
    assert found["n_failing"] == 1
    assert found["share_alerted"] == 0
    assert math.isnan(found["median"])


def test_codes_texts_and_series_are_alike():
    flagged, partition = [0, 1, 1, 0], [3, 1, 0, 2]
    expected = flip_rate(flagged, [0, 0, 1, 1], partition)
    assert expected == 1
    ids = pd.Series(["s", "s", "t", "t"], index=[9, 8, 7, 6])
    assert flip_rate(pd.Series(flagged, dtype=bool), ids, partition) == expected


def test_repeated_snapshots_raise():
    with pytest.raises(ValueError, match="1 of 3 rows repeat the history"):
        flip_rate([0, 1, 1], ["a", "b", "a"], [2, 2, 2])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"flagged": [0, 0.5]}, "flagged needs the values 0 and 1"),
        ({"flagged": [0]}, "flagged, histories, partitions need the same rows"),
        ({"histories": ["a", None]}, "'histories': 1 of 2 rows have no value"),
        ({"partitions": [0, math.inf]}, "partition"),
        ({"partitions": ["x", "y"]}, "partition"),
    ],
)
def test_bad_columns_raise(changed, message):
    columns = {"flagged": [0, 1], "histories": ["a", "a"], "partitions": [0, 1]}
    with pytest.raises(ValueError, match=message):
        flip_rate(**columns | changed)
    with pytest.raises(ValueError, match=message):
        alert_lead_time([0, 1], **columns | changed)
    with pytest.raises(ValueError, match="y_true needs the values"):
        alert_lead_time([0, 2], **columns)
