"""ModelTuner: search for the best model within a budget."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from time import monotonic
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import Interval, StrOptions, fit_context
from edml.classifier import (
    Prepared,
    RiskClassifier,
    RiskPredictions,
    check_threshold,
)
from edml.feature_extraction import FEATURE_SETS, StaticColumns
from edml.metrics import make_snapshot_scorer
from edml.schema import is_event_table, read_labels, resolve_columns
from edml.tuning._algorithms import check_algorithms, make_algorithms
from edml.tuning._candidates import (
    Candidate,
    describe_failed,
    describe_unfitted,
    make_cv_results,
    make_history,
)
from edml.tuning._data import Predicted, SearchScorer, prepare_search
from edml.tuning._progress import SearchProgress
from edml.tuning._search import Search, StoppingRules
from edml.tuning._spaces import BALANCE, check_balance
from edml.tuning._warm_start import add_warm_start


class ModelTuner(RiskPredictions, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Search algorithms, their parameters and balancing for the best model.

    Each algorithm is searched by scikit-optimize's
    `BayesSearchCV <https://scikit-optimize.github.io/stable/modules/generated/\
skopt.BayesSearchCV.html>`__, on the same folds of students and on one row per
    snapshot. Features are computed once for the whole search. The best candidates
    become `RiskClassifier` models, which learn their calibration and threshold from
    out-of-fold scores on the same folds.

    The budget is divided evenly: each algorithm gets an equal share of ``n_iter`` and,
    when its turn comes, of the remaining time. Later ones get what earlier ones leave.

    ``best_score_`` is optimistic, because it chose the model among many. Evaluate the
    model on other students, with `edml.inspection.evaluate`.

    Parameters
    ----------
    algorithms : sequence of str or (name, pipeline, space), \
default=("lightgbm", "xgboost", "random_forest")
        What to search, in this order; with a ``timeout``, put the quickest first, so
        that a candidate is ready in time. Your own is a name, a pipeline or
        classifier, and a mapping of its parameters to ``(low, high)``,
        ``(low, high, "log-uniform")``, a list of choices, or a dimension of
        scikit-optimize. For edml's, see `search_space`.
    scoring : str or callable, default="average_precision"
        Any scorer. Scorers of flags see those that ``threshold`` chooses on each
        fold.
    cv : int, cross-validator or iterable, default=4
        The folds, as in `RiskClassifier`.
    n_iter : int or None, default=50
        Number of candidates to try; None for as many as time allows.
    timeout : float, default=None
        Seconds that `fit` may take, including the final fits.
    target_score : float, default=None
        A score at which to stop.
    min_score : float, default=None
        A score that a candidate must reach to be kept. If none does, `fit` warns, and
        predicting raises NotFittedError.
    n_candidates : int, default=10
        Maximum number of models to fit; fewer if time runs out.
    balance : sequence of {None, "weight", "smote", "over", "under"}, \
default=(None, "weight", "smote", "over", "under")
        The balancers that edml's algorithms may choose; "weight" lets failing rows
        weigh as much as passing ones together.
    warm_start : model, record, mapping, or list of these, default=None
        What to evaluate first: a candidate, any `RiskClassifier`, a registry's
        record, or a mapping of parameters such as ``best_params_``.
    n_jobs : int, default=None
        Number of folds to fit in parallel; None means 1, -1 all processors. Without a
        timeout, it does not affect the result.
    random_state : int, RandomState instance or None, default=None
        Controls the folds, the candidates and their fits.
    verbose : int, default=0
        0 is silent, 1 shows a bar on stderr, 2 also a line for each candidate.
    calibration : {"auto", "sigmoid", "isotonic"} or None, default="auto"
        Calibration of the candidates, as in `RiskClassifier`.
    threshold : float, str, callable or Capacity, default="f1"
        Threshold of the candidates, as in `RiskClassifier`.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` of the event table, for edml's algorithms.
    exam_kinds : {"original", "english"} or mapping of str to list of str, default=None
        The exam names of each kind; see `edml.feature_extraction.FeatureEngineer`.
    partition_days : float, default=1.0
        Length of a partition in days, for edml's algorithms.
    fail_label : label, default=None
        The label in ``y`` that means failing, as in `RiskClassifier`.
    features : {"classic", "progress", "full"}, default="classic"
        What edml's algorithms are shown; see `edml.pipeline.make_risk_pipeline`. With
        more than "classic", they keep what is unknown as NaN if ``balance`` leaves out
        "smote", which is better early in a course; else it is 0.
    static : StaticColumns, default=None
        Columns about the student for edml's algorithms.

    Attributes
    ----------
    candidates_ : list of RiskClassifier
        The best models, best first, fitted on all rows.
    best_estimator_ : RiskClassifier
        The first of them.
    best_score_ : float
        Its mean score over the folds of the search.
    best_params_ : dict
        Its algorithm and parameters, usable as ``warm_start``.
    best_index_ : int
        Its row in ``cv_results_`` and ``history_``.
    cv_results_ : dict of str to array
        As in scikit-learn's searches, with ``status``: "evaluated", "stopped" (out of
        time) or "failed".
    history_ : DataFrame of shape (n_tried, 10)
        One row per candidate: algorithm, status, score, best_score so far, started,
        wall_time, fit_time, score_time (seconds), params, error.
    candidate_indices_ : list of int
        The row of each of ``candidates_`` in ``history_``.
    split_plan_ : SplitPlan
        The folds, shared by all candidates, calibration and threshold.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer of ``scoring``.
    refit_time_ : float
        Seconds that fitting ``candidates_`` took.
    interrupted_ : bool
        Whether Ctrl-C ended the search.
    classes_ : ndarray of shape (2,)
        The labels, sorted.
    fail_label_ : label
        The one that means failing.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    search_space : The parameters that are searched.
    edml.classifier.RiskClassifier : One model, without a search.
    edml.inspection.evaluate : Evaluates it on other students.

    References
    ----------
    Snoek et al., "Practical Bayesian optimization of machine learning algorithms",
    NeurIPS 2012; with extremely randomized trees as the surrogate, as in Hutter et
    al., "Sequential model-based optimization for general algorithm configuration",
    LION 2011, doi:10.1007/978-3-642-25566-3_40.

    Examples
    --------
    >>> from edml import ModelTuner, load_activity, student_train_test_split
    >>> X, y = load_activity(return_X_y=True)
    >>> split = student_train_test_split(X, y, random_state=0)
    >>> X_train, X_test, y_train, y_test = split
    >>> tuner = ModelTuner(["lightgbm"], n_iter=3, n_candidates=1, random_state=0)
    >>> model = tuner.fit(X_train, y_train).best_estimator_
    >>> len(tuner.history_), tuner.best_params_["algorithm"]
    (3, 'lightgbm')
    >>> model.predict_proba(X_test).shape == (len(X_test), 2)
    True
    """

    __module__ = "edml.tuning"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "algorithms": [object],  # check_algorithms says more
        "scoring": [str, callable],
        "cv": ["cv_object"],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "timeout": [Interval(Real, 0, None, closed="neither"), None],
        "target_score": [Real, None],
        "min_score": [Real, None],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "balance": [object],
        "warm_start": [object],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "calibration": [StrOptions({"auto", "sigmoid", "isotonic"}), None],
        "threshold": [object],
        "columns": [Mapping, None],
        "exam_kinds": [Mapping, str, None],
        "partition_days": [Interval(Real, 0, None, closed="neither")],
        "fail_label": [object],
        "features": [StrOptions({*FEATURE_SETS})],
        "static": [StaticColumns, None],
    }

    def __init__(  # noqa: PLR0913
        self,
        algorithms: Sequence[Any] = ("lightgbm", "xgboost", "random_forest"),
        scoring: Any = "average_precision",
        cv: Any = 4,
        n_iter: int | None = 50,
        timeout: float | None = None,
        *,
        target_score: float | None = None,
        min_score: float | None = None,
        n_candidates: int = 10,
        balance: Sequence[str | None] = BALANCE,
        warm_start: Any = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        calibration: str | None = "auto",
        threshold: Any = "f1",
        columns: Mapping[str, str] | None = None,
        exam_kinds: str | Mapping[str, Iterable[str]] | None = None,
        partition_days: float = 1.0,
        fail_label: Any = None,
        features: str = "classic",
        static: StaticColumns | None = None,
    ) -> None:
        self.algorithms = algorithms
        self.scoring = scoring
        self.cv = cv
        self.n_iter = n_iter
        self.timeout = timeout
        self.target_score = target_score
        self.min_score = min_score
        self.n_candidates = n_candidates
        self.balance = balance
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.calibration = calibration
        self.threshold = threshold
        self.columns = columns
        self.exam_kinds = exam_kinds
        self.partition_days = partition_days
        self.fail_label = fail_label
        self.features = features
        self.static = static

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        callback: Callable[[dict[str, Any]], bool | None] | None = None,
    ) -> Self:
        """Search, and fit the best candidates on all rows.

        Ctrl-C ends the search early: the best candidate so far is fitted.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            An event table, or any table of numbers.
        y : array-like of shape (n_rows,)
            The outcome of each row: two classes, one of which is ``fail_label``.
        groups : array-like of shape (n_rows,), default=None
            Which rows share a fold, instead of those of a student.
        callback : callable, default=None
            Called after each candidate with a dict: its row in ``history_``, its
            ``number`` and its ``fold_scores`` (a list, empty without a score). The
            search ends if it returns True; an error that it raises ends `fit`.

        Returns
        -------
        self : ModelTuner
            The same object.

        Raises
        ------
        TableError
            If ``X`` cannot be read, or a snapshot has two outcomes.
        SplitError
            If the students cannot be divided into these folds.
        ValueError
            If a parameter is unknown or out of range, nothing bounds the search, ``y``
            does not have two classes, no candidate could be evaluated, or none could
            be fitted on all rows; in the last case ``history_`` is set.
        """
        limits = self.n_iter, self.timeout, self.target_score, self.min_score
        rules = StoppingRules(*limits, self.n_candidates, monotonic())
        rules.check()
        self._check()
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = check_random_state(seed).randint(np.iinfo(np.int32).max)
        seed = int(seed)
        params: dict[str, Any] = {
            # all candidates share the features, and SMOTE needs numbers
            "fill_value": 0.0 if "smote" in self.balance else "auto",
            "columns": self.columns,
            "exam_kinds": self.exam_kinds,
            "partition_days": self.partition_days,
            "features": self.features,
            "static": self.static,
        }
        prepared = prepare_search(X, y, groups, self.cv, seed, params, self.fail_label)
        algorithms = add_warm_start(
            self.warm_start,
            make_algorithms(self.algorithms, self.balance, prepared, params, seed),
        )
        scorer = SearchScorer(self.scoring, self.threshold, self.calibration, prepared)
        with SearchProgress(self.verbose, rules) as progress:

            def report(candidate: Candidate) -> bool:
                progress.report(candidate)
                return callback is not None and bool(callback(search.row(candidate)))

            search = Search(algorithms, prepared, scorer, rules, report)
            search.run(self.n_jobs, seed)
            self._keep(search, prepared)
            self._fit_best(search, prepared, progress, seed)
        return self

    def _check(self) -> None:
        """Raise ValueError for invalid parameters, before anything is read."""
        check_algorithms(self.algorithms)
        check_balance(self.balance)
        check_threshold(self.threshold)
        if isinstance(self.scoring, str) and self.scoring not in get_scorer_names():
            message = (
                f"scoring={self.scoring!r} is not a scorer. Pass one of "
                "sklearn.metrics.get_scorer_names(), or a scorer."
            )
            raise ValueError(message)
        check_scoring(scoring=self.scoring)

    def _keep(self, search: Search, prepared: Prepared) -> None:
        """Set what was found; no error of a later fit can lose it."""
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.pop("best_estimator_", None)
        self.__dict__.update(vars(prepared.columns))
        self.classes_ = prepared.target.classes
        self.fail_label_ = prepared.target.fail_label
        self.split_plan_ = prepared.plan
        self.n_splits_ = len(prepared.plan.splits)
        self.scorer_ = check_scoring(scoring=self.scoring)
        self.cv_results_ = make_cv_results(search.candidates, self.n_splits_)
        self.candidates_: list[RiskClassifier] = []
        self.candidate_indices_: list[int] = []
        self.refit_time_ = 0.0
        self._show(search, search.best[0])

    def _show(self, search: Search, best: Candidate) -> None:
        self.history_ = make_history(search.candidates)
        self.interrupted_ = search.interrupted
        self.best_index_ = best.number
        self.best_score_ = best.score
        self.best_params_ = dict(best.params)

    def _fit_best(
        self, search: Search, prepared: Prepared, progress: SearchProgress, seed: int
    ) -> None:
        """Fit the best candidates on all rows, as far as time allows."""
        start = search.rules.spent
        fit_model = partial(self._fit_model, prepared, seed)
        for candidate, model in search.fit_best(fit_model, progress.refit):
            self.candidates_.append(model)
            self.candidate_indices_.append(candidate.number)
        self.refit_time_ = search.rules.spent - start
        best = search.best[0]
        if self.candidates_:
            best = search.candidates[self.candidate_indices_[0]]
            self.best_estimator_ = self.candidates_[0]
        self._show(search, best)
        self._warn(search)

    def _fit_model(
        self, prepared: Prepared, seed: int, candidate: Candidate
    ) -> RiskClassifier:
        pipeline = candidate.algorithm.configure(candidate.evaluation.params)
        # a number draws the same folds here, and fits other tables too
        again = isinstance(self.cv, Integral) or hasattr(self.cv, "split")
        model = RiskClassifier(
            pipeline,
            calibration=self.calibration,
            threshold=self.threshold,
            cv=self.cv if again else prepared.plan,
            n_jobs=self.n_jobs,
            random_state=seed,
            fail_label=self.fail_label,
        )
        return model.fit_prepared(prepared.of(pipeline))

    def _warn(self, search: Search) -> None:
        """Warn of candidates that failed; raise where none could be fitted."""
        messages = [describe_failed(search.candidates)]
        if not search.good:
            messages.append(
                f"No candidate reached min_score={self.min_score:g}; the best reached "
                f"{self.best_score_:.4g}. There is no model; history_ holds what was "
                "tried."
            )
        unfitted = describe_unfitted(search.candidates)
        for message in filter(None, [*messages, unfitted if self.candidates_ else ""]):
            warnings.warn(message, UserWarning, stacklevel=5)
        if unfitted and not self.candidates_:
            raise ValueError(unfitted)

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags
