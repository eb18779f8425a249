"""The synthetic Moodle tables of a public project, against a plain reckoning of them.

Their ids are GUIDs, their dates ISO texts, their states upper-case; the gradebook, the
groups and the contexts of roles are missing.
"""

import csv
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from edml.sources import read_moodle

LMS = Path(__file__).parents[3] / "shared" / "data" / "lms" / "moodle"
pytestmark = [
    pytest.mark.skipif(not LMS.exists(), reason="without the shared data"),
    pytest.mark.filterwarnings("ignore:Import from:UserWarning"),
]


def rows_of(name):
    with (LMS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@pytest.fixture(scope="module")
def imported():
    return read_moodle(LMS, exams=(), return_report=True)


@pytest.fixture(scope="module")
def enrolled():
    """Return the course of each method that enrols students, and who is in which."""
    roles = [row["id"] for row in rows_of("role") if row["name"] == "Student"]
    methods = {
        row["id"]: row["courseid"] for row in rows_of("enrol") if row["roleid"] in roles
    }
    return {
        (row["userid"], methods[row["enrolid"]])
        for row in rows_of("user_enrolments")
        if row["enrolid"] in methods
    }


@pytest.fixture(scope="module")
def handed_in(enrolled):
    """Return the submissions of each student and work, by attempt."""
    found = defaultdict(dict)
    for table, key, state, date, attempt in (
        ("assign", "assignment", "status", "timemodified", "attemptnumber"),
        ("quiz", "quiz", "state", "timefinish", "attempt"),
    ):
        course = {row["id"]: row["course"] for row in rows_of(table)}
        name = {"assign": "assign_submission", "quiz": "quiz_attempts"}[table]
        for row in rows_of(name):
            done = row[state].lower() in ("submitted", "finished")
            if done and (row["userid"], course[row[key]]) in enrolled:
                pair = f"{table}-{row[key]}", row["userid"]
                found[pair][int(row[attempt])] = time_of(row[date]), row
    return found


def quiz_grade(attempts, method):
    """Return a quiz's grade after these attempts; 0 is no method of Moodle."""
    sums = [float(row["sumgrades"]) for _, row in attempts]
    return {"2": sum(sums) / len(sums), "3": sums[0], "4": sums[-1]}.get(
        method, max(sums)
    )


def test_enrolments(imported, enrolled):
    X, report = imported
    assert set(zip(X["user_uuid"], X["course_uuid"], strict=True)) == enrolled
    assert report.made["enrolments"] == len(enrolled)
    assert report.made["students"] == len({student for student, _ in enrolled})
    assert report.made["courses"] == len(rows_of("course"))


def test_tables_are_read_whole(imported):
    _, report = imported
    for name, count in report.read.items():
        assert count == len(rows_of(name)), name


def test_submissions_and_their_dates(imported, handed_in):
    X, report = imported
    assert report.made["submissions"] == len(handed_in)
    found = X[X["s_submitted_at"].notna()]
    first = sorted(
        (student, min(date for date, _ in attempts.values()).timestamp())
        for (_, student), attempts in handed_in.items()
    )
    shown = zip(found["user_uuid"], found["s_submitted_at"], strict=True)
    assert sorted(shown) == first


def test_grades(imported, handed_in):
    """The mean of a submission's parts is its present grade."""
    X, report = imported
    last, versions = {}, 0
    grades = defaultdict(list)
    for row in rows_of("assign_grades"):
        pair = f"assign-{row['assignment']}", row["userid"]
        grades[pair].append((time_of(row["timemodified"]), float(row["grade"])))
    methods = {row["id"]: row["grademethod"] for row in rows_of("quiz")}
    for (work, student), attempts in handed_in.items():
        kind, _, quiz = work.partition("-")
        if kind == "quiz":
            for date, _ in attempts.values():  # not in the order of their numbers
                known = [
                    attempts[n] for n in sorted(attempts) if attempts[n][0] <= date
                ]
                grade = quiz_grade(known, methods[quiz])
                grades[work, student].append((date, grade))
    present = {}
    for row in sorted(rows_of("quiz_grades"), key=lambda row: row["timemodified"]):
        pair = f"quiz-{row['quiz']}", row["userid"]
        present[pair] = time_of(row["timemodified"]), float(row["grade"])
    for pair, history in grades.items():
        if pair not in handed_in:
            continue
        history.sort(key=lambda version: version[0])
        changes = [history[0]]
        changes += [b for a, b in pairwise(history) if a[1] != b[1]]
        if pair in present and present[pair][1] != history[-1][1]:
            date, grade = present[pair]
            changes.append((max(date, changes[-1][0]), grade))
        first = min(date for date, _ in handed_in[pair].values()).date()
        versions += len({max(date.date(), first) for date, _ in changes})
        last[pair] = changes[-1][1]
    found = X[X["score"].notna()].groupby(["user_uuid", "course_uuid", "ass_name_sub"])
    means = sorted(
        (key[0], round(mean, 6)) for key, mean in found["score"].mean().items()
    )
    assert means == sorted((s, round(grade, 6)) for (_, s), grade in last.items())
    assert report.made["grades"] == versions


def test_what_cannot_be_known_is_said(imported):
    _, report = imported
    text = str(report)
    assert "enrolled by a method whose role is a student's" in text
    assert "unknown grading method" in text
    assert "last changed" in text
    for row in rows_of("user_enrolments")[:50]:
        assert row["userid"] not in text
