"""The named balancers: over- and undersampling of the failing students' rows."""

from typing import Any

import numpy as np
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray

#: The names that `make_balancer` accepts.
BALANCERS = ("smote", "over", "under")


class AdaptiveSMOTE(SMOTE):
    """SMOTE that adapts the number of neighbours to the size of the minority.

    Each synthetic row lies between a minority row and one of its nearest minority
    neighbours. Plain SMOTE fails if a fold has too few of them; this class uses as many
    neighbours as there are, and repeats a single minority row.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        As in :class:`imblearn.over_sampling.SMOTE`.
    random_state : int, RandomState or None, default=None
        Controls which neighbours are mixed, and how.
    k_neighbors : int, default=5
        Largest number of neighbours to choose from.

    Attributes
    ----------
    sampling_strategy_ : dict
        Number of synthetic rows, by class.
    nn_k_ : estimator
        The fitted nearest-neighbours search, from the last call.
    n_features_in_ : int
        Number of columns seen in `fit`.

    References
    ----------
    Chawla et al., "SMOTE: synthetic minority over-sampling technique", JAIR 16,
    2002, doi:10.1613/jair.953.

    Examples
    --------
    >>> import numpy as np
    >>> from edml.sampling import AdaptiveSMOTE
    >>> X = np.arange(20.0).reshape(10, 2)
    >>> y = np.array([1, 1, 0, 0, 0, 0, 0, 0, 0, 0])
    >>> _, balanced = AdaptiveSMOTE(random_state=0).fit_resample(X, y)
    >>> int(balanced.sum())
    8
    """

    __module__ = "edml.sampling"
    k_neighbors: int

    def _fit_resample(self, X: NDArray[Any], y: NDArray[Any]) -> Any:
        scarce = min(
            (int(np.count_nonzero(y == label)) for label in self.sampling_strategy_),
            default=0,
        )
        if scarce == 1:
            repeat = RandomOverSampler(
                sampling_strategy=self.sampling_strategy, random_state=self.random_state
            )
            return repeat.fit_resample(X, y)
        asked = self.k_neighbors
        try:
            self.k_neighbors = min(asked, scarce - 1) if self.sampling_strategy_ else 1
            return super()._fit_resample(X, y)
        finally:
            self.k_neighbors = asked


def make_balancer(balance: Any, random_state: Any = None) -> Any:
    """Return the step of a balancer's name, of None, or the sampler itself.

    "smote" creates synthetic failing rows, "over" repeats failing rows, and "under"
    drops passing rows. Another name, or an object that is no sampler, is an error.
    """
    if balance is None or balance == "passthrough":
        return "passthrough"
    if balance == "smote":
        return AdaptiveSMOTE(random_state=random_state)
    if balance == "over":
        return RandomOverSampler(random_state=random_state)
    if balance == "under":
        return RandomUnderSampler(random_state=random_state)
    if isinstance(balance, str) or not hasattr(balance, "fit_resample"):
        message = (
            f"balance={balance!r} is unknown: pass one of {list(BALANCERS)}, None, or "
            "an object with fit_resample."
        )
        raise ValueError(message)
    return balance
