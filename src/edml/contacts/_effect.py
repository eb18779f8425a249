"""contact_effect: whether contact helped, by those who were drawn by lot."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from edml.exceptions import TableError
from edml.schema import (
    COURSE,
    STUDENT,
    FloatArray,
    IntArray,
    check_confidence,
    check_keys,
    check_table,
    factorize_keys,
    read_flags,
    resolve_columns,
    spell_key,
)
from edml.sources import contacted_rows

_FEWEST = 2  # students on each side


@dataclass(frozen=True, kw_only=True)
class ContactEffect:
    """The effect of contact on the share that fails; `contact_effect` returns it.

    Parameters
    ----------
    n_assigned, n_held_back : int
        Students in a course who were drawn to be contacted, and not to be.
    n_without_outcome : int
        How many more were drawn, whose outcome is unknown.
    fail_rate_assigned, fail_rate_held_back : float
        The shares that fail, weighted by the probability of the assignment.
    effect, low, high : float
        The first share minus the second, and its interval: negative if contact helps.
    confidence : float
        Of the intervals, a fraction.
    reached_assigned, reached_held_back : float
        The shares that were contacted in fact; NaN without ``contacts``.
    effect_of_contact, low_of_contact, high_of_contact : float
        The effect on a student who is reached because of the lot; NaN without
        ``contacts``.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.contacts import contact_effect
    >>> keys = pd.DataFrame({"student": list("abcdefgh"), "course": "algebra"})
    >>> drawn = keys.assign(
    ...     contact=[True] * 4 + [False] * 4,
    ...     randomised=True,
    ...     assignment_probability=0.5,
    ... )
    >>> outcomes = keys.assign(fails=[0, 0, 0, 1, 0, 1, 1, 1])
    >>> names = {"user_uuid": "student", "course_uuid": "course"}
    >>> found = contact_effect(drawn, outcomes, columns=names)
    >>> found.effect, found.verdict, found.to_dict()["effect_of_contact"]
    (-0.5, 'cannot tell', None)
    """

    __module__ = "edml.contacts"

    n_assigned: int
    n_held_back: int
    n_without_outcome: int
    fail_rate_assigned: float
    fail_rate_held_back: float
    effect: float
    low: float
    high: float
    confidence: float
    reached_assigned: float
    reached_held_back: float
    effect_of_contact: float
    low_of_contact: float
    high_of_contact: float

    @property
    def verdict(self) -> str:
        """What the interval shows: "helps", "harms" or "cannot tell"."""
        if self.high < 0:
            return "helps"
        return "harms" if self.low > 0 else "cannot tell"

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as a dictionary that JSON can hold.

        Returns
        -------
        data : dict
            The fields and the verdict; NaN is None.
        """
        found = {**asdict(self), "verdict": self.verdict}
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in found.items()
        }


