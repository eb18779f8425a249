"""What a callback receives, and what it can end."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from edml.tuning import ModelTuner

LOGIT = ("logit", LogisticRegression(), {"C": (0.001, 10.0, "log-uniform")})


class Broken(LogisticRegression):
    """It fails where C is large."""

    def fit(self, X, y, sample_weight=None):
        if self.C > 1:
            message = "too large"
            raise ValueError(message)
        return super().fit(X, y, sample_weight)


def tuner(*algorithms, **given):
    settings = {"n_iter": 9, "cv": 3, "n_candidates": 1, "random_state": 0} | given
    return ModelTuner(list(algorithms), **settings)


def test_callback_receives_each_row_of_the_history(plain):
    rows = []
    broken = ("broken", Broken(), {"C": (0.001, 10.0, "log-uniform")})
    search = tuner(LOGIT, broken, "lightgbm", n_iter=12, n_candidates=3)
    with pytest.warns(UserWarning, match="failed"):
        search.fit(*plain, callback=rows.append)
    received = pd.DataFrame(rows)
    assert received["number"].tolist() == list(range(12))
    assert set(received["status"]) >= {"evaluated", "failed"}
    fold_scores = received.pop("fold_scores")
    pd.testing.assert_frame_equal(received.drop(columns="number"), search.history_)
    for scores, score in zip(fold_scores, search.history_["score"], strict=True):
        assert len(scores) == (0 if np.isnan(score) else 3)
        assert not scores or np.mean(scores) == score


def test_callback_cannot_change_the_history(plain):
    def spoil(row):
        row["params"].clear()
        row["fold_scores"].clear()
        row["score"] = 2.0

    one = tuner(LOGIT).fit(*plain)
    other = tuner(LOGIT).fit(*plain, callback=spoil)
    assert other.best_params_ == one.best_params_
    assert other.best_score_ == one.best_score_


@pytest.mark.parametrize("last", [0, 1, 5])
def test_callback_that_returns_true_ends_the_search(plain, last):
    search = tuner(LOGIT).fit(*plain, callback=lambda row: row["number"] == last)
    assert len(search.history_) == last + 1
    assert len(search.candidates_) == 1
    assert not search.interrupted_


def test_ctrl_c_in_a_callback_returns_the_best_so_far(plain):
    def interrupt(row):
        if row["number"] == 2:
            raise KeyboardInterrupt

    search = tuner(LOGIT).fit(*plain, callback=interrupt)
    assert search.interrupted_
    assert len(search.history_) == 3


def test_error_in_a_callback_ends_fit(plain):
    def fail(row):
        message = "no server"
        raise OSError(message)

    search = tuner(LOGIT)
    with pytest.raises(OSError, match="no server"):
        search.fit(*plain, callback=fail)
    assert not hasattr(search, "candidates_")
