"""ModelTuner: the best honest model for the time given."""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import Interval, StrOptions, fit_context
from edml.classifier import Capacity, RiskClassifier
from edml.classifier._prepared import Prepared, prepare
from edml.classifier._thresholds import check_threshold
from edml.classifier._training import prepare_training
from edml.metrics import make_snapshot_scorer
from edml.pipeline import make_risk_pipeline
from edml.schema import FloatArray, is_event_table, read_occupancy, resolve_columns
from edml.tuning._algorithms import (
    BALANCE,
    Algorithm,
    check_algorithms,
    check_features,
    check_names,
    make_algorithms,
)
from edml.tuning._choosing import choose
from edml.tuning._clock import Clock
from edml.tuning._failures import check_any, warn_failures
from edml.tuning._material import Material, read_matrix
from edml.tuning._progress import SearchProgress
from edml.tuning._results import best_params, make_cv_results, make_history, make_row
from edml.tuning._scoring import FlagRule, Scorer
from edml.tuning._search import Search, Stops
from edml.tuning._trial import Evaluator, Trial
from edml.tuning._warm_start import read_warm_start
from edml.tuning._workers import Workers


class ModelTuner(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Search algorithm, parameters and balancing for the best honest model.

    All candidates are judged on the same folds, in which a student is on one side
    only, on one row per snapshot. Histories are described once for the whole search.
    Each algorithm has an optimizer of its own (scikit-optimize's); the budget goes
    to those that have shown most. The number of trees is read off each fit as it
    grows; a candidate that is hopeless on half of the folds is dropped. Towards the
    end the best ones are refined: evaluated once more, of more and finer trees. At the
    end the best of each algorithm are blended: their mean is a candidate too, for
    which nothing is fitted anew in the folds. The best become `RiskClassifier` models,
    whose calibration and threshold are learned from the out-of-fold scores of the
    search: none of their folds is fitted again.

    ``best_score_`` chose the model among many, so it flatters it. Judge the model on
    other students, with `edml.inspection.evaluate`.

    Parameters
    ----------
    algorithms : sequence of str or (name, pipeline, space), \
default=("random_forest", "lightgbm", "xgboost")
        What to search over. Of your own: a name, a pipeline or classifier, and a
        mapping of its parameters to ``(low, high)``, ``(low, high,
        "log-uniform")``, a list of choices, or a dimension of scikit-optimize.
    scoring : str or callable, default="average_precision"
        Any scorer. Those of ranking and of probabilities see probabilities; those
        of flags see the flags of the threshold that the candidate would have.
    cv : int, cross-validator or iterable, default=4
        The folds, as in `RiskClassifier`.
    n_iter : int or None, default=50
        How many candidates to try, refined ones and blends included; None is as many
        as the time allows.
    timeout : float, default=None
        Seconds that `fit` may take, refits included.
    target_score : float, default=None
        A score at which to stop.
    min_score : float, default=None
        A score that a candidate must reach to be kept.
    n_candidates : int, default=10
        How many models to make at most; fewer where time runs out.
    balance : sequence of {None, "weight", "smote", "over", "under"}, \
default=(None, "weight", "smote", "over", "under")
        The balancers that edml's own algorithms may choose; "weight" lets failing
        rows weigh as much as passing ones together.
    warm_start : model, record, mapping, or list of these, default=None
        What to evaluate first: a candidate, any `RiskClassifier`, a registry's
        record, or a mapping of parameters such as ``best_params_``.
    n_jobs : int, default=None
        Folds that are fitted at a time; None is one, -1 all processors. Forests and
        small tables are fitted in processes, large tables in threads that share
        them. Without a timeout it changes no result.
    random_state : int, RandomState instance or None, default=None
        Draws the folds, the candidates, and all that they draw.
    verbose : int, default=0
        0 is silent, 1 shows a bar on stderr, 2 also a line for each candidate.
    calibration : {"auto", "sigmoid", "isotonic"} or None, default="auto"
        Of the candidates, as in `RiskClassifier`.
    threshold : float, str, callable or Capacity, default="f1"
        Of the candidates, as in `RiskClassifier`.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` of the event table, for edml's own algorithms.
    exam_kinds : mapping of str to list of str, default=None
        The exam names of each kind; see `edml.feature_extraction.FeatureEngineer`.
    n_blended : int, default=5
        Of how many candidates a blend is the mean, at most: see
        `edml.pipeline.Blend`. 1 makes none, for models that are small and fast.
        Candidates of your own algorithms are not blended, and those that train on
        other days than the best not with it.

    Attributes
    ----------
    candidates_ : list of RiskClassifier
        The best models, best first, fitted on everything; a refined one comes before
        those of its algorithm that are not refined, unless they are far ahead, and a
        blend before its best member.
    best_estimator_ : RiskClassifier
        The first of them.
    best_score_ : float
        Its mean score over the folds of the search; where the number of trees was
        read off the fits, each fold with as many as were best over the others.
    best_params_ : dict
        Its algorithm and parameters, of a blend those of its ``members``; fit for
        ``warm_start``.
    best_index_ : int
        Its place in ``cv_results_`` and ``history_``.
    cv_results_ : dict of str to array
        As of scikit-learn's searches, but the first in rank need not be the best one,
        if it was not refined or blended; ``status`` is "evaluated", "dropped" (after
        half of the folds), "stopped" (too slow) or "failed".
    history_ : DataFrame of shape (n_tried, 15)
        One row per candidate: algorithm, status, score, best_score so far, estimate
        (the score, or what half of the folds let expect), roc_auc, refines (the row
        of which it is the refined one; NaN for the others), blends (of how many
        rows it is the mean; 0 for the others), n_folds, started, wall_time, fit_time,
        score_time (seconds), params, error.
    candidate_indices_ : list of int
        The place of each of ``candidates_`` in ``history_``.
    split_plan_ : SplitPlan
        The folds, shared by all candidates, calibration and threshold.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        What scored.
    refit_time_ : float
        Seconds that the fits on everything took.
    interrupted_ : bool
        Whether Ctrl-C ended the search.
    classes_ : ndarray of shape (2,)
        The labels, ascending: passes, fails.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where all are strings.

    See Also
    --------
    edml.classifier.RiskClassifier : One model, without a search.
    edml.inspection.evaluate : Judges it on other students.

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
        "exam_kinds": [Mapping, None],
        "n_blended": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        algorithms: Sequence[Any] = ("random_forest", "lightgbm", "xgboost"),
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
        exam_kinds: Mapping[str, Iterable[str]] | None = None,
        n_blended: int = 5,
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
        self.n_blended = n_blended

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        callback: Callable[[dict[str, Any]], bool | None] | None = None,
    ) -> Self:
        """Search, and make models of the best candidates.

        Ctrl-C ends the search early: the best candidate so far is refitted.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The event table, or a plain one.
        y : array-like of shape (n_rows,)
            The outcome of each row: two classes, the higher of which fails.
        groups : array-like of shape (n_rows,), default=None
            What stays together in a fold, instead of the student column.
        callback : callable, default=None
            Called with each candidate when it is done: a dict of its row in
            ``history_``, its ``number`` in it, and ``fold_scores``, a list that is
            empty unless all folds were evaluated. If it returns True the search
            ends there. What it raises ends ``fit``.

        Returns
        -------
        self : ModelTuner
            The same object.

        Raises
        ------
        TableError
            If ``X`` cannot be read, or a snapshot has two outcomes.
        SplitError
            If the students cannot be divided so.
        ValueError
            If a parameter is unknown or out of range, nothing bounds the search,
            ``y`` has other than two classes, or no candidate could be evaluated.
        """
        clock = Clock(None if self.timeout is None else float(self.timeout))
        self._check()
        rng = check_random_state(self.random_state)
        seed = self._seed(rng)
        prepared = self._prepare(X, y, groups, seed)
        algorithms = self._make_algorithms(prepared, seed)
        given = read_warm_start(self.warm_start, algorithms)
        scorer = Scorer(self.scoring, prepared.X, prepared.fails, prepared.units.rows)
        flags = FlagRule(
            self.threshold,
            self.calibration,
            prepared.units.students,
            self._occupancy(prepared, scorer),
        )
        material = Material(prepared)
        stops = Stops(self.n_iter, self.target_score, self.n_candidates, self.n_blended)
        with (
            SearchProgress(self.verbose, clock, self.n_iter) as progress,
            Workers(self.n_jobs) as workers,
        ):
            evaluator = Evaluator(material, scorer, flags, workers)

            def report(trial: Trial) -> bool:
                progress.report(trial)
                return callback is not None and bool(callback(_row_of(trial, search)))

            search = Search(algorithms, evaluator, clock, stops, seed, report)
            search.run(given)
            check_any(search.trials)
            models = self._refit(search, prepared, clock, progress, seed)
        self._keep(search, models, prepared)
        warn_failures(search.trials)
        return self

    def _check(self) -> None:
        """Refuse what cannot be searched, before anything is read."""
        check_algorithms(self.algorithms, self.balance)
        check_threshold(self.threshold)
        if isinstance(self.scoring, str) and self.scoring not in get_scorer_names():
            message = (
                f"scoring={self.scoring!r} is no scorer. Pass one of "
                "sklearn.metrics.get_scorer_names(), or a scorer."
            )
            raise ValueError(message)
        check_scoring(scoring=self.scoring)
        for name in ("target_score", "min_score"):
            if np.isnan(getattr(self, name) or 0.0):
                message = f"{name} is NaN, which no score reaches. Pass a number."
                raise ValueError(message)
        if self.n_iter is None and self.timeout is None and self.target_score is None:
            message = (
                "Nothing bounds the search: n_iter, timeout and target_score are None. "
                "Set one of them."
            )
            raise ValueError(message)

    def _seed(self, rng: np.random.RandomState) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(rng.randint(np.iinfo(np.int32).max))

    def _prepare(
        self, X: Any, y: ArrayLike, groups: ArrayLike | None, seed: int
    ) -> Prepared:
        """Read the table, and describe its histories where it is one of events."""
        pipeline = make_risk_pipeline(columns=self.columns, exam_kinds=self.exam_kinds)
        events = is_event_table(X, resolve_columns(self.columns))
        base = pipeline if events else pipeline[-1]
        return prepare(base, X, y, cv=self.cv, draw_seed=lambda: seed, groups=groups)

    def _make_algorithms(self, prepared: Prepared, seed: int) -> list[Algorithm]:
        events = prepared.front is not None
        if events:
            check_features(self.algorithms)
        else:
            check_names(self.algorithms, prepared.X)
        own = any(isinstance(entry, str) for entry in self.algorithms)
        impute = False
        if own and not events:
            impute = bool(np.isnan(read_matrix(prepared.X)).any())
        n_fails = max(1, int(prepared.fails[prepared.units.rows].sum()))
        n_units = len(prepared.units.rows)
        return make_algorithms(
            self.algorithms,
            self.balance,
            pipeline_params={"columns": self.columns, "exam_kinds": self.exam_kinds},
            n_rows=n_units // 3 if events else n_units,
            ratio=(n_units - n_fails) / n_fails,
            events=events,
            impute=impute,
            random_state=seed,
        )

    def _occupancy(self, prepared: Prepared, scorer: Scorer) -> Any:
        if not (scorer.by_flags and isinstance(self.threshold, Capacity)):
            return None
        rows = np.concatenate(prepared.tests)
        return read_occupancy(prepared.X, rows, prepared.names)

    def _refit(
        self,
        search: Search,
        prepared: Prepared,
        clock: Clock,
        progress: SearchProgress,
        seed: int,
    ) -> list[tuple[Trial, RiskClassifier]]:
        """Fit the best candidates on everything, as far as there is time."""
        models: list[tuple[Trial, RiskClassifier]] = []
        chosen = choose(search.ranked, self.n_candidates, self.min_score)
        start = clock.spent
        for number, trial in enumerate(chosen, start=1):
            late = search.refit_time(trial) > clock.left
            if models and (search.interrupted or late):
                continue  # one that takes less time may still fit in
            progress.refit(number, len(chosen))
            try:
                models.append((trial, self._make_model(trial, prepared, seed)))
            except KeyboardInterrupt:
                if not models:
                    raise
                search.interrupted = True
        self.refit_time_ = clock.spent - start
        return models

    def _make_model(
        self, trial: Trial, prepared: Prepared, seed: int
    ) -> RiskClassifier:
        """Make the model that `RiskClassifier.fit` would, from the scores there are."""
        pipeline = trial.pipeline()
        # a number draws the same folds here, and fits other tables too
        again = isinstance(self.cv, Integral) or hasattr(self.cv, "split")
        model = RiskClassifier(
            pipeline,
            calibration=self.calibration,
            threshold=self.threshold,
            cv=self.cv if again else prepared.plan,
            n_jobs=self.n_jobs,
            random_state=seed,
        )
        own = prepared.of(pipeline)
        training = prepare_training(own.rest, own.ready, own.fails, None)
        return model._finish(own, training, own.found(trial.probabilities or []))

    def _keep(
        self,
        search: Search,
        models: list[tuple[Trial, RiskClassifier]],
        prepared: Prepared,
    ) -> None:
        """Set what was found, all at once."""
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(vars(prepared.columns))
        self.classes_ = prepared.classes
        self.split_plan_ = prepared.plan
        self.n_splits_ = len(prepared.plan.splits)
        self.scorer_ = check_scoring(scoring=self.scoring)
        self.interrupted_ = search.interrupted
        self.history_ = make_history(search.trials)
        self.cv_results_ = make_cv_results(search.trials, self.n_splits_)
        best = models[0][0] if models else search.evaluated[0]
        self.best_index_ = best.number
        self.best_score_ = best.score
        self.best_params_ = best_params(best)
        self.candidates_ = [model for _, model in models]
        self.candidate_indices_ = [trial.number for trial, _ in models]
        self.__dict__.pop("best_estimator_", None)
        if self.candidates_:
            self.best_estimator_ = self.candidates_[0]
        else:
            warnings.warn(
                f"No candidate reached min_score={self.min_score:g}; the best reached "
                f"{self.best_score_:.4g}. There is no model; history_ tells what was "
                "tried.",
                UserWarning,
                stacklevel=4,
            )

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
        """What maps its scores to probabilities."""
        return self._model.calibrator_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

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
        """Give the calibrated probability of each class by the best candidate.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, 2)
            Of ``classes_``: passing, then failing.

        Raises
        ------
        NotFittedError
            If there is no candidate.
        """
        return self._model.predict_proba(X)

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

        Raises
        ------
        NotFittedError
            If there is no candidate.
        """
        return self._model.predict(X)

    def score_students(self, X: pd.DataFrame, *args: Any, **params: Any) -> Any:
        """List the students with their risk, by the best candidate.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_columns)
            The event table.
        *args, **params : object
            As of `RiskClassifier.score_students`.

        Returns
        -------
        students : DataFrame of shape (n_histories, n_columns)
            See there.

        Raises
        ------
        NotFittedError
            If there is no candidate.
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

        Raises
        ------
        NotFittedError
            If there is no candidate.
        """
        model = self._model
        if is_event_table(X, resolve_columns(self.columns)):
            scorer = make_snapshot_scorer(self.scoring, columns=self.columns)
            return float(scorer(model, X, y))
        return float(self.scorer_(model, X, y))


def _row_of(trial: Trial, search: Search) -> dict[str, Any]:
    """Give what a callback is told of a candidate."""
    best = search.evaluated[0].score if search.evaluated else float("nan")
    row = make_row(trial, best)
    return {"number": trial.number, **row, "fold_scores": list(trial.scores)}
