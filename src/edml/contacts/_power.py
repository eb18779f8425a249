"""contact_power: which effect of contact a trial could find."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm
from sklearn.utils import check_scalar

from edml.schema import check_confidence


@dataclass(frozen=True)
class ContactPower:
    """What a trial of contacts could find; `contact_power` returns it.

    Parameters
    ----------
    detectable : float
        The smallest reduction of the share that fails that is found with the requested
        power, a fraction; NaN if not even a reduction to 0 is.
    power : float
        The probability of finding the given effect, a fraction; NaN without one.

    Examples
    --------
    >>> from edml.contacts import contact_power
    >>> found = contact_power(960, 0.3, effect=0.1)
    >>> round(found.detectable, 3), round(found.power, 2)
    (0.079, 0.95)
    """

    __module__ = "edml.contacts"

    detectable: float
    power: float


def contact_power(
    n_students: int,
    fail_rate: float,
    *,
    effect: float | None = None,
    assigned: float = 0.5,
    power: float = 0.8,
    confidence: float = 0.95,
) -> ContactPower:
    """Compute which effect of contact a trial could find, before it begins.

    Parameters
    ----------
    n_students : int
        How many students are drawn by lot in all courses together, at least 4:
        ``assign_contacts(...)["randomised"].sum()``.
    fail_rate : float
        The share of students near the line who fail without contact, a fraction in
        (0, 1), for example that of last year.
    effect : float, default=None
        A reduction of that share, a fraction in (0, ``fail_rate``], whose power is
        returned too.
    assigned : float, default=0.5
        The share of the students drawn who are contacted, a fraction in (0, 1).
    power : float, default=0.8
        The probability with which ``detectable`` is found, a fraction in (0, 1).
    confidence : float, default=0.95
        Of the two-sided interval that must exclude 0, a fraction in (0, 1).

    Returns
    -------
    found : ContactPower
        The smallest ``detectable`` effect, and the ``power`` to find ``effect``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    The difference of two shares is approximately normal, with the variance
    ``p (1 - p) / n`` of each half [1]_. If not everybody who was drawn is reached, the
    effect is smaller in proportion: multiply the hoped-for effect by the share reached.

    References
    ----------
    .. [1] J. L. Fleiss, B. Levin, M. C. Paik, "Statistical Methods for Rates and
       Proportions", 3rd edition, chapter 4. Wiley, 2003.
       https://doi.org/10.1002/0471445428

    Examples
    --------
    Six students are drawn in each of 40 courses, and three in ten would fail:

    >>> from edml.contacts import contact_power
    >>> found = contact_power(240, 0.3, effect=0.1)
    >>> round(found.detectable, 3), round(found.power, 2)
    (0.149, 0.44)
    """
    inside = {"min_val": 0, "max_val": 1, "include_boundaries": "neither"}
    check_scalar(n_students, "n_students", Integral, min_val=4)
    check_scalar(fail_rate, "fail_rate", Real, **inside)
    check_scalar(assigned, "assigned", Real, **inside)
    check_scalar(power, "power", Real, **inside)
    check_confidence(confidence)
    limit = float(norm.ppf((1 + confidence) / 2))

    def power_of(reduction: float) -> float:
        rates = np.array([fail_rate - reduction, fail_rate])
        sizes = n_students * np.array([assigned, 1 - assigned])
        error = float(np.sqrt((rates * (1 - rates) / sizes).sum()))
        distance = reduction / error
        # the other end of the interval hardly matters, but makes it exact
        return float(norm.cdf(distance - limit) + norm.cdf(-distance - limit))

    found = np.nan
    if effect is not None:
        check_scalar(
            effect,
            "effect",
            Real,
            min_val=0,
            max_val=fail_rate,
            include_boundaries="right",
        )
        found = power_of(effect)
    detectable = np.nan
    if power_of(fail_rate) >= power > power_of(0.0):
        detectable = float(brentq(lambda x: power_of(x) - power, 0.0, fail_rate))
    return ContactPower(detectable, found)
