"""RiskClassifier: one honest pass, on event tables and on plain ones."""

import os
import pickle
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pandas as pd
import pytest
import sklearn
from imblearn.pipeline import Pipeline as SamplingPipeline
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    check_scoring,
    f1_score,
    precision_recall_curve,
    roc_auc_score,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator
from xgboost import XGBClassifier

from edml import (
    FeatureEngineer,
    ModelRegistry,
    PeriodSplit,
    SplitPlan,
    StudentKFold,
    evaluate,
    explain,
    make_risk_pipeline,
    make_snapshot_scorer,
    make_student_activity,
    make_target,
    student_train_test_split,
)
from edml.classifier import Capacity, RiskClassifier
from edml.exceptions import SplitError, TableError
from edml.schema import SNAPSHOT_KEYS

X = make_student_activity(60, fail_rate=0.3, random_state=1)
y = make_target(X)
PLAIN, OUTCOME = make_classification(300, weights=[0.8], flip_y=0.2, random_state=0)
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def pipe(learner=TREE, **given):
    return make_risk_pipeline(learner, **{"every": 5, **given})


@pytest.fixture(scope="module")
def model():
    return RiskClassifier(pipe(), cv=3).fit(X, y)


class Spy(ClassifierMixin, BaseEstimator):
    """Record the input of each fit and prediction."""

    seen: list = []  # noqa: RUF012 - shared, since clones are fitted
    lock = threading.Lock()

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.columns_ = list(getattr(X, "columns", []))
        self.mean_ = np.average(y, weights=sample_weight)
        self.log("fit", X, y, sample_weight)
        return self

    def predict_proba(self, X):
        self.log("predict_proba", X)
        return np.full((len(X), 2), [1 - self.mean_, self.mean_])

    def predict(self, X):
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    @classmethod
    def log(cls, *what):
        with cls.lock:
            cls.seen.append(what)

    @classmethod
    def fits(cls):
        return [what for what in cls.seen if what[0] == "fit"]


@pytest.fixture(autouse=True)
def _forget():
    Spy.seen.clear()


# -- scikit-learn's contract ----------------------------------------------------

UNWEIGHTED = "calibration and threshold count each row once, whatever its weight"
EXPECTED = {
    "check_classifiers_classes": "text labels need fail_label=",
    "check_sample_weight_equivalence_on_dense_data": UNWEIGHTED,
    "check_sample_weight_equivalence_on_sparse_data": UNWEIGHTED,
}


@pytest.mark.parametrize(
    "estimator",
    [
        RiskClassifier(LogisticRegression(), cv=3, threshold=0.5),
        RiskClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()),
            cv=3,
            threshold=0.5,
            calibration="isotonic",
        ),
    ],
    ids=["classifier", "pipeline"],
)
def test_sklearn_contract_on_plain_tables(estimator):
    found = check_estimator(
        estimator, on_skip=None, on_fail=None, expected_failed_checks=EXPECTED
    )
    failed = [one["check_name"] for one in found if one["status"] == "failed"]
    assert failed == []
    assert len(found) > 50


# -- one out-of-fold pass ---------------------------------------------------------


@pytest.mark.parametrize("cv", [2, 5])
def test_k_plus_1_fits(cv):
    RiskClassifier(pipe(Spy()), cv=cv).fit(X, y)
    assert len(Spy.fits()) == cv + 1


def test_describing_histories_runs_once():
    counts = []

    class Counting(FeatureEngineer):
        _per_history = True

        def transform(self, X):
            counts.append(len(X))
            return super().transform(X)

    pipeline = pipe()
    pipeline.steps[1] = ("features", Counting())
    model = RiskClassifier(pipeline, cv=4).fit(X, y)
    assert counts == [len(X)]
    expected = RiskClassifier(pipe(), cv=4).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


class Unmarked(FeatureEngineer):
    """The same features without edml's mark, so that each fold runs them."""


def test_steps_without_the_mark_run_in_each_fold_to_the_same_end():
    pipeline = pipe()
    pipeline.steps[:2] = [("features", Unmarked())]
    slow = RiskClassifier(pipeline, cv=3).fit(X, y)
    fast = RiskClassifier(pipe(), cv=3).fit(X, y)
    np.testing.assert_array_equal(slow.predict_proba(X), fast.predict_proba(X))
    pd.testing.assert_frame_equal(
        slow.out_of_fold_.sort_values("row", ignore_index=True),
        fast.out_of_fold_.sort_values("row", ignore_index=True),
    )


def test_out_of_fold_scores_are_those_of_pipelines_that_never_saw_the_student(model):
    found = model.out_of_fold_
    plan = SplitPlan.from_cv(StudentKFold(3, random_state=0), X, y)
    assert model.split_plan_ == plan
    for number, (train, test) in enumerate(plan.splits):
        score = clone(pipe()).fit(X.iloc[train], y.iloc[train]).predict_proba(X)[:, 1]
        of_fold = found[found["fold"] == number]
        np.testing.assert_array_equal(of_fold["y_score"], score[of_fold["row"]])
        assert set(of_fold["row"]) <= set(test.tolist())
        assert not set(X["user_uuid"].iloc[train]) & set(of_fold["user_uuid"])
    keys = ["user_uuid", "course_uuid", "particion"]
    filled = X.fillna({"particion": 0})
    assert len(found) == len(filled.drop_duplicates(keys))
    assert not found.duplicated(keys).any()
    np.testing.assert_array_equal(found["y_true"], y.iloc[found["row"]])


