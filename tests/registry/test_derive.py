"""A version can be trained again, with the same result on the same rows."""

from functools import cache

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edml import (
    Capacity,
    PeriodSplit,
    StudentKFold,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.classifier import RiskClassifier
from edml.exceptions import RegistryError
from edml.metrics import snapshot_metrics
from edml.registry import ModelRegistry, _derive
from edml.registry._training import describe_training, rebuild
from edml.sampling import AdaptiveSMOTE

X = make_student_activity(60, fail_rate=0.3, random_state=1)
y = make_target(X)
OTHERS = make_student_activity(60, fail_rate=0.3, random_state=2)
OUTCOME = make_target(OTHERS)
PLAIN, LABELS = make_classification(400, flip_y=0.2, random_state=0)


@cache
def risk_model(learner="lightgbm", balance=None, pipe=None, **given):
    if pipe is None:
        pipe = make_risk_pipeline(learner, balance=balance, every=7, random_state=3)
        pipe.set_params(classify__n_estimators=10)
    return RiskClassifier(pipe, **{"cv": 2, **given}).fit(X, y)


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(tmp_path)


def refit_to_the_bit(registry, version, *rows):
    """Refit a version on the rows of a stored model, which it is then."""
    with pytest.warns(UserWarning, match=r"This model is version 1, in development"):
        return registry.refit(version, *rows, tags={"again": True})


# -- refit ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"balance": "smote"},
        {"balance": "over"},
        {"balance": "under"},
        {"balance": AdaptiveSMOTE(k_neighbors=2)},
        {"learner": "xgboost", "balance": "smote"},
        {"learner": "random_forest"},
        {"pipe": make_risk_pipeline(LogisticRegression(C=0.5), every=7)},
        {"calibration": None, "threshold": 0.25},
        {"calibration": "isotonic", "threshold": "recall>=0.7"},
        {"threshold": Capacity(2)},
        {"cv": StudentKFold(3, random_state=5)},
        {"cv": None, "random_state": 11},
    ],
)
@pytest.mark.filterwarnings("ignore:Asked to flag")
@pytest.mark.filterwarnings("ignore:lbfgs failed")
def test_same_rows_yield_the_same_model(registry, given):
    model = risk_model(**given)
    first = registry.register(model)
    assert refit_to_the_bit(registry, 1, X, y) == first
    np.testing.assert_array_equal(
        registry.load(1).predict_proba(OTHERS), model.predict_proba(OTHERS)
    )


def test_the_default_pipeline_is_trained_again(registry):
    record = registry.register(RiskClassifier(cv=2).fit(X, y))
    assert refit_to_the_bit(registry, 1, X, y) == record


def test_other_rows_yield_another_model(registry):
    model = risk_model(balance="smote")
    registry.register(model)
    record = registry.refit("latest", OTHERS, OUTCOME)
    assert record.data_fingerprint != model.data_fingerprint_
    expected = RiskClassifier(model.estimator, cv=2).fit(OTHERS, OUTCOME)
    np.testing.assert_array_equal(
        registry.load(2).predict_proba(X), expected.predict_proba(X)
    )


def test_a_refit_can_be_refitted(registry):
    registry.register(risk_model(balance="smote"))
    registry.refit(1, OTHERS, OUTCOME)
    assert refit_to_the_bit(registry, 2, X, y).version == 1


@pytest.mark.parametrize("balance", ["smote", None])
def test_a_bare_pipeline_is_trained_again(registry, balance):
    pipeline = make_risk_pipeline(balance=balance, every=7).fit(X, y)
    registry.register(pipeline)
    refit_to_the_bit(registry, 1, X, y)
    record = registry.refit(1, OTHERS, OUTCOME)
    # evaluate's fingerprint of these rows
    assert (
        record.data_fingerprint
        == evaluate(pipeline, OTHERS, OUTCOME, n_resamples=0).data_fingerprint
    )


def test_a_bare_classifier_is_trained_again(registry):
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3))
    record = registry.register(model.fit(PLAIN, LABELS))
    assert refit_to_the_bit(registry, 1, PLAIN, LABELS) == record


