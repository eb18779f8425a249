# ruff: noqa: PD011 - an Explanation's values are not a Series
"""explain: contributions that add up, for every kind of model, through pipelines."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from lightgbm import LGBMClassifier, early_stopping
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FunctionTransformer, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils.validation import has_fit_parameter
from xgboost import XGBClassifier

from edml.datasets import make_student_activity, make_target
from edml.explanation import Explanation, explain
from edml.explanation._contributions import import_shap
from edml.feature_extraction import FEATURES, FeatureEngineer
from edml.pipeline import Blend, SerialForest, make_risk_pipeline

NAMES = ["a", "b", "c", "d", "e"]
LIGHTGBM = LGBMClassifier(
    n_estimators=12, min_child_samples=5, verbosity=-1, n_jobs=1, random_state=0
)
FEW = {"n_estimators": 3, "verbosity": -1, "n_jobs": 1, "random_state": 1}
XGBOOST = XGBClassifier(n_estimators=12, n_jobs=1, random_state=0)
TREES = {
    "lightgbm": LIGHTGBM,
    "xgboost": XGBOOST,
    "forest": RandomForestClassifier(8, random_state=0),
    "serial forest": SerialForest(8, random_state=0, n_jobs=2),
    "extra trees": ExtraTreesClassifier(8, random_state=0),
    "tree": DecisionTreeClassifier(random_state=0),
    "extra tree": ExtraTreeClassifier(max_depth=4, random_state=0),
    "boosted blend": Blend([("a", LIGHTGBM), ("b", LGBMClassifier(**FEW))], "log-odds"),
    "forest blend": Blend([(n, RandomForestClassifier(int(n))) for n in "35"]),
}
OTHERS = {
    "blend of several": Blend([("a", LIGHTGBM), ("b", LogisticRegression())]),
    "blend on another scale": Blend([("a", LIGHTGBM), ("b", LGBMClassifier(**FEW))]),
    "logistic": LogisticRegression(),
    "neighbours": KNeighborsClassifier(),
    "gradient boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
}
BOOSTED = ("lightgbm", "xgboost", "boosted blend")


def data(n=120, missing=False, seed=0):
    X, y = make_classification(
        n, len(NAMES), n_informative=3, n_redundant=0, random_state=seed
    )
    X = pd.DataFrame(X, columns=NAMES)
    if missing:
        X = X.mask(np.random.default_rng(seed).random(X.shape) < 0.2)
    return X, y


def fresh(model):
    return clone(model)


def expected_output(model, X):
    if isinstance(model, LGBMClassifier):
        return model.predict_proba(X, raw_score=True)
    if isinstance(model, XGBClassifier):
        return model.predict(X, output_margin=True)
    if isinstance(model, Blend) and model.scale == "log-odds":
        return np.mean([expected_output(one, X) for one in model.classifiers_], axis=0)
    return model.predict_proba(X)[:, 1]


def check_adds_up(explanation):
    total = explanation.base_values + explanation.contributions.sum(axis=1).to_numpy()
    np.testing.assert_allclose(total, explanation.raw_output, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def table():
    X = make_student_activity(60, fail_rate=0.3, random_state=0)
    return X, make_target(X)


@pytest.fixture(scope="module")
def pipeline(table):
    return make_risk_pipeline("lightgbm").fit(*table)


# -- they add up --------------------------------------------------------------


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "missing"])
@pytest.mark.parametrize("name", TREES)
def test_contributions_of_trees_add_up(name, missing):
    X, y = data(missing=missing)
    model = fresh(TREES[name]).fit(X, y)
    explanation = explain(model, X)
    check_adds_up(explanation)
    assert explanation.scale == ("log-odds" if name in BOOSTED else "probability")
    assert list(explanation.contributions) == NAMES
    output = expected_output(model, X)
    np.testing.assert_allclose(explanation.raw_output, output, rtol=0, atol=1e-12)
    # each row starts from the same base; XGBoost's absorbs its rounding
    assert np.ptp(explanation.base_values) < (1e-5 if name == "xgboost" else 1e-12)
    if name in BOOSTED:
        probability = model.predict_proba(X)[:, 1]
        np.testing.assert_allclose(expit(explanation.raw_output), probability, 1e-5)


@pytest.mark.parametrize(
    "model",
    [
        LGBMClassifier(boosting_type="dart", n_estimators=9, verbosity=-1, n_jobs=1),
        LGBMClassifier(is_unbalance=True, n_estimators=9, verbosity=-1, n_jobs=1),
        XGBClassifier(booster="dart", rate_drop=0.3, n_estimators=9, n_jobs=1),
        XGBClassifier(booster="gblinear", n_estimators=9, n_jobs=1),
        XGBClassifier(n_estimators=400, base_score=0.9, missing=-1.0, n_jobs=1),
    ],
    ids=["lgbm dart", "lgbm unbalance", "dart", "gblinear", "many"],
)
def test_other_kinds_of_boosting_add_up(model):
    X, y = data()
    explanation = explain(model.fit(X, y), X)
    check_adds_up(explanation)
    assert explanation.scale == "log-odds"
    probability = model.predict_proba(X)[:, 1]
    np.testing.assert_allclose(expit(explanation.raw_output), probability, rtol=1e-4)


@pytest.mark.parametrize("name", OTHERS)
def test_contributions_of_any_classifier_add_up(name):
    X, y = data()
    model = fresh(OTHERS[name]).fit(X, y)
    explanation = explain(model, X, rows=[0, 3, 7], random_state=1)
    check_adds_up(explanation)
    assert explanation.scale == "probability"
    output = model.predict_proba(X)[[0, 3, 7], 1]
    np.testing.assert_allclose(explanation.raw_output, output, rtol=0, atol=1e-12)


@settings(max_examples=15)
@given(
    st.sampled_from(sorted(TREES)),
    st.integers(0, 10_000),
    st.integers(8, 60),
    st.booleans(),
)
def test_small_random_models_add_up(name, seed, n, missing):
    random = np.random.default_rng(seed)
    X = pd.DataFrame(random.integers(-2, 3, (n, 3)) / 2, columns=["a", "b", "c"])
    y = np.append([0, 1], random.integers(0, 2, n - 2))
    if missing:
        X = X.mask(random.random(X.shape) < 0.3)
        X.iloc[0] = 0.0
    model = fresh(TREES[name])
    takes = has_fit_parameter(model, "sample_weight")
    model.fit(X, y, **({"sample_weight": random.random(n) + 0.1} if takes else {}))
    check_adds_up(explain(model, X))


def test_tree_of_one_leaf():
    X = pd.DataFrame({"a": np.zeros(10)})
    model = DecisionTreeClassifier().fit(X, [0, 1] * 5)
    explanation = explain(model, X)
    assert (explanation.contributions == 0).all(axis=None)
    assert explanation.base_values.tolist() == [0.5] * 10


def test_early_stopping_explains_the_rounds_that_predict():
    X, y = data(200)
    held_out = {"eval_set": [(X[100:], y[100:])]}
    stop = early_stopping(2, verbose=False)
    lightgbm = LGBMClassifier(n_estimators=300, verbosity=-1, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer ones have another name for eval_set
        lightgbm.fit(X[:100], y[:100], **held_out, callbacks=[stop])
    assert lightgbm.best_iteration_ < 290
    xgboost = XGBClassifier(n_estimators=300, early_stopping_rounds=2, n_jobs=1)
    xgboost.fit(X[:100], y[:100], **held_out, verbose=False)
    assert xgboost.best_iteration < xgboost.get_booster().num_boosted_rounds() - 1
    for model in (lightgbm, xgboost):
        explanation = explain(model, X)
        check_adds_up(explanation)
        probability = model.predict_proba(X)[:, 1]
        np.testing.assert_allclose(expit(explanation.raw_output), probability, 1e-4)


# -- they are correct ---------------------------------------------------------


def test_lightgbm_matches_shap():
    X, y = data()
    model = fresh(LIGHTGBM).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's warning about LightGBM's output
        expected = import_shap().TreeExplainer(model).shap_values(X)
    np.testing.assert_allclose(explain(model, X).contributions, expected, atol=1e-10)


@pytest.mark.parametrize("name", ["forest", "serial forest", "extra trees", "tree"])
def test_forest_matches_shap(name):
    X, y = data()
    model = fresh(TREES[name]).fit(X, y)
    explainer = import_shap().TreeExplainer(model)
    explanation = explain(model, X)
    np.testing.assert_allclose(
        explanation.contributions, explainer.shap_values(X)[..., 1], atol=1e-10
    )
    np.testing.assert_allclose(
        explanation.base_values, explainer.expected_value[1], atol=1e-10
    )


def test_additive_model_is_explained_exactly():
    class Additive(ClassifierMixin, BaseEstimator):
        classes_ = np.array([0, 1])

        def predict_proba(self, X):
            risk = X @ np.array([0.1, -0.2, 0.0])
            return np.c_[1 - risk, risk]

    X = np.random.default_rng(0).random((30, 3))
    explanation = explain(Additive(), X, rows=[1, 2], background=X[:20])
    expected = (X[[1, 2]] - X[:20].mean(axis=0)) * [0.1, -0.2, 0.0]
    np.testing.assert_allclose(explanation.contributions, expected, atol=1e-12)
    assert list(explanation.contributions) == ["x0", "x1", "x2"]


def test_class_that_predicts_otherwise_than_its_trees():
    class Halved(RandomForestClassifier):
        def predict_proba(self, X):
            fails = super().predict_proba(X)[:, 1] / 2
            return np.c_[1 - fails, fails]

    X, y = data()
    model = Halved(5, random_state=0).fit(X, y)
    explanation = explain(model, X, rows=[0, 1])
    check_adds_up(explanation)
    np.testing.assert_array_equal(explanation.raw_output, model.predict_proba(X)[:2, 1])


def test_boosting_whose_output_is_no_log_odds():
    X, y = data()
    hinge = XGBClassifier(n_estimators=3, objective="binary:hinge", n_jobs=1).fit(X, y)
    linear = LGBMClassifier(
        n_estimators=3, linear_tree=True, verbosity=-1, n_jobs=1
    ).fit(X, y)
    options = {"subsample": 0.5, "subsample_freq": 1, "verbosity": -1, "n_jobs": 1}
    forest = LGBMClassifier(boosting_type="rf", n_estimators=9, **options).fit(X, y)
    steep = LGBMClassifier(n_estimators=9, sigmoid=2.0, **options).fit(X, y)
    for model in (hinge, linear, forest, steep):
        explanation = explain(model, X, rows=[0, 1])
        check_adds_up(explanation)
        assert explanation.scale == "probability"


def test_labels_as_text_explain_the_failing_class():
    X, y = data()
    labels = np.where(y == 1, "fails", "passes")  # so class 1 comes first
    for model in (LIGHTGBM, TREES["forest"], LogisticRegression()):
        fitted = fresh(model).fit(X, labels)
        text = explain(fitted, X, rows=range(3), fail_label="fails")
        assert text.raw_output.shape == (3,)
        check_adds_up(text)
        if model is LIGHTGBM:
            number = explain(fresh(model).fit(X, y == 1), X, rows=range(3))
            np.testing.assert_allclose(text.contributions, number.contributions)


# -- rows ---------------------------------------------------------------------


@pytest.mark.parametrize("name", TREES)
def test_a_row_does_not_depend_on_the_others(name):
    X, y = data(missing=True)
    model = fresh(TREES[name]).fit(X, y)
    whole = explain(model, X)
    order = np.random.default_rng(0).permutation(len(X))[:50]
    for part in (explain(model, X.iloc[order]), explain(model, X, rows=order)):
        np.testing.assert_allclose(
            part.contributions, whole.contributions.iloc[order], rtol=0, atol=1e-12
        )
        assert part.contributions.index.equals(X.index[order])
        pd.testing.assert_frame_equal(part.values, whole.values.iloc[order])


def test_a_row_of_any_classifier_does_not_depend_on_the_others():
    X, y = data()
    model = LogisticRegression().fit(X, y)
    one = explain(model, X, rows=[5, 9], background=X[:30])
    two = explain(model, X.iloc[::-1], rows=[len(X) - 10], background=X[:30])
    np.testing.assert_array_equal(one.contributions[1:], two.contributions)


def test_seed_rules_background_and_permutations():
    X, y = data(150)
    model = LogisticRegression().fit(X, y)
    one, same, other = (explain(model, X, rows=[0], random_state=k) for k in (0, 0, 1))
    assert one.contributions.equals(same.contributions)
    assert not one.contributions.equals(other.contributions)
    generator = np.random.RandomState(0)
    assert explain(model, X, rows=[0], random_state=generator).contributions.equals(
        one.contributions
    )


def test_background_is_at_most_100_rows():
    class Counting(LogisticRegression):
        most = 0

        def predict_proba(self, X):
            Counting.most = max(Counting.most, len(np.unique(X, axis=0)))
            return super().predict_proba(X)

    X, y = data(400)
    X = X[["a"]]
    model = Counting().fit(X, y)
    for background in (None, X[:300]):
        Counting.most = 0
        explain(model, X, rows=[0], background=background)
        assert 50 < Counting.most <= 101
    with pytest.raises(ValueError, match="background has no row"):
        explain(model, X, background=X[:0])


@pytest.mark.parametrize(
    "index",
    [
        pd.Index([f"r{k}" for k in range(30)]),
        pd.Index([1, 1, 2] * 10, name="row"),
        pd.MultiIndex.from_product([range(6), list("abcde")]),
    ],
    ids=["text", "repeated", "multi"],
)
@pytest.mark.parametrize("model", [LIGHTGBM, TREES["tree"]], ids=["lgbm", "tree"])
def test_any_index_is_kept(model, index):
    X, y = data(30)
    model = fresh(model).fit(X, y)
    explanation = explain(model, X.set_axis(index))
    for made in (explanation.contributions, explanation.values, explanation.reasons()):
        assert made.index.equals(index)
    assert explanation.contributions.reset_index(drop=True).equals(
        explain(model, X).contributions
    )


@pytest.mark.parametrize("model", [*TREES.values(), OTHERS["logistic"]], ids=str)
def test_no_row(model):
    X, y = data()
    model = fresh(model).fit(X, y)
    for none in (explain(model, X[:0]), explain(model, X, rows=[])):
        assert none.contributions.shape == (0, len(NAMES))
        assert none.base_values.shape == none.raw_output.shape == (0,)
        assert none.scale == explain(model, X, rows=[0]).scale
        assert none.reasons().tolist() == []
        assert none.importance().isna().all()


@pytest.mark.parametrize("model", [*TREES.values(), OTHERS["logistic"]], ids=str)
def test_columns_are_taken_by_name(model):
    X, y = data()
    model = fresh(model).fit(X, y)
    expected = explain(model, X, rows=[0, 1], background=X)
    permuted = X.assign(extra="text")[["extra", *NAMES[::-1]]]
    found = explain(model, permuted, rows=[0, 1], background=permuted)
    pd.testing.assert_frame_equal(found.contributions, expected.contributions)
    pd.testing.assert_frame_equal(found.values, expected.values)
    with pytest.raises(ValueError, match=r"missing \['a'\], unexpected \['A'\]"):
        explain(model, X.rename(columns={"a": "A"}))
    # without names, by position
    array = explain(model, X.to_numpy(), rows=[0, 1], background=X.to_numpy())
    pd.testing.assert_frame_equal(array.contributions, expected.contributions)


@pytest.mark.parametrize("model", [*TREES.values(), OTHERS["logistic"]], ids=str)
def test_model_that_was_fitted_on_an_array(model):
    X, y = data()
    model = fresh(model).fit(X.to_numpy(), y)
    array = explain(model, X.to_numpy(), rows=[0, 1])
    assert list(array.contributions) == ["x0", "x1", "x2", "x3", "x4"]
    frame = explain(model, X, rows=[0, 1])
    assert list(frame.contributions) == NAMES
    np.testing.assert_array_equal(frame.contributions, array.contributions)


def test_names_with_spaces():
    X, y = data()
    X.columns = [f"{name} b" for name in NAMES]
    model = fresh(LIGHTGBM).fit(X, y)
    assert list(explain(model, X.iloc[:, ::-1]).contributions) == list(X)


def test_categories():
    X, y = data()
    X["kind"] = pd.Categorical(np.where(X["a"] > 0, "up", "down"))
    boosted = XGBClassifier(
        n_estimators=5, enable_categorical=True, tree_method="hist", n_jobs=1
    )
    for model in (fresh(LIGHTGBM), boosted):
        explanation = explain(model.fit(X, y), X)
        check_adds_up(explanation)
        assert explanation.values["kind"].equals(X["kind"])
        assert len(explanation.reasons(n=9)) == len(X)


def test_text_that_a_classifier_reads_by_itself():
    class Reader(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = np.unique(y)
            return self

        def predict_proba(self, X):
            return np.full((len(X), 2), 0.5)

    X, y = data()
    X["kind"] = "up"
    with pytest.raises(ValueError, match=r"explained from numbers; \['kind'\] are not"):
        explain(Reader().fit(X, y), X)


# -- through the pipeline -----------------------------------------------------


def test_pipeline_from_events(table, pipeline):
    X, _ = table
    explanation = explain(pipeline, X)
    features = pipeline[:-1].transform(X)
    expected = explain(pipeline[-1], features)
    pd.testing.assert_frame_equal(explanation.contributions, expected.contributions)
    np.testing.assert_array_equal(explanation.raw_output, expected.raw_output)
    np.testing.assert_allclose(
        expit(explanation.raw_output), pipeline.predict_proba(X)[:, 1], rtol=1e-9
    )
    assert tuple(explanation.contributions) == FEATURES
    check_adds_up(explanation)


@pytest.mark.parametrize("fill_value", [0.0, -7.0, None])
def test_unknown_values_are_missing(table, fill_value):
    X, y = table
    model = make_risk_pipeline("lightgbm", fill_value=fill_value).fit(X, y)
    explanation = explain(model, X)
    unfilled = FeatureEngineer(fill_value=None).fit_transform(
        model["clean"].transform(X)
    )
    values = explanation.values
    ratio = values.pop("parcial_sobre_ass")
    pd.testing.assert_frame_equal(values, unfilled[list(values)])
    assert values.isna().any(axis=None)
    known = unfilled["nota_overall_mean"].notna() & (unfilled["score_mean"] > 0)
    assert ratio[known].equals(unfilled["parcial_sobre_ass"][known])
    assert ratio[~known].isna().all()
    # missing in the words, and still imputed for the model
    features = model[:-1].transform(X)
    expected = explain(model[-1], features).contributions
    pd.testing.assert_frame_equal(explanation.contributions, expected)


def test_rows_of_events_are_explained_with_all_their_events(table, pipeline):
    X, _ = table
    whole = explain(pipeline, X)
    rows = np.array([700, 3, 3, 51])
    part = explain(pipeline, X, rows=rows)
    for name in ("contributions", "values"):
        pd.testing.assert_frame_equal(
            getattr(part, name), getattr(whole, name).iloc[rows]
        )
    np.testing.assert_array_equal(part.raw_output, whole.raw_output[rows])
    # and no event elsewhere matters
    student = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    alone = explain(pipeline, student)
    expected = whole.contributions.loc[student.index]
    pd.testing.assert_frame_equal(alone.contributions, expected)


@pytest.mark.parametrize("classifier", ["xgboost", "random_forest"])
@pytest.mark.parametrize("balance", [None, "over"], ids=["plain", "over"])
def test_other_pipelines_from_events(table, classifier, balance):
    X, y = table
    model = make_risk_pipeline(classifier, balance=balance).fit(X, y)
    explanation = explain(model, X, rows=range(0, 2000, 100))
    check_adds_up(explanation)
    assert explanation.contributions.shape == (20, 44)


def test_scaled_features_are_worded_unscaled(table):
    X, y = table
    scaled = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model = make_risk_pipeline(scaled).fit(X, y)
    explanation = explain(model, X, rows=[900], background=X[:600])
    check_adds_up(explanation)
    expected = explain(make_risk_pipeline("lightgbm").fit(X, y), X, rows=[900]).values
    pd.testing.assert_frame_equal(explanation.values, expected)
    assert tuple(explanation.contributions) == FEATURES


def test_nested_pipelines_from_events(table, pipeline):
    X, _ = table
    expected = explain(pipeline, X, rows=[40])
    names = pipeline.steps
    nested = SamplingPipeline(
        [
            ("front", SamplingPipeline([*names[:2], ("nothing", "passthrough")])),
            ("back", SamplingPipeline(names[2:])),
        ]
    )
    found = explain(nested, X, rows=[40])
    pd.testing.assert_frame_equal(found.contributions, expected.contributions)
    pd.testing.assert_frame_equal(found.values, expected.values)


def test_empty_event_table(table, pipeline):
    empty = explain(pipeline, table[0][:0])
    assert empty.contributions.shape == (0, 44)
    assert empty.values.shape == (0, 44)


def test_wrapped_models(table, pipeline):
    class Wrapper(BaseEstimator):
        pass

    X, _ = table
    expected = explain(pipeline, X, rows=[5]).contributions
    for attribute in ("pipeline_", "best_estimator_"):
        wrapper = Wrapper()
        setattr(wrapper, attribute, pipeline)
        outer = Wrapper()
        outer.best_estimator_ = wrapper
        for model in (wrapper, outer):
            found = explain(model, X, rows=[5]).contributions
            pd.testing.assert_frame_equal(found, expected)


def test_plain_pipelines():
    X, y = data()
    forest = fresh(TREES["forest"]).fit(StandardScaler().fit_transform(X), y)
    expected = explain(forest, StandardScaler().fit_transform(X)).contributions
    steps = [
        ("nothing", "passthrough"),
        ("none", None),
        ("scale", StandardScaler()),
        ("classify", fresh(TREES["forest"])),
    ]
    for model in (
        Pipeline(steps),
        SamplingPipeline(steps),
        Pipeline([("inner", Pipeline(steps[2:]))]),
        make_pipeline(Pipeline(steps[2:3]), steps[3][1]),
        make_pipeline(StandardScaler().set_output(transform="pandas"), steps[3][1]),
    ):
        explanation = explain(model.fit(X, y), X)
        assert list(explanation.contributions) == NAMES
        np.testing.assert_array_equal(explanation.contributions, expected)
    sampled = SamplingPipeline([("more", RandomOverSampler()), *steps]).fit(X, y)
    assert explain(sampled, X).contributions.shape == X.shape


def test_names_through_steps():
    X = pd.DataFrame({"kind": ["u", "v", "w"] * 20})
    y = [0, 1, 1] * 20
    encoded = make_pipeline(OneHotEncoder(), fresh(TREES["tree"])).fit(X, y)
    explanation = explain(encoded, X)
    assert list(explanation.contributions) == ["kind_u", "kind_v", "kind_w"]
    check_adds_up(explanation)
    nameless = FunctionTransformer(lambda X: np.c_[X["kind"] == "u"].astype(float))
    silent = make_pipeline(nameless, fresh(TREES["tree"])).fit(X, y)
    assert list(explain(silent, X).contributions) == ["x0"]


# -- quiet and harmless -------------------------------------------------------


@pytest.mark.parametrize("name", [*TREES, "logistic"])
def test_no_change_and_no_warning(name, capfd, caplog):
    X, y = data()
    model = fresh((TREES | OTHERS)[name]).fit(X, y)
    before, state = X.copy(), np.random.get_state()  # noqa: NPY002
    probability = model.predict_proba(X)
    explain(model, X, rows=range(5))
    pd.testing.assert_frame_equal(X, before)
    now = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(state, now, strict=True))
    np.testing.assert_array_equal(model.predict_proba(X), probability)
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_global_random_state_is_put_back_after_an_error():
    class Broken(LogisticRegression):
        def predict_proba(self, X):
            raise RuntimeError("broken")

    X, y = data()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    with pytest.raises(RuntimeError, match="broken"):
        explain(Broken().fit(X, y), X)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("n", "progress", "shown"),
    [(500, None, False), (501, None, True), (20, True, True), (501, False, False)],
)
def test_progress_bar(n, progress, shown, capsys):
    X, y = data(501)
    model = fresh(TREES["tree"]).fit(X, y)
    explain(model, X[:n], progress=progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert (f"{n}/{n}" in err) is shown


# -- errors -------------------------------------------------------------------


def test_models_that_cannot_be_explained(table):
    X, y = data()
    unfitted = [*TREES.values(), make_risk_pipeline(), LogisticRegression()]
    for model in unfitted:
        with pytest.raises(NotFittedError, match="not fitted"):
            explain(model, X)
    three = DecisionTreeClassifier().fit(X, np.arange(len(X)) % 3)
    with pytest.raises(ValueError, match=r"binary classifier; .* has 3 classes"):
        explain(three, X)
    two_outputs = DecisionTreeClassifier().fit(X, np.c_[y, 1 - y])
    with pytest.raises(ValueError, match="needs a binary classifier"):
        explain(two_outputs, X)
    for model in (LinearRegression(), LinearSVC()):
        with pytest.raises(ValueError, match="with probabilities"):
            explain(model.fit(X, y), X)


def test_bad_rows_and_shapes():
    X, y = data()
    model = fresh(TREES["tree"]).fit(X, y)
    for rows in ([len(X)], [-1], [0.5], [True], "all"):
        with pytest.raises(ValueError, match="rows are positions"):
            explain(model, X, rows=rows)
    with pytest.raises(ValueError, match="rows and columns; found 1 dimension"):
        explain(model, np.zeros(5))


def test_it_is_an_explanation():
    X, y = data()
    assert isinstance(explain(fresh(LIGHTGBM).fit(X, y), X), Explanation)


@pytest.mark.slow
def test_compiled_and_plain_shap_agree():
    code = (
        "import numpy as np, sys\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "from edml.explanation import explain\n"
        "X = np.random.default_rng(0).random((40, 3))\n"
        "model = LogisticRegression().fit(X, X[:, 0] > 0.5)\n"
        "print(explain(model, X, rows=[0, 1]).contributions.to_numpy().tolist())"
    )
    found = [
        subprocess.run(  # noqa: S603 - the code is in this file
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_DISABLE_JIT": plain},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for plain in ("0", "1")
    ]
    compiled, plain = (np.array(json.loads(text)) for text in found)
    np.testing.assert_allclose(compiled, plain, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["lightgbm", "forest"])
def test_the_failing_class_is_explained(name):
    X, y = make_classification(200, n_features=5, random_state=0)
    table = pd.DataFrame(X, columns=NAMES)
    coded = clone(TREES[name]).fit(table, y)
    words = clone(TREES[name]).fit(table, np.where(y == 1, "fail", "pass"))
    with pytest.raises(ValueError, match="which one means failing"):
        explain(words, table, rows=[0, 1])
    found = explain(words, table, rows=[0, 1], fail_label="fail")
    expected = words.predict_proba(table)[:2, 0]
    if found.scale == "log-odds":
        np.testing.assert_allclose(expit(found.raw_output), expected, atol=1e-9)
    else:
        np.testing.assert_allclose(found.raw_output, expected, atol=1e-9)
    total = found.base_values + found.contributions.sum(axis=1)
    np.testing.assert_allclose(total, found.raw_output, atol=1e-6)
    passing = explain(coded, table, rows=[0], fail_label=0)
    failing = explain(coded, table, rows=[0])
    np.testing.assert_array_equal(passing.contributions, -failing.contributions)
