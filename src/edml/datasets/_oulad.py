"""The Open University Learning Analytics Dataset as an event table."""

from collections.abc import Mapping
from numbers import Integral, Real
from os import PathLike
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import check_scalar

from edml.datasets._oulad_events import (
    ASSIGNMENTS,
    Enrolments,
    Presentations,
    make_creations,
    make_submissions,
    make_ticks,
    read_activity,
    read_assignments,
    read_enrolments,
    read_presentations,
)
from edml.datasets._oulad_files import read_tables
from edml.datasets._table import Events, ObjectArray, spread, take_texts
from edml.datasets._target import make_target
from edml.schema import COLUMNS, IntArray

_NO_LABELS: ObjectArray = np.array([], dtype=object)
GradingDays = float | Mapping[str, float]


def load_oulad(
    data_home: str | PathLike[str],
    *,
    return_X_y: bool = False,
    withdrawn: Literal["fail", "drop"] = "fail",
    grading_days: GradingDays = 0,
    tick_days: int = 7,
    activity: bool = False,
    static: bool = False,
) -> Any:
    """Read the Open University Learning Analytics Dataset as an event table.

    The dataset has due dates, submissions and outcomes of real students [1]_; it is not
    shipped with edml. Each row is a creation (a dated assignment, on its due day), a
    submission, or a tick; days before the course count as day 0, and an enrolment ends
    with the module or when the student unregisters. Exams are left out, because the
    final one decides the outcome.

    Parameters
    ----------
    data_home : str or path-like
        The folder of ``courses``, ``assessments``, ``studentInfo``,
        ``studentRegistration`` and ``studentAssessment``, each as ``.csv``,
        ``.csv.gz``, ``.csv.zip`` or ``.zip``, of any presentations.
    return_X_y : bool, default=False
        Whether to return the target too.
    withdrawn : {"fail", "drop"}, default="fail"
        Whether students who withdraw count as failing, or are left out.
    grading_days : float or mapping of str to float, default=0
        Days from submission to the mark, which the dataset lacks: one
        number, or ``{"TMA": 14, "CMA": 0}``; a kind left out has 0.
    tick_days : int, default=7
        Days between two ticks, from day 0 on.
    activity : bool, default=False
        Whether to count each day's clicks, from the tables ``studentVle`` and ``vle``,
        in the columns ``activity_quiz``, ``_forum``, ``_content``, ``_homepage``,
        ``_resource`` and ``_other``. A day with clicks and nothing else is a row; days
        before the course count on day 0.
    static : bool, default=False
        Whether to add what is known of each student from ``studentInfo`` and
        ``studentRegistration``, under the dataset's names: ``highest_education``,
        ``num_of_prev_attempts``, ``studied_credits``, ``gender``, ``region``,
        ``imd_band`` (deprivation of the area), ``age_band``, ``disability`` and
        ``date_registration`` (day of the course, mostly negative).

    Returns
    -------
    X : DataFrame of shape (n_rows, n_columns)
        The event table, by enrolment and partition. Final grades are 9
        (distinction), 6 (pass), 2 (fail) and 1 (withdrawn).
    y : Series of shape (n_rows,)
        1 where the student fails, else 0. Only with ``return_X_y=True``.

    Raises
    ------
    FileNotFoundError
        If the folder or one of its tables is missing.
    TableError
        If a table lacks a column or has invalid values.
    ValueError
        If a parameter is invalid.

    References
    ----------
    .. [1] Kuzilek, J., Hlosta, M., Zdrahal, Z., "Open University Learning
       Analytics dataset", Scientific Data 4:170171, 2017.
       :doi:`10.1038/sdata.2017.171`

    Examples
    --------
    >>> from edml.datasets import load_oulad
    >>> X, y = load_oulad("oulad", return_X_y=True)  # doctest: +SKIP
    """
    check_scalar(tick_days, "tick_days", Integral, min_val=1)
    if withdrawn not in {"fail", "drop"}:
        message = f"withdrawn is 'fail' or 'drop', found {withdrawn!r}."
        raise ValueError(message)
    wait = _days_by_kind(grading_days)
    tables = read_tables(data_home, activity=activity, static=static)
    presentations = read_presentations(tables["courses"])
    enrolments = read_enrolments(
        tables["studentInfo"],
        tables["studentRegistration"],
        presentations,
        drop=withdrawn == "drop",
    )
    assignments = read_assignments(tables["assessments"], presentations)
    starts = presentations.starts
    kinds = [
        make_ticks(enrolments, tick_days),
        make_creations(enrolments, assignments, starts),
        make_submissions(
            enrolments, assignments, tables["studentAssessment"], starts, wait
        ),
    ]
    clicks = None
    if activity:
        # the largest table by far, and not needed any longer
        log = tables["vle"], tables.pop("studentVle")
        clicks = read_activity(enrolments, presentations, *log)
        del log
    X = _event_table(presentations, enrolments, kinds, clicks)
    return (X, make_target(X)) if return_X_y else X


