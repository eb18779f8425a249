"""honesty_report: training students, test students and figures."""

from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score
from sklearn.model_selection import GroupKFold, KFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from edml._words import Words
from edml.classifier import RiskClassifier
from edml.datasets import load_activity
from edml.exceptions import SplitError, TableError
from edml.feature_extraction import FeatureEngineer
from edml.inspection import honesty_report
from edml.metrics import bootstrap_metrics, percentile_interval
from edml.model_selection import StudentKFold
from edml.pipeline import make_risk_pipeline
from edml.preprocessing import DataCleaner, KeyDropper

SPLITS = ["row-random", "by student", "by course", "forward"]
METRICS = {
    "roc_auc": roc_auc_score,
    "average_precision": average_precision_score,
    "brier": brier_score_loss,
}


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)
    assert astuple(one)[1:] == astuple(other)[1:]


def toy(n_students=60, n_days=8, seed=0):
    """Return rows of students in six courses of three periods, some days twice."""
    rng = np.random.default_rng(seed)
    enrolments = [
        (student, course)
        for student in range(n_students)
        for course in rng.choice(6, rng.integers(1, 3), replace=False)
    ]
    rows = [
        (student, course, day)
        for student, course in enrolments
        for day in range(n_days)
        for _ in range(1 + (day % 3 == 0))
    ]
    X = pd.DataFrame(rows, columns=["student", "course", "particion"])
    X["user_uuid"] = "s" + X["student"].astype(str)
    X["course_uuid"] = "c" + X["course"].astype(str)
    X["periodo"] = np.array(["1-2022", "02-2022", "01-2023"])[X["course"] % 3]
    fails = rng.random((n_students, 6)) < 0.35
    y = fails[X["student"], X["course"]].astype(int)
    order = rng.permutation(len(X))
    return X.iloc[order].set_index(np.arange(len(X)) + 7), y[order]


