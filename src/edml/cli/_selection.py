"""Choose the courses, students and day to predict for."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from edml._messages import coded
from edml.cli._config import ConfigError
from edml.cli._terminal import note, words
from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    FINAL_GRADE,
    PARTITION,
    PERIOD,
    STUDENT,
    history_codes,
    read_partitions,
    read_periods,
)

COURSE_NAME, FILE_NUMBER = "course_name", "legajo"
_EARLY_DAYS = 15  # a random pick is later
_LISTED = 6  # courses that a message lists


class Wanted(NamedTuple):
    """The requested courses, students and day; None and no students mean all.

    With ``running=None``, courses that are over are left out if any other is chosen.
    Predictions are made at the end of the course day ``partition``; None is each
    student's latest.
    """

    course: str | None = None
    period: str | None = None
    students: Sequence[str] = ()
    running: bool | None = None
    partition: int | None = None
    pick_random: bool = False
    seed: int | None = None
    language: str = "en"
    explain: bool = True

    @property
    def whole_courses(self) -> bool:
        """Whether all students of a course are requested."""
        return not (self.students or self.pick_random)


class Chosen(NamedTuple):
    """The chosen events, and their students in courses, as `list_histories` does."""

    X: pd.DataFrame
    histories: pd.DataFrame
    partition: int | None


def list_histories(X: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return `read_histories` of a whole table, with the courses' names."""
    return name_courses(read_histories(X, names))