@pytest.mark.parametrize("cv", [3, StudentKFold(4, random_state=1), PeriodSplit()])
def test_no_student_is_on_both_sides(cv):
    model = RiskClassifier(pipe(), cv=cv).fit(X, y)
    students = X["user_uuid"].to_numpy()
    for train, test in model.split_plan_.splits:
        assert not set(students[train]) & set(students[test])


@pytest.mark.parametrize("cv", [KFold(3), StratifiedKFold(3, shuffle=True)])
def test_a_splitter_that_splits_students_raises(cv):
    with pytest.raises(SplitError, match=r"Fold 0: \d+ students are on both sides"):
        RiskClassifier(pipe(Spy()), cv=cv).fit(X, y)
    assert not Spy.seen  # nothing is fitted before the refusal
    groups = np.arange(300) // 3
    with pytest.raises(SplitError, match="students are on both sides"):
        RiskClassifier(TREE, cv=cv).fit(PLAIN, OUTCOME, groups=groups)


def test_the_order_of_rows_changes_no_probability(model):
    order = np.random.RandomState(0).permutation(len(X))
    shuffled = RiskClassifier(pipe(), cv=3).fit(X.iloc[order], y.iloc[order])
    assert shuffled.threshold_ == pytest.approx(model.threshold_, rel=1e-6)
    np.testing.assert_allclose(
        shuffled.predict_proba(X), model.predict_proba(X), rtol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["lightgbm", "random_forest"])
def test_same_seed_same_bits_at_any_number_of_jobs(learner):
    one, two = (
        RiskClassifier(pipe(learner, balance="smote"), cv=2, n_jobs=jobs).fit(X, y)
        for jobs in (1, 2)
    )
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    pd.testing.assert_frame_equal(one.out_of_fold_, two.out_of_fold_)
    assert one.threshold_ == two.threshold_


