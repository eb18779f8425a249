"""The pipeline from raw events to a score, with each learner and balancer."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from imblearn.over_sampling import RandomOverSampler
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

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
def test_balancers_see_only_features(balance):
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


def test_mapped_names_do_not_change_the_scores():
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
def test_unknown_choices_raise(given, message):
    with pytest.raises(ValueError, match=message):
        make_risk_pipeline(**given)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_same_seed_same_model_and_an_honest_shape(name):
    first, second = (make_risk_pipeline(name).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(scores(first), scores(second))
    assert first.predict_proba(X).shape == (len(X), 2)
    assert set(first.predict(X)) <= {0, 1}
    assert roc_auc_score(y, scores(first)) > 0.6


def test_another_seed_is_another_forest():
    found = [
        scores(make_risk_pipeline("random_forest", random_state=seed).fit(X, y))
        for seed in (0, 1)
    ]
    assert not np.array_equal(*found)


@pytest.mark.parametrize(
    ("given", "fill_value"),
    [
        ({}, 0.0),
        ({"features": "progress"}, None),
        ({"features": "progress", "balance": "over"}, None),
        ({"features": "progress", "balance": "smote"}, 0.0),
        ({"features": "progress", "balance": Spy()}, 0.0),
        ({"features": "progress", "classifier": DecisionTreeClassifier()}, 0.0),
        ({"features": "progress", "fill_value": -1.0}, -1.0),
        ({"features": "classic", "fill_value": None}, None),
    ],
    ids=str,
)
def test_the_unknown_stays_missing_where_all_steps_accept_it(given, fill_value):
    assert make_risk_pipeline(**given)["features"].fill_value == fill_value


@pytest.mark.parametrize("balance", [None, "over", "under"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_learners_and_balancers_accept_what_is_missing(name, balance):
    pipe = make_risk_pipeline(name, features="progress", balance=balance, every=9)
    pipe.fit(X, y)
    assert pipe[:2].transform(X).isna().any(axis=None)
    assert np.isfinite(scores(pipe)).all()


def test_classifiers_that_accept_nan_receive_it():
    learner = DecisionTreeClassifier(max_depth=3, random_state=0)
    pipe = make_risk_pipeline(learner, fill_value=None).fit(X, y)
    assert pipe["classify"] is learner
    assert np.isfinite(scores(pipe)).all()
    assert pipe[:2].transform(X).isna().any(axis=None)


@pytest.mark.parametrize("n_failing", [1, 2, 3])
def test_smote_with_few_failing_snapshots(n_failing):
    students = X["user_uuid"].to_numpy()
    pipe = make_risk_pipeline(balance="smote", every=60)  # a snapshot a history or so
    rows, _ = pipe[:3].fit_resample(X, y)
    target = pd.Series(0, index=X.index)
    for number in rows["user_uuid"].unique()[:n_failing]:
        target[students == number] = 1
    assert np.isfinite(scores(pipe.fit(X, target))).all()


class CountingSpy(Spy):
    def _fit_resample(self, X, y):
        self.seen_ = np.asarray(X)
        return super()._fit_resample(X, y)


@pytest.mark.parametrize("every", [1, 7])
def test_learner_sees_one_row_per_snapshot_of_the_requested_days(every):
    pipe = make_risk_pipeline(balance=CountingSpy(random_state=0), every=every)
    seen = pipe.fit(X, y)["balance"].seen_
    features = pipe[:2].transform(X)
    snapshots = features.drop_duplicates([*features.columns[:3]])
    expected = snapshots[snapshots["particion"] % every == 0]
    np.testing.assert_array_equal(seen, expected.iloc[:, 2:])


def test_every_row_is_predicted_even_for_new_students():
    pipe = make_risk_pipeline().fit(X, y)
    others = make_student_activity(5, random_state=9).drop(
        columns=["nota_final_materia", "periodo", "course_name", "legajo"]
    )
    assert scores(pipe, others).shape == (len(others),)
    assert scores(pipe, X.iloc[:1]).shape == (1,)


@pytest.mark.parametrize("classifier", ["lgbm", DecisionTreeRegressor(), None, 3])
def test_non_classifier_raises(classifier):
    with pytest.raises(ValueError, match="is unknown: pass one of"):
        make_risk_pipeline(classifier)


def test_seed_and_threads_reach_learner_and_balancer():
    pipe = make_risk_pipeline("xgboost", balance="over", random_state=7, n_jobs=2)
    assert pipe["classify"].get_params()["random_state"] == 7
    assert pipe["classify"].get_params()["n_jobs"] == 2
    assert pipe["balance"].random_state == 7
    assert make_risk_pipeline("xgboost")["classify"].n_jobs == 1


# -- sample weights ------------------------------------------------------------

WEIGHT = np.random.RandomState(0).uniform(0.5, 3, len(X))


@pytest.mark.parametrize("balance", [None, "over", "under"])
@pytest.mark.parametrize("name", [*CLASSIFIERS, GaussianNB()], ids=str)
def test_weights_follow_their_rows_to_the_classifier(name, balance):
    pipe = make_risk_pipeline(name, balance=balance)
    pipe.fit(X, y, classify__sample_weight=WEIGHT)
    by_hand = make_risk_pipeline(name, balance=balance)
    table, outcome, weight = by_hand[:2].fit_transform(X), y, WEIGHT
    for step in ("snapshots", "select", "balance"):
        if step == "select":
            table = by_hand[step].fit_transform(table)
        elif by_hand[step] != "passthrough":
            table, outcome = by_hand[step].fit_resample(table, outcome)
            weight = weight[by_hand[step].sample_indices_]
    by_hand["classify"].fit(table, outcome, sample_weight=weight)
    np.testing.assert_array_equal(scores(pipe), scores(by_hand))


def test_weights_of_1_change_no_bit():
    weighted = make_risk_pipeline().fit(X, y, classify__sample_weight=np.ones(len(X)))
    np.testing.assert_array_equal(
        scores(weighted), scores(make_risk_pipeline().fit(X, y))
    )


def test_weights_can_be_routed():
    learner = DecisionTreeClassifier(max_depth=3, random_state=0)
    pipe = make_risk_pipeline(learner)
    expected = scores(pipe.fit(X, y, classify__sample_weight=WEIGHT))
    with sklearn.config_context(enable_metadata_routing=True):
        learner.set_fit_request(sample_weight=True)
        routed = make_risk_pipeline(learner).fit(X, y, sample_weight=WEIGHT)
    np.testing.assert_array_equal(scores(routed), expected)


@pytest.mark.parametrize(
    ("pipe", "params", "message"),
    [
        (
            make_risk_pipeline(balance="smote"),
            {"classify__sample_weight": WEIGHT},
            "'balance'.*AdaptiveSMOTE.*makes new rows",
        ),
        (
            make_risk_pipeline(KNeighborsClassifier()),
            {"classify__sample_weight": WEIGHT},
            "KNeighborsClassifier takes no sample_weight",
        ),
        (
            make_risk_pipeline(),
            {"classify__sample_weight": WEIGHT[:-1]},
            f"each of the {len(X)} rows; found {len(X) - 1}",
        ),
        (
            make_risk_pipeline(),
            {"classify__sample_weight": WEIGHT, "classify__init_score": WEIGHT},
            r"other parameters of fit, \['classify__init_score'\]",
        ),
        (make_risk_pipeline(), {"sample_weight": WEIGHT}, "stepname__parameter"),
        (
            make_risk_pipeline(),
            {"classify__sample_weight": ["heavy"] * len(X)},
            "sample_weight needs a number in every row; found the dtype str",
        ),
        (
            make_risk_pipeline(),
            {"classify__sample_weight": -WEIGHT},
            f"sample_weight must be finite and from 0 on; {len(X)} of {len(X)} are not",
        ),
    ],
    ids=["smote", "none taken", "length", "others", "no step", "text", "negative"],
)
def test_weights_that_cannot_follow_raise(pipe, params, message):
    with pytest.raises(ValueError, match=message):
        pipe.fit(X, y, **params)
