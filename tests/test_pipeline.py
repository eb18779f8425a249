"""The pipeline from raw events to a score, with each learner and balancer."""

import numpy as np
import pytest
import skops.io
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from edml import StudentKFold, make_risk_pipeline, make_student_activity, make_target
from edml.pipeline import CLASSIFIERS

X = make_student_activity(60, fail_rate=0.3, random_state=1)
y = make_target(X)


def scores(pipe, table=X):
    return pipe.predict_proba(table)[:, 1]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_same_seed_same_bits_at_any_number_of_threads(name):
    one, two = (
        scores(make_risk_pipeline(name, n_jobs=jobs).fit(X, y)) for jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_survives_skops(name):
    pipe = make_risk_pipeline(name).fit(X, y)
    data = skops.io.dumps(pipe)
    trusted = skops.io.get_untrusted_types(data=data)
    assert "edml.feature_extraction.FeatureEngineer" in trusted
    loaded = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(scores(loaded), scores(pipe))


class Spy(RandomOverSampler):
    def _fit_resample(self, X, y):
        assert not np.isnan(np.asarray(X, dtype=float)).any()
        assert X.shape[1] == 44
        return super()._fit_resample(X, y)


@pytest.mark.parametrize(
    "balance", ["smote", "over", "under", Spy(random_state=0)], ids=str
)
def test_balancers_see_features_alone(balance):
    pipe = make_risk_pipeline(balance=balance).fit(X, y)
    assert list(pipe.named_steps) == [
        *("clean", "features", "snapshots", "select", "balance", "classify")
    ]
    assert np.isfinite(scores(pipe)).all()


def test_any_classifier_and_student_folds():
    pipe = make_risk_pipeline(GaussianNB())
    cv = StudentKFold(3, random_state=0)
    found = cross_val_score(clone(pipe), X, y, cv=cv, scoring="roc_auc")
    assert np.isfinite(found).all()


def test_final_grade_is_not_read_and_may_be_absent():
    pipe = make_risk_pipeline().fit(X, y)
    expected = scores(pipe)
    np.testing.assert_array_equal(
        scores(pipe, X.drop(columns="nota_final_materia")), expected
    )
    altered = X.assign(nota_final_materia=1.0)
    np.testing.assert_array_equal(
        scores(make_risk_pipeline().fit(altered, y), altered), expected
    )


def test_mapped_names_give_the_same_scores():
    renamed = X.rename(columns={"user_uuid": "student", "score": "points"})
    columns = {"user_uuid": "student", "score": "points"}
    pipe = make_risk_pipeline(columns=columns).fit(renamed, y)
    expected = scores(make_risk_pipeline().fit(X, y))
    np.testing.assert_array_equal(scores(pipe, renamed), expected)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classifier": "svm"}, "classifier='svm' is unknown"),
        ({"balance": "both"}, "balance='both' is unknown"),
        ({"balance": "smote", "fill_value": None}, "balance needs numbers"),
    ],
)
def test_unknown_choices_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        make_risk_pipeline(**given)