class OwnSMOTE(SMOTE):
    pass


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"balance": OwnSMOTE(random_state=0)}, "'balance', a OwnSMOTE"),
        ({"balance": SMOTE(random_state=0)}, "'balance', a SMOTE"),
        (
            {"balance": AdaptiveSMOTE(sampling_strategy={1: 3000}, random_state=0)},
            "'balance', a AdaptiveSMOTE",
        ),
        ({"cv": KFold(2)}, "cv, a KFold"),
        ({"threshold": make_scorer(f1_score)}, "threshold, a function"),
        ({"random_state": np.random.RandomState(0)}, "random_state, a generator"),
    ],
    ids=["own", "imblearn", "dict", "cv", "scorer", "generator"],
)
def test_error_names_parts_that_cannot_be_rebuilt(registry, given, says):
    events, outcome = (X, y)
    if "cv" in given:  # plain folds do not separate students
        model = RiskClassifier(LogisticRegression(), **given)
        events, outcome = PLAIN, LABELS
        registry.register(model.fit(events, outcome))
    else:
        registry.register(risk_model(**given))
    with pytest.raises(RegistryError, match=says):
        registry.refit(1, events, outcome)
    assert len(registry.records()) == 1


@pytest.mark.parametrize("start", ["enrolment", "first_event", None])
def test_records_from_before_keep_the_first_event_rule(start):
    model = risk_model()
    training = describe_training(model)
    known = dict(training["steps"])["snapshots"]["parameters"]
    if start is None:
        del known["start"]
    else:
        known["start"] = start
    rebuilt = rebuild(training, model, 1)
    assert rebuilt.estimator["snapshots"].start == (start or "first_event")


def test_deployed_model_keeps_no_training_settings(registry):
    registry.register(risk_model().deployable())
    with pytest.raises(RegistryError, match=r"how it was trained.*parent=1"):
        registry.refit(1, X, y)


def test_a_period_split_is_rebuilt(registry):
    events = X.copy()
    early = events["user_uuid"].factorize()[0] % 2 == 0
    events["periodo"] = np.where(early, "1-2023", "1-2024")
    pipe = make_risk_pipeline(every=7)
    model = RiskClassifier(pipe, cv=PeriodSplit()).fit(events, y)
    record = registry.register(model)
    assert refit_to_the_bit(registry, 1, events, y) == record


# -- threshold -----------------------------------------------------------------


def test_threshold_is_chosen_on_the_passed_rows(registry):
    model = risk_model()
    registry.register(model)
    record = registry.retune_threshold(1, OTHERS, OUTCOME)
    assert (record.version, record.parent) == (2, 1)
    loaded = registry.load(2)
    np.testing.assert_array_equal(
        loaded.predict_proba(OTHERS), model.predict_proba(OTHERS)
    )
    assert loaded.threshold_ == record.threshold != model.threshold_
    first = ~OTHERS.assign(particion=OTHERS["particion"].fillna(0)).duplicated(
        ["user_uuid", "course_uuid", "particion"]
    )
    score = model.predict_proba(OTHERS)[first, 1]
    reached = [
        snapshot_metrics(OUTCOME[first], score, at)["f1"] for at in np.unique(score)
    ]
    found = snapshot_metrics(OUTCOME[first], score, record.threshold)["f1"]
    assert found == max(reached)


@pytest.mark.parametrize("rule", [0.123, "recall>=0.9", "precision>=0.3", Capacity(3)])
@pytest.mark.filterwarnings("ignore:Asked to flag")
def test_custom_rules(registry, rule):
    registry.register(risk_model(balance="smote"))
    record = registry.retune_threshold(1, OTHERS, OUTCOME, threshold=rule)
    if rule == 0.123:
        assert record.threshold == 0.123
    if rule == "recall>=0.9":
        figures = evaluate(registry.load(2), OTHERS, OUTCOME, n_resamples=0).metrics
        assert figures["recall"] >= 0.9
    expected = RiskClassifier(
        risk_model(balance="smote").estimator, cv=2, threshold=rule
    ).fit(X, y)
    if rule == 0.123:  # nothing is chosen by the rows
        assert expected.threshold_ == 0.123
    else:
        refitted = registry.refit(2, X, y)  # by the new rule, out of fold
        assert refitted.threshold == expected.threshold_


def test_rows_of_training_are_rejected(registry):
    registry.register(risk_model())
    with pytest.raises(RegistryError, match="trained on these rows"):
        registry.retune_threshold(1, X, y)
    assert len(registry.records()) == 1


