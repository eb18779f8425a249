"""Moodle's tables become the event table that the same history gives directly."""

from pathlib import Path

import pandas as pd
import pytest

from edml.exceptions import TableError
from edml.sources import read_moodle
from edml.sources._moodle._tables import TABLES
from moodle_schema import write_database, write_folder
from moodle_site import START, Site, assert_same_features

# what an import warns of is tested by itself
pytestmark = pytest.mark.filterwarnings("ignore:Import from:UserWarning")


@pytest.mark.parametrize("history", [True, False], ids=["history", "no history"])
@pytest.mark.parametrize("seed", range(3))
def test_folder_gives_features_of_history(tmp_path, seed, history):
    site = Site(seed, history=history)
    write_folder(tmp_path, site.rows, "mdl_")
    assert_same_features(read_moodle(tmp_path), site)


@pytest.fixture(scope="module")
def site():
    return Site(1)


@pytest.fixture
def folder(site, tmp_path):
    write_folder(tmp_path, site.rows, "mdl_")
    return tmp_path


START_11 = str(START + 11 * 3600)  # when course 11 starts


def edit(file, old, new):
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [("", ".csv"), ("MDL_", ".csv"), ("x_y_", ".csv.gz"), ("mdl_", ".parquet")],
)
def test_any_prefix_and_format(folder, site, tmp_path_factory, prefix, suffix):
    other = tmp_path_factory.mktemp("other")
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
        for name, rows in site.rows.items():
            table = pd.DataFrame(rows)
            table.to_parquet(other / f"{prefix}{name}{suffix}")
    else:
        write_folder(other, site.rows, prefix, suffix=suffix)
    pd.testing.assert_frame_equal(read_moodle(other), read_moodle(folder))


def test_sqlite_is_read_too(folder, site, tmp_path):
    sa = pytest.importorskip("sqlalchemy")
    url = f"sqlite:///{tmp_path / 'moodle.db'}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    write_database(engine, site.rows)
    pd.testing.assert_frame_equal(read_moodle(url), read_moodle(folder))
    of_course = read_moodle(engine, courses=["12"])
    assert set(of_course["course_uuid"]) == {"12"}
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE mdl_enrol RENAME courseid TO of_course")
    with pytest.raises(
        TableError, match=r"table enrol lacks the columns \['courseid'\]"
    ):
        read_moodle(engine, courses=["12"])


def test_texts_as_ids_give_the_same(folder, site, tmp_path_factory):
    """GUIDs instead of numbers change the ids only."""
    other = tmp_path_factory.mktemp("other")
    ids = {"id", "userid", "course", "courseid", "assignment", "assignid", "quiz"}
    ids |= {"groupid", "groupingid", "teamsubmissiongroupingid", "itemid", "roleid"}
    ids |= {"contextid", "instanceid", "enrolid", "module", "instance", "iteminstance"}
    rows = {
        name: [
            {
                column: f"g-{value}" if column in ids and value else value
                for column, value in row.items()
            }
            for row in table
        ]
        for name, table in site.rows.items()
    }
    for row in rows["grade_grades_history"]:  # its ids order it
        row["id"] = row["id"].removeprefix("g-")
    write_folder(other, rows)
    X, expected = read_moodle(other), read_moodle(folder)
    for name in ("user_uuid", "course_uuid"):
        X[name] = X[name].str.removeprefix("g-")
    for name in ("assignment_id", "sub_uuid", "ass_name", "ass_name_sub"):
        X[name] = X[name].str.replace("g-", "")
    pd.testing.assert_frame_equal(X, expected)


def test_courses_by_id_or_short_name(folder):
    both = read_moodle(folder, courses=["C11", "12"])
    everything = read_moodle(folder)
    expected = everything[everything["course_uuid"] != "13"].reset_index(drop=True)
    pd.testing.assert_frame_equal(both, expected)
    with pytest.raises(TableError, match=r"unknown: \['14', 'C9'\]"):
        read_moodle(folder, courses=["C9", "14"])


def test_exams_are_chosen_by_the_user(folder):
    _, report = read_moodle(folder, exams=("Project", "Oral exam"), return_report=True)
    assert set(report.exams) == {"Project", "Oral exam"}
    manual = read_moodle(
        folder, exams=lambda work: work["category"].eq("manual"), return_report=True
    )[1]
    assert manual.exams == ("Oral exam",)
    _, none = read_moodle(folder, exams=(), return_report=True)
    assert none.exams == ()
    assert none.made["exams"] == 0


def test_final_grades_from_elsewhere(folder):
    outcomes = pd.DataFrame(
        {"student": ["1000", "unknown"], "course": "11", "final_grade": [7.5, 3]}
    )
    X = read_moodle(folder, outcomes=outcomes, grade_scale=10, passing_grade=4)
    graded = X.loc[X["nota_final_materia"].notna()]
    assert set(graded["user_uuid"]) == {"1000"}
    assert set(graded["nota_final_materia"]) == {7.5}


