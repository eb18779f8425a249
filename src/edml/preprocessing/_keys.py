"""KeyDropper: drop the keys and keep the features."""

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import fit_context, remember_columns
from edml.exceptions import TableError
from edml.schema import COURSE, STUDENT, check_table


class KeyDropper(TransformerMixin, BaseEstimator):
    """Drop the key columns, so that no learner or sampler ever sees them.

    Parameters
    ----------
    keys : tuple of str, default=("user_uuid", "course_uuid")
        The columns to drop.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names.

    Examples
    --------
    >>> import pandas as pd
    >>> from edml.preprocessing import KeyDropper
    >>> X = pd.DataFrame({"user_uuid": ["a"], "course_uuid": ["x"], "score": [7.0]})
    >>> KeyDropper().fit_transform(X)
       score
    0    7.0
    """

    __module__ = "edml.preprocessing"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {"keys": [tuple, list]}

    def __init__(self, keys: tuple[str, ...] = (STUDENT, COURSE)) -> None:
        self.keys = keys

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Remember the columns to keep; ``y`` is ignored.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The output of `FeatureEngineer`.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : KeyDropper
            The same object.

        Raises
        ------
        TableError
            If ``X`` is not a DataFrame, lacks a key, or has nothing else.
        """
        check_table(X, self.keys)
        remember_columns(self, X)
        self._kept = [name for name in X.columns if name not in self.keys]
        if not self._kept:
            message = f"X holds only the keys {list(self.keys)}; add feature columns."
            raise TableError(message)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Drop the keys.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            A table with the columns seen in `fit`, in any order.

        Returns
        -------
        features : DataFrame of shape (n_rows, n_columns - n_keys)
            The other columns, in the order of `fit`.

        Raises
        ------
        TableError
            If a column seen in `fit` is absent.
        """
        check_is_fitted(self)
        return check_table(X, self._kept)[self._kept]

    def get_feature_names_out(self, input_features: object = None) -> NDArray[Any]:
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : object, default=None
            Ignored: the columns are those seen in `fit`.

        Returns
        -------
        names : ndarray of shape (n_features_out,)
            The names as objects of type str.
        """
        check_is_fitted(self)
        return np.array(self._kept, dtype=object)
