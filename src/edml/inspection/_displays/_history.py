"""The rows of one student in one course."""

from collections.abc import Mapping

import numpy as np

from edml.schema import COURSE, PARTITION, STUDENT, IntArray, check_table


def select_history(
    X: object, names: Mapping[str, str], student: object, course: object = None
) -> IntArray:
    """Find a student's rows in one course; without ``course``, the only one."""
    table = check_table(X, [names[STUDENT], names[COURSE], names[PARTITION]])
    matches = (table[names[STUDENT]] == student).to_numpy(dtype=bool, na_value=False)
    if course is not None:
        there = (table[names[COURSE]] == course).to_numpy(dtype=bool, na_value=False)
        matches = matches & there
    rows = np.flatnonzero(matches)
    n_courses = table[names[COURSE]].iloc[rows].nunique()
    if n_courses > 1:
        message = (
            f"The student is in {n_courses} courses of the table. Pass course= too."
        )
        raise ValueError(message)
    if not len(rows):
        message = (
            "The table has no history of this student and course. Pass the ids as the "
            f"columns {names[STUDENT]!r} and {names[COURSE]!r} hold them, of the same "
            "type."
        )
        raise ValueError(message)
    return rows
