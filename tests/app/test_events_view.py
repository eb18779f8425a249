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
    find_people,
    label_column,
    list_runs,
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


def test_runs_are_those_of_the_period():
    codes, periods, _ = read_periods(X["periodo"])
    assert EVENTS.periods == periods
    for period in periods:
        inside = X[[periods[code] == period for code in codes]]
        courses = inside.drop_duplicates("course_uuid")["course_name"]
        found = list_runs(EVENTS, period)
        assert len(found) == len(courses)
        for course in courses.unique():
            mine = [run for run in found if run.startswith(f"{course} ({period})")]
            assert len(mine) == (courses == course).sum()
    assert set(list_runs(EVENTS, None)) == {
        run for period in periods for run in list_runs(EVENTS, period)
    }


def test_runs_of_one_name_and_period_are_told_apart_by_id():
    rows = [("a", "c1", "Physics", "1-2024"), ("b", "c2", "Physics", "01-2024"),
            ("c", "c3", "Physics", "2-2024"), ("d", "c4", "Art", "2-2024")]  # fmt: skip
    columns = ["user_uuid", "course_uuid", "course_name", "periodo"]
    table = pd.DataFrame(rows, columns=columns).assign(particion=0)
    events = read_choices(table, NAMES, "")
    assert list_runs(events, "01-2024") == [
        "Physics (01-2024) (c1)",
        "Physics (01-2024) (c2)",
    ]
    assert list_runs(events, "02-2024") == ["Art (02-2024)", "Physics (02-2024)"]
    one = choose_events(events, Choice("01-2024", "Physics (01-2024) (c2)"))
    assert one["user_uuid"].tolist() == ["b"]


def test_people_are_found_by_ids_of_any_spelling():
    table = pd.DataFrame(
        {
            "user_uuid": [1004.0, 7.0],
            "course_uuid": [1, 1],
            "legajo": ["L4", "L7"],
            "particion": 0,
        }
    )
    answer = pd.DataFrame({"user_uuid": ["7", "1004"], "course_uuid": ["1", "1"]})
    people = find_people(
        read_choices(table, NAMES, ""), answer, "user_uuid", "course_uuid"
    )
    assert people["student"].tolist() == ["L7", "L4"]
    assert people["run"].tolist() == ["1", "1"]


def test_all_of_them_is_the_table_itself():
    assert choose_events(EVENTS, Choice()).equals(X)


def test_the_partitions_are_those_of_the_chosen():
    run = list_runs(EVENTS, None)[0]
    days = choose_events(EVENTS, Choice(run=run))["particion"].fillna(0)
    assert partition_range(EVENTS, Choice(run=run)) == (days.min(), days.max())


@given(data=st.data())
def test_selection_keeps_exactly_the_whole_histories(data):
    period = data.draw(st.sampled_from([None, *EVENTS.periods]))
    run = data.draw(st.sampled_from([None, *list_runs(EVENTS, period)]))
    chosen = choose_events(EVENTS, Choice(period, run))
    inside = of_history(chosen)
    assert len(chosen) == sum(
        key in inside for key in zip(X["user_uuid"], X["course_uuid"], strict=True)
    )
    if run is not None:
        (course,) = set(chosen["course_name"])
        assert run.startswith(course)
        assert len(set(chosen["course_uuid"])) == 1


def test_a_history_with_rows_in_two_periods_is_whole_in_the_later():
    table = pd.DataFrame(
        {
            "user_uuid": ["a", "a", "b"],
            "course_uuid": ["c"] * 3,
            "particion": [0, 1, 0],
            "periodo": ["1-2024", "02-2024", "1-2024"],
        }
    )
    events = read_choices(table, NAMES, "")
    assert events.periods == ["01-2024", "02-2024"]
    assert choose_events(events, Choice("01-2024")).index.tolist() == [2]
    assert choose_events(events, Choice("02-2024")).index.tolist() == [0, 1]


def test_ids_replace_missing_names_and_periods():
    table = pd.DataFrame(
        {"user_uuid": ["a", "b"], "course_uuid": ["c", "c"], "particion": [0, 3]}
    )
    events = read_choices(table, NAMES, "")
    assert events.periods == []
    assert list_runs(events, None) == ["c"]
    assert events.of_histories["student"].tolist() == ["a", "b"]


def test_other_column_names_are_read():
    names = resolve_columns({"user_uuid": "alumno", "course_name": "materia"})
    table = X.rename(columns={"user_uuid": "alumno", "course_name": "materia"})
    events = read_choices(table, names, "")
    assert list_runs(events, None) == list_runs(EVENTS, None)
    assert events.of_histories.equals(EVENTS.of_histories)


def test_a_label_is_the_first_that_is_known():
    table = pd.DataFrame({"legajo": [12.0, np.nan, 7.5], "user_uuid": ["a", "b", "c"]})
    assert label_column(table, "legajo", "user_uuid").tolist() == ["12", "b", "7.5"]
    assert label_column(table, "no such", "user_uuid").tolist() == ["a", "b", "c"]


def test_an_empty_table_raises():
    with pytest.raises(TableError, match="found no row"):
        read_choices(X[:0], NAMES, "")


def test_a_course_that_is_not_there_raises():
    with pytest.raises(TableError, match="Choose others"):
        choose_events(EVENTS, Choice(run="no such course"))
