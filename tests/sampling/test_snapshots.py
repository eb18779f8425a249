"""One row per snapshot, and SMOTE that asks for no more than there is."""

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE

from edml import FeatureEngineer, SnapshotSampler, make_student_activity, make_target
from edml.exceptions import TableError
from edml.sampling import AdaptiveSMOTE

X = make_student_activity(30, fail_rate=0.2, random_state=2)
y = make_target(X)
FEATURES = FeatureEngineer().fit_transform(X)
KEYS = ["user_uuid", "course_uuid", "particion"]


@pytest.mark.parametrize("every", [1, 5])
def test_against_pandas(every):
    found, outcome = SnapshotSampler(every).fit_resample(FEATURES, y)
    begun = FEATURES["overall_parciales_n_sum"] + FEATURES["assignment_n_sum"] > 0
    due = FEATURES["particion"] % every == 0
    expected = FEATURES[~FEATURES.duplicated(KEYS) & begun & due]
    assert found.equals(expected)
    assert outcome.equals(y[expected.index])


def test_two_outcomes_in_a_snapshot_are_refused():
    with pytest.raises(TableError, match="rows of two outcomes"):
        SnapshotSampler().fit_resample(FEATURES, np.arange(len(y)) % 2)


def test_nothing_left_is_refused():
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
