"""A check of each model of a search, and the algorithms to search."""

import numpy as np
import pytest

from edml import RiskClassifier
from edml.pipeline import CLASSIFIERS

# a search for a forest takes seven times as long as another
FOREST_SLOW = [
    pytest.param(name, marks=[pytest.mark.slow] if name == "random_forest" else [])
    for name in CLASSIFIERS
]


def assert_as_fitted_separately(tuner, X, y, groups=None):
    """Check that each candidate equals RiskClassifier's own fit, to the bit."""
    assert tuner.candidates_
    for index, model in zip(tuner.candidate_indices_, tuner.candidates_, strict=True):
        single = RiskClassifier(
            estimator=model.estimator,
            cv=tuner.split_plan_,
            calibration=tuner.calibration,
            threshold=tuner.threshold,
            fail_label=tuner.fail_label,
        ).fit(X, y, groups=groups)
        assert model.out_of_fold_.equals(single.out_of_fold_)
        assert model.threshold_ == single.threshold_
        np.testing.assert_array_equal(model.predict_proba(X), single.predict_proba(X))
        np.testing.assert_array_equal(model.predict(X), single.predict(X))
        np.testing.assert_array_equal(model.classes_, single.classes_)
        assert model.split_plan_ == single.split_plan_ == tuner.split_plan_
        assert model.data_fingerprint_ == single.data_fingerprint_
        assert tuner.history_["status"][index] == "evaluated"
