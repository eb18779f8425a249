"""Candidates that fail, and Ctrl-C: the search goes on, or returns what it has."""

import os
import signal
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from edml import RiskClassifier
from edml.classifier import Capacity
from edml.tuning import ModelTuner


class Brittle(ClassifierMixin, BaseEstimator):
    """A logistic regression that fails as its parameter says."""

    n_fits = 0

    def __init__(self, how="well", at=1, C=1.0):
        self.how = how
        self.at = at
        self.C = C

    def fit(self, X, y):
        Brittle.n_fits += 1
        number = Brittle.n_fits
        if self.how == "raise":
            message = "no such kernel"
            raise RuntimeError(message)
        if self.how == "interrupt" and number >= self.at:
            raise KeyboardInterrupt
        if self.how == "interrupt once" and number == self.at:
            raise KeyboardInterrupt
        self.classes_ = np.unique(y)
        self.inner_ = LogisticRegression(C=self.C).fit(X, y)
        return self

    def predict_proba(self, X):
        given = self.inner_.predict_proba(X)
        if self.how == "fail later":
            message = "cannot predict"
            raise ValueError(message)
        if self.how == "nan":
            given[0, 1] = np.nan
        if self.how == "out of range":
            given[0, 1] = 1.5
        return given

    def predict(self, X):
        return self.predict_proba(X)[:, 1] >= 0.5


@pytest.fixture(autouse=True)
def _anew():
    Brittle.n_fits = 0


BAD = ["raise", "fail later", "nan", "out of range"]


def search(*ways, **given):
    space = {"how": list(ways)}
    settings = {"n_iter": 12, "cv": 2, "random_state": 0} | given
    return ModelTuner([("brittle", Brittle(), space)], **settings)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_failures_do_not_end_the_search(plain, n_jobs):
    tuner = search(*BAD, "well", n_jobs=n_jobs)
    # processes could not import a class of this file
    with (
        parallel_config("threading"),
        pytest.warns(UserWarning, match=r"4 of 5 candidates failed.*history_"),
    ):
        tuner.fit(*plain)
    history = tuner.history_
    assert len(history) == 5
    how = [params["how"] for params in history["params"]]
    status = dict(zip(how, history["status"], strict=True))
    assert status == dict.fromkeys(BAD, "failed") | {"well": "evaluated"}
    errors = dict(zip(how, history["error"], strict=True))
    assert errors["raise"] == "RuntimeError: no such kernel"
    assert errors["fail later"] == "ValueError: cannot predict"
    assert errors["nan"]
    assert errors["out of range"]
    assert errors["well"] == ""
    failed = history["status"] == "failed"
    assert history["score"][failed].isna().all()
    assert tuner.best_params_ == {"algorithm": "brittle", "how": "well"}
    assert len(tuner.candidates_) == 1
    assert (tuner.cv_results_["rank_test_score"][failed.to_numpy()] > 1).all()
    single = RiskClassifier(Brittle(), cv=tuner.split_plan_).fit(*plain)
    np.testing.assert_array_equal(
        tuner.predict_proba(plain[0]), single.predict_proba(plain[0])
    )


def test_error_quotes_the_first_failure_if_all_fail(plain):
    with pytest.raises(ValueError, match="RuntimeError: no such kernel") as caught:
        ModelTuner([("one", Brittle("raise"), {"C": (0.1, 1.0)})], n_iter=5, cv=2).fit(
            *plain
        )
    assert "All 5 candidates" in str(caught.value)
    assert "'one'" in str(caught.value)


def test_failed_fit_leaves_the_tuner_unchanged(plain):
    tuner = search("well").fit(*plain)
    before = tuner.predict_proba(plain[0])
    tuner.set_params(algorithms=[("one", Brittle("raise"), {})])
    with pytest.raises(ValueError, match="no such kernel"):
        tuner.fit(*plain)
    np.testing.assert_array_equal(tuner.predict_proba(plain[0]), before)


