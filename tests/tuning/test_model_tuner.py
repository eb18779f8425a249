"""ModelTuner as an estimator: scikit-learn's contract, and its place in edml."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.estimator_checks import check_estimator

from edml import (
    ModelRegistry,
    RiskClassifier,
    StudentKFold,
    evaluate,
    explain,
    student_train_test_split,
)
from edml.tuning import ModelTuner
from edml.tuning._progress import SearchProgress
from edml.tuning._search import StoppingRules

LOGIT = ("logit", LogisticRegression(), {"C": (0.01, 10.0, "log-uniform")})


@pytest.fixture(scope="module")
def sides(events):
    return student_train_test_split(*events, test_size=0.3, random_state=0)


@pytest.fixture(scope="module")
def tuner(sides):
    X, _, y, _ = sides
    search = ModelTuner(
        ["lightgbm", "xgboost"], n_iter=5, n_candidates=3, cv=2, random_state=0
    )
    return search.fit(X, y)


@pytest.mark.parametrize("event", [True, False])
@pytest.mark.parametrize("words", [("pass", "fail"), ("aprobado", "desaprobado")])
def test_text_labels(sides, event, words):
    X, _, y, _ = sides
    given = {"scoring": "f1", "n_iter": 2, "n_candidates": 1, "cv": 2, "threshold": 0.5}
    if not event:
        X, y = make_classification(300, weights=[0.7], random_state=0)
    algorithms = ["lightgbm"] if event else [LOGIT]
    plain = ModelTuner(algorithms, random_state=0, **given).fit(X, y)
    labels = np.where(y == 1, words[1], words[0])
    with pytest.raises(ValueError, match="nothing says which one means failing"):
        ModelTuner(algorithms, random_state=0, **given).fit(X, labels)
    given["fail_label"] = words[1]
    tuner = ModelTuner(algorithms, random_state=0, **given).fit(X, labels)
    assert tuner.best_score_ == plain.best_score_
    assert tuner.fail_label_ == words[1]
    assert tuner.score(X, labels) == plain.score(X, y)
    risk = tuner.fail_probability(X)
    np.testing.assert_array_equal(risk, plain.fail_probability(X))


# -- scikit-learn's contract ----------------------------------------------------


EXPECTED = {
    "check_classifiers_classes": "text labels need fail_label=",
    "check_dtype_object": "what a fit raises is quoted in a ValueError",
    "check_estimator_sparse_tag": "a user's own algorithm may take sparse rows",
}


@pytest.mark.slow
def test_sklearn_contract_on_plain_tables():
    found = check_estimator(
        ModelTuner([LOGIT], "accuracy", cv=3, n_iter=2, threshold=0.5, random_state=0),
        on_skip=None,
        on_fail=None,
        expected_failed_checks=EXPECTED,
    )
    failed = {
        check["check_name"]: str(check["exception"])[:200]
        for check in found
        if check["status"] == "failed"
    }
    assert failed == {}


def test_parameters():
    tuner = ModelTuner(["lightgbm"], "roc_auc", 3, 9, 60.0, min_score=0.2)
    params = tuner.get_params()
    assert params["timeout"] == 60.0
    assert params["n_iter"] == 9
    twin = clone(tuner)
    assert twin is not tuner
    assert twin.get_params() == params
    assert tuner.set_params(n_iter=3) is tuner
    assert tuner.n_iter == 3
    with pytest.raises(ValueError, match="Invalid parameter"):
        tuner.set_params(n_iters=3)


def test_the_constructor_checks_nothing():
    ModelTuner(algorithms=3, scoring=4, n_iter="x", balance=7)


def test_clone_of_a_fitted_one_is_not_fitted(tuner):
    twin = clone(tuner)
    assert not hasattr(twin, "best_index_")
    assert repr(twin) == repr(tuner)


@pytest.mark.parametrize(
    "search",
    [
        ModelTuner(),
        ModelTuner([LOGIT], n_iter=3),
        ModelTuner(columns={"user_uuid": "u"}),
    ],
    ids=["default", "user's", "columns"],
)
def test_representations(search):
    assert repr(search).startswith("ModelTuner(")
    assert "ModelTuner" in search._repr_html_()


def test_representation_of_a_fitted_one(tuner):
    assert "ModelTuner" in tuner._repr_html_()
    assert is_classifier(tuner)


def test_pickling(tuner, sides):
    twin = pickle.loads(pickle.dumps(tuner))  # noqa: S301 - made here
    np.testing.assert_array_equal(
        twin.predict_proba(sides[1]), tuner.predict_proba(sides[1])
    )
    pd.testing.assert_frame_equal(twin.history_, tuner.history_)
    assert len(twin.candidates_) == len(tuner.candidates_)


def test_tuner_predicts_like_its_best_estimator(tuner, sides):
    X = sides[1]
    best = tuner.best_estimator_
    assert isinstance(best, RiskClassifier)
    np.testing.assert_array_equal(tuner.predict_proba(X), best.predict_proba(X))
    np.testing.assert_array_equal(tuner.predict(X), best.predict(X))
    pd.testing.assert_frame_equal(
        tuner.score_students(X, n_reasons=0), best.score_students(X, n_reasons=0)
    )


def test_columns_of_fit(tuner, sides, plain):
    assert tuner.feature_names_in_.tolist() == list(sides[0].columns)
    assert tuner.n_features_in_ == sides[0].shape[1]
    rows = ModelTuner([LOGIT], n_iter=1, cv=2).fit(*plain)
    assert rows.n_features_in_ == 6
    assert not hasattr(rows, "feature_names_in_")


def test_refit_removes_earlier_feature_names(frame, plain):
    search = ModelTuner([LOGIT], n_iter=1, cv=2).fit(*frame)
    assert search.feature_names_in_.tolist() == list("abcdef")
    assert not hasattr(search.fit(*plain), "feature_names_in_")


# -- results --------------------------------------------------------------------


def test_cv_results_match_a_grid_search(plain):
    X, y = plain
    tuner = ModelTuner([LOGIT], "roc_auc", n_iter=4, cv=3, random_state=0).fit(X, y)
    grid = GridSearchCV(
        LogisticRegression(), {"C": [0.1, 1.0]}, scoring="roc_auc", cv=tuner.split_plan_
    ).fit(X, y)
    lacking = set(grid.cv_results_) - set(tuner.cv_results_)
    assert lacking <= {"std_fit_time", "std_score_time"}
    results = tuner.cv_results_
    assert all(len(values) == 4 for values in results.values())
    assert len(pd.DataFrame(results)) == 4
    for number, params in enumerate(results["params"]):
        model = LogisticRegression(C=params["C"])
        expected = cross_val_score(model, X, y, cv=tuner.split_plan_, scoring="roc_auc")
        found = [results[f"split{fold}_test_score"][number] for fold in range(3)]
        assert found == pytest.approx(expected)
        assert results["mean_test_score"][number] == pytest.approx(expected.mean())
        assert results["std_test_score"][number] == pytest.approx(expected.std())
        assert results["param_C"][number] == params["C"]
    assert results["params"][tuner.best_index_] == tuner.best_params_
    assert sorted(results["rank_test_score"]) == [1, 2, 3, 4]


def test_parameters_of_other_algorithms_are_masked(plain):
    tuner = ModelTuner(["lightgbm", LOGIT], n_iter=4, cv=2, random_state=0).fit(*plain)
    results = tuner.cv_results_
    of_logit = tuner.history_["algorithm"].to_numpy() == "logit"
    np.testing.assert_array_equal(results["param_C"].mask, ~of_logit)
    np.testing.assert_array_equal(results["param_classify__num_leaves"].mask, of_logit)
    assert set(results["param_algorithm"]) == {"lightgbm", "logit"}


def test_history(tuner):
    history = tuner.history_
    assert list(history) == [
        "algorithm",
        "status",
        "score",
        "best_score",
        "started",
        "wall_time",
        "fit_time",
        "score_time",
        "params",
        "error",
    ]
    assert len(history) == 5
    scores = history["score"].to_numpy()
    np.testing.assert_array_equal(history["best_score"], np.fmax.accumulate(scores))
    assert history["started"].is_monotonic_increasing
    assert (history[["wall_time", "fit_time", "score_time"]] >= 0).all(axis=None)
    assert (history["status"] == "evaluated").all()
    assert history["score"].notna().all()
    assert history["params"][tuner.best_index_] == tuner.best_params_
    assert history["algorithm"].tolist() == [p["algorithm"] for p in history["params"]]


# -- its place in edml ----------------------------------------------------------


def test_cross_validation_of_the_search(events):
    search = ModelTuner(["lightgbm"], n_iter=2, n_candidates=1, cv=2, random_state=0)
    scores = cross_val_score(search, *events, cv=StudentKFold(2, random_state=1))
    assert scores.shape == (2,)
    X, y = events
    for score, (train, test) in zip(
        scores, StudentKFold(2, random_state=1).split(X, y), strict=True
    ):
        single = clone(search).fit(X.iloc[train], y.iloc[train])
        assert score == single.score(X.iloc[test], y.iloc[test])


def test_evaluate_matches_the_best_estimator(tuner, sides):
    _, X, _, y = sides
    settings = {"n_resamples": 20, "random_state": 0}
    found = evaluate(tuner, X, y, **settings).to_dict()
    expected = evaluate(tuner.best_estimator_, X, y, **settings).to_dict()
    assert str(found) == str(expected)


def test_explain_accepts_a_tuner(tuner, sides):
    X = sides[1]
    found, expected = explain(tuner, X), explain(tuner.best_estimator_, X)
    assert type(found) is type(expected)


def test_registering_a_candidate(tuner, sides, tmp_path):
    registry = ModelRegistry(tmp_path)
    record = registry.register(tuner.best_estimator_)
    assert record.split_plan_hash == tuner.split_plan_.hash
    np.testing.assert_array_equal(
        registry.load(record.version).predict_proba(sides[1]),
        tuner.predict_proba(sides[1]),
    )


def test_all_candidates_share_the_plan_and_can_be_deployed(tuner, sides):
    for model in tuner.candidates_:
        assert model.split_plan_ is tuner.split_plan_
        deployed = model.deployable()
        np.testing.assert_array_equal(
            deployed.predict_proba(sides[1]), model.predict_proba(sides[1])
        )


# -- what is shown --------------------------------------------------------------


def test_silent_by_default(plain, capfd):
    ModelTuner(["lightgbm", LOGIT], n_iter=3, cv=2, random_state=0).fit(*plain)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, 2, True])
def test_the_bar_is_on_stderr(plain, capfd, verbose):
    ModelTuner(
        [("[x]", LogisticRegression(), {"C": (0.1, 1.0)})],
        n_iter=3,
        cv=2,
        random_state=0,
        verbose=verbose,
    ).fit(*plain)
    out, err = capfd.readouterr()
    assert out == ""
    assert "[x]" in err
    assert "best search score" in err


def test_a_line_for_each_candidate(plain, capfd):
    ModelTuner([LOGIT], n_iter=3, cv=2, random_state=0, verbose=2).fit(*plain)
    lines = [
        line for line in capfd.readouterr().err.splitlines() if " s  logit" in line
    ]
    assert len(lines) == 3


def test_failed_search_removes_the_progress_bar(plain, capfd):
    def scorer(estimator, X, y):
        return np.nan

    with pytest.raises(ValueError, match="NaN"):
        ModelTuner([LOGIT], scorer, n_iter=2, cv=2, verbose=1).fit(*plain)
    ModelTuner([LOGIT], n_iter=2, cv=2, verbose=1).fit(*plain)


def test_share_of_what_is_done(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("edml.tuning._search.monotonic", lambda: now[0])
    endless = SearchProgress(0, StoppingRules(None, None, None, None, 1, start=0.0))
    assert endless._share() == 0
    both = SearchProgress(0, StoppingRules(4, 10.0, None, None, 1, start=0.0))
    now[0] = 5.0
    assert both._share() == 0.5
    both._n_done = 3
    assert both._share() == 0.75
    now[0] = 50.0
    assert both._share() == 1
