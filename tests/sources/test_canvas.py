"""read_canvas: every form of an export, every rule, and the counts of a real one."""

import gzip
import json

import pandas as pd
import pytest

import canvas_site as site
from canvas_site import LAYOUTS, TABLES, TIDY, WRITERS, nested, write_export
from edml.exceptions import TableError
from edml.feature_extraction import FeatureEngineer
from edml.sources import make_event_table, read_canvas

# what an import warns of is tested by itself
pytestmark = pytest.mark.filterwarnings("ignore:Import from:UserWarning")


def expected(**how):
    tables = {name: pd.DataFrame(rows) for name, rows in TIDY.items()}
    return make_event_table(
        **tables, grade_scale=100, passing_grade=60, until="2024-07-15", **how
    )


def by_content(X):
    """Sort rows by what they hold, and ids of assignments as text."""
    shown = X.assign(assignment_id=X["assignment_id"].astype("str"))
    return shown.sort_values(list(shown)).reset_index(drop=True)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("canvas"))


def test_equals_the_history_that_it_was_made_of(export):
    X = read_canvas(export, passing_grade=60)
    pd.testing.assert_frame_equal(
        by_content(X), by_content(expected()), check_dtype=False
    )


@pytest.mark.parametrize(
    ("suffix", "layout"),
    [
        *((suffix, LAYOUTS[0]) for suffix in WRITERS),
        *(("jsonl.gz", layout) for layout in LAYOUTS[1:]),
    ],
)
def test_reads_every_form(tmp_path, export, suffix, layout):
    folder = write_export(tmp_path, suffix=suffix, layout=layout)
    pd.testing.assert_frame_equal(
        read_canvas(folder, tick_days=7), read_canvas(export, tick_days=7)
    )


def test_reads_other_spellings_of_columns_and_states(tmp_path, export):
    folder = write_export(tmp_path, suffix="jsonl", write=site.write_plain_jsonl)
    late = pd.Timestamp(site.TS)
    pd.testing.assert_frame_equal(
        read_canvas(folder, until=late), read_canvas(export, until=late)
    )


def test_reports_every_rule(export):
    _, report = read_canvas(export, return_report=True)
    assert report.source == "Canvas"
    assert report.read == {name: len(TABLES[name]) for name in report.read}
    assert set(report.read) == set(TABLES)
    assert report.rules == {
        "courses that are deleted or not published were left out": 2,
        "enrollments that are not of students were left out": 2,
        "enrollments that are deleted, rejected or not accepted yet were left out": 2,
        "enrollments that were deactivated end on the day of their last change": 1,
        "enrollments of courses that were left out were left out": 1,
        "enrollments of one student in several sections of a course were joined": 1,
        "assignments that are not published or are deleted were left out": 2,
        "assignments that are not graded were left out": 1,
        "assignments that are handed in outside Canvas show with their grade, not on "
        "their due day": 1,
        "submissions that are deleted, and the assignments for their students, were "
        "left out": 1,
        "submissions that are excused, and the assignments for their students, were "
        "left out": 1,
        "scores of assignments without possible points were left out": 1,
        "scores that were changed after they had been posted count from the change": 1,
        "submissions that nobody handed in or graded have no row": 1,
        "zeros for missing work without a date show as missing from the due day on": 1,
        "scores without a date of grading or posting count from the last change": 1,
        "scores hold the late policy's deduction": 1,
        "quizzes that are previews or not finished were left out": 1,
        "final scores of courses that are not over are not outcomes": 1,
        "submissions of a student who is not enrolled in the course were left out": 1,
        "submissions and exams after the end of an enrolment were left out": 1,
    }
    assert report.exams == ("Midterm exam",)
    assert report.assignments == (
        "Essay",
        "Lab",
        "Talk",
        "Section B",
        "Bonus",
        "Report",
    )
    assert any(
        "a re-grade" in sentence or "re-graded" in sentence
        for sentence in report.unknown
    )
    assert any("The export is of 2024-07-15" in note for note in report.notes)
    assert "9" not in "".join(report.rules)  # nothing of a student


