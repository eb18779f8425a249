"""Each candidate is, to the bit, what RiskClassifier fits by itself."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import Pipeline as SamplingPipeline
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from edml import (
    FeatureEngineer,
    PeriodSplit,
    SplitPlan,
    StudentKFold,
    make_risk_pipeline,
)
from edml.classifier import Capacity
from edml.pipeline import CLASSIFIERS
from edml.tuning import ModelTuner
from edml.tuning._spaces import BALANCE
from tuned import FOREST_SLOW, assert_as_fitted_separately

LOGIT = ("logit", LogisticRegression(), {"C": (0.01, 10.0, "log-uniform")})
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def tune(X, y, algorithm, balance=None, groups=None, **given):
    settings = {"n_iter": 1, "n_candidates": 1, "cv": 2, "random_state": 0} | given
    tuner = ModelTuner([algorithm], balance=[balance], **settings)
    return tuner.fit(X, y, groups=groups)


# -- edml's own algorithms, with each balancer ----------------------------------


@pytest.mark.parametrize(
    ("algorithm", "balance"),
    [
        *product(["lightgbm"], BALANCE),
        ("xgboost", "weight"),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in product(["xgboost", "random_forest"], BALANCE)
            if pair != ("xgboost", "weight")
        ),
    ],
)
def test_own_algorithms_on_events(events, algorithm, balance):
    tuner = tune(*events, algorithm, balance)
    expected = None if balance == "weight" else balance
    assert tuner.best_params_["balance"] == expected
    assert_as_fitted_separately(tuner, *events)


@pytest.mark.slow
@pytest.mark.parametrize("balance", BALANCE)
@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_own_algorithms_on_rows(plain, algorithm, balance):
    assert_as_fitted_separately(tune(*plain, algorithm, balance), *plain)


@pytest.mark.slow
@pytest.mark.parametrize("balance", BALANCE)
@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_own_algorithms_on_rows_with_nan(holed, algorithm, balance):
    assert_as_fitted_separately(tune(*holed, algorithm, balance), *holed)


@pytest.mark.parametrize(
    ("kind", "balance"),
    [
        *product(["array", "column of nothing", "nullable"], ["smote"]),
        ("array", "over"),
    ],
)
def test_nan_of_other_kinds(holed, kind, balance):
    X, y = holed
    if kind == "array":
        X = X.to_numpy()
    elif kind == "column of nothing":
        X = X.assign(c=np.nan)
    else:
        X = X.convert_dtypes()
    assert_as_fitted_separately(tune(X, y, "lightgbm", balance), X, y)


@pytest.mark.parametrize(
    ("kind", "balance"),
    [
        ("int", "smote"),
        ("bool", "over"),
        ("int array", None),
        ("float32", "smote"),
        ("list", "under"),
    ],
)
def test_other_kinds_of_numbers(frame, kind, balance):
    X, y = frame
    whole = (X * 3).round().astype(int)
    X = {
        "int": whole,
        "bool": X.assign(a=whole["a"] > 0, b=whole["b"]),
        "int array": whole.to_numpy(),
        "float32": X.to_numpy(dtype=np.float32),
        "list": X.to_numpy().tolist(),
    }[kind]
    assert_as_fitted_separately(tune(X, y, "lightgbm", balance), X, y)


NAMES = {
    "numbers": range(6),
    "signs": ["a[0]", "b<1", "c, d", 'e"', "f:g", "{h}"],
    "texts": ["á b", "", "c", "d", "e", "f"],
    "alike": ["Quiz 1", "Quiz_1", "Final\ngrade", "d", "e", "f"],
}


@pytest.mark.parametrize("algorithm", FOREST_SLOW)
@pytest.mark.parametrize("kind", NAMES)
def test_names_of_columns(frame, algorithm, kind):
    # LightGBM and XGBoost reject or merge some of them
    X, y = frame
    X = X.set_axis(list(NAMES[kind]), axis=1)
    tuner = tune(X, y, algorithm)
    assert len(tuner.candidates_) == 1
    assert_as_fitted_separately(tuner, X, y)
    if kind != "numbers":
        assert tuner.feature_names_in_.tolist() == NAMES[kind]


def test_repeated_column_names_raise(frame):
    X, y = frame
    with pytest.raises(ValueError, match="unique"):
        tune(X.set_axis(list("abcdea"), axis=1), y, "lightgbm")


@pytest.mark.parametrize("algorithm", FOREST_SLOW)
@pytest.mark.parametrize("dtype", ["double[pyarrow]", "Float64", "float32"])
def test_dtypes_of_columns(holed, algorithm, dtype):
    X, y = holed
    X = X.astype(dtype)
    before = X.dtypes
    assert_as_fitted_separately(tune(X, y, algorithm, "smote"), X, y)
    assert X.dtypes.equals(before)


@pytest.mark.slow
def test_all_of_several_candidates(plain):
    tuner = ModelTuner(
        ["lightgbm", "xgboost", LOGIT],
        n_iter=9,
        n_candidates=9,
        cv=3,
        random_state=3,
    ).fit(*plain)
    assert len(tuner.candidates_) == (tuner.history_["status"] == "evaluated").sum()
    assert_as_fitted_separately(tuner, *plain)


@pytest.mark.slow
def test_all_of_several_candidates_on_events(events):
    tuner = ModelTuner(
        ["lightgbm", "xgboost"], n_iter=6, n_candidates=6, cv=2, random_state=3
    ).fit(*events)
    assert_as_fitted_separately(tuner, *events)


def test_candidates_are_best_first(plain):
    tuner = ModelTuner(
        ["lightgbm", LOGIT], "roc_auc", n_iter=10, n_candidates=5, cv=3, random_state=1
    ).fit(*plain)
    chosen = tuner.history_.loc[tuner.candidate_indices_]
    assert len(chosen) == 5
    assert chosen["score"].is_monotonic_decreasing
    assert chosen["score"].iloc[0] == tuner.history_["score"].max()
    assert tuner.best_estimator_ is tuner.candidates_[0]
    assert tuner.best_score_ == chosen["score"].iloc[0]
    assert tuner.best_index_ == tuner.candidate_indices_[0]


class Flagless(LinearSVC):
    """Decide without probabilities."""


USERS = {
    "classifier": LogisticRegression(),
    "pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    "decisions": Flagless(random_state=0),
    "random": DecisionTreeClassifier(max_features=0.3),  # draws its own seed
}


@pytest.mark.parametrize("name", USERS)
def test_users_on_rows(plain, name):
    space = {"max_depth": (1, 5)} if name == "random" else {}
    tuner = tune(*plain, (name, USERS[name], space), n_iter=2, n_candidates=2)
    assert_as_fitted_separately(tuner, *plain)


def test_users_on_texts(frame):
    X, y = frame
    X = X.assign(a=np.where(X["a"] > 0, "up", "down"))
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["a"]), remainder="passthrough"),
        LogisticRegression(),
    )
    tuner = tune(X, y, ("logit", pipeline, {"logisticregression__C": (0.1, 1.0)}))
    assert_as_fitted_separately(tuner, X, y)


@pytest.mark.parametrize("fill_value", [0.0, -1.0])
def test_users_on_events(events, fill_value):
    # -1 describes histories otherwise than edml's own algorithms do
    pipeline = make_risk_pipeline(TREE, fill_value=fill_value)
    space = {"classify__max_depth": (1, 6), "snapshots__every": [2, 3, 5]}
    tuner = tune(*events, ("tree", pipeline, space), n_iter=2, n_candidates=2)
    assert_as_fitted_separately(tuner, *events)


def test_users_search_over_how_histories_are_described(events):
    space = {"features__fill_value": [0.0, -1.0, 5.0]}
    tuner = tune(
        *events, ("tree", make_risk_pipeline(TREE), space), n_iter=12, n_candidates=3
    )
    assert len(tuner.candidates_) == 3
    assert_as_fitted_separately(tuner, *events)


def test_users_steps_that_are_not_marked_see_whole_histories(events):
    class Unmarked(FeatureEngineer):
        """Not known to treat histories one by one."""

    pipeline = make_risk_pipeline(TREE)
    steps = [("features", Unmarked()), *pipeline.steps[2:]]
    tuner = tune(*events, ("tree", SamplingPipeline(steps), {}))
    assert_as_fitted_separately(tuner, *events)


def test_own_and_users_together_on_events(events):
    tree = ("tree", make_risk_pipeline(TREE), {"classify__max_depth": (1, 6)})
    tuner = ModelTuner(
        ["lightgbm", tree], n_iter=4, n_candidates=4, cv=3, random_state=0
    ).fit(*events)
    assert set(tuner.history_["algorithm"]) == {"lightgbm", "tree"}
    assert_as_fitted_separately(tuner, *events)


# -- settings of the candidates -------------------------------------------------


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", None])
@pytest.mark.parametrize(
    "threshold", [0.3, "recall>=0.8", "balanced_accuracy"], ids=str
)
def test_calibration_and_threshold(plain, calibration, threshold):
    tuner = tune(*plain, LOGIT, calibration=calibration, threshold=threshold)
    model = tuner.best_estimator_
    assert (model.calibration, model.threshold) == (calibration, threshold)
    assert_as_fitted_separately(tuner, *plain)


@pytest.mark.parametrize("scoring", ["average_precision", "f1"])
def test_capacity(events, scoring):
    tuner = tune(*events, "lightgbm", threshold=Capacity(per_course=2), scoring=scoring)
    assert_as_fitted_separately(tuner, *events)


# -- other folds ----------------------------------------------------------------


def test_one_split_by_period(events):
    X, y = events
    cv = PeriodSplit()
    tuner = tune(X, y, "lightgbm", cv=cv, n_iter=3, n_candidates=3)
    assert tuner.n_splits_ == 1
    assert_as_fitted_separately(tuner, X, y)


def test_given_plan_is_kept(events):
    X, y = events
    plan = SplitPlan.from_cv(StudentKFold(2, random_state=5), X, y)
    tuner = tune(X, y, "lightgbm", cv=plan)
    assert tuner.split_plan_ == plan
    assert tuner.best_estimator_.deployable().split_plan_hash == plan.hash


@pytest.mark.parametrize("algorithm", [*FOREST_SLOW, LOGIT], ids=str)
def test_order_of_a_plans_rows_is_kept(plain, algorithm):
    X, y = plain
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    splits = [(order[:120], order[120:]), (order[120:], order[:120])]
    assert_as_fitted_separately(tune(X, y, algorithm, "over", cv=splits), X, y)


def test_groups_stay_together(plain):
    X, y = plain
    groups = np.arange(len(X)) // 4
    tuner = tune(X, y, "lightgbm", groups=groups)
    for train, test in tuner.split_plan_.splits:
        assert not set(groups[train]) & set(groups[test])
    assert_as_fitted_separately(tuner, X, y, groups)


def test_folds_of_students_by_default(events):
    X, y = events
    tuner = tune(X, y, "lightgbm")
    student = X["user_uuid"].to_numpy()
    for train, test in tuner.split_plan_.splits:
        assert not set(student[train]) & set(student[test])
    found = tuner.best_estimator_.out_of_fold_
    assert not found.duplicated(["user_uuid", "course_uuid", "particion"]).any()


def test_renamed_columns(events):
    X, y = events
    columns = {"user_uuid": "alumno", "particion": "dia"}
    renamed = tune(X.rename(columns=columns), y, "lightgbm", columns=columns)
    usual = tune(X, y, "lightgbm")
    pd.testing.assert_series_equal(
        renamed.history_["score"], usual.history_["score"], check_exact=True
    )
    np.testing.assert_array_equal(
        renamed.predict_proba(X.rename(columns=columns)), usual.predict_proba(X)
    )
    assert_as_fitted_separately(renamed, X.rename(columns=columns), y)
    assert renamed.score(X.rename(columns=columns), y) == usual.score(X, y)


def test_text_labels(plain):
    X, y = plain
    named = np.where(y == 1, "z", "a")
    tuner = tune(X, named, "lightgbm", fail_label="z")
    usual = tune(X, y, "lightgbm")
    assert tuner.classes_.tolist() == ["a", "z"]
    np.testing.assert_array_equal(tuner.predict_proba(X), usual.predict_proba(X))
    assert set(tuner.predict(X)) <= {"a", "z"}
    assert_as_fitted_separately(tuner, X, named)
