"""At every stop, the slider shows the counts of the predictions themselves."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from edml.app._models_thresholds import (
    COUNTS,
    confusion_at,
    threshold_table,
)
from edml.inspection import Evaluation, evaluate
from edml.schema import first_rows, resolve_columns, snapshot_codes
from evaluated_models import evaluation_of, held_out, model

CELLS = [(0, False), (0, True), (1, False), (1, True)]


class Scores:
    """A model that predicts its only column."""

    classes_ = np.array([0, 1])

    def __init__(self, threshold):
        self.threshold_ = threshold

    def predict_proba(self, X):
        risk = np.asarray(X, dtype=float)[:, 0]
        return np.column_stack([1 - risk, risk])


def evaluate_flags(y, risk, threshold=0.5):
    X = np.asarray(risk, dtype=float)[:, None]
    return evaluate(Scores(threshold), X, y, n_resamples=0)


def check_against_sklearn(table, y, risk):
    y, risk = np.asarray(y), np.asarray(risk)
    for row in table.itertuples():
        counts = [getattr(row, name) for name in COUNTS]
        flags = risk >= row.threshold
        expected = [np.sum((y == truth) & (flags == flag)) for truth, flag in CELLS]
        assert counts == expected
    for row in table.iloc[:: max(1, len(table) // 8)].itertuples():  # each is slow
        flags = (risk >= row.threshold).astype(int)
        matrix = confusion_matrix(y, flags, labels=[0, 1])
        assert [getattr(row, name) for name in COUNTS] == matrix.ravel().tolist()
        expected = {
            "precision": precision_score(y, flags, zero_division=np.nan),
            "recall": recall_score(y, flags, zero_division=np.nan),
            "f1": f1_score(y, flags) if y.any() else np.nan,
        }
        for name, value in expected.items():
            assert getattr(row, name) == pytest.approx(value, nan_ok=True)


RISKS = st.one_of(
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.floats(0, 1, width=32)
)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 1), RISKS), min_size=1, max_size=60),
    st.floats(0, 1),
)
@example([(0, 0.2), (0, 0.9), (1, 0.1)], 0.95)
@example([(0, 0.2)], 0.1)
@example([(1, 0.2), (1, 0.2)], 0.3)
def test_every_row_follows_from_the_predictions(pairs, threshold):
    y, risk = zip(*pairs, strict=True)
    table = threshold_table(evaluate_flags(y, risk, threshold))
    check_against_sklearn(table, y, risk)
    assert table["threshold"].is_monotonic_increasing
    assert table["threshold"].is_unique
    assert threshold in set(table["threshold"])  # the model's threshold, always known


def test_stored_evaluation_yields_exact_counts():
    X, y = held_out()
    stored = Evaluation.from_dict(json.loads(json.dumps(evaluation_of().to_dict())))
    table = threshold_table(stored)
    assert len(table) > 50
    kept, _ = first_rows(snapshot_codes(X, resolve_columns(None)))
    risk = model().predict_proba(X)[kept, 1]
    check_against_sklearn(table, y.to_numpy()[kept], risk)
    # of the mean number flagged per course and day, counted day by day
    days = pd.DataFrame(
        {
            "course": X["course_uuid"].to_numpy()[kept],
            "day": X["particion"].fillna(0).to_numpy()[kept],
        }
    )
    for row in table.iloc[::20].itertuples():
        days["flagged"] = risk >= row.threshold
        mean = days.groupby(["course", "day"])["flagged"].sum().mean()
        assert row.flagged_per_course == pytest.approx(mean)


def test_thresholds_with_unknown_counts_are_left_out():
    # no failing student is above 0.3, so the ROC curve drops the points there
    risk = [0.1, 0.3, *np.linspace(0.4, 0.9, 40)]
    evaluation = evaluate_flags([1, 1, *[0] * 40], risk)
    table = threshold_table(evaluation)
    assert len(table) < len(evaluation.curves["thresholds"])
    check_against_sklearn(table, [1, 1, *[0] * 40], risk)


def test_confusion_is_that_of_its_threshold():
    table = threshold_table(evaluate_flags([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8]))
    assert confusion_at(table, 0.4).tolist() == [[1, 1], [0, 2]]


def test_a_model_that_flags_nobody_has_an_infinite_threshold():
    evaluation = evaluate_flags([0, 1], [0.1, 0.4], np.inf)
    table = threshold_table(evaluation)
    assert confusion_at(table, np.inf).tolist() == [[1, 0], [1, 0]]


def test_flagged_per_course_is_unknown_on_plain_tables():
    table = threshold_table(evaluate_flags([0, 1], [0.1, 0.4]))
    assert table["flagged_per_course"].isna().all()
