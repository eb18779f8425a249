"""`edml import` writes the table that the readers return, with their report."""

import json

import pandas as pd
import pytest

from edml.sources import make_event_table, read_events


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder of five tidy tables, each in a form of its own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tidy"
    folder.mkdir()
    found = {
        "enrolments": pd.DataFrame(
            {"student": ["007", "8"], "course": "ART", "start": "2024-02-05"}
        ),
        "assignments": pd.DataFrame(
            {
                "course": ["ART"],
                "assignment": ["1"],
                "name": ["Essay"],
                "due": ["2024-02-12"],
            }
        ),
        "submissions": pd.DataFrame(
            {
                "student": ["007"],
                "course": ["ART"],
                "assignment": ["1"],
                "submitted": ["2024-02-11"],
                "score": ["70"],
            }
        ),
        "outcomes": pd.DataFrame(
            {"student": ["007", "8"], "course": "ART", "final_grade": ["8", "2"]}
        ),
    }
    found["enrolments"].to_csv(folder / "enrolments.csv", index=False, sep=";")
    found["assignments"].to_csv(folder / "assignments.tsv", index=False, sep="\t")
    found["submissions"].to_json(
        folder / "submissions.jsonl", orient="records", lines=True
    )
    found["outcomes"].to_csv(folder / "outcomes.csv", index=False)
    return found


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tidy_tables_of_any_form_become_the_event_table(tables, edml, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    shown = edml("import", "tables", "tidy", "--out", f"events.{suffix}", "--json")
    assert shown.exit_code == 0, shown.output
    expected, report = make_event_table(**tables, return_report=True)
    result = json.loads(shown.stdout)
    assert result["n_rows"] == len(expected)
    assert result["report"]["made"] == report.made
    assert "Columns are separated by ';'" in str(result["report"]["notes"])
    found = read_events(f"events.{suffix}")
    left, right = (
        X.astype(object).where(X.notna(), None).to_dict("records")
        for X in (found, expected)
    )
    assert left == right


def test_report_says_what_comes_next(tables, edml):
    shown = edml("import", "tables", "tidy", "--out", "events.csv")
    assert "Made: enrolments 2, students 2" in shown.stdout
    assert shown.stdout.endswith("Next: edml check events.csv\n")
    assert edml("check", "events.csv").exit_code == 0


def test_options_reach_the_reader(tables, edml):
    edml("import", "tables", "tidy", "--out", "e.csv", "--until", "2024-02-20")
    assert read_events("e.csv")["particion"].max() == 15
    few = ("--tick-days", "7", "--passing-grade", "9", "--grade-scale", "20")
    edml("import", "tables", "tidy", "--out", "f.csv", *few)
    expected = make_event_table(**tables, tick_days=7, passing_grade=9, grade_scale=20)
    assert len(read_events("f.csv")) == len(expected)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("tables", "nowhere"), 1, ("nowhere",)),
        (("tables", "tidy", "--out", "events.txt"), 1, (".csv or .parquet",)),
        (("tables", "tidy", "--passing-grade", "99"), 2, ("--passing-grade ==",)),
        (("moodle", "nowhere"), 1, ("There is no folder",)),
        (("canvas", "nowhere"), 1, ("nowhere",)),
        (("oulad", "nowhere"), 1, ("nowhere",)),
    ],
)
def test_a_failed_import_names_its_cause_and_writes_nothing(
    tables, edml, assert_fails, tmp_path, arguments, code, words
):
    out = () if "--out" in arguments else ("--out", "events.csv")
    assert_fails(edml("import", *arguments, *out), *words, code=code)
    assert [path.name for path in tmp_path.iterdir()] == ["tidy"]


def test_errors_and_reports_name_the_options_of_the_command(tables, edml, assert_fails):
    lost = tables["outcomes"].assign(student=["007", "9"])
    lost.to_csv("tidy/outcomes.csv", index=False)
    out = ("--out", "e.csv")
    assert_fails(edml("import", "tables", "tidy", *out), "--unknown drop", code=1)
    shown = edml("import", "tables", "tidy", *out, "--unknown", "drop")
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.stdout.split())
    assert "1 row: outcomes of a student who is not enrolled" in words
    assert "the day of the export with --until." in words
    assert "=" not in words


def test_password_of_a_database_is_not_shown(tables, edml):
    pytest.importorskip("sqlalchemy")
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://reader:hunter2@127.0.0.1:1/moodle"
    shown = edml("import", "moodle", "--out", "e.csv", EDML_IMPORT_SOURCE=url)
    assert shown.exit_code == 1
    assert "hunter2" not in shown.output


def test_activity_and_students_in_files_join_a_table_of_events(tables, edml):
    assert edml("import", "tables", "tidy", "--out", "e.csv").exit_code == 0
    lines = pd.DataFrame({"student": ["007", "007"], "course": "ART", "day": [2, 3]})
    lines.to_csv("attendance.csv", index=False)
    lines.assign(kind="forum", count=4).to_csv("clicks.csv", index=False)
    pd.DataFrame({"student": ["007", "8"], "admission": [7.5, 6]}).to_csv(
        "people.csv", index=False
    )
    shown = edml(
        *("import", "events", "e.csv", "--out", "all.csv", "--json"),
        *("--activity", "attendance.csv", "--activity", "clicks.csv"),
        *("--students", "people.csv"),
    )
    assert shown.exit_code == 0, shown.output
    result = json.loads(shown.stdout)
    assert [one["source"] for one in result["reports"]] == [
        *("activity", "activity", "students")
    ]
    X = read_events("all.csv")
    assert X["activity_attendance"].astype(float).sum() == 2
    assert X["activity_forum"].astype(float).sum() == 8
    assert set(X["admission"].astype(float)) == {7.5, 6}


def test_strangers_in_a_file_of_activity(tables, edml):
    edml("import", "tables", "tidy", "--out", "e.csv")
    lines = pd.DataFrame({"student": ["007", "teacher"], "course": "ART", "day": 2})
    lines.to_csv("clicks.csv", index=False)
    how = ("import", "events", "e.csv", "--activity", "clicks.csv", "--out", "a.csv")
    shown = edml(*how)
    assert shown.exit_code == 1
    assert "leave such lines out with --unknown drop" in shown.stderr.replace("\n", " ")
    assert "teacher" not in shown.stderr
    shown = edml(*how, "--unknown", "drop")
    assert "1 row: lines of students who are not in the course" in shown.stdout


def test_tidy_activity_and_students_are_read_from_the_folder(tables, edml):
    lines = pd.DataFrame({"student": ["007"], "course": "ART", "date": "2024-02-07"})
    lines.to_csv("tidy/activity.csv", index=False)
    pd.DataFrame({"student": ["8"], "school": "A"}).to_csv(
        "tidy/students.csv", index=False
    )
    shown = edml("import", "tables", "tidy", "--out", "e.csv")
    assert "students lacks 1 student of the event table" in shown.stdout
    X = read_events("e.csv")
    assert X.loc[X["activity_all"].astype(float) > 0, "particion"].tolist() == [2]
    assert set(X["school"].dropna()) == {"A"}


def test_a_missing_export_is_said_in_the_chosen_language(edml, tmp_path):
    args = ("import", "moodle", str(tmp_path / "no"), "--out", str(tmp_path / "a.csv"))
    shown = edml("--lang", "es", *args)
    assert shown.exit_code == 1
    assert "No existe la carpeta" in " ".join(shown.stderr.split())
