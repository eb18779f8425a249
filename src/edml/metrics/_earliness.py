"""alert_lead_time and flip_rate: how early and how steadily students are flagged."""

import numpy as np
from numpy.typing import ArrayLike

from edml.schema import check_lengths, read_days, read_flags, read_keys


def alert_lead_time(
    y_true: ArrayLike,
    flagged: ArrayLike,
    histories: ArrayLike,
    partitions: ArrayLike,
) -> dict[str, float]:
    """Measure how long before the end failing students are first flagged.

    The lead time of a history is its last partition minus the first one in which
    it is flagged. A history fails if any of its snapshots does.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    flagged : array-like of shape (n_snapshots,)
        1 or True where the student is flagged, 0 or False otherwise.
    histories : array-like of shape (n_snapshots,)
        The history, a student in a course, of each snapshot: a number or a text.
    partitions : array-like of shape (n_snapshots,)
        The partition of each snapshot; a missing one is 0.

    Returns
    -------
    lead_time : dict of str to float
        "n_failing", the number of failing histories, an int; "share_alerted", the share
        of them that is flagged at least once; "median", "lower_quartile" and
        "upper_quartile" of their lead times, in partitions. NaN where there is none.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length.

    See Also
    --------
    flip_rate : Measure how steady the flags are.

    Examples
    --------
    >>> from edml.metrics import alert_lead_time
    >>> lead = alert_lead_time([1] * 4, [0, 1, 1, 0], list("aaab"), [0, 10, 30, 5])
    >>> lead["n_failing"], lead["share_alerted"], lead["median"]
    (2, 0.5, 20.0)
    """
    fails, alert = read_flags(y_true, "y_true"), read_flags(flagged, "flagged")
    history, day = read_keys(histories, "histories"), read_days(partitions)
    check_lengths(y_true=fails, flagged=alert, histories=history, partitions=day)

    n_histories = int(history.max()) + 1
    failing = np.zeros(n_histories, dtype=np.bool_)
    failing[history[fails]] = True
    last = np.zeros(n_histories, dtype=np.int64)
    np.maximum.at(last, history, day)
    never = np.iinfo(np.int64).max
    first = np.full(n_histories, never)
    np.minimum.at(first, history[alert], day[alert])

    alerted = failing & (first < never)
    lead = (last - first)[alerted]
    lower, median, upper = (
        np.quantile(lead, [0.25, 0.5, 0.75]) if len(lead) else [np.nan] * 3
    )
    n_failing = int(failing.sum())
    return {
        "n_failing": n_failing,
        "share_alerted": len(lead) / n_failing if n_failing else np.nan,
        "median": float(median),
        "lower_quartile": float(lower),
        "upper_quartile": float(upper),
    }


def flip_rate(flagged: ArrayLike, histories: ArrayLike, partitions: ArrayLike) -> float:
    """Count how often a flag changes from one snapshot of a history to the next.

    Parameters
    ----------
    flagged : array-like of shape (n_snapshots,)
        1 or True where the student is flagged, 0 or False otherwise.
    histories : array-like of shape (n_snapshots,)
        The history, a student in a course, of each snapshot: a number or a text.
    partitions : array-like of shape (n_snapshots,)
        The partition of each snapshot; a missing one is 0.

    Returns
    -------
    rate : float
        The share of changes among all pairs of successive snapshots of a history,
        a fraction in [0, 1]; NaN where no history has two snapshots.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, or two rows are of one snapshot.

    See Also
    --------
    alert_lead_time : Measure how early the flags are.

    Examples
    --------
    >>> from edml.metrics import flip_rate
    >>> flip_rate([0, 1, 1, 1], list("aaab"), [0, 1, 2, 0])
    0.5
    """
    alert = read_flags(flagged, "flagged")
    history, day = read_keys(histories, "histories"), read_days(partitions)
    check_lengths(flagged=alert, histories=history, partitions=day)

    order = np.lexsort((day, history))
    alert, history, day = alert[order], history[order], day[order]
    next_in_history = history[1:] == history[:-1]
    repeated = int((next_in_history & (day[1:] == day[:-1])).sum())
    if repeated:
        message = (
            f"flagged needs one row per snapshot; {repeated} of {len(alert)} rows "
            "repeat the history and the partition of another. Keep one of each."
        )
        raise ValueError(message)
    if not next_in_history.any():
        return np.nan
    return float((alert[1:] != alert[:-1])[next_in_history].mean())