def read_histories(X: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return a row for each student in a course, in the order of `history_codes`.

    Students and courses have text for ids. A student who repeats a course under the
    same id is in the latest period.
    """
    of_rows = pd.DataFrame(
        {
            "history": history_codes(X[names[STUDENT]], X[names[COURSE]]),
            PARTITION: read_partitions(X[names[PARTITION]]),
        }
    )
    for name in (STUDENT, COURSE, COURSE_NAME, FILE_NUMBER):
        there = names[name] in X.columns
        of_rows[name] = id_texts(X[names[name]]).to_numpy() if there else None
    of_rows[PERIOD], periods = -1, [""]
    if names[PERIOD] in X.columns:
        of_rows[PERIOD], known, _ = read_periods(X[names[PERIOD]])
        periods = [*known, ""]  # the last is that of -1
    grade = X.get(names[FINAL_GRADE])
    of_rows["graded"] = False if grade is None else grade.notna().to_numpy()
    latest, first = dict.fromkeys((PARTITION, PERIOD, "graded"), "max"), "first"
    texts = dict.fromkeys((STUDENT, COURSE, COURSE_NAME, FILE_NUMBER), first)
    found = of_rows.groupby("history").agg({**texts, **latest})
    found[PERIOD] = np.array(periods, dtype=object)[found[PERIOD].to_numpy(dtype=int)]
    return found


def name_courses(found: pd.DataFrame) -> pd.DataFrame:
    """Add the unit, the name and the label of each history's course, and if it runs.

    ``unit`` numbers the courses, each in one period, and ``label`` names them: the
    course's name and period, and also its id where these are not unique.
    """
    units = found.groupby([COURSE, PERIOD], sort=True)
    found["unit"] = units.ngroup()
    title = units[COURSE_NAME].transform("first")
    found[COURSE_NAME] = title.astype(object).where(title.notna(), found[COURSE])
    # grades come in one by one: a course runs until half of its students have one
    found["running"] = ~found["graded"] & (units["graded"].transform("mean") < 0.5)
    dated = found[COURSE_NAME] + " (" + found[PERIOD] + ")"
    found["label"] = dated.where(found[PERIOD] != "", found[COURSE_NAME])
    labels = found.drop_duplicates("unit")["label"]
    shared = found["label"].isin(labels[labels.duplicated()])
    found["label"] = found["label"].mask(
        shared, found["label"] + " (" + found[COURSE] + ")"
    )
    return found


def id_texts(column: pd.Series) -> pd.Series:
    """Return ids as text: 1004, 1004.0 and '1004' are one id, '01004' another."""
    plain = {one: _plain_id(str(one)) for one in column.dropna().unique()}
    return column.astype(object).map(plain)


def _plain_id(text: str) -> str:
    text = text.strip()
    whole = text.removesuffix(".0")
    return whole if whole.removeprefix("-").isdecimal() else text


def choose_events(
    X: pd.DataFrame,
    wanted: Wanted,
    names: Mapping[str, str],
    partition_days: float = 1.0,
) -> Chosen:
    """Return all events of the requested courses and students."""
    histories = list_histories(X, names)
    chosen, partition = choose_histories(histories, wanted, names, partition_days)
    if len(chosen) < len(histories):
        codes = history_codes(X[names[STUDENT]], X[names[COURSE]])
        X = X[np.isin(codes, chosen.index)]
    return Chosen(X, chosen, partition)


def choose_histories(
    histories: pd.DataFrame,
    wanted: Wanted,
    names: Mapping[str, str],
    partition_days: float,
) -> tuple[pd.DataFrame, int | None]:
    """Return the requested histories, and the day to predict at."""
    chosen = _of_students(_of_courses(histories, wanted, names), wanted, names)
    chosen = _running(chosen, wanted)
    if wanted.pick_random:
        return _pick(chosen, wanted, partition_days)
    return chosen, wanted.partition


def _of_courses(
    histories: pd.DataFrame, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    chosen = histories
    if wanted.period is not None:
        try:
            _, (period,), _ = read_periods(pd.Series([wanted.period]))
        except TableError:
            message = "--period expects a half-year such as 02-2026."
            raise ConfigError(coded("no_half_year", message)) from None
        chosen = chosen[chosen[PERIOD] == period]
        if not len(chosen):
            known = ", ".join(sorted(set(histories[PERIOD]) - {""})) or "none"
            message = coded(
                "unknown_period",
                f"Expected events of the period given as --period; found none. The "
                f"periods in {names[PERIOD]!r} are: {known}.",
                known=known,
            )
            raise TableError(message)
    if wanted.course is not None:
        course = _plain_id(wanted.course)
        columns = chosen[[COURSE, COURSE_NAME, "label"]]
        of_course = chosen[(columns == course).any(axis=1)]
        if not len(of_course):
            message = coded(
                "unknown_course",
                "Expected events of the course given as --course; found none. Pass a "
                f"name or id as the table spells it: {_list_courses(chosen)}.",
                known=_list_courses(chosen),
            )
            raise TableError(message)
        chosen = of_course
    return chosen


def _list_courses(histories: pd.DataFrame) -> str:
    labels = sorted(set(histories["label"]))
    more = [f"and {len(labels) - _LISTED} more"] if len(labels) > _LISTED else []
    return ", ".join([*map(repr, labels[:_LISTED]), *more])


def _of_students(
    histories: pd.DataFrame, wanted: Wanted, names: Mapping[str, str]
) -> pd.DataFrame:
    """Return the histories of students named by their id or their file number."""
    if not wanted.students:
        return histories
    chosen: set[str] = set()
    absent, unclear = [], []
    for place, text in enumerate(map(_plain_id, wanted.students), start=1):
        by_id, by_number = (
            set(histories.loc[histories[name] == text, STUDENT])
            for name in (STUDENT, FILE_NUMBER)
        )
        if not (by_id or by_number):
            absent.append(str(place))
        elif by_id and by_number and by_id != by_number:
            unclear.append(str(place))
        chosen |= by_id | by_number
    n_given = len(wanted.students)  # by position: an id would identify a student
    if absent:
        message = coded(
            "unknown_students",
            f"Expected events of all {n_given} students; found none of number "
            f"{', '.join(absent)} of them. Pass ids as the column {names[STUDENT]!r} "
            f"spells them, or file numbers as {names[FILE_NUMBER]!r} does.",
            places=absent,
            column=names[STUDENT],
        )
        raise TableError(message)
    if unclear:
        message = coded(
            "unclear_students",
            f"Expected one student for each --student; found that number "
            f"{', '.join(unclear)} of {n_given} is the id of one and the file number "
            f"of another. Pass both ids, as the column {names[STUDENT]!r} spells them.",
            places=unclear,
            column=names[STUDENT],
        )
        raise TableError(message)
    return histories[histories[STUDENT].isin(chosen)]


def _running(histories: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    running = histories[histories["running"]]
    if wanted.running is False or (wanted.running is None and not len(running)):
        return histories
    if not len(running):
        message = coded(
            "none_running",
            "Expected a course that is running; found a final grade of every chosen "
            "student, or of half of their course. Leave --running out to predict for "
            "them.",
        )
        raise TableError(message)
    n_left = len(histories) - len(running)
    if n_left and wanted.running is None:
        text = words.ngettext(
            "Left out {n} student with a final grade, or in a course that is over; "
            "--no-running includes them.",
            "Left out {n} students with a final grade, or in a course that is over; "
            "--no-running includes them.",
            n_left,
        )
        note(text)
    return running


def _pick(
    histories: pd.DataFrame, wanted: Wanted, partition_days: float
) -> tuple[pd.DataFrame, int]:
    """Pick a student in a course, and a day after day 15, at random."""
    first = int(_EARLY_DAYS / partition_days) + 1
    late = histories[histories[PARTITION] >= first].sort_values([STUDENT, COURSE])
    if not len(late):
        message = coded(
            "none_to_pick",
            f"Expected a student with events after day {_EARLY_DAYS} to pick at "
            "random; found none among those chosen. Add --no-running for courses that "
            "are over.",
            day=_EARLY_DAYS,
        )
        raise TableError(message)
    rng = np.random.default_rng(wanted.seed)
    picked = late.iloc[[rng.integers(len(late))]]
    if wanted.partition is not None:
        return picked, wanted.partition
    return picked, int(rng.integers(first, picked[PARTITION].iloc[0] + 1))
