"""make_snapshot_scorer: every row is predicted, every snapshot counted once."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    get_scorer,
    log_loss,
    make_scorer,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_score,
    cross_validate,
)

from edml.exceptions import TableError
from edml.metrics import make_snapshot_scorer

KEYS = ["user_uuid", "course_uuid", "particion"]


class CountingClassifier(ClassifierMixin, BaseEstimator):
    """The probability grows with the number of rows a student has in X.

    Like features of histories, it is wrong on any X but the whole one.
    """

    def __init__(self, scale=0.3):
        self.scale = scale

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.calls_ = []
        return self

    def decision_function(self, X):
        self.calls_.append(len(X))
        if len(X) == 0:
            return np.zeros(0)
        count = X.groupby("user_uuid")["value"].transform("size").to_numpy()
        return self.scale * count - 0.7 + X["value"].to_numpy()

    def predict_proba(self, X):
        fails = 1 / (1 + np.exp(-self.decision_function(X)))
        return np.c_[1 - fails, fails]

    def predict_log_proba(self, X):
        return np.log(self.predict_proba(X))

    def predict(self, X):
        return self.classes_[(self.decision_function(X) > 0).astype(int)]


class Regressor(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return X["value"].to_numpy() + len(X)


def table(n_rows=80, seed=0):
    """Return shuffled rows of few snapshots, some partitions null, and y."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "user_uuid": rng.choice(list("abcdefgh"), n_rows),
            "course_uuid": rng.choice(["x", "y"], n_rows),
            "particion": rng.choice([0, 1, 2, np.nan], n_rows),
        },
        index=rng.permutation(n_rows) + 500,
    )
    X["value"] = snapshot_values(X)
    return X, labels(X)


def snapshot_values(X):
    """Return values that are equal within a snapshot, as features are."""
    letter = X["user_uuid"].map(ord) + 7 * X["course_uuid"].map(ord)
    return np.sin(letter + 3 * X["particion"].fillna(0))


def labels(X):
    """Return y with one label per enrolment, for all its snapshots."""
    course = X["course_uuid"] == "x"
    return (X["user_uuid"].isin(list("abc")) & course | (X["user_uuid"] == "h")).astype(
        int
    )


def by_hand(X):
    """Return the positions of each snapshot's first row, with a plain loop."""
    seen, kept = set(), []
    for position, (student, course, partition) in enumerate(
        X[KEYS].itertuples(index=False)
    ):
        key = (student, course, 0 if np.isnan(partition) else partition)
        if key not in seen:
            seen.add(key)
            kept.append(position)
    return np.array(kept)


@st.composite
def tables(draw):
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abch"),
                st.sampled_from("xy"),
                st.sampled_from([0.0, 1.0, np.nan]),
            ),
            min_size=2,
            max_size=40,
        )
    )
    X = pd.DataFrame(rows, columns=KEYS)
    X["value"] = snapshot_values(X)
    return X, labels(X)


# -- against the definition ---------------------------------------------------


@given(tables())
def test_score_is_that_of_the_first_rows_of_all_predictions(made):
    X, y = made
    model = CountingClassifier().fit(X, [0, 1])
    kept = by_hand(X)
    expected = accuracy_score(y.iloc[kept], model.predict(X)[kept])
    assert make_snapshot_scorer("accuracy")(model, X, y) == expected
    error = brier_score_loss(y.iloc[kept], model.predict_proba(X)[kept, 1], pos_label=1)
    brier = make_scorer(
        brier_score_loss,
        greater_is_better=False,
        response_method="predict_proba",
        pos_label=1,  # the labels of a small table may all be 0
    )
    found = make_snapshot_scorer(brier)(model, X, y)
    assert found == pytest.approx(-error, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "metric", "method"),
    [
        ("roc_auc", roc_auc_score, "decision_function"),
        ("average_precision", average_precision_score, "decision_function"),
        ("f1", f1_score, "predict"),
        ("neg_brier_score", lambda y, p: -brier_score_loss(y, p), "predict_proba"),
        ("neg_log_loss", lambda y, p: -log_loss(y, p), "predict_proba"),
    ],
)
def test_scorers_of_every_response(name, metric, method):
    X, y = table()
    model = CountingClassifier().fit(X, y)
    kept = by_hand(X)
    assert 10 < len(kept) < len(X)
    answer = getattr(model, method)(X)[kept]
    answer = answer[:, 1] if answer.ndim == 2 else answer
    expected = metric(y.to_numpy()[kept], answer)
    assert make_snapshot_scorer(name)(model, X, y) == pytest.approx(expected, abs=1e-12)
    assert get_scorer(name)(model, X, y) != pytest.approx(expected, abs=1e-6)
    # Predicting only the kept rows would give yet another score.
    first = X.iloc[kept]
    assert get_scorer(name)(model, first, y.iloc[kept]) != pytest.approx(
        expected, abs=1e-6
    )