def test_scores_and_due_dates_are_right_day_by_day(export):
    X = read_canvas(export)
    features = FeatureEngineer().fit_transform(X)
    mine = features[features["user_uuid"].eq("902") & features["course_uuid"].eq("10")]
    mine = mine.drop_duplicates("particion", keep="last").set_index("particion")
    day = {  # from 1 February on
        "essay handed in": 17,  # 18 February
        "essay due": 19,
        "essay re-graded": 30,  # 2 March, though it was posted on 25 February
        "lab due and handed in": 31,  # 3 March, the student's own date
        "lab graded": 32,
    }
    assert mine["assignment_n_sum"][day["essay handed in"] - 1] == 0
    assert mine["assignment_n_sum"][day["essay handed in"]] == 1
    assert mine["score_mean"][day["essay re-graded"] - 1] == 0
    assert mine["score_mean"][day["essay re-graded"]] == 90
    assert mine["hrs_before_due_mean"][day["essay due"]] == 48
    assert mine["hrs_before_due_mean"][day["lab due and handed in"]] == 24
    assert mine["score_mean"][day["lab graded"] - 1] == 90  # the lab has none yet
    assert mine["score_mean"][day["lab graded"]] == (90 + 70 + 0) / 3  # a third is due


def test_increments_keep_the_past(tmp_path):
    """A later part replaces rows; of submissions, each score counts from its day on."""
    folder = write_export(tmp_path, suffix="jsonl", layout=LAYOUTS[1])
    essay = TABLES["submissions"][0]
    before = [
        nested(
            essay
            | {
                "published_score": 5,
                "graded_at": "2024-02-20T00:00:00Z",
                "posted_at": "2024-02-20T00:00:00Z",
                "submitted_at": "2024-02-10T00:00:00Z",
            },
            ts="2024-02-21T00:00:00Z",
        ),
    ]
    site.write_jsonl(folder / "canvas.submissions-part-00001.jsonl", before)
    first = read_canvas(folder)
    mine = first[first["user_uuid"].eq("901") & first["ass_name_sub"].eq("Essay")]
    mine = mine[mine["course_uuid"].eq("10")]
    assert list(mine["score"]) == [25, 125]  # the mean is 25, then 75
    assert list(mine["particion"]) == [9, 24]
    gone = [nested(essay, ts="2024-07-16T00:00:00Z", action="D")]
    del gone[0]["value"]
    site.write_jsonl(folder / "canvas.submissions-part-00002.jsonl", gone)
    later = read_canvas(folder)
    mine = later[later["user_uuid"].eq("901") & later["course_uuid"].eq("10")]
    assert not mine["ass_name_sub"].eq("Essay").any()


def test_overrides_for_groups_need_their_members(tmp_path, export):
    def due(folder):
        X, report = read_canvas(folder, return_report=True)
        essay = X[X["ass_name"].eq("Essay") & X["course_uuid"].eq("10")]
        return dict(zip(essay["user_uuid"], essay["particion"], strict=True)), report

    usual, _ = due(export)
    tables = {name: [dict(row) for row in rows] for name, rows in TABLES.items()}
    (waiting,) = (r for r in tables["group_memberships"] if str(r["group_id"]) == "77")
    waiting["workflow_state"] = "accepted"
    moved, _ = due(write_export(tmp_path / "members", tables))
    assert moved == usual | {str(waiting["user_id"]): 89}  # to the 30th of April
    del tables["group_memberships"]
    alone, report = due(write_export(tmp_path / "without", tables))
    assert alone == usual
    (doubt,) = (one for one in report.doubts if "overrides for groups" in one)
    assert "there is no table group_memberships" in doubt
    assert report.rules[doubt] == 1


def test_what_may_change_figures_is_a_warning_without_a_report(export):
    with pytest.warns(UserWarning, match="Import from Canvas") as caught:
        read_canvas(export, tick_days=30)
    (said,) = (str(one.message) for one in caught)
    assert "1 row: scores without a date of grading" in said
    assert "Final grades pass from 61% on" in said
    assert "return_report=True" in said
    assert "901" not in said
    _, report = read_canvas(export, tick_days=30, passing_grade=61, return_report=True)
    assert not any("pass from" in doubt for doubt in report.doubts)
    assert set(report.doubts) <= {*report.rules, *report.notes}