class Numbers(TransformerMixin, BaseEstimator):
    """Return a column that identifies an enrolment: no honest learner can use it."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[["student", "course", "particion"]].to_numpy() * [100.0, 1000.0, 1.0]

    def __sklearn_is_fitted__(self):
        return True


def recaller():
    """Return a pipeline that memorizes the rows of an enrolment."""
    return make_pipeline(Numbers(), KNeighborsClassifier(1))


def brute_force(X, y):
    """Return the test rows and the scores of each split, computed step by step."""
    last = X["periodo"].eq("01-2023").to_numpy()
    keys = ["user_uuid", "course_uuid", "particion"]
    tested = np.flatnonzero(last & ~X.duplicated(keys).to_numpy())
    course = pd.factorize(X["course_uuid"])[0]
    apart = []
    for train, test in GroupKFold(5).split(course, groups=course):
        gone = set(X["user_uuid"].iloc[test])
        apart.append(([i for i in train if X["user_uuid"].iloc[i] not in gone], test))
    gone = set(X["user_uuid"][last])
    forward = np.flatnonzero(~last & ~X["user_uuid"].isin(gone).to_numpy())
    splits = {
        "row-random": KFold(5, shuffle=True, random_state=0).split(X),
        "by student": StudentKFold(5, random_state=0).split(X, y),
        "by course": apart,
        "forward": [(forward, np.flatnonzero(last))],
    }
    score = {}
    for split, sides in splits.items():
        score[split] = np.full(len(X), np.nan)
        for train, test in sides:
            fitted = recaller().fit(X.iloc[train], y[train])
            score[split][test] = fitted.predict_proba(X.iloc[test])[:, 1]
    return tested, {split: values[tested] for split, values in score.items()}


# -- training and test students -------------------------------------------------------


class Spy(ClassifierMixin, BaseEstimator):
    """Record the training rows, and predict 1 for them."""

    log = []  # noqa: RUF012

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.trained_ = set(X.index)
        return self

    def predict_proba(self, X):
        Spy.log.append((self.trained_, set(X.index)))
        known = np.array([row in self.trained_ for row in X.index], dtype=float)
        return np.column_stack([1 - known, known])


@pytest.fixture
def spied():
    X, y = toy()
    Spy.log = []
    report = honesty_report(Spy(), X, y, n_resamples=5)
    return X, y, report, list(Spy.log)


def students(X, rows):
    return set(X.loc[list(rows), "user_uuid"])


def test_no_test_student_trains_except_under_row_random(spied):
    X, _, _, log = spied
    torn = [bool(students(X, a) & students(X, b)) for a, b in log]
    assert sum(torn) == 5  # the folds of row-random
    assert torn.index(True) == len(torn) - 5


def test_row_random_trains_on_nearly_every_test_student(spied):
    X, _, _, log = spied
    for trained, shown in log[-5:]:
        assert students(X, shown) <= students(X, trained)


def test_no_test_row_trains(spied):
    X, y, report, _ = spied
    tested, _ = brute_force(X, y)
    # A training row would have a score of 1, and change the figure.
    assert report.table["brier"].tolist() == pytest.approx([y[tested].mean()] * 4)


def test_forward_trains_on_earlier_periods_and_by_course_on_other_courses(spied):
    X, _, _, log = spied
    trained, shown = log[0]
    assert set(X.loc[list(trained), "periodo"]) == {"1-2022", "02-2022"}
    last = X[X["periodo"] == "01-2023"]
    assert students(X, shown) == set(last["user_uuid"])
    for trained, shown in log[1:-10]:
        tested = set(last.loc[list(shown & set(last.index)), "course_uuid"])
        assert tested
        assert not tested <= set(X.loc[list(trained), "course_uuid"])


def test_tested_are_snapshots_of_the_last_periods(spied):
    X, y, report, _ = spied
    tested, _ = brute_force(X, y)
    assert report.table.index.tolist() == SPLITS
    assert set(report.table["n_snapshots"]) == {len(tested)}
    assert set(report.table["n_students"]) == {X["user_uuid"].iloc[tested].nunique()}
    two = honesty_report(Spy(), X, y, n_resamples=5, test_periods=2)
    n_snapshots = X[X["periodo"] != "1-2022"].drop_duplicates(
        ["user_uuid", "course_uuid", "particion"]
    )
    assert set(two.table["n_snapshots"]) == {len(n_snapshots)}


# -- the figures ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def leaking():
    X, y = toy()
    return X, y, honesty_report(recaller(), X, y, n_resamples=200)


def test_memorizing_models_are_detected(leaking):
    _, _, report = leaking
    for name in METRICS:
        optimism = report.table[f"{name}_optimism_low"]
        assert optimism["row-random"] > 0
        assert optimism["by student"] <= 0
    assert report.table.loc["row-random", "roc_auc"] > 0.95
    assert (report.table["roc_auc"].iloc[1:] < 0.7).all()


@pytest.mark.parametrize("name", METRICS)
def test_figures_are_those_of_brute_force(leaking, name):
    X, y, report = leaking
    tested, score = brute_force(X, y)
    sign = -1 if name == "brier" else 1
    draws = {
        split: bootstrap_metrics(
            y[tested],
            values,
            X["user_uuid"].iloc[tested],
            metrics=[name],
            n_resamples=200,
        )[name]
        for split, values in score.items()
    }
    for split, values in score.items():
        row = report.table.loc[split]
        value = METRICS[name](y[tested], values)
        above = sign * (value - METRICS[name](y[tested], score["forward"]))
        assert row[name] == pytest.approx(value, abs=1e-12)
        assert row[f"{name}_optimism"] == pytest.approx(above, abs=1e-12)
        paired = sign * (draws[split] - draws["forward"])
        for of, drawn in ((name, draws[split]), (f"{name}_optimism", paired)):
            found = row[f"{of}_low"], row[f"{of}_high"]
            assert found == pytest.approx(percentile_interval(drawn), abs=1e-12)


def test_equal_predictions_have_no_optimism():
    X, y = toy()
    constant = DummyClassifier(strategy="constant", constant=1)
    table = honesty_report(constant, X, y, n_resamples=50).table
    assert (table.filter(like="optimism") == 0).all(axis=None)
    assert not np.signbit(table.filter(like="optimism")).any(axis=None)


def test_index_and_class_names_do_not_matter():
    X, y = toy()
    report = honesty_report(recaller(), X, y.astype(bool), n_resamples=20)
    labels = np.where(y == 1, "z fails", "a passes")
    X = X.reset_index(drop=True)
    given = {"n_resamples": 20, "fail_label": "z fails"}
    assert_same(report, honesty_report(recaller(), X, labels, **given))
    labels = np.where(y == 1, "fails", "passes")  # the failing one comes first
    same = honesty_report(recaller(), X, labels, **{**given, "fail_label": "fails"})
    assert_same(report, same)
    with pytest.raises(SplitError, match="nothing says which one means failing"):
        honesty_report(recaller(), X, labels, n_resamples=20)


def test_same_seed_same_report_and_any_kind_of_seed():
    X, y = toy()

    def run(random_state):
        return honesty_report(
            recaller(), X, y, n_resamples=20, random_state=random_state
        )

    assert_same(run(3), run(3))
    assert_same(run(np.random.RandomState(3)), run(np.random.RandomState(3)))
    assert not run(3).table.equals(run(4).table)
    assert run(None).reference == "forward"


# -- pipelines ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def activity():
    X, y = load_activity(return_X_y=True)
    failing = set(X["user_uuid"][y == 1])
    kept = X["user_uuid"].map(lambda s: s in failing or hash_of(s) % 4 == 0)
    return X[kept.to_numpy()], y[kept.to_numpy()]


def hash_of(text):
    return sum(text.encode())


def test_pipeline_is_as_if_features_were_made_for_all_rows_first(activity):
    X, y = activity
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    pipe = make_risk_pipeline(tree, every=10)
    report = honesty_report(pipe, X, y, n_splits=2, n_resamples=5)
    features = FeatureEngineer().fit_transform(X)
    score = np.full(len(X), np.nan)
    for train, test in KFold(2, shuffle=True, random_state=0).split(X):
        rest = clone(pipe[2:]).fit(features.iloc[train], y.iloc[train])
        score[test] = rest.predict_proba(features.iloc[test])[:, 1]
    keys = ["user_uuid", "course_uuid", "particion"]
    first = ~X.assign(particion=X["particion"].fillna(0)).duplicated(keys).to_numpy()
    tested = first & X["periodo"].isin(["2-2023", "02-2023"]).to_numpy()
    assert report.table.loc["row-random", "roc_auc"] == pytest.approx(
        roc_auc_score(y[tested], score[tested])
    )
    assert report.notes == ()
    with pytest.raises(Exception, match="not fitted"):
        check_is_fitted(pipe)


@pytest.mark.slow  # joblib's processes start slowly
@pytest.mark.parametrize(
    "classifier", ["lightgbm", RandomForestClassifier(5, random_state=0)]
)
def test_same_bits_at_any_number_of_jobs(activity, classifier):
    X, y = activity
    pipe = make_risk_pipeline(classifier, every=10)
    one, two = (
        honesty_report(pipe, X, y, n_splits=2, n_resamples=20, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    assert_same(one, two)


def test_mapped_names_reach_the_splits(activity):
    X, y = activity
    columns = {"user_uuid": "sid", "periodo": "term", "course_uuid": "class"}
    run = {"n_splits": 2, "n_resamples": 5}
    mapped = make_risk_pipeline(GaussianNB(), columns=columns, every=10)
    report = honesty_report(mapped, X.rename(columns=columns), y, **run)
    plain = honesty_report(make_risk_pipeline(GaussianNB(), every=10), X, y, **run)
    assert_same(report, plain)


class Counted(Numbers):
    _per_history = True
    n_fits = 0

    def fit(self, X, y=None):
        Counted.n_fits += 1
        return self


def test_marked_steps_run_once_and_others_in_each_fold():
    X, y = toy()
    Counted.n_fits = 0
    marked = make_pipeline(Counted(), KNeighborsClassifier(1))
    report = honesty_report(marked, X, y, n_resamples=5)
    assert Counted.n_fits == 1
    unmarked = honesty_report(recaller(), X, y, n_resamples=5)
    assert report.table.equals(unmarked.table)
    assert report.notes == ()
    assert "known to treat histories one by one" in unmarked.notes[0]


class Wrapper(ClassifierMixin, BaseEstimator):
    """Fit an estimator, as calibration or a threshold would."""

    def __init__(self, estimator=None):
        self.estimator = estimator

    def fit(self, X, y):
        self.fitted_ = clone(self.estimator).fit(X, y)
        return self

    def predict_proba(self, X):
        return self.fitted_.predict_proba(X)


def test_wrapped_pipelines_also_receive_features():
    X, y = toy()
    Counted.n_fits = 0
    inner = make_pipeline(Counted(), KNeighborsClassifier(1))
    report = honesty_report(Wrapper(inner), X, y, n_resamples=5)
    assert Counted.n_fits == 1
    assert_same(report, honesty_report(inner, X, y, n_resamples=5))
    assert inner.steps[0][0] == "counted"  # not changed
    unmarked = honesty_report(Wrapper(recaller()), X, y, n_resamples=5)
    assert unmarked.table.equals(report.table)
    assert "known to treat histories one by one" in unmarked.notes[0]


def test_risk_classifier_is_reported_by_its_pipeline(activity):
    X, y = activity
    pipe = make_risk_pipeline(GaussianNB(), every=10)
    model = RiskClassifier(pipe, cv=2)
    report = honesty_report(model, X, y, n_splits=2, n_resamples=5)
    assert report.notes == ()
    raw = honesty_report(pipe, X, y, n_splits=2, n_resamples=5).table
    # Calibration keeps the order of one model's scores, and changes their values.
    found, uncalibrated = report.table.loc["forward"], raw.loc["forward"]
    assert found["roc_auc"] == pytest.approx(uncalibrated["roc_auc"], abs=0.01)
    assert (report.table["brier"] < raw["brier"]).all()


class Progress(TransformerMixin, BaseEstimator):
    """A step without the mark that reads whole histories."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        days = X.groupby(["user_uuid", "course_uuid"])["particion"]
        return (X["particion"] / days.transform("size")).to_numpy()[:, None]


