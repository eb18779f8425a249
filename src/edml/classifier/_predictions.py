"""The predictions of a fitted risk model, refittable or not."""

import difflib
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from edml._messages import coded, for_python, join
from edml._sklearn import check_columns
from edml.classifier._calibration import calibrate
from edml.classifier._contact_list import score_students
from edml.classifier._thresholds import Capacity
from edml.classifier._training import raw_scores
from edml.exceptions import TableError
from edml.feature_extraction import FeatureEngineer, HistoryFeatures
from edml.pipeline import split_per_history, strip_samplers
from edml.preprocessing import DataCleaner, KeyDropper
from edml.schema import (
    COURSE,
    SNAPSHOT_KEYS,
    STUDENT,
    FloatArray,
    IntArray,
    check_table,
    columns_of,
    is_event_table,
    latest_rows,
    work_columns,
)

_TRAINING_PARAMETERS = {
    *signature(LGBMClassifier).parameters,
    *("deterministic", "force_col_wise", "force_row_wise", "verbosity"),
}


class RiskPredictions:
    """The predictions of a fitted risk model, from the attributes declared below."""

    __module__ = "edml.classifier"

    pipeline_: Any
    calibrator_: Any
    threshold_: float
    classes_: NDArray[Any]
    fail_label_: Any

    def predict_proba(self, X: Any) -> FloatArray:
        """Compute the calibrated probability of each class.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The event table with everything known about its students, or rows like those
            of the plain table that the model was fitted on.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, 2)
            The columns in the order of ``classes_``. In (0, 1) if calibrated.

        Raises
        ------
        TableError
            If a column that the model needs is absent, or cannot be read.
        """
        failing = self.fail_probability(X)
        columns = [1 - failing, failing]
        if self._labels[0] != self.classes_[0]:
            columns.reverse()
        return np.column_stack(columns)

    def fail_probability(self, X: Any) -> FloatArray:
        """Compute the calibrated probability of failing.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As for `predict_proba`.

        Returns
        -------
        probabilities : ndarray of shape (n_rows,)
            The column of `predict_proba` that belongs to ``fail_label_``.
        """
        self._check_columns(X)
        if is_event_table(X, columns_of(self)) and not len(X):
            return np.empty(0)  # a classifier would reject an empty table
        return calibrate(self.calibrator_, raw_scores(self.pipeline_, X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Flag the rows whose probability of failing is at or above the threshold.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As for `predict_proba`.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Of ``classes_``.
        """
        flagged = self.fail_probability(X) >= self.threshold_
        labels: NDArray[Any] = self._labels[flagged.astype(np.intp)]
        return labels

    def score_students(
        self,
        X: pd.DataFrame,
        at: float | None = None,
        since: float | None = None,
        capacity: int | Capacity | None = None,
        *,
        language: str = "en",
        n_reasons: int = 3,
    ) -> pd.DataFrame:
        """List the students with their risk, reasons and facts.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table.
        at : float, default=None
            Score as of the end of this partition; None is each history's latest. A
            student without a row on that day is scored at the last row before it.
        since : float, default=None
            An earlier partition, from which the change is computed.
        capacity : int or Capacity, default=None
            Flag this many students of each course, those most at risk, instead of using
            ``threshold_``.
        language : {"en", "es"}, default="en"
            Language of the reasons and facts.
        n_reasons : int, default=3
            Maximum number of reasons; 0 omits reasons and facts.

        Returns
        -------
        students : DataFrame of shape (n_histories, n_columns)
            The highest probability first: ``user_uuid``, ``course_uuid``, ``legajo``
            and ``course_name`` where ``X`` has them, and ``particion``, by the names
            that they have in ``X``; ``probability``,
            ``flagged``, ``change`` (the probability minus that at ``since``, or NaN),
            ``reasons`` (what moved the score, most important first; not causes),
            ``reason_features`` (the feature behind each reason, without its value) and
            ``facts`` (facts that are not features), all lists of str.

        Raises
        ------
        TableError
            If ``X`` is not an event table, or has no row up to ``at``.
        ValueError
            If ``since`` is not before ``at``, or a parameter is out of range.
        """
        self._check_columns(X)
        return score_students(
            self,
            X,
            at=at,
            since=since,
            capacity=capacity,
            language=language,
            n_reasons=n_reasons,
        )

    def score_latest(self, X: pd.DataFrame) -> tuple[IntArray, FloatArray]:
        """Score each student and course at the latest partition.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table.

        Returns
        -------
        rows : ndarray of shape (n_histories,)
            Positions in ``X``: the first row of each history's latest partition, in
            the order in which the histories first appear.
        probabilities : ndarray of shape (n_histories,)
            The probabilities of failing, as from `predict_proba` for those rows:
            bit-identical for trees, and equal up to rounding for matrix products.

        Raises
        ------
        TableError
            If ``X`` is not an event table, or a column cannot be read.
        """
        self._check_fitted()
        front, rest = split_per_history(strip_samplers(self.pipeline_))
        engineer = _engineer_of(front)
        if engineer is None or not len(X):
            self._check_columns(X)
            names = columns_of(self)
            check_table(X, [names[name] for name in SNAPSHOT_KEYS])
            rows = latest_rows(X, names)
            # steps of other libraries may use any row
            return rows, self.fail_probability(X)[rows]
        rows, features = engineer.transform_latest(X)
        scores = _score_features(rest, X, rows, features, engineer)
        return rows, calibrate(self.calibrator_, scores)

    @property
    def _labels(self) -> NDArray[Any]:
        """The labels: the one that passes, then the one that fails."""
        is_last = self.classes_[1] == self.fail_label_
        return self.classes_ if is_last else self.classes_[::-1]

    def _check_fitted(self) -> None:
        check_is_fitted(self, "pipeline_")

    def _check_columns(self, X: Any) -> None:
        self._check_fitted()
        seen = getattr(self, "feature_names_in_", None)
        if seen is None or not isinstance(X, pd.DataFrame):
            return
        names = columns_of(self.pipeline_)
        events = {names[key] for key in SNAPSHOT_KEYS} <= set(seen)
        needed = set(work_columns(seen, names).values()) if events else set(seen)
        missing = sorted((needed & set(seen)) - set(X.columns))
        if not missing:
            if not events:
                check_columns(self, X)  # also checks their order
            return
        unexpected = sorted(str(name) for name in set(X.columns) - set(seen))
        near = {
            name: found[0]
            for name in missing
            if (found := difflib.get_close_matches(name, unexpected, n=1))
        }
        message = coded(
            "missing_columns",
            f"Columns differ from fit: missing {missing}, unexpected {unexpected}.",
            columns=missing,
        )
        similar = coded("similar_columns", f" Similar: {near}.", near=near)
        remedy = for_python(" Rename them, or refit.")
        raise TableError(join(message, similar if near else "", remedy))


class RiskModel(RiskPredictions):
    """A fitted risk model that also shows the input of its last step."""

    def features(self, X: Any) -> Any:
        """Compute the input of the pipeline's last step.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As for `predict_proba`.

        Returns
        -------
        features : DataFrame or ndarray of shape (n_rows, n_features)
            One row per row of ``X``; ``X`` itself if the model has one step.
        """
        self._check_columns(X)
        pipeline = strip_samplers(self.pipeline_)
        if not isinstance(pipeline, Pipeline) or len(pipeline.steps) < 2:
            return X
        return pipeline[:-1].transform(X)


_Engineer = FeatureEngineer | HistoryFeatures


def _engineer_of(front: Any) -> _Engineer | None:
    """Return the step of features if the first steps are edml's own, else None.

    It reads raw and cleaned tables alike, so the cleaner can be skipped.
    """
    steps = [] if front is None else [step for _, step in front.steps]
    kinds = [*map(type, steps)]
    last = kinds[-1] if kinds else None
    if last not in (FeatureEngineer, HistoryFeatures):
        return None
    if kinds[:-1] not in ([], [DataCleaner]):
        return None
    engineer: _Engineer = steps[-1]
    return engineer if steps[0].columns == engineer.columns else None


def _score_features(
    rest: Any,
    X: pd.DataFrame,
    rows: IntArray,
    features: FloatArray,
    engineer: _Engineer,
) -> FloatArray:
    """Score rows of features by the steps that follow the engineer."""
    described = list(engineer.get_feature_names_out()[2:])
    if isinstance(rest, Pipeline) and len(rest.steps) == 2:
        dropper, classifier = (step for _, step in rest.steps)
        if (
            type(dropper) is KeyDropper
            and list(dropper.get_feature_names_out()) == described
            and _predicts_from_arrays(classifier)
        ):
            scores: FloatArray = classifier.booster_.predict(features, num_threads=1)
            return scores
    table = pd.DataFrame(features, columns=described, copy=False)
    names = columns_of(engineer)
    for name in (COURSE, STUDENT):
        table.insert(0, name, X[names[name]].iloc[rows].array)
    return raw_scores(rest, table)


def _predicts_from_arrays(classifier: Any) -> bool:
    """Check whether LightGBM's own prediction equals that of its wrapper."""
    # For one row the wrapper takes twenty times as long, a sixth of a request to the
    # endpoint. The two differ if the wrapper has a prediction parameter.
    if type(classifier) is not LGBMClassifier or callable(classifier.objective):
        return False
    attributes = (name for name in vars(classifier) if name[0] != "_" != name[-1])
    return len(classifier.classes_) == 2 and _TRAINING_PARAMETERS.issuperset(attributes)
