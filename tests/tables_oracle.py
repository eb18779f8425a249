"""The documentation of `make_event_table` read literally, in plain Python loops.

Tables are lists of dicts; dates are epoch seconds or None. It imports nothing from
``src``, so it cannot share its bugs.
"""

from collections import defaultdict
from fractions import Fraction

DAY = 86_400
DATES = ("unlock", "due", "created", "lock")


def event_rows(
    enrolments,
    assignments,
    submissions,
    exams=(),
    outcomes=(),
    *,
    until=None,
    tick_days=1,
    grade_scale=10,
    passing_grade=None,
):
    """Return the rows of the event table, as dicts without their nulls."""
    if until is None:
        dated = [
            row.get(name) for row in submissions for name in ("submitted", "graded")
        ]
        dated += [row.get(name) for row in exams for name in ("date", "graded")]
        until = max((date for date in dated if date is not None), default=None)
    rows = []
    names = _names(assignments)
    for enrolment in enrolments:
        key = (enrolment["student"], enrolment["course"])
        mine = [row for row in submissions if (row["student"], row["course"]) == key]
        sat = [row for row in exams if (row["student"], row["course"]) == key]
        zero = enrolment["start"] // DAY
        first = max(zero, (enrolment.get("joined") or enrolment["start"]) // DAY)
        ends = [
            date // DAY for date in (enrolment.get("end"), until) if date is not None
        ]
        last = min(ends)
        events = _ticks(first, zero, last, tick_days)
        events += _creations(assignments, names, enrolment, mine, first)
        events += _submissions(names, enrolment["course"], mine, first)
        events += _exams(sat, first, grade_scale)
        constant = {
            "user_uuid": enrolment["student"],
            "course_uuid": enrolment["course"],
            "nota_final_materia": _final(key, outcomes, grade_scale, passing_grade),
        }
        rows += [
            {**constant, "particion": day - zero, **columns}
            for day, columns in events
            if day <= last
        ]
    return [
        {name: value for name, value in row.items() if value is not None}
        for row in rows
    ]


def _ticks(first, zero, last, tick_days):
    return [
        (day, {})
        for day in range(first, last + 1)
        if day == first or (day - zero) % tick_days == 0
    ]


def _names(assignments):
    """Map each course and id to a name that its course has once."""
    found = {}
    for row in sorted(assignments, key=lambda row: row.get("student") is not None):
        found.setdefault((row["course"], row["assignment"]), row["name"].strip())
    while True:
        count = defaultdict(int)
        for (course, _), name in found.items():
            count[course, name] += 1
        twice = {key for key, name in found.items() if count[key[0], name] > 1}
        if not twice:
            return found
        for key in twice:
            found[key] += f" ({key[1]})"


def _own_dates(assignments, enrolment, assignment):
    """Return the dates of an assignment for one student, or None if it has none."""
    general = own = None
    for row in assignments:
        if (row["course"], row["assignment"]) == (enrolment["course"], assignment):
            if row.get("student") is None:
                general = row
            elif row["student"] == enrolment["student"]:
                own = row
    if general is None and own is None:
        return None
    return {
        name: (own or {}).get(name) or (general or {}).get(name) for name in DATES
    } | {"points": (general or own).get("points_possible")}


def _creations(assignments, names, enrolment, mine, first):
    events = []
    for (course, assignment), name in names.items():
        if course != enrolment["course"]:
            continue
        dates = _own_dates(assignments, enrolment, assignment)
        if dates is None:
            continue
        handed_in = [row for row in mine if row["assignment"] == assignment]
        if dates["due"] is not None:
            day = max(dates["due"], dates["created"] or 0) // DAY
        else:
            shown = [day for day, _ in _submissions(names, course, handed_in, first)]
            if not shown:
                continue
            day = min(shown)
        columns = {
            "assignment_id": assignment,
            "ass_name": name,
            "points_possible": dates["points"],
            "ass_created_at": dates["created"],
            "ass_due_at": dates["due"],
            "ass_unlock_at": dates["unlock"],
            "ass_lock_at": dates["lock"],
        }
        events.append((max(day, first), columns))
    return events


def _versions(rows, known, grade, first):
    """Return the day, the part and the row of each version of a grade."""
    graded = [row for row in rows if grade(row) is not None]
    graded.sort(key=known)  # stable: of two dates alike, the later row counts
    by_day = {max(known(row) // DAY, first): row for row in graded}
    parts, found = Fraction(0), []
    for number, (day, row) in enumerate(
        sorted(by_day.items(), key=lambda pair: pair[0])
    ):
        part = (number + 1) * Fraction(grade(row)) - parts
        parts += part
        found.append((day, part, row))
    return found


def _submissions(names, course, mine, first):
    events = []
    for assignment in {row["assignment"]: None for row in mine}:
        rows = [row for row in mine if row["assignment"] == assignment]
        name = names[course, assignment]

        def known(row):
            graded = row.get("graded")
            return row["submitted"] if graded is None else graded

        versions = _versions(rows, known, lambda row: row.get("score"), first)
        handed_in = [row for row in rows if row.get("submitted") is not None]
        if handed_in:
            base = min(handed_in, key=lambda row: row["submitted"])
            day = max(base["submitted"] // DAY, first)
            columns = {
                "ass_name_sub": name,
                "sub_uuid": base.get("submission"),
                "submission_type": base.get("kind"),
                "s_submitted_at": base["submitted"],
            }
            if versions:
                on, part, row = versions[0]
                moved = day != base["submitted"] // DAY
                if not moved and on >= day and (row.get("graded") or row is base):
                    columns |= {"score": part, "s_graded_at": row.get("graded")}
                    versions = versions[1:]
            events.append((day, columns))
        events += [
            (
                day,
                {
                    "ass_name_sub": name,
                    "sub_uuid": row.get("submission"),
                    "submission_type": row.get("kind"),
                    "score": part,
                    "s_graded_at": row.get("graded"),
                },
            )
            for day, part, row in versions
        ]
    return events


def _exams(sat, first, scale):
    events = []
    for name in {row["exam"]: None for row in sat}:
        rows = [row for row in sat if row["exam"] == name]
        versions = _versions(
            rows,
            lambda row: max(row["date"], row.get("graded") or 0),
            lambda row: Fraction(row.get("grade") or 0) * 10 / scale,
            first,
        )
        for number, (day, part, row) in enumerate(versions):
            absent = number == 0 and row.get("grade") is None
            columns = {
                "nombre_examen": name,
                "nota_parcial": None if absent else part,
                "fecha_mesa_epoch": row["date"],
            }
            events.append((day, columns))
    return events


def _final(key, outcomes, scale, passing):
    for row in outcomes:
        if (row["student"], row["course"]) == key and row["final_grade"] is not None:
            grade = Fraction(row["final_grade"])
            if passing is None:
                return grade * 10 / scale
            if grade < passing:
                return 4 * grade / passing
            return 4 + 6 * (grade - passing) / (scale - passing)
    return None
