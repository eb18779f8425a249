"""The assignments, quizzes and manual grade items of courses, and their dates."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.sources._assignments import DATES
from edml.sources._import_report import Tally
from edml.sources._moodle._load import Tables
from edml.sources._moodle._people import PAIR
from edml.sources._moodle._tables import Ids


def read_works(tables: Tables, items: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Return a row per piece of work; its position is its code elsewhere."""
    assigns, quizzes = tables.read("assign"), tables.read("quiz")
    quizzes["lock"] = quizzes["due"]
    assigns["module"], quizzes["module"] = "assign", "quiz"
    works = pd.concat([assigns, quizzes], ignore_index=True)
    works["created"] = works["created"].fillna(0).astype("int64")
    works["low"], works["high"] = 0.0, works["grade"]
    # below 0 it is a scale, whose length the gradebook knows; 0 is not graded
    works.loc[works["grade"] <= 0, "high"] = np.nan
    ungraded_quiz = (works["module"] == "quiz") & ~(works["sumgrades"] > 0)
    works.loc[ungraded_quiz, "high"] = np.nan
    works = _drop_deleted(tables, works, tally)
    return _add_gradebook(works, items, tables.ids, tally)


def _drop_deleted(tables: Tables, works: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Mark what is hidden from students, and drop what is being deleted."""
    works["shown"] = True
    if "course_modules" not in tables or "modules" not in tables:
        return works
    places = tables.read("course_modules").merge(tables.read("modules"), on="module")
    places = places[["kind", "instance", "visible", "deletioninprogress"]]
    places = places.rename(columns={"kind": "module"}).drop_duplicates(
        ["module", "instance"]
    )
    works = works.merge(places, on=["module", "instance"], how="left")
    deleted = works["deletioninprogress"] == 1
    tally.add("activities in Moodle's recycle bin were left out", deleted.sum())
    works["shown"] = works["visible"] != 0
    return works[~deleted].drop(columns=["visible", "deletioninprogress"])


def _add_gradebook(
    works: pd.DataFrame, items: pd.DataFrame, ids: Ids, tally: Tally
) -> pd.DataFrame:
    """Add each work's item of the gradebook, and the manual items as works."""
    known = items["itemmodule"].isin(["assign", "quiz"])
    modules = items[(items["itemtype"] == "mod") & known]
    modules = modules[modules["itemnumber"].fillna(0) == 0]
    others = items[(items["itemtype"] == "mod") & ~known]
    for kind, count in others["itemmodule"].value_counts().items():
        tally.add(f"graded items of {kind} were not read", count, doubt=True)
    names = {
        "id": "item",
        "itemmodule": "module",
        "iteminstance": "instance",
        "hidden": "item_hidden",
    }
    columns = [*names, "gradetype", "grademin", "grademax"]
    columns = [*dict.fromkeys(columns)]
    modules = modules[columns].rename(columns=names)
    modules = modules.drop_duplicates(["module", "instance"])
    works = works.merge(modules, on=["module", "instance"], how="left")
    manual = items[items["itemtype"] == "manual"]
    manual = manual[[*columns, "course", "itemname"]].rename(
        columns={**names, "itemname": "name"}
    )
    manual = manual.assign(
        module="manual", instance=manual["item"], shown=True, created=0
    ).assign(**dict.fromkeys(DATES, 0))
    tally.add("manual grade items were read as work without dates", len(manual))
    works = pd.concat([works, manual], ignore_index=True)
    valued = works["gradetype"].fillna(1).isin([1, 2])  # numbers and scales
    graded = works["item"].notna() & valued
    works["low"] = works["low"].mask(graded, works["grademin"].fillna(0))
    works["high"] = works["high"].mask(graded, works["grademax"])
    works.loc[~valued, "high"] = np.nan
    works.loc[works["high"] <= works["low"], "high"] = np.nan
    scale = (works["grade"] < 0) & works["high"].isna()
    tally.add(
        "work on a scale of unknown length has no scores", scale.sum(), doubt=True
    )
    on_scale = (works["gradetype"] == 2) & works["high"].notna()
    tally.add("work on a scale has the gradebook's percentage as score", on_scale.sum())
    works["item"] = works["item"].fillna(0).astype("int64")
    works["item_hidden"] = works["item_hidden"].fillna(0)
    works["key"] = works["module"] + "-" + ids.decode(works["instance"])
    return works


class Site(NamedTuple):
    """Who is a student where, and the works: other tables are matched with them."""

    tables: Tables
    enrolments: pd.DataFrame
    works: pd.DataFrame
    tally: Tally

    def find_work(self, rows: pd.DataFrame, column: str, module: str) -> pd.DataFrame:
        """Add ``work``, the code of the id in a column, and leave out rows without one.

        The id is that of an assignment, a quiz or an item of the gradebook.
        """
        works, ids = self.works, "instance"
        if module == "item":
            works, ids = works[works["item"] != 0], "item"
        else:
            works = works[works["module"] == module]
        codes = pd.Series(works.index, index=works[ids].to_numpy())
        found = rows.assign(work=rows[column].map(codes))
        return found[found["work"].notna()].astype({"work": "int64"})

    def keep_enrolled(self, rows: pd.DataFrame, what: str) -> pd.DataFrame:
        """Keep the rows of students of the work's course."""
        course = self.works["course"].reindex(rows["work"]).to_numpy()
        kept = rows.assign(course=course).merge(self.enrolments[PAIR], on=PAIR)
        self.tally.add(
            f"{what} of users who are not students were left out",
            len(rows) - len(kept),
            doubt=True,
        )
        return kept.drop(columns="course")


def read_own_dates(site: Site) -> pd.DataFrame:
    """Return work, student, unlock, due, lock where they differ for a student."""
    works = site.works
    found = [_assign_overrides(site), _quiz_overrides(site)]
    own = pd.concat(found, ignore_index=True)
    flags = site.tables.read("assign_user_flags")
    flags = site.find_work(flags, "assignment", "assign")
    flags = flags[flags["extensionduedate"] > 0]
    site.tally.add("extensions moved the due date of a student", len(flags))
    extended = flags[["work", "student", "extensionduedate"]]
    own = own.merge(extended, on=["work", "student"], how="outer")
    base = works.loc[own["work"].astype("int64"), DATES].reset_index(drop=True)
    for name in DATES:
        own[name] = own[name].fillna(base[name])
    later = own["extensionduedate"].fillna(0)
    own["due"] = own["due"].where(~(own["due"] > 0) | (later < own["due"]), later)
    own["lock"] = own["lock"].where(~(own["lock"] > 0) | (later < own["lock"]), later)
    own = own.drop(columns="extensionduedate").astype(dict.fromkeys(DATES, "int64"))
    own["course"] = works["course"].reindex(own["work"]).to_numpy()
    own = own.merge(site.enrolments[PAIR], on=PAIR)
    same = (own[DATES].to_numpy() == works.loc[own["work"], DATES].to_numpy()).all(1)
    return own[~same].drop(columns="course")


def _spread(
    site: Site, overrides: pd.DataFrame, kind: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the overrides for students and those for groups, by their members."""
    for_one = overrides["student"] != 0
    users = overrides[for_one]
    groups = overrides[~for_one & (overrides["groupid"] != 0)].drop(columns="student")
    site.tally.add(f"dates of {kind} were overridden for a student", len(users))
    site.tally.add(f"dates of {kind} were overridden for a group", len(groups))
    members = site.tables.read("groups_members")
    if len(groups) and members.empty:
        site.tally.unknown.append(
            f"Whom the overrides of groups in {kind} concern: there is no table "
            "groups_members."
        )
    return users, groups.merge(members, on="groupid")


def _assign_overrides(site: Site) -> pd.DataFrame:
    """Take a student's own override, else the first of the groups', as Moodle does."""
    overrides = site.tables.read("assign_overrides")
    overrides = site.find_work(overrides, "assignid", "assign")
    users, groups = _spread(site, overrides, "assignments")
    both = pd.concat([users, groups.sort_values("sortorder", kind="stable")])
    both = both.drop_duplicates(["work", "student"])
    return both[["work", "student", *DATES]]


def _quiz_overrides(site: Site) -> pd.DataFrame:
    """Take each date from the student's own override, else the kindest of the groups'.

    A closing date of 0 means no deadline, which is the kindest.
    """
    overrides = site.find_work(site.tables.read("quiz_overrides"), "quiz", "quiz")
    users, groups = _spread(site, overrides, "quizzes")
    keys = ["work", "student"]
    groups["due"] = groups["due"].replace(0, np.inf)
    kindest = groups.groupby(keys, as_index=False).agg(
        unlock=("unlock", "min"), due=("due", "max")
    )
    kindest["due"] = kindest["due"].replace(np.inf, 0)
    both = pd.concat([users[kindest.columns], kindest], ignore_index=True)
    own = both.groupby(keys, as_index=False).first()  # the first that is not null
    return own.assign(lock=own["due"])
