"""RiskClassifier: calibrated probabilities and a threshold, from one pass."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import HasMethods, StrOptions, fit_context
from edml.classifier._calibration import calibrate, fit_calibrator
from edml.classifier._deployed import DeployedClassifier
from edml.classifier._predictions import RiskModel
from edml.classifier._prepared import Prepared, prepare
from edml.classifier._thresholds import (
    Capacity,
    check_threshold,
    choose_threshold,
)
from edml.classifier._training import (
    Training,
    fix_random_states,
    prepare_training,
    score_fold,
)
from edml.monitoring import Reference, summarize
from edml.pipeline import (
    accept_columns,
    make_risk_pipeline,
    strip_samplers,
    warn_of_constant,
)
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    FloatArray,
    read_occupancy,
    read_partitions,
)

_FLAT = 0.05  # a smaller spread, relative to the mean, tells nobody apart


class RiskClassifier(RiskModel, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Turn a pipeline into a model with calibrated probabilities and flags.

    `fit` makes one out-of-fold pass: each student is scored by a pipeline that has not
    seen that student. From these scores it learns the calibration and the threshold,
    then refits the pipeline on all rows, with ``cv`` + 1 fits in total. The unit is the
    snapshot (a student, a course and a partition), with one row each, or the row in a
    table without these columns.

    Parameters
    ----------
    estimator : classifier, default=None
        A pipeline or any binary classifier, for event tables or plain tables; None is
        `edml.pipeline.make_risk_pipeline`. It receives all columns of a plain table,
        including a student column, which a first step should drop.
    calibration : {"auto", "sigmoid", "isotonic"} or None, default="auto"
        How to calibrate; "auto" is "isotonic" from 200 failing students on, else
        "sigmoid". None keeps the pipeline's probabilities.
    threshold : float, str, callable or Capacity, default="f1"
        When to flag: at and above a probability; where a scorer of flags is highest
        ("f1", any other name, or the scorer); with the highest precision that keeps a
        recall ("recall>=0.9"), or the highest recall that keeps a precision
        ("precision>=0.5"); or by how many students can be contacted,
        ``Capacity(per_course=15)``.
    cv : int, cross-validator or iterable, default=5
        The folds. A number means folds of students if ``X`` has the student column or
        `fit` receives ``groups``, else stratified folds of rows.
    n_jobs : int, default=None
        Number of folds fitted in parallel; None is one, -1 all processors. It does not
        change the result.
    random_state : int, RandomState instance or None, default=0
        Controls the folds, and sets each ``random_state`` of ``estimator`` that is
        None.
    fail_label : label, default=None
        The label in ``y`` that means failing. Of numbers and booleans it is the higher
        one by default; text needs it, or an ordered category, whose last label is taken
        with a warning.

    Attributes
    ----------
    pipeline_ : estimator
        The pipeline, fitted on all rows, with the classes 0 and 1. A bare LightGBM or
        XGBoost classifier that cannot take the columns of ``X`` by their names or
        dtypes is the last step of one.
    calibrator_ : SigmoidCalibrator, IsotonicCalibrator or None
        Maps its scores to probabilities.
    threshold_ : float
        The probability at and above which a row is flagged.
    classes_ : ndarray of shape (2,)
        The labels, sorted: the order of the columns of `predict_proba`.
    fail_label_ : label
        The one that means failing; `fail_probability` is its probability.
    split_plan_ : SplitPlan
        The folds, as row positions.
    out_of_fold_ : DataFrame of shape (n_units, n_columns)
        The unit's ``row``, the ``fold`` it was tested in, ``y_true`` (1 fails),
        ``y_score`` and the calibrated ``y_prob``; in an event table also its keys.
        `deployable` omits it.
    reference_ : Reference
        Histograms of the features and scores, by which `edml.monitoring.monitor`
        compares a later term. `deployable` omits it; `ModelRegistry.register` keeps it.
    data_fingerprint_ : str
        SHA-256 of the rows of `fit` with their outcomes, independent of their order.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    edml.pipeline.make_risk_pipeline : Build the default pipeline.

    Notes
    -----
    The out-of-fold scores come from pipelines trained on (k - 1) / k of the students,
    as in `sklearn.calibration.CalibratedClassifierCV` with ``ensemble=False``. The
    calibrator was fitted on the scores behind the ``out_of_fold_`` probabilities;
    evaluate a model on other students, with `edml.inspection.evaluate`.

    ``sample_weight`` only affects training: calibration and threshold count each unit
    once.

    Examples
    --------
    >>> from edml import RiskClassifier, load_activity, student_train_test_split
    >>> X, y = load_activity(return_X_y=True)
    >>> split = student_train_test_split(X, y, random_state=0)
    >>> X_train, X_test, y_train, y_test = split
    >>> model = RiskClassifier(threshold="recall>=0.8").fit(X_train, y_train)
    >>> model.predict_proba(X_test).shape == (len(X_test), 2)
    True
    >>> students = model.score_students(X_test, n_reasons=0)
    >>> above = students["probability"] >= model.threshold_
    >>> bool((students["flagged"] == above).all())
    True
    """

    __module__ = "edml.classifier"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit", "predict"]), None],
        "calibration": [StrOptions({"auto", "sigmoid", "isotonic"}), None],
        "threshold": [object],  # check_threshold has the better message
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "fail_label": [object],
    }

    def __init__(
        self,
        estimator: Any = None,
        calibration: str | None = "auto",
        threshold: Any = "f1",
        cv: Any = 5,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = 0,
        fail_label: Any = None,
    ) -> None:
        self.estimator = estimator
        self.calibration = calibration
        self.threshold = threshold
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.fail_label = fail_label

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Learn calibration and threshold out of fold, then fit on all rows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The event table, or a plain one.
        y : array-like of shape (n_rows,)
            The outcome of each row: two classes, one of which is ``fail_label``. A
            class weight by label in ``estimator`` uses these labels.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row in training. Samplers that create new rows raise an
            error.
        groups : array-like of shape (n_rows,), default=None
            The group of each row, which stays on one side of a fold, instead of the
            student column; if ``X`` has that column, no student may be on both sides
            either.

        Returns
        -------
        self : RiskClassifier
            The same object.

        Raises
        ------
        TableError
            If ``X`` cannot be read, or a snapshot has two outcomes.
        SplitError
            If the students cannot be split this way, or one is on both sides of a fold.
        ValueError
            If ``y`` does not have two classes, or text of which no label is known to
            mean failing, ``threshold`` is unknown or needs columns that ``X`` lacks,
            the weights cannot be used, or scores are NaN.
        TypeError
            If ``estimator`` has neither probabilities nor decisions, or column names
            have mixed types.
        """
        return self.fit_prepared(self._prepare(X, y, sample_weight, groups))

    def fit_prepared(self, prepared: Prepared) -> Self:
        """Fit on a table from ``edml.classifier.prepare``.

        Several models of one table can share the preparation: each is fitted on its own
        ``prepared.of(estimator)``.

        Parameters
        ----------
        prepared : Prepared
            The table with the estimator and the folds, which replace ``estimator`` and
            ``cv``; each ``random_state`` in it is set.

        Returns
        -------
        self : RiskClassifier
            The same object.
        """
        training = prepare_training(
            prepared.rest,
            prepared.ready,
            prepared.fails,
            prepared.weight,
            prepared.target,
        )
        found = self._out_of_fold(training, prepared)
        calibrator, threshold = self._learn(found, prepared)
        pipeline = _join(prepared.estimator, prepared.front, training)
        if not warn_of_constant(pipeline):
            _warn_of_chance(found["y_prob"].to_numpy())
        # Set all attributes at the end: a failed fit leaves the model unchanged.
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(vars(prepared.columns))
        self.classes_ = prepared.target.classes
        self.fail_label_ = prepared.target.fail_label
        self.pipeline_ = pipeline
        self.calibrator_ = calibrator
        self.threshold_ = threshold
        self.out_of_fold_ = found
        self.reference_ = _summarize(found, pipeline, prepared)
        self.split_plan_ = prepared.plan
        self.data_fingerprint_ = prepared.hash_rows()
        return self

    def _prepare(
        self, X: Any, y: ArrayLike, sample_weight: Any = None, groups: Any = None
    ) -> Prepared:
        """Read and check the input, and compute history features, before any fit."""
        check_threshold(self.threshold)
        rng = check_random_state(self.random_state)
        return prepare(
            accept_columns(self._make_estimator(rng), X),
            X,
            y,
            cv=self.cv,
            draw_seed=lambda: self._seed(rng),
            sample_weight=sample_weight,
            groups=groups,
            fail_label=self.fail_label,
        )

    def deployable(self) -> DeployedClassifier:
        """Return an equivalent model without training rows.

        Returns
        -------
        model : DeployedClassifier
            The model, without samplers and out-of-fold scores. A classifier that keeps
            its training rows, such as nearest neighbours, still holds them.
        """
        check_is_fitted(self, "pipeline_")
        return DeployedClassifier(
            strip_samplers(self.pipeline_),
            self.calibrator_,
            self.threshold_,
            self._labels,
            getattr(self, "feature_names_in_", None),
            self.split_plan_.hash,
            self.data_fingerprint_,
        )

    def _make_estimator(self, rng: np.random.RandomState) -> Any:
        if self.estimator is None:
            return make_risk_pipeline(random_state=self._seed(rng))
        if not any(
            hasattr(self.estimator, method)
            for method in ("predict_proba", "decision_function")
        ):
            message = (
                "estimator needs predict_proba or decision_function; "
                f"{type(self.estimator).__name__} has neither. Pass a classifier."
            )
            raise TypeError(message)
        estimator = clone(self.estimator)
        fix_random_states(estimator, rng)
        return estimator

    def _seed(self, rng: np.random.RandomState) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(rng.randint(np.iinfo(np.int32).max))

    def _out_of_fold(self, training: Training, prepared: Prepared) -> pd.DataFrame:
        """Score each unit by a pipeline that has not seen its student."""
        tests, shown = prepared.tests, prepared.shown
        scores = Parallel(n_jobs=self.n_jobs)(
            delayed(score_fold)(training, prepared.ready, train, seen)
            for (train, _), seen in zip(prepared.plan.splits, shown, strict=True)
        )
        return prepared.found(
            given[np.searchsorted(seen, test)]
            for given, seen, test in zip(scores, shown, tests, strict=True)
        )

    def _learn(self, found: pd.DataFrame, prepared: Prepared) -> tuple[Any, float]:
        """Learn calibration and threshold from the out-of-fold scores."""
        X, units, names = prepared.X, prepared.units, prepared.names
        row = found["row"].to_numpy()
        score = found["y_score"].to_numpy()
        fails = found["y_true"].to_numpy() == 1
        students = row if units.students is None else units.students[row]
        calibrator = fit_calibrator(self.calibration, score, fails, students)
        if isinstance(self.threshold, Real):
            threshold = float(self.threshold)
        else:
            counted = units.events and isinstance(self.threshold, Capacity)
            occupancy = read_occupancy(X, row, names) if counted else None
            chosen = choose_threshold(self.threshold, score, fails, occupancy)
            threshold = float(calibrate(calibrator, np.array([chosen]))[0])
        found["y_prob"] = calibrate(calibrator, score)
        if units.events:
            keys = X.iloc[row]
            found[STUDENT] = keys[names[STUDENT]].to_numpy()
            found[COURSE] = keys[names[COURSE]].to_numpy()
            found[PARTITION] = read_partitions(keys[names[PARTITION]])
        return calibrator, threshold

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _warn_of_chance(probability: FloatArray) -> None:
    """Warn if calibration has made all probabilities about the same."""
    if np.ptp(probability) < _FLAT * probability.mean():
        warnings.warn(
            "The scores rank no better than chance out of fold, so the calibrated "
            "probabilities are the same for all, the share that fails. Check that y "
            "belongs to these rows, or bring more students.",
            UserWarning,
            stacklevel=4,
        )


def _summarize(found: pd.DataFrame, pipeline: Any, prepared: Prepared) -> Reference:
    """Summarize the students and their out-of-fold scores, for monitoring."""
    return summarize(
        pipeline,
        prepared.X,
        prepared.names,
        found["row"].to_numpy(),
        prepared.ready,
        found["y_prob"].to_numpy(),
        found["y_true"].to_numpy() == 1,
    )


def _join(estimator: Any, front: Pipeline | None, training: Training) -> Any:
    """Fit on all rows, and reinsert the steps that ran once."""
    fitted = training.fit()
    steps = [] if front is None else front.steps
    if training.sampler is not None:
        steps = [*steps, training.sampler]
    if not steps:
        return fitted
    whole = clone(estimator)
    whole.steps = [*steps, *fitted.steps]
    return whole
