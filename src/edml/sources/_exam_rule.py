"""Which of a course's work is an exam, and which an assignment."""

import re
from collections.abc import Callable, Collection
from itertools import chain

import numpy as np
import pandas as pd

from edml.schema import EXAM_KIND_PRESETS, BoolArray

#: Names of exams in English and Spanish; quizzes and tests count as assignments. A
#: 'final' is an exam if the word comes first, but a 'Final project' is not.
EXAM_PATTERN = (
    r"\b(exam(ination)?s?|mid[- ]?terms?|"
    r"ex[aá]men(es)?|parcial(es)?|recuperatorios?|integrador(es)?)\b"
    r"|^\W*finals?\b"
    r"(?!\s+(project|paper|essay|draft|report|presentation|reflection|portfolio)s?\b)"
)

ExamRule = str | Collection[str] | Callable[[pd.DataFrame], object] | None


def find_exams(work: pd.DataFrame, exams: ExamRule) -> BoolArray:
    """Return which rows of ``work`` are exams.

    ``work`` has one row per assignment or quiz and the columns ``course``, ``name`` and
    ``category``. ``exams`` is a regular expression that is searched in the names,
    ignoring case; or a collection of names; or a function of ``work`` that returns a
    bool per row. None searches for `EXAM_PATTERN`; of an empty collection, nothing is
    an exam.
    """
    exams = EXAM_PATTERN if exams is None else exams
    names = work["name"].astype(str).str.strip()
    if isinstance(exams, str):
        try:
            pattern = re.compile(exams, flags=re.IGNORECASE)
        except re.error as error:
            message = (
                f"exams={exams!r} is no regular expression: {error}. Pass a list for "
                "names that are meant literally."
            )
            raise ValueError(message) from None
        return np.array([pattern.search(name) is not None for name in names], bool)
    if callable(exams):
        found = np.asarray(exams(work))
        if found.shape != (len(work),) or found.dtype.kind != "b":
            message = (
                f"exams must return True or False for each of the {len(work)} rows "
                f"that it is given; it returned an array of shape {found.shape} and "
                f"dtype {found.dtype}."
            )
            raise ValueError(message)
        return found
    wanted = {name.strip() for name in exams}
    absent = sorted(wanted - set(names))
    if absent:
        message = (
            f"exams names {absent}, which no work has. Names: "
            f"{sorted(set(names))[:20]}."
        )
        raise ValueError(message)
    return names.isin(wanted).to_numpy(dtype=bool)


def suggest_kinds(exams: Collection[str]) -> list[str]:
    """Return a note on exams of which none has a kind by default, or nothing."""
    matches = {
        preset: len(set(exams).intersection(chain(*kinds.values())))
        for preset, kinds in EXAM_KIND_PRESETS.items()
    }
    if not exams or matches["original"]:
        return []
    best = max(matches, key=lambda preset: matches[preset])
    names = ", ".join(map(repr, sorted(exams)[:5])) + (
        ", ..." if len(exams) > 5 else ""
    )
    remedy = (
        f"Pass exam_kinds={best!r}, which has {matches[best]} of them, or set "
        f"data.exam_names = {best!r} in edml.toml."
        if matches[best]
        else "Name those of each kind with exam_kinds={kind: [names]}, or in a section "
        "[exam_kinds] of edml.toml."
    )
    return [f"No exam has a name that is of a kind by default: {names}. {remedy}"]