def test_unmarked_steps_see_whole_histories_when_they_predict():
    X, y = toy()
    y = (X["particion"] > 4).to_numpy().astype(int)  # size 11: above 4 / 11
    tree = DecisionTreeClassifier(random_state=0)
    table = honesty_report(make_pipeline(Progress(), tree), X, y, n_resamples=5).table
    assert (table["roc_auc"].iloc[1:] == 1).all()


# -- splits that cannot be made -------------------------------------------------------


def test_without_a_second_period_students_are_the_reference():
    X, y = toy()
    report = honesty_report(recaller(), X.assign(periodo="1-2022"), y, n_resamples=9)
    assert report.table.index.tolist() == SPLITS[:3]
    assert report.reference == "by student"
    assert "need 2 periods; X holds 1" in report.notes[0]
    assert "all snapshots are evaluated" in report.notes[1]
    assert (report.table.loc["by student"].filter(like="optimism") == 0).all()
    n_snapshots = len(X.drop_duplicates(["user_uuid", "course_uuid", "particion"]))
    assert set(report.table["n_snapshots"]) == {n_snapshots}
    no_column = honesty_report(recaller(), X.drop(columns="periodo"), y, n_resamples=9)
    assert no_column.table.equals(report.table)


def test_one_course_or_few_are_noted():
    X, y = toy()
    first = X["course"].to_numpy() < 1
    report = honesty_report(recaller(), X[first], y[first], n_splits=2, n_resamples=9)
    assert report.table.index.tolist() == SPLITS[:2]
    assert any("X holds one" in note for note in report.notes)
    first = X["course"].to_numpy() < 3
    report = honesty_report(recaller(), X[first], y[first], n_resamples=9)
    assert report.table.index.tolist() == SPLITS
    assert any("3 folds instead of 5" in note for note in report.notes)