def test_repeated_rows_do_not_affect_a_row_model():
    X, y = table()
    model = CountingClassifier(scale=0.0).fit(X, y)
    scorer = make_snapshot_scorer("neg_brier_score")
    twice = np.repeat(np.arange(len(X)), 1 + np.arange(len(X)) % 3)
    repeated = scorer(model, X.iloc[twice], y.iloc[twice])
    assert repeated == pytest.approx(scorer(model, X, y), abs=1e-12)


def test_labels_are_aligned_by_position():
    X, y = table()
    model = CountingClassifier().fit(X, y)
    scorer = make_snapshot_scorer("roc_auc")
    expected = scorer(model, X, y)
    for other in (y.to_numpy(), y.tolist(), y.set_axis(range(len(y))), y.to_frame()):
        assert scorer(model, X, other) == expected


class Worded(CountingClassifier):
    """The same, fitted on words: of "fail" and "pass" the first one means failing."""

    def decision_function(self, X):
        sign = 1 if self.classes_[1].startswith(("fail", "des")) else -1
        return sign * super().decision_function(X)


@pytest.mark.parametrize("words", [("pass", "fail"), ("aprobado", "desaprobado")])
@pytest.mark.parametrize(
    "scoring", ["roc_auc", "average_precision", "f1", "recall", "neg_log_loss"]
)
def test_text_labels_score_as_codes_do(words, scoring):
    X, y = table()
    labels = y.map(dict(enumerate(words)))
    model = Worded().fit(X, labels)
    expected = make_snapshot_scorer(scoring)(CountingClassifier().fit(X, y), X, y)
    scorer = make_snapshot_scorer(scoring, fail_label=words[1])
    assert scorer(model, X, labels) == pytest.approx(expected)
    with pytest.raises(ValueError, match="nothing says which one means failing"):
        make_snapshot_scorer(scoring)(model, X, labels)
    model.fail_label_ = words[1]  # as RiskClassifier has
    assert make_snapshot_scorer(scoring)(model, X, labels) == pytest.approx(expected)


def test_mapped_columns():
    X, y = table()
    model = CountingClassifier(scale=0.0).fit(X, y)
    names = {"course_uuid": "subject", "particion": "day"}
    scorer = make_snapshot_scorer("roc_auc", columns=names)
    expected = make_snapshot_scorer("roc_auc")(model, X, y)
    assert scorer(model, X.rename(columns=names), y) == expected


def test_callables_see_the_fitted_state_of_the_estimator():
    X, y = table()
    model = CountingClassifier().fit(X, y)

    def scorer(estimator, X, y):
        assert estimator.classes_ is model.classes_
        assert sklearn.base.is_classifier(estimator)
        assert not hasattr(estimator, "score")  # it would see only the snapshots
        return accuracy_score(y, estimator.predict(X))

    assert make_snapshot_scorer(scorer)(model, X, y) == make_snapshot_scorer(
        "accuracy"
    )(model, X, y)


def test_regressors_are_scored_too():
    X, _ = table()
    y = X["value"] * 3
    kept = by_hand(X)
    model = Regressor().fit(X, y)
    expected = r2_score(y.iloc[kept], X["value"].iloc[kept] + len(X))
    assert make_snapshot_scorer("r2")(model, X, y) == pytest.approx(expected)


def test_estimator_without_probabilities_is_as_scikit_learn_sees_it():
    X, y = table()
    model = Regressor().fit(X, y)
    with pytest.raises(AttributeError, match="has none of the following attributes"):
        make_snapshot_scorer("neg_brier_score")(model, X, y)


# -- several scorers, weights, metadata ---------------------------------------


