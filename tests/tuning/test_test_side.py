"""The search sees no test side: neither that of a fold, nor that of an evaluation."""

import numpy as np
import pandas as pd
import pytest
from imblearn.pipeline import Pipeline as SamplingPipeline
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.tree import DecisionTreeClassifier

from edml import FeatureEngineer, SnapshotSampler, StudentKFold, make_risk_pipeline
from edml.tuning import ModelTuner
from edml.tuning._spaces import BALANCE
from tuned import FOREST_SLOW


def tune(X, y, algorithm, **given):
    settings = {"n_iter": 4, "n_candidates": 1, "cv": 3, "random_state": 0} | given
    return ModelTuner([algorithm], "roc_auc", **settings).fit(X, y)


@pytest.mark.parametrize("algorithm", FOREST_SLOW)
def test_leak_on_a_test_side_gains_nothing(algorithm):
    rng = np.random.default_rng(0)
    n = 400
    y = rng.permutation(np.repeat([0, 1], n // 2))
    X = rng.normal(size=(n, 4))
    order = rng.permutation(n)
    train, test = order[: n // 2], order[n // 2 :]
    planted = X.copy()
    planted[test, 0] = 4.0 * y[test] - 2.0  # among noise on the training side
    seen = tune(planted, y, algorithm, cv=[(train, test)], balance=[None])
    # what is learned of noise is no better than chance: within 4 standard errors
    for score in seen.history_["score"].dropna():
        assert score < 0.9
    everywhere = X.copy()
    everywhere[:, 0] = 4.0 * y - 2.0
    known = tune(everywhere, y, algorithm, cv=[(train, test)], balance=[None])
    assert known.best_score_ > 0.99  # so that it would have been seen


@pytest.mark.parametrize("algorithm", FOREST_SLOW)
def test_the_scores_of_a_fold_depend_only_on_its_training_side(algorithm):
    # the same noise, whatever the planted column says on the test side
    rng = np.random.default_rng(1)
    y = rng.permutation(np.repeat([0, 1], 120))
    X = np.column_stack([np.zeros(240), rng.normal(size=(240, 3))])
    train, test = np.arange(160), np.arange(160, 240)
    y[:2], y[-2:] = [0, 1], [0, 1]
    planted = X.copy()
    planted[test, 0] = y[test]  # constant in training: no tree can split by it
    given = {"cv": [(train, test)], "balance": [None], "n_iter": 2}
    without = tune(X, y, algorithm, **given)
    withal = tune(planted, y, algorithm, **given)
    pd.testing.assert_series_equal(
        without.history_["score"], withal.history_["score"], check_exact=True
    )


def test_leak_in_evaluation_rows_gains_nothing():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 300)
    X = np.column_stack([rng.normal(size=(300, 3)), y + rng.normal(size=300)])
    test = np.arange(200, 300)
    planted = X.copy()
    planted[test, 0] = y[test]
    model = tune(X[:200], y[:200], "lightgbm")
    score = roc_auc_score(y[test], model.predict_proba(X[test])[:, 1])
    with_it = roc_auc_score(y[test], model.predict_proba(planted[test])[:, 1])
    assert with_it < score + 0.1


# -- the rows that fits see -----------------------------------------------------


@pytest.fixture
def classmates():
    """Return 40 students of 6 rows each; the first column is the student."""
    rng = np.random.default_rng(0)
    student = np.repeat(np.arange(40), 6)
    y = (student % 3 == 0).astype(int)
    X = pd.DataFrame(rng.normal(size=(240, 3)) + y[:, None], columns=list("abc"))
    X.insert(0, "user_uuid", student.astype(float))
    return X, y


@pytest.mark.parametrize("balance", BALANCE)
@pytest.mark.parametrize("algorithm", FOREST_SLOW)
def test_no_tested_student_is_trained_on(classmates, monkeypatch, algorithm, balance):
    X, y = classmates
    fits = []
    kind = type(make_risk_pipeline(algorithm)[-1])
    fit = kind.fit

    def spy(self, rows, outcome, *args, **params):
        fits.append(np.asarray(rows)[:, 0])
        return fit(self, rows, outcome, *args, **params)

    monkeypatch.setattr(kind, "fit", spy)
    tuner = tune(X, y, algorithm, balance=[balance], n_iter=2)
    assert len(fits) == 2 * 3 + 4
    students = X["user_uuid"].to_numpy()
    plan = tuner.split_plan_.splits
    for number, trained in enumerate(fits[:6]):
        train, test = plan[number % 3]
        tested = set(students[test])
        assert not tested & set(students[train])
        if balance == "smote":  # mixes rows of several students, all in training
            assert set(trained[: len(train)]) <= set(students[train])
            assert not tested & set(trained[np.isin(trained, students)])
        else:
            assert set(trained) <= set(students[train])


class Watch(TransformerMixin, BaseEstimator):
    """Note the students that are fitted and those that are shown, and drop them."""

    seen: list = []  # noqa: RUF012 - shared, for clones are what is fitted

    def fit(self, X, y=None):
        Watch.seen.append(("fit", set(X["user_uuid"])))
        return self

    def transform(self, X):
        Watch.seen.append(("transform", set(X["user_uuid"])))
        return X.select_dtypes("number")


@pytest.mark.parametrize("marked", [True, False])
def test_no_tested_student_trains_a_users_pipeline(events, marked):
    X, y = events
    Watch.seen.clear()

    class Unmarked(FeatureEngineer):
        """Not known to treat histories one by one."""

    engineer = FeatureEngineer() if marked else Unmarked()
    pipeline = SamplingPipeline(
        [
            ("features", engineer),
            ("snapshots", SnapshotSampler(every=3)),
            ("watch", Watch()),
            ("classify", DecisionTreeClassifier(max_depth=3, random_state=0)),
        ]
    )
    tuner = tune(X, y, ("tree", pipeline, {}), cv=StudentKFold(3, random_state=2))
    students = X["user_uuid"].to_numpy()
    fitted = [who for what, who in Watch.seen if what == "fit"]
    assert len(fitted) == 3 + 3 + 1
    for (train, test), who in zip(tuner.split_plan_.splits, fitted, strict=False):
        assert who <= set(students[train])
        assert not who & set(students[test])
    assert fitted[-1] == set(students)  # the refit


def test_a_users_classifier_never_sees_test_rows(classmates):
    X, y = classmates
    fits = []

    class Spy(LogisticRegression):
        def fit(self, rows, outcome):
            fits.append(set(rows["user_uuid"]))
            return super().fit(rows, outcome)

    tuner = tune(X, y, ("spy", Spy(), {"C": (0.1, 1.0)}), n_iter=3)
    students = X["user_uuid"].to_numpy()
    for number, who in enumerate(fits[:9]):
        _, test = tuner.split_plan_.splits[number % 3]
        assert not who & set(students[test])


def test_nan_is_filled_from_training_rows(monkeypatch):
    # the medians of the folds are far apart, so that another's would be seen
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 3))
    y = rng.permutation(np.repeat([0, 1], [180, 60]))
    third = np.arange(240) % 3
    X[:, 0] += 100.0 * third
    X[rng.random(240) < 0.2, 0] = np.nan
    splits = [
        (np.flatnonzero(third != k), np.flatnonzero(third == k)) for k in (0, 1, 2)
    ]
    found = []
    predict = LGBMClassifier.predict_proba

    def noted(self, rows, **params):
        found.append(set(np.asarray(rows)[:, 0]))
        return predict(self, rows, **params)

    monkeypatch.setattr(LGBMClassifier, "predict_proba", noted)
    tune(X, y, "lightgbm", cv=splits, balance=["smote"], n_iter=1)
    medians = [np.nanmedian(X[train, 0]) for train, _ in splits]
    filled = [next(m for m in medians if m in rows) for rows in found]
    assert set(filled) == set(medians)
