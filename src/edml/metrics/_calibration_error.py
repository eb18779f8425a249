"""The distance of probabilities from the observed shares of failing."""

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_scalar

from edml.schema import FloatArray, IntArray, read_predictions

N_BINS = 15


def expected_calibration_error(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: str = "quantile",
) -> float:
    """Compute the mean distance of probabilities from the shares of failing.

    It is the mean absolute difference between the mean probability and the share of
    failing of each of `calibration_bins`, weighted by their snapshots [1]_.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_snapshots,)
        Probabilities of failing, fractions in [0, 1].
    n_bins : int, default=15
        Number of bins, at least 1.
    strategy : {"quantile", "uniform"}, default="quantile"
        As in `calibration_bins`.

    Returns
    -------
    error : float
        A fraction in [0, 1]; 0 is best. Even perfect probabilities have an error above
        0, because the shares of small bins vary; compare only errors on the same
        snapshots.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, or the strategy is unknown.

    See Also
    --------
    calibration_bins : Compute the bins.

    References
    ----------
    .. [1] Naeini, M. P., Cooper, G. F. and Hauskrecht, M. (2015). Obtaining Well
       Calibrated Probabilities Using Bayesian Binning. Proceedings of the AAAI
       Conference on Artificial Intelligence, 29(1).
       https://doi.org/10.1609/aaai.v29i1.9602

    Examples
    --------
    >>> from edml.metrics import expected_calibration_error
    >>> expected_calibration_error([0, 0, 0, 1], [0.25] * 4)
    0.0
    >>> expected_calibration_error([0, 0, 0, 1], [0.75] * 4)
    0.5
    """
    fails, probability = read_predictions(y_true, y_prob)
    bins = assign_bins(probability, n_bins, strategy)
    residual = np.bincount(bins, probability - fails)
    return float(np.abs(residual).sum() / len(fails))


def calibration_bins(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    n_bins: int = 15,
    strategy: str = "quantile",
) -> pd.DataFrame:
    """Compare mean probability and share of failing, in bins of similar probabilities.

    Parameters
    ----------
    y_true : array-like of shape (n_snapshots,)
        1 or True where the student fails, 0 or False otherwise.
    y_prob : array-like of shape (n_snapshots,)
        Probabilities of failing, fractions in [0, 1].
    n_bins : int, default=15
        Number of bins, at least 1.
    strategy : {"quantile", "uniform"}, default="quantile"
        "quantile" makes bins with the same number of snapshots; equal
        probabilities are never divided, which may leave bins uneven or empty.
        "uniform" makes bins of equal width on [0, 1], each with its lower edge
        and, but for the last, without its upper one.

    Returns
    -------
    bins : DataFrame of shape (n_bins, 3)
        One row per bin that holds a snapshot, by ascending probability:
        "mean_predicted", the mean probability; "share_positive", the share of
        failing snapshots; "n", the number of snapshots.

    Raises
    ------
    ValueError
        If the arrays are invalid or differ in length, or the strategy is unknown.

    See Also
    --------
    expected_calibration_error : Summarize all bins in one number.

    Examples
    --------
    >>> from edml.metrics import calibration_bins
    >>> calibration_bins([0, 0, 0, 1], [0.25, 0.25, 0.5, 1.0], n_bins=2)
       mean_predicted  share_positive  n
    0            0.25             0.0  2
    1            0.75             0.5  2
    """
    fails, probability = read_predictions(y_true, y_prob)
    bins = assign_bins(probability, n_bins, strategy)
    n = np.bincount(bins)
    held = n > 0
    return pd.DataFrame(
        {
            "mean_predicted": np.bincount(bins, probability)[held] / n[held],
            "share_positive": np.bincount(bins, fails)[held] / n[held],
            "n": n[held],
        }
    )


def assign_bins(
    probability: FloatArray, n_bins: int = N_BINS, strategy: str = "quantile"
) -> IntArray:
    """Assign each row a bin, from 0 to ``n_bins - 1``; a bin may be empty."""
    check_scalar(n_bins, "n_bins", Integral, min_val=1)
    if strategy == "uniform":
        inner = np.linspace(0, 1, n_bins + 1)[1:-1]
        return np.searchsorted(inner, probability, side="right")
    if strategy != "quantile":
        message = f"strategy needs 'quantile' or 'uniform'; found {strategy!r}."
        raise ValueError(message)
    ranked = np.sort(probability)
    # Tied rows share their middle rank, and so their bin. Doubled ranks are integers.
    rank = np.searchsorted(ranked, probability, side="left")
    rank += np.searchsorted(ranked, probability, side="right") - 1
    return rank * n_bins // (2 * len(ranked))
