"""evaluate: a model's figures by snapshot, from its predictions only."""

import json
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from edml.datasets import load_activity
from edml.exceptions import TableError
from edml.inspection import Evaluation, EvaluationUnits, evaluate
from edml.metrics import (
    alert_lead_time,
    bootstrap_metrics,
    flip_rate,
    percentile_interval,
    precision_at_k,
)
from edml.pipeline import make_risk_pipeline

KEYS = ["user_uuid", "course_uuid", "particion"]


class Answers:
    """A fitted model that predicts a column of X, and records its calls."""

    def __init__(self, classes=(0, 1), threshold=None, columns=None, reverse=False):
        self.order = [1, 0] if reverse else [0, 1]
        self.classes_ = np.array(classes)
        self.columns = columns
        self.calls = []
        if threshold is not None:
            self.threshold_ = threshold

    def predict_proba(self, X):
        self.calls.append(X)
        risk = X["risk"].to_numpy(dtype=float)
        return np.column_stack([1 - risk, risk])[:, self.order]

    def __getattribute__(self, name):
        for refused in ("fit", "predict", "decision", "score", "transform", "set_"):
            if name.startswith(refused) and name != "predict_proba":
                raise AssertionError(name)
        return super().__getattribute__(name)


def table(n_students=60, seed=0, n_days=4, n_courses=2, n_failing=12):
    """Make rows with their risk, several a day, shuffled; and the labels."""
    rng = np.random.default_rng(seed)
    snapshots = pd.MultiIndex.from_product(
        [
            [f"s{number:03d}" for number in range(n_students)],
            [f"c{number}" for number in range(n_courses)],
            range(n_days),
        ],
        names=KEYS,
    ).to_frame(index=False)
    fails = snapshots["user_uuid"] < f"s{n_failing:03d}"
    snapshots["campus"] = np.where(snapshots["course_uuid"] == "c0", "north", "south")
    noise = rng.uniform(size=len(snapshots)).round(2)
    snapshots["risk"] = (0.3 * fails + 0.7 * noise).round(3)
    snapshots["fails"] = fails.astype(int)
    rows = snapshots.loc[np.repeat(snapshots.index, rng.integers(1, 4, len(snapshots)))]
    X = rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    return X.drop(columns="fails"), X["fails"]


def snapshots_of(X, y):
    first = ~X.duplicated(KEYS)
    return X[first], y[first]


@pytest.fixture(scope="module")
def case():
    X, y = table()
    return X, y, evaluate(Answers(), X, y, by="campus", n_resamples=40)


# -- the figures ---------------------------------------------------------------


def check_metrics(metrics, y, risk, threshold):
    flagged = risk >= threshold
    expected = {
        "roc_auc": roc_auc_score(y, risk),
        "average_precision": average_precision_score(y, risk),
        "brier": brier_score_loss(y, risk),
        "log_loss": log_loss(y, risk),
        "f1": f1_score(y, flagged),
        "precision": precision_score(y, flagged),
        "recall": recall_score(y, flagged),
        "accuracy": accuracy_score(y, flagged),
    }
    found = {name: metrics[name] for name in expected}
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("threshold", [None, 0.31])
def test_figures_are_scikit_learns_on_one_row_per_snapshot(threshold):
    X, y = table(seed=1)
    evaluation = evaluate(Answers(threshold=threshold), X, y, n_resamples=0)
    X, y = snapshots_of(X, y)
    cut = 0.5 if threshold is None else threshold
    assert evaluation.threshold == cut
    check_metrics(evaluation.metrics, y, X["risk"], cut)
    assert_array_equal(evaluation.confusion, confusion_matrix(y, X["risk"] >= cut))
    assert evaluation.counts == {
        "n_snapshots": 480,
        "n_histories": 120,
        "n_students": 60,
        "n_failing_students": 12,
        "n_failing_snapshots": 96,
    }


