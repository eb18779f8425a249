"""Who studies in which course, and from when to when."""

from collections.abc import Collection

import pandas as pd

from edml._messages import table_error
from edml.sources._import_report import Tally
from edml.sources._moodle._load import Tables

PAIR = ["student", "course"]


def read_enrolments(
    tables: Tables, student_roles: Collection[str] | None, tally: Tally
) -> pd.DataFrame:
    """Return a row per student and course, with the dates from when to when.

    Dates are epoch seconds, 0 where there is none.
    """
    methods = tables.read("enrol")  # first: others are restricted by it
    found = tables.read("user_enrolments").merge(methods, on="enrolid")
    found = found[found["student"] != 0]
    found = _keep_students(tables, found, student_roles, tally)
    disabled = found["method_status"] == 1
    tally.add("enrolments by a disabled method were left out", disabled.sum())
    found = found[~disabled]
    found = found.merge(tables.course.rename(columns={"id": "course"}), on="course")
    if found.empty:
        message = (
            "No student is enrolled in these courses. Check courses= and "
            "student_roles=, and that enrol, user_enrolments and the tables of roles "
            "are complete."
        )
        raise table_error("none_enrolled", message)
    return _one_row_each(found, tally)


def _keep_students(
    tables: Tables,
    found: pd.DataFrame,
    student_roles: Collection[str] | None,
    tally: Tally,
) -> pd.DataFrame:
    """Keep the enrolments of users who hold a student role in the course."""
    if "role" not in tables:
        tally.guess(
            "There is no table role: everybody who is enrolled counts as a student."
        )
        return found
    roles = _find_roles(tables.read("role"), student_roles)
    if "role_assignments" in tables and "context" in tables:
        contexts = tables.read("context")[["contextid", "course"]]
        held = tables.read("role_assignments").merge(contexts, on="contextid")
        pairs = held.loc[held["roleid"].isin(roles), PAIR].drop_duplicates()
        kept = found.merge(pairs, on=PAIR)
        others = held.loc[~held["roleid"].isin(roles), PAIR].drop_duplicates()
        both = len(others.merge(pairs, on=PAIR))
        tally.add("students who also hold another role in the course stayed", both)
    elif (found["roleid"] != 0).any():
        kept = found[found["roleid"].isin(roles)]
        tally.guess(
            "There are no tables role_assignments and context: students are the users "
            "enrolled by a method whose role is a student's."
        )
    else:
        held = tables.read("role_assignments")
        kept = found[
            found["student"].isin(held.loc[held["roleid"].isin(roles), "student"])
        ]
        tally.guess(
            "There is no table context: students are the users who hold a student role "
            "anywhere."
        )
    tally.add("enrolments without a student role were left out", len(found) - len(kept))
    return kept


def _find_roles(roles: pd.DataFrame, wanted: Collection[str] | None) -> pd.Series:
    if wanted is None:
        chosen = roles["archetype"] == "student"
        if not chosen.any():
            chosen = (roles["shortname"] == "student") | (roles["name"] == "student")
    else:
        names = {name.strip().lower() for name in wanted}
        chosen = roles["shortname"].isin(names) | roles["name"].isin(names)
    if not chosen.any():
        message = (
            "No role of Moodle's table role is a student's; found the short names "
            f"{sorted(roles['shortname'])}. Pass the right ones as student_roles=."
        )
        raise table_error("no_student_role", message, roles=sorted(roles["shortname"]))
    return roles.loc[chosen, "id"]


def _one_row_each(found: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Join the enrolments of one student in one course."""
    suspended = found["status"] == 1
    started = found["timestart"].where(found["timestart"] > 0, found["timecreated"])
    ended = found["timeend"].mask(suspended, found["timemodified"])
    forever = 2**62
    periods = found[PAIR].assign(
        started=started, ended=ended.where(ended > 0, forever), suspended=suspended
    )
    # a student who is active by one method is not suspended by another
    active = periods.groupby(PAIR)["suspended"].transform("min")
    periods = periods[periods["suspended"] == active]
    joined = periods.groupby(PAIR, as_index=False, sort=False).agg(
        started=("started", "min"),
        ended=("ended", "max"),
        suspended=("suspended", "min"),
    )
    tally.add(
        "several enrolments of a student in a course were joined",
        (found.groupby(PAIR, sort=False).size() > 1).sum(),
    )
    tally.add(
        "suspended enrolments end on the day they were last changed",
        joined["suspended"].sum(),
        doubt=True,
    )
    if joined["suspended"].any():
        tally.unknown.append(
            "When a suspended student left: the enrolment's last change is taken."
        )
    tally.unknown.append(
        "Students who were unenrolled leave no trace: the courses look easier to pass "
        "than they were if those who gave up were unenrolled rather than suspended."
    )
    course = found.drop_duplicates("course").set_index("course")
    start = joined["course"].map(course["course_start"])
    undated = start == 0
    if undated.any():
        first = joined[joined["started"] > 0].groupby("course")["started"].min()
        start = start.mask(undated, joined["course"].map(first).fillna(0))
        if (start == 0).any():
            message = (
                "Courses have neither a start date nor dated enrolments. Set their "
                "start dates in Moodle, or leave them out by courses=."
            )
            raise table_error("undated_courses", message)
        tally.add(
            "courses without a start date start with the first enrolment",
            joined.loc[undated, "course"].nunique(),
            doubt=True,
        )
    end = joined["course"].map(course["course_end"])
    end = end.where(end > 0, forever).clip(upper=joined["ended"])
    return joined[PAIR].assign(
        start=start.astype("int64"),
        joined=joined["started"],
        end=end.where(end < forever, 0).astype("int64"),
        course_end=joined["course"].map(course["course_end"]),
        course_name=joined["course"].map(course["fullname"]),
    )
