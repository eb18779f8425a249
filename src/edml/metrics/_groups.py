"""bootstrap_groups: how a model's errors differ between groups of students."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state, check_scalar

from edml._translation import N_
from edml.metrics._bootstrap import draw_counts
from edml.metrics._ranking import Ranking
from edml.schema import (
    BoolArray,
    FloatArray,
    IntArray,
    check_lengths,
    check_threshold,
    read_keys,
    read_predictions,
)

#: The figures of `bootstrap_groups` in its order, with their names in prose.
GROUP_TITLES = {
    "flagged": N_("share flagged"),
    "false_alarms": N_("false alarms among those who pass"),
    "misses": N_("misses among those who fail"),
    "bias": N_("mean probability minus share that fails"),
    "roc_auc": N_("ROC AUC"),
}


class GroupFigures(NamedTuple):
    """The result of `bootstrap_groups`."""

    own: FloatArray
    rest: FloatArray
    draws: FloatArray


def bootstrap_groups(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    groups: ArrayLike,
    clusters: ArrayLike,
    *,
    threshold: float = 0.5,
    n_resamples: int = 1000,
    random_state: int | np.random.RandomState | None = 0,
) -> GroupFigures:
    """Compare each group of students with all others, and resample the students.

    Five figures are compared: the share of snapshots that are flagged ("flagged"), the
    share flagged of those who pass ("false_alarms"), the share not flagged of those who
    fail ("misses"), the mean probability minus the share that fails ("bias", positive
    where the risk is overstated), and "roc_auc" within the group.

    Students are resampled as in `bootstrap_metrics`. A resample serves the group and
    the others at once, so that a student in both counts in both.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_snapshots,)
        Probabilities of failing, fractions in [0, 1].
    groups : array-like of shape (n_snapshots,)
        The group of each snapshot: strings or numbers, none missing.
    clusters : array-like of shape (n_snapshots,)
        The student of each snapshot: strings or numbers, none missing.
    threshold : float, default=0.5
        The probability at and above which a student is flagged.
    n_resamples : int, default=1000
        Number of draws, at least 1.
    random_state : int, RandomState instance or None, default=0
        Controls the draws.

    Returns
    -------
    own, rest : ndarray of shape (n_groups, 5)
        The figures of each group, in the order of the sorted groups, and of all other
        snapshots. NaN where undefined.
    draws : ndarray of shape (n_resamples, n_groups, 5)
        The difference of the two in each resample.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, or there is one group.

    See Also
    --------
    edml.inspection.fairness_report : Compare the groups of a table.

    Examples
    --------
    >>> from edml.metrics import bootstrap_groups
    >>> fails, risk = [0, 0, 1, 1] * 5, [0.2, 0.6, 0.7, 0.9] * 5
    >>> groups, students = ["a", "b"] * 10, range(20)
    >>> found = bootstrap_groups(fails, risk, groups, students, n_resamples=50)
    >>> found.own[:, 0].tolist()  # the share flagged, in "a" and in "b"
    [0.5, 1.0]
    """
    fails, probability = read_predictions(y_true, y_prob)
    group, students = read_keys(groups, "groups"), read_keys(clusters, "clusters")
    check_lengths(y_true=fails, groups=group, clusters=students)
    check_scalar(n_resamples, "n_resamples", Integral, min_val=1)
    flagged = probability >= check_threshold(threshold)
    n_groups, n_students = int(group.max()) + 1, int(students.max()) + 1
    if n_groups < 2:
        message = "Groups are compared with each other; found one. Name other groups."
        raise ValueError(message)

    def rank(rows: BoolArray) -> tuple[Ranking, IntArray]:
        """Return the ranking of some rows, and their students in its order."""
        ranking = Ranking(fails[rows], probability[rows])
        return ranking, students[rows][ranking.order]

    terms = [np.ones(len(fails)), flagged, fails, flagged & fails, probability]
    cell, size = students * n_groups + group, n_students * n_groups
    sums = np.stack([np.bincount(cell, term, size) for term in terms], axis=1)
    sums = sums.reshape(n_students, -1)
    sides = [(group == one, group != one) for one in range(n_groups)]
    rankings = [[rank(rows) for rows in pair] for pair in sides]

    def area(ranked: tuple[Ranking, IntArray], counts: IntArray) -> float:
        ranking, own = ranked
        return ranking.measure(counts[own])[0]

    def measure(counts: IntArray) -> tuple[FloatArray, FloatArray]:
        inside = (counts @ sums).astype(np.float64).reshape(-1, n_groups, len(terms))
        outside = inside.sum(axis=1, keepdims=True) - inside
        areas = np.array(
            [
                [[area(side, row) for side in pair] for pair in rankings]
                for row in counts
            ]
        )
        return _figures(inside, areas[..., 0]), _figures(outside, areas[..., 1])

    own, rest = measure(np.ones((1, n_students), dtype=np.int64))
    random = check_random_state(random_state)
    drawn = [measure(counts) for counts in draw_counts(n_students, n_resamples, random)]
    draws = np.concatenate([inside - outside for inside, outside in drawn])
    return GroupFigures(own[0], rest[0], draws)


def _figures(sums: FloatArray, roc_auc: FloatArray) -> FloatArray:
    """Compute the figures from sums of shape (n_samples, n_groups, 5)."""
    rows, flagged, failing, caught, expected = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = [
            flagged / rows,
            (flagged - caught) / (rows - failing),
            (failing - caught) / failing,
            (expected - failing) / rows,
            roc_auc,
        ]
    return np.stack(figures, axis=-1)
