"""`edml check` shows the report; its exit code says whether the table is usable."""

import json

import pandas as pd

from edml.inspection import check_events
from edml.sources import read_events


def test_report_of_the_file_in_each_form(project, edml):
    shown = edml("check", "events.csv", "--html", "out/page.html", "--json")
    expected = check_events(read_events("events.csv")).to_dict()
    assert json.loads(shown.stdout) == json.loads(json.dumps(expected))
    assert "Event table" in (project / "out" / "page.html").read_text("utf-8")


def test_the_settings_of_the_project_are_used(project, edml):
    X = pd.read_csv("events.csv").rename(columns={"user_uuid": "student"})
    X.to_csv("own.csv", index=False)
    mapped = ("--set", "columns.user_uuid=student", "--set", "data.passing_grade=60")
    shown = edml("check", "own.csv", *mapped)
    assert shown.exit_code == 1
    assert "With a passing grade of 60 everyone fails" in " ".join(shown.stdout.split())


def test_a_table_that_cannot_be_used_exits_with_one(project, edml, assert_fails):
    shown = edml("check", "events.csv", "--json", "--set", "data.passing_grade=60")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["usable"] is False
    (project / "broken.csv").write_text("title\nuser_uuid,course_uuid\n")
    assert_fails(edml("check", "broken.csv"), "names are in line 2")


def test_every_column_that_cannot_be_read_is_in_the_report(project, edml, assert_fails):
    X = pd.read_csv("events.csv").assign(s_graded_at="31/12/2024").astype(object)
    X.loc[[3, 5], "score"] = "ann42"
    X.loc[7, "user_uuid"] = None
    X.to_csv("broken.csv", index=False, sep=";")
    shown = edml("check", "broken.csv", "--json")
    assert shown.exit_code == 1
    found = {
        one["columns"][0]: one["found"]
        for one in json.loads(shown.stdout)["findings"]
        if one["severity"] == "error"
    }
    assert set(found) == {"user_uuid", "score", "s_graded_at"}
    assert "2 of" in found["score"]
    assert "(lines 5, 7)" in found["score"]
    assert "(line 9)" in found["user_uuid"]
    assert "ann42" not in shown.output
    text = " ".join(edml("check", "broken.csv").stdout.split())
    assert all(name in text for name in found)
    assert_fails(edml("run", "broken.csv"), "cannot be read either")


def test_english_names_of_exams_are_a_setting(project, edml):
    X = pd.read_csv("events.csv")
    known = {"PRIMER PARCIAL(20)": "Midterm 1", "INTEGRADOR(30)": "Final"}
    X.assign(nombre_examen=X["nombre_examen"].map(known)).to_csv("e.csv", index=False)

    def without_kind(*settings):
        shown = edml("check", "e.csv", "--json", *settings)
        found = json.loads(shown.stdout)["findings"]
        return [one for one in found if one["code"] == "exams-without-kind"]

    assert without_kind()
    english = ("--set", "data.exam_names=english")
    assert not without_kind(*english)
    other = ("--set", "exam_kinds.parciales=Another")
    (finding,) = without_kind(*english, *other)  # a section of one's own goes first
    assert "'Midterm 1'" in finding["found"]
    assert "'Final'" not in finding["found"]