def contact_effect(
    assignments: pd.DataFrame,
    outcomes: pd.DataFrame,
    contacts: pd.DataFrame | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    confidence: float = 0.95,
) -> ContactEffect:
    """Estimate whether contact helped, from those who were drawn by lot.

    Students who were contacted because of their risk differ from all others, and
    comparing them says nothing. Those near the line were drawn by `assign_contacts`;
    only they count here.

    Parameters
    ----------
    assignments : DataFrame of shape (n_rows, n_columns)
        What `assign_contacts` returned, of one list per course.
    outcomes : DataFrame
        One row for each student and course, with the columns ``student``, ``course``
        and ``fails`` (0 or 1).
    contacts : DataFrame, default=None
        Who was contacted in fact, as `edml.sources.read_contacts` returns it.
    columns : mapping of str to str, default=None
        The names of the keys in ``assignments``, by canonical name, if they differ.
    confidence : float, default=0.95
        Of the intervals, a fraction in (0, 1).

    Returns
    -------
    found : ContactEffect
        The effect of being drawn, whether the student was reached or not, and with
        ``contacts`` that of being reached.

    Raises
    ------
    TableError
        If a table lacks a column, ``outcomes`` repeats a student in a course, or fewer
        than two students of a side have an outcome.

    See Also
    --------
    contact_power : Compute beforehand which effect could be found.

    Notes
    -----
    Each side's share is weighted by the inverse of the probability of its assignment
    (Hájek's estimator), so that courses in which more students were drawn do not bias
    it. The variance is that of its linear approximation, summed over students,
    because one may be in several courses [1]_. The effect of contact is the effect of
    the lot over the difference in the shares reached; that holds if the lot changes
    outcomes only through contact [2]_.

    References
    ----------
    .. [1] J. K. Lunceford, M. Davidian, "Stratification and weighting via the
       propensity score in estimation of causal treatment effects", Statistics in
       Medicine 23(19), 2004. https://doi.org/10.1002/sim.1903
    .. [2] J. D. Angrist, G. W. Imbens, D. B. Rubin, "Identification of causal effects
       using instrumental variables", Journal of the American Statistical Association
       91(434), 1996. https://doi.org/10.1080/01621459.1996.10476902

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.contacts import assign_contacts, contact_effect
    >>> scores = pd.DataFrame(
    ...     {
    ...         "user_uuid": range(200),
    ...         "course_uuid": [k % 10 for k in range(200)],
    ...         "probability": [1 - k / 200 for k in range(200)],
    ...     }
    ... )
    >>> chosen = assign_contacts(scores, capacity=10, holdout=1.0, random_state=0)
    >>> outcomes = pd.DataFrame(  # contact helps everybody
    ...     {
    ...         "student": chosen["user_uuid"],
    ...         "course": chosen["course_uuid"],
    ...         "fails": ~chosen["contact"],
    ...     }
    ... )
    >>> found = contact_effect(chosen, outcomes)
    >>> found.n_assigned, found.n_held_back, found.effect, found.verdict
    (100, 100, -1.0, 'helps')
    """
    check_confidence(confidence)
    names = resolve_columns(columns)
    keys = [names[STUDENT], names[COURSE]]
    needed = ("contact", "randomised", "assignment_probability")
    check_table(assignments, [*keys, *needed])
    drawn = assignments[read_flags(assignments["randomised"], "randomised")]
    fails = _outcomes_of(drawn[keys], outcomes)
    known = np.isfinite(fails)
    n_without = int((~known).sum())
    drawn, fails = drawn[known], fails[known]
    lot = drawn["contact"].to_numpy(dtype=np.bool_)
    sizes = int(lot.sum()), int((~lot).sum())
    if min(sizes) < _FEWEST:
        message = (
            f"An effect needs {_FEWEST} students with an outcome who were drawn to be "
            f"contacted, and as many who were not; found {sizes[0]} and {sizes[1]}. "
            "Check that outcomes and assignments have the same ids."
        )
        raise TableError(message)
    chance = drawn["assignment_probability"].to_numpy(dtype=np.float64)
    clusters = factorize_keys(drawn[keys[0]])
    shares, influence = _difference(fails, lot, chance)
    effect = shares[0] - shares[1]
    half = _half_width(influence, clusters, confidence)
    reached, contact = (np.nan, np.nan), (np.nan, np.nan, np.nan)
    if contacts is not None:
        was = contacted_rows(drawn, contacts, columns=columns).astype(np.float64)
        reached, own = _difference(was, lot, chance)
        more = reached[0] - reached[1]
        if more > 0:
            ratio = effect / more
            width = _half_width((influence - ratio * own) / more, clusters, confidence)
            contact = (ratio, ratio - width, ratio + width)
    return ContactEffect(
        n_assigned=sizes[0],
        n_held_back=sizes[1],
        n_without_outcome=n_without,
        fail_rate_assigned=shares[0],
        fail_rate_held_back=shares[1],
        effect=effect,
        low=effect - half,
        high=effect + half,
        confidence=float(confidence),
        reached_assigned=reached[0],
        reached_held_back=reached[1],
        effect_of_contact=contact[0],
        low_of_contact=contact[1],
        high_of_contact=contact[2],
    )


def _outcomes_of(drawn: pd.DataFrame, outcomes: pd.DataFrame) -> FloatArray:
    """Return 1 for each row that fails, 0 if not, and NaN without an outcome."""
    check_table(outcomes, ["student", "course", "fails"])
    for name in ("student", "course"):
        check_keys(outcomes[name])
    fails = read_flags(outcomes["fails"], "fails").astype(np.float64)
    known = pd.Series(fails, _pairs(outcomes["student"], outcomes["course"]))
    n_repeated = int(known.index.duplicated().sum())
    if n_repeated:
        message = (
            f"outcomes must hold one row for each student and course; {n_repeated} of "
            f"{len(known)} rows repeat one. Keep one of each."
        )
        raise TableError(message)
    wanted = _pairs(drawn.iloc[:, 0], drawn.iloc[:, 1])
    return known.reindex(wanted).to_numpy(dtype=np.float64)


def _pairs(students: pd.Series, courses: pd.Series) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([students.map(spell_key), courses.map(spell_key)])


def _difference(
    values: FloatArray, lot: Any, chance: FloatArray
) -> tuple[tuple[float, float], FloatArray]:
    """Return the weighted mean of each side, and each row's influence on the gap."""
    weights = np.where(lot, 1 / chance, 0.0), np.where(lot, 0.0, 1 / (1 - chance))
    means = [float(weight @ values / weight.sum()) for weight in weights]
    one, other = (
        weight * (values - mean) / weight.sum()
        for weight, mean in zip(weights, means, strict=True)
    )
    return (means[0], means[1]), one - other


def _half_width(influence: FloatArray, clusters: IntArray, confidence: float) -> float:
    """Return half the width of an interval, whose students are independent."""
    sums = np.bincount(clusters, influence)
    n = len(sums)
    error = np.sqrt((sums**2).sum() * n / (n - 1))
    return float(student_t.ppf((1 + confidence) / 2, n - 1) * error)
