"""Reference: what a model was trained and evaluated on, without any student."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from edml.exceptions import MonitoringError
from edml.monitoring._cells import MIN_STUDENTS, Cell
from edml.monitoring._chance import Curve
from edml.schema import (
    FloatArray,
)

FORMAT = 2  # 1 has no categories
MAX_BYTES = 300_000  # of a reference as stored
MAX_SIZE = 64 * MAX_BYTES  # of what it unpacks to
SCORE = "score"


class Week(NamedTuple):
    """The students of one week: their histograms by course, and their outcomes.

    ``cells[""]`` are those of all students together. Each list has one histogram per
    feature, then that of the score, whose means are in ``means``.
    """

    day: int | None
    n_students: int
    n_units: int
    cells: dict[str, list[Cell]]
    means: dict[str, float]
    curve: Curve | None
    bins: list[tuple[float, float, int]]
    figures: dict[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class Reference:
    """What a model was trained and evaluated on, for comparison with later data.

    `RiskClassifier.fit` makes one from its out-of-fold scores, and
    `ModelRegistry.register` stores it. `make_reference` makes one for other models. It
    holds histograms of students, for each week of the course; no cell of them counts
    fewer than ten students, and no value in it is a student's own.

    Parameters
    ----------
    features : tuple of str
        The features that are compared: the numbers and categories that the model sees.
    weights : ndarray of shape (n_features,)
        How much the model uses each, fractions that add up to 1.
    courses : tuple of str
        Names of the courses that at least ten students took.
    weeks : tuple of Week
        The students of each week of the course.
    feed : dict
        The columns of the event table: units, shares of missing dates, exam names,
        typical values, events by week. Empty for other tables.
    step : int
        Partitions in a week.
    n_students : int
        Number of students behind it.
    shares : dict of str to float
        The share that fails: of all, under "", and by course.
    categories : dict of str to tuple of str, default=None
        The categories of each text feature that at least ten students have. Histograms
        count their places; all other categories share the next place.

    See Also
    --------
    make_reference : Make the reference of a model from rows it has not seen.
    monitor : Compare later data with it.

    Examples
    --------
    >>> from edml import RiskClassifier, load_activity
    >>> from edml.monitoring import Reference
    >>> X, y = load_activity(return_X_y=True)
    >>> reference = RiskClassifier(cv=3).fit(X, y).reference_
    >>> reference.n_students == X["user_uuid"].nunique()
    True
    >>> Reference.from_bytes(reference.to_bytes()).courses == reference.courses
    True
    """

    __module__ = "edml.monitoring"

    features: tuple[str, ...]
    weights: FloatArray
    courses: tuple[str, ...]
    weeks: tuple[Week, ...]
    feed: dict[str, Any]
    step: int
    n_students: int
    shares: dict[str, float]
    categories: dict[str, tuple[str, ...]] | None = None

    def to_bytes(self) -> bytes:
        """Return the reference as compressed JSON.

        Returns
        -------
        data : bytes
            At most 300 KB: of a very long course with many features, every other week
            is left out until it fits.
        """
        weeks = self.weeks
        while True:
            document = {
                "format": FORMAT if self.categories else 1,  # for an earlier edml
                "features": list(self.features),
                "weights": [_short(one) for one in self.weights],
                "courses": list(self.courses),
                "weeks": [_write_week(week) for week in weeks],
                "feed": self.feed,
                "step": self.step,
                "n_students": self.n_students,
                "shares": {name: _short(one) for name, one in self.shares.items()},
            }
            if self.categories:
                document["categories"] = self.categories
            text = json.dumps(document, separators=(",", ":"), allow_nan=False)
            data = zlib.compress(text.encode("ascii"), 9)
            if len(data) <= MAX_BYTES or len(weeks) < 2:
                return data
            weeks = weeks[::2]

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` returned.

        Parameters
        ----------
        data : bytes
            The bytes, which may come from an untrusted place.

        Returns
        -------
        reference : Reference

        Raises
        ------
        MonitoringError
            If they are damaged, too long, or of a newer edml.
        """
        try:
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(data, MAX_SIZE)
            if not unpacker.eof or unpacker.unused_data:
                raise _damaged("it has another length than it says")
            found = json.loads(text.decode("ascii"))
        except MonitoringError:
            raise
        except (zlib.error, ValueError, RecursionError) as error:
            raise _damaged(f"{type(error).__name__}") from error
        if not isinstance(found, dict) or type(found.get("format")) is not int:
            raise _damaged("it has no format number")
        if found["format"] > FORMAT:
            message = (
                f"Expected a reference of format {FORMAT} or below; found "
                f"{found['format']}, which a newer edml wrote. Update edml."
            )
            raise MonitoringError(message)
        try:
            reference = cls(
                features=tuple(map(_text, found["features"])),
                weights=np.array([_number(one) for one in found["weights"]]),
                courses=tuple(map(_text, found["courses"])),
                weeks=tuple(map(_read_week, found["weeks"])),
                feed=dict(found["feed"]),
                step=_whole(found["step"], 1),
                n_students=_whole(found["n_students"], 0),
                shares={_text(k): _number(v) for k, v in found["shares"].items()},
                categories={
                    _text(k): tuple(map(_text, each))
                    for k, each in found.get("categories", {}).items()
                }
                or None,
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(f"{type(error).__name__}") from error
        reference._check()
        return reference

    def _check(self) -> None:
        n_cells = len(self.features) + 1
        sizes = {len(one) for week in self.weeks for one in week.cells.values()}
        means = all(week.means.keys() == week.cells.keys() for week in self.weeks)
        if (
            len(self.weights) != len(self.features)
            or sizes - {n_cells}
            or not means
            or set(self.categories or ()) - set(self.features)
        ):
            raise _damaged("its features and histograms differ in number")

    def __repr__(self) -> str:
        return (
            f"Reference(n_students={self.n_students}, n_features={len(self.features)}, "
            f"n_courses={len(self.courses)}, n_weeks={len(self.weeks)})"
        )


# -- as JSON -------------------------------------------------------------------


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _write_week(week: Week) -> dict[str, Any]:
    return {
        "day": week.day,
        "n_students": week.n_students,
        "n_units": week.n_units,
        "cells": {
            name: [[_write_cuts(one.cuts), one.counts.tolist()] for one in cells]
            for name, cells in week.cells.items()
        },
        "means": {name: _short(one) for name, one in week.means.items()},
        "curve": None if week.curve is None else [_short(one) for one in week.curve],
        "bins": [[_short(one) for one in row] for row in week.bins],
        "figures": {name: _short(one) for name, one in week.figures.items()},
    }


def _write_cuts(cuts: FloatArray) -> list[float | None]:
    return [None if np.isneginf(cut) else float(cut) for cut in cuts]


def _read_week(found: Mapping[str, Any]) -> Week:
    curve = found["curve"]
    return Week(
        day=None if found["day"] is None else _whole(found["day"], 0),
        n_students=_whole(found["n_students"], MIN_STUDENTS),
        n_units=_whole(found["n_units"], MIN_STUDENTS),
        cells={
            _text(name): [_read_cell(*one) for one in cells]
            for name, cells in found["cells"].items()
        },
        means={_text(k): _number(v) for k, v in found["means"].items()},
        curve=None if curve is None else Curve(*map(_number, curve)),
        bins=[(_number(p), _number(s), int(n)) for p, s, n in found["bins"]],
        figures={_text(k): _number(v) for k, v in found["figures"].items()},
    )


def _read_cell(cuts: list[Any], counts: list[Any]) -> Cell:
    edges = np.array([-np.inf if cut is None else _number(cut) for cut in cuts])
    sizes = np.array([_whole(one, MIN_STUDENTS) for one in counts], dtype=np.int64)
    if len(sizes) != len(edges) + 1 or (np.diff(edges) <= 0).any():
        raise ValueError
    return Cell(edges, sizes)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not np.isfinite(value):
        raise TypeError
    return float(value)


def _whole(value: Any, least: int) -> int:
    if type(value) is not int or not least <= value <= 10**9:
        raise ValueError
    return value


def _damaged(why: str) -> MonitoringError:
    return MonitoringError(
        f"Expected a reference as edml wrote it; found it damaged ({why}). Restore the "
        "file from a backup, or register the model again."
    )
