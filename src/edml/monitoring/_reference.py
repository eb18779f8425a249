"""Reference: what a model was trained and judged on, without any student."""

import json
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline

from edml.exceptions import MonitoringError
from edml.monitoring._cells import MIN_STUDENTS, Cell, make_cells
from edml.monitoring._chance import Curve, expect, fit_curve, sort_scores
from edml.monitoring._feed import describe_feed
from edml.monitoring._weeks import (
    Weeks,
    days_of_week,
    one_per_student,
    read_weeks,
)
from edml.pipeline import Blend, split_per_history, strip_samplers
from edml.schema import (
    COURSE,
    STUDENT,
    BoolArray,
    FloatArray,
    IntArray,
    check_array_like,
    columns_of,
    fail_column,
    fail_label_of,
    is_event_table,
    read_target,
)

FORMAT = 1
MAX_BYTES = 300_000  # of a reference as stored
MAX_SIZE = 64 * MAX_BYTES  # of what it unpacks to
FEW = 5 * MIN_STUDENTS  # students of a course with histograms of its own
MAX_COURSES = 30
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
    """What a model was trained and judged on, as monitoring compares later data with.

    `RiskClassifier.fit` makes one from its out-of-fold scores, and
    `ModelRegistry.register` stores it. `make_reference` makes one for other models. It
    holds histograms of students, for each week of the course; no cell of them counts
    fewer than ten students, and no value in it is a student's own.

    Parameters
    ----------
    features : tuple of str
        The features that are compared: the numbers that the model sees.
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
                "format": FORMAT,
                "features": list(self.features),
                "weights": [_short(one) for one in self.weights],
                "courses": list(self.courses),
                "weeks": [_write_week(week) for week in weeks],
                "feed": self.feed,
                "step": self.step,
                "n_students": self.n_students,
                "shares": {name: _short(one) for name, one in self.shares.items()},
            }
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
            )
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _damaged(f"{type(error).__name__}") from error
        reference._check()
        return reference

    def _check(self) -> None:
        n_cells = len(self.features) + 1
        sizes = {len(one) for week in self.weeks for one in week.cells.values()}
        means = all(week.means.keys() == week.cells.keys() for week in self.weeks)
        if len(self.weights) != len(self.features) or sizes - {n_cells} or not means:
            raise _damaged("its features and histograms differ in number")

    def __repr__(self) -> str:
        return (
            f"Reference(n_students={self.n_students}, n_features={len(self.features)}, "
            f"n_courses={len(self.courses)}, n_weeks={len(self.weeks)})"
        )


def make_reference(
    model: Any, X: Any, y: ArrayLike, *, fail_label: Any = None
) -> Reference:
    """Summarize rows that a model has not seen, to monitor it later.

    A `RiskClassifier` has a reference from its own fit, ``reference_``. For any other
    model, pass test rows here, and the result to `ModelRegistry.register`.

    Parameters
    ----------
    model : classifier
        Fitted, with two classes and ``predict_proba``.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        Rows of students that it was not trained on.
    y : array-like of shape (n_rows,)
        Their outcomes.
    fail_label : label, default=None
        The label that means failing. None is the model's own.

    Returns
    -------
    reference : Reference

    Raises
    ------
    ValueError
        If ``X`` or ``y`` cannot be read.

    Examples
    --------
    >>> from edml import load_activity
    >>> from edml.model_selection import student_train_test_split
    >>> from edml.monitoring import make_reference
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> split = student_train_test_split(X, y, random_state=0)
    >>> X_train, X_test, y_train, y_test = split
    >>> model = make_risk_pipeline().fit(X_train, y_train)
    >>> make_reference(model, X_test, y_test).n_students
    159
    """
    check_array_like(X)
    fails = read_target(y, fail_label_of(model, fail_label)).fails
    names = columns_of(model)
    probability = np.asarray(model.predict_proba(X))[:, fail_column(model, fail_label)]
    rows = np.arange(len(fails))
    pipeline = getattr(model, "pipeline_", model)
    features = compute_features(pipeline, X)
    return summarize(pipeline, X, names, rows, features, probability, fails)


def compute_features(pipeline: Any, X: Any) -> Any:
    """Return what the steps that describe each history make of a table."""
    front, _ = split_per_history(strip_samplers(pipeline))
    return X if front is None else front.transform(X)


def numbers_of(
    features: Any, names: Mapping[str, str], rows: IntArray
) -> tuple[list[str], FloatArray]:
    """Return the numeric features of some rows, without the keys."""
    if not isinstance(features, pd.DataFrame):
        values = np.asarray(features)
        if values.ndim != 2:  # such as a sparse matrix
            return [], np.empty((len(rows), 0))
        features = pd.DataFrame(
            values, columns=[f"x{k}" for k in range(values.shape[1])]
        )
    keys = (STUDENT, COURSE, names[STUDENT], names[COURSE])
    kept = [
        place
        for place, (name, kind) in enumerate(features.dtypes.items())
        if getattr(kind, "kind", "O") in "fiub" and name not in keys
    ]
    values = features.iloc[rows, kept].to_numpy(dtype=np.float64, na_value=np.nan)
    return [str(features.columns[place]) for place in kept], values


def summarize(
    pipeline: Any,
    X: Any,
    names: Mapping[str, str],
    rows: IntArray,
    features: Any,
    probability: FloatArray,
    fails: BoolArray,
) -> Reference:
    """Make a reference from rows whose features and scores are known.

    `RiskClassifier.fit` calls it with its out-of-fold scores.

    Parameters
    ----------
    pipeline : estimator
        The fitted pipeline, for its step of a week and the weights of features.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The table as given.
    names : mapping of str to str
        Actual names of its columns, by canonical name.
    rows : ndarray of shape (n_units,)
        Positions in ``X`` of the rows that are counted, one for each snapshot.
    features : DataFrame or ndarray of shape (n_rows, n_features)
        What the steps that describe each history make of ``X``.
    probability : ndarray of shape (n_units,)
        Their probabilities, from a model that has not seen the student.
    fails : ndarray of bool of shape (n_units,)
        Their outcomes.

    Returns
    -------
    reference : Reference

    See Also
    --------
    make_reference : The same, from a model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.monitoring import summarize
    >>> from edml.schema import columns_of
    >>> X, rows = np.arange(40.0)[:, None], np.arange(40)
    >>> model = LogisticRegression().fit(X, rows > 20)
    >>> score = model.predict_proba(X)[:, 1]
    >>> summarize(model, X, columns_of(model), rows, X, score, rows > 20)
    Reference(n_students=40, n_features=1, n_courses=1, n_weeks=1)
    """
    step = days_of_week(pipeline)
    units = read_weeks(X, names, step, rows)
    place = np.empty(int(rows.max()) + 1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    at = place[units.rows]
    score, fails = probability[at], np.asarray(fails, dtype=np.bool_)[at]
    columns, values = numbers_of(features, names, units.rows)
    values = np.column_stack([values, score])
    weeks = []
    for week in np.unique(units.week):
        kept = units.week == week
        one = units.take(kept)
        if len(np.unique(one.students)) >= 2 * MIN_STUDENTS:
            day = None if week == 0 else int(week) * step - 1
            weeks.append(_summarize_week(day, one, values[kept], fails[kept]))
    events = is_event_table(X, names)
    return Reference(
        features=tuple(columns),
        weights=_read_weights(pipeline, columns),
        courses=_name_courses(units),
        weeks=tuple(weeks),
        feed=describe_feed(X, names, step) if events else {},
        step=step,
        n_students=len(np.unique(units.students)),
        shares=_share_failing(units, fails),
    )


def _summarize_week(
    day: int | None, units: Weeks, values: FloatArray, fails: BoolArray
) -> Week:
    score = values[:, -1]
    alone = one_per_student(units)
    cells = {"": make_cells(values[alone])}
    means = {"": float(score[alone].mean())}
    sizes = np.bincount(units.courses, minlength=len(units.labels))
    for course in np.argsort(-sizes, kind="stable")[:MAX_COURSES]:
        if sizes[course] >= FEW:
            inside = units.courses == course
            cells[units.labels[course]] = make_cells(values[inside])
            means[units.labels[course]] = float(score[inside].mean())
    curve = fit_curve(score, fails, units.runs)
    figures: dict[str, float] = {}
    if curve is not None:
        ranked = sort_scores(score, 0.5)
        real = expect(ranked, fails.astype(np.float64))
        promised = expect(ranked, curve.apply(score))
        figures = {
            "roc_auc": float(real[0]),
            "average_precision": float(real[1]),
            "expected_roc_auc": float(promised[0]),
            "expected_average_precision": float(promised[1]),
        }
    n_students = len(np.unique(units.students))
    return Week(
        day,
        n_students,
        len(fails),
        cells,
        means,
        curve,
        _bin(score[alone], fails[alone]),
        figures,
    )


def _bin(score: FloatArray, fails: BoolArray) -> list[tuple[float, float, int]]:
    """Return the calibration curve: mean score, share failing and size of each bin."""
    cuts, counts = make_cells(score[:, None])[0]
    place = np.searchsorted(cuts, score, side="left")
    mean = np.bincount(place, score, len(counts)) / counts
    share = np.bincount(place, fails, len(counts)) / counts
    return list(zip(mean.tolist(), share.tolist(), counts.tolist(), strict=True))


def _name_courses(units: Weeks) -> tuple[str, ...]:
    pairs = pd.DataFrame({"course": units.courses, "student": units.students})
    sizes = pairs.drop_duplicates()["course"].value_counts()
    known = sorted(sizes.index[sizes >= MIN_STUDENTS])
    return tuple(units.labels[place] for place in known)


def _share_failing(units: Weeks, fails: BoolArray) -> dict[str, float]:
    """Return the share of students that fail, of all and by course."""
    table = pd.DataFrame(
        {"course": units.courses, "student": units.students, "fails": fails}
    ).drop_duplicates(["course", "student"])
    if len(table) < MIN_STUDENTS:
        return {}
    shares = {"": float(table["fails"].mean())}
    for course, rows in table.groupby("course"):
        if len(rows) >= FEW:
            shares[units.labels[int(course)]] = float(rows["fails"].mean())
    return shares


def _read_weights(pipeline: Any, columns: list[str]) -> FloatArray:
    """Return how much the classifier uses each feature; alike where it does not say."""
    final = strip_samplers(pipeline)
    steps = final[:-1] if isinstance(final, Pipeline) and len(final.steps) > 1 else None
    if isinstance(final, Pipeline):
        final = final.steps[-1][1]
    uses = _importance(final)
    seen = getattr(final, "feature_names_in_", None)
    if seen is None and steps is not None:
        with suppress(AttributeError, ValueError):  # a step that does not name them
            seen = steps.get_feature_names_out()
    seen = list(columns if seen is None else seen)
    alike = np.full(len(columns), 1 / max(1, len(columns)))
    if uses is None or len(uses) != len(seen):
        return alike
    by_name = dict(zip(map(str, seen), uses.tolist(), strict=True))
    weights = np.array([by_name.get(name, 0.0) for name in columns])
    total = weights.sum()
    return weights / total if total > 0 else alike


def _importance(classifier: Any) -> FloatArray | None:
    """Return the gain of each feature in trees, or the size of each coefficient."""
    if isinstance(classifier, Blend):
        each: list[FloatArray] = []
        for one in classifier.classifiers_:
            found = _importance(one.steps[-1][1] if isinstance(one, Pipeline) else one)
            if found is None or (each and len(found) != len(each[0])):
                return None
            each.append(found)
        return np.mean(each, axis=0)
    if hasattr(classifier, "booster_"):
        found = classifier.booster_.feature_importance("gain")
    elif hasattr(classifier, "feature_importances_"):
        found = classifier.feature_importances_
    else:
        found = getattr(classifier, "coef_", None)
    if found is None:
        return None
    values = np.abs(np.asarray(found, dtype=np.float64)).reshape(-1)
    total = values.sum()
    return values / total if total > 0 else values


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
