"""Blend: the mean of its members, to the bit, without training-only parts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from edml import (
    ModelRegistry,
    RiskClassifier,
    StudentKFold,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import RegistryError
from edml.pipeline import Blend
from edml.pipeline._blend import mean_probability
from edml.registry._model_file import dumps
from edml.sampling import AdaptiveSMOTE
from tuned import FOREST_SLOW

SCALES = ("probability", "log-odds")
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))
y = (X[:, 0] + rng.normal(size=200) > 1).astype(int)
MEMBERS = [("logit", LogisticRegression()), ("bayes", GaussianNB())]

scales = pytest.mark.parametrize("scale", SCALES)


def blend_pipelines(pipelines, scale):
    """Blend pipelines with the same first steps, which run once."""
    first = pipelines[0].steps
    own = [name for name, _ in first].index("balance")
    members = [
        (f"member_{number}", SamplingPipeline(pipeline.steps[own:]))
        for number, pipeline in enumerate(pipelines)
    ]
    return SamplingPipeline([*first[:own], ("classify", Blend(members, scale))])


@scales
def test_scikit_learns_contract(scale):
    found = check_estimator(Blend(MEMBERS, scale), on_skip=None, on_fail=None)
    failed = [one["check_name"] for one in found if one["status"] == "failed"]
    assert failed == []
    assert len(found) > 50


# -- the mean -------------------------------------------------------------------


@scales
def test_it_is_the_mean_of_its_members(scale):
    blend = Blend(MEMBERS, scale).fit(X, y)
    each = [one.fit(X, y).predict_proba(X)[:, 1] for _, one in clone_all(MEMBERS)]
    if scale == "log-odds":
        odds = np.mean([np.log(p / (1 - p)) for p in each], axis=0)
        wanted = 1 / (1 + np.exp(-odds))
    else:
        wanted = sum(each) / 2
    found = blend.predict_proba(X)
    np.testing.assert_allclose(found[:, 1], wanted, rtol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(blend.predict(X), (wanted > 0.5).astype(int))


def clone_all(members):
    return [(name, clone(one)) for name, one in members]


PROBABILITIES = st.lists(
    st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5
)


@scales
@given(each=PROBABILITIES)
def test_a_mean_lies_between_its_members(scale, each):
    each = np.array(each)
    mean = mean_probability(each, scale)
    margin = 2e-7  # on log-odds, 0 and 1 are bounded
    assert (mean >= each.min(axis=0) - margin).all()
    assert (mean <= each.max(axis=0) + margin).all()
    one_more = mean_probability([*each, mean], scale)
    np.testing.assert_allclose(one_more, mean, rtol=0, atol=margin)


@scales
def test_certain_members_cause_no_warning_and_no_nan(scale):
    mean = mean_probability([[0.0, 1.0, 0.0], [0.0, 1.0, 1.0]], scale)
    np.testing.assert_allclose(mean, [0, 1, 0.5], atol=2e-7)


# -- members that balance, and fill ---------------------------------------------


@scales
def test_samplers_act_only_in_training(scale):
    sampled = SamplingPipeline(
        [("balance", RandomOverSampler(random_state=0)), ("classify", GaussianNB())]
    )
    filled = SamplingPipeline(
        [
            ("impute", SimpleImputer()),
            ("balance", AdaptiveSMOTE(random_state=0)),
            ("classify", LogisticRegression()),
        ]
    )
    holed = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    for members, table in (([sampled], X), ([filled], holed)):
        blend = Blend([("only", members[0])], scale).fit(table, y)
        alone = clone(members[0]).fit(table, y)
        np.testing.assert_allclose(
            blend.predict_proba(table), alone.predict_proba(table), atol=2e-7
        )
    assert isinstance(blend.classifiers_[0], Pipeline)
    assert list(blend.classifiers_[0].named_steps) == ["impute", "classify"]
    assert isinstance(Blend([("a", sampled)]).fit(X, y).classifiers_[0], GaussianNB)


def test_samplers_within_a_member_of_a_member_stay_out_too():
    inner = SamplingPipeline(
        [("balance", AdaptiveSMOTE(random_state=0)), ("classify", GaussianNB())]
    )
    outer = SamplingPipeline([("impute", SimpleImputer()), ("classify", inner)])
    for member in (outer, Blend([("inner", outer)])):
        [fitted] = Blend([("outer", member)]).fit(X, y).classifiers_
        assert "AdaptiveSMOTE" not in repr(fitted)
        assert "AdaptiveSMOTE" in repr(member)


def test_members_are_cloned_and_unchanged():
    blend = Blend(MEMBERS).fit(X, y)
    assert not hasattr(MEMBERS[0][1], "coef_")
    first = blend.classifiers_[0].coef_.copy()
    blend.set_params(logit__C=0.01).fit(X, y)
    assert (first != blend.classifiers_[0].coef_).any()
    MEMBERS[0][1].set_params(C=1.0)


def test_importances_are_the_mean_of_shares():
    trees = [(str(n), DecisionTreeClassifier(max_depth=n)) for n in (2, 5)]
    blend = Blend(trees).fit(X, y)
    shares = [
        one.feature_importances_ / one.feature_importances_.sum()
        for one in blend.classifiers_
    ]
    np.testing.assert_allclose(blend.feature_importances_, sum(shares) / 2)
    assert not hasattr(Blend(MEMBERS).fit(X, y), "feature_importances_")


# -- errors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([], "no members to fit"),
        ([("a", GaussianNB()), ("a", LogisticRegression())], "not unique"),
        ([("a", LinearSVC())], "LinearSVC has no predict_proba"),
    ],
)
def test_members_that_do_not_blend(members, message):
    with pytest.raises(ValueError, match=message):
        Blend(members).fit(X, y)


@pytest.mark.parametrize("outcome", [np.zeros(200), np.arange(200) % 3])
def test_other_than_two_classes(outcome):
    with pytest.raises(ValueError, match="Blend takes two classes"):
        Blend(MEMBERS).fit(X, outcome)


def test_an_unknown_scale():
    with pytest.raises(ValueError, match="'scale' parameter of Blend"):
        Blend(MEMBERS, "logits").fit(X, y)


def test_deployed_model_predicts_the_same_without_refit():
    blend = Blend(MEMBERS).fit(X, y)
    deployed = blend.deployable()
    np.testing.assert_array_equal(deployed.predict_proba(X), blend.predict_proba(X))
    assert deployed.members == []
    assert blend.members == MEMBERS
    with pytest.raises(ValueError, match="made deployable"):
        deployed.fit(X, y)


# -- in the pipeline of a table of events ---------------------------------------


@pytest.fixture(scope="module")
def events():
    table = make_student_activity(60, partitions=20, fail_rate=0.3, random_state=1)
    return table, make_target(table)


@pytest.mark.parametrize("name", FOREST_SLOW)
def test_a_blend_of_pipelines(events, name):
    kinds = (None, "over", "smote")
    pipelines = [make_risk_pipeline(name, balance=kind) for kind in kinds]
    blended = blend_pipelines(pipelines, "probability")
    assert list(blended.named_steps) == [
        *("clean", "features", "snapshots", "select"),
        "classify",
    ]
    found = blended.fit(*events).predict_proba(events[0])
    each = [one.fit(*events).predict_proba(events[0]) for one in pipelines]
    wanted = np.mean(each, axis=0, dtype=np.float64)
    np.testing.assert_allclose(found[:, 1], wanted[:, 1], rtol=1e-12)
    scores = cross_val_score(blended, *events, cv=StudentKFold(2))
    assert np.isfinite(scores).all()


def test_a_risk_classifier_of_a_blend_is_deployed_without_training_rows(events):
    pipelines = [make_risk_pipeline(balance=kind) for kind in ("smote", None)]
    model = RiskClassifier(blend_pipelines(pipelines, "log-odds"), cv=2).fit(*events)
    deployed = model.deployable()
    np.testing.assert_array_equal(
        deployed.predict_proba(events[0]), model.predict_proba(events[0])
    )
    blend = deployed.pipeline_[-1]
    assert blend.members == []
    assert {type(one).__name__ for one in blend.classifiers_} == {"LGBMClassifier"}
    explained = model.score_students(events[0])
    assert isinstance(explained, pd.DataFrame)


# -- in a registry --------------------------------------------------------------


@pytest.fixture(scope="module")
def model(events):
    pipelines = [make_risk_pipeline(balance=kind) for kind in ("over", None)]
    return RiskClassifier(blend_pipelines(pipelines, "log-odds"), cv=2).fit(*events)


def test_it_is_stored_with_its_members_and_fitted_again(model, events, tmp_path):
    registry = ModelRegistry(tmp_path)
    record = registry.register(model)
    loaded = registry.load(record.version)
    want = model.predict_proba(events[0])
    np.testing.assert_array_equal(loaded.predict_proba(events[0]), want)
    assert record.algorithm == "Blend"
    assert record.parameters["scale"] == "log-odds"
    members = record.parameters["members"]
    assert [one["classifier"] for one in members] == ["LGBMClassifier"] * 2
    assert members[0]["num_leaves"] == 7
    with pytest.warns(UserWarning, match="This model is version 1"):  # to the bit
        assert registry.refit(record.version, *events) == record


def test_custom_member_prevents_refit(events, tmp_path):
    class Mine(RandomOverSampler):
        pass

    pipelines = [make_risk_pipeline(balance=kind) for kind in (Mine(), None)]
    blend = blend_pipelines(pipelines, "probability").fit(*events)
    registry = ModelRegistry(tmp_path)
    record = registry.register(blend)
    with pytest.raises(RegistryError, match="a Mine that is your own"):
        registry.refit(record.version, *events)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scale", "logits"),
        ("classifiers_", []),
        ("classifiers_", [GaussianNB()]),
        ("classifiers_", [GaussianNB().fit(X[:, :2], y)]),
        ("classifiers_", [GaussianNB().fit(X, y + 1)]),
        ("classifiers_", ["text"]),
    ],
)
def test_an_inconsistent_blend_is_not_stored(name, value):
    blend = Blend(MEMBERS).fit(X, y).deployable()
    assert dumps(blend)
    setattr(blend, name, value)
    with pytest.raises(RegistryError, match=r"damaged or made up|fitted"):
        dumps(blend)
