"""Activity and what is known of students, added to an event table."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import add_activity, add_students, as_of, make_student_activity, make_target
from edml.exceptions import TableError

X = make_student_activity(12, random_state=3)
SPARSE = X[X["particion"].fillna(0) % 5 == 0].reset_index(drop=True)
KEYS = ["user_uuid", "course_uuid", "particion"]
PAIRS = SPARSE[KEYS[:2]].drop_duplicates()
LAST = SPARSE.groupby("course_uuid")["particion"].max()


def log(lines, names=("seat", "day", "kind", "count")):
    table = pd.DataFrame(lines, columns=list(names))
    seats = PAIRS.iloc[table.pop("seat").to_numpy(dtype=int)]
    table["student"] = seats["user_uuid"].to_numpy()
    table["course"] = seats["course_uuid"].to_numpy()
    return table


LINES = st.lists(
    st.tuples(
        st.integers(0, len(PAIRS) - 1),
        st.integers(-3, 70),
        st.sampled_from(["quiz", "forum"]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=30,
)


@given(LINES)
def test_against_counting_line_by_line(lines):
    activity = log(lines)
    filled, report = add_activity(SPARSE, activity, return_report=True)
    expected, late = Counter(), 0
    for line in activity.itertuples():
        if line.day > LAST[line.course]:
            late += 1
        else:
            expected[line.student, line.course, max(line.day, 0), line.kind] += (
                line.count
            )
    assert sum(report.rules.values()) - late == sum(-3 <= one[1] < 0 for one in lines)
    kinds = sorted({line[2] for line in lines})
    assert set(filled) == {*SPARSE, *(f"activity_{kind}" for kind in kinds)}
    days = filled.assign(particion=filled["particion"].fillna(0)).groupby(KEYS)
    for kind in kinds:
        found = days[f"activity_{kind}"].sum()
        assert found[found > 0].to_dict() == {
            key[:3]: count
            for key, count in expected.items()
            if key[3] == kind and count
        }
        first = days[f"activity_{kind}"].first()
        assert found.equals(first)  # in the first row of a day
    assert len(filled) - len(SPARSE) == report.made["new rows"]
    old, new = filled.iloc[: len(SPARSE)], filled.iloc[len(SPARSE) :]
    pd.testing.assert_frame_equal(old[list(SPARSE)], SPARSE, check_dtype=False)
    assert new[["nombre_examen", "ass_name", "ass_name_sub"]].isna().all(axis=None)
    assert not new.duplicated(KEYS).any()
    outcome = make_target(filled)
    assert (outcome.groupby(filled["user_uuid"]).nunique() <= 2).all()
    assert outcome[: len(SPARSE)].equals(make_target(SPARSE))


# which are drawn after the last day, too
@pytest.mark.filterwarnings("ignore:Import from activity")
@given(LINES, st.integers(0, 60))
def test_no_count_is_known_before_its_day(lines, day):
    activity = log([(0, 0, "quiz", 1), (0, 0, "forum", 1), *lines])
    early = as_of(add_activity(SPARSE, activity), day)
    then = activity[activity["day"] <= day]
    expected = add_activity(SPARSE, then)
    for kind in ("activity_quiz", "activity_forum"):
        assert early[kind].sum() == as_of(expected, day)[kind].sum()
    assert len(early) == len(as_of(expected, day))


def test_order_of_rows_and_lines_and_types_of_ids_do_not_matter():
    table = SPARSE.assign(user_uuid=pd.factorize(SPARSE["user_uuid"])[0].astype(str))
    pairs = table[KEYS[:2]].drop_duplicates()
    lines = pd.DataFrame(
        {
            "student": pairs["user_uuid"].astype(float),
            "course": pairs["course_uuid"],
            "day": 7,
        }
    )
    found = add_activity(table, lines)
    assert found["activity_all"].sum() == len(pairs)
    assert (found["activity_all"] > 0).sum() == len(pairs)
    mixed = add_activity(table.sample(frac=1, random_state=0), lines[::-1])
    columns = [*KEYS, "nota_final_materia", "activity_all"]
    pd.testing.assert_frame_equal(
        *(
            one.loc[one["activity_all"] > 0, columns]
            .sort_values(KEYS)
            .reset_index(drop=True)
            for one in (found, mixed)
        )
    )


def test_columns_that_hold_for_a_history_hold_in_new_rows():
    table = SPARSE.assign(campus=SPARSE["user_uuid"].str[-1])
    filled = add_activity(table, log([(2, 13, "Quiz / test", 1)]))
    row = filled.iloc[-1]
    of = table[table["user_uuid"] == row["user_uuid"]].iloc[0]
    same = ["campus", "course_name", "legajo", "periodo", "nota_final_materia"]
    pd.testing.assert_series_equal(row[same], of[same], check_names=False)
    assert row["activity_quiz_test"] == 1


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("day", 1.5, "activity: Column 'day': 1 of 2 rows are not whole days"),
        ("day", None, "activity: Column 'day': 1 of 2 rows are not whole days"),
        ("count", -1, "activity: Column 'count': 1 of 2 rows are not counts from 0"),
        ("count", None, "activity: Column 'count': 1 of 2 rows are not counts from 0"),
        ("count", "many", "activity: Column 'count': 1 of 2 rows are not numbers"),
        ("kind", None, "activity: Column 'kind': 1 of 2 rows have no value"),
        ("student", "somebody", "activity: Column 'student': 1 of 2 rows are of a st"),
        ("course", "elsewhere", "activity: Column 'student': 1 of 2 rows are of a st"),
    ],
)
def test_lines_that_cannot_be_read(column, value, message):
    activity = log([(0, 1, "quiz", 2), (1, 1, "quiz", 2)])
    activity[column] = [activity[column][0], value]
    with pytest.raises(TableError, match=message) as caught:
        add_activity(SPARSE, activity)
    assert "somebody" not in str(caught.value)


def test_strangers_are_left_out_on_request():
    activity = log([(0, 1, "quiz", 2), (1, 1, "quiz", 2)])
    activity.loc[1, "student"] = "a teacher"
    found, report = add_activity(SPARSE, activity, unknown="drop", return_report=True)
    assert found["activity_quiz"].sum() == 2
    assert (
        report.rules["lines of students who are not in the course were left out"] == 1
    )


def test_activity_is_added_once():
    activity = log([(0, 1, "quiz", 2)])
    with pytest.raises(ValueError, match=r"X has the columns \['activity_quiz'\] alr"):
        add_activity(add_activity(SPARSE, activity), activity)


def test_no_lines():
    filled = add_activity(SPARSE, log([(0, 1, "quiz", 2)])[:0])
    pd.testing.assert_frame_equal(filled, SPARSE)


# -- students --------------------------------------------------------------------


def students(**columns):
    ids = SPARSE["user_uuid"].drop_duplicates().to_numpy()
    return pd.DataFrame({"student": ids}).assign(**columns)


@pytest.mark.parametrize("by_course", [True, False])
def test_against_a_join(by_course):
    table = PAIRS.rename(columns={"user_uuid": "student", "course_uuid": "course"})
    if not by_course:
        table = table.drop(columns="course").drop_duplicates()
    rng = np.random.default_rng(0)
    table = table.assign(
        points=rng.integers(0, 9, len(table)),
        school=rng.choice(["state", "private", None], len(table)),
    ).sample(frac=0.7, random_state=1)
    found, report = add_students(SPARSE, table, return_report=True)
    keys = {"student": "user_uuid", "course": "course_uuid"}
    expected = SPARSE.merge(
        table.rename(columns=keys), on=[*KEYS[: 1 + by_course]], how="left"
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert len(report.notes) == 1
    assert list(SPARSE) == list(found)[:-2]


def test_students_who_are_not_enrolled_are_reported():
    table = pd.concat([students(points=1), pd.DataFrame({"student": ["x"]})])
    _, report = add_students(SPARSE, table, return_report=True)
    assert [*report.rules.values()] == [1]
    assert report.notes == ()


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (students(), TableError, "students holds only ids"),
        (students(legajo=1), ValueError, r"X has the columns \['legajo'\] already"),
        (
            pd.concat([students(a=1)] * 2),
            TableError,
            "students: Column 'student': .* rows repeat another",
        ),
        (students(a=1).assign(student="x"), TableError, "none of the .* rows is of a"),
        (students(a=1).rename(columns={"student": "id"}), TableError, "lacks the col"),
        ([1], TableError, "students must be a pandas DataFrame, found list"),
    ],
)
def test_tables_of_students_that_cannot_be_read(table, error, message):
    with pytest.raises(error, match=message):
        add_students(SPARSE, table)


def test_a_second_call_adds_to_the_first():
    """Rows that a call adds hold nothing of what earlier calls counted."""
    lines = [(0, 1, "quiz", 2), (0, 2, "quiz", 3), (1, 9, "quiz", 1)]
    more = [(0, 2, "forum", 1), (0, 3, "forum", 1), (1, 11, "forum", 4)]
    twice = add_activity(add_activity(SPARSE, log(lines)), log(more))
    once = add_activity(SPARSE, log([*lines, *more]))
    names = [*KEYS, "activity_quiz", "activity_forum"]
    left, right = (
        one[names].sort_values(KEYS).reset_index(drop=True) for one in (twice, once)
    )
    pd.testing.assert_frame_equal(left, right)


def test_files_and_the_kind_of_all_lines(tmp_path):
    lines = log([(0, 1, "quiz", 2), (1, 2, "quiz", 3)]).drop(columns="kind")
    students = PAIRS[["user_uuid"]].drop_duplicates().set_axis(["student"], axis=1)
    students["school"] = "north"
    lines.to_csv(tmp_path / "clicks.csv", index=False, sep=";")
    students.to_csv(tmp_path / "students.csv", index=False)
    filled, report = add_activity(
        SPARSE, tmp_path / "clicks.csv", kind="Page views", return_report=True
    )
    assert filled["activity_page_views"].sum() == 5
    assert report.notes == ("activity: Columns are separated by ';'.",)
    filled = add_students(filled, tmp_path / "students.csv")
    assert set(filled["school"]) == {"north"}
    lines.assign(day=["1", "x"]).to_csv(tmp_path / "clicks.csv", index=False)
    with pytest.raises(TableError, match=r"activity: Column 'day'.*line 3"):
        add_activity(SPARSE, tmp_path / "clicks.csv")


def test_lines_after_the_last_day_are_said_to_be_left_out():
    last = int(SPARSE["particion"].max())
    activity = log([(0, 1, "quiz", 2), (0, last + 400, "quiz", 3)])
    with pytest.warns(UserWarning, match="1 row: lines after a course's last day were"):
        found = add_activity(SPARSE, activity)
    assert found["activity_quiz"].sum() == 2
