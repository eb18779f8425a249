"""What a fitted search predicts: the best candidate answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from edml.classifier import RiskClassifier, RiskPredictions
from edml.metrics import make_snapshot_scorer
from edml.schema import is_event_table, read_labels, resolve_columns
from edml.tuning._data import Predicted


class BestCandidate(RiskPredictions):
    """The predictions of `ModelTuner`."""

    scoring: Any
    min_score: float | None
    columns: Mapping[str, str] | None
    candidates_: list[RiskClassifier]
    best_estimator_: RiskClassifier
    scorer_: Any

    @property
    def threshold_(self) -> float:  # type: ignore[override]
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

    def _check_fitted(self) -> None:
        self._model  # noqa: B018 - raises without one

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
