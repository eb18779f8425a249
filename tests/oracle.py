"""The definition of the features, computed literally: `FeatureEngineer`'s oracle.

A row's features are those of its student's rows in the course, as the platform would
have shown them at the end of the row's own partition:

1. Rows of one exam name are parts of one exam, whose grade is the mean of the parts;
   an exam without a grade is an absence and counts 0.
2. Rows of one submission name are parts of one submission. It was submitted when the
   first part with a time was: of the lowest partition, and then the earliest.
3. A part's score is known from its own partition plus the UTC calendar days from
   submission to grading; at once where a date is missing. A part without a score is
   pending if it has a submission time, else 0. The score of a submission is the mean of
   its known parts; without one it is pending: no score, or 0 with pending="zero".
4. The first row of a created name sets the assignment's dates: by partition, assignment
   id, due date, unlock date, missing ones last.
5. A created assignment without a submission has the score 0; a submission without a
   creation has no timing.
6. The timings, in hours: due - unlock; submitted - unlock, also as a share of the first
   where that is above 0; due - submitted. What lacks a date is left out.
7. Statistics are over exams and assignments, not rows; std has ddof=1.
   parcial_sobre_ass is 100 times the mean grade over the mean score, 0 where undefined.

Slow and plain on purpose: for every history and partition, it filters the rows to those
shown, and computes the features only from these, in exact fractions. It imports nothing
from ``src``, so it cannot share its bugs.
"""

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

KINDS = {
    "parciales": ("PRIMER PARCIAL(20)", "SEGUNDO PARCIAL(20)"),
    "integradores": ("INTEGRADOR(30)",),
    "recuperatorios": (
        "RECUPERATORIO PRIMER PARCIAL(20)",
        "RECUPERATORIO SEGUNDO PARCIAL(20)",
    ),
}
STATISTICS = ("min", "max", "mean", "std")
TIMINGS = (
    "hrs_to_do_assignment",
    "hrs_taken_to_do_assignment",
    "rel_time_taken_to_do_assignment",
    "hrs_before_due",
)
GROUPS = (*(f"nota_{kind}" for kind in (*KINDS, "overall")), "score", *TIMINGS)


def _of(*groups: str) -> list[str]:
    return [f"{group}_{which}" for group in groups for which in STATISTICS]


FEATURES = [
    "particion",
    *("parciales_n_sum", *_of("nota_parciales")),
    *("integradores_n_sum", *_of("nota_integradores")),
    *("recuperatorios_n_sum", *_of("nota_recuperatorios")),
    *("overall_parciales_n_sum", *_of("nota_overall")),
    *("assignment_n_sum", *_of("score"), "assignment_zero_sum"),
    *_of(*TIMINGS),
    "parcial_sobre_ass",
]
COUNTS = [name for name in FEATURES if name.endswith("_sum")]
KEYS = ["user_uuid", "course_uuid"]


class Row(NamedTuple):
    """One row of the event table, in the specification's terms; None is missing."""

    partition: int
    exam: str | None
    grade: Fraction | None
    created: str | None
    assignment_id: Any
    due: Fraction | None
    unlock: Fraction | None
    sent: str | None
    score: Fraction | None
    submitted: Fraction | None
    graded: Fraction | None


def features_oracle(
    X: pd.DataFrame,
    *,
    columns: Mapping[str, str] | None = None,
    exam_kinds: Mapping[str, Iterable[str]] | None = None,
    pending: str = "missing",
    partition_days: float = 1.0,
    fill_value: float | None = 0.0,
) -> pd.DataFrame:
    """Compute the keys and the 44 features of every row, one snapshot at a time."""
    kinds = {**KINDS, **(exam_kinds or {})}
    kinds = {kind: {name.strip() for name in of} for kind, of in kinds.items()}
    rows = read_rows(X, columns)
    keys = list(zip(*(X[(columns or {}).get(key, key)] for key in KEYS), strict=True))

    histories: dict[tuple[str, str], list[Row]] = {}
    for key, row in zip(keys, rows, strict=True):
        histories.setdefault(key, []).append(row)

    snapshots: dict[tuple[tuple[str, str], int], dict[str, float]] = {}
    for key, history in histories.items():
        before: tuple[list[Row], dict[str, float | None]] | None = None
        for p in sorted({row.partition for row in history}):
            # A row without any name carries no facet and is left out here; the
            # same facets as one partition earlier have the same features.
            shown = [row for row in shown_at(history, p, partition_days) if _named(row)]
            if before is None or before[0] != shown:
                before = shown, features_of(shown, kinds, pending)
            snapshots[key, p] = {
                name: _filled(value, fill_value)
                for name, value in {**before[1], "particion": p}.items()
            }

    table = [snapshots[key, row.partition] for key, row in zip(keys, rows, strict=True)]
    out = pd.DataFrame(table, columns=FEATURES, dtype=float)
    out.insert(0, KEYS[0], [user for user, _ in keys])
    out.insert(1, KEYS[1], [course for _, course in keys])
    return out.set_axis(X.index)


