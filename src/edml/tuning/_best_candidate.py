"""What a fitted search predicts: the best candidate answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from edml.classifier import RiskClassifier
from edml.metrics import make_snapshot_scorer
from edml.schema import FloatArray, is_event_table, read_labels, resolve_columns
from edml.tuning._data import Predicted


class BestCandidate:
    """The predictions of `ModelTuner`."""

    scoring: Any
    min_score: float | None
    columns: Mapping[str, str] | None
    candidates_: list[RiskClassifier]
    best_estimator_: RiskClassifier
    scorer_: Any
    fail_label_: Any

    @property
    def threshold_(self) -> float:
        """The probability at and above which the best candidate flags."""
        return self._model.threshold_

    @property
    def pipeline_(self) -> Any:
        """The fitted pipeline of the best candidate."""
        return self._model.pipeline_

    @property
    def calibrator_(self) -> Any:
        """The calibrator of the best candidate, from scores to probabilities."""
        return self._model.calibrator_

    @property
    def _model(self) -> RiskClassifier:
        check_is_fitted(self, "best_index_")
        if not self.candidates_:
            message = (
                f"No candidate reached min_score={self.min_score:g}, so there is no "
                "model. Lower it, or search longer, and fit again."
            )
            raise NotFittedError(message)
        return self.best_estimator_

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the calibrated probability of each class by the best candidate.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, 2)
            In the order of ``classes_``.
        """
        return self._model.predict_proba(X)

    def fail_probability(self, X: Any) -> FloatArray:
        """Return the calibrated probability of failing by the best candidate.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_rows,)
            Of ``fail_label_``.
        """
        return self._model.fail_probability(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Flag rows by the threshold of the best candidate.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Of ``classes_``.
        """
        return self._model.predict(X)

    def score_students(self, X: pd.DataFrame, *args: Any, **params: Any) -> Any:
        """List the students with their risk, by the best candidate.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table.
        *args, **params : object
            Arguments of `RiskClassifier.score_students`.

        Returns
        -------
        students : DataFrame of shape (n_histories, n_columns)
            As `RiskClassifier.score_students` returns it.
        """
        return self._model.score_students(X, *args, **params)

    def score(self, X: Any, y: ArrayLike) -> float:
        """Score the best candidate by ``scoring``, each snapshot once.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.
        y : array-like of shape (n_rows,)
            The outcome of each row.

        Returns
        -------
        score : float
            Higher is better.
        """
        model = self._model
        if is_event_table(X, resolve_columns(self.columns)):
            scorer = make_snapshot_scorer(self.scoring, columns=self.columns)
            return float(scorer(model, X, y))
        labels, label = read_labels(y, self.fail_label_)
        predicted = Predicted(
            model.fail_probability(X), lambda: model.predict(X) == label
        )
        return float(self.scorer_(predicted, X, (labels == label).astype(np.int64)))
