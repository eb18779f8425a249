"""Hypothesis strategies for small, awkward but valid event tables."""

from datetime import timedelta, timezone

import numpy as np
import pandas as pd
from hypothesis import note, settings
from hypothesis import strategies as st


def n_examples(wanted: int) -> int:
    """Return the number of examples: all by the profile `many`, else a quarter."""
    return max(10, wanted * settings.default.max_examples // 100)


DAY = 86_400
START = 1_600_041_600  # midnight UTC, 14 September 2020
REQUIRED = (
    "user_uuid",
    "course_uuid",
    "particion",
    "nombre_examen",
    "nota_parcial",
    "assignment_id",
    "ass_name",
    "ass_due_at",
    "ass_unlock_at",
    "ass_name_sub",
    "score",
    "s_submitted_at",
    "s_graded_at",
)
KEYS = ("user_uuid", "course_uuid")
NAMES = ("nombre_examen", "ass_name", "ass_name_sub")
NUMBERS = ("nota_parcial", "score")
DATES = ("ass_due_at", "ass_unlock_at", "s_submitted_at", "s_graded_at")

PARTITIONS = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 1, 2, 3, None, 40, 1000])
FEW_PARTITIONS = st.sampled_from([0, 1, None])
EXAM_NAMES = st.sampled_from(
    [
        "PRIMER PARCIAL(20)",
        "SEGUNDO PARCIAL(20)",
        "INTEGRADOR(30)",
        "RECUPERATORIO PRIMER PARCIAL(20)",
        "RECUPERATORIO SEGUNDO PARCIAL(20)",
        " PRIMER PARCIAL(20)\t",
        "primer parcial(20)",
        "ORAL",
        "",
        " \n",
    ]
)
ASSIGNMENT_NAMES = st.sampled_from(
    ["A", "B", "A", " A", "B \n", "\u00a0A", "C", "", " "]
)
GRADES = st.sampled_from([None, None, 0.1, 0.1, 0.1, 0.3, 0.0, 4.0, 10.0, 12.25, -2.0])
SCORES = st.sampled_from(
    [None, 0.1, 0.1, 0.1, 0.7, 0.0, 50.0, 33.3, 100.0, 120.0, -5.0]
)
EPOCHS = st.one_of(
    st.sampled_from([None, 0, START, START + DAY]),
    st.builds(
        lambda day, second: START + day * DAY + second,
        st.integers(-1, 7),
        st.sampled_from([0, 1, 43_200, DAY - 1]),
    ),
)
# From submission to grading: the same day, the next one a second later, earlier,
# a few days, a week, later than any other row, without a date.
WAITS = st.sampled_from(
    [
        None,
        "zero",
        0,
        1,
        60,
        -1,
        -DAY,
        DAY,
        2 * DAY,
        3 * DAY,
        7 * DAY,
        8 * DAY,
        90 * DAY,
    ]
)
TEXT_IDS = st.sampled_from([None, "9", "10", "a9", "9"])
NUMBER_IDS = st.sampled_from([None, 9, 10, 100, 9])

_NO_EXAM = {"nombre_examen": None, "nota_parcial": None}
_NO_CREATION = dict.fromkeys(
    ("assignment_id", "ass_name", "ass_due_at", "ass_unlock_at")
)
_NO_SUBMISSION = dict.fromkeys(
    ("ass_name_sub", "score", "s_submitted_at", "s_graded_at"),
)
_NAMELESS = [
    {"nota_parcial": 9.0},
    {"score": 90.0, "s_submitted_at": START, "s_graded_at": START + DAY},
    {"ass_due_at": START, "ass_unlock_at": START, "assignment_id": None},
]


def _submission(name, score, submitted, wait):
    graded = None
    if wait == "zero":
        graded = 0
    elif wait is not None:
        graded = (submitted or START) + wait
    return {
        "ass_name_sub": name,
        "score": score,
        "s_submitted_at": submitted,
        "s_graded_at": graded,
    }


def _rows(ids, crowd):
    """Draw rows; a crowd is one history, with few partitions and names, one facet."""
    names = st.sampled_from(["A", "A ", "B"]) if crowd else ASSIGNMENT_NAMES
    exams = st.fixed_dictionaries({"nombre_examen": EXAM_NAMES, "nota_parcial": GRADES})
    creations = st.fixed_dictionaries(
        {
            "assignment_id": ids,
            "ass_name": names,
            "ass_due_at": EPOCHS,
            "ass_unlock_at": EPOCHS,
        }
    )
    submissions = st.builds(_submission, names, SCORES, EPOCHS, WAITS)
    every = [
        st.just(()),
        st.tuples(exams),
        st.tuples(creations),
        st.tuples(submissions),
        st.tuples(creations, submissions),
        st.tuples(exams, creations, submissions),
        st.tuples(st.sampled_from(_NAMELESS)),
    ]
    facets = {None: every, "exams": every[1:4:2], "assignments": every[2:5]}[crowd]
    return st.builds(
        lambda student, course, partition, found: {
            "user_uuid": student,
            "course_uuid": course,
            "particion": partition,
            **_NO_EXAM,
            **_NO_CREATION,
            **_NO_SUBMISSION,
            **{name: value for facet in found for name, value in facet.items()},
        },
        st.just("ana") if crowd else st.sampled_from(["ana", "ana", "ana", "ben", "b"]),
        st.just("x") if crowd else st.sampled_from(["x", "x", "x", "y"]),
        FEW_PARTITIONS if crowd else PARTITIONS,
        st.one_of(facets),
    )