def test_seed_reaches_unseeded_parts():
    loose = pipe(DecisionTreeClassifier(max_features=3), random_state=None)
    found = [
        RiskClassifier(loose, cv=3, random_state=seed).fit(X, y).predict_proba(X)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_default_pipeline_is_used_without_arguments():
    model = RiskClassifier(cv=2).fit(X, y)
    assert list(model.pipeline_.named_steps) == list(make_risk_pipeline().named_steps)
    assert model.estimator is None


# -- predictions ------------------------------------------------------------------


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic", None])
def test_flags_are_at_and_above_the_threshold(calibration):
    model = RiskClassifier(pipe(), calibration, cv=3).fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert ((p > 0) & (p < 1)).all() or calibration is None
    np.testing.assert_array_equal(model.predict(X), p[:, 1] >= model.threshold_)
    found = model.out_of_fold_
    calibrator = model.calibrator_
    again = found["y_score"] if calibrator is None else None
    if calibrator is not None:
        again = calibrator.predict(found["y_score"].to_numpy())
    np.testing.assert_array_equal(found["y_prob"], again)


def test_threshold_is_of_the_raw_scores_and_then_mapped():
    model = RiskClassifier(pipe("lightgbm"), cv=3).fit(X, y)
    found = model.out_of_fold_
    flagged = found["y_prob"] >= model.threshold_
    raw = found["y_score"] >= found["y_score"][flagged].min()
    np.testing.assert_array_equal(flagged, raw)
    precision, recall, _ = precision_recall_curve(found["y_true"], found["y_score"])
    best = max(2 * p * r / (p + r) for p, r in zip(precision, recall, strict=True) if r)
    assert f1_score(found["y_true"], flagged) == pytest.approx(best)


def test_capacity_counts_the_students_of_a_course_on_a_day():
    model = RiskClassifier(pipe("lightgbm"), threshold=Capacity(1), cv=3).fit(X, y)
    found = model.out_of_fold_
    # each history counts on each day from its first to its last, with its latest flag
    days = []
    for (_, course), own in found.groupby(["user_uuid", "course_uuid"]):
        flags = own.sort_values("particion").set_index("particion")["y_prob"]
        every = range(flags.index.min(), flags.index.max() + 1)
        standing = (flags >= model.threshold_).reindex(every, method="ffill")
        days += [(course, day) for day, flag in standing.items() if flag]
    spans = found.groupby("course_uuid")["particion"].agg(["min", "max"])
    n_days = (spans["max"] - spans["min"] + 1).sum()
    assert 0.8 < len(days) / n_days <= 1


def test_some_snapshots_with_their_histories_have_the_scores_of_all(model):
    students = X["user_uuid"].unique()[::3]
    some = X["user_uuid"].isin(students).to_numpy()
    np.testing.assert_array_equal(
        model.predict_proba(X[some]), model.predict_proba(X)[some]
    )


def test_file_contains_the_classifier_features(model):
    features = model.features(X)
    assert features.shape == (len(X), 44)
    classifier = model.pipeline_.steps[-1][1]
    score = classifier.predict_proba(features)[:, 1]
    probability = model.calibrator_.predict(score)
    np.testing.assert_array_equal(probability, model.predict_proba(X)[:, 1])
    plain = RiskClassifier(TREE, cv=3).fit(PLAIN, OUTCOME)
    assert plain.features(PLAIN) is PLAIN


def test_text_labels():
    labels = np.where(y == 1, "suspenso", "aprobado")
    model = RiskClassifier(pipe(), cv=3, fail_label="suspenso").fit(X, labels)
    assert model.classes_.tolist() == ["aprobado", "suspenso"]
    expected = RiskClassifier(pipe(), cv=3).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(
        model.predict(X) == "suspenso", expected.predict(X) == 1
    )


def test_mapped_names_are_read_everywhere():
    names = {"user_uuid": "student", "course_uuid": "course", "particion": "day"}
    renamed = X.rename(columns=names)
    model = RiskClassifier(pipe(columns=names), cv=3).fit(renamed, y)
    expected = RiskClassifier(pipe(), cv=3).fit(X, y)
    np.testing.assert_array_equal(
        model.predict_proba(renamed), expected.predict_proba(X)
    )
    pd.testing.assert_frame_equal(model.out_of_fold_, expected.out_of_fold_)


# -- learning, and the rows that it uses ----------------------------------------------


def test_many_rows_of_a_student_do_not_blunt_the_sigmoid():
    rng = np.random.RandomState(0)
    x = rng.normal(size=1600)
    fails = (rng.uniform(size=1600) < 1 / (1 + np.exp(1 - 1.5 * x))).astype(int)
    students = np.repeat(np.arange(200), 8)  # nearly all of them fail something
    model = RiskClassifier(LogisticRegression()).fit(x[:, None], fails, groups=students)
    found = model.out_of_fold_
    assert found["y_prob"].mean() == pytest.approx(fails.mean(), abs=0.01)


def test_groups_do_not_excuse_a_student_on_both_sides():
    model = RiskClassifier(pipe(Spy()), cv=GroupKFold(3))
    with pytest.raises(SplitError, match=r"Fold 0: \d+ students are on both sides"):
        model.fit(X, y, groups=X["course_uuid"])


def test_a_row_counts_once():
    folds = list(StudentKFold(3, random_state=0).split(X, y))
    with pytest.raises(SplitError, match="rows are tested more than once"):
        RiskClassifier(pipe(), cv=[*folds, folds[0]]).fit(X, y)
    train, test = folds[0]
    first = RiskClassifier(pipe(), cv=folds).fit(X, y).out_of_fold_["row"]
    with pytest.raises(SplitError, match="tests no first row of a snapshot"):
        RiskClassifier(pipe(), cv=[(train, np.setdiff1d(test, first))]).fit(X, y)


def test_repeated_training_rows_are_kept():
    folds = list(StudentKFold(3, random_state=0).split(X, y))
    failing = [train[y.iloc[train] == 1] for train, _ in folds]
    more = [
        (np.concatenate([train, again, again]), test)
        for (train, test), again in zip(folds, failing, strict=True)
    ]
    once, thrice = (RiskClassifier(pipe(), cv=cv).fit(X, y) for cv in (folds, more))
    mean = {len(m.split_plan_.splits[0][0]): m.out_of_fold_["y_score"].mean()
            for m in (once, thrice)}  # fmt: skip
    assert mean[max(mean)] > mean[min(mean)] + 0.1


def test_capacity_of_a_part_of_the_students_is_that_of_all():
    whole = RiskClassifier(pipe("lightgbm"), threshold=Capacity(1), cv=3).fit(X, y)
    folds = whole.split_plan_.splits[:1]
    part = RiskClassifier(pipe("lightgbm"), threshold=Capacity(1), cv=folds).fit(X, y)
    share = [
        (model.out_of_fold_["y_prob"] >= model.threshold_).mean()
        for model in (whole, part)
    ]
    assert share[1] == pytest.approx(share[0], rel=0.5)


def test_unmarked_steps_see_whole_histories():
    folds = list(StudentKFold(3, random_state=0).split(X, y))
    day = X["particion"].fillna(0).to_numpy()
    late = [(train, test[day[test] >= 30]) for train, test in folds]
    pipeline = pipe()
    pipeline.steps[:2] = [("features", Unmarked())]
    slow = RiskClassifier(pipeline, cv=late).fit(X, y)
    fast = RiskClassifier(pipe(), cv=late).fit(X, y)
    pd.testing.assert_frame_equal(slow.out_of_fold_, fast.out_of_fold_)


class CrossFitted(TransformerMixin, BaseEstimator):
    """Transform the rows of fit unlike new ones, as target encoders do."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X

    def fit_transform(self, X, y):
        return self.fit(X, y).transform(X) ** 2


def test_transformers_are_fitted_as_without_weights():
    learner = make_pipeline(CrossFitted(), LogisticRegression())
    plain = RiskClassifier(learner, cv=3).fit(PLAIN, OUTCOME)
    ones = RiskClassifier(learner, cv=3).fit(PLAIN, OUTCOME, sample_weight=np.ones(300))
    np.testing.assert_allclose(ones.predict_proba(PLAIN), plain.predict_proba(PLAIN))


# -- plain tables -----------------------------------------------------------------


def test_a_plain_table_has_stratified_folds():
    model = RiskClassifier(TREE, cv=4).fit(PLAIN, OUTCOME)
    expected = SplitPlan.from_cv(
        StratifiedKFold(4, shuffle=True, random_state=0), PLAIN, OUTCOME
    )
    assert model.split_plan_ == expected
    assert list(model.out_of_fold_) == ["row", "fold", "y_true", "y_score", "y_prob"]


@pytest.mark.parametrize("told", ["groups", "column"])
def test_a_plain_table_with_students_has_student_folds(told):
    students = np.repeat([f"s{k:03}" for k in range(100)], 3)
    outcome = np.repeat(OUTCOME[::3], 3)
    table = pd.DataFrame(PLAIN, columns=[f"x{k}" for k in range(PLAIN.shape[1])])
    if told == "groups":
        model = RiskClassifier(TREE, cv=4).fit(table, outcome, groups=students)
    else:
        learner = SamplingPipeline([("drop", DropStudent()), ("tree", TREE)])
        model = RiskClassifier(learner, cv=4).fit(
            table.assign(user_uuid=students), outcome
        )
    assert len(model.split_plan_.splits) == 4
    for train, test in model.split_plan_.splits:
        assert not set(students[train]) & set(students[test])


class DropStudent(BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X.drop(columns="user_uuid")


@pytest.mark.parametrize("scale", [1, 1000])
def test_a_classifier_without_probabilities(scale):
    svc = LinearSVC(random_state=0)
    model = RiskClassifier(svc, "sigmoid", cv=3).fit(PLAIN * scale, OUTCOME)
    decided = model.pipeline_.decision_function(PLAIN * scale)
    found = model.predict_proba(PLAIN * scale)[np.argsort(decided), 1]
    assert (np.diff(found) >= 0).all()
    assert len(np.unique(found)) > 290


@pytest.mark.parametrize("words", [("pass", "fail"), ("no", "yes"), ("0", "1")])
@pytest.mark.parametrize("kind", [object, str, "category"])
def test_text_labels_mean_what_fail_label_says(words, kind):
    labels = pd.Series(np.where(OUTCOME, words[1], words[0])).astype(kind)
    with pytest.raises(ValueError, match="nothing says which one means failing"):
        RiskClassifier(TREE, cv=3).fit(PLAIN, labels)
    with pytest.raises(ValueError, match="is not a label of y"):
        RiskClassifier(TREE, cv=3, fail_label=words[1].upper() + "!").fit(PLAIN, labels)
    expected = RiskClassifier(TREE, cv=3).fit(PLAIN, OUTCOME)
    model = RiskClassifier(TREE, cv=3, fail_label=words[1]).fit(PLAIN, labels)
    assert model.classes_.tolist() == sorted(words)
    assert model.fail_label_ == words[1]
    for fitted in (model, model.deployable()):
        risk = fitted.fail_probability(PLAIN)
        np.testing.assert_array_equal(risk, expected.predict_proba(PLAIN)[:, 1])
        column = fitted.classes_.tolist().index(words[1])
        np.testing.assert_array_equal(fitted.predict_proba(PLAIN)[:, column], risk)
        flagged = expected.predict(PLAIN) == 1
        np.testing.assert_array_equal(fitted.predict(PLAIN) == words[1], flagged)
        auc = roc_auc_score(OUTCOME, risk)
        scorer = check_scoring(scoring="roc_auc")  # it takes the last label's
        assert scorer(fitted, PLAIN, labels) == pytest.approx(auc)
        found = evaluate(fitted, PLAIN, labels, n_resamples=0).metrics
        assert found["roc_auc"] == pytest.approx(auc)


def test_last_of_ordered_categories_fails_with_a_warning():
    words = pd.Categorical.from_codes(OUTCOME, ["pass", "fail"], ordered=True)
    with pytest.warns(UserWarning, match="'fail', is taken .* fail_label="):
        model = RiskClassifier(TREE, cv=3).fit(PLAIN, words)
    assert model.fail_label_ == "fail"
    expected = RiskClassifier(TREE, cv=3).fit(PLAIN, OUTCOME)
    risk = expected.fail_probability(PLAIN)
    np.testing.assert_array_equal(model.fail_probability(PLAIN), risk)


def test_lower_number_can_fail():
    model = RiskClassifier(TREE, cv=3, fail_label=0).fit(PLAIN, 1 - OUTCOME)
    expected = RiskClassifier(TREE, cv=3).fit(PLAIN, OUTCOME)
    flagged = expected.predict(PLAIN) == 1
    np.testing.assert_array_equal(model.predict(PLAIN) == 0, flagged)
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("learner", [DecisionTreeClassifier, LGBMClassifier])
def test_class_weights_by_label(learner):
    given = {"random_state": 0, "max_depth": 3}
    given |= {"verbose": -1} if learner is LGBMClassifier else {}
    words = np.where(OUTCOME, "fail", "pass")
    weighted = learner(class_weight={"pass": 1, "fail": 9}, **given)
    model = RiskClassifier(weighted, cv=3, fail_label="fail").fit(PLAIN, words)
    coded = learner(class_weight={0: 1, 1: 9}, **given)
    expected = RiskClassifier(coded, cv=3).fit(PLAIN, OUTCOME)
    plain = RiskClassifier(learner(**given), cv=3).fit(PLAIN, OUTCOME)
    risk = model.fail_probability(PLAIN)
    np.testing.assert_array_equal(risk, expected.fail_probability(PLAIN))
    assert not np.array_equal(risk, plain.fail_probability(PLAIN))
    assert model.pipeline_.class_weight == {"pass": 1, "fail": 9}
    weighted.set_params(class_weight={"pass": 1, "fial": 9})
    with pytest.raises(ValueError, match="class_weight names 1 labels that y lacks"):
        RiskClassifier(weighted, cv=3, fail_label="fail").fit(PLAIN, words)


FEW = make_student_activity(28, fail_rate=0.4, partitions=30, random_state=3)


@pytest.mark.parametrize("name", ["lightgbm", "xgboost", "random_forest"])
def test_few_students_are_learned_from(name, tmp_path):
    words = np.where(make_target(FEW), "fail", "pass")
    pipeline = make_risk_pipeline(name).set_params(classify__n_estimators=30)
    model = RiskClassifier(pipeline, cv=3, fail_label="fail").fit(FEW, words)
    assert model.score_students(FEW, n_reasons=0)["probability"].nunique() > 5
    own = pipeline[-1].get_params()
    assert model.pipeline_[-1].get_params() == own  # to be fitted again on more
    registry = ModelRegistry(tmp_path)
    stored = registry.load(registry.register(model).version)
    assert stored.fail_label_ == "fail"
    np.testing.assert_array_equal(stored.predict(FEW), model.predict(FEW))
    with pytest.warns(UserWarning, match="This model is version 1"):  # to the bit
        assert registry.refit(1, FEW, words).version == 1


@pytest.mark.parametrize(
    "learner",
    [
        LGBMClassifier(min_child_samples=200, verbose=-1),
        XGBClassifier(min_child_weight=80),
    ],
)
def test_trees_that_never_split_are_said_to_have_learned_nothing(learner):
    few = make_target(FEW)
    with pytest.warns(UserWarning, match="gives one probability for all"):
        make_risk_pipeline(learner).fit(FEW, few)
    with pytest.warns(UserWarning, match="gives one probability for all"):
        RiskClassifier(make_risk_pipeline(learner), cv=3).fit(FEW, few)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_models_of_several_threads_fit_and_predict_in_a_forked_child(name):
    code = f"""
        import os, signal
        from edml import RiskClassifier, make_risk_pipeline, make_student_activity
        from edml import make_target
        X = make_student_activity(60, fail_rate=0.3, partitions=30, random_state=1)
        pipeline, y = make_risk_pipeline({name!r}, n_jobs=2), make_target(X)
        model = RiskClassifier(pipeline, cv=3).fit(X, y)
        pipeline.fit(X, y)
        parts = (
            lambda: model.predict_proba(X).tolist(),
            lambda: model.deployable().score_students(X).to_json(),
            lambda: pipeline.predict_proba(X).tolist(),
            lambda: RiskClassifier(pipeline, cv=3).fit(X, y).predict_proba(X).tolist(),
            lambda: pipeline.fit(X, y).predict_proba(X).tolist(),
            lambda: pipeline.fit(X, y, classify__sample_weight=y + 1.0).steps[-1][1]
                .feature_importances_.tolist(),
        )
        for part in parts:
            expected = part()
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                os._exit(part() != expected)
            assert os.waitpid(child, 0)[1] == 0, part
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run(  # noqa: S603
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)],
        env=environment,
        check=True,
    )


