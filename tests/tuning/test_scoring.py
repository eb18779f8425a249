"""Any scorer: the splits' scores are scikit-learn's, of out-of-fold probabilities."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    fbeta_score,
    log_loss,
    make_scorer,
    precision_score,
    recall_score,
    roc_auc_score,
)

from edml.classifier import Capacity
from edml.metrics import make_snapshot_scorer
from edml.tuning import ModelTuner
from edml.tuning._spaces import CHECKPOINTS

LOGIT = ("logit", LogisticRegression(), {"C": (0.001, 10.0, "log-uniform")})
PROBABILITIES = {
    "average_precision": average_precision_score,
    "roc_auc": roc_auc_score,
    "neg_brier_score": lambda y, p: -brier_score_loss(y, p),
    "neg_log_loss": lambda y, p: -log_loss(y, p),
}
FLAGS = {
    "f1": f1_score,
    "recall": recall_score,
    "accuracy": accuracy_score,
    "precision": precision_score,
    "balanced_accuracy": balanced_accuracy_score,
}


@pytest.fixture(autouse=True)
def _one_number_of_trees(_few_trees, monkeypatch):
    """Leave no choice, so that the scores are those of the out-of-fold rows."""
    monkeypatch.setitem(CHECKPOINTS, "lightgbm", (30,))


def tune(table, scoring, *algorithms, **given):
    settings = {"n_iter": 4, "n_candidates": 4, "cv": 3, "random_state": 0} | given
    algorithms = list(algorithms) or ["lightgbm", LOGIT]
    return ModelTuner(algorithms, scoring, **settings).fit(*table)


def split_scores(tuner, index):
    folds = range(tuner.n_splits_)
    return [tuner.cv_results_[f"split{fold}_test_score"][index] for fold in folds]


def assert_scores(tuner, score):
    assert tuner.candidates_
    for index, model in zip(tuner.candidate_indices_, tuner.candidates_, strict=True):
        found = model.out_of_fold_
        expected = [
            score(found[found["fold"] == fold], model)
            for fold in range(tuner.n_splits_)
        ]
        assert split_scores(tuner, index) == pytest.approx(expected, rel=1e-12)
        mean = tuner.cv_results_["mean_test_score"][index]
        assert mean == pytest.approx(np.mean(expected))
        assert tuner.history_["score"][index] == mean


def by_probability(metric):
    return lambda found, _: metric(found["y_true"], found["y_score"])


def by_flags(metric):
    return lambda found, model: metric(
        found["y_true"], found["y_prob"] >= model.threshold_
    )


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities(plain, name):
    assert_scores(tune(plain, name), by_probability(PROBABILITIES[name]))


@pytest.mark.parametrize("name", PROBABILITIES)
def test_probabilities_of_events(events, name):
    assert_scores(
        tune(events, name, "lightgbm", n_iter=2), by_probability(PROBABILITIES[name])
    )


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", None])
@pytest.mark.parametrize("name", FLAGS)
def test_flags_at_the_candidates_own_threshold(plain, name, calibration):
    tuner = tune(plain, name, LOGIT, calibration=calibration)
    assert_scores(tuner, by_flags(FLAGS[name]))


@pytest.mark.parametrize("threshold", [0.2, 0.5, "recall>=0.9", "balanced_accuracy"])
@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", None])
def test_flags_at_thresholds_of_every_kind(plain, threshold, calibration):
    tuner = tune(plain, "f1", LOGIT, threshold=threshold, calibration=calibration)
    assert_scores(tuner, by_flags(f1_score))


@pytest.mark.parametrize("name", ["f1", "recall", "accuracy"])
def test_flags_of_events(events, name):
    tuner = tune(events, name, "lightgbm", n_iter=2, threshold=Capacity(per_course=3))
    assert_scores(tuner, by_flags(FLAGS[name]))


def test_a_scorer_object_of_flags(plain):
    scorer = make_scorer(fbeta_score, beta=2)
    tuner = tune(plain, scorer, LOGIT)
    assert_scores(tuner, by_flags(lambda y, flags: fbeta_score(y, flags, beta=2)))


def test_a_scorer_object_of_probabilities(plain):
    def capped(y, probability):
        return roc_auc_score(y, np.minimum(probability, 0.4))

    tuner = tune(plain, make_scorer(capped, response_method="predict_proba"))
    assert_scores(tuner, by_probability(capped))


def test_a_scorer_object_of_decisions_or_probabilities(plain):
    both = make_scorer(
        roc_auc_score, response_method=("decision_function", "predict_proba")
    )
    assert_scores(tune(plain, both), by_probability(roc_auc_score))


def test_a_loss(plain):
    scorer = make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba"
    )
    tuner = tune(plain, scorer)
    assert_scores(tuner, by_probability(lambda y, p: -log_loss(y, p)))
    assert tuner.best_score_ == tuner.history_["score"].max() < 0


@pytest.mark.parametrize("kind", ["frame", "plain"])
def test_a_callable_that_reads_the_rows(request, kind):
    X, y = request.getfixturevalue(kind)
    column = 0 if kind == "plain" else "a"
    seen = []

    def scorer(estimator, rows, outcome):
        values = rows[:, 0] if kind == "plain" else rows[column]
        seen.append(len(rows))
        probability = estimator.predict_proba(rows)[:, 1]
        return float(np.average(probability >= 0, weights=np.abs(values)))

    def weighted(estimator, rows, outcome):
        values = np.abs(rows[:, 0] if kind == "plain" else rows[column])
        error = (estimator.predict_proba(rows)[:, 1] - outcome) ** 2
        return -float(np.average(error, weights=values))

    assert tune((X, y), scorer, LOGIT).best_score_ == 1
    assert seen
    tuner = tune((X, y), weighted, LOGIT)

    def expected(found, _):
        rows = X[found["row"], 0] if kind == "plain" else X[column].iloc[found["row"]]
        error = (found["y_score"] - found["y_true"]) ** 2
        return -np.average(error, weights=np.abs(np.asarray(rows)))

    assert_scores(tuner, expected)


def test_a_callable_that_reads_events(events):
    def late(estimator, rows, outcome):
        probability = estimator.predict_proba(rows)[:, 1]
        chosen = rows["particion"].to_numpy() >= 5
        return float(average_precision_score(outcome[chosen], probability[chosen]))

    tuner = tune(events, late, "lightgbm", n_iter=2)

    def expected(found, _):
        found = found[found["particion"] >= 5]
        return average_precision_score(found["y_true"], found["y_score"])

    assert_scores(tuner, expected)


@pytest.mark.parametrize("name", ["average_precision", "f1"])
def test_a_scorer_of_snapshots(events, name):
    plain_scorer = tune(events, name, "lightgbm", n_iter=2)
    scorer = make_snapshot_scorer(name)
    tuner = tune(events, scorer, "lightgbm", n_iter=2)
    pd.testing.assert_series_equal(
        tuner.history_["score"], plain_scorer.history_["score"], check_exact=True
    )
    assert tuner.score(*events) == plain_scorer.score(*events)


@pytest.mark.parametrize("name", ["average_precision", "f1", "neg_log_loss"])
def test_score_is_of_the_best_candidate_and_counts_snapshots_once(events, name):
    X, y = events
    tuner = tune(events, name, "lightgbm", n_iter=1)
    expected = make_snapshot_scorer(name)(tuner.best_estimator_, X, y)
    assert tuner.score(X, y) == expected


def test_score_of_rows(plain):
    X, y = plain
    tuner = tune(plain, "roc_auc", LOGIT)
    expected = roc_auc_score(y, tuner.best_estimator_.predict_proba(X)[:, 1])
    assert tuner.score(X, y) == pytest.approx(expected)


def test_the_best_is_best_by_the_scoring(plain):
    for name in ("roc_auc", "neg_brier_score", "f1"):
        tuner = tune(plain, name, LOGIT, n_iter=6)  # which is never refined
        assert tuner.best_score_ == np.nanmax(tuner.cv_results_["mean_test_score"])
        assert tuner.cv_results_["rank_test_score"][tuner.best_index_] == 1
