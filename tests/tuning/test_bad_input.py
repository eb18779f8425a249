"""Input that cannot be searched raises a clear error before any fit."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edml import make_risk_pipeline
from edml.exceptions import SplitError, TableError
from edml.tuning import ModelTuner


class Watched(LogisticRegression):
    """Count fits."""

    n_fits = 0

    def fit(self, X, y, sample_weight=None):
        Watched.n_fits += 1
        return super().fit(X, y, sample_weight)


LOGIT = ("logit", Watched(), {"C": (0.1, 1.0)})


@pytest.fixture(autouse=True)
def _no_fit(monkeypatch):
    Watched.n_fits = 0
    fits = []
    monkeypatch.setattr("lightgbm.LGBMClassifier.fit", lambda *args: fits.append(args))
    yield
    assert Watched.n_fits == 0
    assert not fits


def assert_error(message, table, *args, kind=ValueError, groups=None, **given):
    before = copy.deepcopy(table)
    with pytest.raises(kind, match=message) as caught:
        ModelTuner(*args, **{"n_iter": 2} | given).fit(*table, groups=groups)
    for part, was in zip(table, before, strict=True):
        if np.ndim(part) < 3:
            assert pd.DataFrame(part).equals(pd.DataFrame(was))
    return str(caught.value)


# -- parameters -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithms", "message"),
    [
        (["lightgmb"], r"unknown algorithm 'lightgmb'.*Did you mean 'lightgbm'"),
        (["svm"], r"unknown algorithm 'svm'.*Known:.*random_forest"),
        ([], "algorithms is empty"),
        ("lightgbm", "Put it in a list"),
        (None, "must be a sequence"),
        ({"lightgbm"}, "must be a sequence"),
        (["lightgbm", "lightgbm"], r"\['lightgbm'\] more than once"),
        (["lightgbm", ("lightgbm", Watched(), {})], "more than once"),
        ([LOGIT, LOGIT], r"\['logit'\] more than once"),
        ([3], r"\(name, pipeline, space\); found int"),
        ([("logit", Watched())], r"\(name, pipeline, space\); found tuple"),
        ([(3, Watched(), {})], r"\(name, pipeline, space\)"),
        ([("line", LinearRegression(), {})], "'line' is not a classifier"),
        ([("none", None, {})], "'none' is not a classifier"),
        ([("logit", Watched(), [])], "must map names"),
        ([("logit", Watched(), {"c": (1, 2)})], r"has an unknown parameter 'c'"),
        (
            [("p", make_pipeline(StandardScaler(), Watched()), {"C": (1, 2)})],
            r"has an unknown parameter 'C'.*Known:",
        ),
        (
            [("p", make_risk_pipeline(), {"classify__num_leavs": (1, 2)})],
            r"Did you mean 'classify__num_leaves'",
        ),
    ],
    ids=str,
)
def test_algorithms(plain, algorithms, message):
    assert_error(message, plain, algorithms)


@pytest.mark.parametrize(
    "dimension",
    [
        (5, 1),
        (1, 1),
        (0, 1, "log-uniform"),
        (-1.0, 1.0, "log-uniform"),
        (0.1, 1.0, "log"),
        (0.1, 1.0, "gaussian"),
        (1e-3, np.inf),
        (np.nan, 1.0),
        [],
        (),
        3,
        "ab",
        None,
        {"low": 1},
        [0.5, 0.5],
    ],
    ids=str,
)
def test_dimensions(plain, dimension):
    space = {"tol": (1e-5, 1e-3), "C": dimension}
    assert_error(
        "'logit' has no dimension at 'C'", plain, [("logit", Watched(), space)]
    )


@pytest.mark.parametrize(
    ("balance", "message"),
    [
        (["smoot"], r"unknown balancer 'smoot'.*Did you mean 'smote'"),
        ([], "must be a sequence"),
        ("smote", "put it in a list"),
        (None, "must be a sequence"),
        ([None, "adasyn"], "unknown balancer 'adasyn'"),
        ([3], "unknown balancer 3"),
    ],
    ids=str,
)
def test_balance(plain, balance, message):
    assert_error(message, plain, ["lightgbm"], balance=balance)


@pytest.mark.parametrize("balance", [["smote", "smote"], (None, None)], ids=str)
def test_repeated_balance_raises(plain, balance):
    assert_error("balance|more than once|twice", plain, ["lightgbm"], balance=balance)


@pytest.mark.parametrize(
    ("scoring", "message"),
    [
        ("avg_precision", "'avg_precision' is not a scorer"),
        pytest.param(f1_score, "metric function", id="metric"),
        (3, "scoring"),
        (None, "scoring"),
        ("roc_auc_ovr_", "is not a scorer"),
    ],
    ids=str,
)
def test_scoring(plain, scoring, message):
    assert_error(message, plain, [LOGIT], scoring)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_iter": 0}, "n_iter"),
        ({"n_iter": -1}, "n_iter"),
        ({"n_iter": 2.5}, "n_iter"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -5}, "timeout"),
        ({"timeout": "1 h"}, "timeout"),
        ({"timeout": np.nan}, "timeout"),
        ({"n_iter": None}, "Nothing bounds the search"),
        ({"n_candidates": 0}, "n_candidates"),
        ({"target_score": "high"}, "target_score"),
        ({"target_score": np.nan}, "target_score"),
        ({"min_score": np.nan}, "min_score"),
        ({"calibration": "platt"}, "calibration"),
        ({"threshold": 1.5}, "no probability"),
        ({"threshold": "recal>=0.9"}, "threshold must be"),
        ({"cv": "five"}, "cv"),
        ({"cv": 1}, "cv|folds|n_splits"),
        ({"cv": 0}, "cv|folds|n_splits"),
        ({"n_jobs": "all"}, "n_jobs"),
        ({"random_state": "x"}, "random_state"),
        ({"columns": "user"}, "columns"),
        ({"columns": {"student": "x"}}, "student"),
    ],
    ids=str,
)
def test_other_parameters(plain, given, message):
    assert_error(message, plain, [LOGIT], **given)


# -- tables ---------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["lightgbm", LOGIT], ids=["own", "user's"])
class TestTables:
    def test_one_class(self, plain, algorithm):
        assert_error("two classes.*one class", (plain[0], np.zeros(240)), [algorithm])

    def test_three_classes(self, plain, algorithm):
        assert_error(
            "two classes.*3 classes", (plain[0], np.arange(240) % 3), [algorithm]
        )

    @pytest.mark.parametrize("null", [None, np.nan])
    def test_null_outcome(self, plain, algorithm, null):
        y = plain[1].astype(object)
        y[3:5] = null
        assert_error("y has no value in 2 of 240 rows", (plain[0], y), [algorithm])

    def test_other_length(self, plain, algorithm):
        assert_error("inconsistent", (plain[0], plain[1][:-1]), [algorithm])

    def test_no_rows(self, plain, algorithm):
        assert_error(None, (plain[0][:0], plain[1][:0]), [algorithm])

    def test_too_few_failing_rows(self, plain, algorithm):
        y = np.zeros(240, dtype=int)
        y[:3] = 1
        assert_error("rarer one has 3", (plain[0], y), [algorithm], kind=SplitError)

    def test_too_few_students(self, events, algorithm):
        X, y = events
        few = X["user_uuid"].isin(X["user_uuid"].unique()[:6]).to_numpy()
        assert_error(
            "fold|students", (X[few], y[few]), [algorithm], kind=SplitError, cv=20
        )

    def test_students_on_both_sides(self, events, algorithm):
        X, y = events
        half = np.arange(len(X))
        cv = [(half[::2], half[1::2])]
        assert_error("on both sides", (X, y), [algorithm], kind=SplitError, cv=cv)

    def test_two_outcomes_of_a_snapshot(self, events, algorithm):
        X, y = events
        both = pd.concat([X, X.iloc[[0]]])
        outcome = np.append(y, 1 - y.iloc[0])
        assert_error("outcome|snapshot", (both, outcome), [algorithm], kind=TableError)

    def test_groups_of_another_length(self, plain, algorithm):
        assert_error("inconsistent", plain, [algorithm], groups=np.zeros(5))


def test_columns_of_text(frame):
    X, y = frame
    X = X.assign(name="secret", kind=pd.Categorical(["x", "y"] * 120))
    message = assert_error(
        r"\['name', 'kind'\] hold no numbers.*Encode them",
        (X, y),
        ["lightgbm"],
        kind=TableError,
    )
    assert "secret" not in message


def test_an_array_of_texts(plain):
    X = plain[0].astype(object)
    X[0, 0] = "secret"
    message = assert_error("not numbers", (X, plain[1]), ["lightgbm"], kind=TableError)
    assert "secret" not in message


def test_dates(frame):
    X, y = frame
    X = X.assign(day=pd.Timestamp("2024-01-01"))
    assert_error(r"\['day'\] hold no numbers", (X, y), ["lightgbm"], kind=TableError)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", ["plain", "frame"])
def test_infinite(request, kind, sign):
    X, y = request.getfixturevalue(kind)
    X = X.copy()
    if kind == "plain":
        X[5, 2] = sign * np.inf
    else:
        X.iloc[5, 2] = sign * np.inf
    assert_error("1 columns of X hold infinite", (X, y), ["lightgbm"], kind=TableError)


@pytest.mark.parametrize("shape", [(240,), (240, 2, 2)])
def test_dimensions_of_the_table(plain, shape):
    assert_error(None, (np.zeros(shape), plain[1]), ["lightgbm"])
