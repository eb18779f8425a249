"""The tidy tables of `make_event_table`, from what was read of Moodle."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from edml.schema import BoolArray
from edml.sources._import_report import Tally
from edml.sources._moodle._handed_in import KEYS
from edml.sources._moodle._people import PAIR
from edml.sources._moodle._work import DATES


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
    tally.add("hidden activities in which nobody did anything", int((~shown).sum()))
    known = pd.MultiIndex.from_frame(history.exempt[KEYS])

    def kept(rows: pd.DataFrame) -> pd.DataFrame:
        return rows[~pd.MultiIndex.from_frame(rows[KEYS]).isin(known)]

    tally.add("excluded grades: the work is not the student's", len(known))
    return replace(
        history,
        works=history.works.assign(shown=shown),
        own_dates=kept(history.own_dates),
        handed_in=kept(history.handed_in),
        versions=kept(history.versions),
    )


def make_assignments(history: History, exams: BoolArray) -> pd.DataFrame:
    """Return the table of assignments.

    Work from which a student is exempt, or that has no due date for a student only, has
    a row for each of its students instead of one for everybody.
    """
    works = history.works[~exams & history.works["shown"].to_numpy()]
    own = history.own_dates[history.own_dates["work"].isin(works.index)]
    undated = own.loc[(own[DATES] == 0).any(axis=1), "work"]
    single = works.index[
        works.index.isin(undated) | works.index.isin(history.exempt["work"])
    ]
    tables = [works.drop(single), _describe(own[~own["work"].isin(single)], works)]
    if len(single):
        everyone = works.loc[single, ["course", *DATES]].rename_axis("work")
        everyone = everyone.reset_index().merge(history.enrolments[PAIR], on="course")
        mine = own[own["work"].isin(single)]
        both = pd.concat([mine, everyone[[*KEYS, *DATES]]]).drop_duplicates(KEYS)
        exempt = pd.MultiIndex.from_frame(history.exempt[KEYS])
        both = both[~pd.MultiIndex.from_frame(both[KEYS]).isin(exempt)]
        tables.append(_describe(both, works))
    joined = pd.concat(tables, ignore_index=True)
    columns = ["course", "assignment", "name", *DATES, "created", "points_possible"]
    joined = joined.rename(columns={"key": "assignment", "high": "points_possible"})
    if "student" not in joined:
        joined["student"] = np.nan
    return joined[[*columns, "student"]]


def _describe(own: pd.DataFrame, works: pd.DataFrame) -> pd.DataFrame:
    names = ["course", "key", "name", "created", "high"]
    return own.join(works[names], on="work").drop(columns="work")


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
    known = pd.MultiIndex.from_frame(known)
    absent = held[~pd.MultiIndex.from_frame(held[KEYS]).isin(known)]
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
        int((~ended).sum()),
    )
    tally.add(
        "enrolments in courses that are over have no total, and so no final grade",
        int(ended.sum()) - len(found),
    )
    return found[PAIR].assign(final_grade=grade_scale * found["share"])
