"""When each student handed in each piece of work."""

import pandas as pd

from edml.sources._import_report import Tally
from edml.sources._moodle._load import Tables
from edml.sources._moodle._people import PAIR
from edml.sources._moodle._work import code_works, find_work

KEYS = ["work", "student"]


def read_handed_in(
    tables: Tables,
    works: pd.DataFrame,
    enrolments: pd.DataFrame,
    attempts: pd.DataFrame,
    tally: Tally,
) -> pd.DataFrame:
    """Return work, student, submitted and id of each student's first submission."""
    columns = [*KEYS, "submitted", "submission", "attempt"]
    quizzes = attempts.assign(submission="quiz-" + tables.ids.decode(attempts["id"]))
    assignments = _read_assignments(tables, works, enrolments, tally)
    both = pd.concat([assignments[columns], quizzes[columns]], ignore_index=True)
    both = keep_enrolled(both, works, enrolments, "submissions", tally)
    first = both.sort_values(["submitted", "attempt"], kind="stable")
    again = first.duplicated(KEYS)
    tally.add(
        "further attempts brought grades; the first one is the submission", again.sum()
    )
    return first[~again].drop(columns="attempt")


def read_attempts(tables: Tables, works: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Return the attempts at quizzes that were handed in."""
    found = find_work(tables.read("quiz_attempts"), "quiz", code_works(works, "quiz"))
    previews = found["preview"] == 1
    tally.add("teachers' previews of quizzes were left out", previews.sum())
    found = found[~previews]
    # since Moodle 5.0 an attempt is submitted first, and finished once it is graded
    handed_in = found["state"].isin(["finished", "submitted"]) & (
        found["submitted"] > 0
    )
    for state, count in found.loc[~handed_in, "state"].value_counts().items():
        tally.add(f"quiz attempts in state {state} were not handed in", count)
    return found[handed_in]


def keep_enrolled(
    rows: pd.DataFrame,
    works: pd.DataFrame,
    enrolments: pd.DataFrame,
    what: str,
    tally: Tally,
) -> pd.DataFrame:
    """Keep the rows of students of the work's course."""
    course = works["course"].reindex(rows["work"]).to_numpy()
    kept = rows.assign(course=course).merge(enrolments[PAIR], on=PAIR)
    tally.add(
        f"{what} of users who are not students were left out",
        len(rows) - len(kept),
        doubt=True,
    )
    return kept.drop(columns="course")


def _read_assignments(
    tables: Tables, works: pd.DataFrame, enrolments: pd.DataFrame, tally: Tally
) -> pd.DataFrame:
    found = tables.read("assign_submission")
    states = found["status"].value_counts()
    for state, meaning in (
        ("draft", "drafts were not handed in"),
        ("new", "submissions without content were not handed in"),
        ("reopened", "attempts that a teacher reopened were not handed in"),
    ):
        tally.add(meaning, int(states.get(state, 0)))
    handed_in = (found["status"] == "submitted") & (found["submitted"] > 0)
    found = find_work(found[handed_in], "assignment", code_works(works, "assign"))
    found["attempt"] = found["attemptnumber"].fillna(0)
    in_team = works["teamsubmission"].reindex(found["work"]).to_numpy() == 1
    if in_team.any() and "groups_members" in tables:
        teams = found[in_team & (found["student"] == 0)]
        shared = _share(tables, works, enrolments, teams)
        tally.add("team submissions count for each member", len(teams))
        found = pd.concat([found[~in_team], shared], ignore_index=True)
    elif in_team.any():
        tally.unknown.append(
            "Who handed in as a team: there is no table groups_members."
        )
    found = found[found["student"] != 0]
    return found.assign(submission="assign-" + tables.ids.decode(found["submission"]))


def _share(
    tables: Tables, works: pd.DataFrame, enrolments: pd.DataFrame, teams: pd.DataFrame
) -> pd.DataFrame:
    """Give a team's submission to its members.

    A student in no group or in several belongs to the default team, whose id is 0.
    """
    groups = tables.read("groups")
    members = tables.read("groups_members").merge(groups, on="groupid")
    chosen = works.loc[works["teamsubmission"] == 1]
    of_work = chosen.rename_axis("work").reset_index()
    of_work = of_work[["work", "course", "teamsubmissiongroupingid"]]
    everyone = of_work.merge(enrolments[PAIR], on="course")
    grouped = of_work.merge(members, on="course")
    within = grouped.merge(
        tables.read("groupings_groups"), on=["teamsubmissiongroupingid", "groupid"]
    )
    grouped = pd.concat([grouped[grouped["teamsubmissiongroupingid"] == 0], within])
    grouped = grouped.drop_duplicates([*KEYS, "groupid"])
    grouped = grouped[~grouped.duplicated(KEYS, keep=False)]
    of_student = everyone[KEYS].merge(grouped[[*KEYS, "groupid"]], on=KEYS, how="left")
    of_student["groupid"] = of_student["groupid"].fillna(0).astype("int64")
    return teams.drop(columns="student").merge(of_student, on=["work", "groupid"])
