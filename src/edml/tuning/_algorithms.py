"""The algorithms of a search: edml's own, and those that a user brings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from imblearn.pipeline import Pipeline
from sklearn.base import clone, is_classifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline as SimplePipeline
from skopt.space import Categorical, Dimension

from edml.classifier import Prepared
from edml.exceptions import TableError
from edml.pipeline import CLASSIFIERS, larger_trees, make_risk_pipeline
from edml.sampling import BALANCERS, make_balancer
from edml.schema import unknown_name
from edml.tuning._bayes import Params
from edml.tuning._spaces import (
    default_point,
    read_dimension,
    search_space,
)

_SAMPLERS = {type(make_balancer(name)).__name__: name for name in BALANCERS}


@dataclass(frozen=True)
class Algorithm:
    """A pipeline, the space of its parameters, and the points to try first."""

    name: str
    pipeline: Any
    space: dict[str, Dimension]
    first: tuple[Params, ...] = ()
    own: bool = False

    def configure(self, params: Mapping[str, Any]) -> Any:
        """Return the pipeline with these parameters, not fitted."""
        pipeline = clone(self.pipeline)
        return pipeline.set_params(**clone(dict(params), safe=False))

    def describe(self, params: Mapping[str, Any]) -> Params:
        """Return the parameters as users read them, balancers by their names."""
        shown = {"algorithm": self.name, **params}
        if self.own and "balance" in shown:
            shown["balance"] = balancer_name(type(shown["balance"]).__name__)
        return shown


def balancer_name(kind: str) -> str | None:
    """Return edml's name of a sampler's class; None if it is not one of edml's."""
    return _SAMPLERS.get(kind)