def test_folds_by_label():
    words = pd.Series(np.where(y, "fail", "pass"), index=X.index)
    expected = RiskClassifier(pipe(), cv=StudentKFold(3, random_state=1)).fit(X, y)
    for label in (None, "fail"):
        cv = StudentKFold(3, random_state=1, fail_label=label)
        model = RiskClassifier(pipe(), cv=cv, fail_label="fail").fit(X, words)
        assert model.split_plan_ == expected.split_plan_
    cv = StudentKFold(3, fail_label="pass")
    with pytest.raises(ValueError, match="cv has fail_label='pass', and the model"):
        RiskClassifier(pipe(), cv=cv, fail_label="fail").fit(X, words)


LABELS = {
    "bool": ("bool", bool),
    "boolean": ("boolean", bool),
    "bool[pyarrow]": ("bool[pyarrow]", bool),
    "category of bool": (pd.CategoricalDtype([False, True]), bool),
    "object of bool": (object, bool),
    "int8": ("int8", np.int8),
    "Int8": ("Int8", np.int8),
    "int64[pyarrow]": ("int64[pyarrow]", np.int64),
    "category of int": (pd.CategoricalDtype([0, 1]), np.int64),
    "float32": ("float32", np.float32),
    "Float64": ("Float64", np.float64),
    "double[pyarrow]": ("double[pyarrow]", np.float64),
}


