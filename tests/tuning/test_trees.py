"""How many trees: the model's by all folds, those of a fold's score by the others."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score, log_loss

from edml.pipeline import CLASSIFIERS
from edml.tuning import ModelTuner
from edml.tuning._spaces import CHECKPOINTS, PATIENCE

TREES = (1, 3, 10, 30)
METRICS = {
    "average_precision": average_precision_score,
    "neg_log_loss": lambda y, p: -log_loss(y, p),
}


@pytest.fixture(autouse=True)
def _no_early_stop(_few_trees, monkeypatch):
    for name in CLASSIFIERS:
        monkeypatch.setitem(CHECKPOINTS, name, TREES)
        monkeypatch.setitem(PATIENCE, name, 9)


@pytest.mark.parametrize("scoring", METRICS)
@pytest.mark.parametrize("algorithm", CLASSIFIERS)
@pytest.mark.parametrize("cv", [2, 4])
def test_trees_are_those_of_a_search_by_hand(plain, algorithm, scoring, cv):
    X, y = plain
    tuner = ModelTuner(
        [algorithm],
        scoring,
        n_iter=3,
        n_candidates=3,
        cv=cv,
        balance=[None],
        random_state=0,
    ).fit(X, y)
    for index, model in zip(tuner.candidate_indices_, tuner.candidates_, strict=True):
        scores = np.array(
            [
                [score_of(model, n, fold, X, y, METRICS[scoring]) for n in TREES]
                for fold in tuner.split_plan_.splits
            ]
        )
        best = int(scores.mean(axis=0).argmax())
        assert model.pipeline_[-1].n_estimators == TREES[best]
        expected = []
        for fold in range(cv):
            others = np.delete(scores, fold, axis=0).mean(axis=0)
            expected.append(scores[fold, int(others.argmax())])
        found = [tuner.cv_results_[f"split{k}_test_score"][index] for k in range(cv)]
        assert found == pytest.approx(expected, rel=1e-12)
        assert tuner.history_["score"][index] == pytest.approx(np.mean(expected))


def score_of(model, n_trees, fold, X, y, metric):
    train, test = fold
    pipeline = clone(model.pipeline_).set_params(classify__n_estimators=n_trees)
    fitted = pipeline.fit(X[train], y[train])
    probability = fitted.predict_proba(X[test])[:, 1].astype(np.float64)
    return metric(y[test], probability)


def test_one_fold_judges_itself(plain):
    X, y = plain
    fold = [(np.arange(0, 240, 2), np.arange(1, 240, 2))]
    tuner = ModelTuner(["lightgbm"], n_iter=2, cv=fold, random_state=0).fit(X, y)
    index = tuner.best_index_
    found = tuner.best_estimator_.out_of_fold_
    assert tuner.cv_results_["split0_test_score"][index] == pytest.approx(
        average_precision_score(found["y_true"], found["y_score"])
    )