def test_breakdowns_are_the_figures_of_their_parts(case):
    X, y, evaluation = case
    X, y = snapshots_of(X, y)
    for table_, column, key in [
        (evaluation.by_partition, "particion", "particion"),
        (evaluation.by_course, "course_uuid", "course_uuid"),
        (evaluation.by_group["campus"], "group", "campus"),
    ]:
        assert list(table_[column]) == sorted(X[key].unique())
        for record in table_.to_dict("records"):
            part = X[key] == record[column]
            check_metrics(record, y[part], X["risk"][part], 0.5)
            assert record["n_snapshots"] == part.sum()
            assert record["n_students"] == 60
            assert record["n_failing"] == 12
            assert record["enough"]
            assert record["roc_auc_low"] <= record["roc_auc"] <= record["roc_auc_high"]


def test_intervals_are_those_of_the_students(case):
    X, y, evaluation = case
    X, y = snapshots_of(X, y)
    draws = bootstrap_metrics(y, X["risk"], X["user_uuid"], n_resamples=40)
    expected = {name: percentile_interval(draws[name]) for name in draws}
    for name, (low, high) in expected.items():
        assert evaluation.intervals[name] == pytest.approx((low, high), rel=1e-12)
    day = evaluation.by_partition.iloc[2]
    part = X["particion"] == 2
    draws = bootstrap_metrics(
        y[part], X["risk"][part], X["user_uuid"][part], n_resamples=40
    )
    assert (day["roc_auc_low"], day["roc_auc_high"]) == pytest.approx(
        percentile_interval(draws["roc_auc"]), rel=1e-12
    )


def test_metrics_over_the_course(case):
    X, y, evaluation = case
    X, y = snapshots_of(X, y)
    history = X["user_uuid"] + X["course_uuid"]
    flagged = X["risk"] >= 0.5
    for k, precision in evaluation.precision_at_k.itertuples(index=False):
        expected = precision_at_k(y, X["risk"], X["course_uuid"], X["particion"], k)
        assert precision == pytest.approx(expected)
    assert list(evaluation.precision_at_k["k"]) == [5, 10, 15]
    lead = alert_lead_time(y, flagged, history, X["particion"])
    assert evaluation.lead_time == pytest.approx(lead)
    assert evaluation.flip_rate == flip_rate(flagged, history, X["particion"])


# -- from predictions ----------------------------------------------------------


@pytest.mark.parametrize("keys", [True, False])
def test_units_record_the_rows_of_their_predictions(keys):
    X, y = table()
    if not keys:
        X = X.drop(columns=KEYS)
    units = EvaluationUnits.from_estimator(Answers(), X, y)
    assert_array_equal(units.y_prob, X["risk"].to_numpy()[units.rows])
    assert_array_equal(units.y_true, y.to_numpy()[units.rows] == 1)
    assert len(units.rows) == (480 if keys else len(X))
    assert (units.course is None) is not keys
    assert "s00" not in repr(units)


def test_evaluation_of_units_is_that_of_the_model(case):
    X, y, evaluation = case
    units = EvaluationUnits.from_estimator(Answers(), X, y)
    again = Evaluation.from_units(units, by="campus", n_resamples=40)
    assert again == evaluation
    assert units.fingerprint() == evaluation.data_fingerprint
    strict = Evaluation.from_units(units, threshold=0.8, n_resamples=0)
    other = evaluate(Answers(threshold=0.8), X, y, n_resamples=0)
    assert strict == other


def test_threshold_of_a_search_is_that_of_its_best_estimator(case):
    X, y, _ = case
    search = Answers()
    search.best_estimator_ = Answers(threshold=0.8)
    assert evaluate(search, X, y, n_resamples=0).threshold == 0.8


# -- the curves ----------------------------------------------------------------


def test_roc_curve_is_scikit_learns(case):
    X, y, evaluation = case
    X, y = snapshots_of(X, y)
    expected = np.column_stack(roc_curve(y, X["risk"]))
    assert_array_equal(evaluation.curves["roc"].to_numpy(), expected)


def test_precision_recall_curve_is_that_of_its_thresholds(case):
    X, y, evaluation = case
    X, y = snapshots_of(X, y)
    curve = evaluation.curves["precision_recall"]
    assert curve["threshold"].iloc[-1] == np.inf
    for precision, recall, threshold in curve.iloc[:-1:7].itertuples(index=False):
        flagged = X["risk"] >= threshold
        assert precision == pytest.approx(precision_score(y, flagged))
        assert recall == pytest.approx(recall_score(y, flagged))


