"""Check the feed: columns, dates, units, names, values and volume."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from edml.monitoring._cells import MIN_STUDENTS
from edml.monitoring._feed import (
    DATES,
    GRADING_DAYS,
    VALUES,
    WANTED,
    Feed,
    known_exams,
)
from edml.monitoring._reference import Reference
from edml.monitoring._signs import ACT, FINE, LOOK, Part, Sign, make_part, make_sign
from edml.schema import BoolArray

_MORE_MISSING = 0.2  # of the rows that should hold something
_GONE = 0.9
_CLEAR = 0.5  # more than in training, to act
_SCALE_ACT, _SCALE_LOOK = 1.6, 1.3  # ratios of typical values
_TYPICAL = 0.25  # of the students: those who hand in late have lower marks
_SPARSE = 0.3  # of the events that were expected
_FEWEST_EVENTS = 0.3  # expected by student and week, to miss them
_ENOUGH = 30  # students, to miss what is theirs

_WHOLE = make_sign("input-whole", FINE)


def check_input(
    X: pd.DataFrame,
    names: Mapping[str, str],
    step: int,
    reference: Reference | None,
    since: float | None,
    until: float | None,
) -> Part:
    """Compare a feed with that of the reference; without one, check its dates."""
    feed = Feed(X, names, step)
    known = {} if reference is None else reference.feed
    since_day = -np.inf if since is None else since
    share = 0.0 if since is None else _TYPICAL
    fewest = max(MIN_STUDENTS, share * len(np.unique(feed.students)))
    signs = [
        *_check_columns(feed, known),
        *_check_units(feed, known),
        *_check_missing(feed, known, since),
        *_check_values(feed, known, feed.known > since_day, fewest),
        *_check_names(feed, reference, feed.days > since_day),
        *_check_volume(feed, known, since),
        *_check_days(feed, until),
    ]
    return make_part("input", signs, _WHOLE)


def _check_columns(feed: Feed, known: Mapping[str, Any]) -> Iterator[Sign]:
    absent = [one for one in known.get("columns", ()) if not feed.has(one)]
    read = [one for one in absent if one in (*WANTED, *WANTED.values())]
    if read:
        yield make_sign("columns-absent", ACT, columns=", ".join(read))
    flat = [
        one
        for one in known.get("varying", ())
        if one in (*VALUES, *feed.extra)
        and feed.has(one)
        and feed.n_rows > 100
        and feed.is_constant(one)
        and feed.column(one).notna().any()
    ]
    if flat:
        yield make_sign("columns-constant", ACT, columns=", ".join(flat))


def _check_units(feed: Feed, known: Mapping[str, Any]) -> Iterator[Sign]:
    for name in DATES:
        if not feed.has(name):
            continue
        given = feed.is_given(name)
        unit = feed.unit(name)
        if not given.any() or unit == known.get("units", {}).get(name, "seconds"):
            continue
        yield make_sign("unit-of-dates", ACT, column=name)


def _check_missing(
    feed: Feed, known: Mapping[str, Any], since: float | None
) -> Iterator[Sign]:
    """Compare each complete week with the same week of training; report the last."""
    for name, before in known.get("missing", {}).items():
        found = feed.missing(name)
        for week in sorted(found, reverse=True):
            if since is not None and week * feed.step - 1 <= since:
                break
            share, n_students = found[week]
            usual = before.get(str(week))
            if usual is None or n_students < _ENOUGH or share - usual < _MORE_MISSING:
                continue
            yield make_sign(
                "values-missing",
                ACT if share >= _GONE and share - usual >= _CLEAR else LOOK,
                week=week,
                column=name,
                share=share,
                share_before=usual,
            )
            break


def _check_values(
    feed: Feed, known: Mapping[str, Any], recent: BoolArray, fewest: float
) -> Iterator[Sign]:
    for name in (*VALUES, GRADING_DAYS):
        before = known.get("values", {}).get(name)
        if before is None or before <= 0:
            continue
        mean, n_students = feed.typical(name, recent)
        if n_students < fewest:
            continue
        ratio = mean / before
        if name == GRADING_DAYS:
            if abs(mean - before) > max(3.0, before):
                yield make_sign("grading-late", LOOK, days=mean, days_before=before)
            continue
        off = max(ratio, 1 / ratio) if ratio > 0 else np.inf
        if off >= _SCALE_LOOK:
            yield make_sign(
                "scale", ACT if off >= _SCALE_ACT else LOOK, column=name, ratio=ratio
            )


def _check_names(
    feed: Feed, reference: Reference | None, recent: BoolArray
) -> Iterator[Sign]:
    if reference is None:
        return
    exams = set(known_exams(feed)) - set(reference.feed.get("exams", ()))
    if exams and reference.feed.get("exams"):
        yield make_sign("exams-unknown", LOOK, names=", ".join(sorted(exams)[:5]))
    here = {
        feed.labels[one] for one in feed.course_of_run[np.unique(feed.runs[recent])]
    }
    new = sorted(here - set(reference.courses))
    if new and len(new) < len(here):
        yield make_sign(
            "courses-unknown", LOOK, n=len(new), all=len(here), names=", ".join(new[:5])
        )
    elif new:
        yield make_sign("courses-all-new", FINE)


def _check_volume(
    feed: Feed, known: Mapping[str, Any], since: float | None
) -> Iterator[Sign]:
    """Miss the events of the last complete week of each course."""
    events = known.get("events", {})
    volume = feed.volume()
    if not len(volume):
        return
    last = volume.groupby("course")["week"].transform("max")
    silent = expected = found = 0.0
    for row in volume[volume["week"] == last].itertuples():
        if since is not None and row.week * feed.step - 1 <= since:
            continue
        before = events.get(feed.labels[row.course], {}).get(str(row.week))
        if before is None or row.n_students < _ENOUGH or before < _FEWEST_EVENTS:
            continue
        expected += before * row.n_students
        found += row.n_events
        silent += row.n_events == 0
    if expected and found < _SPARSE * expected:
        yield make_sign(
            "feed-late",
            ACT if silent and found < 0.1 * expected else LOOK,
            found=int(found),
            expected=round(expected),
        )


def _check_days(feed: Feed, until: float | None) -> Iterator[Sign]:
    if until is None:
        return
    late = int((feed.last_day < until).sum())
    if late:
        yield make_sign("days-missing", ACT, n=late, all=len(feed.last_day), day=until)