@pytest.mark.parametrize(("kind", "dtype"), LABELS.values(), ids=[*LABELS])
def test_labels_of_any_kind_keep_their_dtype(kind, dtype):
    given = OUTCOME == 1 if dtype is bool else OUTCOME
    labels = pd.Series(given).astype(kind)
    model = RiskClassifier(TREE, cv=3).fit(PLAIN, labels)
    expected = RiskClassifier(TREE, cv=3).fit(PLAIN, OUTCOME)
    np.testing.assert_array_equal(
        model.predict_proba(PLAIN), expected.predict_proba(PLAIN)
    )
    assert model.classes_.dtype == dtype
    assert model.classes_.tolist() == [False, True]
    assert model.fail_label_ == 1
    for one in (model, model.deployable()):
        assert one.predict(PLAIN).dtype == dtype
        assert one.fail_label_ == model.classes_[1]
        found = evaluate(one, PLAIN, labels, n_resamples=0)
        assert found.counts["n_failing_snapshots"] == OUTCOME.sum()
    passes = RiskClassifier(TREE, cv=3, fail_label=model.classes_[0])
    np.testing.assert_array_equal(
        passes.fit(PLAIN, labels).classes_, model.classes_, strict=True
    )


def test_a_table_of_one_column_of_labels_keeps_its_dtype():
    labels = pd.DataFrame({"fails": OUTCOME == 1}).astype("boolean")
    with pytest.warns(DataConversionWarning, match="column-vector"):
        model = RiskClassifier(TREE, cv=3).fit(PLAIN, labels)
    assert model.classes_.dtype == bool


