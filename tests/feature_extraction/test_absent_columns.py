"""Tables without some columns, and exams of no kind."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import (
    DataCleaner,
    FeatureEngineer,
    RiskClassifier,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import TableError
from strategies import REQUIRED, event_tables

KEYS = ("user_uuid", "course_uuid", "particion")
EXAMS = ("nombre_examen", "nota_parcial")
SUBMISSIONS = ("ass_name_sub", "score", "s_submitted_at", "s_graded_at")
OPTIONAL = [
    *("assignment_id", "ass_due_at", "ass_unlock_at"),
    *("s_graded_at", "s_submitted_at"),
]
ACTIVITY = make_student_activity(60, fail_rate=0.3, partitions=30, random_state=1)


@given(event_tables(), st.sets(st.sampled_from(OPTIONAL), min_size=1))
def test_absent_columns_are_null(X, absent):
    expected = FeatureEngineer().fit_transform(X.assign(**dict.fromkeys(absent)))
    found = FeatureEngineer().fit_transform(X.drop(columns=[*absent]))
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("absent", [EXAMS, REQUIRED[5:9], SUBMISSIONS, REQUIRED[5:]])
def test_whole_kinds_of_work_may_be_absent(absent):
    X, y = ACTIVITY.drop(columns=[*absent]), make_target(ACTIVITY)
    null = ACTIVITY.assign(**dict.fromkeys(absent))
    with pytest.warns(UserWarning, match="These features stay empty"):
        model = RiskClassifier(make_risk_pipeline(every=7), cv=3).fit(X, y)
    expected = RiskClassifier(make_risk_pipeline(every=7), cv=3).fit(null, y)
    students, wanted = (
        model.score_students(X, at=25),
        expected.score_students(null, at=25),
    )
    pd.testing.assert_frame_equal(students, wanted)
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(null))
    # what was not there in fit is not read later
    pd.testing.assert_frame_equal(
        model.score_students(ACTIVITY, at=25)[["probability"]],
        students[["probability"]],
    )


@pytest.mark.parametrize("absent", ["nota_parcial", "nombre_examen"])
def test_half_an_exam_is_none(absent):
    expected = FeatureEngineer().fit_transform(ACTIVITY.assign(**dict.fromkeys(EXAMS)))
    with pytest.warns(UserWarning, match="exams"):
        found = FeatureEngineer().fit_transform(ACTIVITY.drop(columns=absent))
    pd.testing.assert_frame_equal(found, expected)


@pytest.mark.parametrize("step", [FeatureEngineer(), DataCleaner()])
def test_keys_and_one_kind_of_work_are_needed(step):
    with pytest.raises(TableError, match=r"lacks \['nombre_examen', .*'s_graded_at'\]"):
        step.fit(ACTIVITY[[*KEYS]])
    with pytest.raises(TableError, match=r"lacks \['user_uuid'\]"):
        step.fit(ACTIVITY.drop(columns="user_uuid"))
    step.fit(ACTIVITY)
    with pytest.raises(TableError, match=r"lacks \['score'\]"):
        step.transform(ACTIVITY.drop(columns="score"))


def test_exams_of_no_kind_are_named_once():
    names = ["Midterm 1", "FINAL EXAM", "Midterm 1 resit", "Oral"]
    exams = ACTIVITY["nombre_examen"].dropna().unique()
    spelled = dict(zip(exams, [*names, *names], strict=False))
    X = ACTIVITY.assign(nombre_examen=ACTIVITY["nombre_examen"].map(spelled))
    with pytest.warns(UserWarning, match=r"exams.*'Midterm 1'.*nota_parciales") as said:
        make_risk_pipeline().fit(X, make_target(X))
    assert sum("No kind is known" in str(one.message) for one in said) == 1
    with pytest.warns(UserWarning, match=r"of 1 of 4 exams.*\['Oral'\]") as said:
        found = FeatureEngineer(exam_kinds="english").fit_transform(X)
    assert "stay empty" not in str(said[0].message)
    assert (found["integradores_n_sum"] > 0).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FeatureEngineer().fit(ACTIVITY)
        FeatureEngineer(
            exam_kinds=dict.fromkeys(
                ("parciales", "integradores", "recuperatorios"), ()
            )
        ).fit(X)
    with pytest.raises(ValueError, match=r"unknown preset 'englisch'. Did you mean"):
        FeatureEngineer(exam_kinds="englisch").fit(X)
