"""The choices match the table, and no history is cut."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import make_student_activity
from edml.app._events_view import (
    Choice,
    choose_events,
    label_column,
    list_courses,
    list_students,
    partition_range,
    read_choices,
)
from edml.exceptions import TableError
from edml.schema import read_periods, resolve_columns

NAMES = resolve_columns(None)
X = make_student_activity(60, n_courses=4, partitions=6, random_state=0)
EVENTS = read_choices(X, NAMES, "a fingerprint")


def of_history(table):
    return set(zip(table["user_uuid"], table["course_uuid"], strict=True))


def test_the_courses_are_those_of_the_period():
    _, periods, _ = read_periods(X["periodo"])
    assert EVENTS.periods == periods
    for period in periods:
        written = [period, period.removeprefix("0")]
        inside = X[X["periodo"].isin(written)]
        assert list_courses(EVENTS, period) == sorted(inside["course_name"].unique())
    assert list_courses(EVENTS, None) == sorted(X["course_name"].unique())


def test_the_students_are_those_of_the_course():
    course = X["course_name"][0]
    inside = X[X["course_name"] == course]
    expected = sorted(inside["legajo"].astype(str).unique())
    assert list_students(EVENTS, None, course) == expected


def test_all_of_them_is_the_table_itself():
    assert choose_events(EVENTS, Choice()).equals(X)


def test_the_partitions_are_those_of_the_chosen():
    student = str(X["legajo"][0])
    rows = X[X["legajo"] == X["legajo"][0]]
    days = rows["particion"].fillna(0)
    found = partition_range(EVENTS, Choice(students=(student,)))
    assert found == (days.min(), days.max())


@given(data=st.data())
def test_selection_keeps_exactly_the_whole_histories(data):
    period = data.draw(st.sampled_from([None, *EVENTS.periods]))
    courses = list_courses(EVENTS, period)
    course = data.draw(st.sampled_from([None, *courses]))
    known = list_students(EVENTS, period, course)
    some = tuple(data.draw(st.lists(st.sampled_from(known), unique=True, max_size=3)))
    chosen = choose_events(EVENTS, Choice(period, course, some))
    inside = of_history(chosen)
    assert len(chosen) == sum(
        key in inside for key in zip(X["user_uuid"], X["course_uuid"], strict=True)
    )
    if course is not None:
        assert set(chosen["course_name"]) == {course}
    if some:
        assert set(chosen["legajo"].astype(str)) == set(some)
    if period is not None:
        written = [period, period.removeprefix("0")]
        assert of_history(X[X["periodo"].isin(written)]) >= inside


def test_a_history_with_rows_in_two_periods_is_in_both_whole():
    table = pd.DataFrame(
        {
            "user_uuid": ["a", "a", "b"],
            "course_uuid": ["c"] * 3,
            "particion": [0, 1, 0],
            "periodo": ["1-2024", "02-2024", "2-2024"],
        }
    )
    events = read_choices(table, NAMES, "")
    assert events.periods == ["01-2024", "02-2024"]
    assert choose_events(events, Choice("01-2024")).index.tolist() == [0, 1]
    assert choose_events(events, Choice("02-2024")).index.tolist() == [0, 1, 2]


def test_ids_replace_missing_names_and_periods():
    table = pd.DataFrame(
        {"user_uuid": ["a", "b"], "course_uuid": ["c", "c"], "particion": [0, 3]}
    )
    events = read_choices(table, NAMES, "")
    assert events.periods == []
    assert list_courses(events, None) == ["c"]
    assert list_students(events, None, "c") == ["a", "b"]


def test_other_column_names_are_read():
    names = resolve_columns({"user_uuid": "alumno", "course_name": "materia"})
    table = X.rename(columns={"user_uuid": "alumno", "course_name": "materia"})
    events = read_choices(table, names, "")
    assert list_courses(events, None) == list_courses(EVENTS, None)
    assert list_students(events, None, None) == list_students(EVENTS, None, None)


def test_a_label_is_the_first_that_is_known():
    table = pd.DataFrame({"legajo": [12.0, np.nan, 7.5], "user_uuid": ["a", "b", "c"]})
    assert label_column(table, "legajo", "user_uuid").tolist() == ["12", "b", "7.5"]
    assert label_column(table, "no such", "user_uuid").tolist() == ["a", "b", "c"]


def test_an_empty_table_is_refused():
    with pytest.raises(TableError, match="found no row"):
        read_choices(X[:0], NAMES, "")


def test_a_course_that_is_not_there_is_refused():
    with pytest.raises(TableError, match="Choose others"):
        choose_events(EVENTS, Choice(course="no such course"))