def test_too_few_failing_students_leave_out_the_folds_of_students():
    X, _ = toy()
    failing = [*X["user_uuid"][X["course"] == 0].unique()[:2]]
    failing += [*X["user_uuid"][X["course"] == 2].unique()[:2]]
    y = X["user_uuid"].isin(failing).to_numpy().astype(int)
    report = honesty_report(Spy(), X, y, n_resamples=9)
    assert "by student" not in report.table.index
    assert any("failing students; the rows hold" in note for note in report.notes)


def test_where_students_cannot_be_kept_apart_there_is_no_report():
    X, y = toy()
    one = X["user_uuid"].eq("s0").to_numpy()
    y = (X["particion"] > 3).to_numpy().astype(int)
    with pytest.raises(
        SplitError, match=r"No split that keeps .* 'by student' is left"
    ):
        honesty_report(recaller(), X[one], y[one])


# -- bad input ------------------------------------------------------------------------


def test_labels_are_checked():
    X, y = toy()
    with pytest.raises(SplitError, match=r"y needs two classes.*rows hold one class"):
        honesty_report(recaller(), X, np.zeros(len(X)))
    with pytest.raises(SplitError, match=f"y has no value in 2 of {len(X)} rows"):
        honesty_report(recaller(), X, np.where(np.arange(len(X)) < 2, np.nan, y))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        honesty_report(recaller(), X, y[1:])
    with pytest.raises(TableError, match="rows of two outcomes"):
        honesty_report(recaller(), X, np.arange(len(X)) % 2)