ODD_COLUMNS = {
    "equal after LightGBM's renaming": ["Quiz 1", "Quiz_1"],
    "line break": ["Final\ngrade", "b"],
    "JSON": ['{"a": [1]}', "b, c"],
    "less than": ["a < b", "b"],
    "empty": ["", "b"],
    "backslash": ["\\", '"'],
}


@pytest.mark.parametrize("columns", ODD_COLUMNS.values(), ids=[*ODD_COLUMNS])
@pytest.mark.parametrize("learner", [LGBMClassifier, XGBClassifier])
def test_boosters_take_columns_of_any_name(learner, columns):
    booster = learner(n_estimators=5, n_jobs=1, verbosity=0)
    booster.set_params(verbosity=-1 if learner is LGBMClassifier else 0)
    table = pd.DataFrame(PLAIN[:, :2], columns=columns)
    table.iloc[::7, 0] = np.nan
    model = RiskClassifier(booster, cv=3).fit(table, OUTCOME)
    plain = RiskClassifier(booster, cv=3).fit(table.to_numpy(), OUTCOME)
    np.testing.assert_array_equal(
        model.predict_proba(table), plain.predict_proba(table.to_numpy())
    )
    assert model.feature_names_in_.tolist() == columns
    assert list(explain(model, table, rows=[0]).contributions) == columns
    with pytest.raises(ValueError, match="Columns differ from fit: missing"):
        model.predict_proba(table.set_axis(["x", "y"], axis=1))


@pytest.mark.parametrize("kind", ["double[pyarrow]", "int64[pyarrow]", "bool[pyarrow]"])
def test_boosters_take_arrow_s_numbers(kind):
    whole = pd.DataFrame(PLAIN[:, :2], columns=["a", "b"]).gt(0)
    table = whole.astype(kind)
    table.iloc[3, 0] = None
    booster = LGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1)
    model = RiskClassifier(booster, cv=3).fit(table, OUTCOME)
    expected = RiskClassifier(booster, cv=3).fit(
        whole.astype(float).mask(table.isna()), OUTCOME
    )
    np.testing.assert_array_equal(
        model.fail_probability(table),
        expected.fail_probability(whole.astype(float).mask(table.isna())),
    )


def test_boosters_of_plain_columns_stay_bare():
    table = pd.DataFrame(PLAIN[:, :2], columns=["Quiz 1", "b"])
    table["b"] = pd.cut(
        table["b"], 2, labels=["low", "high"]
    )  # categories are LightGBM's own matter
    booster = LGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1)
    model = RiskClassifier(booster, cv=3).fit(table, OUTCOME)
    assert isinstance(model.pipeline_, LGBMClassifier)


def test_a_model_of_odd_columns_is_stored(tmp_path):
    table = pd.DataFrame(PLAIN[:, :2], columns=["Quiz 1", "Quiz_1"])
    booster = LGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1)
    model = RiskClassifier(booster, cv=3).fit(table, OUTCOME)
    registry = ModelRegistry(tmp_path / "registry")
    loaded = registry.load(registry.register(model).version)
    np.testing.assert_array_equal(
        loaded.predict_proba(table), model.predict_proba(table)
    )


def test_labels_of_several_kinds_raise():
    mixed = np.where(OUTCOME == 1, "fails", OUTCOME.astype(object))
    with pytest.raises(ValueError, match="labels of one kind"):
        RiskClassifier(TREE, cv=3).fit(PLAIN, mixed)


# -- wherever scikit-learn takes a classifier ---------------------------------------


