"""Turn the tables of the Open University dataset into events.

Days count from the start of a presentation. An event is kept up to the end of
its enrolment, included; ``rows`` are positions in a table of the dataset.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.datasets._oulad_files import (
    ENROLMENT,
    PRESENTATION,
    read_filled,
    reject,
)
from edml.datasets._table import Events, ObjectArray, Texts, Values
from edml.schema import (
    SECONDS_PER_DAY,
    FloatArray,
    IntArray,
    distinct_codes,
    read_numbers,
)

ASSIGNMENTS = ("TMA", "CMA")  # marked by a tutor; marked by the computer
#: Kinds of clicks; the dataset's own that are not named here are "other".
ACTIVITY_KINDS = {
    "quiz": "quiz",
    "externalquiz": "quiz",
    "forumng": "forum",
    "oucontent": "content",
    "subpage": "content",
    "page": "content",
    "dualpane": "content",
    "sharedsubpage": "content",
    "homepage": "homepage",
    "resource": "resource",
    "url": "resource",
}
ACTIVITIES = (*dict.fromkeys(ACTIVITY_KINDS.values()), "other")
_GRADES = {"Distinction": 9.0, "Pass": 6.0, "Fail": 2.0, "Withdrawn": 1.0}
_START_MONTHS = {"B": "02", "J": "10"}
_PERIODS = {"B": "01", "J": "02"}


class Presentations(NamedTuple):
    """The runs of the modules, arrays of shape (n_presentations,)."""

    keys: pd.Index
    modules: ObjectArray
    periods: ObjectArray
    starts: IntArray
    lengths: FloatArray


class Enrolments(NamedTuple):
    """Students in presentations, arrays of shape (n_enrolments,)."""

    student: IntArray
    course: IntArray
    end: IntArray
    final_grade: FloatArray
    students: pd.Index
    static: pd.DataFrame


class Assignments(NamedTuple):
    """The tutor and computer marked assignments, shape (n_assignments,)."""

    ids: pd.Index
    course: IntArray
    kind: ObjectArray
    date: FloatArray
    weight: FloatArray


def read_presentations(table: pd.DataFrame) -> Presentations:
    """Read when each presentation starts, and its length in days."""
    keys = pd.Index(_keys(table))
    reject(keys.duplicated(), "courses", "code_presentation", "are there twice")
    parts = table["code_presentation"].astype(str).str.extract(r"^(\d{4})([BJ])$")
    unknown = parts[0].isna().to_numpy()
    reject(unknown, "courses", "code_presentation", "are not like '2013B' or '2013J'")
    year = parts[0].astype(object)
    days = year + "-" + parts[1].map(_START_MONTHS).astype(object) + "-01"
    return Presentations(
        keys=keys,
        modules=table["code_module"].to_numpy(dtype=object),
        periods=(parts[1].map(_PERIODS).astype(object) + "-" + year).to_numpy(object),
        starts=days.to_numpy(dtype="datetime64[s]").astype(np.int64),
        lengths=read_filled(table, "courses", "module_presentation_length"),
    )


def read_enrolments(
    info: pd.DataFrame,
    registration: pd.DataFrame,
    presentations: Presentations,
    *,
    drop: bool,
) -> Enrolments:
    """Read the enrolments and their ends, without students who left before day 0."""
    reject(info.duplicated(ENROLMENT), "studentInfo", "id_student", "repeat another")
    twice = registration.duplicated(ENROLMENT)
    reject(twice, "studentRegistration", "id_student", "repeat another")
    table = info.merge(registration, on=ENROLMENT, how="left")
    course = _courses(table, "studentInfo", presentations)
    grade = table["final_result"].map(_GRADES).to_numpy(dtype=np.float64)
    reject(np.isnan(grade), "studentInfo", "final_result", f"are not in {[*_GRADES]}")
    left = read_numbers(table["date_unregistration"])
    end = np.fmin(presentations.lengths[course], left)  # null: never left
    keep = end >= 0
    if drop:
        keep &= grade != _GRADES["Withdrawn"]
    table = table[keep]
    codes, students = pd.factorize(table["id_student"])
    end = np.floor(end[keep]).astype(np.int64)
    read = [*ENROLMENT, "final_result", "date_unregistration"]
    return Enrolments(
        student=codes,
        course=course[keep],
        end=end,
        final_grade=grade[keep],
        students=pd.Index(students),
        static=table.drop(columns=read),
    )


def read_assignments(table: pd.DataFrame, presentations: Presentations) -> Assignments:
    """Read the assignments; exams are left out."""
    table = table[table["assessment_type"].isin(ASSIGNMENTS)]
    ids = pd.Index(table["id_assessment"])
    reject(ids.duplicated(), "assessments", "id_assessment", "repeat another")
    course = _courses(table, "assessments", presentations)
    weight = read_numbers(table["weight"])
    total = np.bincount(course, np.nan_to_num(weight), len(presentations.keys))
    return Assignments(
        ids=ids,
        course=course,
        kind=table["assessment_type"].to_numpy(dtype=object),
        date=read_numbers(table["date"]),
        weight=np.where(total[course] > 0, weight, np.nan),  # 0 for all: unknown
    )


def make_ticks(enrolments: Enrolments, every: int) -> Events:
    """Make a row for each enrolment on day 0 and every ``every`` days."""
    number = enrolments.end // every + 1
    first = np.cumsum(number) - number
    who = np.repeat(np.arange(len(number)), number)
    return Events(who, every * (np.arange(len(who)) - first[who]), {})


def make_creations(
    enrolments: Enrolments, assignments: Assignments, starts: IntArray
) -> Events:
    """Show each dated assignment to everyone, on its due day."""
    dated = np.flatnonzero(~np.isnan(assignments.date))
    seats = pd.DataFrame({"course": enrolments.course}).reset_index(names="who")
    shown = pd.DataFrame({"course": assignments.course[dated], "which": dated})
    pairs = seats.merge(shown, on="course")
    who, which = pairs["who"].to_numpy(), pairs["which"].to_numpy()
    day = np.maximum(np.floor(assignments.date[which]), 0).astype(np.int64)
    kept = day <= enrolments.end[who]
    who, which = who[kept], which[kept]
    start = starts[enrolments.course[who]]
    return Events(
        enrolment=who,
        day=day[kept],
        columns={
            "assignment_id": assignments.ids.to_numpy()[which],
            "ass_name": _names(assignments, which),
            "points_possible": np.full(len(who), 100),
            "ass_weight": assignments.weight[which],
            "ass_created_at": start,
            "ass_due_at": start + assignments.date[which] * SECONDS_PER_DAY,
            "ass_unlock_at": start,
        },
    )


def make_submissions(
    enrolments: Enrolments,
    assignments: Assignments,
    table: pd.DataFrame,
    starts: IntArray,
    grading_days: Mapping[str, float],
) -> Events:
    """Hand in the assignments; banked ones come from an earlier presentation."""
    who, which, rows = _match(enrolments, assignments, table)
    banked = read_filled(table, "studentAssessment", "is_banked")[rows] != 0
    date = read_numbers(table["date_submitted"])[rows]
    reject(
        np.isnan(date) & ~banked, "studentAssessment", "date_submitted", "have no date"
    )
    date[banked] = np.nan
    day = np.nan_to_num(np.maximum(np.floor(date), 0)).astype(np.int64)
    kept = day <= enrolments.end[who]
    who, which, rows = who[kept], which[kept], rows[kept]
    submitted = starts[enrolments.course[who]] + date[kept] * SECONDS_PER_DAY
    wait = pd.Series(assignments.kind[which]).map(grading_days).to_numpy(np.float64)
    kind, labels = pd.factorize(assignments.kind)
    return Events(
        enrolment=who,
        day=day[kept],
        columns={
            "ass_name_sub": _names(assignments, which),
            "sub_uuid": _submission_ids(table, rows),
            "score": read_numbers(table["score"])[rows],
            "ass_weight": assignments.weight[which],
            "submission_type": Texts(kind[which], labels),
            "s_submitted_at": submitted,
            "s_graded_at": submitted + wait * SECONDS_PER_DAY,
        },
    )


def read_activity(
    enrolments: Enrolments,
    presentations: Presentations,
    sites: pd.DataFrame,
    clicks: pd.DataFrame,
) -> Events:
    """Count each enrolment's clicks of a day by kind, those before the start on day 0.

    Clicks after the end of an enrolment, or of nobody enrolled, are left out.
    """
    ids = pd.Index(sites["id_site"])
    reject(ids.duplicated(), "vle", "id_site", "are there twice")
    kinds = sites["activity_type"].map(ACTIVITY_KINDS).fillna("other")
    kind = pd.Categorical(kinds, ACTIVITIES).codes
    site = ids.get_indexer(clicks["id_site"])
    reject(site < 0, "studentVle", "id_site", "are of a site that vle lacks")
    number = read_filled(clicks, "studentVle", "sum_click")
    date = read_filled(clicks, "studentVle", "date")
    course = _courses(clicks, "studentVle", presentations)
    who = _find_enrolments(enrolments, clicks, course)
    day = np.maximum(date, 0).astype(np.int64)
    kept = (who >= 0) & (day <= enrolments.end[who])
    who, day = who[kept], day[kept]
    width = int(day.max(initial=0)) + 1
    days, place = distinct_codes(who * width + day)
    cells = place * len(ACTIVITIES) + kind[site[kept]]
    size = len(days) * len(ACTIVITIES)
    counts = np.bincount(cells, number[kept], minlength=size).reshape(len(days), -1)
    columns: dict[str, Values] = {
        f"activity_{name}": values
        for name, values in zip(ACTIVITIES, counts.T, strict=True)
    }
    return Events(days // width, days % width, columns)


def _match(
    enrolments: Enrolments, assignments: Assignments, table: pd.DataFrame
) -> tuple[IntArray, IntArray, IntArray]:
    """Find the enrolment and the assignment of each row that has both."""
    which = assignments.ids.get_indexer(table["id_assessment"])
    course = assignments.course[which] if len(assignments.ids) else which
    who = _find_enrolments(enrolments, table, np.where(which < 0, -1, course))
    rows = np.flatnonzero(who >= 0)
    return who[rows], which[rows], rows


def _find_enrolments(
    enrolments: Enrolments, table: pd.DataFrame, course: IntArray
) -> IntArray:
    """Return the enrolment of each row of a table of students, -1 without any."""
    student = enrolments.students.get_indexer(table["id_student"])
    n_courses = int(enrolments.course.max(initial=0)) + 1
    known = (student >= 0) & (course >= 0) & (course < n_courses)
    enrolled = pd.Index(enrolments.student * n_courses + enrolments.course)
    return enrolled.get_indexer(np.where(known, student * n_courses + course, -1))


def _keys(table: pd.DataFrame) -> ObjectArray:
    module = table["code_module"].astype(str).astype(object)
    presentation = table["code_presentation"].astype(str).astype(object)
    return (module + "-" + presentation).to_numpy(dtype=object)


def _courses(table: pd.DataFrame, name: str, presentations: Presentations) -> IntArray:
    pairs = table.groupby(PRESENTATION, observed=True, sort=False)
    known = presentations.keys.get_indexer(pd.Index(_keys(pairs.head(1))))
    course = known.astype(np.int64)[pairs.ngroup().to_numpy()]
    problem = "are of a presentation that courses lacks"
    reject(course < 0, name, "code_presentation", problem)
    return course


def _names(assignments: Assignments, which: IntArray) -> Texts:
    number = assignments.ids.astype(str).to_numpy(dtype=object)
    return Texts(which, assignments.kind + " " + number)


def _submission_ids(table: pd.DataFrame, rows: IntArray) -> Texts:
    assignment = table["id_assessment"].to_numpy()[rows].astype(str).astype(object)
    student = table["id_student"].to_numpy()[rows].astype(str).astype(object)
    return Texts(np.arange(len(rows)), assignment + "-" + student)
