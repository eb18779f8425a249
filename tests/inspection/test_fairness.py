"""fairness_report and bootstrap_groups, against counting by hand."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.exceptions import TableError
from edml.inspection import fairness_report
from edml.metrics import GROUP_TITLES, bootstrap_groups

FIGURES = list(GROUP_TITLES)


class Stated:
    """A classifier whose only column is the probability."""

    classes_ = np.array([0, 1])
    threshold_ = 0.5

    def predict_proba(self, X):
        p = np.asarray(X["p"], dtype=float)
        return np.column_stack([1 - p, p])


def count_by_hand(fails, risk, chosen):
    fails, risk = fails[chosen], risk[chosen]
    flagged = risk >= 0.5
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = roc_auc_score(fails, risk) if len(set(fails)) == 2 else np.nan
        return [
            np.mean(flagged),
            np.sum(flagged & ~fails) / np.sum(~fails),
            np.sum(~flagged & fails) / np.sum(fails),
            risk.mean() - fails.mean(),
            auc,
        ]


@given(st.integers(0, 2**31), st.integers(4, 60), st.integers(2, 4))
def test_figures_are_those_of_counting(seed, n, n_groups):
    rng = np.random.RandomState(seed)
    fails, risk = rng.rand(n) < 0.4, rng.choice([0.1, 0.3, 0.5, 0.8], n)
    group = np.append(np.arange(n_groups), rng.randint(n_groups, size=n))[:n]
    n_groups = len(set(group))
    students = rng.randint(max(n // 2, 1), size=n)
    found = bootstrap_groups(fails, risk, group, students, n_resamples=3)
    for one in range(n_groups):
        own, rest = (
            count_by_hand(fails, risk, group == one),
            count_by_hand(fails, risk, group != one),
        )
        np.testing.assert_allclose(found.own[one], own, atol=1e-12)
        np.testing.assert_allclose(found.rest[one], rest, atol=1e-12)


def test_a_resample_is_the_table_of_the_drawn_students():
    rng = np.random.RandomState(1)
    students = rng.randint(30, size=200)
    fails, risk = rng.rand(200) < 0.4, rng.rand(200)
    group = rng.randint(2, size=200)  # a student is in both
    found = bootstrap_groups(
        fails, risk, group, students, n_resamples=4, random_state=7
    )
    draws = np.random.RandomState(7)
    for number in range(4):
        drawn = draws.randint(30, size=30)
        rows = np.concatenate([np.flatnonzero(students == one) for one in drawn])
        own = count_by_hand(fails[rows], risk[rows], group[rows] == 0)
        rest = count_by_hand(fails[rows], risk[rows], group[rows] == 1)
        np.testing.assert_allclose(found.draws[number, 0], np.subtract(own, rest))
        np.testing.assert_allclose(found.draws[number, 1], np.subtract(rest, own))


def sample(n=400, gap=0.0, seed=0):
    """Students with a calibrated risk; flags of group "b" are shifted by ``gap``."""
    rng = np.random.RandomState(seed)
    risk = rng.rand(n)
    group = np.where(rng.rand(n) < 0.5, "a", "b")
    y = (rng.rand(n) < risk).astype(int)
    shown = np.clip(risk + gap * (group == "b"), 0, 1)
    X = pd.DataFrame({"p": shown, "user_uuid": np.arange(n), "degree": group})
    return X, y


def verdicts(report, group):
    rows = report.table[report.table["group"] == group].set_index("figure")
    return rows["verdict"]


def test_a_large_gap_is_found_and_mirrored():
    X, y = sample(2000, gap=0.2)
    report = fairness_report(Stated(), X, y, "degree", n_resamples=300)
    found = verdicts(report, "b")
    assert found[["flagged", "false_alarms", "misses", "bias"]].eq("differs").all()
    gaps = report.table.set_index(["group", "figure"])["gap"]
    np.testing.assert_allclose(gaps["a"], -gaps["b"])
    assert report.table.set_index(["group", "figure"]).loc[("b", "bias"), "gap"] > 0.1


def test_few_students_show_neither_a_gap_nor_its_absence():
    X, y = sample(90)
    report = fairness_report(Stated(), X, y, "degree", n_resamples=200)
    table = report.table.set_index(["group", "figure"])
    assert (table["detectable"] > 0.1).all()
    assert (table["verdict"] == "cannot tell").mean() > 0.5
    assert "cannot tell" in repr(report)


def test_many_students_rule_a_gap_out():
    X, y = sample(30_000)
    report = fairness_report(Stated(), X, y, "degree", n_resamples=100)
    assert (report.table["verdict"] == "alike").all()


@pytest.mark.slow
def test_without_a_gap_few_reports_differ():
    differs = 0
    for seed in range(100):
        X, y = sample(200, seed=seed)
        X["degree"] = np.random.RandomState(seed).choice(list("abcd"), len(X))
        report = fairness_report(
            Stated(), X, y, "degree", min_count=10, n_resamples=400
        )
        rows = report.table[report.table["figure"] == "false_alarms"]
        differs += (rows["verdict"] == "differs").any()
    assert differs <= 12  # 5 expected of 100, and three standard errors


def test_small_groups_are_never_shown():
    X, y = sample(400)
    X.loc[:9, "degree"] = "rare"
    report = fairness_report(Stated(), X, y, "degree", n_resamples=50)
    assert report.groups["group"].tolist() == ["a", "b"]
    assert report.n_left_out == 1
    for text in (repr(report), report._repr_html_()):
        assert "rare" not in text


def test_the_others_of_a_group_are_not_a_small_group():
    X, y = sample(400)
    X["degree"] = np.where(np.arange(400) < 10, "rare", "most")
    with pytest.raises(ValueError, match=r"two groups of at least 30 students.* has 1"):
        fairness_report(Stated(), X, y, "degree", n_resamples=50)


def test_figures_of_a_rare_outcome_are_left_out():
    X, y = sample(400)
    y[np.flatnonzero(X["degree"] == "b")[3:]] = 0
    y[np.flatnonzero(X["degree"] == "b")[:3]] = 1
    table = fairness_report(Stated(), X, y, "degree", n_resamples=50).table
    rows = table[table["group"] == "b"].set_index("figure")
    assert rows.loc[["misses", "roc_auc"], "value"].isna().all()
    assert rows.loc["misses", "verdict"] == "cannot tell"
    assert np.isfinite(rows.loc["flagged", "value"])


def test_groups_may_be_an_attribute_that_the_table_lacks():
    X, y = sample(400)
    expected = fairness_report(Stated(), X, y, "degree", n_resamples=50)
    without = X.drop(columns="degree")
    for by in (X["degree"], X["degree"].to_numpy(), list(X["degree"])):
        found = fairness_report(Stated(), without, y, by, n_resamples=50)
        pd.testing.assert_frame_equal(found.table, expected.table)
    with pytest.raises(ValueError, match="row labels of by are those of X in another"):
        fairness_report(Stated(), without, y, X["degree"][::-1])


def test_matrices_have_groups_too():
    X, y = sample(400)
    values = X[["p"]].to_numpy()
    model = LogisticRegression().fit(values, y)
    report = fairness_report(model, values, y, X["degree"].to_numpy(), n_resamples=50)
    assert report.groups["n_students"].sum() == 400


def test_event_tables_are_counted_by_snapshot_and_resampled_by_student():
    X = make_student_activity(
        150, n_courses=2, partitions=20, fail_rate=0.4, random_state=0
    )
    y = make_target(X)
    model = RiskClassifier(make_risk_pipeline(every=5), cv=2).fit(X, y)
    report = fairness_report(model, X, y, "course_uuid", n_resamples=100)
    students = X.groupby("course_uuid")["user_uuid"].nunique()
    assert report.groups["n_students"].tolist() == students.tolist()
    assert report.groups["n_snapshots"].sum() == 150 * 20
    for one in X["user_uuid"].unique():
        assert one not in repr(report)


@pytest.mark.parametrize(
    ("by", "changed", "error", "message"),
    [
        ("user_uuid", {}, TableError, "single students"),
        ("campus", {}, TableError, "which X needs once"),
        ("degree", {"tolerance": 0}, ValueError, "tolerance"),
        ("degree", {"n_resamples": 0}, ValueError, "n_resamples"),
        ("degree", {"min_count": 500}, ValueError, "two groups of at least 500"),
    ],
)
def test_impossible_comparisons_raise(by, changed, error, message):
    X, y = sample(100)
    with pytest.raises(error, match=re.escape(message)):
        fairness_report(Stated(), X, y, by, **changed)


def test_one_group_is_no_comparison():
    with pytest.raises(
        ValueError, match="Groups are compared with each other; found one"
    ):
        bootstrap_groups([0, 1], [0.2, 0.7], ["a", "a"], [1, 2])


def test_the_same_seed_gives_the_same_report_in_any_order_of_rows():
    X, y = sample(300)
    order = np.random.RandomState(0).permutation(300)
    one = fairness_report(Stated(), X, y, "degree", n_resamples=50, random_state=3)
    other = fairness_report(
        Stated(), X.iloc[order], y[order], "degree", n_resamples=50, random_state=3
    )
    pd.testing.assert_frame_equal(one.table, other.table)


def test_the_picture_has_a_panel_for_each_figure():
    plt = pytest.importorskip("matplotlib.pyplot")
    X, y = sample(300)
    report = fairness_report(Stated(), X, y, "degree", n_resamples=50)
    axes = report.plot()
    assert len(axes) == len(FIGURES)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["a", "b"]
    with pytest.raises(ValueError, match=r"found 1\. Make them with subplots\(1, 5\)"):
        report.plot(axes[0])
    plt.close("all")


def make_report():
    X, y = make_classification(900, random_state=0)
    model = LogisticRegression().fit(X[:300], y[:300])
    group = np.where(X[300:, 0] > 0, "<day>", "evening")
    group[:8] = "tiny"
    return fairness_report(model, X[300:], y[300:], group, n_resamples=50)


def test_to_dict_holds_all_in_json():
    report = make_report()
    stored = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert stored["n_left_out"] == 1
    assert stored["by"] == report.by
    assert stored["groups"] == report.groups.to_dict("records")
    assert [row["gap"] for row in stored["table"]] == report.table["gap"].tolist()
    assert "tiny" not in str(stored)


@pytest.mark.parametrize(
    ("language", "heading", "number"),
    [
        ("en", "What each remedy costs", "0.05"),
        ("es", "Qué cuesta cada remedio", "0,05"),
    ],
)
def test_page_shows_each_gap_and_remedy(tmp_path, language, heading, number):
    report = make_report()
    report.to_html(tmp_path / "report.html", language=language)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert f'<html lang="{language}">' in page
    assert heading in page
    assert number in page
    assert page.count("<table") == 6
    assert page.count("&lt;day&gt;") == 6
    assert "tiny" not in page
    with pytest.raises(ValueError, match="language"):
        report.to_html(tmp_path / "other.html", language="xx")
