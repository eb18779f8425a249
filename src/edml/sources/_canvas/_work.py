"""Read Canvas's assignments, and the dates that each student has for them."""

import numpy as np
import pandas as pd

from edml.sources._assignments import DATES, leave_out, list_assignments
from edml.sources._canvas._tables import Tables, look_up
from edml.sources._exam_rule import ExamRule, find_exams
from edml.sources._import_report import Tally

_OFFLINE = ("none", "on_paper")
_PAIR = ["student", "assignment"]


def read_work(
    tables: Tables, courses: pd.DataFrame, exams: ExamRule, tally: Tally
) -> pd.DataFrame:
    """Read the published and graded assignments, one row each; ``exam`` marks exams."""
    table = tables["assignments"]
    table = table[table["context_type"].isna() | table["context_type"].eq("course")]
    table = table[table["context_id"].isin(courses["course"])]
    published = table["workflow_state"].eq("published")
    tally.add(
        "assignments that are not published or are deleted were left out",
        (~published).sum(),
    )
    ungraded = published & table["grading_type"].eq("notgraded")
    tally.add("assignments that are not graded were left out", ungraded.sum())
    table = table[published & ~ungraded]
    if not tally.tables.get("submissions"):
        quizzes = tables["quizzes"]["assignment"]
        quiz = table["id"].isin(quizzes)
        tally.add(
            "assignments other than quizzes were left out, because there is no table "
            "of submissions",
            (~quiz).sum(),
            doubt=True,
        )
        table = table[quiz]
    types = table["submission_types"].fillna("").str.findall(r"[a-z_]+")
    offline = types.map(lambda found: bool(found) and set(found) <= {*_OFFLINE})
    work = pd.DataFrame(
        {
            "course": table["context_id"],
            "assignment": table["id"],
            "name": table["title"].fillna(table["id"]),
            "category": look_up(
                table["assignment_group_id"], tables["assignment_groups"], "name"
            ),
            **table[[*DATES, "created"]],
            "points_possible": table["points_possible"].where(
                table["points_possible"] > 0
            ),
            "offline": offline.astype(bool),
            "listed": table["only_visible_to_overrides"],
        }
    ).reset_index(drop=True)
    work["exam"] = find_exams(work[["course", "name", "category"]], exams)
    doubled = work["exam"] & work.duplicated(["course", "exam", "name"], keep=False)
    work["name"] = work["name"].mask(
        doubled, work["name"] + " (" + work["assignment"] + ")"
    )
    offline = work["offline"] & ~work["exam"] & work["due"].notna()
    tally.add(
        "assignments that are handed in outside Canvas show with their grade, not on "
        "their due day",
        offline.sum(),
    )
    return work


def read_own_dates(
    tables: Tables, work: pd.DataFrame, roster: pd.DataFrame, tally: Tally
) -> pd.DataFrame:
    """Return the dates that overrides set, per student and assignment.

    ``set_due`` says whether ``due`` holds for the student, even where it is null.
    """
    overrides = tables["assignment_overrides"]
    overrides = overrides[
        overrides["workflow_state"].eq("active")
        & overrides["assignment"].isin(work["assignment"])
    ]
    kind = overrides["set_type"]
    of_groups = kind.eq("group")
    if of_groups.any() and "group_memberships" not in tally.tables:
        tally.add(
            "overrides for groups were left out, because there is no table "
            "group_memberships: their assignments keep the general dates",
            of_groups.sum(),
            doubt=True,
        )
    members = tables["group_memberships"]
    members = members[
        members["workflow_state"].isin(["accepted"]) | members["workflow_state"].isna()
    ]
    named = tables["assignment_override_students"]
    named = named[named["workflow_state"].ne("deleted")]
    whose = {
        "adhoc": named,
        "coursesection": roster.rename(columns={"section": "of"}),
        "course": roster.rename(columns={"course": "of"}),
        "group": members,
    }
    tally.add(
        "overrides for others than students, sections and groups were left out",
        (~kind.isin([*whose, "noop"])).sum(),
        doubt=True,
    )
    of = overrides["of"].mask(kind.eq("adhoc"), overrides["id"])
    overrides = overrides.assign(of=of)
    parts = [
        overrides[kind.eq(one)].merge(people[["student", "of"]], on="of")
        for one, people in whose.items()
    ]
    applied = pd.concat(parts, ignore_index=True)
    applied["own"] = applied["set_type"].eq("adhoc")
    found = applied[_PAIR].drop_duplicates().reset_index(drop=True)
    for name in DATES:
        found = found.merge(_choose(applied, name), on=_PAIR, how="left")
        found[f"set_{name}"] = found[f"set_{name}"].notna()
    return found


def _choose(applied: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the date of each pair, as Canvas chooses it among several overrides."""
    # The student's own one goes first, then one that removes the date, then the latest
    # due and lock date or the earliest unlock date.
    flag = applied[f"sets_{column}"]
    setting = applied[flag if flag.any() else applied[column].notna()]
    order = setting.assign(removes=setting[column].isna()).sort_values(
        ["own", "removes", column], ascending=[False, False, column == "unlock"]
    )
    chosen = order.drop_duplicates(_PAIR)[[*_PAIR, column]]
    return chosen.assign(**{f"set_{column}": True})


def read_cached_dates(assigned: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Let Canvas's own reckoning of a student's due date go before the overrides."""
    if assigned["cached_due_date"].isna().all():
        return own
    cached = assigned.rename(columns={"cached_due_date": "cached"})
    cached = cached.drop_duplicates(_PAIR).assign(known=True)
    found = own.merge(cached, on=_PAIR, how="outer")
    known = found.pop("known").notna()
    found["due"] = found["due"].where(~known, found.pop("cached"))
    for name in DATES:
        found[f"set_{name}"] = found[f"set_{name}"].eq(True)
    found["set_due"] |= known
    return found


def make_assignments(
    work: pd.DataFrame,
    own: pd.DataFrame,
    roster: pd.DataFrame,
    exempt: pd.DataFrame,
    assigned: pd.DataFrame,
) -> pd.DataFrame:
    """Make the rows of assignments for everybody and for single students.

    An assignment that some students do not have, because they are excused or it is
    for others only, or that has no due date for some of them, is listed student by
    student.
    """
    work = work[~work["exam"]]
    own = own.merge(
        work[["assignment", *DATES]], on="assignment", suffixes=("", "_general")
    )
    removed, differs = np.zeros((2, len(own)), dtype=bool)
    for name in DATES:
        given, general = own[f"set_{name}"], own[f"{name}_general"]
        removed |= given & own[name].isna() & general.notna()
        own[name] = own[name].where(given, general)
        differs |= own[name].ne(general) & (own[name].notna() | general.notna())
    listed = (
        work["listed"]
        | work["assignment"].isin(exempt["assignment"])
        | work["assignment"].isin(own.loc[removed, "assignment"])
    )
    people = roster[["student", "course"]].drop_duplicates()
    restricted = people.merge(work[work["listed"]], on="course")
    others = leave_out(restricted, pd.concat([own[_PAIR], assigned[_PAIR]]), _PAIR)
    exempt = pd.concat([exempt[_PAIR], others[_PAIR]])
    made = list_assignments(work, own[differs], people, exempt, listed)
    offline = made["assignment"].isin(work.loc[work["offline"], "assignment"])
    made["due"] = made["due"].mask(offline)
    return made
