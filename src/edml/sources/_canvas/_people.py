"""Read who is enrolled in which course of Canvas, until when, and the outcome."""

import numpy as np
import pandas as pd

from edml.sources._canvas._tables import Tables, look_up
from edml.sources._import_report import Tally

_STARTED = ("active", "completed", "inactive")


def read_courses(tables: Tables, courses: object, tally: Tally) -> pd.DataFrame:
    """Read the published courses: when they start and end, and their names."""
    table = tables["courses"]
    hidden = table["workflow_state"].isin(["deleted", "created", "claimed"])
    tally.add("courses that are deleted or not published were left out", hidden.sum())
    table = table[~hidden]
    if courses is not None:
        table = _choose(table, courses, tally)
    terms = tables["enrollment_terms"]
    term = table["enrollment_term_id"]
    start = table["start_at"].fillna(look_up(term, terms, "start_at"))
    undated = start.isna() & table["created_at"].notna()
    tally.add(
        "courses without a start date, of which neither the term has one, begin on the "
        "day that they were created",
        undated.sum(),
        doubt=True,
    )
    start = start.fillna(table["created_at"])
    lost = start.isna()
    tally.add("courses without any date were left out", lost.sum(), doubt=True)
    return pd.DataFrame(
        {
            "course": table["id"],
            "start": start,
            "end": table["conclude_at"].fillna(look_up(term, terms, "end_at")),
            "over": table["workflow_state"].eq("completed"),
            "course_name": table["name"].fillna(table["course_code"]),
        }
    )[~lost]


def _choose(table: pd.DataFrame, courses: object, tally: Tally) -> pd.DataFrame:
    """Keep the courses that are asked for by id or code."""
    wanted = {str(one) for one in courses}  # type: ignore[attr-defined]
    known = set(table["id"]) | set(table["course_code"].dropna())
    absent = sorted(wanted - known)
    if absent:
        message = (
            f"courses has {absent}, which are neither ids nor codes of published "
            "courses of the export."
        )
        raise ValueError(message)
    kept = table["id"].isin(wanted) | table["course_code"].isin(wanted)
    tally.add("courses that were not asked for were left out", (~kept).sum())
    return table[kept]


def read_roster(tables: Tables, courses: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Read the students' enrollments, one row per student and section."""
    table = tables["enrollments"]
    student = table["type"].eq("studentenrollment")
    tally.add("enrollments that are not of students were left out", (~student).sum())
    table = table[student]
    started = table["workflow_state"].isin(_STARTED)
    tally.add(
        "enrollments that are deleted, rejected or not accepted yet were left out",
        (~started).sum(),
    )
    table = table[started]
    sections = tables["course_sections"]
    own = sections[sections["restrict_enrollments_to_section_dates"]]
    section = table["course_section_id"]
    course = table["course_id"].fillna(look_up(section, sections, "course_id"))
    inactive = table["workflow_state"].eq("inactive")
    ends = table["end_at"], table["completed_at"], table["updated_at"].where(inactive)
    tally.add(
        "enrollments that were deactivated end on the day of their last change",
        inactive.sum(),
        doubt=True,
    )
    roster = pd.DataFrame(
        {
            "enrollment": table["id"],
            "student": table["student"],
            "course": course,
            "section": section,
            "joined": np.fmax(
                table["start_at"].fillna(table["created_at"]),
                look_up(section, own, "start_at"),
            ),
            "own_end": np.fmin.reduce([*ends, look_up(section, own, "end_at")]),
            "completed": table["workflow_state"].eq("completed"),
        }
    )
    known = roster["course"].isin(courses["course"])
    tally.add("enrollments of courses that were left out were left out", (~known).sum())
    return roster[known].merge(courses, on="course", how="left")


def make_enrolments(roster: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Make one row per student and course of the enrollments in its sections."""
    keys = ["student", "course"]
    tally.add(
        "enrollments of one student in several sections of a course were joined",
        roster.duplicated(keys).sum(),
    )
    # in a section without an end, a student stays to the end of the course
    roster = roster.assign(own_end=roster["own_end"].fillna(np.inf))
    joined = (
        roster.groupby(keys, sort=False)
        .agg(
            start=("start", "first"),
            joined=("joined", "min"),
            end=("end", "first"),
            own_end=("own_end", "max"),
            course_name=("course_name", "first"),
        )
        .reset_index()
    )
    own_end = joined.pop("own_end").replace(np.inf, np.nan)
    joined["end"] = np.fmin(joined["end"], own_end)
    return joined


def make_outcomes(
    tables: Tables,
    roster: pd.DataFrame,
    enrolments: pd.DataFrame,
    export: float,
    tally: Tally,
) -> pd.DataFrame:
    """Take the final scores of the enrolments that are over."""
    scores = tables["scores"]
    whole = scores["course_score"] | (
        scores["grading_period_id"].isna() & scores["assignment_group_id"].isna()
    )
    scores = scores[whole & scores["workflow_state"].ne("deleted")]
    scores = scores.assign(final=scores["override_score"].fillna(scores["final_score"]))
    found = roster[["enrollment", "student", "course", "completed", "over"]].copy()
    found["final_grade"] = look_up(
        found["enrollment"], scores, "final", key="enrollment_id"
    )
    found = (
        found.groupby(["student", "course"], sort=False)
        .agg(
            final_grade=("final_grade", "max"),
            over=("over", "any"),
            completed=("completed", "all"),
        )
        .reset_index()
    )
    found = found.merge(
        enrolments[["student", "course", "end"]], on=["student", "course"]
    )
    ended = found["over"] | found["completed"] | (found["end"] < export)
    tally.add(
        "final scores of courses that are not over are not outcomes",
        (~ended & found["final_grade"].notna()).sum(),
    )
    if not len(scores):
        tally.guess(
            "There are no scores: no final grade is known, and no model can be "
            "trained. Export the table scores, or pass outcomes=."
        )
    return found.loc[ended, ["student", "course", "final_grade"]]
