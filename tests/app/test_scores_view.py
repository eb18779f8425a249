"""The list shows score_students' numbers; marks and download add nothing."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app_client import EXACT_FLOATS
from edml.app._scores_view import (
    FILE_COLUMNS,
    count_flagged,
    filter_rows,
    make_list,
    mark_contacts,
    write_csv,
)
from edml.schema import resolve_columns

NAMES = resolve_columns(None)


@pytest.fixture(scope="module")
def students(model, table):
    found = model.score_students(table, at=10, since=3, n_reasons=0)
    return found.assign(exam_average=5.5, score_average=np.nan)


def same_bits(ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    return (ours.view(np.int64) == theirs.view(np.int64)).all()


def test_the_list_is_score_students(students):
    people = make_list(students)
    assert people["student"].tolist() == students["legajo"].astype(str).tolist()
    assert people["course"].tolist() == students["course_name"].tolist()
    assert people["flagged"].tolist() == students["flagged"].tolist()
    assert same_bits(people["probability"], students["probability"])
    assert same_bits(people["change"], students["change"])


def test_in_one_course_the_marked_are_those_of_a_capacity(model, table):
    course = table["course_uuid"][0]
    of_course = table[table["course_uuid"] == course]
    students = model.score_students(of_course, at=10, n_reasons=0)
    for k in (0, 1, 7, 10_000):
        flagged = model.score_students(of_course, at=10, capacity=k, n_reasons=0)
        assert mark_contacts(students, k).tolist() == flagged["flagged"].tolist()


LISTS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20).map(
    lambda ids: pd.DataFrame({"user_uuid": ids, "flagged": [True] * len(ids)})
)


@given(LISTS, st.integers(0, 25))
def test_k_students_are_marked_each_once_where_the_risk_is_highest(students, k):
    contact = mark_contacts(students, k)
    marked = students["user_uuid"][contact]
    n_students = students["user_uuid"].nunique()
    assert len(marked) == marked.nunique() == min(k, n_students)
    firsts = students["user_uuid"].drop_duplicates()
    assert marked.index.tolist() == firsts.index[:k].tolist()


def test_counts(students):
    counts = count_flagged(students)
    assert counts.students == students["user_uuid"].nunique()
    assert counts.rows == len(students)
    assert counts.flagged == students["flagged"].sum()


def test_filters(students):
    people, contact = make_list(students), mark_contacts(students, 4)
    assert filter_rows(people, contact, "all", " ").all()
    flagged = filter_rows(people, contact, "flagged", "")
    assert flagged.tolist() == people["flagged"].tolist()
    assert filter_rows(people, contact, "contact", "").tolist() == contact.tolist()
    one = people.iloc[3]
    find = f"{one['course'].upper()} {one['student']}"
    found = people[filter_rows(people, contact, "all", find)]
    expected = people[
        (people["course"] == one["course"]) & (people["student"] == one["student"])
    ]
    assert found.equals(expected)


def test_search_text_is_not_a_pattern(students):
    people, contact = make_list(students), mark_contacts(students, 4)
    for text in (".*", "[", "\\"):
        assert not filter_rows(people, contact, "all", text).any()


def read_back(data, **form):
    return pd.read_csv(io.BytesIO(data), encoding="utf-8-sig", **form, **EXACT_FLOATS)


@pytest.mark.parametrize(("sep", "decimal"), [(",", "."), (";", ",")])
def test_download_keeps_the_numbers_to_the_bit(students, sep, decimal):
    contact = mark_contacts(students, 5)
    data = write_csv(students, contact, NAMES, decimal)
    found = read_back(data, sep=sep, decimal=decimal)
    assert found.columns.tolist() == list(FILE_COLUMNS)
    for name in ("user_uuid", "course_uuid", "legajo", "course_name", "particion"):
        assert found[name].tolist() == students[name].tolist(), name
    assert same_bits(found["probability"], students["probability"])
    assert same_bits(found["change"].dropna(), students["change"].dropna())
    assert found["flagged"].tolist() == students["flagged"].tolist()
    assert found["contact"].tolist() == contact.tolist()


def test_download_has_the_names_of_the_events(students):
    names = resolve_columns({"user_uuid": "student", "particion": "day"})
    found = read_back(write_csv(students, mark_contacts(students, 5), names))
    expected = {"user_uuid": "student", "particion": "day"}
    assert found.columns.tolist() == [expected.get(one, one) for one in FILE_COLUMNS]


def test_a_spreadsheet_knows_the_file_for_utf_8(students):
    named = students.assign(course_name="Álgebra y señales")
    data = write_csv(named, mark_contacts(named, 0), NAMES)
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Álgebra y señales" in data.decode("utf-8-sig")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_is_no_formula(students, name):
    named = students.assign(course_name=name, user_uuid=name)
    found = read_back(write_csv(named, mark_contacts(named, 1), NAMES))
    assert found["course_name"].str.startswith("'").all()
    assert found["user_uuid"].str.startswith("'").all()
    assert same_bits(found["probability"], students["probability"])
