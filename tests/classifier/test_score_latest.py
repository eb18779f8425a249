"""score_latest: one row for each history, with the bits of predict_proba."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from edml import (
    DataCleaner,
    FeatureEngineer,
    RiskClassifier,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import TableError
from edml.pipeline import Blend
from edml.schema import columns_of, latest_rows
from strategies import event_tables, n_examples

NAMES = {"user_uuid": "student", "particion": "day"}
SWAPPED = {"ass_name": "ass_name_sub", "ass_name_sub": "ass_name"}


def pipeline(learner="lightgbm", **given):
    pipe = make_risk_pipeline(learner, **{"every": 7} | given)
    if isinstance(learner, str):
        pipe.set_params(classify__n_estimators=5)
    return pipe


def without_cleaner():
    return pipeline().set_params(clean="passthrough")


def with_a_foreign_step():
    pipe = pipeline()
    pipe.steps.insert(1, ("same", FunctionTransformer()))
    return pipe


def with_other_columns_in_the_cleaner():
    return pipeline().set_params(clean__columns=SWAPPED)


def with_a_parameter_of_prediction():
    # it changes the predictions of LightGBM's wrapper, and not of its booster
    pipe = pipeline(every=1).set_params(classify__n_estimators=50)
    return pipe.set_params(
        classify__pred_early_stop=True,
        classify__pred_early_stop_freq=1,
        classify__pred_early_stop_margin=0.1,
    )


PIPELINES = {
    "lightgbm": pipeline,
    "a parameter of prediction": with_a_parameter_of_prediction,
    "xgboost": lambda: pipeline("xgboost"),
    "random forest": lambda: pipeline("random_forest"),
    "no probabilities": lambda: pipeline(LinearSVC()),
    "another classifier": lambda: pipeline(GaussianNB()),
    "missing values": lambda: pipeline(fill_value=None),
    "other names": lambda: pipeline(columns=NAMES),
    "a blend": lambda: pipeline(Blend([("one", GaussianNB())])),
    "no cleaner": without_cleaner,
    "a foreign step": with_a_foreign_step,
    "other columns in the cleaner": with_other_columns_in_the_cleaner,
}


def fit(name):
    X = make_student_activity(60, fail_rate=0.3, random_state=1)
    pipe = PIPELINES[name]()
    table = X.rename(columns=NAMES) if name == "other names" else X
    return RiskClassifier(pipe, cv=2).fit(table, make_target(X))


@pytest.fixture(scope="module", params=PIPELINES)
def model(request):
    return fit(request.param)


def assert_same(model, X):
    names = columns_of(model)
    rows, probabilities = model.score_latest(X)
    assert rows.tolist() == latest_rows(X, names).tolist()
    expected = model.predict_proba(X)[rows, 1]
    trees = hasattr(model.pipeline_.steps[-1][1], "n_estimators")
    # a sum or matrix product rounds differently for another number of rows
    np.testing.assert_allclose(probabilities, expected, rtol=0 if trees else 1e-12)


def test_any_model_scores_as_predict_proba_does(model):
    X = make_student_activity(30, n_courses=3, fail_rate=0.3, random_state=7)
    X = X.rename(columns={k: v for k, v in columns_of(model).items() if k in NAMES})
    X = X.sample(frac=1, random_state=0)
    assert_same(model, X)
    assert_same(model.deployable(), X)


@pytest.mark.slow
@settings(max_examples=n_examples(25))
@given(X=event_tables())
def test_awkward_tables_too(model, X):
    X = X.rename(columns={k: v for k, v in columns_of(model).items() if k in NAMES})
    try:
        model.predict_proba(X)
    except (TableError, ValueError):  # some learners refuse missing values
        return
    assert_same(model.deployable(), X)


def test_a_parameter_of_prediction_counts():
    X = make_student_activity(30, random_state=7)
    model = fit("a parameter of prediction")
    booster = model.pipeline_.steps[-1][1].booster_
    rows, _ = model.score_latest(X)
    features = model.features(X).to_numpy()[rows]
    scores = model.pipeline_.predict_proba(X)[rows, 1]
    assert not np.array_equal(booster.predict(features), scores)


@settings(max_examples=n_examples(60))
@given(X=event_tables())
def test_the_engineer_reads_a_raw_table_as_a_cleaned_one(X):
    cleaned = DataCleaner().fit(X).transform(X)
    engineer = FeatureEngineer(fill_value=None).fit(X)
    whole = engineer.transform(cleaned).iloc[:, 2:].to_numpy()
    for table in (X, cleaned):
        rows, features = engineer.transform_latest(table)
        np.testing.assert_array_equal(features, whole[rows])


def test_no_rows_and_no_event_table():
    model = fit("lightgbm")
    X = make_student_activity(5, random_state=0)
    rows, probabilities = model.score_latest(X.head(0))
    assert len(rows) == len(probabilities) == 0
    with pytest.raises(TableError, match="lacks \\['particion'\\]"):
        model.score_latest(X.drop(columns="particion"))
    plain = RiskClassifier(GaussianNB(), cv=2).fit(
        pd.DataFrame({"a": [0.0, 1.0] * 10}), [0, 1] * 10
    )
    with pytest.raises(TableError, match="lacks"):
        plain.score_latest(pd.DataFrame({"a": [0.0, 1.0]}))
