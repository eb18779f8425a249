"""scikit-learn's contract, rewritten for estimators of event tables."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import (
    check_estimator_cloneable,
    check_estimator_repr,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
)

from edml import (
    ActivityFeatures,
    DataCleaner,
    FeatureEngineer,
    HistoryFeatures,
    KeyDropper,
    ProgressFeatures,
    RiskClassifier,
    SnapshotSampler,
    StaticColumns,
    StudentKFold,
    add_course_context,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.sampling import AdaptiveSMOTE
from edml.testing import is_per_history

X = make_student_activity(40, fail_rate=0.3, random_state=3)
y = make_target(X)
FEATURES = FeatureEngineer().fit_transform(X)
CLICKS = X.assign(activity_quiz=np.arange(len(X)) % 7, activity_forum=np.nan)
TRANSFORMERS = [
    *((DataCleaner(), X), (FeatureEngineer(), X), (ProgressFeatures(), X)),
    (ActivityFeatures(), CLICKS),
    (
        HistoryFeatures("full", StaticColumns(categorical=["course_name"])),
        add_course_context(CLICKS),
    ),
    (StaticColumns(categorical=["course_name"]), X),
    (KeyDropper(), FEATURES),
]
EVERY = [*(estimator for estimator, _ in TRANSFORMERS), SnapshotSampler()]


def named(value):
    return type(value).__name__


transformers = pytest.mark.parametrize(("estimator", "table"), TRANSFORMERS, ids=named)


@pytest.mark.parametrize(
    "estimator", [*EVERY, AdaptiveSMOTE(), RiskClassifier()], ids=named
)
@pytest.mark.parametrize(
    "check",
    [
        check_estimator_cloneable,
        check_estimator_repr,
        check_no_attributes_set_in_init,
        check_parameters_default_constructible,
    ],
    ids=lambda check: check.__name__,
)
def test_construction(estimator, check):
    check(named(estimator), clone(estimator))


@transformers
def test_fit_returns_self_and_notes_the_columns(estimator, table):
    estimator = clone(estimator)
    assert estimator.fit(table) is estimator
    assert estimator.n_features_in_ == table.shape[1]
    assert list(estimator.feature_names_in_) == list(table)


@transformers
def test_fitting_again_changes_nothing(estimator, table):
    once = clone(estimator).fit(table)
    first = once.transform(table)
    pd.testing.assert_frame_equal(once.fit(table).transform(table), first)


@transformers
def test_input_is_not_changed(estimator, table):
    before = table.copy(deep=True)
    clone(estimator).fit_transform(table)
    pd.testing.assert_frame_equal(table, before)


@transformers
def test_unknown_and_reordered_columns_do_not_matter(estimator, table):
    fitted = clone(estimator).fit(table)
    expected = fitted.transform(table)
    more = table.assign(unknown="anything")
    for other in (more, table[list(table)[::-1]]):
        pd.testing.assert_frame_equal(fitted.transform(other), expected)


@transformers
def test_students_do_not_depend_on_each_other(estimator, table):
    fitted = clone(estimator).fit(table)
    students = table["user_uuid"].unique()[::2]
    some = table["user_uuid"].isin(students)
    pd.testing.assert_frame_equal(
        fitted.transform(table[some]), fitted.transform(table)[some], rtol=1e-9
    )


@transformers
def test_names_index_and_set_output(estimator, table):
    table = table.set_axis(np.arange(len(table)) * 3 + 1)
    fitted = clone(estimator).fit(table)
    output = fitted.transform(table)
    assert list(output) == list(fitted.get_feature_names_out())
    assert output.index.equals(table.index)
    for container in ("pandas", "default"):
        again = clone(estimator).set_output(transform=container).fit_transform(table)
        pd.testing.assert_frame_equal(again, output)


@transformers
def test_pickling_and_html(estimator, table):
    fitted = clone(estimator).fit(table)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own bytes
    pd.testing.assert_frame_equal(again.transform(table), fitted.transform(table))
    assert named(estimator) in fitted._repr_html_()


@transformers
def test_use_before_fit_raises(estimator, table):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clone(estimator).transform(table)


@pytest.mark.parametrize(
    ("estimator", "table"),
    [
        (DataCleaner(columns=3), X),
        (FeatureEngineer(pending="later"), X),
        (FeatureEngineer(partition_days=0), X),
        (ProgressFeatures(partition_days=0), X),
        (ActivityFeatures(partition_days=0), CLICKS),
        (KeyDropper(keys="user_uuid"), FEATURES),
        (SnapshotSampler(every=0), FEATURES),
    ],
    ids=lambda value: repr(value) if hasattr(value, "fit") else "",
)
def test_unsound_parameters_raise(estimator, table):
    with pytest.raises(ValueError, match=rf"of {named(estimator)} must be"):
        estimator.fit(table, y)


def test_only_proven_steps_are_marked_as_per_history():
    assert [named(estimator) for estimator in EVERY if is_per_history(estimator)] == [
        "DataCleaner",
        "FeatureEngineer",
        "ProgressFeatures",
        "ActivityFeatures",
        "HistoryFeatures",
        "StaticColumns",
    ]


def test_search_reaches_into_the_pipeline():
    search = GridSearchCV(
        make_risk_pipeline(),
        {"snapshots__every": [3, 7], "classify__n_estimators": [5]},
        cv=StudentKFold(3, random_state=0),
        scoring="roc_auc",
        error_score="raise",
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert "SnapshotSampler" in search.best_estimator_._repr_html_()
    copy = pickle.loads(pickle.dumps(search.best_estimator_))  # noqa: S301
    np.testing.assert_array_equal(
        copy.predict_proba(X), search.best_estimator_.predict_proba(X)
    )


# -- the samplers and the whole pipeline --------------------------------------

NUMBERS = KeyDropper().fit_transform(FEATURES)
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
ESTIMATORS = [
    *TRANSFORMERS,
    (SnapshotSampler(), FEATURES),
    (AdaptiveSMOTE(random_state=0), NUMBERS),
    (make_risk_pipeline(TREE, every=10), X),
    (RiskClassifier(make_risk_pipeline(TREE, every=10), cv=2), X),
]
estimators = pytest.mark.parametrize(("estimator", "table"), ESTIMATORS, ids=named)
readers = pytest.mark.parametrize(  # columns by name, with any others
    ("estimator", "table"), [*TRANSFORMERS, *ESTIMATORS[-2:]], ids=named
)


def run(estimator, table, target=y):
    """Return a fitted estimator's output for a table, as a DataFrame."""
    if hasattr(estimator, "fit_resample"):
        return estimator.fit_resample(table, target)[0]
    if hasattr(estimator, "transform"):
        return estimator.transform(table)
    return pd.DataFrame(estimator.predict_proba(table), index=table.index)