def test_roles_are_chosen_by_the_user(folder):
    X = read_moodle(folder, student_roles=["r3"])  # the editing teachers
    assert set(X["user_uuid"]) == {"900"}
    with pytest.raises(TableError, match=r"found the short names \['r3', 'r4', 'r5'\]"):
        read_moodle(folder, student_roles=["student"])


def test_everybody_is_a_student_without_roles(folder):
    (folder / "mdl_role.csv").unlink()
    X, report = read_moodle(folder, return_report=True)
    assert {"900", "901"} <= set(X["user_uuid"])
    assert "There is no table role: everybody" in str(report)


def test_missing_groups_are_reported(folder):
    (folder / "mdl_groups_members.csv").unlink()
    report = read_moodle(folder, return_report=True)[1]
    assert "Who handed in as a team" in str(report)
    assert "Whom the overrides of groups in quizzes concern" in str(report)


def test_deleted_history_is_reported(folder, site):
    file = folder / "mdl_grade_grades_history.csv"
    table = pd.read_csv(file)
    kept = table[table["timemodified"] > table["timemodified"].quantile(0.5)]
    kept.to_csv(file, index=False)
    report = read_moodle(folder, return_report=True)[1]
    assert report.rules["grades lack their oldest versions, which Moodle deleted"]
    assert "deleted from its history" in str(report)


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("assign", "duedate", "due", r"table assign lacks the columns \['duedate'\]"),
        (
            "course",
            f"{START + 11 * 3600}",
            "20 May",
            "table course: .*'startdate'.*line 2",
        ),
        (
            "course",
            f"{START + 11 * 3600}",
            "1707091200000",
            "table course: .*'startdate'.*line 2",
        ),
        ("role", "student", "pupil", "No role .* is a student's"),
        ("user_enrolments", "userid", "user", r"lacks the columns \['userid'\]"),
    ],
)
def test_what_cannot_be_read_is_named(folder, table, old, new, message):
    edit(folder / f"mdl_{table}.csv", old, new)
    with pytest.raises(TableError, match=message):
        read_moodle(folder)


def test_what_is_no_export_is_named(tmp_path, folder):
    with pytest.raises(TableError, match="There is no folder"):
        read_moodle(tmp_path / "absent")
    with pytest.raises(TableError, match=r"found only mdl_assign, .* and others"):
        read_moodle(folder, prefix="other_")
    (folder / "mdl_course.txt").write_text("id\n")
    with pytest.raises(TableError, match="Table mdl_course is exported twice"):
        read_moodle(folder)


def test_an_incomplete_export_names_what_was_found(tmp_path):
    (tmp_path / "mdl_enrol.csv").write_text("id,courseid\n1,2\n")
    with pytest.raises(TableError, match=r"found only mdl_enrol\. Check the source"):
        read_moodle(tmp_path)


def test_two_prefixes_need_a_choice(folder, site):
    write_folder(folder, site.rows, "old_")
    with pytest.raises(TableError, match=r"prefixes \['mdl_', 'old_'\]"):
        read_moodle(folder)
    assert len(read_moodle(folder, prefix="old_"))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://somebody:hunter2@localhost:1/key77", "cannot be read"),
        ("postgresql://somebody:hunter2@localhost:hunter2/m", "Expected a URL"),
        ("oracle://somebody:hunter2@localhost/m", "Expected a URL"),
        ("://hunter2", "Expected a URL"),
    ],
)
def test_unreachable_database_shows_no_credentials(url, message):
    pytest.importorskip("sqlalchemy")
    with pytest.raises(TableError, match=message) as caught:
        read_moodle(url)
    for secret in ("somebody", "hunter2", "key77"):
        assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


def test_pass_mark_is_that_of_the_courses(folder):
    _, report = read_moodle(folder, return_report=True)
    assert "pass from 50% on, the pass mark of these courses" in str(report)
    file = folder / "mdl_grade_items.csv"
    table = pd.read_csv(file)
    totals = table["itemtype"] == "course"
    table.loc[totals, "gradepass"] = [100, 120, 0]
    table.to_csv(file, index=False)
    _, report = read_moodle(folder, return_report=True)
    assert "pass from 55% on, the median of Moodle's, which are 50% to 60%" in str(
        report
    )
    table["gradepass"] = 0
    table.to_csv(file, index=False)
    X, report = read_moodle(folder, return_report=True)
    assert "pass from 60% on, the lowest grade above F in Moodle" in str(report)
    assert any("pass from 60% on" in doubt for doubt in report.doubts)
    given = read_moodle(folder, passing_grade=60)
    pd.testing.assert_frame_equal(X, given)


def test_columns_that_are_read_are_documented():
    page = Path(__file__).parents[2] / "docs" / "user_guide" / "_moodle.rst"
    text = page.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        for word in (name, *table.columns):
            assert f"``{word}``" in text, f"{name}: {word}"