def _days_by_kind(grading_days: GradingDays) -> dict[str, float]:
    days = (
        dict(grading_days)
        if isinstance(grading_days, Mapping)
        else dict.fromkeys(ASSIGNMENTS, grading_days)
    )
    unknown = [kind for kind in days if kind not in ASSIGNMENTS]
    if unknown:
        message = f"grading_days knows {list(ASSIGNMENTS)}, found {unknown}."
        raise ValueError(message)
    for kind, wait in days.items():
        check_scalar(wait, f"grading_days of {kind}", Real, min_val=0)
    return {kind: float(days.get(kind, 0)) for kind in ASSIGNMENTS}


def _event_table(
    presentations: Presentations,
    enrolments: Enrolments,
    kinds: list[Events],
    clicks: Events | None,
) -> pd.DataFrame:
    """Assign every event a row, by enrolment and partition.

    Clicks are counted in the first row of their day, which is added if there is none.
    """
    if clicks is not None:
        kinds = [*kinds, _other_days(clicks, kinds)]
    who = np.concatenate([events.enrolment for events in kinds])
    day = np.concatenate([events.day for events in kinds])
    width = int(day.max(initial=0)) + 1
    order = np.argsort(who * width + day, kind="stable")
    row = np.empty_like(order)
    row[order] = np.arange(len(order))
    who, day = who[order], day[order]
    table = _of_enrolments(presentations, enrolments, who)
    table["particion"] = day
    table["nombre_examen"] = take_texts(np.full(len(row), -1), _NO_LABELS)
    first = 0
    for events in kinds:
        rows = row[first : first + len(events.day)]
        first += len(events.day)
        for name, values in events.columns.items():
            if name in table:  # of another kind, too
                table[name][rows] = values
            else:
                table[name] = spread(values, rows, len(row))
    for name in COLUMNS:
        if name not in table:
            table[name] = np.full(len(row), np.nan)
    columns = {name: table.pop(name) for name in COLUMNS}
    for name in enrolments.static.columns:
        columns[name] = enrolments.static[name].array.take(who)
    if clicks is not None:
        rows = np.searchsorted(who * width + day, clicks.enrolment * width + clicks.day)
        for name, counts in clicks.columns.items():
            columns[name] = np.zeros(len(row))
            columns[name][rows] = counts
    return pd.DataFrame(columns, copy=False)  # half of the memory


def _other_days(clicks: Events, kinds: list[Events]) -> Events:
    """Return the days with clicks that have no other event."""
    width = 1 + max(int(events.day.max(initial=0)) for events in [clicks, *kinds])
    have = np.concatenate([events.enrolment * width + events.day for events in kinds])
    new = ~np.isin(clicks.enrolment * width + clicks.day, have)
    return Events(clicks.enrolment[new], clicks.day[new], {})


def _of_enrolments(
    presentations: Presentations, enrolments: Enrolments, who: IntArray
) -> dict[str, Any]:
    """Fill the columns that are constant within an enrolment."""
    course = enrolments.course[who]
    students = enrolments.students.astype(str).to_numpy(dtype=object)
    user = take_texts(enrolments.student[who], students)
    return {
        "user_uuid": user,
        "course_uuid": take_texts(course, presentations.keys.to_numpy(dtype=object)),
        "course_name": take_texts(course, presentations.modules),
        "legajo": user.copy(),
        "periodo": take_texts(course, presentations.periods),
        "nota_final_materia": enrolments.final_grade[who],
    }