def test_due_dates_that_canvas_reckoned_go_first(tmp_path):
    tables = {name: [dict(row) for row in rows] for name, rows in TABLES.items()}
    for row in tables["submissions"]:
        row["cached_due_date"] = {"2": "2024-03-09T12:00:00Z"}.get(
            str(row["assignment_id"]), "2024-02-20T12:00:00Z"
        )
    X = read_canvas(write_export(tmp_path, tables))
    lab = X[X["ass_name"].eq("Lab")].set_index("user_uuid")["particion"]
    assert dict(lab) == {"901": 37, "902": 37, "903": 37, "908": 29}


@pytest.mark.parametrize(
    ("exams", "names"),
    [
        (None, ("Midterm exam",)),
        ((), ()),
        ("^lab|^ESSAY$", ("Essay", "Lab")),
        (["Talk", "Midterm exam"], ("Talk", "Midterm exam")),
        (lambda work: work["category"] == "Tests", ("Midterm exam",)),
    ],
)
def test_what_counts_as_an_exam(export, exams, names):
    X, report = read_canvas(export, exams=exams, return_report=True)
    assert report.exams == names
    found = X["nombre_examen"].dropna()
    assert {name.split(" (")[0] for name in found} == set(names) - {"Draft"}
    assert not set(report.assignments) & set(names) - {"Essay"}


@pytest.mark.parametrize(
    ("exams", "message"),
    [
        ("(", "is no regular expression"),
        (["Final"], r"exams names \['Final'\], which no work has"),
        (lambda work: work["name"], "must return True or False for each of the 8 rows"),
    ],
)
def test_exam_rules_that_cannot_be_used(export, exams, message):
    with pytest.raises(ValueError, match=message):
        read_canvas(export, exams=exams)


def test_courses_are_chosen_by_id_or_code(export):
    both = read_canvas(export)
    for courses in (["10"], ["BIO"], [10]):
        X = read_canvas(export, courses=courses)
        chosen = both[both["course_uuid"].eq("10")].reset_index(drop=True)
        pd.testing.assert_frame_equal(X, chosen)
    with pytest.raises(ValueError, match=r"courses has \['13', 'PHY'\]"):
        read_canvas(export, courses=["BIO", "PHY", "13"])


def test_outcomes_from_elsewhere_on_their_own_scale(export):
    outcomes = pd.DataFrame({"student": [901], "course": [10], "final_grade": [3.9]})
    X = read_canvas(export, outcomes=outcomes, grade_scale=10, passing_grade=4)
    assert X["nota_final_materia"].dropna().unique() == [3.9]
    assert X["nota_parcial"].max() == 7.5


@pytest.mark.parametrize(
    "name", ["courses", "enrollments", "assignments", "submissions"]
)
def test_missing_tables_are_named(tmp_path, name):
    tables = {other: rows for other, rows in TABLES.items() if other != name}
    tables.pop("quiz_submissions")
    folder = write_export(tmp_path, tables)
    with pytest.raises(TableError, match=rf"has no table \['{name}'\]"):
        read_canvas(folder)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("enrollments", "user_id"),
        ("assignments", "points_possible"),
        ("submissions", "workflow_state"),
        ("scores", "final_score"),
    ],
)
def test_missing_columns_are_named(tmp_path, name, column):
    rows = [
        {key: value for key, value in row.items() if key != column}
        for row in TABLES[name]
    ]
    folder = write_export(tmp_path, TABLES | {name: rows})
    with pytest.raises(TableError, match=rf"{name} lacks the columns \['{column}'\]"):
        read_canvas(folder)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("submitted_at", "soon", "submissions: .*'submitted_at'.* hold no date"),
        ("excused", "maybe", "submissions: .*'excused'.* neither true nor false"),
        ("published_score", "A+", "submissions: .*'published_score'.* not numbers"),
        ("user_id", None, "submissions: .*'user_id'.* have no value"),
    ],
)
def test_unreadable_values_are_located(tmp_path, column, value, message):
    rows = [row | {column: value} for row in TABLES["submissions"][:1]]
    folder = write_export(tmp_path, TABLES | {"submissions": rows})
    with pytest.raises(TableError, match=message):
        read_canvas(folder)


