"""A student's days match score_students, and show nothing later."""

import numpy as np
import pandas as pd
import pytest

from edml.app._student_view import (
    as_of_each,
    find_first_day,
    list_events,
    read_trajectory,
    take_history,
    week_before,
)
from edml.schema import REQUIRED_COLUMNS, resolve_columns

NAMES = resolve_columns(None)
DAY = 86_400
START = 19_000  # the first day of the course, in days since 1970


def make_history(*rows):
    """Return a history with times in days of the course."""
    table = pd.DataFrame(list(rows)).reindex(columns=list(REQUIRED_COLUMNS))
    for name in ("ass_due_at", "ass_unlock_at", "s_submitted_at", "s_graded_at"):
        table[name] = (table[name].astype(float) + START) * DAY + 3_600
    return table.assign(user_uuid="u", course_uuid="c")


HISTORY = make_history(
    {"particion": 0, "ass_name": "Essay", "ass_due_at": 4},
    {"particion": 1, "ass_name": "Quiz", "ass_due_at": 3},
    {"particion": 2, "ass_name_sub": "Quiz", "score": 80, "s_submitted_at": 2,
     "s_graded_at": 5},
    {"particion": 5, "nombre_examen": "PRIMER PARCIAL(20)", "nota_parcial": 7},
    {"particion": 6, "nombre_examen": "SEGUNDO PARCIAL(20)"},
    {"particion": 8, "ass_name_sub": "Lab", "score": 0},
)  # fmt: skip


def events_at(at):
    return list_events(HISTORY, NAMES, at, START)


def found(at):
    return [(event.partition, event.kind, event.name) for event in events_at(at)]


def test_events_are_listed_by_day():
    assert found(9) == [
        (2, "submission", "Quiz"),
        (4, "missed", "Essay"),
        (5, "exam", "PRIMER PARCIAL(20)"),
        (6, "missed", "SEGUNDO PARCIAL(20)"),
        (8, "missed", "Lab"),
    ]


def test_kinds_of_work_may_be_absent():
    keys = ["user_uuid", "course_uuid", "particion"]
    exams = HISTORY[[*keys, "nombre_examen", "nota_parcial"]]
    events = list_events(exams, NAMES, 9, find_first_day(exams, NAMES, "c", 9))
    assert [event.kind for event in events] == ["exam", "missed"]
    work = HISTORY[[*keys, "ass_name", "ass_due_at", "ass_name_sub", "score"]]
    events = list_events(work, NAMES, 9, START)
    assert {event.name for event in events} == {"Essay", "Quiz", "Lab"}


def test_work_is_missed_from_the_end_of_its_due_day():
    assert (4, "missed", "Essay") not in found(3)
    assert (4, "missed", "Essay") in found(4)


def test_late_submissions_are_not_missed():
    late = pd.concat(
        [HISTORY, make_history({"particion": 9, "ass_name_sub": "Essay", "score": 60,
                                "s_submitted_at": 9, "s_graded_at": 9})]
    )  # fmt: skip
    kinds = {e.name: e.kind for e in list_events(late, NAMES, 9, START)}
    assert kinds["Essay"] == "submission"


def test_a_grade_is_shown_from_the_day_on_which_it_is_known():
    quiz = {at: events_at(at)[0].grade for at in (4, 5)}
    assert np.isnan(quiz[4])
    assert quiz[5] == 80


def test_a_part_that_was_missed_counts_as_0_as_in_the_features():
    parts = make_history(
        {"particion": 1, "nombre_examen": "INTEGRADOR(30)", "nota_parcial": 8},
        {"particion": 1, "nombre_examen": "INTEGRADOR(30)"},
        {"particion": 2, "ass_name_sub": "Quiz", "score": 60, "s_submitted_at": 2},
        {"particion": 2, "ass_name_sub": "Quiz"},
    )
    grades = {e.name: e.grade for e in list_events(parts, NAMES, 9, np.nan)}
    assert grades == {"INTEGRADOR(30)": 4, "Quiz": 30}


def test_without_a_calendar_nothing_is_overdue():
    events = list_events(HISTORY, NAMES, 9, np.nan)
    assert "Essay" not in {event.name for event in events}


def test_the_calendar_follows_from_the_submissions():
    assert find_first_day(HISTORY, NAMES, "c", 9) == START
    assert np.isnan(find_first_day(HISTORY, NAMES, "c", 1))
    assert np.isnan(find_first_day(HISTORY, NAMES, "another", 9))


@pytest.mark.parametrize(
    ("days", "since"), [(1.0, 13), (7.0, 19), (2.0, 16), (30.0, 19)]
)
def test_a_week_is_seven_days(days, since):
    assert week_before(20, days) == since


def test_the_trajectory_is_score_students_of_each_day(model, table):
    for row in (0, 500):
        student, course = table[["user_uuid", "course_uuid"]].iloc[row]
        history = take_history(table, NAMES, student, course)
        partitions, moments = as_of_each(history, NAMES, at=11)
        students = model.score_students(moments, n_reasons=0)
        trajectory = read_trajectory(partitions, students)
        assert trajectory["partition"].tolist() == list(range(12))
        for p, risk in zip(partitions, trajectory["probability"], strict=True):
            of_all = model.score_students(table, at=p, n_reasons=0)
            one = of_all[
                (of_all["user_uuid"] == student) & (of_all["course_uuid"] == course)
            ]
            assert risk == pytest.approx(one["probability"].item(), rel=1e-9)


def test_later_events_of_a_student_do_not_matter(model, table):
    student, course = table[["user_uuid", "course_uuid"]].iloc[0]
    history = take_history(table, NAMES, student, course)
    early = history[history["particion"].fillna(0) <= 6]
    partitions, moments = as_of_each(history, NAMES, at=6)
    same, of_early = as_of_each(early, NAMES, at=6)
    assert partitions.tolist() == same.tolist()
    ours = model.score_students(moments, n_reasons=0)["probability"]
    theirs = model.score_students(of_early, n_reasons=0)["probability"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    first_day = find_first_day(table, NAMES, course, 6)
    # as texts: an unknown grade is NaN, which equals nothing
    assert str(list_events(history, NAMES, 6, first_day)) == str(
        list_events(early, NAMES, 6, first_day)
    )
