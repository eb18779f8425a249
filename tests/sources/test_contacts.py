"""Files of contacts, and who of them is in another table."""

import pandas as pd
import pytest

from edml import load_activity
from edml.exceptions import TableError
from edml.sources import contacted_rows, read_contacts


def test_a_file_is_read_with_its_ids_and_dates(tmp_path):
    path = tmp_path / "contacts.csv"
    path.write_text(
        "student;course;date;kind;by\n 1004 ;c1;2026-03-02T10:00;email;ann\n"
        "0007;c1;2026-03-03;;bob\n"
    )
    contacts, report = read_contacts(path, return_report=True)
    assert contacts["student"].tolist() == ["1004", "0007"]
    assert contacts["date"].tolist() == [
        pd.Timestamp("2026-03-02T10:00Z"),
        pd.Timestamp("2026-03-03T00:00Z"),
    ]
    assert contacts["kind"].isna().tolist() == [False, True]
    assert any("'by'" in note and "ignored" in note for note in report.notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("student,course\na,c\n", r"lacks the columns \['date'\]"),
        ("student,course,date\na,c,\nb,c,2026-03-02\n", "line 2"),
        ("student,course,date\n,c,2026-03-02\n", "line 2"),
        ("student,course,date\na,c,soon\n", "date"),
    ],
    ids=["column", "date", "student", "unreadable"],
)
def test_bad_files_raise(tmp_path, text, message):
    path = tmp_path / "contacts.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message):
        read_contacts(path)


def test_contacted_rows_match_by_student_and_course():
    X = pd.DataFrame({"id": [1004, 1004, 7, 7], "course_uuid": ["x", "y", "x", "y"]})
    contacts = read_contacts(
        pd.DataFrame({"student": ["1004.0", "9"], "course": "y", "date": "2026-03-02"})
    )
    found = contacted_rows(X, contacts, columns={"user_uuid": "id"})
    assert found.tolist() == [False, True, False, False]
    assert not contacted_rows(X, contacts[:0], columns={"user_uuid": "id"}).any()


def test_contacts_of_other_ids_raise():
    contacts = pd.DataFrame({"student": ["a"], "course": "c", "date": "2026-03-02"})
    with pytest.raises(TableError, match="none of the 1 rows"):
        contacted_rows(load_activity(), read_contacts(contacts))