def standing(X, flagged):
    """Count day by day the students flagged at their latest snapshot, per course."""
    total = 0
    for _, own in X.assign(flagged=flagged).groupby(["user_uuid", "course_uuid"]):
        flags = own.sort_values("particion").set_index("particion")["flagged"]
        every = range(int(flags.index.min()), int(flags.index.max()) + 1)
        total += flags.reindex(every, method="ffill").sum()
    spans = X.groupby("course_uuid")["particion"].agg(["min", "max"])
    return total / (spans["max"] - spans["min"] + 1).sum()


def test_threshold_curve_is_that_of_each_threshold(case):
    X, y, _ = case
    curve = evaluate(Answers(threshold=0.777), X, y, n_resamples=0).curves["thresholds"]
    X, y = snapshots_of(X, y)
    assert 0.777 in set(curve["threshold"])
    assert len(curve) <= 200
    assert curve["threshold"].is_monotonic_increasing
    for record in curve.iloc[::9].to_dict("records"):
        flagged = X["risk"] >= record["threshold"]
        assert record["precision"] == pytest.approx(precision_score(y, flagged))
        assert record["recall"] == pytest.approx(recall_score(y, flagged))
        assert record["f1"] == pytest.approx(f1_score(y, flagged))
        assert record["flagged_per_course"] == pytest.approx(standing(X, flagged))


def test_a_threshold_that_flags_nobody():
    X, y = table()
    evaluation = evaluate(Answers(threshold=2.0), X, y, n_resamples=20)
    assert np.isnan(evaluation.metrics["precision"])
    last = evaluation.curves["thresholds"].iloc[-1]
    assert last["threshold"] == 2
    assert last["flagged_per_course"] == 0
    assert np.isnan(last["precision"])
    assert evaluation.lead_time["share_alerted"] == 0


def test_calibration_curve_has_student_intervals():
    X, y = table(200, n_failing=60)
    # One risk for all days of a student: independent rows would narrow the interval.
    X["risk"] = X.groupby("user_uuid")["risk"].transform("first") - 0.25 * y
    X["risk"] = X["risk"].clip(0, 1)
    curve = evaluate(Answers(), X, y, n_resamples=300).curves["calibration"]
    X, y = snapshots_of(X, y)
    assert curve["n"].sum() == len(X)
    mean = np.average(curve["share_positive"], weights=curve["n"])
    assert mean == pytest.approx(y.mean())
    inside = (curve["low"] <= curve["share_positive"]) & (
        curve["share_positive"] <= curve["high"]
    )
    assert inside.all()
    # By hand: draw the students of one bin with all their rows.
    top = X["risk"] >= np.sort(X["risk"])[-int(curve["n"].iloc[-1])]
    assert top.sum() == curve["n"].iloc[-1]
    sums = (
        pd.DataFrame({"s": X["user_uuid"], "y": y * top, "n": top}).groupby("s").sum()
    )
    rng = np.random.default_rng(0)
    drawn = [
        sums.iloc[rng.integers(len(sums), size=len(sums))].sum() for _ in range(300)
    ]
    shares = [one["y"] / one["n"] for one in drawn]
    low, high = np.quantile(shares, [0.025, 0.975])
    found = curve.iloc[-2:]
    assert (found["low"] < found["high"]).all()
    assert curve["high"].iloc[-1] - curve["low"].iloc[-1] == pytest.approx(
        high - low, rel=0.25
    )


def test_long_curves_are_thinned_and_keep_their_ends():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 20_000)
    X = pd.DataFrame({"risk": np.clip(rng.normal(0.4 + 0.2 * y, 0.1), 0, 1)})
    evaluation = evaluate(Answers(), X, y, n_resamples=0)
    for name in ("roc", "precision_recall"):
        assert len(evaluation.curves[name]) == 1000
    roc = evaluation.curves["roc"]
    assert tuple(roc.iloc[0]) == (0, 0, np.inf)
    assert tuple(roc[["fpr", "tpr"]].iloc[-1]) == (1, 1)
    area = np.trapezoid(roc["tpr"], roc["fpr"])
    assert area == pytest.approx(evaluation.metrics["roc_auc"], abs=1e-4)


