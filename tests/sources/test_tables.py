"""read_tables: files of any kind, and a workbook, give what the frames give."""

import pandas as pd
import pytest

from edml.exceptions import TableError
from edml.sources import make_event_table, read_tables

TABLES = {
    "enrolments": pd.DataFrame(
        {
            "student": ["007", "8"],
            "course": ["C1", "C1"],
            "start": ["2024-02-05", "2024-02-05"],
            "end": ["2024-03-01", "2024-03-01"],
        }
    ),
    "assignments": pd.DataFrame(
        {"course": ["C1"], "assignment": ["01"], "name": ["Lab"], "due": ["2024-02-07"]}
    ),
    "submissions": pd.DataFrame(
        {
            "student": ["007", "8"],
            "course": ["C1", "C1"],
            "assignment": ["01", "01"],
            "submitted": ["2024-02-06T10:00:00Z", None],
            "graded": ["2024-02-08T10:00:00Z", "2024-02-09T10:00:00Z"],
            "score": [82.5, 40.25],
        }
    ),
    "exams": pd.DataFrame(
        {
            "student": ["8"],
            "course": ["C1"],
            "exam": ["Midterm"],
            "date": ["2024-02-09"],
            "grade": [7.5],
        }
    ),
    "outcomes": pd.DataFrame(
        {"student": ["007", "8"], "course": ["C1", "C1"], "final_grade": [9.0, None]}
    ),
}
WRITERS = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "csv.gz": lambda table, path: table.to_csv(path, index=False),
    "txt": lambda table, path: table.to_csv(
        path, index=False, sep=";", decimal=",", encoding="utf-8-sig"
    ),
    "tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "jsonl": lambda table, path: table.to_json(path, orient="records", lines=True),
    "parquet": lambda table, path: table.to_parquet(path),
    "xlsx": lambda table, path: table.to_excel(path, index=False),
}


@pytest.fixture(scope="module")
def expected():
    return make_event_table(**TABLES)


@pytest.mark.parametrize("suffix", WRITERS)
def test_folder_of_files(tmp_path, expected, suffix):
    for name, table in TABLES.items():
        WRITERS[suffix](table, tmp_path / f"{name}.{suffix}")
    (tmp_path / "readme.md").write_text("not a table")
    pd.testing.assert_frame_equal(read_tables(tmp_path), expected)


def test_workbook_of_sheets(tmp_path, expected):
    path = tmp_path / "course.xlsx"
    with pd.ExcelWriter(path) as writer:
        for name, table in TABLES.items():
            table.to_excel(writer, sheet_name=name.title(), index=False)
        pd.DataFrame({"a": [1]}).to_excel(writer, sheet_name="Notes")
    pd.testing.assert_frame_equal(read_tables(path), expected)


def test_exams_and_outcomes_are_optional(tmp_path):
    for name in ("enrolments", "assignments", "submissions"):
        WRITERS["csv"](TABLES[name], tmp_path / f"{name}.csv")
    X, report = read_tables(tmp_path, until="2024-02-20", return_report=True)
    assert report.read["exams"] == report.read["outcomes"] == 0
    assert report.made["submissions"] == 2
    assert X["particion"].max() == 15


def test_reading_is_reported(tmp_path):
    for name, table in TABLES.items():
        WRITERS["txt"](table, tmp_path / f"{name}.txt")
    _, report = read_tables(tmp_path, return_report=True)
    notes = "\n".join(report.notes)
    assert "enrolments.txt: Columns are separated by ';'" in notes
    assert "submissions: numbers have a decimal comma." in notes


def test_errors_name_the_line(tmp_path):
    wrong = TABLES["submissions"].assign(score=["82", "good"])
    for name, table in (TABLES | {"submissions": wrong}).items():
        WRITERS["csv"](table, tmp_path / f"{name}.csv")
    with pytest.raises(TableError, match=r"submissions: .*'score'.*\(line 3\)"):
        read_tables(tmp_path)
    wrong = TABLES["enrolments"].assign(start=["2024-02-05", "soon"])
    WRITERS["csv"](wrong, tmp_path / "enrolments.csv")
    with pytest.raises(TableError, match=r"enrolments: .*'start'.*\(line 3\)"):
        read_tables(tmp_path)
    (tmp_path / "enrolments.csv").write_text("student,course,start\n7,A\n")
    with pytest.raises(TableError, match=r"enrolments\.csv: .*line 2"):
        read_tables(tmp_path)


def test_what_is_missing_or_there_twice_is_named(tmp_path):
    with pytest.raises(TableError, match="There is no folder and no workbook"):
        read_tables(tmp_path / "none")
    WRITERS["csv"](TABLES["enrolments"], tmp_path / "enrolments.csv")
    with pytest.raises(TableError, match=r"has no table \['assignments', 'submissio"):
        read_tables(tmp_path)
    WRITERS["csv"](TABLES["enrolments"], tmp_path / "enrolments.tsv")
    with pytest.raises(TableError, match=r"more than one table \['enrolments'\]"):
        read_tables(tmp_path)
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"no workbook")
    with pytest.raises(TableError, match="cannot be read as an Excel workbook"):
        read_tables(broken)
