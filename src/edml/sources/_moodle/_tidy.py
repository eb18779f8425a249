"""The tidy tables of `make_event_table`, from what was read of Moodle."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from edml.schema import BoolArray
from edml.sources._assignments import DATES, leave_out, list_assignments
from edml.sources._import_report import Tally
from edml.sources._moodle._handed_in import KEYS
from edml.sources._moodle._people import PAIR


@dataclass(frozen=True)
class History:
    """Who studied what, what they handed in, and the grades that they got.

    ``work`` in the other tables is a position in ``works``.
    """

    enrolments: pd.DataFrame
    works: pd.DataFrame
    own_dates: pd.DataFrame  # where they differ for a student
    handed_in: pd.DataFrame
    versions: pd.DataFrame  # of grades
    exempt: pd.DataFrame  # students who need not do a work
    totals: pd.DataFrame  # of courses, as a share of the highest
    last_trace: float  # when somebody last did something, in epoch seconds
    pass_marks: pd.Series  # of the courses that have one, as a share of the highest


def drop_unassigned(history: History, tally: Tally) -> History:
    """Leave out hidden work that nobody did, and what students were excused from."""
    done = pd.concat([history.handed_in["work"], history.versions["work"]])
    shown = history.works["shown"] | history.works.index.isin(done.unique())
    tally.add("hidden activities in which nobody did anything", (~shown).sum())
    tally.add("excluded grades: the work is not the student's", len(history.exempt))
    return replace(
        history,
        works=history.works.assign(shown=shown),
        own_dates=leave_out(history.own_dates, history.exempt, KEYS),
        handed_in=leave_out(history.handed_in, history.exempt, KEYS),
        versions=leave_out(history.versions, history.exempt, KEYS),
    )


def make_assignments(history: History, exams: BoolArray) -> pd.DataFrame:
    """Return the table of assignments.

    Work from which a student is exempt, or that has no due date for a student only, is
    listed student by student.
    """
    works = history.works[~exams & history.works["shown"].to_numpy()]
    works = works.rename(columns={"key": "assignment", "high": "points_possible"})
    own, exempt = (
        rows.join(works["assignment"], on="work", how="inner")
        for rows in (history.own_dates, history.exempt)
    )
    undated = own.loc[(own[DATES] == 0).any(axis=1), "assignment"]
    listed = works["assignment"].isin([*undated, *exempt["assignment"]])
    return list_assignments(works, own, history.enrolments[PAIR], exempt, listed)


def make_submissions(history: History, exams: BoolArray) -> pd.DataFrame:
    """Return the table of submissions: a row per submission, and one per grade."""
    works = history.works
    rows = pd.concat([history.handed_in, history.versions], ignore_index=True)
    rows = rows[~exams[rows["work"].to_numpy()]]
    of_work = works.reindex(rows.pop("work"))
    return rows.assign(
        course=of_work["course"].to_numpy(),
        assignment=of_work["key"].to_numpy(),
        kind=of_work["module"].to_numpy(),
    )


def make_exams(history: History, exams: BoolArray, grade_scale: float) -> pd.DataFrame:
    """Return the table of exams.

    Who did not sit a dated exam was absent, unless the student joined later. Rows after
    the day of the export are left out with those of all tables.
    """
    handed_in = history.handed_in[exams[history.handed_in["work"].to_numpy()]]
    versions = history.versions[exams[history.versions["work"].to_numpy()]]
    sat = versions.merge(handed_in[[*KEYS, "submitted"]], on=KEYS, how="left")
    held = _own_dues(history, exams)
    known = pd.concat([handed_in[KEYS], versions[KEYS], history.exempt[KEYS]])
    absent = leave_out(held, known, KEYS)
    absent = absent[(absent["due"] > 0) & (absent["due"] >= absent["joined"])]
    rows = pd.concat([sat, absent[[*KEYS, "due"]]], ignore_index=True)
    of_work = history.works.reindex(rows["work"])
    # exams are known by their names, of which a course may have one twice
    named = history.works[exams]
    twice = named.duplicated(["course", "name"], keep=False)
    names = named["name"].mask(twice, named["name"] + " (" + named["key"] + ")")
    date = rows["submitted"].fillna(rows["due"]).fillna(rows["graded"])
    return pd.DataFrame(
        {
            "student": rows["student"],
            "course": of_work["course"].to_numpy(),
            "exam": names.reindex(rows["work"]).to_numpy(),
            "date": np.fmin(date, rows["graded"].fillna(date)),
            "graded": rows["graded"],
            "grade": rows["score"] * grade_scale / 100,
        }
    )


def _own_dues(history: History, exams: BoolArray) -> pd.DataFrame:
    """Return work, student, due and joined for each exam and student."""
    works = history.works[exams & history.works["shown"].to_numpy()]
    everyone = works[["course", "due"]].rename_axis("work").reset_index()
    everyone = everyone.merge(history.enrolments[[*PAIR, "joined"]], on="course")
    own = history.own_dates[[*KEYS, "due"]]
    merged = everyone.merge(own, on=KEYS, how="left", suffixes=("", "_own"))
    merged["due"] = merged["due_own"].fillna(merged["due"])
    return merged


def make_outcomes(
    history: History, until: float, grade_scale: float, tally: Tally
) -> pd.DataFrame:
    """Return the totals of the courses that are over."""
    ends = history.enrolments[[*PAIR, "course_end"]]
    ended = ends["course_end"].between(1, until)
    found = history.totals.merge(ends[ended], on=PAIR)
    tally.add(
        "enrolments in courses that are not over by then have no final grade",
        (~ended).sum(),
    )
    tally.add(
        "enrolments in courses that are over have no total, and so no final grade",
        ended.sum() - len(found),
    )
    return found[PAIR].assign(final_grade=grade_scale * found["share"])