def test_unreadable_files_are_named(tmp_path, export):
    with pytest.raises(TableError, match="There is no folder"):
        read_canvas(tmp_path / "none")
    folder = write_export(tmp_path, suffix="jsonl")
    path = folder / "courses.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[1:]]))
    with pytest.raises(TableError, match=r"courses\.jsonl: .*; line 2 is not"):
        read_canvas(folder)
    path.unlink()
    (folder / "courses.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(TableError, match=r"courses\.csv\.gz cannot be read as csv"):
        read_canvas(folder)


@pytest.mark.parametrize("text", ["", "key.id,value.name\n"])
def test_a_table_without_rows_is_empty(tmp_path, export, text):
    folder = write_export(tmp_path)
    (folder / "assignment_groups.csv").write_text(text)
    X, report = read_canvas(folder, exams=(), return_report=True)
    assert report.read["assignment_groups"] == 0
    pd.testing.assert_frame_equal(X, read_canvas(export, exams=()))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3", "Expected 2 fields in every line.*found 3 in line 2"),
        ('1,"2', "The quotes near line 2 cannot be read"),
    ],
)
def test_rows_that_do_not_fit_the_names(tmp_path, line, message):
    folder = write_export(tmp_path)
    (folder / "assignment_groups.csv").write_text(f"key.id,value.name\n{line}\n")
    with pytest.raises(TableError, match=rf"assignment_groups\.csv: {message}"):
        read_canvas(folder)


# -- the tables of a public project ---------------------------------------------


def _lines(path):
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def test_real_export_has_the_counts_of_an_independent_reckoning(canvas_home):
    X, report = read_canvas(canvas_home, return_report=True)
    course_of = {
        row["id"]: row["course_id"]
        for row in _lines(canvas_home / "course_sections.jsonl")
    }
    enrolled = {
        (row["user_id"], course_of[row["course_section_id"]])
        for row in _lines(canvas_home / "enrollments.jsonl")
        if row["type"] == "StudentEnrollment"
    }
    quizzes = {row["id"]: row for row in _lines(canvas_home / "quizzes.jsonl")}
    attempts = [
        (row["user_id"], quizzes[row["quiz_id"]], row)
        for row in _lines(canvas_home / "quiz_submissions.jsonl.gz")
    ]
    attempts = [
        (user, quiz, row)
        for user, quiz, row in attempts
        if (user, quiz["context_id"]) in enrolled and row["finished_at"]
    ]
    days = {}  # the last kept score of each day that has one
    first = {}
    for user, quiz, row in sorted(attempts, key=lambda found: found[2]["finished_at"]):
        key = (str(user), str(quiz["context_id"]), quiz["id"])
        first.setdefault(key, row["finished_at"])
        days[(*key, row["finished_at"][:10])] = row["kept_score"]
    assert report.made["students"] == len({user for user, _ in enrolled}) == 600
    assert report.made["enrolments"] == len(enrolled) == 3600
    assert report.made["courses"] == 87
    assert report.made["submissions"] == len(first) == 5108
    assert report.made["grades"] == len(days)
    assert X["s_submitted_at"].notna().sum() == len(first)
    assert X["score"].notna().sum() == len(days)
    latest = {key: score for (*key, _), score in days.items() for key in [tuple(key)]}
    mean = X.groupby(["user_uuid", "course_uuid", "ass_name_sub"])["score"].mean()
    assert sorted(mean.round(6)) == sorted(
        round(100 * score, 6) for score in latest.values()
    )
    last = max(row["updated_at"] for _, _, row in attempts)[:10]
    day = pd.Timestamp(last) - pd.Timestamp("2022-01-03")
    due = [
        quiz
        for quiz in quizzes.values()
        if pd.Timestamp(quiz["due_at"][:10]) <= pd.Timestamp(last)
    ]
    shown = sum(course == quiz["context_id"] for quiz in due for _, course in enrolled)
    assert X["ass_name"].notna().sum() == shown
    ticks = len(enrolled) * (day.days + 1)
    assert len(X) == ticks + shown + len(first) + (
        report.made["grades"] - len({key for *key, _ in days for key in [tuple(key)]})
    )
