"""One row per snapshot, and SMOTE limited to the available rows."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE

from edml import FeatureEngineer, SnapshotSampler, make_student_activity, make_target
from edml.exceptions import TableError
from edml.sampling import AdaptiveSMOTE

X = make_student_activity(30, fail_rate=0.2, random_state=2)
y = make_target(X)
FEATURES = FeatureEngineer().fit_transform(X)
KEYS = ["user_uuid", "course_uuid", "particion"]


@pytest.mark.parametrize("start", ["enrolment", "first_event"])
@pytest.mark.parametrize("every", [1, 5])
def test_against_pandas(every, start):
    found, outcome = SnapshotSampler(every, start).fit_resample(FEATURES, y)
    begun = FEATURES["overall_parciales_n_sum"] + FEATURES["assignment_n_sum"] > 0
    assert not begun.all()
    due = FEATURES["particion"] % every == 0
    chosen = due & (begun | (start == "enrolment"))
    expected = FEATURES[~FEATURES.duplicated(KEYS) & chosen]
    assert found.equals(expected)
    assert outcome.equals(y[expected.index])


@pytest.mark.parametrize(("ticks", "every"), [(1, 3), (4, 4), (7, 7), (2, 4), (40, 3)])
def test_interval_is_that_of_days_everybody_has(ticks, every):
    day = FEATURES["particion"]
    busy = FEATURES["user_uuid"] == FEATURES["user_uuid"][0]  # a row for every day
    rows = FEATURES[(day % ticks == 0) | busy]
    sampler = SnapshotSampler(every=None)
    sampler.fit_resample(rows, y[rows.index])
    assert sampler.every_ == every


def test_numbers_held_as_objects():
    _, outcome = SnapshotSampler().fit_resample(FEATURES, y.astype(object))
    assert outcome.equals(SnapshotSampler().fit_resample(FEATURES, y)[1])


def test_two_outcomes_in_a_snapshot_raise():
    with pytest.raises(TableError, match="rows of two outcomes"):
        SnapshotSampler().fit_resample(FEATURES, np.arange(len(y)) % 2)


def test_no_remaining_snapshot_raises():
    with pytest.raises(TableError, match="No snapshot is left"):
        SnapshotSampler(every=10_000).fit_resample(
            FEATURES[FEATURES.particion > 0], y[FEATURES.particion > 0]
        )


@pytest.mark.parametrize("n_minority", [1, 2, 3, 6, 9])
def test_smote_with_few_rows(n_minority):
    rng = np.random.default_rng(0)
    data, label = rng.normal(size=(40, 3)), np.arange(40) < n_minority
    found, balanced = AdaptiveSMOTE(random_state=0).fit_resample(data, label)
    assert balanced.sum() == 40 - n_minority
    assert np.isfinite(found).all()
    if n_minority > 5:
        expected, _ = SMOTE(random_state=0).fit_resample(data, label)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "kind", [pd.Series, np.asarray, list], ids=["series", "array", "list"]
)
def test_outcomes_round_trip(kind):
    sampler = SnapshotSampler(every=7)
    found, outcome = sampler.fit_resample(FEATURES, kind(y))
    assert isinstance(outcome, pd.Series if kind is pd.Series else np.ndarray)
    assert list(outcome) == y.iloc[sampler.sample_indices_].tolist()
    assert found.equals(FEATURES.iloc[sampler.sample_indices_])
    assert (np.diff(sampler.sample_indices_) > 0).all()


def test_rows_are_chosen_by_position_not_by_label():
    table = FEATURES.set_axis(np.zeros(len(FEATURES), dtype=int))
    target = y.set_axis(np.arange(len(y))[::-1])
    found, outcome = SnapshotSampler(every=5).fit_resample(table, target)
    expected, same = SnapshotSampler(every=5).fit_resample(FEATURES, y)
    np.testing.assert_array_equal(found, expected)
    assert outcome.tolist() == same.tolist()


def test_days_do_not_depend_on_when_a_history_ends():
    cut = X[X["particion"].fillna(0) <= 33]
    early = FeatureEngineer().fit_transform(cut)
    found, _ = SnapshotSampler(every=5).fit_resample(early, y[cut.index])
    whole, _ = SnapshotSampler(every=5).fit_resample(FEATURES, y)
    before = whole[whole["particion"] <= 33]
    pd.testing.assert_frame_equal(found[KEYS], before[KEYS])


def test_either_an_exam_or_an_assignment_begins_a_history():
    counts = {"overall_parciales_n_sum": [0, 0, 1, 1], "assignment_n_sum": [0, 2, 0, 2]}
    table = pd.DataFrame(counts, dtype=float).assign(
        user_uuid=list("abcd"), course_uuid="x", particion=0.0
    )
    sampler = SnapshotSampler(start="first_event")
    sampler.fit_resample(table, [0, 1, 0, 1])
    assert sampler.sample_indices_.tolist() == [1, 2, 3]


def test_raw_events_raise():
    with pytest.raises(TableError, match=r"lacks \['overall_parciales_n_sum', 'ass"):
        SnapshotSampler(start="first_event").fit_resample(X, y)


def test_one_outcome_raises():
    message = r"y needs two classes; the \d+ snapshots of \d+ rows hold one\. Stratify"
    with pytest.raises(TableError, match=message):
        SnapshotSampler().fit_resample(FEATURES, np.zeros(len(y), dtype=int))


def test_outcomes_of_other_rows_raise():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SnapshotSampler().fit_resample(FEATURES, y[:-1])