def _named(row: Row) -> bool:
    return not (row.exam is None and row.created is None and row.sent is None)


def _filled(value: float | None, fill_value: float | None) -> float:
    if value is not None:
        return float(value)
    return math.nan if fill_value is None else fill_value


# -- the platform's view ------------------------------------------------------


def known_from(row: Row, partition_days: float) -> int:
    """Return the partition from which this row's submission score is known."""
    if row.submitted is None or row.graded is None:
        return row.partition
    days = row.graded // 86_400 - row.submitted // 86_400  # UTC calendar days
    return row.partition + max(0, math.ceil(Fraction(days) / Fraction(partition_days)))


def shown_at(rows: Iterable[Row], p: int, partition_days: float) -> list[Row]:
    """Filter and blank the rows to the state at the end of partition p."""
    return [
        row
        if known_from(row, partition_days) <= p
        else row._replace(score=None, graded=None)
        for row in rows
        if row.partition <= p
    ]


def as_of_oracle(
    X: pd.DataFrame,
    p: int,
    *,
    columns: Mapping[str, str] | None = None,
    partition_days: float = 1.0,
) -> pd.DataFrame:
    """Cut an event table to the platform's view at the end of partition p."""
    rows = read_rows(X, columns)
    seen = np.array([row.partition <= p for row in rows], dtype=bool)
    late = np.array([known_from(row, partition_days) > p for row in rows], dtype=bool)
    shown, blank = X.loc[seen].copy(), late[seen]
    for canonical in ("score", "s_graded_at"):
        name = (columns or {}).get(canonical, canonical)
        shown[name] = shown[name].mask(blank)
    return shown


# -- the features of the shown rows -------------------------------------------


def features_of(
    shown: list[Row], kinds: Mapping[str, set[str]], pending: str
) -> dict[str, float | None]:
    """Compute the features of one history from the shown rows."""
    features: dict[str, float | None] = {}
    grades = exam_grades(shown)
    for kind in kinds:
        of_kind = [grade for name, grade in grades.items() if name in kinds[kind]]
        features[f"{kind}_n_sum"] = len(of_kind)
        features |= statistics_of(f"nota_{kind}", of_kind)
    features["overall_parciales_n_sum"] = len(grades)
    features |= statistics_of("nota_overall", list(grades.values()))

    scores, timings = assignments(shown, pending)
    known = [score for score in scores if score is not None]
    features["assignment_n_sum"] = len(scores)
    features["assignment_zero_sum"] = sum(score <= 0 for score in known)
    features |= statistics_of("score", known)
    for timing in TIMINGS:
        features |= statistics_of(timing, timings[timing])

    features["parcial_sobre_ass"] = 0
    if grades and known and mean(known) > 0:
        ratio = 100 * mean(list(grades.values())) / mean(known)
        features["parcial_sobre_ass"] = float(ratio)
    return features


def exam_grades(shown: list[Row]) -> dict[str, Fraction]:
    """Return each exam's grade: the mean of its parts, with 0 for absence."""
    parts: dict[str, list[Fraction]] = {}
    for row in shown:
        if row.exam is not None:
            parts.setdefault(row.exam, []).append(row.grade or Fraction(0))
    return {name: mean(grades) for name, grades in parts.items()}


def assignments(
    shown: list[Row], pending: str
) -> tuple[list[Fraction | None], dict[str, list[Fraction]]]:
    """Return the assignments' scores, None if pending, and timings."""
    submissions: dict[str, list[Row]] = {}
    creations: dict[str, list[Row]] = {}
    for row in shown:
        if row.sent is not None:
            submissions.setdefault(row.sent, []).append(row)
        if row.created is not None:
            creations.setdefault(row.created, []).append(row)

    scores: list[Fraction | None] = []
    timings: dict[str, list[Fraction]] = {timing: [] for timing in TIMINGS}
    for name in submissions.keys() | creations.keys():
        score: Fraction | None = Fraction(0)  # created, and nothing submitted so far
        submitted = due = unlock = None
        if name in submissions:
            score = submission_score(submissions[name], pending)
            submitted = submission_time(submissions[name])
        if name in creations:
            first = min(creations[name], key=creation_order)
            due, unlock = first.due, first.unlock
        scores.append(score)

        if due is not None and unlock is not None:
            timings["hrs_to_do_assignment"].append((due - unlock) / 3600)
        if submitted is not None and unlock is not None:
            timings["hrs_taken_to_do_assignment"].append((submitted - unlock) / 3600)
            if due is not None and due - unlock > 0:
                relative = (submitted - unlock) / (due - unlock)
                timings["rel_time_taken_to_do_assignment"].append(relative)
        if submitted is not None and due is not None:
            timings["hrs_before_due"].append((due - submitted) / 3600)
    return scores, timings


