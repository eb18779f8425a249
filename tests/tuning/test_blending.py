"""Blends of a search: the mean of its best, judged and fitted as they are."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression

from edml.pipeline import CLASSIFIERS, Blend
from edml.pipeline._blend import mean_probability
from edml.tuning import ModelTuner, ParameterImportanceDisplay
from tuned import assert_as_fitted_alone

LOGIT = ("logit", LogisticRegression(), {"C": (0.01, 10.0, "log-uniform")})


def tune(table, *algorithms, **given):
    settings = {"n_iter": 10, "cv": 3, "n_candidates": 3, "random_state": 0} | given
    return ModelTuner(list(algorithms), **settings).fit(*table)


def blends_of(tuner):
    return tuner.history_[tuner.history_["blends"] > 0]


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_the_best_is_the_blend_and_as_if_fitted_alone(plain, algorithm):
    tuner = tune(plain, algorithm)
    [index] = blends_of(tuner).index
    assert index == 9
    assert tuner.best_index_ == index
    assert tuner.best_score_ == tuner.history_["score"][index]
    blend = tuner.best_estimator_.pipeline_[-1]
    assert isinstance(blend, Blend)
    assert len(blend.classifiers_) == len(tuner.best_params_["members"]) == 5
    on_log_odds = algorithm != "random_forest"
    assert blend.scale == ("log-odds" if on_log_odds else "probability")
    assert_as_fitted_alone(tuner, *plain)


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_on_tables_with_holes(holed, algorithm):
    tuner = tune(holed, algorithm, balance=["smote", None])
    assert tuner.history_["blends"][tuner.best_index_] > 1
    assert_as_fitted_alone(tuner, *holed)


def test_on_events_members_train_on_the_same_days(events):
    tuner = tune(events, "lightgbm", "xgboost", n_iter=20, cv=2)
    blends = blends_of(tuner)
    assert len(blends) == 2
    for params in blends["params"]:
        days = {member["snapshots__every"] for member in params["members"]}
        assert days == {params["snapshots__every"]}
    assert_as_fitted_alone(tuner, *events)


def test_its_score_is_of_the_mean_of_its_members(plain):
    X, y = plain
    tuner = tune(plain, "lightgbm")
    history = tuner.history_
    found = tuner.best_estimator_.out_of_fold_
    members = [
        history.index[[params == member for params in history["params"]]][0]
        for member in tuner.best_params_["members"]
    ]
    several = ModelTuner(
        ["lightgbm"], n_iter=10, cv=3, n_candidates=20, random_state=0
    ).fit(X, y)
    by_index = dict(zip(several.candidate_indices_, several.candidates_, strict=True))
    each = [by_index[index].out_of_fold_["y_score"] for index in members]
    np.testing.assert_allclose(
        found["y_score"], mean_probability(each, "log-odds"), rtol=1e-12
    )


def test_its_members_are_the_best_of_its_algorithm(plain):
    tuner = tune(plain, "random_forest", n_iter=20, n_candidates=30, n_blended=3)
    single = [
        index
        for index in tuner.candidate_indices_
        if tuner.history_["blends"][index] == 0
    ]
    wanted = [tuner.history_["params"][index] for index in single[:3]]
    assert tuner.best_params_["members"] == wanted


@pytest.mark.parametrize(
    "given", [{"n_blended": 1}, {"n_iter": 9}, {"callback": lambda row: True}]
)
def test_none_are_made(plain, given):
    callback = given.pop("callback", None)
    settings = {"n_iter": 10, "cv": 2, "random_state": 0} | given
    tuner = ModelTuner(["lightgbm"], **settings).fit(*plain, callback=callback)
    assert len(blends_of(tuner)) == 0


def test_of_a_users_own_none_is_made(plain):
    tuner = tune(plain, LOGIT, "lightgbm", n_iter=20)
    assert len(tuner.history_) == 20
    assert set(blends_of(tuner)["algorithm"]) == {"lightgbm"}


def test_no_algorithm_is_chosen_by_its_blend(plain):
    tuner = tune(plain, *CLASSIFIERS, n_iter=36, n_candidates=40)
    history = tuner.history_.loc[tuner.candidate_indices_]
    single = history[history["blends"] == 0]
    assert len(blends_of(tuner)) == 3
    assert history["blends"].iloc[0] > 1
    assert history["algorithm"].iloc[0] == single["algorithm"].iloc[0]
    for index, row in history[history["blends"] > 0].iterrows():
        place = list(history.index).index(index)
        behind = history.iloc[place + 1]
        assert behind["params"] == row["params"]["members"][0]


def test_the_same_at_any_n_jobs(plain):
    found = [tune(plain, "lightgbm", n_jobs=n_jobs) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(*(tuner.predict_proba(plain[0]) for tuner in found))


def test_a_timeout_leaves_room_for_it(plain):
    tuner = tune(plain, *CLASSIFIERS, n_iter=None, timeout=6)
    assert len(blends_of(tuner)) >= 1
    assert tuner.history_["blends"][tuner.best_index_] > 1


def test_parameters_are_weighed_without_blends(plain):
    tuner = tune(plain, "lightgbm", n_iter=20)
    display = ParameterImportanceDisplay.from_tuner(
        tuner, random_state=0, ax=Figure().subplots()
    )
    assert display.n_candidates == tuner.history_["refines"].isna().sum() - 1


def test_a_callback_is_told_of_it(plain):
    rows = []
    tuner = ModelTuner(["lightgbm"], n_iter=10, cv=2, random_state=0)
    tuner.fit(*plain, callback=rows.append)
    assert [row["number"] for row in rows] == list(range(10))
    assert rows[-1]["blends"] == 5
    assert len(rows[-1]["fold_scores"]) == 2
