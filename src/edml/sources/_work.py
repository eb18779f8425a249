"""Turn the assignments and submissions of `make_event_table` into events."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from edml.schema import BoolArray, FloatArray, IntArray
from edml.sources._enrolments import Seats
from edml.sources._rows import Events
from edml.sources._tidy import Labelled, TidyTable
from edml.sources._versions import epoch_days, first_of, latest_of, order_versions

ASSIGNMENT_COLUMNS = ("course", "assignment", "name")
DATES = ("unlock", "due", "created", "lock")
ASSIGNMENT_OPTIONS = (*DATES, "points_possible", "student")
SUBMISSION_COLUMNS = ("student", "course", "assignment")
SUBMISSION_OPTIONS = ("submitted", "graded", "score", "submission", "kind")


class Work(NamedTuple):
    """The assignments: one item per course and id, and rows for single students.

    ``general`` is the row of an item for everybody, -1 if there is none; ``own_*`` are
    the rows for single students. ``dates`` are those of the rows, in epoch seconds.
    """

    key: pd.Index
    course: IntArray
    ids: Labelled
    names: Labelled
    points: FloatArray
    general: IntArray
    own_row: IntArray
    own_item: IntArray
    own_seat: IntArray
    dates: dict[str, FloatArray]

    def find(self, course: IntArray, ids: IntArray) -> IntArray:
        """Return the items of codes of ``course`` and ``ids``, -1 if there is none."""
        keys = np.where((course >= 0) & (ids >= 0), course * self.width + ids, -1)
        return self.key.get_indexer(keys).astype(np.int64)

    @property
    def width(self) -> int:
        """Number of codes of ids."""
        return max(len(self.ids.labels), 1)


def read_work(table: TidyTable, kept: BoolArray, seats: Seats) -> Work:
    """Read the assignments of the rows that are kept."""
    course = table.ids("course").find_in(seats.course.labels)
    ids = table.ids("assignment")
    keys = np.where(kept, course * max(len(ids.labels), 1) + ids.codes, -1)
    single = table.ids("student", required=False)
    personal = single.codes >= 0
    again = pd.DataFrame({"key": keys, "student": single.codes})
    table.check(
        "assignment",
        kept & again.duplicated().to_numpy() & (keys >= 0),
        "repeat another row's course and assignment",
        "Keep one row per assignment, and one more per student with other dates.",
        code="repeated",
    )
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(personal[rows], kind="stable")]  # rows for everybody first
    first = rows[~pd.Series(keys[rows]).duplicated().to_numpy()]
    key = pd.Index(keys[first])
    names = table.texts("name")
    table.check(
        "name", kept & ~personal & (names.codes < 0), "have no value", "Fill them."
    )
    own = np.flatnonzero(kept & personal)
    return Work(
        key=key,
        course=course[first],
        ids=Labelled(ids.codes[first], ids.labels),
        names=_distinct_names(course[first], ids, names, first),
        points=table.numbers("points_possible")[first],
        general=np.where(personal[first], -1, first),
        own_row=own,
        own_item=key.get_indexer(keys[own]).astype(np.int64),
        own_seat=seats.find(
            Labelled(single.codes[own], single.labels),
            Labelled(course[own], seats.course.labels),
        ),
        dates={name: table.dates(name) for name in DATES},
    )


def _distinct_names(
    course: IntArray, ids: Labelled, names: Labelled, rows: IntArray
) -> Labelled:
    """Append the id to names that a course has twice, because names identify work."""
    shown = [names.labels[code] if code >= 0 else "" for code in names.codes[rows]]
    label = [ids.labels[code] for code in ids.codes[rows]]
    table = pd.DataFrame({"course": course, "name": shown})
    table["name"] = table["name"].where(table["name"] != "", label)
    while (twice := table.duplicated(keep=False)).any():
        table.loc[twice, "name"] += " (" + pd.Series(label)[twice] + ")"
    codes, found = pd.factorize(table["name"])
    return Labelled(codes.astype(np.int64), list(found))


class Shown(NamedTuple):
    """The course day on which each pair of an enrolment and an item first shows."""

    pair: pd.Index
    day: IntArray


def make_creations(work: Work, seats: Seats, last: IntArray, shown: Shown) -> Events:
    """Show assignments on their due day, and undated ones with their submission."""
    seat, item = _assigned(work, seats)
    pair = seat * len(work.key) + item
    dates = _dates_of(work, pair, item)
    due = epoch_days(np.fmax(dates["due"], dates["created"]))
    undated = np.isnan(dates["due"])
    place = shown.pair.get_indexer(pair)
    course_day = np.maximum(due, seats.first[seat]) - seats.start[seat]
    handed_in = np.append(shown.day, -1)[place]
    day = np.where(undated, handed_in, course_day)
    kept = np.flatnonzero((day >= 0) & (day <= last[seat]))
    seat, item = seat[kept], item[kept]
    return Events(
        seat,
        day[kept].astype(np.int64),
        {
            "assignment_id": work.ids.at(item),
            "ass_name": work.names.at(item),
            "points_possible": work.points[item],
            "ass_created_at": dates["created"][kept],
            "ass_due_at": dates["due"][kept],
            "ass_unlock_at": dates["unlock"][kept],
            "ass_lock_at": dates["lock"][kept],
        },
    )


def _assigned(work: Work, seats: Seats) -> tuple[IntArray, IntArray]:
    """Return the pairs of an enrolment and an assignment that it has."""
    everybody = np.flatnonzero(work.general >= 0)
    offered = pd.DataFrame({"course": work.course[everybody], "item": everybody})
    enrolled = pd.DataFrame({"course": seats.course.codes}).reset_index(names="seat")
    pairs = enrolled.merge(offered, on="course")
    single = (work.general[work.own_item] < 0) & (work.own_seat >= 0)
    return (
        np.concatenate([pairs["seat"].to_numpy(), work.own_seat[single]]),
        np.concatenate([pairs["item"].to_numpy(), work.own_item[single]]),
    )


def _dates_of(work: Work, pair: IntArray, item: IntArray) -> dict[str, FloatArray]:
    """Return each pair's dates: the student's own where there are any."""
    enrolled = work.own_seat >= 0
    own_pair = work.own_seat * len(work.key) + work.own_item
    place = pd.Index(own_pair[enrolled]).get_indexer(pair)
    own = np.append(work.own_row[enrolled], -1)[place]
    general = work.general[item]
    found = {}
    for name, of_row in work.dates.items():
        values = np.append(of_row, np.nan)  # -1 takes the last
        found[name] = np.where(np.isnan(values[own]), values[general], values[own])
    return found


class Handed(NamedTuple):
    """Submissions as events, when each pair first shows, and the latest date."""

    events: Events
    shown: Shown
    latest: float
    n_replaced: int
    n_empty: int


def make_submissions(
    table: TidyTable, seat: IntArray, item: IntArray, work: Work, seats: Seats
) -> Handed:
    """Make a row per submission, and one per grade that came separately.

    ``seat`` and ``item`` are -1 for rows that are left out.
    """
    submitted, graded = table.dates("submitted"), table.dates("graded")
    score = table.numbers("score")
    ids, kinds = table.ids("submission", required=False), table.texts("kind")
    kept = (seat >= 0) & (item >= 0)
    known = np.where(np.isnan(graded), submitted, graded)
    table.check(
        "score",
        kept & ~np.isnan(score) & np.isnan(known),
        "hold a score, but neither 'submitted' nor 'graded'",
        "Say from which day it was known: fill 'graded'.",
        code="undated_score",
    )
    pair = np.where(kept, seat * len(work.key) + item, -1)
    base = first_of(pair, np.where(kept, submitted, np.nan))
    raw_day = epoch_days(submitted[base])
    base_day = np.maximum(raw_day, seats.first[seat[base]])
    of_pair = pd.Index(pair[base]).get_indexer(pair)
    earliest = np.where(kept, seats.first[seat], 0)
    versions = order_versions(pair, known, earliest, np.where(kept, score, np.nan))
    # The first grade stands in its submission's row, if its day can be told from the
    # two dates there: it is not earlier, and the row is on the day of submission.
    held = of_pair[versions.row]
    joins = (versions.number == 1) & (held >= 0)
    joins &= np.append(raw_day == base_day, False)[held]
    joins &= versions.day >= np.append(base_day, 0)[held]
    same_row = np.append(base, -1)[held] == versions.row
    joins &= same_row | ~np.isnan(graded[versions.row])
    parts, graded_at = np.full(len(base), np.nan), np.full(len(base), np.nan)
    parts[held[joins]] = versions.part[joins]
    graded_at[held[joins]] = graded[versions.row[joins]]
    apart = versions.row[~joins]
    rows = np.concatenate([base, apart])
    day = np.concatenate([base_day, versions.day[~joins]]) - seats.start[seat[rows]]
    absent = np.full(len(apart), np.nan)
    events = Events(
        seat[rows],
        day.astype(np.int64),
        {
            "ass_name_sub": work.names.at(item[rows]),
            "sub_uuid": ids.at(rows),
            "score": np.concatenate([parts, versions.part[~joins]]),
            "submission_type": kinds.at(rows),
            "s_submitted_at": np.concatenate([submitted[base], absent]),
            "s_graded_at": np.concatenate([graded_at, graded[apart]]),
        },
    )
    first = pd.DataFrame({"pair": pair[rows], "day": events.day})
    first = first.groupby("pair", sort=False)["day"].min()
    shown = Shown(pd.Index(first.index), first.to_numpy())
    empty = kept & np.isnan(submitted) & np.isnan(score)
    n_replaced = int((versions.number > 1).sum())
    latest = latest_of(submitted[kept], graded[kept])
    return Handed(events, shown, latest, n_replaced, int(empty.sum()))
