"""The search of one algorithm: `BayesSearchCV`, which records what it tries.

The only module that imports scikit-optimize, next to the search spaces.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
from skopt import BayesSearchCV, Optimizer
from skopt.learning import ExtraTreesRegressor
from skopt.sampler import InitialPointGenerator, Lhs
from skopt.space import Categorical, Dimension, Integer

Params = dict[str, Any]

_N_DRAWN = 7  # points of a Latin hypercube, before the surrogate proposes any
_UNSCORED = -1e3  # for a candidate that fails before any other has a score


class OutOfTimeError(Exception):
    """A candidate was stopped because its time was over."""


class NoScoreError(Exception):
    """No candidate of a search could be evaluated."""


@dataclass(frozen=True)
class Evaluation:
    """The scores of a candidate on the folds, or its error; times summed over folds.

    ``started`` is an instant of `time.monotonic`.
    """

    params: Params
    started: float
    wall_time: float
    scores: tuple[float, ...] = ()
    fit_time: float = 0.0
    score_time: float = 0.0
    error: Exception | None = None


class SinglePointOptimizer(Optimizer):
    """An optimizer that does not copy itself to propose a list of one point.

    scikit-optimize's does, and so fits the surrogate three times per candidate.
    """

    def ask(self, n_points: int | None = None, strategy: str = "cl_min") -> Any:
        return [super().ask()] if n_points == 1 else super().ask(n_points, strategy)


class RecordedSearch(BayesSearchCV):
    """`BayesSearchCV` that outlives failing candidates and Ctrl-C.

    scikit-learn ends a search in which all fits of a candidate fail, whatever
    ``error_score`` is. Here the candidate gets the worst score so far.
    """

    def __getstate__(self) -> dict[str, Any]:
        # scikit-learn sends the search along with each fit in another process, where
        # callbacks may not be able to go, and nothing needs what was found
        local = {"_callbacks", "optimizers_", "_optim_results", "evaluations_"}
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name not in local}

    def _make_optimizer(self, params_space: Mapping[str, Dimension]) -> Optimizer:
        dimensions = [params_space[name] for name in sorted(params_space)]
        return SinglePointOptimizer(dimensions, **self.optimizer_kwargs_)

    def _run_search(self, evaluate_candidates: Any) -> None:
        # scikit-learn's documented place to customise how candidates are evaluated
        self.evaluations_: list[Evaluation] = []
        self.interrupted_ = False
        known: dict[str, float] = {}  # a point that comes again is not fitted again

        def evaluate(candidates: list[Params]) -> dict[str, Any]:
            for params in candidates:
                key = repr(sorted(params.items()))
                if key not in known:
                    evaluation = _evaluate(evaluate_candidates, params)
                    self.evaluations_.append(evaluation)
                    worst = min(known.values(), default=_UNSCORED)
                    scores = evaluation.scores or (worst,)
                    known[key] = float(np.mean(scores))
            keys = [repr(sorted(params.items())) for params in candidates]
            return {"mean_test_score": np.array([known[key] for key in keys])}

        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The objective has been evaluated")
                # of a candidate, whose score says so; models that are kept still warn
                warnings.filterwarnings("ignore", "The fitted model gives one")
                super()._run_search(evaluate)
        except KeyboardInterrupt:
            if not any(one.scores for one in self.evaluations_):
                raise
            self.interrupted_ = True
        if not any(one.scores for one in self.evaluations_):
            raise NoScoreError


def _evaluate(evaluate_candidates: Any, params: Params) -> Evaluation:
    start = monotonic()
    try:
        results = evaluate_candidates([params])
    except Exception as error:  # whatever a classifier or a scorer raises
        return Evaluation(params, start, monotonic() - start, error=error)
    wall_time = monotonic() - start
    splits = [name for name in results if name.startswith("split")]
    return Evaluation(
        params,
        start,
        wall_time,
        tuple(float(results[name][-1]) for name in splits),
        float(results["mean_fit_time"][-1]) * len(splits),
        float(results["mean_score_time"][-1]) * len(splits),
    )


class FirstPoints(InitialPointGenerator):
    """Start with given points; the others come from a Latin hypercube."""

    def __init__(self, points: Sequence[Sequence[Any]]) -> None:
        self.points = points

    def generate(
        self, dimensions: Any, n_samples: int, random_state: Any = None
    ) -> list[list[Any]]:
        """Return ``n_samples`` points, each with a value for every dimension."""
        given = [list(point) for point in self.points[:n_samples]]
        n_drawn = n_samples - len(given)
        return given + Lhs().generate(dimensions, n_drawn, random_state)


def make_search(
    estimator: Any,
    space: Mapping[str, Dimension],
    first: Sequence[Params],
    random_state: int,
    **params: Any,
) -> RecordedSearch:
    """Return the search of one space, which begins with the points of ``first``."""
    names = sorted(space)  # the order in which BayesSearchCV lays out a point
    optimizer = {
        # a Gaussian process takes as long as the fits from some 50 points on
        "base_estimator": ExtraTreesRegressor(
            n_estimators=25, min_samples_leaf=2, random_state=random_state
        ),
        "n_initial_points": len(first) + _N_DRAWN,
        "initial_point_generator": FirstPoints([[p[n] for n in names] for p in first]),
        "acq_func": "EI",
        # scores differ by less than the improvement that it asks for by default
        "acq_func_kwargs": {"xi": 0.0},
        "acq_optimizer_kwargs": {"n_points": 1000},
        "model_queue_size": 1,
    }
    # one space in a list: total_iterations would count the names of a mapping
    return RecordedSearch(
        estimator,
        [dict(space)],
        optimizer_kwargs=optimizer,
        refit=False,
        random_state=random_state,
        **params,
    )


def count_points(space: Mapping[str, Dimension]) -> float:
    """Return how many points a space has; infinity where one dimension is real."""
    sizes = [
        len(one.categories)
        if isinstance(one, Categorical)
        else one.high - one.low + 1
        if isinstance(one, Integer)
        else float("inf")
        for one in space.values()
    ]
    return float(np.prod(sizes))
