"""The synthetic platform: its rates and quirks, and one table per seed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from edml.datasets import as_of, make_student_activity, make_target
from edml.schema import COLUMNS, EPOCH_COLUMNS, EXAM_KINDS, SECONDS_PER_DAY

HISTORY = ["user_uuid", "course_uuid"]
MAKE_UPS = EXAM_KINDS["recuperatorios"]


@pytest.fixture(scope="module", name="X")
def activity():
    return make_student_activity(2300, random_state=7)


@pytest.fixture(scope="module")
def submissions(X):
    return X[X["ass_name_sub"].notna()]


@pytest.fixture(scope="module")
def creations(X):
    return X[X["ass_name"].notna()]


@pytest.fixture(scope="module")
def exams(X):
    return X[X["nombre_examen"].notna()]


def first_rows(X):
    return X.drop_duplicates(HISTORY)


def course_starts(X):
    """Return each row's day 0, read from its period, in epoch seconds."""
    half = X["periodo"].str[-6].map({"1": "03", "2": "08"})
    start = pd.to_datetime(X["periodo"].str[-4:] + "-" + half + "-01")
    return start.astype("datetime64[s]").astype("int64")


# -- shape and rates ----------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_null_rates_are_those_of_the_real_table(seed):
    X = make_student_activity(2300, random_state=seed)
    names = ["nombre_examen", "ass_name", "ass_name_sub", "score"]
    percent = 100 * X[names].isna().mean()
    np.testing.assert_allclose(percent, [96.4, 86.7, 87.7, 87.8], atol=0.5)
    assert 61 <= len(X) / 2300 <= 63


def test_columns_are_the_platforms(X):
    assert list(X) == list(COLUMNS)
    assert X.index.equals(pd.RangeIndex(len(X)))


def test_dtypes_are_those_of_a_table_read_from_csv(X):
    numeric = set(X.columns[[dtype.kind in "if" for dtype in X.dtypes]])
    texts = set(COLUMNS) - numeric
    assert texts == {
        "user_uuid",
        "course_uuid",
        "course_name",
        "periodo",
        "nombre_examen",
        "ass_name",
        "ass_name_sub",
        "sub_uuid",
        "submission_type",
    }
    assert {X[name].dtype for name in texts} == {pd.Series(["a"]).dtype}


@pytest.mark.parametrize("fail_rate", [0.0, 0.04, 0.31, 1.0])
@pytest.mark.parametrize("seed", [0, 5])
def test_fail_rate_matches_the_requested_one(fail_rate, seed):
    X = first_rows(make_student_activity(700, fail_rate=fail_rate, random_state=seed))
    assert len(X) == 700
    assert make_target(X).mean() == pytest.approx(fail_rate, abs=0.5 / 700)
    assert X["nota_final_materia"].between(0, 10).all()


def test_final_grade_belongs_to_the_enrolment(X):
    assert X.groupby(HISTORY)["nota_final_materia"].nunique().eq(1).all()
    assert set(X["nota_final_materia"]) == set(range(11))


def test_every_enrolment_has_all_partitions(X):
    days = X.assign(day=X["particion"].fillna(0)).groupby(HISTORY)["day"]
    assert (days.nunique() == 60).all()
    assert (days.max() == 59).all()


@given(
    n_enrolments=st.integers(1, 25),
    n_courses=st.integers(1, 14),
    fail_rate=st.floats(0, 1),
    partitions=st.integers(1, 200),
    seed=st.integers(0, 9),
)
def test_table_is_readable_at_any_size(
    n_enrolments, n_courses, fail_rate, partitions, seed
):
    X = make_student_activity(
        n_enrolments,
        n_courses=n_courses,
        fail_rate=fail_rate,
        partitions=partitions,
        random_state=seed,
    )
    ends = first_rows(X)
    assert len(ends) == n_enrolments
    assert ends["course_uuid"].nunique() <= n_courses
    assert make_target(ends).sum() == int(fail_rate * n_enrolments + 0.5)
    assert set(X["particion"].fillna(0)) == set(range(partitions))
    assert X["score"].dropna().between(0, 100).all()
    assert X["nota_parcial"].dropna().between(0, 10).all()
    assert len(as_of(X, partitions)) == len(X)


