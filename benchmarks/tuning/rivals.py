"""The tools that are compared, each given the same seconds and the same two cores.

A tool is a function ``(task, budget, seed, n_jobs)`` that gives its trials: for each
evaluation when it was done, in seconds of the budget, its score in cross-validation,
and how to refit it on the whole train side and predict the test side. The best trial
within a budget is a tool's answer at that budget. The refit is free of charge for
the rivals; edml pays for its own.

One run of hyperopt, Optuna, BayesSearchCV and FLAML at the largest budget gives the
answers at the smaller ones too, refitted afterwards, for what they try does not
depend on the budget (FLAML's choice of the learner does a little, towards the end of
it). edml plans with its budget, so that it is run for each.

hyperopt, optuna
    TPE with its defaults, over `spaces`. Features are described once, before the
    search, and each snapshot is one row: the score is the mean over the task's folds
    of the average precision. The folds run in ``n_jobs`` processes, which was faster
    than threads, and than threads of the learners.
flaml
    Its own three learners and spaces, on the same rows, of which it trains on each
    third day, as edml's pipeline does by default; the task's folds. These cannot run
    in parallel: its learners use ``n_jobs`` threads, or one where that is faster,
    which is tried before the clock starts.
bayes
    Plain ``BayesSearchCV``, a search for each algorithm with a third of the budget,
    for it goes through its spaces one after the other. Event tables are searched as
    a plain use would: `make_risk_pipeline` on raw rows, described anew in each fold.
    The seconds of a search count threefold, which gives the answer at any budget.
    The folds run in ``n_jobs`` processes.
edml
    ``ModelTuner(n_iter=None, timeout=budget)`` on the raw rows, with the task's folds
    and ``n_jobs`` threads. What it drops after half of the folds is not counted as an
    evaluation.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import hyperopt
import numpy as np
import optuna
from imblearn.pipeline import Pipeline
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from skopt import BayesSearchCV
from spaces import SPACES, Balancer, make_classifier, make_pipeline, suggest, to_skopt
from spaces import to_hyperopt as hyperopt_space

from datasets import Rows, as_rows, judged_rows
from edml import make_risk_pipeline
from edml.model_selection import SplitPlan
from edml.tuning import ModelTuner

SCORING = "average_precision"
FLAML_EVERY = 3  # the default of make_risk_pipeline


class Trial(NamedTuple):
    """One evaluation: when it was done, its score, and its refit on the train side."""

    seconds: float
    score: float
    predict: Callable[[], np.ndarray]  # risks of the judged rows of the test side
    params: dict


def warm_up(n_jobs):
    """Start the processes that fit folds; their imports are not the search's."""
    rows = Rows(np.zeros((2, 1)), np.array([0, 1]), [], None, None, None)
    every = np.arange(2)
    for algorithm in SPACES:  # unpickled there, so that its library is imported
        model = make_classifier(algorithm, 0)
        jobs = [delayed(_score_fold)(model, rows, every, every)] * 2 * n_jobs
        Parallel(n_jobs=n_jobs)(jobs)


# -- hyperopt and Optuna ----------------------------------------------------------


class _Objective:
    """The mean average precision of a point over the folds, and the trials so far."""

    def __init__(self, task, seed, n_jobs):
        self.start = time.perf_counter()  # to describe the histories costs time too
        self.rows = as_rows(task)
        self.seed = seed
        self.n_jobs = n_jobs
        self.parallel = Parallel(n_jobs=n_jobs)
        self.trials = []

    @property
    def thin(self):
        return self.rows.days is not None

    @property
    def elapsed(self):
        return time.perf_counter() - self.start

    def __call__(self, params):
        pipeline = make_pipeline(params, self.rows.y, self.seed)
        jobs = [
            delayed(_score_fold)(
                pipeline, self.rows, self._thinned(train, params), test
            )
            for train, test in self.rows.folds
        ]
        score = float(np.mean(self.parallel(jobs)))
        self.trials.append(
            Trial(self.elapsed, score, lambda: self._refit(params), params)
        )
        return score

    def _thinned(self, train, params):
        if not self.thin:
            return train
        return train[self.rows.days[train] % params["every"] == 0]

    def _refit(self, params):
        train = self._thinned(np.flatnonzero(self.rows.trainable), params)
        pipeline = make_pipeline(params, self.rows.y, self.seed, self.n_jobs)
        pipeline.fit(self.rows.X[train], self.rows.y[train])
        return pipeline.predict_proba(self.rows.X_test)[:, 1]


def _score_fold(pipeline, rows, train, test):
    model = clone(pipeline).fit(rows.X[train], rows.y[train])
    risk = model.predict_proba(rows.X[test])[:, 1]
    return average_precision_score(rows.y[test], risk)


def run_hyperopt(task, budget, seed, n_jobs):
    """Search with hyperopt's tree of Parzen estimators."""
    objective = _Objective(task, seed, n_jobs)
    with objective.parallel:
        hyperopt.fmin(
            lambda point: (
                -objective(
                    {
                        "balance": point["balance"],
                        "every": point.get("every"),
                        **point["branch"],
                    }
                )
            ),
            hyperopt_space(objective.thin),
            algo=hyperopt.tpe.suggest,
            timeout=budget - objective.elapsed,
            rstate=np.random.default_rng(seed),
            show_progressbar=False,
            verbose=False,
        )
    return objective.trials