def test_rows_that_chose_the_threshold_are_no_evaluation(registry):
    registry.register(risk_model())
    record = registry.retune_threshold(1, OTHERS, OUTCOME)
    assert record.threshold_fingerprint is not None
    with pytest.raises(RegistryError, match="threshold was chosen on these rows"):
        registry.reevaluate(OTHERS, OUTCOME, 2)
    registry.retune_threshold(2, OTHERS, OUTCOME, threshold="recall>=0.5")


def test_rows_of_one_outcome_are_rejected(registry):
    registry.register(risk_model())
    passing = OTHERS[OUTCOME == 0]
    with pytest.raises(RegistryError, match="of one outcome"):
        registry.retune_threshold(1, passing, OUTCOME[OUTCOME == 0])


def test_a_bare_model_gets_a_threshold(registry):
    model = LogisticRegression().fit(PLAIN[:200], LABELS[:200])
    registry.register(model)
    with pytest.raises(RegistryError, match="Pass threshold='f1'"):
        registry.retune_threshold(1, PLAIN[200:], LABELS[200:])
    record = registry.retune_threshold(1, PLAIN[200:], LABELS[200:], "recall>=0.9")
    loaded = registry.load(2)
    np.testing.assert_array_equal(
        loaded.predict_proba(PLAIN), model.predict_proba(PLAIN)
    )
    flagged = loaded.predict(PLAIN[200:])
    assert flagged[LABELS[200:] == 1].mean() >= 0.9
    assert record.algorithm == "LogisticRegression"
    with pytest.raises(RegistryError, match="fitted without one"):
        registry.refit(2, PLAIN, LABELS)


@pytest.mark.parametrize("rule", ["f2", 2.0, "recall>=2"])
def test_invalid_rules(registry, rule):
    registry.register(risk_model())
    with pytest.raises(ValueError, match="threshold must be"):
        registry.retune_threshold(1, OTHERS, OUTCOME, rule)


def test_a_nested_pipeline_of_samplers(registry):
    inner = SamplingPipeline(
        [("balance", AdaptiveSMOTE(random_state=0)), ("classify", LogisticRegression())]
    )
    model = SamplingPipeline([("scale", StandardScaler()), ("rest", inner)])
    record = registry.register(model.fit(PLAIN, LABELS))
    assert refit_to_the_bit(registry, 1, PLAIN, LABELS) == record


@pytest.mark.parametrize(
    "change",
    [
        {"steps": "unknown"},
        {"steps": [["classify", {"sampler": "os.system", "parameters": {}}]]},
        {"steps": [["classify", {"sampler": "AdaptiveSMOTE", "parameters": {"a": 1}}]]},
        {"cv": {"splitter": "KFold", "parameters": {}}},
        {"threshold": {"per_course": 3}},
        {"threshold": {"capacity": "many"}},
        {"kind": None, "calibration": 3},
    ],
    ids=str,
)
def test_a_made_up_record_is_rejected(registry, change):
    record = registry.register(risk_model())
    body = record.to_dict() | {"training": record.training | change}
    data = registry._store.read_file(1, "model.skops")
    registry._store.add_version({"model.skops": data}, body)
    with pytest.raises((RegistryError, ValueError), match=r"Expected|calibration"):
        registry.refit(2, OTHERS, OUTCOME)
    if isinstance(change.get("threshold"), dict):
        with pytest.raises(RegistryError, match="another"):
            registry.retune_threshold(2, OTHERS, OUTCOME)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"calibration": "x"}, "'calibration' parameter"),
        ({"cv": 1}, "'cv' parameter"),
        ({"cv": [1]}, "TypeError in fit"),
        ({"fail_label": 7}, "ValueError in fit"),
        ({"random_state": -1}, "'random_state' parameter"),
    ],
)
def test_settings_that_fit_rejects(registry, monkeypatch, given, found):
    registry.register(risk_model())
    pipe = make_risk_pipeline(every=7)
    monkeypatch.setattr(
        _derive, "rebuild", lambda *_: RiskClassifier(pipe, **{"cv": 2, **given})
    )
    with pytest.raises(RegistryError, match=f"version 1.*{found}.*parent=1"):
        registry.refit(1, X, y)


@pytest.mark.parametrize("rule", [5.0, -1, True, None, "recall>=2", [1]])
def test_a_threshold_that_no_model_has(rule):
    model = risk_model()
    training = {**describe_training(model), "threshold": rule}
    with pytest.raises(RegistryError, match="threshold must be"):
        rebuild(training, model.deployable(), 1)