@st.composite
def event_tables(draw, *, min_rows=1, max_rows=14, dtypes=True):
    """Draw an event table with every required column and some optional ones."""
    kind_of_ids = draw(st.sampled_from([NUMBER_IDS, TEXT_IDS]))
    crowd = draw(st.sampled_from([None, None, "assignments", "assignments", "exams"]))
    events = st.lists(_rows(kind_of_ids, crowd), min_size=min_rows, max_size=max_rows)
    rows = draw(events)
    if rows:
        again = st.lists(st.integers(0, len(rows) - 1), max_size=3)
        rows += [rows[k] for k in draw(again)]
    X = table(rows)
    if dtypes:
        X = draw(with_dtypes(X))
    X = draw(with_index(X))
    given = [name for name in REQUIRED if X[name].notna().any()]
    note({f"{name} ({X[name].dtype})": X[name].tolist() for name in given})
    return X


def table(rows):
    """Build an event table of rows given as dictionaries, with plain dtypes."""
    columns = {name: [row.get(name) for row in rows] for name in REQUIRED}
    number_ids = not any(isinstance(value, str) for value in columns["assignment_id"])
    floats = {"particion", *NUMBERS, *DATES} | (
        {"assignment_id"} if number_ids else set()
    )
    X = pd.DataFrame(
        {
            name: pd.Series(values, dtype=float if name in floats else None)
            for name, values in columns.items()
        }
    )
    n = np.arange(len(X))
    X["nota_final_materia"] = np.array([2.0, 8.0, np.nan])[n % 3]
    X["periodo"] = pd.Series([["1-2022", "01-2022", "2-2022", None][k % 4] for k in n])
    X["ass_created_at"] = START - DAY
    X["extra"] = n
    return X


# -- dtypes and labels --------------------------------------------------------

TEXT_DTYPES = st.sampled_from([None, None, object, "string", "category"])
NUMBER_DTYPES = st.sampled_from([float, float, "Float64", object])
DATE_DTYPES = st.sampled_from(
    [
        *(float, float, float, "Float64", "Int64", object),
        *("datetime64[ns]", "datetime64[us]", "datetime64[s]"),
        *("datetime64[ns, UTC]", "-03:00", "timestamps"),
    ]
)


@st.composite
def with_dtypes(draw, X):
    """Draw other dtypes for the columns of an event table, and keep the values."""
    X = X.copy()
    text, number, date = draw(TEXT_DTYPES), draw(NUMBER_DTYPES), draw(DATE_DTYPES)
    for name in (*KEYS, *NAMES):
        if text is not None:
            X[name] = X[name].astype(text)
    for name in NUMBERS:
        X[name] = as_numbers(X[name], number)
    for name in DATES:
        X[name] = as_dates(X[name], date)
    X["particion"] = as_numbers(
        X["particion"], draw(st.sampled_from([float, "Int64", object, "Float64"]))
    )
    if X["assignment_id"].dtype.kind == "f":
        ids = draw(st.sampled_from([float, "Int64", object]))
        X["assignment_id"] = as_numbers(X["assignment_id"], ids)
    return X


def as_numbers(column, dtype):
    """Return a float column in another dtype; as objects, null is None."""
    if dtype is object:
        return column.astype(object).where(column.notna(), None)
    return column.astype(dtype)


def as_dates(column, dtype):
    """Return a column of whole epoch seconds in another form."""
    if dtype in (float, object, "Float64", "Int64"):
        return as_numbers(column, dtype)
    seconds = [None if np.isnan(value) else int(value) for value in column]
    times = [None if s is None else pd.Timestamp(s, unit="s") for s in seconds]
    if dtype == "timestamps":
        return pd.Series(times, index=column.index, dtype=object)
    naive = pd.Series(times, index=column.index, dtype="datetime64[ns]")
    if dtype == "datetime64[ns, UTC]":
        return naive.dt.tz_localize("UTC")
    if dtype == "-03:00":
        return naive.dt.tz_localize("UTC").dt.tz_convert(timezone(timedelta(hours=-3)))
    return naive.astype(dtype)


@st.composite
def with_index(draw, X):
    """Draw row labels: as they are, repeated, text, or dates."""
    n = len(X)
    kind = draw(st.sampled_from(["range", "range", "repeated", "text", "dates"]))
    if kind == "repeated":
        X = X.set_axis(pd.Index(np.arange(n) % 2, name="row"))
    elif kind == "text":
        X = X.set_axis(pd.Index([f"r{n - k}" for k in range(n)], dtype=object))
    elif kind == "dates":
        X = X.set_axis(pd.date_range("2024-01-01", periods=n))
    return X