# -- the snapshot is the unit --------------------------------------------------


def figures(evaluation):
    """Remove the fingerprint of the rows."""
    return replace(evaluation, data_fingerprint="")


def test_a_busy_day_counts_once(case):
    X, y, evaluation = case
    busy = X[X["user_uuid"].isin(["s001", "s030"]) & (X["particion"] == 1)]
    more = pd.concat([X, *[busy] * 9])
    again = evaluate(Answers(), more, y.loc[more.index], by="campus", n_resamples=40)
    assert figures(again) == figures(evaluation)


@pytest.mark.parametrize("seed", range(5))
def test_row_order_has_no_effect(case, seed):
    X, y, evaluation = case
    order = np.random.default_rng(seed).permutation(len(X))
    X, y = X.iloc[order], y.iloc[order]
    assert evaluate(Answers(), X, y, by="campus", n_resamples=40) == evaluation


@pytest.mark.parametrize("grouped", [False, True])
def test_row_order_has_no_effect_on_plain_tables(grouped):
    X, y = table()
    X = X.drop(columns=KEYS)
    groups = np.arange(len(X)) // 7 if grouped else None
    order = np.random.default_rng(0).permutation(len(X))
    options = {"by": "campus", "n_resamples": 20}
    evaluation = evaluate(Answers(), X, y, groups=groups, **options)
    again = evaluate(
        Answers(),
        X.iloc[order],
        y.iloc[order],
        groups=groups[order] if grouped else None,
        **options,
    )
    assert again == evaluation


def test_another_seed_changes_only_the_intervals(case):
    X, y, evaluation = case
    other = evaluate(Answers(), X, y, by="campus", n_resamples=40, random_state=1)
    assert other.intervals != evaluation.intervals
    assert other.metrics == evaluation.metrics


def test_a_null_partition_is_the_first_day(case):
    X, y, evaluation = case
    X = X.assign(particion=X["particion"].where(X["particion"] != 0))
    again = evaluate(Answers(), X, y, by="campus", n_resamples=40)
    assert figures(again) == figures(evaluation)


def test_columns_have_the_names_that_the_model_reads(case):
    X, y, evaluation = case
    columns = dict(zip(KEYS, ["student", "class", "day"], strict=True))
    renamed = X.rename(columns=columns)
    model = Answers(columns=columns)
    again = evaluate(model, renamed, y, by="campus", n_resamples=40)
    assert figures(again) == figures(evaluation)
    with pytest.raises(TableError, match=r"'student'.*single students"):
        evaluate(model, renamed, y, by="student", n_resamples=0)


def test_groups_are_resampled_together():
    X, y = table()
    school = X["user_uuid"].str[-1]
    evaluation = evaluate(Answers(), X, y, groups=school, n_resamples=30)
    X, y = snapshots_of(X, y)
    draws = bootstrap_metrics(y, X["risk"], X["user_uuid"].str[-1], n_resamples=30)
    assert evaluation.intervals["roc_auc"] == pytest.approx(
        percentile_interval(draws["roc_auc"])
    )
    assert evaluation.counts["n_students"] == 60


# -- the model only predicts ---------------------------------------------------


@pytest.mark.parametrize("keys", [True, False])
def test_only_predict_proba_is_called_and_only_once(keys):
    X, y = table()
    if not keys:
        X = X.drop(columns=KEYS)
    before = X.copy()
    model = Answers()
    state = dict(vars(model))
    evaluate(model, X, y, by="campus", n_resamples=5)
    assert len(model.calls) == 1
    assert model.calls[0] is X  # every row: features need all events
    assert_frame_equal(X, before)
    assert vars(model) == state


def test_no_row_reaches_the_pipeline():
    X, y = load_activity(return_X_y=True)
    test = X["user_uuid"].isin(X["user_uuid"].unique()[:120])
    model = make_risk_pipeline().fit(X[~test], y[~test])
    before = joblib.hash(model)
    evaluation = evaluate(model, X[test], y[test], by="periodo", n_resamples=20)
    assert joblib.hash(model) == before
    assert evaluation.counts["n_students"] == 120
    # In either form of a period: no half-year appears twice.
    periods = evaluation.by_group["periodo"]["group"]
    assert periods.str.fullmatch(r"0[12]-\d{4}").all()
    assert periods.is_unique