@pytest.mark.parametrize(
    "estimator", [*EVERY, AdaptiveSMOTE(), RiskClassifier()], ids=named
)
def test_constructor_only_stores(estimator):
    kind = type(estimator)
    given = {parameter: object() for parameter in kind().get_params()}
    assert vars(kind(**given)) == given
    assert kind().set_params(**given).get_params(deep=False) == given


@estimators
def test_fit_of_every_estimator(estimator, table):
    estimator = clone(estimator)
    given, target = table.copy(), y.copy()
    assert estimator.fit(given, target) is estimator
    assert list(estimator.feature_names_in_) == list(table)
    assert estimator.n_features_in_ == table.shape[1]
    found = run(estimator, given, target)
    for name in found.columns:  # writing to the output does not change the input either
        found[name] = None
    pd.testing.assert_frame_equal(given, table)
    pd.testing.assert_series_equal(target, y)


@estimators
def test_a_second_fit_forgets_the_first(estimator, table):
    expected = run(clone(estimator).fit(table, y), table)
    half = table.iloc[: len(table) // 2]
    refitted = clone(estimator).fit(half, y[half.index]).fit(table, y)
    pd.testing.assert_frame_equal(run(refitted, table), expected)
    again = pickle.loads(pickle.dumps(refitted))  # noqa: S301 - our own bytes
    pd.testing.assert_frame_equal(run(again, table), expected)


@readers
def test_extra_columns_do_not_matter(estimator, table):
    fitted = clone(estimator).fit(table, y)
    expected = run(fitted, table)
    wider = table.assign(unknown=np.inf, another="text", third=None)
    pd.testing.assert_frame_equal(run(fitted, wider), expected)
    pd.testing.assert_frame_equal(run(fitted, table[list(table)[::-1]]), expected)
    # as numbers, for the columns that KeyDropper passes on
    wider = table.assign(unknown=7.0)
    found = run(clone(estimator).fit(wider, y), wider)
    pd.testing.assert_frame_equal(found[list(expected)], expected)


@readers
@pytest.mark.parametrize("labels", ["text", "repeated", "pairs"])
def test_any_index_is_kept(estimator, table, labels):
    fitted = clone(estimator).fit(table, y)
    n = np.arange(len(table))
    index = {
        "text": pd.Index([f"row {k}" for k in n], name="event"),
        "repeated": pd.Index(n // 7),
        "pairs": pd.MultiIndex.from_arrays([n % 3, n], names=["a", "b"]),
    }[labels]
    expected = run(fitted, table).set_axis(index)
    pd.testing.assert_frame_equal(run(fitted, table.set_axis(index)), expected)


def test_scores_of_a_student_do_not_depend_on_the_others():
    fitted = make_risk_pipeline(TREE, every=10).fit(X, y)
    some = X["user_uuid"].isin(X["user_uuid"].unique()[:3])
    np.testing.assert_array_equal(
        fitted.predict_proba(X[some]), fitted.predict_proba(X)[some]
    )


def test_snapshots_of_some_students_are_theirs_of_all():
    some = FEATURES["user_uuid"].isin(FEATURES["user_uuid"].unique()[::3])
    expected, _ = SnapshotSampler().fit_resample(FEATURES, y)
    found, _ = SnapshotSampler().fit_resample(FEATURES[some], y[some])
    pd.testing.assert_frame_equal(found, expected[some[expected.index]])


def test_pipeline_is_not_fitted_before_fit():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        make_risk_pipeline(TREE).predict_proba(X)


def test_a_child_class_must_prove_itself():
    class Child(FeatureEngineer):
        pass

    assert not is_per_history(Child())


def test_cross_validation_needs_no_groups():
    cv = StudentKFold(3, random_state=0)
    pipeline = make_risk_pipeline(TREE, every=10)
    scores = cross_val_score(pipeline, X, y, cv=cv, error_score="raise")
    assert ((scores > 0) & (scores <= 1)).all()