def test_failure_of_one_algorithm_keeps_the_other(plain):
    tuner = ModelTuner(
        [
            ("bad", Brittle("raise"), {"C": (0.1, 1.0)}),
            ("good", LogisticRegression(), {"C": (0.1, 1.0)}),
        ],
        n_iter=20,
        cv=2,
        random_state=0,
    )
    with pytest.warns(UserWarning, match=r"of 20 candidates failed.*'bad'"):
        tuner.fit(*plain)
    assert tuner.history_["algorithm"].value_counts().to_dict() == {
        "bad": 10,
        "good": 10,
    }
    assert tuner.best_params_["algorithm"] == "good"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_score_that_is_not_a_number(plain, value):
    def scorer(estimator, X, y):
        probability = estimator.predict_proba(X)[:, 1]
        return value if probability.std() > 0.15 else probability.mean()

    space = {"C": [1e-6, 1e-4, 1.0, 10.0]}
    tuner = ModelTuner(
        [("logit", LogisticRegression(), space)], scorer, cv=2, random_state=0
    )
    with pytest.warns(UserWarning, match="scorer returned NaN or infinity"):
        tuner.fit(*plain)
    status = tuner.history_["status"].value_counts()
    assert status["failed"] + status["evaluated"] == 4
    assert tuner.best_params_["C"] < 1e-3


def test_scorer_that_sometimes_raises(plain):
    def scorer(estimator, X, y):
        spread = estimator.predict_proba(X)[:, 1].std()
        if len(y) > 10 and spread > 0.15:
            message = "too far apart"
            raise ArithmeticError(message)
        return spread

    space = {"C": [1e-6, 1e-4, 1.0]}
    tuner = ModelTuner(
        [("logit", LogisticRegression(), space)], scorer, cv=2, random_state=0
    )
    with pytest.warns(UserWarning, match="too far apart"):
        tuner.fit(*plain)
    assert (tuner.history_["status"] == "failed").sum() == 1


def test_scorer_that_needs_many_rows(plain):
    # whether a scorer asks for flags must not be tried on a few rows that it rejects
    def scorer(estimator, X, y):
        if len(y) < 20:
            message = "asked about too few"
            raise ValueError(message)
        return float(np.corrcoef(estimator.predict_proba(X)[:, 1], y)[0, 1])

    tuner = ModelTuner(
        [("logit", LogisticRegression(), {})], scorer, cv=2, random_state=0
    ).fit(*plain)
    assert tuner.best_score_ > 0


def test_own_algorithm_that_fails_is_recorded(plain, monkeypatch):
    def broken(*args, **kwargs):
        message = "no memory"
        raise MemoryError(message)

    monkeypatch.setattr("lightgbm.LGBMClassifier.fit", broken)
    with pytest.raises(ValueError, match=r"'lightgbm': MemoryError: no memory"):
        ModelTuner(["lightgbm"], n_iter=2, cv=2).fit(*plain)


def test_model_whose_refit_fails_is_skipped(plain):
    class Full(LogisticRegression):
        def fit(self, X, y):
            if self.C > 0.5 and len(X) == len(plain[0]):
                message = "too many rows"
                raise MemoryError(message)
            return super().fit(X, y)

    tuner = ModelTuner(
        [("full", Full(), {"C": [0.1, 1.0]})], n_iter=9, cv=2, random_state=0
    )
    with pytest.warns(UserWarning, match=r"1 of the best.*MemoryError: too many rows"):
        tuner.fit(*plain)
    assert [model.estimator.C for model in tuner.candidates_] == [0.1]
    errors = tuner.history_.set_index(tuner.history_["params"].map(lambda p: p["C"]))
    assert errors["error"].to_dict() == {0.1: "", 1.0: "MemoryError: too many rows"}
    assert tuner.best_params_["C"] == 0.1
    tuner.set_params(algorithms=[("full", Full(), {"C": [1.0, 2.0]})])
    with pytest.raises(ValueError, match=r"could not be fitted.*too many rows"):
        tuner.fit(*plain)
    assert tuner.candidates_ == []
    assert set(tuner.history_["error"]) == {"MemoryError: too many rows"}


def test_candidates_that_fail_in_a_row_do_not_end_the_search(plain):
    space = {"how": ["raise"] * 1 + ["fail later", "nan", "well"], "C": (0.1, 1.0)}
    tuner = ModelTuner([("brittle", Brittle(), space)], n_iter=20, cv=2, random_state=0)
    with pytest.warns(UserWarning, match="of 20 candidates failed"):
        tuner.fit(*plain)
    how = [params["how"] for params in tuner.history_["params"]]
    # the optimizer has learned to leave them
    assert how[10:].count("well") > how[:10].count("well")


def test_invalid_value_in_warm_start_raises(plain):
    tuner = ModelTuner(
        ["lightgbm"],
        n_iter=2,
        cv=2,
        n_candidates=1,
        random_state=0,
        warm_start={"algorithm": "lightgbm", "learning_rate": "fast"},
    )
    with pytest.raises(ValueError, match=r"learning_rate.*'fast' is not a number"):
        tuner.fit(*plain)