def test_result_contains_no_student():
    X, y = table()
    evaluation = evaluate(Answers(), X, y, by="campus", n_resamples=5)
    text = json.dumps(evaluation.to_dict()) + evaluation._repr_html_()
    assert not any(student in text for student in X["user_uuid"].unique())


# -- labels --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("classes", "convert"),
    [
        (["pass", "repeat"], lambda y: y.map({0: "pass", 1: "repeat"})),
        (
            ["pass", "repeat"],
            lambda y: y.map({0: "pass", 1: "repeat"}).astype("category"),
        ),
        ([False, True], lambda y: y.astype(bool)),
        ([0, 1], lambda y: y.astype(float).tolist()),
        ([0, 1], lambda y: y.astype("Int64")),
        ([0, 1], lambda y: y.astype(bool)),
        ([-1, 1], lambda y: y.map({0: -1, 1: 1}).to_numpy()),
    ],
    ids=["text", "categories", "booleans", "floats", "nullable", "mixed", "signs"],
)
def test_labels_of_any_kind(case, classes, convert):
    X, y, evaluation = case
    label = classes[1] if isinstance(classes[1], str) else None
    model, y = Answers(classes), convert(y)
    found = evaluate(model, X, y, by="campus", n_resamples=40, fail_label=label)
    assert found == evaluation


def test_text_labels_need_to_say_which_one_fails(case):
    X, y, evaluation = case
    model, words = Answers(["pass", "repeat"]), y.map({0: "pass", 1: "repeat"})
    with pytest.raises(ValueError, match="nothing says which one means failing"):
        evaluate(model, X, words)
    with pytest.raises(ValueError, match="is not one of the classes"):
        evaluate(model, X, words, fail_label="Repeat")
    swapped = evaluate(
        Answers(["fail", "pass"], reverse=True),
        X,
        y.map({0: "pass", 1: "fail"}),
        by="campus",
        n_resamples=40,
        fail_label="fail",
    )
    assert swapped == evaluation


@pytest.mark.parametrize("wrong", [2, None, np.nan, pd.NA, "fail"])
def test_labels_that_are_not_a_class(wrong):
    X, y = table()
    y = y.astype(object)
    y[X["user_uuid"] == "s003"] = wrong
    n = (X["user_uuid"] == "s003").sum()
    with pytest.raises(ValueError, match=rf"\[0, 1\]; {n} of {len(y)} rows"):
        evaluate(Answers(), X, y)


def test_rows_of_a_snapshot_need_one_label():
    X, y = table()
    y.iloc[X.index[X.duplicated(KEYS)][0]] ^= 1
    with pytest.raises(TableError, match=r"1 of 480 snapshots .* rows of two outcomes"):
        evaluate(Answers(), X, y)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_yields_nan(label):
    X, _ = table()
    evaluation = evaluate(Answers(), X, np.full(len(X), label), n_resamples=10)
    assert np.isnan(evaluation.metrics["roc_auc"])
    assert np.isnan(evaluation.intervals["roc_auc"]).all()
    assert evaluation.metrics["accuracy"] >= 0
    assert not evaluation.by_partition["enough"].any()
    assert len(evaluation.curves["roc"]) == 0
    assert evaluation.counts["n_failing_students"] == 60 * label
    assert type(evaluation).from_dict(evaluation.to_dict()) == evaluation
    assert "too few students" in evaluation._repr_html_()


def test_one_row():
    X, y = table()
    evaluation = evaluate(Answers(), X[:1], y[:1], n_resamples=3)
    assert evaluation.counts["n_snapshots"] == 1
    assert evaluation.confusion.sum() == 1


# -- groups --------------------------------------------------------------------