def test_several_scorers_share_one_prediction():
    X, y = table()
    model = CountingClassifier().fit(X, y)
    names = ["roc_auc", "average_precision", "neg_log_loss", "neg_brier_score"]
    scores = make_snapshot_scorer(names)(model, X, y)
    assert model.calls_ == [len(X)] * 2  # decision_function, predict_proba
    assert scores == {name: make_snapshot_scorer(name)(model, X, y) for name in names}
    named = {"a": "roc_auc", "b": make_scorer(accuracy_score)}
    assert set(make_snapshot_scorer(named)(model, X, y)) == {"a", "b"}


def test_sample_weight_is_that_of_the_first_row():
    X, y = table()
    model = CountingClassifier().fit(X, y)
    kept = by_hand(X)
    weight = np.linspace(0.1, 3.0, len(X))
    expected = accuracy_score(
        y.iloc[kept], model.predict(X)[kept], sample_weight=weight[kept]
    )
    scorer = make_snapshot_scorer("accuracy")
    assert scorer(model, X, y, sample_weight=weight) == pytest.approx(expected)
    series = pd.Series(weight)  # another index: by position
    assert scorer(model, X, y, sample_weight=series) == pytest.approx(expected)


def test_requested_weights_are_routed():
    X, y = table()
    weight = np.linspace(0.1, 3.0, len(X))
    cv = [(np.arange(len(X)), np.arange(len(X)))]
    kept = by_hand(X)
    model = CountingClassifier().fit(X, y)
    expected = accuracy_score(
        y.iloc[kept], model.predict(X)[kept], sample_weight=weight[kept]
    )
    with sklearn.config_context(enable_metadata_routing=True):
        inner = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        without = get_scorer("roc_auc").set_score_request(sample_weight=False)
        scorers = {
            "one": make_snapshot_scorer(inner),
            "two": make_snapshot_scorer(without),
        }
        for scoring in (scorers["one"], scorers, make_snapshot_scorer({"one": inner})):
            result = cross_validate(
                CountingClassifier(),
                X,
                y,
                cv=cv,
                scoring=scoring,
                params={"sample_weight": weight},
            )
            key = "test_score" if scoring is scorers["one"] else "test_one"
            assert result[key][0] == pytest.approx(expected)


def test_scorer_reports_support_for_weights():
    def plain(estimator, X, y):
        return accuracy_score(y, estimator.predict(X))

    for scoring, accepts in (("accuracy", True), (plain, False)):
        scorer = make_snapshot_scorer(scoring)
        assert scorer._accept_sample_weight() is accepts


# -- in scikit-learn ----------------------------------------------------------


def split_scores(X, y, name):
    scores = []
    for train, test in GroupKFold(4).split(X, y, X["user_uuid"]):
        model = CountingClassifier().fit(X.iloc[train], y.iloc[train])
        part, kept = X.iloc[test], by_hand(X.iloc[test])
        answer = model.decision_function(part)[kept]
        metric = {
            "roc_auc": roc_auc_score,
            "average_precision": average_precision_score,
        }
        scores.append(metric[name](y.iloc[test].iloc[kept], answer))
    return scores


def four_groups():
    """Return a table in which each fold of four students has both classes."""
    X, _ = table(160)
    y = (X["course_uuid"] == "x").astype(int)
    return X, y


def test_works_in_cross_validation():
    X, y = four_groups()
    cv = {"cv": GroupKFold(4), "groups": X["user_uuid"]}
    expected = split_scores(X, y, "roc_auc")
    scorer = make_snapshot_scorer("roc_auc")
    found = cross_val_score(CountingClassifier(), X, y, scoring=scorer, **cv)
    assert found == pytest.approx(expected)
    several = {
        "auc": scorer,
        "ap": make_snapshot_scorer("average_precision"),
        "rows": "roc_auc",
    }
    result = cross_validate(CountingClassifier(), X, y, scoring=several, **cv)
    assert result["test_auc"] == pytest.approx(expected)
    assert result["test_ap"] == pytest.approx(split_scores(X, y, "average_precision"))
    assert result["test_rows"] != pytest.approx(expected)
    together = make_snapshot_scorer(["roc_auc", "average_precision"])
    result = cross_validate(CountingClassifier(), X, y, scoring=together, **cv)
    assert result["test_roc_auc"] == pytest.approx(expected)


