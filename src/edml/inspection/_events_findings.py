"""The checks of an event table; each yields what a user should know."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from edml.feature_extraction import FEATURES, FeatureEngineer
from edml.inspection._events_facts import Facts
from edml.inspection._events_report import Finding
from edml.inspection._events_texts import find
from edml.schema import (
    COURSE,
    EPOCH_COLUMNS,
    FINAL_GRADE,
    PARTITION,
    PERIOD,
    SECONDS_PER_DAY,
    STUDENT,
    FloatArray,
    IntArray,
    count_spellings,
)

_FEW_STUDENTS = 20  # of a course: fewer give its figures wide intervals
_FEW_FAILING = 30  # students of a table: fewer support no model of many features
_LARGE_SHARE = 0.05


def find_key_problems(facts: Facts) -> Iterator[Finding]:
    """Check students, courses and days."""
    if not len(facts.X):
        yield find("no-rows")
        return
    for name in (STUDENT, COURSE):
        if name in facts.read:
            yield from _find_spellings(facts, name)
    if facts.history is None or facts.partition is None:
        return
    yield from _find_gaps(facts, facts.history, facts.partition)
    if PERIOD in facts.read:
        codes = facts.read[PERIOD][0]
        known = codes >= 0
        pairs = pd.DataFrame({"history": facts.history[known], "period": codes[known]})
        periods = pairs.drop_duplicates()["history"].value_counts()
        repeated = int((periods > 1).sum())
        if repeated:
            yield find(
                "repeated-course", facts.names[COURSE], facts.names[PERIOD], n=repeated
            )


def _find_spellings(facts: Facts, name: str) -> Iterator[Finding]:
    """Report ids that differ only in how they are spelled."""
    alike, n_ids = count_spellings(facts.X[name])
    if alike:
        yield find("ids-spelled-differently", facts.names[name], n=alike, all=n_ids)


def _find_gaps(
    facts: Facts, history: IntArray, partition: IntArray
) -> Iterator[Finding]:
    """Report histories that lack rows on quiet days, and days that look like weeks."""
    by_history = pd.Series(partition).groupby(history)
    first, last = by_history.min().to_numpy(), by_history.max().to_numpy()
    distinct = by_history.nunique().to_numpy()
    steps = pd.Series(np.unique(partition))
    step = int(steps.diff().mode().iloc[0]) if len(steps) > 1 else 1
    regular = (last - first) // max(step, 1) + 1
    share = float(distinct.sum() / regular.sum())
    if len(steps) > 1 and share < 0.5:
        yield find("no-quiet-days", facts.names[PARTITION], share=share)
    day = facts.read.get("s_submitted_at")
    if day is None:
        return
    dated = np.isfinite(day)
    estimate = _days_per_partition(history[dated], partition[dated], day[dated])
    if estimate is not None and abs(np.log2(estimate / facts.partition_days)) > 1:
        yield find(
            "length-of-partitions",
            facts.names[PARTITION],
            estimate=estimate,
            days=facts.partition_days,
            whole=max(1, round(estimate)),
        )


def _days_per_partition(
    history: np.ndarray, partition: np.ndarray, seconds: np.ndarray
) -> float | None:
    """Estimate the length of a partition from how dates advance within histories."""
    order = np.lexsort((seconds, partition, history))
    history, partition, seconds = history[order], partition[order], seconds[order]
    ahead = np.diff(partition)
    pairs = (np.diff(history) == 0) & (ahead > 0)
    if pairs.sum() < 30:
        return None
    days = np.diff(seconds)[pairs] / SECONDS_PER_DAY
    estimate = float(days.sum() / ahead[pairs].sum())
    return estimate if estimate > 0 else None


def find_course_problems(facts: Facts, passing_grade: float) -> Iterator[Finding]:
    """Check outcomes, and the sizes of courses."""
    if facts.history is None or not len(facts.X):
        return
    if facts.final_grade is None:
        if FINAL_GRADE not in facts.X.columns:
            yield find("no-outcomes/column", facts.names[FINAL_GRADE])
    else:
        yield from _find_outcomes(facts, facts.final_grade, passing_grade)
    course, ids = facts.course
    sizes = np.bincount(course, minlength=len(ids))
    small = int((sizes < _FEW_STUDENTS).sum())
    if small:
        yield find(
            "small-courses",
            facts.names[COURSE],
            n=small,
            all=len(ids),
            few=_FEW_STUDENTS,
        )
    students = facts.X[STUDENT].groupby(facts.history).first()
    several = int((students.value_counts() > 1).sum())
    if several:
        yield find(
            "students-in-several-courses",
            facts.names[STUDENT],
            n=several,
            all=students.nunique(),
        )


def _find_outcomes(
    facts: Facts, grades: FloatArray, passing_grade: float
) -> Iterator[Finding]:
    name = facts.names[FINAL_GRADE]
    known = grades[np.isfinite(grades)]
    if not len(known):
        yield find("no-outcomes", name)
        return
    if len(known) < len(grades):
        yield find(
            "running-courses",
            name,
            n=len(grades) - len(known),
            all=len(grades),
            name=repr(name),
        )
    by_history = pd.Series(facts.read[FINAL_GRADE]).groupby(facts.history)
    torn = int((by_history.min() < by_history.max()).sum())
    if torn:
        yield find(
            "several-final-grades",
            name,
            n=torn,
            all=len(grades),
            column=facts.names[COURSE],
        )
    low, high = float(known.min()), float(known.max())
    failing = int((known < passing_grade).sum())
    n_passing = len(known) - failing
    if failing in (0, len(known)):
        everyone = "fails" if failing else "passes"
        yield find(
            f"passing-grade/{everyone}", name, grade=passing_grade, low=low, high=high
        )
    elif min(failing, n_passing) < _FEW_FAILING:
        yield find("few-outcomes", name, failing=failing, passing=n_passing)


def find_row_problems(facts: Facts) -> Iterator[Finding]:
    """Check repeated rows."""
    if facts.history is None or facts.partition is None:
        return
    work = [name for name in ("nombre_examen", "ass_name_sub") if name in facts.read]
    busy = np.unique(np.concatenate([[], *(facts.read[name].rows for name in work)]))
    rows = facts.X.iloc[busy.astype(np.int64)]
    repeated = int(rows.duplicated().sum())
    if repeated:
        yield find("repeated-rows", n=repeated, all=len(rows))


def find_grade_problems(facts: Facts, passing_grade: float) -> Iterator[Finding]:
    """Check the units of grades and scores."""
    scores = facts.read.get("score")
    if scores is not None:
        scores = _submitted(facts, scores)
        yield from _find_scale(facts, "score", scores, top=100.0)
    grades = facts.read.get("nota_parcial")
    if grades is not None:
        yield from _find_scale(facts, "nota_parcial", grades, top=10.0)
    final = facts.final_grade
    if final is None or not np.isfinite(final).any():
        return
    low, high = float(np.nanmin(final)), float(np.nanmax(final))
    if not low <= passing_grade <= high and low != high:
        return  # find_course_problems reports it
    if high > 10:
        yield find(
            "grades-above-the-scale/final",
            facts.names[FINAL_GRADE],
            high=high,
            grade=passing_grade,
        )


def _submitted(facts: Facts, scores: FloatArray) -> FloatArray:
    """Return the score of each submission, the mean of its parts.

    A part may lie outside the scale, if the submission was graded again.
    """
    names = facts.read.get("ass_name_sub")
    if names is None or facts.history is None:
        return scores
    keys = [facts.history[names.rows], names.codes]
    return pd.Series(scores[names.rows]).groupby(keys).mean().to_numpy()


def _find_scale(
    facts: Facts, name: str, values: np.ndarray, top: float
) -> Iterator[Finding]:
    actual = facts.names[name]
    known = values[np.isfinite(values)]
    if not len(known):
        return
    high = float(known.max())
    above = int((known > top).sum())
    if name == "score" and 0 < high <= 1:
        yield find("scores-in-fractions", actual, top=top)
    elif above > _LARGE_SHARE * len(known):
        yield find(
            "grades-above-the-scale",
            actual,
            n=above,
            all=len(known),
            top=top,
            high=high,
        )
    negative = int((known < 0).sum())
    if negative:
        yield find("negative-grades", actual, n=negative, all=len(known))


def find_date_problems(facts: Facts) -> Iterator[Finding]:
    """Check missing and contradicting dates."""
    for name, code in (
        ("ass_due_at", "no-due-date"),
        ("s_submitted_at", "no-submission-date"),
        ("s_graded_at", "no-grading-date"),
    ):
        rows = facts.rows_of(name)
        if name not in facts.read or not len(rows):
            continue
        missing = int(facts.is_missing(name)[rows].sum())
        if missing > _LARGE_SHARE * len(rows):
            yield find(code, facts.names[name], n=missing, all=len(rows))
    for early, late, code in (
        ("ass_unlock_at", "ass_due_at", "dates-in-wrong-order/due"),
        ("s_submitted_at", "s_graded_at", "dates-in-wrong-order/graded"),
    ):
        if early in facts.read and late in facts.read:
            before = int((facts.read[late] < facts.read[early]).sum())
            if before:
                yield find(code, facts.names[early], facts.names[late], n=before)
    yield from _find_units(facts)


def _find_units(facts: Facts) -> Iterator[Finding]:
    """Report date columns whose dates lie years apart from the others'."""
    middles = {
        name: float(np.nanmedian(facts.read[name]))
        for name in EPOCH_COLUMNS
        if name in facts.read and np.isfinite(facts.read[name]).any()
    }
    if len(middles) < 2:
        return
    centre = float(np.median(list(middles.values())))
    for name, middle in middles.items():
        years = abs(middle - centre) / (365.25 * SECONDS_PER_DAY)
        if years > 5:
            yield find("dates-far-apart", facts.names[name], years=round(years))