def test_cross_validation_and_grid_search():
    model = RiskClassifier(pipe(), cv=2)
    scores = cross_val_score(
        model,
        X,
        y,
        cv=StudentKFold(2, random_state=0),
        scoring=make_snapshot_scorer("roc_auc"),
        error_score="raise",
    )
    assert ((scores > 0.4) & (scores <= 1)).all()
    search = GridSearchCV(
        model,
        {"calibration": ["sigmoid", None], "estimator__snapshots__every": [5, 9]},
        cv=StudentKFold(2, random_state=0),
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert "RiskClassifier" in search.best_estimator_._repr_html_()


def test_pickling(model):
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_weights_follow_their_rows_through_samplers():
    weight = np.random.RandomState(0).uniform(0.5, 2, len(X))
    RiskClassifier(pipe(Spy(), balance="under"), cv=2).fit(X, y, sample_weight=weight)
    table = pipe()[:2].fit_transform(X).iloc[:, 2:]
    table["weight"], table["outcome"] = weight, y
    for _, rows, outcome, given in Spy.fits():
        # the index identifies each training row's row in the table
        own = table.loc[rows.index]
        np.testing.assert_array_equal(given, own["weight"])
        np.testing.assert_array_equal(outcome, own["outcome"])
        assert np.mean(outcome) == 0.5


def test_weights_of_1_have_no_effect(model):
    weighted = RiskClassifier(pipe(), cv=3).fit(X, y, sample_weight=np.ones(len(X)))
    np.testing.assert_array_equal(weighted.predict_proba(X), model.predict_proba(X))


def test_samplers_that_make_rows_raise_with_weights():
    model = RiskClassifier(pipe(balance="smote"), cv=2)
    with pytest.raises(ValueError, match=r"sampler 'balance' \(AdaptiveSMOTE\) makes"):
        model.fit(X, y, sample_weight=np.ones(len(X)))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_unsound_weights_raise(bad):
    weight = np.ones(300)
    weight[7] = bad
    with pytest.raises(ValueError, match=r"sample_weight must be finite.*1 of 300"):
        RiskClassifier(TREE).fit(PLAIN, OUTCOME, sample_weight=weight)


WEIGHTS_OF_NO_NUMBER = {
    "text": (["heavy"] * 300, "needs a number in every row; found the dtype str"),
    "dates": (pd.date_range("2024", periods=300), "found the dtype datetime64"),
    "nothing": ([None] * 300, "found the dtype object"),
    "two columns": (np.ones((300, 2)), r"found the shape \(300, 2\)"),
    "too few": (np.ones(299), "each of the 300 rows; found 299"),
}


@pytest.mark.parametrize(
    ("weight", "message"), WEIGHTS_OF_NO_NUMBER.values(), ids=[*WEIGHTS_OF_NO_NUMBER]
)
def test_weights_that_are_not_numbers_raise_in_words(weight, message):
    with pytest.raises(ValueError, match=f"sample_weight.*{message}") as raised:
        RiskClassifier(TREE).fit(PLAIN, OUTCOME, sample_weight=weight)
    assert "heavy" not in str(raised.value)


def test_classifier_without_weights_raises():
    from sklearn.neighbors import KNeighborsClassifier  # noqa: PLC0415

    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        RiskClassifier(KNeighborsClassifier(), cv=2).fit(
            PLAIN, OUTCOME, sample_weight=np.ones(300)
        )


def test_metadata_is_routed_on_request():
    weight = np.random.RandomState(0).uniform(0.5, 2, 300)
    students = np.arange(300) // 3
    with sklearn.config_context(enable_metadata_routing=True):
        model = (
            RiskClassifier(Spy(), cv=2)
            .set_fit_request(sample_weight=True, groups=True)
            .set_score_request(sample_weight=False)
        )
        search = GridSearchCV(
            model, {"calibration": ["sigmoid"]}, cv=StudentKFold(2, random_state=0)
        )
        search.fit(PLAIN, OUTCOME, sample_weight=weight, groups=students)
    assert all(given is not None for *_, given in Spy.fits())
    for train, test in search.best_estimator_.split_plan_.splits:
        assert not set(students[train]) & set(students[test])


# -- bad input ---------------------------------------------------------------------


class Broken(DummyClassifier):
    """Return NaN, or more than 1."""

    def __init__(self, gives=np.nan):
        super().__init__()
        self.gives = gives

    def predict_proba(self, X):
        return np.full((len(X), 2), self.gives)


@pytest.mark.parametrize("gives", [np.nan, 1.5, -0.1])
def test_invalid_probabilities_raise(gives):
    model = RiskClassifier(Broken(gives), cv=3)
    with pytest.raises(ValueError, match=r"300 of 300 scores that are NaN or outside"):
        model.fit(PLAIN, OUTCOME)


def passing_but(n_failing):
    students = X["user_uuid"].unique()[:n_failing]
    return X["user_uuid"].isin(students).astype(int)


@pytest.mark.parametrize(
    ("table", "target", "given", "error", "message"),
    [
        (X, y * 0, {}, ValueError, "y needs two classes.*hold one class"),
        (X, y + X.index % 2, {}, ValueError, "y needs two classes.*hold 3 classes"),
        (X, y.where(X.index > 5), {}, ValueError, "y has no value in 6 of"),
        (X, passing_but(2), {"cv": 3}, SplitError, "at least 3 failing students"),
        (X, y, {"cv": 100}, SplitError, "100 folds need at least 100 students"),
        (X, y, {"threshold": "recall>=9"}, ValueError, "threshold must be"),
        (X, y, {"calibration": "platt"}, ValueError, "'calibration' parameter of"),
        (X[[*SNAPSHOT_KEYS]], y, {}, TableError, "The event table lacks"),
        (X, y[:-1], {}, ValueError, "inconsistent numbers of samples"),
        (X, np.arange(len(X)) % 2, {}, TableError, "rows of two outcomes"),
    ],
)
def test_bad_input_raises_before_any_fit(table, target, given, error, message):
    model = RiskClassifier(pipe(Spy()), **{"cv": 3, **given})
    with pytest.raises(error, match=message):
        model.fit(table, target)
    assert not Spy.seen
    assert not hasattr(model, "pipeline_")


def test_a_fold_without_the_minority_raises():
    halves = [(np.arange(150), np.arange(150, 300))]
    outcome = (np.arange(300) >= 150).astype(int)
    with pytest.raises(SplitError, match="Fold 0: the 150 training rows hold one"):
        RiskClassifier(TREE, cv=halves).fit(PLAIN, outcome)
    rare = np.zeros(300, dtype=int)
    rare[:3] = 1
    with pytest.raises(SplitError, match=r"at least 5 rows of each class; .* has 3"):
        RiskClassifier(TREE).fit(PLAIN, rare)


def test_error_names_missing_and_unexpected_columns(model):
    given = X.rename(columns={"score": "Score"}).drop(columns="nota_parcial")
    message = (
        r"Columns differ from fit: missing \['nota_parcial', 'score'\], unexpected "
        r"\['Score'\]\. Similar: \{'score': 'Score'\}"
    )
    with pytest.raises(TableError, match=message):
        model.predict_proba(given)
    # a column that no feature reads may be absent, as while a course runs
    some = X.drop(columns=["nota_final_materia", "legajo", "course_name"])
    np.testing.assert_array_equal(model.predict_proba(some), model.predict_proba(X))


def test_columns_of_a_plain_table():
    table = pd.DataFrame(PLAIN[:, :3], columns=["a", "b", "c"])
    model = RiskClassifier(TREE, cv=3).fit(table, OUTCOME)
    with pytest.raises(TableError, match=r"missing \['c'\], unexpected \['d'\]"):
        model.predict(table.rename(columns={"c": "d"}))
    booster = RiskClassifier(LGBMClassifier(n_jobs=1, verbosity=-1), cv=3)
    booster.fit(table, OUTCOME)  # it reads columns by position, not by name
    for other in (table[list("cba")], table.assign(d=0.0)):
        with pytest.raises(ValueError, match="feature names should match"):
            booster.predict(other)


class FailsAtLast(DecisionTreeClassifier):
    """Fail to fit the whole table, whose first row has another class."""

    def fit(self, X, y, **params):
        if len(X) == 300 and y[0] != OUTCOME[0]:
            message = "enough"
            raise RuntimeError(message)
        return super().fit(X, y, **params)


RARE = np.where(np.arange(300) < 2, 1, 0)


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (OUTCOME * 0, ValueError, "y needs two classes"),
        (RARE, SplitError, "at least 3 rows of each class"),
        (1 - OUTCOME, RuntimeError, "enough"),
    ],
    ids=["one class", "too few", "fails at last"],
)
def test_failed_fit_keeps_the_previous_model(target, error, message):
    model = RiskClassifier(FailsAtLast(random_state=0), cv=3).fit(PLAIN, OUTCOME)
    before = pickle.dumps(model)
    with pytest.raises(error, match=message):
        model.fit(PLAIN[:, :5] if error is SplitError else PLAIN, target)
    assert pickle.dumps(model) == before