# -- one seed, one table ------------------------------------------------------


def test_same_seed_same_bits():
    first, again = (make_student_activity(50, random_state=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    other = make_student_activity(50, random_state=4)
    assert not first.equals(other)


@pytest.mark.parametrize(
    "make_state", [np.random.RandomState, np.random.default_rng], ids=["old", "new"]
)
def test_random_state_moves_on(make_state):
    state = make_state(3)
    first = make_student_activity(20, random_state=state)
    second = make_student_activity(20, random_state=state)
    again = make_student_activity(20, random_state=make_state(3))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(second)


def test_activity_does_not_depend_on_the_fail_rate():
    few, many = (
        make_student_activity(40, fail_rate=rate, random_state=1) for rate in (0.1, 0.5)
    )
    grade = "nota_final_materia"
    pd.testing.assert_frame_equal(few.drop(columns=grade), many.drop(columns=grade))


# -- students, courses, periods -----------------------------------------------


def test_students_sit_in_several_courses_and_periods(X):
    ends = first_rows(X)
    half = ends["periodo"].str.lstrip("0")
    of_student = ends.assign(half=half).groupby("user_uuid")
    assert of_student["course_uuid"].nunique().gt(1).mean() > 0.3
    assert of_student["half"].nunique().gt(1).mean() > 0.2
    assert half.nunique() >= 3


def test_course_is_one_run_of_a_subject(X):
    half = X["periodo"].str.lstrip("0")
    assert half.groupby(X["course_uuid"]).nunique().eq(1).all()
    assert X["course_uuid"].nunique() == 10
    assert X.groupby("course_name")["course_uuid"].nunique().gt(1).any()


def test_identifiers_are_hexadecimal(X):
    for name in ("user_uuid", "course_uuid"):
        assert X[name].str.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}").all()
    assert X["sub_uuid"].dropna().str.fullmatch(r"[0-9a-f-]{18}-\d+").all()
    assert X["sub_uuid"].dropna().is_unique
    assert X.groupby("user_uuid")["legajo"].nunique().eq(1).all()


# -- quirks -------------------------------------------------------------------


def test_both_forms_of_periods_occur(X):
    forms = X["periodo"].str.len().value_counts(normalize=True)
    assert set(forms.index) == {6, 7}
    assert forms.min() > 0.2
    assert (X.groupby("course_uuid")["periodo"].nunique() == 2).all()


def test_null_partitions_count_as_day_0(X):
    unknown = X["particion"].isna()
    assert 0.002 < unknown.mean() < 0.02
    dates = X.loc[unknown, "s_submitted_at"].replace(0, np.nan).dropna()
    assert (dates - course_starts(X.loc[dates.index]) < SECONDS_PER_DAY).all()


def test_rows_are_not_in_order_of_partition(X):
    steps = (
        X["particion"].fillna(0).diff()[~X[HISTORY].ne(X[HISTORY].shift()).any(axis=1)]
    )
    assert 0.005 < (steps < 0).mean() < 0.2
    blocks = X[HISTORY].ne(X[HISTORY].shift()).any(axis=1)
    assert blocks.sum() == 2300  # one enrolment after the other
    assert not X.loc[blocks, "user_uuid"].is_monotonic_increasing


def test_exams_have_parts(exams):
    parts = exams.groupby([*HISTORY, exams["nombre_examen"].str.strip()]).size()
    assert 0.03 < (parts == 2).mean() < 0.1
    assert parts.max() == 2


def test_submissions_have_parts(submissions):
    names = submissions["ass_name_sub"].str.strip()
    parts = submissions.groupby([*HISTORY, names])["sub_uuid"].nunique()
    assert 0.03 < (parts == 2).mean() < 0.1


def test_names_have_white_space(exams, creations, submissions):
    columns = (
        exams["nombre_examen"],
        creations["ass_name"],
        submissions["ass_name_sub"],
    )
    for names in columns:
        assert 0.004 < (names != names.str.strip()).mean() < 0.02


def test_make_ups_follow_a_lost_exam(exams):
    exam = exams["nombre_examen"].str.strip()
    table = exams.assign(exam=exam).groupby([*HISTORY, "exam"])
    first = table[["particion", "nota_parcial"]].first()
    for midterm, make_up in zip(EXAM_KINDS["parciales"], MAKE_UPS, strict=True):
        made_up = first.xs(make_up, level="exam")
        lost = first.xs(midterm, level="exam").reindex(made_up.index)
        assert 0.02 < len(made_up) / 2300 < 0.3
        assert (made_up["particion"] > lost["particion"]).all()
        grade = lost["nota_parcial"]
        # If a student has two graded parts, a stray row may show the second first.
        assert (grade.isna() | (grade < 4)).mean() > 0.98
    assert set(exam) == {name for names in EXAM_KINDS.values() for name in names}


def test_absence_is_a_named_exam_without_a_grade(exams):
    assert 0.01 < exams["nota_parcial"].isna().mean() < 0.1


def test_exam_dates_lie_in_their_partition(exams):
    held = exams["fecha_mesa_epoch"].replace(0, np.nan)
    day = (held - course_starts(exams)) // SECONDS_PER_DAY
    assert (day == exams["particion"])[held.notna()].all()
    assert (exams["fecha_mesa_epoch"] == 0).any()
    assert exams["fecha_mesa_epoch"].isna().any()


def test_creations_fall_on_the_due_or_unlock_day(creations):
    dates = creations.replace({"ass_due_at": {0: np.nan}, "ass_unlock_at": {0: np.nan}})
    day = creations["particion"].fillna(0)
    on = {
        name: ((dates[name] - course_starts(dates)) // SECONDS_PER_DAY).clip(lower=0)
        == day
        for name in ("ass_due_at", "ass_unlock_at")
    }
    assert on["ass_due_at"].mean() > 0.25
    assert on["ass_unlock_at"].mean() > 0.25
    dated = dates["ass_due_at"].notna() & dates["ass_unlock_at"].notna()
    # A student who sees it again sees a later due date.
    assert (on["ass_due_at"] | on["ass_unlock_at"])[dated].mean() > 0.97


def test_assignments_are_shown_twice_with_another_due_date(creations):
    names = creations["ass_name"].str.strip()
    shown = creations.groupby([*HISTORY, names])["assignment_id"].nunique()
    assert 0.01 < (shown == 2).mean() < 0.04


def first_days(rows, name):
    days = rows.assign(name=rows[name].str.strip(), day=rows["particion"].fillna(0))
    return days.groupby([*HISTORY, "name"])["day"].min()


def test_submissions_may_precede_or_lack_their_creation(creations, submissions):
    shown = first_days(creations, "ass_name")
    handed_in = first_days(submissions, "ass_name_sub")
    shown_at = shown.reindex(handed_in.index)
    assert 0.01 < shown_at.isna().mean() < 0.06
    assert (shown_at > handed_in).mean() > 0.2
    assert (shown_at < handed_in).mean() > 0.2


def test_assignments_are_missed(creations, submissions):
    shown = first_days(creations, "ass_name")
    handed_in = first_days(submissions, "ass_name_sub")
    missed = ~shown.index.isin(handed_in.index)
    assert 0.05 < missed.mean() < 0.25


def test_submissions_are_early_and_late(creations, submissions):
    due = creations.assign(name=creations["ass_name"].str.strip())
    due = due[due["ass_due_at"] > 0].groupby([*HISTORY, "name"])["ass_due_at"].min()
    handed_in = submissions[submissions["s_submitted_at"] > 0]
    key = pd.MultiIndex.from_frame(
        handed_in[HISTORY].assign(name=handed_in["ass_name_sub"].str.strip())
    )
    hours = (due.reindex(key).to_numpy() - handed_in["s_submitted_at"]) / 3600
    assert 0.05 < (hours < 0).mean() < 0.3
    assert 0.1 < (hours > 48).mean() < 0.6


def test_submission_time_lies_in_the_partition_as_a_rule(submissions):
    given = submissions[submissions["s_submitted_at"] > 0]
    day = (given["s_submitted_at"] - course_starts(given)) // SECONDS_PER_DAY
    day, partition = day.clip(lower=0), given["particion"].fillna(0)
    assert 0.9 < (day == partition).mean() < 1
    assert ((partition - day)[day != partition] == 1).all()


def test_grading_takes_days_and_ends_after_the_course(submissions):
    both = submissions[
        (submissions["s_submitted_at"] > 0) & (submissions["s_graded_at"] > 0)
    ]
    days = (
        both["s_graded_at"] // SECONDS_PER_DAY
        - both["s_submitted_at"] // SECONDS_PER_DAY
    )
    assert days.between(0, 10).all()
    assert 0.3 < (days > 0).mean() < 0.8
    end = course_starts(both) + 60 * SECONDS_PER_DAY
    assert (both["s_graded_at"] > end).any()


def test_scores_may_stay_pending_or_have_no_submission(submissions):
    pending = submissions["score"].isna()
    submitted = submissions["s_submitted_at"] > 0
    assert 0.005 < (pending & submitted).mean() < 0.03
    assert (pending & ~submitted).any()
    assert submissions.loc[pending, "s_graded_at"].isna().all()
    assert (submissions["score"] == 0).any()


def test_missing_dates_are_zero_and_null(creations, submissions, exams):
    rows = {"ass_": creations, "s_": submissions, "fecha_": exams}
    for name in EPOCH_COLUMNS:
        dates = next(found for prefix, found in rows.items() if name.startswith(prefix))
        assert (dates[name] == 0).any(), name
        assert dates[name].isna().any(), name
        known = dates[name].replace(0, np.nan).dropna()
        assert known.between(1.64e9, 1.71e9).all(), name


def test_facets_without_their_name_are_empty(X):
    facets = {
        "nombre_examen": ["nota_parcial", "fecha_mesa_epoch"],
        "ass_name": ["assignment_id", "points_possible", "ass_due_at", "ass_lock_at"],
        "ass_name_sub": ["score", "sub_uuid", "submission_type", "s_submitted_at"],
    }
    for name, columns in facets.items():
        assert X.loc[X[name].isna(), columns].isna().all(axis=None)


def test_rows_carry_two_facets(X):
    there = X[["nombre_examen", "ass_name", "ass_name_sub"]].notna()
    assert ((there.sum(axis=1) >= 2).mean()) > 0.005
    both = X[there["ass_name"] & there["ass_name_sub"]]
    same = both["ass_name"].str.strip() == both["ass_name_sub"].str.strip()
    assert same.any()
    assert not same.all()
    assert (there.sum(axis=1) == 0).mean() > 0.6  # ticks


def test_some_ticks_coincide_with_events(X):
    cell = [*HISTORY, "particion"]
    empty = X[["nombre_examen", "ass_name", "ass_name_sub"]].isna().all(axis=1)
    several = X.duplicated(cell, keep=False)
    assert (empty & several).any()


# -- prediction ---------------------------------------------------------------


def plain_risk(X, p):
    """Score each enrolment by its missed work and grades up to ``p``."""
    seen = as_of(X, p)
    by = seen.groupby(HISTORY, sort=True)
    return -(
        by["score"].sum(min_count=0) / 100 + by["nota_parcial"].sum(min_count=0) / 5
    )


def test_failing_is_partly_predictable_early_and_more_later():
    X = make_student_activity(6000, random_state=2)
    y = make_target(X).groupby([X["user_uuid"], X["course_uuid"]]).first().sort_index()
    early, late = (roc_auc_score(y, plain_risk(X, p)) for p in (11, 59))
    assert 0.6 < early < 0.85
    assert early + 0.05 < late < 0.95


# -- bad input ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"n_enrolments": 0}, ValueError, "n_enrolments == 0, must be >= 1"),
        ({"n_enrolments": 2.5}, TypeError, "n_enrolments must be an instance of"),
        ({"n_courses": 0}, ValueError, "n_courses == 0, must be >= 1"),
        ({"fail_rate": 1.5}, ValueError, "fail_rate == 1.5, must be <= 1"),
        ({"partitions": 0}, ValueError, "partitions == 0, must be >= 1"),
        ({"random_state": "x"}, ValueError, "cannot be used to seed"),
    ],
)
def test_bad_parameters_raise(given, error, message):
    with pytest.raises(error, match=message):
        make_student_activity(**given)