def check_algorithms(algorithms: Any) -> None:
    """Raise ValueError for algorithms that cannot be searched, before any work."""
    if isinstance(algorithms, str) or not isinstance(algorithms, Sequence):
        message = (
            f"algorithms must be a sequence of names and (name, pipeline, space); "
            f"found {type(algorithms).__name__}. Put it in a list."
        )
        raise ValueError(message)
    if not algorithms:
        message = f"algorithms is empty; name at least one of {list(CLASSIFIERS)}."
        raise ValueError(message)
    names = [_check_algorithm(entry) for entry in algorithms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"algorithms holds {twice} more than once. Name each algorithm once."
        raise ValueError(message)


def _check_algorithm(entry: Any) -> str:
    if isinstance(entry, str):
        if entry not in CLASSIFIERS:
            message = unknown_name(entry, CLASSIFIERS, "algorithms", "algorithm")
            raise ValueError(message)
        return entry
    if not (isinstance(entry, tuple) and len(entry) == 3 and isinstance(entry[0], str)):
        message = (
            "algorithms takes names and tuples (name, pipeline, space); found "
            f"{type(entry).__name__}."
        )
        raise ValueError(message)
    name, pipeline, space = entry
    if not (hasattr(pipeline, "fit") and is_classifier(pipeline)):
        kind = type(pipeline).__name__
        message = f"The pipeline of {name!r} is not a classifier: {kind}."
        raise ValueError(message)
    _read_space(name, pipeline, space)
    return name


def _read_space(name: str, pipeline: Any, space: Any) -> dict[str, Dimension]:
    if not isinstance(space, Mapping):
        message = (
            f"The space of {name!r} must map names of parameters to dimensions; found "
            f"{type(space).__name__}."
        )
        raise ValueError(message)
    known = pipeline.get_params()
    found = {}
    for parameter, dimension in space.items():
        if parameter not in known:
            where = f"The space of {name!r}"
            message = unknown_name(parameter, sorted(known), where, "parameter")
            raise ValueError(message)
        try:
            found[parameter] = read_dimension(dimension)
        except (ValueError, TypeError) as error:
            message = (
                f"The space of {name!r} has no dimension at {parameter!r}: pass (low, "
                f"high), (low, high, 'log-uniform') or a list of choices. {error}"
            )
            raise ValueError(message) from None
    return found


def make_algorithms(
    algorithms: Sequence[Any],
    balance: Sequence[str | None],
    prepared: Prepared,
    pipeline_params: Mapping[str, Any],
    random_state: int,
) -> list[Algorithm]:
    """Return the algorithms to search on one table, in the given order.

    ``pipeline_params`` are parameters of `make_risk_pipeline`.
    Each random state that is None becomes ``random_state``.
    """
    events = prepared.front is not None
    y = prepared.fails[prepared.units.rows]
    made = []
    for entry in algorithms:
        if not isinstance(entry, str):
            name, given, space = entry
            if events:
                _check_features(name, given)
            pipeline = _fix_random_states(clone(given), random_state)
            dimensions = _read_space(name, given, space) or _fixed(pipeline)
            made.append(Algorithm(name, pipeline, dimensions))
            continue
        pipeline = make_risk_pipeline(
            entry, random_state=random_state, **pipeline_params
        )
        if not events:
            check_numbers(prepared.X)
            pipeline = _without_features(pipeline)
        space = search_space(
            entry, y, balance=balance, events=events, random_state=random_state
        )
        pipeline.set_params(**larger_trees(pipeline, y))
        first = default_point(space, pipeline)
        made.append(Algorithm(entry, pipeline, space, (first,), own=True))
    return made


def _fixed(pipeline: Any) -> dict[str, Dimension]:
    """Return a space of one point: BayesSearchCV takes no empty one."""
    params = sorted(pipeline.get_params(deep=False).items())
    plain = (bool, int, float, str, type(None))
    name, value = next(pair for pair in params if isinstance(pair[1], plain))
    return {name: Categorical([value])}


def _without_features(pipeline: Any) -> Any:
    """Return the steps for a plain table: its numbers, the balancer, the classifier."""
    # The imputer also makes an array of any kind of numbers and hides the columns'
    # names, some of which LightGBM and XGBoost do not accept.
    impute = SimpleImputer(strategy="median", keep_empty_features=True)
    return Pipeline([("impute", impute), *pipeline.steps[-2:]])


def _check_features(name: str, pipeline: Any) -> None:
    if isinstance(pipeline, SimplePipeline):
        return
    message = (
        f"On an event table {name!r} needs features, and it is a bare "
        f"{type(pipeline).__name__}. Pass make_risk_pipeline(classifier), and name its "
        "parameters classify__... in the space."
    )
    raise ValueError(message)


def _fix_random_states(pipeline: Any, random_state: int) -> Any:
    states = {
        name: random_state
        for name, value in pipeline.get_params().items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return pipeline.set_params(**states)


def check_numbers(X: Any) -> None:
    """Raise TableError unless a plain table holds finite numbers or NaN."""
    if isinstance(X, pd.DataFrame):
        if not X.columns.is_unique:
            twice = X.columns[X.columns.duplicated()].unique().tolist()
            message = f"Column names must be unique; {twice} appear twice. Rename them."
            raise TableError(message)
        kinds = X.dtypes.items()
        texts = [str(n) for n, kind in kinds if not pd.api.types.is_numeric_dtype(kind)]
        if texts:
            message = (
                f"The columns {texts} hold no numbers, which the algorithms need. "
                "Encode them, or pass (name, pipeline, space) with a pipeline that "
                "does."
            )
            raise TableError(message)
        matrix = X.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        try:
            matrix = np.asarray(X, dtype=np.float64)
        except (TypeError, ValueError):
            message = (
                "X holds values that are not numbers. Encode them, or pass (name, "
                "pipeline, space) with a pipeline that does."
            )
            raise TableError(message) from None
    if matrix.ndim != 2:
        message = f"X must have rows and columns; found {matrix.ndim} dimension(s)."
        raise TableError(message)
    infinite = int(np.isinf(matrix).any(axis=0).sum())
    if infinite:
        message = f"{infinite} columns of X hold infinite numbers. Replace them."
        raise TableError(message)
