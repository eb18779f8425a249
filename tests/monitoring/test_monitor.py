"""monitor: verdicts on whole feeds, planted faults, and outcomes."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from edml import RiskClassifier, as_of
from edml.datasets import make_student_activity, make_target
from edml.exceptions import MonitoringError
from edml.monitoring import MonitoringReport, make_reference, monitor
from edml.monitoring._chance import (
    FIGURES,
    Curve,
    draw_figures,
    expect,
    fit_curve,
    measure,
    sort_scores,
)
from edml.monitoring._drift import _judge_features
from edml.monitoring._monitor import _score
from edml.monitoring._weeks import read_weeks
from edml.schema import resolve_columns

NAMES = resolve_columns(None)


@pytest.fixture(scope="module")
def term():
    """Return a model with its reference, and a term of other students."""
    X = make_student_activity(700, n_courses=4, fail_rate=0.25, random_state=3)
    students = X["user_uuid"].unique()
    train = X["user_uuid"].isin(students[::2])
    model = RiskClassifier(cv=3).fit(X[train], make_target(X[train]))
    return model, X[~train]


def signs(report, part="input"):
    return {sign.code for sign in report.parts[part].signs}


def test_no_shift_is_fine(term):
    model, X = term
    report = monitor(model, X, make_target(X))
    assert report.verdict == "fine"
    assert [part.verdict for part in report.parts.values()] == ["fine"] * 4
    assert report.counts["n_students"] == X["user_uuid"].nunique()


FAULTS = {
    "unit-of-dates": lambda X: X.assign(s_submitted_at=X["s_submitted_at"] * 1000),
    "values-missing": lambda X: X.assign(s_graded_at=np.nan),
    "scale": lambda X: X.assign(score=X["score"] / 2),
    "columns-constant": lambda X: X.assign(
        score=X["score"].where(X["score"].isna(), 7)
    ),
    "columns-absent": lambda X: X.drop(columns="s_graded_at"),
    "exams-unknown": lambda X: X.replace({"nombre_examen": {"INTEGRADOR(30)": "QUIZ"}}),
    "unreadable": lambda X: X.assign(particion=X["particion"], score="many"),
}


@pytest.mark.parametrize("code", FAULTS)
def test_fault_is_found_in_its_first_week(term, code):
    model, X = term
    week = 8 if code == "exams-unknown" else 2
    shown = FAULTS[code](as_of(X, 7 * week - 1))
    report = monitor(model, shown, n_resamples=100)
    assert code in signs(report)
    assert report.verdict in ("look", "act")


def test_nothing_is_expected_of_a_broken_feed(term):
    model, X = term
    report = monitor(model, FAULTS["scale"](as_of(X, 13)), n_resamples=100)
    assert "expected-broken-feed" in signs(report, "expected")
    assert report.parts["expected"].verdict == "cannot tell"


def test_nothing_is_expected_after_drift(term):
    """Where students have moved away from training, its intervals are too narrow."""
    model, X = term
    y = make_target(X)
    many = X[(y == 1) | (X["user_uuid"].str[0] < "2")]  # far more fail
    report = monitor(model, many, n_resamples=100)
    assert report.parts["input"].verdict != "act"
    assert report.parts["drift"].verdict in ("look", "act")
    assert signs(report, "expected") == {"expected-after-drift"}
    assert report.parts["expected"].verdict == "cannot tell"


def test_late_feed_is_found(term):
    model, X = term
    shown = as_of(X, 20)
    late = shown["particion"] > 13
    blank = [name for name in shown if name.startswith(("ass_", "s_", "sub"))]
    blank += ["nombre_examen", "nota_parcial", "score"]
    shown.loc[late, blank] = None
    assert "feed-late" in signs(monitor(model, shown, n_resamples=100))
    assert "feed-late" not in signs(monitor(model, as_of(X, 20), n_resamples=100))


def test_day_that_courses_have_not_reached(term):
    model, X = term
    report = monitor(model, as_of(X, 20), until=27, n_resamples=100)
    assert "days-missing" in signs(report)
    report = monitor(model, as_of(X, 20), until=20, n_resamples=100)
    assert "days-missing" not in signs(report)


def test_new_course_is_named(term):
    model, X = term
    run = X["course_uuid"] == X["course_uuid"].iloc[0]
    renamed = X.assign(course_name=X["course_name"].where(~run, "Botany"))
    report = monitor(model, renamed, n_resamples=100)
    (sign,) = (s for s in report.parts["input"].signs if s.code == "courses-unknown")
    assert "Botany" in sign.describe()[0]


def test_since_leaves_out_earlier_weeks(term):
    model, X = term
    report = monitor(model, X, since=34, n_resamples=100)
    assert report.drift["day"].min() == 41


@pytest.fixture(scope="module")
def slow_marks(term):
    """Return the term and its reference, where marks come after two weeks."""
    model, X = term
    handed_in = X["s_submitted_at"].where(X["s_submitted_at"] > 0)  # 0 is a null
    late = X.assign(s_graded_at=handed_in + 14 * 86_400)
    return model, late, make_reference(model, late, make_target(late))


def test_marks_of_earlier_work_are_checked_after_since(slow_marks):
    model, X, reference = slow_marks
    shown = as_of(X, 28)
    shown = shown[shown["particion"] < 21 + shown["ass_name_sub"].isna() * 100]
    halved = shown.assign(score=shown["score"] / 2)
    given = {"since": 21, "reference": reference, "n_resamples": 100}
    assert "scale" in signs(monitor(model, halved, **given))
    assert "scale" not in signs(monitor(model, shown, **given))


def test_marks_of_few_are_not_typical(slow_marks):
    """Work that comes late has low marks, in any term."""
    model, X, reference = slow_marks
    shown = as_of(X, 28)
    some = shown["user_uuid"].isin(shown["user_uuid"].unique()[:35])
    few = shown.assign(score=(shown["score"] / 2).where(some))
    report = monitor(model, few, since=21, reference=reference, n_resamples=100)
    assert "scale" not in signs(report)


def test_too_early_cannot_tell(term):
    model, X = term
    report = monitor(model, as_of(X, 3), n_resamples=100)
    assert signs(report, "drift") == {"too-early"}
    assert report.verdict == "cannot tell"


def test_early_outcomes_do_not_count(term):
    """Outcomes of those who leave come first; they say nothing about the others."""
    model, X = term
    y = make_target(X).astype(object)
    y[y == 0] = None
    report = monitor(model, X, y, n_resamples=100)
    assert signs(report, "realised") == {"no-outcomes"}
    assert report.realised is None


def test_reversed_outcomes_are_noticed(term):
    model, X = term
    report = monitor(model, X, 1 - make_target(X))
    assert report.parts["realised"].verdict == "act"
    assert report.verdict == "act"


def test_scores_are_those_of_the_model(term):
    model, X = term
    units = read_weeks(X, NAMES, 7)
    _, score = _score(model, X, units, model.reference_, None)
    assert score.tolist() == model.fail_probability(X)[units.rows].tolist()


def test_other_labels_are_rejected(term):
    model, X = term
    y = make_target(X).replace({1: 2})
    with pytest.raises(ValueError, match="hold something else"):
        monitor(model, X, y)


def test_nothing_to_check():
    model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(MonitoringError, match="found neither"):
        monitor(model, np.zeros((3, 1)))


def test_reference_of_another_model_is_rejected(term):
    model, X = term
    other = make_reference(model, X, make_target(X))
    object.__setattr__(other, "features", ("x",) * len(other.features))
    with pytest.raises(MonitoringError, match="does not compute"):
        monitor(model, X, reference=other)


def test_order_and_company_do_not_matter(term):
    model, X = term
    shuffled = X.sample(frac=1, random_state=0)
    one = monitor(model, X, n_resamples=100)
    other = monitor(model, shuffled, n_resamples=100)
    pd.testing.assert_frame_equal(one.drift, other.drift)
    pd.testing.assert_frame_equal(one.performance, other.performance)


# -- the report ----------------------------------------------------------------


@pytest.fixture(scope="module")
def report(term) -> MonitoringReport:
    model, X = term
    return monitor(model, X.assign(score=X["score"] / 2), make_target(X))


def test_report_is_json(report):
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found["verdict"] == report.verdict
    assert found["parts"]["input"]["signs"][0]["code"] == "scale"
    assert len(found["drift"]) == len(report.drift)


def test_report_names_no_student(report, term):
    text = json.dumps(report.to_dict()) + report._repr_html_()
    for student in term[1]["user_uuid"].unique():
        assert student not in text


def test_page_in_both_languages(report, tmp_path):
    for language, word in (("en", "act"), ("es", "actuar")):
        path = tmp_path / "pages" / f"{language}.html"
        report.to_html(path, language)
        assert word in path.read_text("utf-8")
        assert word in report.to_text(language)


def test_picture(report):
    pytest.importorskip("matplotlib").use("Agg")
    axes = report.plot()
    assert [ax.get_title() for ax in axes] == ["ROC AUC", "size of the shift"]
    axes = report.plot(language="es")
    assert axes[1].get_title() == "tamaño del cambio"
    legend = [text.get_text() for text in axes[1].get_legend().get_texts()]
    assert legend[0] == "riesgo"
    assert not [name for name in legend if "_" in name]  # names in the library


def test_one_week_can_be_seen(term):
    model, X = term
    pytest.importorskip("matplotlib").use("Agg")
    report = monitor(model, as_of(X, 34), since=27, n_resamples=100)
    for ax in report.plot():
        for line in ax.get_lines()[:2]:
            assert line.get_xdata().tolist() == [4.6, 5.4]


def test_picture_needs_a_reference(term):
    model, X = term
    pytest.importorskip("matplotlib").use("Agg")
    with pytest.raises(ValueError, match="Pass reference="):
        monitor(model.deployable(), X).plot()


# -- the kernels ---------------------------------------------------------------


def test_weeks_are_the_last_rows(term):
    _, X = term
    units = read_weeks(X, NAMES, 7)
    seen = set()
    day = X["particion"].fillna(0)
    for row, week in zip(units.rows, units.week, strict=True):
        one = X.iloc[row]
        mine = (X["user_uuid"] == one["user_uuid"]) & (
            X["course_uuid"] == one["course_uuid"]
        )
        in_week = day[mine][(day[mine] // 7 + 1) == week]
        assert (one["particion"] or 0) == in_week.max()
        seen.add((one["user_uuid"], one["course_name"], week))
        if len(seen) == 60:
            break
    assert len(seen) == 60


def test_measured_figures_are_scikit_learns():
    from sklearn.metrics import (  # noqa: PLC0415
        average_precision_score,
        precision_score,
        recall_score,
        roc_auc_score,
    )

    random = np.random.default_rng(0)
    score = random.integers(0, 12, 200) / 12
    fails = random.random(200) < score
    ranked = sort_scores(score, 0.5)
    found = measure(ranked, fails[None, :].astype(float), (~fails[None, :]) * 1.0)[0]
    flagged = score >= 0.5
    expected = (
        roc_auc_score(fails, score),
        average_precision_score(fails, score),
        precision_score(fails, flagged),
        recall_score(fails, flagged),
        flagged.mean(),
        fails.mean(),
    )
    assert dict(zip(FIGURES, found, strict=True)) == pytest.approx(
        dict(zip(FIGURES, expected, strict=True))
    )


def test_intervals_hold_what_they_promise():
    """Of terms drawn from the curve, 95 % lie in the interval, give or take."""
    random = np.random.RandomState(0)
    curve = Curve(0.0, 1.0, 0.0)
    inside = 0
    for seed in range(60):
        score = random.beta(1, 3, 300)
        fails = random.random_sample(300) < score
        ranked = sort_scores(score, 0.5)
        who = np.arange(300)
        draws = draw_figures(
            ranked, curve, score, who, who * 0, 200, np.random.RandomState(seed)
        )
        low, high = np.quantile(draws[:, 0], [0.025, 0.975])
        inside += low <= expect(ranked, fails * 1.0)[0] <= high
    assert inside >= 53


def test_spread_between_runs_is_found():
    random = np.random.default_rng(0)
    runs = np.repeat(np.arange(30), 200)
    score = random.uniform(0.1, 0.9, len(runs))
    shift = random.normal(0, 0.5, 30)[runs]
    odds = np.log(score / (1 - score)) + shift
    fails = random.random(len(runs)) < 1 / (1 + np.exp(-odds))
    found = fit_curve(score, fails, runs)
    assert found.spread == pytest.approx(0.5, abs=0.15)
    alike = fit_curve(score, random.random(len(runs)) < score, runs)
    assert alike.spread < 0.15


def test_few_failures_have_no_curve():
    assert (
        fit_curve(np.linspace(0, 1, 50), np.arange(50) < 5, np.zeros(50, int)) is None
    )


@pytest.mark.parametrize(
    ("language", "found"),
    [
        ("en", "that have moved: mean exam grade; school."),
        ("es", "que cambiaron: nota media en exámenes; school."),
    ],
)
def test_features_that_moved_are_named_in_words(language, found):
    names = ["nota_overall_mean", "school"]
    shifted = pd.DataFrame({"feature": names, "size": 0.5, "weight": [0.3, 0.2]})
    assert found in _judge_features(shifted).describe(language)[0]