def find_empty_features(facts: Facts) -> Iterator[Finding]:
    """Check exam names without a kind, and features that would be constant."""
    exams = facts.read.get("nombre_examen")
    if exams is not None and exams.labels:
        kinds = {name for members in facts.kinds.values() for name in members}
        unknown = sorted(set(exams.labels) - kinds)
        if unknown:
            empty = [
                kind
                for kind, members in facts.kinds.items()
                if not set(members) & set(exams.labels)
            ]
            yield find(
                "exams-without-kind/empty" if empty else "exams-without-kind",
                facts.names["nombre_examen"],
                n=len(unknown),
                all=len(exams.labels),
                names=unknown,
                kinds=empty,
            )
    if any(finding.severity == "error" for finding in facts.problems):
        return
    if not len(facts.X):
        return
    engineer = FeatureEngineer(
        exam_kinds=facts.kinds, partition_days=facts.partition_days, fill_value=None
    )
    with warnings.catch_warnings(action="ignore"):  # other findings say the same
        features = engineer.fit_transform(facts.X)[list(FEATURES)]
    values = features.to_numpy()
    varies = np.fmin.reduce(values) < np.fmax.reduce(values)
    constant = [name for name, one in zip(FEATURES, varies, strict=True) if not one]
    if constant:
        yield find(
            "constant-features", n=len(constant), all=len(FEATURES), names=constant
        )
