"""assign_contacts: decide by lot among the students near the line."""

from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state, check_scalar

from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    STUDENT,
    check_table,
    history_codes,
    rank_keys,
    read_probabilities,
    resolve_columns,
)

_ADDED = ("contact", "randomised", "assignment_probability")


def assign_contacts(
    scores: pd.DataFrame,
    capacity: int,
    holdout: float = 0.2,
    random_state: int | np.random.RandomState | None = None,
    *,
    columns: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Choose whom to contact in each course, by lot near the line.

    A course has ``capacity`` places. Those most at risk get theirs for certain. The
    last ``m`` places, the share ``holdout`` of them, are drawn among the ``2 m``
    students on both sides of the line, whose risk is nearly the same. All places are
    used, and the two halves of these students differ only by chance: what becomes of
    them shows whether contact helps.

    Parameters
    ----------
    scores : DataFrame of shape (n_rows, n_columns)
        What `RiskClassifier.score_students` returned: one row for each student and
        course.
    capacity : int
        How many students of a course can be contacted, at least 1.
    holdout : float, default=0.2
        The share of the places that are drawn, a fraction in (0, 1]; ``m`` is rounded
        up.
    random_state : int, RandomState instance or None, default=None
        Controls the lots. Pass an int to be able to repeat them.
    columns : mapping of str to str, default=None
        The names of the keys in ``scores``, by canonical name, if they differ.

    Returns
    -------
    assignments : DataFrame of shape (n_rows, n_columns + 3)
        ``scores`` with ``contact`` (whether to contact the student), ``randomised``
        (whether that was drawn) and ``assignment_probability``, a fraction in [0, 1].
        Store it: `contact_effect` needs it at the end of the course.

    Raises
    ------
    TableError
        If ``scores`` lacks a column, repeats a student in a course, or has a column of
        these names.
    ValueError
        If a parameter is out of range.

    See Also
    --------
    contact_power : Compute beforehand which effect could be found.
    contact_effect : Estimate the effect afterwards.

    Notes
    -----
    In a course with no more students than places, all are contacted and nobody is
    drawn. In one with fewer than ``capacity + m`` students the probability is above
    one half, ``m`` over the number of students who are drawn from.

    Draw once for each student and course. A student who is drawn again the next week
    has two chances, which the probability does not show.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.contacts import assign_contacts
    >>> scores = pd.DataFrame(
    ...     {
    ...         "user_uuid": list("abcdef"),
    ...         "course_uuid": "algebra",
    ...         "probability": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4],
    ...     }
    ... )
    >>> chosen = assign_contacts(scores, capacity=3, holdout=0.3, random_state=0)
    >>> chosen["assignment_probability"].tolist()
    [1.0, 1.0, 0.5, 0.5, 0.0, 0.0]
    >>> int(chosen["contact"].sum())
    3
    """
    check_scalar(capacity, "capacity", Integral, min_val=1)
    check_scalar(
        holdout, "holdout", Real, min_val=0, max_val=1, include_boundaries="right"
    )
    random = check_random_state(random_state)
    names = resolve_columns(columns)
    student, course = names[STUDENT], names[COURSE]
    check_table(scores, [student, course, "probability"])
    taken = [name for name in _ADDED if name in scores.columns]
    if taken:
        message = f"scores has the columns {taken} already. Drop or rename them."
        raise TableError(message)
    assigned = scores.assign(
        contact=False, randomised=False, assignment_probability=0.0
    )
    if not len(scores):
        return assigned
    n_repeated = len(scores) - len(
        np.unique(history_codes(scores[student], scores[course]))
    )
    if n_repeated:
        message = (
            f"scores must hold one row for each student and course; {n_repeated} of "
            f"{len(scores)} rows repeat one. Pass what score_students returns."
        )
        raise TableError(message)
    probability = read_probabilities(scores["probability"])
    # by id within equal probabilities, so that the order of the rows decides nothing
    order = np.lexsort((rank_keys(scores[student]), -probability))
    courses = rank_keys(scores[course])[order]
    drawn = int(np.ceil(holdout * capacity - 1e-9))  # 0.2 * 15 is above 3
    chance = np.zeros(len(scores))
    contact = np.zeros(len(scores), dtype=np.bool_)
    randomised = contact.copy()
    for code in range(int(courses.max()) + 1):
        rows = order[courses == code]
        if len(rows) <= capacity:
            chance[rows], contact[rows] = 1.0, True
            continue
        certain = rows[: capacity - drawn]
        band = rows[capacity - drawn : capacity + drawn]
        chance[certain], contact[certain] = 1.0, True
        chance[band], randomised[band] = drawn / len(band), True
        contact[random.choice(band, drawn, replace=False)] = True
    return assigned.assign(
        contact=contact, randomised=randomised, assignment_probability=chance
    )
