"""snapshot_metrics: scikit-learn's figures, and NaN without warnings."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.metrics import expected_calibration_error, snapshot_metrics
from figures_oracle import by_scikit_learn

NAMES = [
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
    "calibration_error",
    "f1",
    "precision",
    "recall",
    "accuracy",
]
# Few distinct values, so that ties, 0, 1 and the threshold itself are common.
ROWS = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.5000001, 0.9, 1.0])
    ),
    min_size=1,
    max_size=30,
)


@given(ROWS, st.sampled_from([0.0, 0.3, 0.5, 1.0, 1.5]))
def test_figures_are_those_of_scikit_learn(rows, threshold):
    y, p = (np.array(column) for column in zip(*rows, strict=True))
    found = snapshot_metrics(y, p, threshold)
    assert list(found) == NAMES
    assert all(type(value) is float for value in found.values())
    assert found.pop("calibration_error") == expected_calibration_error(y, p)
    expected = by_scikit_learn(y, p, threshold)
    assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_many_distinct_probabilities():
    rng = np.random.default_rng(0)
    p = rng.random(5000)
    y = rng.random(5000) < p**2
    found = snapshot_metrics(y, p, 0.7)
    del found["calibration_error"]
    assert found == pytest.approx(by_scikit_learn(y, p, 0.7), abs=1e-12)


def test_one_class_has_no_ranking():
    passing = snapshot_metrics([0, 0], [0.2, 0.9])
    absent = {"roc_auc", "average_precision", "f1", "recall"}
    assert {name for name, value in passing.items() if math.isnan(value)} == absent
    failing = snapshot_metrics([1, 1], [0.2, 0.4])
    absent = {"roc_auc", "average_precision", "precision"}
    assert {name for name, value in failing.items() if math.isnan(value)} == absent
    assert failing["f1"] == 0


def test_threshold_flags_scores_at_or_above_it():
    assert snapshot_metrics([1, 0], [0.3, 0.2], threshold=0.3)["recall"] == 1


@given(ROWS, st.randoms(use_true_random=False))
def test_order_of_the_rows_does_not_matter(rows, random):
    y, p = zip(*rows, strict=True)
    other_y, other_p = zip(*random.sample(rows, len(rows)), strict=True)
    assert snapshot_metrics(y, p) == pytest.approx(
        snapshot_metrics(other_y, other_p), nan_ok=True, abs=1e-12
    )


@pytest.mark.parametrize(
    "y",
    [
        [0, 1, 1],
        [False, True, True],
        np.array([0.0, 1.0, 1.0], dtype=np.float32),
        pd.Series([0, 1, 1], index=[7, 7, 9], dtype="Int64"),
        pd.array([False, True, True], dtype="boolean"),
        pd.Index([0, 1, 1]),
    ],
)
def test_labels_of_any_dtype_go_by_position(y):
    p = pd.Series([0.25, 0.5, 0.75], index=[3, 2, 1])
    assert snapshot_metrics(y, p) == snapshot_metrics([0, 1, 1], [0.25, 0.5, 0.75])


def test_input_is_unchanged():
    y, p = np.array([0.0, 1.0, 1.0]), np.array([0.9, 0.5, 0.1])
    y.flags.writeable = p.flags.writeable = False
    snapshot_metrics(y, p)


# -- errors -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        ([0, 1], [0.1, 0.2, 0.3], "need the same rows; they hold 2, 3"),
        ([0, 1], [0.1, math.nan], "1 of 2 are NaN"),
        ([0, 1], pd.array([0.1, None], dtype="Float64"), "1 of 2 are NaN"),
        ([0, 1], [0.1, 1.1], r"\[0, 1\]; 1 of 2 lie outside"),
        ([0, 1], [-1e-9, 1.0], "1 of 2 lie outside"),
        ([0, 1], [0.1, math.inf], "infinite"),
        ([0, 2], [0.1, 0.2], "y_true needs the values 0 and 1.*1 of 2 rows"),
        ([-1, 1], [0.1, 0.2], "1 of 2 rows hold something else"),
        ([0, math.nan], [0.1, 0.2], "1 of 2 rows hold something else"),
        (["fail", "pass"], [0.1, 0.2], "y_true"),
        ([], [], "y_true needs at least one row"),
        ([0, 1], [[0.9, 0.1], [0.8, 0.2]], r"y_prob.*shape \(2, 2\).*predict_proba"),
        (1, 0.5, r"y_true needs one value per row.*shape \(\)"),
        (pd.DataFrame({"y": [0, 1]}), [0.1, 0.2], r"shape \(2, 1\)"),
    ],
)
def test_input_that_cannot_be_evaluated_raises(y, p, message):
    with pytest.raises(ValueError, match=message):
        snapshot_metrics(y, p)


def test_errors_contain_no_values():
    with pytest.raises(ValueError, match="lie outside") as error:
        snapshot_metrics([0, 1], [0.1, 73.25])
    assert "73" not in str(error.value)


def test_threshold_must_be_a_number():
    with pytest.raises(ValueError, match="found NaN"):
        snapshot_metrics([0, 1], [0.1, 0.2], math.nan)
    with pytest.raises(TypeError, match="threshold"):
        snapshot_metrics([0, 1], [0.1, 0.2], "f1")
