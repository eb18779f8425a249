"""check_events finds what is planted, and shows no student."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml.datasets import make_student_activity
from edml.exceptions import TableError
from edml.inspection import EventsReport, check_events
from edml.schema import COLUMNS, EPOCH_COLUMNS


@pytest.fixture(scope="module")
def events():
    return make_student_activity(
        200, n_courses=3, fail_rate=0.4, partitions=20, random_state=0
    )


def codes(report, severity=None):
    return [
        finding.code
        for finding in report.findings
        if severity in (None, finding.severity)
    ]


def test_counts_agree_with_pandas(events):
    summary = check_events(events).summary
    histories = events.groupby(["user_uuid", "course_uuid"])
    final = histories["nota_final_materia"].first()
    days = histories["particion"]
    assert summary == {
        "n_rows": len(events),
        "n_students": events["user_uuid"].nunique(),
        "n_courses": 3,
        "n_histories": histories.ngroups,
        "n_periods": events["periodo"].nunique(),
        "first_day": 0,
        "last_day": int(events["particion"].max()),
        "median_days": float((days.max() - days.min() + 1).median()),
        "n_outcomes": histories.ngroups,
        "share_failing": pytest.approx((final < 4).mean()),
    }


def test_a_sound_table_has_no_error_and_no_unit_warning(events):
    report = check_events(events)
    assert report.usable
    wrong = {"scores-in-fractions", "grades-above-the-scale", "length-of-partitions"}
    wrong |= {"dates-far-apart", "exams-without-kind", "ids-spelled-differently"}
    assert not wrong & set(codes(report))


def test_missing_shares_are_of_the_rows_that_should_hold_a_value(events):
    columns = check_events(events).columns.set_index("column")
    submissions = events[events["ass_name_sub"].notna()]
    assert columns.loc["score", "of"] == len(submissions)
    assert columns.loc["score", "missing"] == submissions["score"].isna().mean()
    creations = events[events["ass_name"].notna()]
    due = (creations["ass_due_at"].fillna(0) == 0).mean()
    assert columns.loc["ass_due_at", "missing"] == pytest.approx(due)
    assert list(columns.index) == list(COLUMNS)


def swap_ids(X):
    ids = X["user_uuid"].astype(object)
    half = np.arange(len(X)) % 2 == 0
    return X.assign(user_uuid=ids.mask(half, ids + " "))


FAULTS = {
    "scores-in-fractions": lambda X: X.assign(score=X["score"] / 100),
    "grades-above-the-scale": lambda X: X.assign(nota_parcial=X["nota_parcial"] * 10),
    "negative-grades": lambda X: X.assign(score=X["score"].where(X["score"] > 5, -1)),
    "length-of-partitions": lambda X: X.assign(particion=X["particion"] // 7),
    "no-quiet-days": lambda X: X[X["nombre_examen"].notna() | X["score"].notna()],
    "exams-without-kind": lambda X: X.assign(nombre_examen="Midterm"),
    "ids-spelled-differently": swap_ids,
    "repeated-rows": lambda X: pd.concat([X, X], ignore_index=True),
    "no-due-date": lambda X: X.assign(ass_due_at=0),
    "no-grading-date": lambda X: X.assign(s_graded_at=np.nan),
    "no-submission-date": lambda X: X.assign(s_submitted_at=np.nan),
    "dates-in-wrong-order": lambda X: X.assign(
        ass_due_at=X["ass_unlock_at"].where(X["ass_unlock_at"] == 0, 1.4e9)
    ),
    "dates-far-apart": lambda X: X.assign(
        ass_due_at=X["ass_due_at"].where(X["ass_due_at"] == 0, 9e8)
    ),
    "no-outcomes": lambda X: X.drop(columns="nota_final_materia"),
    "running-courses": lambda X: X.assign(
        nota_final_materia=X["nota_final_materia"].where(
            X["course_uuid"] == X["course_uuid"].iloc[0]
        )
    ),
    "few-outcomes": lambda X: X[X["user_uuid"].isin(X["user_uuid"].unique()[:30])],
    "small-courses": lambda X: X[X["user_uuid"].isin(X["user_uuid"].unique()[:20])],
    "students-in-several-courses": lambda X: pd.concat(
        [X, X.assign(course_uuid="another")], ignore_index=True
    ),
    "repeated-course": lambda X: X.assign(
        periodo=np.where(X["particion"] > 5, "1-2020", "2-2020")
    ),
}
ERRORS = {
    "no-rows": lambda X: X.iloc[:0],
    "repeated-column": lambda X: pd.concat([X, X[["score"]]], axis=1),
    "unreadable-column": lambda X: X.assign(score="ten"),
    "several-final-grades": lambda X: X.assign(
        nota_final_materia=np.arange(len(X)) % 10
    ),
    "passing-grade": lambda X: X.assign(nota_final_materia=7.0),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_planted_fault_is_found(events, code):
    assert code in codes(check_events(FAULTS[code](events)))
    assert code not in codes(check_events(events)) or code in (
        "few-outcomes",
        "small-courses",
        "students-in-several-courses",
        "repeated-rows",
    )


@pytest.mark.parametrize("code", ERRORS)
def test_an_unusable_table_is_an_error(events, code):
    report = check_events(ERRORS[code](events))
    assert code in codes(report, "error")
    assert not report.usable


def test_a_table_without_exams_is_usable_and_says_what_stays_empty(events):
    report = check_events(events.drop(columns=["nombre_examen", "nota_parcial"]))
    assert report.usable
    found = {finding.code: finding for finding in report.findings}
    assert found["missing-columns"].severity == "warning"
    assert found["missing-columns"].columns == ("nombre_examen", "nota_parcial")
    assert "exams" in found["missing-columns"].found


def test_a_table_without_any_work_is_an_error(events):
    report = check_events(events[["user_uuid", "course_uuid", "particion"]])
    assert "missing-columns" in codes(report, "error")


def test_every_unreadable_column_is_reported_at_once(events):
    X = events.assign(score="x", nota_parcial="y", particion=-1, periodo="spring")
    found = [
        finding.columns[0]
        for finding in check_events(X).findings
        if finding.code == "unreadable-column"
    ]
    assert sorted(found) == ["nota_parcial", "particion", "periodo", "score"]


def test_names_of_exams_and_empty_features_are_listed(events):
    X = events.assign(
        nombre_examen=events["nombre_examen"].str.replace("INTEGRADOR(30)", "Final")
    )
    found = {finding.code: finding for finding in check_events(X).findings}
    assert "'Final'" in found["exams-without-kind"].found
    assert "integradores" in found["exams-without-kind"].cost
    assert "integradores_n_sum" in found["constant-features"].found
    kinds = {"integradores": ["Final"]}
    assert "exams-without-kind" not in codes(check_events(X, exam_kinds=kinds))


def test_columns_are_named_as_in_the_table(events):
    renamed = {name: f"My {name}" for name in events.columns}
    X = FAULTS["scores-in-fractions"](events).rename(columns=renamed)
    mapped = check_events(X, columns={k: v for k, v in renamed.items() if k in COLUMNS})
    plain = check_events(FAULTS["scores-in-fractions"](events))
    assert codes(mapped) == codes(plain)
    assert mapped.summary == plain.summary
    found = {finding.code: finding for finding in mapped.findings}
    assert found["scores-in-fractions"].columns == ("My score",)


@pytest.mark.parametrize("absent", [COLUMNS[-1], "legajo"])
def test_html_names_absent_columns(events, absent):
    html = check_events(events.drop(columns=absent))._repr_html_()
    assert f'{absent}</th><td class="text">absent</td>' in html.replace("\n", "")


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([*FAULTS, *ERRORS]))
def test_no_value_of_a_student_is_shown(random, code):
    X = make_student_activity(30, partitions=10, random_state=random.randrange(99))
    ids = {old: f"SECRET{number}" for number, old in enumerate(X["user_uuid"].unique())}
    X = X.assign(user_uuid=X["user_uuid"].map(ids), legajo="SECRET9")
    report = check_events((FAULTS | ERRORS)[code](X))
    assert "SECRET" not in repr(report) + report._repr_html_()
    assert "SECRET" not in json.dumps(report.to_dict())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_damage_to_any_column_yields_a_report(data):
    X = make_student_activity(12, partitions=8, random_state=1)
    for name in data.draw(st.sets(st.sampled_from(COLUMNS), max_size=4)):
        damage = st.sampled_from([None, "", "x", -1, 0, 1e12, float("inf"), True])
        X[name] = pd.Series([data.draw(damage)] * len(X), dtype=object)
    assert isinstance(check_events(X), EventsReport)


def test_report_survives_json_and_a_page(events, tmp_path):
    report = check_events(ERRORS["unreadable-column"](events).assign(course_name="<b>"))
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert data["usable"] is False
    assert {one["column"] for one in data["columns"]} == set(COLUMNS)
    report.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "are not numbers" in page
    report.to_html(tmp_path / "es.html", "es")
    page = (tmp_path / "es.html").read_text("utf-8")
    assert "Tabla de eventos" in page
    assert "Corrija las filas" in page
    assert "Correct the rows" in report.to_text()
    assert "Correct the rows" not in report.to_text("es")
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_rows_in_any_order_give_the_same_report(events):
    shuffled = events.sample(frac=1, random_state=3)
    assert check_events(shuffled).to_dict() == check_events(events).to_dict()


def test_other_objects_than_tables_raise():
    with pytest.raises(TableError, match="DataFrame"):
        check_events([[1, 2]])
    with pytest.raises(ValueError, match="unknown column"):
        check_events(make_student_activity(5), columns={"student": "x"})


def test_dates_as_datetimes_give_the_same_findings(events):
    dated = events.assign(
        **{name: pd.to_datetime(events[name], unit="s") for name in EPOCH_COLUMNS}
    )
    assert codes(check_events(dated)) == codes(check_events(events))
