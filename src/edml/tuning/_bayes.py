"""Where the next candidate comes from: the only importer of scikit-optimize."""

import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from skopt import BayesSearchCV
from skopt.learning import ExtraTreesRegressor
from skopt.space import Categorical, Dimension, Integer
from skopt.space import Real as RealDimension
from skopt.space import check_dimension as _check_dimension

_N_INITIAL = 8  # points drawn before the surrogate has a say
_N_TREES = 25
_N_LOOKED_AT = 1000  # points among which the surrogate's favourite is sought
_TRIES = 25  # for a point that was not drawn before

Params = dict[str, Any]


def one_of(*choices: Any) -> Dimension:
    """Give the dimension of a choice between values of any kind."""
    return Categorical(choices)


def whole(low: int, high: int, *, log: bool = False) -> Dimension:
    """Give the dimension of a whole number from ``low`` to ``high``."""
    return Integer(low, high, prior="log-uniform" if log else "uniform")


def real(low: float, high: float, *, log: bool = False) -> Dimension:
    """Give the dimension of a number from ``low`` to ``high``."""
    return RealDimension(low, high, prior="log-uniform" if log else "uniform")


def read_dimension(value: Any) -> Dimension:
    """Read what scikit-optimize takes for a dimension.

    Parameters
    ----------
    value : Dimension, tuple or list
        ``(low, high)``, ``(low, high, "log-uniform")``, or a list of choices.

    Returns
    -------
    dimension : Dimension

    Raises
    ------
    ValueError
        If it is none.
    """
    if isinstance(value, list):  # of two numbers, it would make a range
        return Categorical(_distinct(value))
    if isinstance(value, tuple):
        _check_range(value)
    return _check_dimension(value)


def _distinct(choices: list[Any]) -> list[Any]:
    if not choices:
        message = "There is no choice in it."
        raise ValueError(message)
    told = [repr(_plain(choice)) for choice in choices]
    if len(set(told)) < len(told):
        message = "A choice is there more than once."
        raise ValueError(message)
    return choices


def _check_range(value: tuple[Any, ...]) -> None:
    kinds = ("uniform", "log-uniform")
    ends = [v for v in value[:2] if isinstance(v, Real) and not isinstance(v, bool)]
    known = len(value) == 2 or (len(value) == 3 and value[2] in kinds)
    if len(ends) != 2 or not known or not np.isfinite(np.asarray(ends, float)).all():
        message = (
            f"Found {value!r}; a tuple is (low, high), both finite, with one of "
            f"{list(kinds)} as a third. Put choices into a list."
        )
        raise ValueError(message)


def _plain(value: Any) -> Any:
    """Give a number as Python's own: a classifier may refuse numpy's."""
    return value.item() if isinstance(value, np.generic) else value


class Proposer(BayesSearchCV):
    """The optimizer of one space, as `skopt.BayesSearchCV` makes it.

    Of that class the search takes the space, the optimizer and the surrogate. It
    does not take the evaluation, which keeps no out-of-fold score, knows no clock
    and fits each number of trees anew.

    Parameters
    ----------
    space : mapping of str to Dimension
        What is searched.
    random_state : int
        Rules all that is drawn.
    """

    def __init__(self, space: Mapping[str, Dimension], random_state: int) -> None:
        self.space = dict(space)
        self.names = sorted(self.space)
        self._rng = np.random.RandomState(random_state)
        self._seen: set[tuple[Any, ...]] = set()
        surrogate = ExtraTreesRegressor(
            n_estimators=_N_TREES, min_samples_leaf=2, random_state=random_state
        )
        self.optimizer_kwargs_ = {
            "base_estimator": surrogate,
            "n_initial_points": _N_INITIAL,
            "initial_point_generator": "lhs",
            "acq_func": "EI",
            # scores differ by less than the improvement that it asks by default
            "acq_func_kwargs": {"xi": 0.0},
            "acq_optimizer_kwargs": {"n_points": _N_LOOKED_AT},
            "model_queue_size": 1,  # each is as large as all before
            "random_state": random_state,
        }
        self._optimizer = self._make_optimizer(self.space) if self.space else None

    def ask(self) -> Params | None:
        """Propose parameters that were not seen before; None if there are none."""
        if self._optimizer is None:
            return None if self._seen else self._take({})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a point that it knows
            proposed = self._read(self._optimizer.ask())
        for _ in range(_TRIES):
            if self._key(proposed) not in self._seen:
                return self._take(proposed)
            proposed = self._read(self._optimizer.space.rvs(1, self._rng)[0])
        return None

    def take(self, params: Mapping[str, Any]) -> bool:
        """Mark parameters as seen; whether they are new."""
        new = self._key(params) not in self._seen
        self._take(params)
        return new

    def tell(self, params: Mapping[str, Any], score: float) -> None:
        """Let the surrogate know a score, of which higher is better."""
        if self._optimizer is None:
            return
        point = [params.get(name) for name in self.names]
        if not self._has(point):
            return  # given by the user, and outside
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._optimizer.tell(point, -score)

    def _has(self, point: list[Any]) -> bool:
        assert self._optimizer is not None  # noqa: S101 - for the types
        try:
            return point in self._optimizer.space
        except TypeError:  # a text, where a number is asked
            return False

    def _take(self, params: Mapping[str, Any]) -> Params:
        self._seen.add(self._key(params))
        return dict(params)

    def _key(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        told = ((name, repr(_plain(value))) for name, value in params.items())
        return tuple(sorted(told))

    def _read(self, point: list[Any]) -> Params:
        return dict(zip(self.names, map(_plain, point), strict=True))


__all__ = [
    "Dimension",
    "Params",
    "Proposer",
    "one_of",
    "read_dimension",
    "real",
    "whole",
]