def test_names_of_several_kinds_raise_before_any_fit():
    table = pd.DataFrame(PLAIN[:, :2], columns=["a", 3])
    with pytest.raises(TypeError, match="names"):
        RiskClassifier(Spy(), cv=3).fit(table, OUTCOME)
    assert not Spy.seen


def test_an_estimator_without_scores_raises():
    from sklearn.linear_model import Ridge  # noqa: PLC0415

    with pytest.raises(TypeError, match="Ridge has neither"):
        RiskClassifier(Ridge()).fit(PLAIN, OUTCOME)


def test_errors_never_contain_student_values():
    secret = X["user_uuid"].iloc[0]
    for target in (np.arange(len(X)) % 2, passing_but(2)):
        with pytest.raises(ValueError, match=r".") as caught:
            RiskClassifier(pipe(), cv=3).fit(X, target)
        assert secret not in str(caught.value)


# -- the test set stays a test set ----------------------------------------------------


def test_evaluation_does_not_change_the_model(model):
    before = pickle.dumps(model)
    first = evaluate(model, X, 1 - y, by="course_name", n_resamples=5)
    model.score_students(X, capacity=3)
    explain(model, X, rows=[0, 9])
    assert pickle.dumps(model) == before
    assert first.threshold == model.threshold_


def test_learning_uses_only_the_training_students():
    train, test, y_train, y_test = student_train_test_split(X, y, random_state=0)
    learned = RiskClassifier(pipe(), cv=3).fit(train, y_train)
    evaluate(learned, test, y_test, n_resamples=5)
    again = RiskClassifier(pipe(), cv=3).fit(train, y_train)
    assert vars(learned.calibrator_) == vars(again.calibrator_)
    assert learned.threshold_ == again.threshold_
    # and it would be seen: the test students' rows do change both
    leaked = RiskClassifier(pipe(), cv=3).fit(X, y)
    assert vars(leaked.calibrator_) != vars(again.calibrator_)
    assert leaked.threshold_ != again.threshold_
    tested = set(test["user_uuid"])
    assert not tested & set(learned.out_of_fold_["user_uuid"])