def test_groups_that_are_too_small_or_of_one_class():
    X, y = table()
    number = X["user_uuid"].str[1:].astype(int)
    X["campus"] = np.select(
        [number < 20, number < 24, number < 52], ["big", "small", "passing"], None
    )
    evaluation = evaluate(Answers(), X, y, by="campus", min_count=5, n_resamples=5)
    groups = evaluation.by_group["campus"].set_index("group")
    assert list(groups.index) == ["big", "passing", "small", "missing"]
    assert list(groups["enough"]) == [True, False, False, False]
    assert list(groups["n_students"]) == [20, 28, 4, 8]
    assert list(groups["n_failing"]) == [12, 0, 0, 0]
    assert (
        groups.loc[["passing", "small", "missing"], "roc_auc":"roc_auc_high"]
        .isna()
        .all(axis=None)
    )
    assert groups.loc["big", "roc_auc":"roc_auc_high"].notna().all()


def test_min_count_counts_students():
    X, y = table(30)
    courses = evaluate(Answers(), X, y, min_count=30, n_resamples=0).by_course
    assert courses["enough"].all()
    courses = evaluate(Answers(), X, y, min_count=31, n_resamples=0).by_course
    assert not courses["enough"].any()


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([10, 9], ["9", "10"]),
        ([10.5, None], ["10.5", "missing"]),
        (["b", None], ["b", "missing"]),
        (["missing", None], ["missing", "missing (null)"]),
        ([True, False], ["False", "True"]),
        ([1, "a"], ["1", "a"]),
        (pd.Categorical(["b", "a"], ["c", "b", "a"]), ["a", "b"]),
        (pd.to_datetime(["2024-01-02", None]), ["2024-01-02 00:00:00", "missing"]),
    ],
)
def test_groups_of_any_kind(values, labels):
    X, y = table(4, n_failing=2)
    even = (X["user_uuid"].str[-1].astype(int) % 2).to_numpy()
    X["kind"] = pd.Series(values).take(even).array
    groups = evaluate(Answers(), X, y, by=["kind"], min_count=1, n_resamples=0)
    assert list(groups.by_group["kind"]["group"]) == labels
    assert groups.by_group["kind"]["n_students"].tolist() == [2, 2]


def test_several_columns_and_one_that_is_not_text():
    X, y = table()
    X[7] = X["campus"]
    by = evaluate(Answers(), X, y, by=("campus", 7), n_resamples=0).by_group
    assert list(by) == ["campus", "7"]
    assert_frame_equal(by["campus"], by["7"])
    alone = evaluate(Answers(), X, y, by=7, n_resamples=0).by_group
    assert list(alone) == ["7"]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("user_uuid", "whose values are single students"),
        ("legajo", "whose values are single students"),
        ("email", "whose values are single students"),
        ("campos", r"'campos', which X needs once; it has \["),
        ("event", r"A snapshot is in one group.*'event'.* in \d+ of them"),
    ],
)
def test_columns_that_are_not_groups(by, message):
    X, y = table()
    number = X["user_uuid"].str[1:]
    X["email"] = number + "@example.org"
    X["legajo"] = "7"
    X["event"] = np.where(X.duplicated(KEYS), None, "first")
    with pytest.raises(TableError, match=message):
        evaluate(Answers(), X, y, by=by, n_resamples=0)


def test_by_needs_names():
    X, y = make_classification(60, random_state=0)
    model = LogisticRegression().fit(X, y)
    with pytest.raises(TableError, match="by names columns of a DataFrame; X is of"):
        evaluate(model, X, y, by="campus")


# -- plain tables --------------------------------------------------------------


def test_plain_arrays():
    X, y = make_classification(300, random_state=0)
    model = LogisticRegression().fit(X[:150], y[:150])
    evaluation = evaluate(model, X[150:], y[150:], n_resamples=20)
    risk = model.predict_proba(X[150:])[:, 1]
    check_metrics(evaluation.metrics, y[150:], risk, 0.5)
    assert evaluation.counts["n_snapshots"] == evaluation.counts["n_students"] == 150
    assert evaluation.counts["n_histories"] == 0
    assert len(evaluation.by_partition) == len(evaluation.by_course) == 0
    assert len(evaluation.precision_at_k) == 0
    assert evaluation.lead_time == evaluation.by_group == {}
    assert np.isnan(evaluation.flip_rate)
    assert evaluation.curves["thresholds"]["flagged_per_course"].isna().all()