@pytest.mark.parametrize("refit", [True, "auc"], ids=["one", "several"])
def test_works_in_grid_search(refit):
    X, y = four_groups()
    one = make_snapshot_scorer("roc_auc")
    search = GridSearchCV(
        CountingClassifier(),
        {"scale": [0.0, 0.3]},
        scoring=one if refit is True else {"auc": one, "rows": "roc_auc"},
        refit=refit,
        cv=GroupKFold(4),
    )
    search = clone(search).fit(X, y, groups=X["user_uuid"])
    name = "score" if refit is True else "auc"
    found = search.cv_results_[f"mean_test_{name}"][1]
    assert found == pytest.approx(np.mean(split_scores(X, y, "roc_auc")))
    assert 0 <= search.score(X, y) <= 1


def test_scorer_can_be_pickled_and_reads_as_its_call():
    X, y = table()
    model = CountingClassifier().fit(X, y)
    scorer = make_snapshot_scorer("roc_auc", columns={"particion": "particion"})
    again = pickle.loads(pickle.dumps(scorer))  # noqa: S301 - our own bytes
    assert again(model, X, y) == scorer(model, X, y)
    assert repr(again) == repr(scorer)
    assert repr(scorer) == (
        "make_snapshot_scorer('roc_auc', columns={'particion': 'particion'})"
    )
    assert repr(make_snapshot_scorer("f1")) == "make_snapshot_scorer('f1')"


# -- errors -------------------------------------------------------------------


def test_labels_within_a_snapshot_must_agree():
    X, y = table()
    model = CountingClassifier().fit(X, y)
    y = y.to_numpy(copy=True)
    kept = by_hand(X)
    changed = np.setdiff1d(np.arange(len(X)), kept)[:3]
    y[changed] = 1 - y[changed]
    with pytest.raises(TableError, match=r"snapshots .* have rows of two outcomes"):
        make_snapshot_scorer("accuracy")(model, X, y)


def test_unreadable_tables_raise():
    X, y = table()
    model = CountingClassifier().fit(X, y)
    scorer = make_snapshot_scorer("accuracy")
    with pytest.raises(TableError, match="as a pandas DataFrame"):
        scorer(model, X.to_numpy(), y)
    with pytest.raises(TableError, match="particion"):
        scorer(model, X.drop(columns="particion"), y)
    with pytest.raises(TableError, match="'user_uuid': 80 of 80 rows have no value"):
        scorer(model, X.assign(user_uuid=None), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        scorer(model, X, y[:-1])


def test_predictions_must_be_of_all_rows():
    X, y = table()

    class Dropping(CountingClassifier):
        def predict(self, X):
            return super().predict(X)[1:]

    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_snapshot_scorer("accuracy")(Dropping().fit(X, y), X, y)


def test_scorer_must_pass_its_rows_on():
    X, y = table()
    model = CountingClassifier().fit(X, y)

    def scorer(estimator, X, y):
        return accuracy_score(y, estimator.predict(X.iloc[::-1]))

    with pytest.raises(ValueError, match="pass its X on unchanged"):
        make_snapshot_scorer(scorer)(model, X, y)


@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        ("auc", ValueError, "'auc'"),
        (roc_auc_score, ValueError, "looks like it is a metric"),
        (3, ValueError, "scoring"),
        (None, TypeError, "scoring"),
        ([], ValueError, "scoring|Empty"),
    ],
)
def test_invalid_scorer_raises(scoring, error, message):
    with pytest.raises(error, match=message):
        make_snapshot_scorer(scoring)


def test_unknown_column_raises():
    with pytest.raises(ValueError, match="unknown column 'partition'"):
        make_snapshot_scorer("roc_auc", columns={"partition": "day"})


@pytest.mark.parametrize("kind", [int, bool])
def test_numbers_held_as_objects(kind):
    X = pd.DataFrame({"user_uuid": list("abcd"), "course_uuid": "x", "particion": 0})
    y = pd.Series([0, 1, 0, 1]).astype(kind)
    model = DummyClassifier(strategy="prior").fit(X, y)
    scorer = make_snapshot_scorer("accuracy")
    assert scorer(model, X, y.astype(object)) == 0.5
