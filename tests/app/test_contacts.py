"""Ticked students are added to a file of contacts, which nothing overwrites."""

import stat
import subprocess
import sys
from datetime import UTC, datetime

import pandas as pd
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from edml._messages import in_words
from edml.app import _contacts
from edml.app._contacts import add_contacts, list_contacts
from edml.exceptions import TableError
from edml.sources import contacted_rows, read_contacts

TODAY = datetime.now(UTC).date().isoformat()
IDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)


def students(*ids, course="algebra"):
    return pd.DataFrame({"user_uuid": ids, "course_uuid": course})


@given(ids=st.lists(IDS.map("s{}".format), min_size=1, unique=True))
def test_contacts_are_read_as_they_were_written(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("contacts") / "contacts.csv"
    contacts = list_contacts(students(*ids))
    assert add_contacts(path, contacts) == len(ids)
    found = read_contacts(path)
    assert found["student"].tolist() == ids
    assert (found["course"] == "algebra").all()
    assert (found["date"].dt.strftime("%Y-%m-%d") == TODAY).all()
    before = path.read_bytes()
    assert add_contacts(path, contacts) == 0
    assert path.read_bytes() == before


def test_ids_match_those_of_the_events(tmp_path):
    path = tmp_path / "contacts.csv"
    listed = students(1004.0, 7.0, course=3)
    add_contacts(path, list_contacts(listed))
    X = students(1004, 8, "7", course=3)
    assert contacted_rows(X, read_contacts(path)).tolist() == [True, False, True]


@pytest.mark.parametrize(
    "before",
    [
        "student,course,date\nann,algebra,2026-03-02\n",
        "\ufeffkind,student,date,course\r\nphone,ann,2026-03-02,algebra",
        'student,course,date,note\nann,algebra,2026-03-02,"two\nlines, one"\n',
    ],
)
def test_what_a_file_holds_stays(tmp_path, before):
    path = tmp_path / "contacts.csv"
    path.write_text(before, "utf-8")
    path.chmod(0o640)
    add_contacts(path, list_contacts(students("ann", "ben")))
    assert path.read_bytes().startswith(before.encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    found = read_contacts(path)
    assert found["student"].tolist() == ["ann", "ann", "ben"]
    assert found["date"].dt.strftime("%Y-%m-%d").tolist() == [
        "2026-03-02",
        *[TODAY] * 2,
    ]


def test_a_new_file_is_for_its_owner_only(tmp_path):
    path = tmp_path / "folder" / "contacts.csv"
    add_contacts(path, list_contacts(students("ann")))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "student;course;date\nann;algebra;2026-03-02\n", "PK\x03\x04"]
)
def test_another_file_is_left_alone(tmp_path, text):
    path = tmp_path / "contacts.csv"
    path.write_text(text)
    with pytest.raises(TableError, match="is another kind of file") as caught:
        add_contacts(path, list_contacts(students("ann")))
    assert path.read_text() == text
    said = in_words(caught.value, "es")
    assert "contacts.csv" in said
    assert str(tmp_path) not in said


def test_a_failure_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "contacts.csv"
    add_contacts(path, list_contacts(students("ann")))
    before = path.read_bytes()

    def write(draft, data, mode):
        draft.write_bytes(data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_contacts._files, "write_file", write)
    with pytest.raises(OSError, match="No space"):
        add_contacts(path, list_contacts(students("ben")))
    assert path.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} <= {path.name, f"{path.name}.lock"}


def test_a_busy_file_raises(tmp_path, monkeypatch):
    path = tmp_path / "contacts.csv"
    monkeypatch.setattr(_contacts, "_PATIENCE", 0.05)
    with (
        FileLock(f"{path}.lock"),
        pytest.raises(TableError, match="Another process is writing"),
    ):
        add_contacts(path, list_contacts(students("ann")))


ADDS = """
import sys
from pathlib import Path

import pandas as pd

from edml.app._contacts import add_contacts, list_contacts

_, path, number = sys.argv
ids = [f"{number}-{k}" for k in range(5)]
students = pd.DataFrame({"user_uuid": ids, "course_uuid": "algebra"})
add_contacts(Path(path), list_contacts(students))
"""


@pytest.mark.slow
def test_processes_lose_no_contact(tmp_path):
    path = tmp_path / "contacts.csv"
    writers = [
        subprocess.Popen([sys.executable, "-c", ADDS, str(path), str(number)])  # noqa: S603
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    assert read_contacts(path)["student"].nunique() == 20