def test_plain_table_without_some_keys_counts_rows_and_draws_students():
    X, y = table()
    X = X.drop(columns="particion")
    evaluation = evaluate(Answers(), X, y, n_resamples=20)
    assert evaluation.counts["n_snapshots"] == len(X)
    assert evaluation.counts["n_students"] == 60
    groups = X["user_uuid"]
    X = X.drop(columns="user_uuid")
    again = evaluate(Answers(), X, y, groups=groups, n_resamples=20)
    assert figures(again) == figures(evaluation)


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.integers(0, 2, 60), 20)
    X = pd.DataFrame({"risk": np.repeat(np.clip(rng.normal(0.5, 0.2, 60), 0, 1), 20)})
    X["risk"] = (X["risk"] + 0.1 * y).clip(0, 1)
    groups = np.repeat(np.arange(60), 20)

    def width(groups):
        found = evaluate(Answers(), X, y, groups=groups, n_resamples=200)
        low, high = found.intervals["roc_auc"]
        return high - low

    assert width(groups) > 3 * width(None)


# -- bad input -----------------------------------------------------------------


class Broken(Answers):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def predict_proba(self, X):
        return self.answer(super().predict_proba(X))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda p: np.where(p > 0.9, np.nan, p), r"\d+ of \d+ rows are NaN or outside"),
        (lambda p: p * 2, "fractions in"),
        (lambda p: p - 1, "fractions in"),
        (lambda p: p[:, 1], r"needs the shape \(\d+, 2\)"),
        (lambda p: np.column_stack([p, p]), r"needs the shape \(\d+, 2\)"),
        (lambda p: p[1:], r"needs the shape \(\d+, 2\)"),
    ],
    ids=["nan", "percent", "negative", "one column", "four", "a row less"],
)
@pytest.mark.parametrize("keys", [True, False])
def test_predictions_that_are_not_probabilities(answer, message, keys):
    X, y = table()
    if not keys:
        X = X.drop(columns=KEYS)
    with pytest.raises(ValueError, match=message):
        evaluate(Broken(answer), X, y)


def test_no_rows_or_unequal_lengths():
    X, y = table()
    with pytest.raises(ValueError, match="X needs at least one row"):
        evaluate(Answers(), X[:0], y[:0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        evaluate(Answers(), X, y[1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        evaluate(Answers(), X, y, groups=y[1:])


def test_models_that_cannot_be_evaluated():
    X, y = table()
    with pytest.raises(NotFittedError, match="has no classes_"):
        evaluate(LogisticRegression(), X, y)
    with pytest.raises(NotFittedError, match="has no classes_"):
        evaluate(make_risk_pipeline(), X, y)
    with pytest.raises(ValueError, match="two classes; the model's classes_"):
        evaluate(Answers([0, 1, 2]), X, y)


def test_keys_that_are_null():
    X, y = table()
    X.loc[3, "user_uuid"] = None
    with pytest.raises(TableError, match=r"'user_uuid': 1 of \d+ rows have no value"):
        evaluate(Answers(), X, y)
    X, y = table()
    groups = X["campus"].where(X["campus"] == "north")
    with pytest.raises(TableError, match=r"'groups': \d+ of \d+ rows have no value"):
        evaluate(Answers(), X, y, groups=groups)


@pytest.mark.parametrize(
    ("option", "error"),
    [
        ({"k": 0}, ValueError),
        ({"k": [5, 2.5]}, TypeError),
        ({"min_count": 0}, ValueError),
        ({"confidence": 1.0}, ValueError),
        ({"confidence": 95}, ValueError),
        ({"n_resamples": -1}, ValueError),
        ({"random_state": "x"}, ValueError),
    ],
)
def test_parameters_out_of_range(option, error):
    X, y = table(10)
    model = Answers()
    with pytest.raises(error, match=next(iter(option)).replace("random_state", "seed")):
        evaluate(model, X, y, **option)
    assert not model.calls or "random_state" in option


def test_a_single_k_and_no_resamples():
    X, y = table()
    evaluation = evaluate(Answers(), X, y, k=[3, 3, 8], n_resamples=0)
    assert list(evaluation.precision_at_k["k"]) == [3, 8]
    assert all(np.isnan(ends).all() for ends in evaluation.intervals.values())
    assert evaluation.by_partition["roc_auc"].notna().all()
    assert evaluation.by_partition["roc_auc_low"].isna().all()
