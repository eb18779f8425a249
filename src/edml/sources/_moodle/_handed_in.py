"""When each student handed in each piece of work."""

import pandas as pd

from edml.sources._moodle._people import PAIR
from edml.sources._moodle._work import Site

KEYS = ["work", "student"]


def read_handed_in(site: Site, attempts: pd.DataFrame) -> pd.DataFrame:
    """Return work, student, submitted and id of each student's first submission."""
    columns = [*KEYS, "submitted", "submission", "attempt"]
    quizzes = attempts.assign(
        submission="quiz-" + site.tables.ids.decode(attempts["id"])
    )
    assignments = _read_assignments(site)
    both = pd.concat([assignments[columns], quizzes[columns]], ignore_index=True)
    both = site.keep_enrolled(both, "submissions")
    first = both.sort_values(["submitted", "attempt"], kind="stable")
    again = first.duplicated(KEYS)
    site.tally.add(
        "further attempts brought grades; the first one is the submission", again.sum()
    )
    return first[~again].drop(columns="attempt")


def read_attempts(site: Site) -> pd.DataFrame:
    """Return the attempts at quizzes that were handed in."""
    found = site.find_work(site.tables.read("quiz_attempts"), "quiz", "quiz")
    previews = found["preview"] == 1
    site.tally.add("teachers' previews of quizzes were left out", previews.sum())
    found = found[~previews]
    # since Moodle 5.0 an attempt is submitted first, and finished once it is graded
    handed_in = found["state"].isin(["finished", "submitted"]) & (
        found["submitted"] > 0
    )
    for state, count in found.loc[~handed_in, "state"].value_counts().items():
        site.tally.add(f"quiz attempts in state {state} were not handed in", count)
    return found[handed_in]


def _read_assignments(site: Site) -> pd.DataFrame:
    tables, works = site.tables, site.works
    found = tables.read("assign_submission")
    states = found["status"].value_counts()
    for state, meaning in (
        ("draft", "drafts were not handed in"),
        ("new", "submissions without content were not handed in"),
        ("reopened", "attempts that a teacher reopened were not handed in"),
    ):
        site.tally.add(meaning, int(states.get(state, 0)))
    handed_in = (found["status"] == "submitted") & (found["submitted"] > 0)
    found = site.find_work(found[handed_in], "assignment", "assign")
    found["attempt"] = found["attemptnumber"].fillna(0)
    in_team = works["teamsubmission"].reindex(found["work"]).to_numpy() == 1
    if in_team.any() and "groups_members" in tables:
        teams = found[in_team & (found["student"] == 0)]
        shared = _share(site, teams)
        site.tally.add("team submissions count for each member", len(teams))
        found = pd.concat([found[~in_team], shared], ignore_index=True)
    elif in_team.any():
        site.tally.unknown.append(
            "Who handed in as a team: there is no table groups_members."
        )
    found = found[found["student"] != 0]
    return found.assign(submission="assign-" + tables.ids.decode(found["submission"]))


def _share(site: Site, teams: pd.DataFrame) -> pd.DataFrame:
    """Copy a team's submission to each member.

    A student in no group or in several belongs to the default team, whose id is 0.
    """
    tables, works = site.tables, site.works
    groups = tables.read("groups")
    members = tables.read("groups_members").merge(groups, on="groupid")
    chosen = works.loc[works["teamsubmission"] == 1]
    of_work = chosen.rename_axis("work").reset_index()
    of_work = of_work[["work", "course", "teamsubmissiongroupingid"]]
    everyone = of_work.merge(site.enrolments[PAIR], on="course")
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
