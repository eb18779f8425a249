"""The checks of an event table; each yields what a user should know."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from edml._words import Words, count
from edml.feature_extraction import FEATURES, FeatureEngineer
from edml.inspection._events_facts import Facts
from edml.inspection._events_report import Finding
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

_FEW_STUDENTS = 20  # of a course: fewer tell little about its own figures
_FEW_FAILING = 30  # students of a table: fewer support no model of many features
_SHOWN = 8  # names in a sentence
_LARGE_SHARE = 0.05


def find_key_problems(facts: Facts) -> Iterator[Finding]:
    """Check students, courses and days."""
    if not len(facts.X):
        yield Finding(
            "no-rows",
            "error",
            "The table has no rows.",
            "There is nothing to learn from.",
            "Check the export.",
        )
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
            yield Finding(
                "repeated-course",
                "warning",
                f"{count(repeated, 'enrolment')} with rows in more than one period.",
                "A student's second run of a course continues the first: old exams and "
                "assignments count in it.",
                f"Give each run of a course its own {facts.names[COURSE]}.",
                (facts.names[COURSE], facts.names[PERIOD]),
            )


def _find_spellings(facts: Facts, name: str) -> Iterator[Finding]:
    """Report ids that differ only in how they are spelled."""
    alike, n_ids = count_spellings(facts.X[name])
    if alike:
        actual = facts.names[name]
        yield Finding(
            "ids-spelled-differently",
            "warning",
            f"{count(alike, 'id')} of {n_ids:,} in {actual!r} spelled like another one "
            "but for white space, case, leading zeros or a final '.0'.",
            "Rows of one student or course are counted as those of several.",
            "Write each id in one way.",
            (actual,),
        )


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
        yield Finding(
            "no-quiet-days",
            "warning",
            f"Enrolments have rows on {Words().percent(share)} of their days.",
            "On a day without a row, a student is neither scored nor used in training: "
            "the quiet students, who are most at risk, are missing.",
            "Add an empty row for each student, course and day (or week).",
            (facts.names[PARTITION],),
        )
    day = facts.read.get("s_submitted_at")
    if day is None:
        return
    dated = np.isfinite(day)
    estimate = _days_per_partition(history[dated], partition[dated], day[dated])
    if estimate is not None and abs(np.log2(estimate / facts.partition_days)) > 1:
        yield Finding(
            "length-of-partitions",
            "warning",
            f"Submission dates advance by about {estimate:.1f} days per partition; "
            f"partition_days is {facts.partition_days:g}.",
            "Grading delays are converted wrongly: features know grades too early or "
            "too late.",
            f"Pass partition_days={max(1, round(estimate))}, or set "
            "data.partition_days in edml.toml.",
            (facts.names[PARTITION],),
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
    grade_name = facts.names[FINAL_GRADE]
    if facts.final_grade is None:
        if FINAL_GRADE not in facts.X.columns:
            yield Finding(
                "no-outcomes",
                "note",
                f"There is no column {grade_name!r}: no outcome is known.",
                "The table can be scored, but a model cannot be trained on it.",
                "Add the final grade of courses that have ended.",
                (grade_name,),
            )
    else:
        yield from _find_outcomes(facts, facts.final_grade, passing_grade)
    course, ids = facts.course
    sizes = np.bincount(course, minlength=len(ids))
    small = int((sizes < _FEW_STUDENTS).sum())
    if small:
        yield Finding(
            "small-courses",
            "note",
            f"{small:,} of {count(len(ids), 'course')} with fewer than {_FEW_STUDENTS} "
            "students.",
            "Figures of a course by itself are not shown or have wide intervals.",
            "Judge the model on all courses together.",
            (facts.names[COURSE],),
        )
    students = facts.X[STUDENT].groupby(facts.history).first()
    several = int((students.value_counts() > 1).sum())
    if several:
        yield Finding(
            "students-in-several-courses",
            "note",
            f"{several:,} of {count(students.nunique(), 'student')} in more than one "
            "course.",
            "A split by rows or by courses would have them on both sides.",
            "edml run does not; in Python, split with student_train_test_split.",
            (facts.names[STUDENT],),
        )


def _find_outcomes(
    facts: Facts, grades: FloatArray, passing_grade: float
) -> Iterator[Finding]:
    name = facts.names[FINAL_GRADE]
    known = grades[np.isfinite(grades)]
    if not len(known):
        yield Finding(
            "no-outcomes",
            "note",
            "No enrolment has a final grade.",
            "The table can be scored, but a model cannot be trained on it.",
            "Add the final grade of courses that have ended.",
            (name,),
        )
        return
    if len(known) < len(grades):
        yield Finding(
            "running-courses",
            "note",
            f"{len(grades) - len(known):,} of {count(len(grades), 'enrolment')} "
            "without a final grade.",
            "They can be scored but not used in training.",
            f"Train on X.dropna(subset=[{name!r}]).",
            (name,),
        )
    by_history = pd.Series(facts.read[FINAL_GRADE]).groupby(facts.history)
    torn = int((by_history.min() < by_history.max()).sum())
    if torn:
        yield Finding(
            "several-final-grades",
            "error",
            f"{torn:,} of {count(len(grades), 'enrolment')} with several final grades.",
            "Rows of one enrolment would have different outcomes.",
            f"Give each run of a course its own {facts.names[COURSE]}, or correct the "
            "grades.",
            (name,),
        )
    low, high = float(known.min()), float(known.max())
    failing = int((known < passing_grade).sum())
    if failing in (0, len(known)):
        everyone = "fails" if failing else "passes"
        yield Finding(
            "passing-grade",
            "error",
            f"With a passing grade of {passing_grade:g} everyone {everyone}: final "
            f"grades lie between {low:g} and {high:g}.",
            "There is nothing to predict.",
            "Pass the passing grade of your scale as passing_grade.",
            (name,),
        )
    elif min(failing, len(known) - failing) < _FEW_FAILING:
        rarer = min((failing, "failing"), (len(known) - failing, "passing"))
        yield Finding(
            "few-outcomes",
            "warning",
            f"Only {count(rarer[0], rarer[1] + ' enrolment')} of {len(known):,} with a "
            "final grade.",
            "A model of this few is uncertain, and so is every figure about it.",
            "Add past periods of the same courses.",
            (name,),
        )


def find_row_problems(facts: Facts) -> Iterator[Finding]:
    """Check repeated rows."""
    if facts.history is None or facts.partition is None:
        return
    work = [name for name in ("nombre_examen", "ass_name_sub") if name in facts.read]
    busy = np.unique(np.concatenate([[], *(facts.read[name].rows for name in work)]))
    rows = facts.X.iloc[busy.astype(np.int64)]
    repeated = int(rows.duplicated().sum())
    if repeated:
        yield Finding(
            "repeated-rows",
            "warning",
            f"{count(repeated, 'repeated row')} of {len(rows):,} with an exam or a "
            "submission.",
            "Each counts as a part of its exam or submission, as if done twice.",
            "If the export repeats rows, remove them (pandas: X.drop_duplicates()).",
        )


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
        yield Finding(
            "grades-above-the-scale",
            "warning",
            f"Final grades reach {high:g}; the scale of edml's original platform ends "
            "at 10.",
            f"A passing grade of {passing_grade:g} may not be what you mean.",
            "Pass the passing grade of your scale as passing_grade.",
            (facts.names[FINAL_GRADE],),
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
        yield Finding(
            "scores-in-fractions",
            "warning",
            f"All values of {actual!r} lie between 0 and 1.",
            f"Scores are expected on a scale from 0 to {top:g}: reasons name scores of "
            "1, and models of other tables do not apply.",
            "Multiply them by 100.",
            (actual,),
        )
    elif above > _LARGE_SHARE * len(known):
        yield Finding(
            "grades-above-the-scale",
            "warning",
            f"{above:,} of {count(len(known), 'value')} of {actual!r} above {top:g}; "
            f"the largest is {high:g}.",
            "Models of tables in another unit do not apply, and reasons read wrongly.",
            f"Convert them to a scale from 0 to {top:g}.",
            (actual,),
        )
    negative = int((known < 0).sum())
    if negative:
        yield Finding(
            "negative-grades",
            "warning",
            f"{negative:,} of {count(len(known), 'value')} of {actual!r} below 0.",
            "Codes such as -1 for 'absent' count as very low grades.",
            "Make such codes null; keep real negative marks.",
            (actual,),
        )


def find_date_problems(facts: Facts) -> Iterator[Finding]:
    """Check missing and contradicting dates."""
    for name, noun, what, cost in (
        (
            "ass_due_at",
            "assignment",
            "due date",
            "These assignments have no timing: hours before the deadline stay empty.",
        ),
        (
            "s_submitted_at",
            "submission",
            "submission date",
            "Whatever has neither date nor score counts as not handed in.",
        ),
        (
            "s_graded_at",
            "score",
            "grading date",
            "Their scores count as known on the day of submission, which may be "
            "earlier than they were.",
        ),
    ):
        rows = facts.rows_of(name)
        if name not in facts.read or not len(rows):
            continue
        missing = int(facts.is_missing(name)[rows].sum())
        if missing > _LARGE_SHARE * len(rows):
            yield Finding(
                f"no-{what.replace(' ', '-')}",
                "warning",
                f"{missing:,} of {count(len(rows), noun)} without a {what}.",
                cost,
                "Add the dates if the platform has them.",
                (facts.names[name],),
            )
    for early, late, noun, what in (
        ("ass_unlock_at", "ass_due_at", "assignment", "due before opening"),
        (
            "s_submitted_at",
            "s_graded_at",
            "submission",
            "graded before its date",
        ),
    ):
        if early in facts.read and late in facts.read:
            before = int((facts.read[late] < facts.read[early]).sum())
            if before:
                yield Finding(
                    "dates-in-wrong-order",
                    "warning",
                    f"{count(before, noun)} {what}.",
                    "Timings are negative, or a score counts from its submission.",
                    "Check that both columns have the same unit and time zone.",
                    (facts.names[early], facts.names[late]),
                )
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
            yield Finding(
                "dates-far-apart",
                "warning",
                f"The dates of {facts.names[name]!r} lie {years:,.0f} years from those "
                "of the other columns.",
                "Timings are nonsense.",
                "Check the unit: dates are epoch seconds, or datetimes.",
                (facts.names[name],),
            )


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
            cost = "They count in the overall grades only."
            if empty:
                cost += f" The features of {', '.join(empty)} stay empty."
            yield Finding(
                "exams-without-kind",
                "warning",
                f"{len(unknown)} of {count(len(exams.labels), 'exam name')} without a "
                f"kind: {_listed(unknown)}.",
                cost,
                "Pass exam_kinds={kind: [names]}, or write a section [exam_kinds] in "
                "edml.toml.",
                (facts.names["nombre_examen"],),
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
        yield Finding(
            "constant-features",
            "note",
            f"{len(constant)} of {len(FEATURES)} features would be constant: "
            f"{_listed(constant)}.",
            "They cannot help a model.",
            "Check that the columns they come from are filled.",
        )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
