"""The list shows score_students' numbers; marks and download add nothing."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml.app._events_view import read_choices
from edml.app._scores_view import (
    count_flagged,
    filter_rows,
    make_list,
    mark_contacts,
    write_csv,
)
from edml.app._words import Words
from edml.schema import resolve_columns

NAMES = resolve_columns(None)


@pytest.fixture(scope="module")
def students(model, table):
    found = model.score_students(table, at=10, since=3, n_reasons=0)
    return found.assign(exam_average=5.5, score_average=np.nan)


@pytest.fixture(scope="module")
def people(table, students):
    return make_list(read_choices(table, NAMES, ""), students)


def same_bits(ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    return (ours.view(np.int64) == theirs.view(np.int64)).all()


def test_the_list_is_score_students(people, students):
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


@given(LISTS, st.integers(0, 25), st.dictionaries(st.integers(0, 19), st.booleans()))
def test_ticks_by_hand_come_last(students, k, ticked):
    ticked = {row: mark for row, mark in ticked.items() if row < len(students)}
    contact, of_k = mark_contacts(students, k, ticked), mark_contacts(students, k)
    for row in range(len(students)):
        assert contact[row] == ticked.get(row, of_k[row])


def test_filters(people, students):
    contact = mark_contacts(students, 4)
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


@pytest.mark.parametrize("find", ["algebra", "ÁLGEBRA", "álgebra"])
def test_search_ignores_accents_and_case(people, find):
    kept = filter_rows(people, people["flagged"].to_numpy(), "all", find)
    assert kept.any()
    assert kept.tolist() == (people["course"] == "Álgebra").tolist()


def test_a_run_is_found_by_its_period(people):
    period = people["period"].iloc[0]
    kept = filter_rows(people, people["flagged"].to_numpy(), "all", period)
    assert kept.tolist() == (people["period"] == period).tolist()


def test_search_text_is_not_a_pattern(people, students):
    contact = mark_contacts(students, 4)
    for text in (".*", "[", "\\"):
        assert not filter_rows(people, contact, "all", text).any()


# -- the file --------------------------------------------------------------------------


def write(people, language="en", **columns):
    reasons = [["a reason; and more", "=another"]] + [None] * (len(people) - 1)
    contact = np.arange(len(people)) < 5
    listed = people.assign(reasons=reasons, contact=contact, **columns)
    return write_csv(listed, 10, Words(language))


def read_back(data, language="en"):
    sep, decimal = {"en": (",", "."), "es": (";", ",")}[language]
    text = io.BytesIO(data)
    found = pd.read_csv(text, encoding="utf-8-sig", sep=sep, decimal=decimal, dtype=str)
    return found.fillna("")


@pytest.mark.parametrize("language", ["en", "es"])
def test_download_has_what_the_table_shows(people, language):
    words = Words(language)
    found = read_back(write(people, language), language)
    assert found[words("Student")].tolist() == people["student"].tolist()
    assert found[words("Course")].tolist() == people["course"].tolist()
    assert found[words("Period")].tolist() == people["period"].tolist()
    risk = found[words("Risk of failing (%)")].str.replace(",", ".").astype(float)
    assert risk.tolist() == (100 * people["probability"]).round(1).tolist()
    if language == "es":
        assert found[words("Risk of failing (%)")].str.contains(",").all()
    yes, no = words("yes"), words("no")
    assert found[words("Contact")].tolist() == [yes] * 5 + [no] * (len(people) - 5)
    flagged = found[words.pgettext("one student", "Flagged")]
    assert (flagged == yes).tolist() == people["flagged"].tolist()
    assert found[words("Reasons")][:2].tolist() == ["a reason; and more; =another", ""]


@pytest.mark.parametrize("language", ["en", "es"])
def test_download_has_no_words_of_python(people, language):
    text = write(people, language).decode("utf-8-sig")
    for word in ("True", "False", "nan", "None", "-0.0", "-0,0", "_"):
        assert word not in text


def test_a_spreadsheet_knows_the_file_for_utf_8(people):
    data = write(people, course="Álgebra y señales")
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Álgebra y señales" in data.decode("utf-8-sig")


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_is_no_formula(people, name):
    found = read_back(write(people, course=name, student=name))
    for column in ("Student", "Course"):
        assert found[column].str.startswith("'").all()