def submission_score(parts: list[Row], pending: str) -> Fraction | None:
    """Return the mean of the known parts; None, or 0, if every part is pending."""
    known = []
    for part in parts:
        if part.score is not None:
            known.append(part.score)
        elif part.submitted is None:
            known.append(Fraction(0))  # nothing was handed in
    if known:
        return mean(known)
    return Fraction(0) if pending == "zero" else None


def submission_time(parts: list[Row]) -> Fraction | None:
    """Return the time of the first part that has one."""
    timed = [(part.partition, part.submitted) for part in parts if part.submitted]
    return min(timed)[1] if timed else None


def creation_order(row: Row) -> tuple[Any, ...]:
    """Sort the rows of one assignment's name; the first one sets its dates."""
    ties = (row.assignment_id, row.due, row.unlock)
    return (row.partition, *(_missing_last(value) for value in ties))


def _missing_last(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (2,)
    return (1, value) if isinstance(value, str) else (0, value)


def statistics_of(group: str, values: list[Fraction]) -> dict[str, float | None]:
    """Return min, max, mean and std (ddof 1), None if missing."""
    found: list[float | None] = [None] * 4
    if values:
        middle = mean(values)
        found[:3] = [float(min(values)), float(max(values)), float(middle)]
        if len(values) > 1:
            squares = sum((value - middle) ** 2 for value in values)
            found[3] = math.sqrt(squares / (len(values) - 1))
    return dict(zip(_of(group), found, strict=True))


def mean(values: list[Fraction]) -> Fraction:
    """Return the exact mean."""
    return sum(values, Fraction(0)) / len(values)


# -- reading ------------------------------------------------------------------


def read_rows(X: pd.DataFrame, columns: Mapping[str, str] | None) -> list[Row]:
    """Read the event table row by row."""
    readers = (
        *(lambda value: int(_number(value) or 0), _name, _number),
        *(_name, _identifier, _date, _date),
        *(_name, _number, _date, _date),
    )
    names = (
        *("particion", "nombre_examen", "nota_parcial"),
        *("ass_name", "assignment_id", "ass_due_at", "ass_unlock_at"),
        *("ass_name_sub", "score", "s_submitted_at", "s_graded_at"),
    )
    values = [
        [read(value) for value in X[(columns or {}).get(name, name)].tolist()]
        for name, read in zip(names, readers, strict=True)
    ]
    return [Row(*row) for row in zip(*values, strict=True)]


def _number(value: Any) -> Fraction | None:
    return None if pd.isna(value) else Fraction(float(value))


def _identifier(value: Any) -> Fraction | str | None:
    return value if isinstance(value, str) else _number(value)


def _name(value: Any) -> str | None:
    return None if pd.isna(value) else (str(value).strip() or None)


def _date(value: Any) -> Fraction | None:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        utc = value.tz_localize("UTC") if value.tz is None else value.tz_convert("UTC")
        seconds = Fraction(utc.as_unit("ns").value, 10**9)
    else:
        seconds = Fraction(float(value))
    return seconds or None  # 0 is missing


# -- comparing ----------------------------------------------------------------


def assert_features_agree(
    got: pd.DataFrame, want: pd.DataFrame, *, to_the_bit: bool = False
) -> None:
    """Check keys, index, order and dtype; counts exactly, the rest within 1e-9."""
    assert list(got.columns) == list(want.columns) == KEYS + FEATURES
    pd.testing.assert_index_equal(got.index, want.index, exact="equiv")
    for key in KEYS:
        assert got[key].tolist() == want[key].tolist()
    assert set(got[FEATURES].dtypes) <= {np.dtype(float)}
    a, b = got[FEATURES].to_numpy(), want[FEATURES].to_numpy()
    exact = np.isin(FEATURES, ["particion", *COUNTS])
    tolerance = 0.0 if to_the_bit else 1e-9
    close = np.isclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)
    wrong = ~np.where(exact, a == b, close)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        message = (
            f"{wrong.sum()} values of {wrong.any(axis=1).sum()} rows differ, the first "
            f"{FEATURES[column]} in row {row}, partition {b[row, 0]:g}: "
            f"{a[row, column]!r}, expected {b[row, column]!r}."
        )
        raise AssertionError(message)