def run_optuna(task, budget, seed, n_jobs):
    """Search with Optuna's tree of Parzen estimators."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    objective = _Objective(task, seed, n_jobs)
    sampler = optuna.samplers.TPESampler(seed=seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    with objective.parallel:
        study.optimize(
            lambda trial: objective(suggest(trial, objective.thin)),
            timeout=budget - objective.elapsed,
        )
    return objective.trials


# -- FLAML ------------------------------------------------------------------------


def run_flaml(task, budget, seed, n_jobs):
    """Search with FLAML's own strategy and spaces."""
    from flaml import AutoML  # noqa: PLC0415 - slow, and loud about what it lacks

    n_jobs = _faster_threads(task, n_jobs)
    start = time.perf_counter()
    rows = as_rows(task)
    thinned = rows.trainable.copy()
    if rows.days is not None:
        thinned &= rows.days % FLAML_EVERY == 0
    folds = [(train[thinned[train]], test) for train, test in rows.folds]
    common = {
        "task": "classification",
        "eval_method": "cv",
        "split_type": SplitPlan(folds, len(rows.y)),
        "n_splits": len(folds),
        "n_jobs": n_jobs,
        "auto_augment": False,
    }
    log = Path(tempfile.mkdtemp()) / "flaml.log"
    described = time.perf_counter() - start
    AutoML().fit(
        rows.X,
        rows.y,
        metric="ap",
        time_budget=budget - described,
        estimator_list=["rf", "lgbm", "xgboost"],
        log_file_name=str(log),
        log_type="all",
        retrain_full=False,
        seed=seed,
        verbose=0,
        **common,
    )
    records = [json.loads(line) for line in log.read_text().splitlines()]

    def refit(number):
        automl = AutoML()
        train = np.flatnonzero(thinned)
        # a splitter of its own length: no row is held out here
        common["split_type"] = "uniform"
        automl.retrain_from_log(
            str(log),
            rows.X[train],
            rows.y[train],
            record_id=number,
            train_full=True,
            **common,
        )
        return automl.predict_proba(rows.X_test)[:, 1]

    return [
        Trial(
            described + record["wall_clock_time"],
            1 - record["validation_loss"],
            lambda number=number: refit(number),
            {"algorithm": record["learner"], **record["config"]},
        )
        for number, record in enumerate(records)
        if "validation_loss" in record  # the last line is a summary
    ]


def _faster_threads(task, n_jobs):
    """Give ``n_jobs`` if LightGBM fits the rows faster so, else 1."""
    rows = as_rows(task)
    train, _ = rows.folds[0]
    best = {1: np.inf, n_jobs: np.inf}
    for threads in [1, n_jobs] * 3:
        model = make_classifier("lightgbm", 0, threads)
        start = time.perf_counter()
        model.fit(rows.X[train], rows.y[train])
        best[threads] = min(best[threads], time.perf_counter() - start)
    return min(best, key=best.get)


# -- plain BayesSearchCV ------------------------------------------------------------


def run_bayes(task, budget, seed, n_jobs):
    """Search with BayesSearchCV, one algorithm after the other."""
    share = budget / len(SPACES)
    return [
        trial
        for algorithm in SPACES
        for trial in _bayes_search(algorithm, task, share, seed, n_jobs)
    ]


def _bayes_search(algorithm, task, share, seed, n_jobs):
    classifier = make_classifier(algorithm, seed)
    if task.kind == "events":
        pipeline = make_risk_pipeline(classifier, balance=Balancer())
    else:
        pipeline = Pipeline([("balance", Balancer()), ("classify", classifier)])
    search = BayesSearchCV(
        pipeline,
        to_skopt(algorithm, task.y_train),
        n_iter=100_000,
        scoring=SCORING,
        cv=task.folds,
        refit=False,
        n_jobs=n_jobs,
        random_state=seed,
    )
    done = []
    start = time.perf_counter()

    def note(result):
        seconds = time.perf_counter() - start
        done.append((seconds * len(SPACES), -result.func_vals[-1], result.x_iters[-1]))
        return seconds >= share

    search.fit(task.X_train, task.y_train, callback=note)
    names = sorted(search.search_spaces)  # the order of a point's values

    def refit(params):
        model = clone(pipeline).set_params(**params)
        model.set_params(classify__n_jobs=n_jobs).fit(task.X_train, task.y_train)
        return model.predict_proba(task.X_test)[judged_rows(task), 1]

    trials = []
    for seconds, score, point in done:
        params = dict(zip(names, point, strict=True))
        shown = {"algorithm": algorithm, **{n: str(v) for n, v in params.items()}}
        trials.append(Trial(seconds, score, lambda params=params: refit(params), shown))
    return trials


# -- edml -----------------------------------------------------------------------


def run_edml(task, budget, seed, n_jobs):
    """Search with ModelTuner, which refits within its budget."""
    tuner = ModelTuner(
        scoring=SCORING,
        cv=task.folds,
        n_iter=None,
        timeout=budget,
        n_jobs=n_jobs,
        random_state=seed,
    )
    try:
        tuner.fit(task.X_train, task.y_train)
    except ValueError as error:
        if "in the time given" in str(error):  # the rivals have no model then either
            return []
        raise

    def predict():
        return tuner.predict_proba(task.X_test)[judged_rows(task), 1]

    # The answer is the model that it hands back; the others are counted alone.
    best = Trial(0.0, tuner.best_score_, predict, tuner.best_params_)
    n_evaluated = int((tuner.history_["status"] == "evaluated").sum())
    return [best, *[Trial(0.0, -np.inf, predict, {})] * (n_evaluated - 1)]


TOOLS = {
    "edml": run_edml,
    "hyperopt": run_hyperopt,
    "optuna": run_optuna,
    "flaml": run_flaml,
    "bayes": run_bayes,
}