def test_table_is_checked():
    X, y = toy()
    with pytest.raises(TableError, match="as a pandas DataFrame"):
        honesty_report(recaller(), X.to_numpy(), y)
    with pytest.raises(TableError, match=r"lacks \['course_uuid'\]"):
        honesty_report(recaller(), X.drop(columns="course_uuid"), y)
    with pytest.raises(TableError, match="hold no period"):
        honesty_report(recaller(), X.assign(periodo="03-2022"), y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_splits": 1}, "'n_splits'"),
        ({"test_periods": 0}, "'test_periods'"),
        ({"confidence": 1.0}, "'confidence'"),
        ({"n_resamples": 0}, "'n_resamples'"),
        ({"metrics": []}, "metrics needs one or more of"),
        ({"metrics": ["brier", "brier"]}, "metrics needs one or more of"),
        ({"metrics": ["auc"]}, r"found \['auc'\]"),
        ({"pipe": Numbers()}, "'pipe'"),
    ],
)
def test_parameters_are_checked(params, message):
    X, y = toy()
    with pytest.raises(ValueError, match=message):
        honesty_report(**{"pipe": recaller(), "X": X, "y": y, **params})


class Broken(Spy):
    def __init__(self, answer="nan"):
        self.answer = answer

    def predict_proba(self, X):
        return np.full((len(X), 2 if self.answer == "nan" else 1), np.nan)


@pytest.mark.parametrize("answer", ["nan", "one column"])
def test_error_names_a_broken_classifier(answer):
    X, y = toy()
    with pytest.raises(
        ValueError, match=r"predict_proba of Broken needs (the shape|fractions)"
    ):
        honesty_report(Broken(answer), X, y)


# -- the report -----------------------------------------------------------------------


def test_text_and_html_contain_figures_and_notes(leaking):
    _, _, report = leaking
    strange = replace(report, notes=("<b>a & b</b>",))
    page = strange._repr_html_()
    figure = f"{report.table.loc['row-random', 'roc_auc']:.3f}"
    for split in ("rows at random", "by student", "by course", "forward in time"):
        assert split in page
        assert split in repr(report)
    assert figure in page
    assert figure in repr(report)
    assert "<b>" not in page
    assert "<b>a & b</b>" in repr(strange)


def test_picture_shows_each_split_and_metric(leaking):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    _, _, report = leaking
    axes = report.plot()
    assert [ax.get_title() for ax in axes] == [
        "ROC AUC",
        "average precision",
        "Brier score",
    ]
    named = ["rows at random", "by student", "by course", "forward in time"]
    assert [label.get_text() for label in axes[0].get_yticklabels()] == named
    dots = [line for line in axes[0].lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == report.table["roc_auc"].tolist()
    figure, given = pyplot.subplots(3)
    assert [*report.plot(given)] == [*given]
    with pytest.raises(ValueError, match="one Axes for each of the 3 metrics; found 1"):
        report.plot(given[0])
    pyplot.close("all")
    assert figure.axes


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_states_which_split_flatters(leaking, tmp_path, language):
    pytest.importorskip("matplotlib")
    _, _, report = leaking
    path = tmp_path / "honesty.html"
    report.to_html(path, language=language)
    page = path.read_text("utf-8")
    assert f'<html lang="{language}">' in page
    most = report.table["roc_auc_optimism"].max()
    words = Words(language)
    assert words.number(most, 3) in page
    assert f"'{words('rows at random')}'" in page.replace("&#x27;", "'") or (
        f"«{words('rows at random')}»" in page
    )
    assert page.count("<svg") == 1
    for split in report.table.index:
        ends = report.table.loc[split, ["roc_auc_low", "roc_auc_high"]]
        assert words.interval(*ends, 3) in page


def test_only_marked_steps_before_the_classifier(activity):
    X, y = activity
    pipe = make_pipeline(DataCleaner(), FeatureEngineer(), KeyDropper(), GaussianNB())
    report = honesty_report(pipe, X, y, n_splits=2, n_resamples=5)
    assert report.notes == ()
    assert report.table.index.tolist() == SPLITS