def test_unreachable_thresholds_warn_only_about_candidates(plain):
    X, y = plain
    y = np.random.default_rng(0).permutation(y)  # nothing to be learned
    tuner = ModelTuner(
        [("logit", LogisticRegression(), {"C": (0.1, 1.0)})],
        "recall",
        cv=2,
        n_iter=6,
        n_candidates=1,
        threshold="precision>=0.99",
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tuner.fit(X, y)
    assert len([w for w in caught if "precision" in str(w.message)]) <= 1


def test_error_of_capacity_on_rows_names_its_needs(plain):
    with pytest.raises(ValueError, match="event table"):
        ModelTuner(
            [("logit", LogisticRegression(), {})], threshold=Capacity(2), cv=2
        ).fit(*plain)


# -- Ctrl-C ---------------------------------------------------------------------


def interrupted(at, how="interrupt", **given):
    settings = {"n_iter": 9, "cv": 2, "random_state": 0} | given
    estimator = Brittle(how, at)
    return ModelTuner([("slow", estimator, {"C": (0.01, 1.0)})], **settings)


def fit_uninterrupted(tuner, table):
    try:
        tuner.fit(*table)
    except KeyboardInterrupt:  # which would end all tests
        pytest.fail("Ctrl-C was not caught")


def test_ctrl_c_returns_the_best_so_far(plain):
    # the seventh fit is of the fourth candidate; the last fits are let through
    tuner = interrupted(7, "interrupt once")
    fit_uninterrupted(tuner, plain)
    assert tuner.interrupted_
    assert len(tuner.history_) == 3
    assert (tuner.history_["status"] == "evaluated").all()
    assert len(tuner.candidates_) == 1
    assert tuner.best_score_ == tuner.history_["score"].max()
    single = RiskClassifier(tuner.best_estimator_.estimator, cv=tuner.split_plan_).fit(
        *plain
    )
    np.testing.assert_array_equal(
        tuner.predict_proba(plain[0]), single.predict_proba(plain[0])
    )


@pytest.mark.parametrize("at", [1, 2])
def test_ctrl_c_before_any_candidate_propagates(plain, at):
    tuner = interrupted(at)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        tuner.fit(*plain)
    assert not hasattr(tuner, "best_index_")


def test_ctrl_c_in_a_later_refit_keeps_earlier_models(plain):
    # three candidates of two folds, then three fits for each model
    tuner = interrupted(11, "interrupt once", n_iter=3, n_candidates=3)
    fit_uninterrupted(tuner, plain)
    assert len(tuner.candidates_) == 1
    assert tuner.interrupted_
    assert tuner.best_score_ == tuner.history_["score"].max()


def test_second_ctrl_c_in_the_first_refit_propagates(plain):
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        interrupted(5).fit(*plain)


def test_a_search_without_ctrl_c_is_not_interrupted(plain):
    assert not interrupted(99, n_iter=2).fit(*plain).interrupted_


SCRIPT = """
    import os
    import signal
    import time
    from sklearn.datasets import make_classification
    from sklearn.linear_model import LogisticRegression
    from edml.tuning import ModelTuner

    # a shell in the background leaves it ignored
    signal.signal(signal.SIGINT, signal.default_int_handler)

    class Slow(LogisticRegression):
        def fit(self, X, y):
            os.write(1, b"fit\\n")  # in one piece, unlike print in two processes
            time.sleep(0.05)
            return super().fit(X, y)

    X, y = make_classification(200, random_state=0)
    tuner = ModelTuner(
        [("slow", Slow(), {"C": (0.01, 10.0)})], n_iter=100_000, cv=2,
        random_state=0, n_jobs=N_JOBS
    ).fit(X, y)
    print("ended", tuner.interrupted_, len(tuner.history_), len(tuner.candidates_))
    print("predicted", len(tuner.predict(X)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_real_ctrl_c(n_jobs):
    script = textwrap.dedent(SCRIPT).replace("N_JOBS", str(n_jobs))
    with subprocess.Popen(  # noqa: S603 - the script above
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            for _ in range(9):  # the fits of four candidates, and one more
                assert process.stdout.readline() == "fit\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0, err
    last = [line for line in out.splitlines() if line != "fit"]
    assert last[0].startswith("ended True ")
    assert last[0].endswith(" 1")
    assert last[1] == "predicted 200"
