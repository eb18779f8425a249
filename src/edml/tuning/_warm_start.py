"""warm_start: what the user knows already, as points of the search."""

from collections.abc import Mapping
from typing import Any

from sklearn.pipeline import Pipeline

from edml.tuning._algorithms import Algorithm
from edml.tuning._bayes import Params

_CLASSES = {
    "LGBMClassifier": "lightgbm",
    "XGBClassifier": "xgboost",
    "RandomForestClassifier": "random_forest",
    "SerialForest": "random_forest",
}


def read_warm_start(
    warm_start: Any, algorithms: list[Algorithm]
) -> list[tuple[Algorithm, Params]]:
    """Read what is to be evaluated first.

    Parameters
    ----------
    warm_start : model, record, mapping, list of these, or None
        A candidate or another fitted or unfitted `RiskClassifier`, a pipeline or
        classifier, what has ``algorithm`` and ``parameters`` as a registry's record
        does, or a mapping of parameters.
    algorithms : list of Algorithm
        What is searched over.

    Returns
    -------
    points : list of (Algorithm, dict)
        Whole points: where a parameter is not told, the first point's is taken.

    Raises
    ------
    ValueError
        If it belongs to no algorithm of the search, or names no parameter of it.
    """
    if warm_start is None:
        return []
    if isinstance(warm_start, (list, tuple)):
        return [p for entry in warm_start for p in read_warm_start(entry, algorithms)]
    name, params = _describe(warm_start)
    known = {algorithm.name: algorithm for algorithm in algorithms}
    if name is None:
        name = _by_parameters(params, algorithms)
    if name not in known:
        message = (
            f"warm_start is of the algorithm {name!r}, and the search is over "
            f"{list(known)}. Add it to algorithms, or leave warm_start out."
        )
        raise ValueError(message)
    algorithm = known[name]
    point = dict(algorithm.first[0]) if algorithm.first else {}
    for parameter, value in params.items():
        for full in (parameter, f"classify__{parameter}"):
            if full in algorithm.space:
                point[full] = value
    missing = sorted(set(algorithm.space) - set(point))
    if missing:
        message = f"warm_start of {name!r} lacks {missing}: tell all of its space."
        raise ValueError(message)
    return [(algorithm, point)]


def _describe(given: Any) -> tuple[str | None, Params]:
    """Give the algorithm's name, where it is told, and the parameters."""
    if isinstance(given, Mapping):
        params = dict(given)
        return params.pop("algorithm", None), params
    if hasattr(given, "algorithm") and hasattr(given, "parameters"):
        return _CLASSES.get(given.algorithm, given.algorithm), dict(given.parameters)
    for attribute in ("pipeline_", "estimator", "best_estimator_"):
        inner = getattr(given, attribute, None)
        if inner is not None and hasattr(inner, "get_params"):
            return _describe(inner)
    if not hasattr(given, "get_params"):
        message = (
            "warm_start must be a model, a registry's record, or a mapping of "
            f"parameters; found {type(given).__name__}."
        )
        raise ValueError(message)
    final = given.steps[-1][1] if isinstance(given, Pipeline) else given
    params = dict(final.get_params(deep=False))
    if isinstance(given, Pipeline):
        steps = given.get_params(deep=True)
        params |= {k: v for k, v in steps.items() if "__" in k}
        params["balance"] = _balance_of(given)
    return _CLASSES.get(type(final).__name__, type(final).__name__), params


def _balance_of(pipeline: Pipeline) -> str | None:
    sampler = type(dict(pipeline.steps).get("balance")).__name__
    found = {
        "AdaptiveSMOTE": "smote",
        "RandomOverSampler": "over",
        "RandomUnderSampler": "under",
    }.get(sampler)
    final = pipeline.steps[-1][1].get_params()
    weighed = final.get("class_weight") or final.get("scale_pos_weight") not in (
        None,
        1,
    )
    return found or ("weight" if weighed else None)


def _by_parameters(params: Params, algorithms: list[Algorithm]) -> str:
    fitting = [
        algorithm.name
        for algorithm in algorithms
        if all(
            name in algorithm.space or f"classify__{name}" in algorithm.space
            for name in params
        )
    ]
    if len(fitting) == 1 and params:
        return fitting[0]
    message = (
        f"warm_start has the parameters {sorted(params)}, which fit "
        f"{fitting or 'none'} of the algorithms "
        f"{[a.name for a in algorithms]}. Tell which by 'algorithm'."
    )
    raise ValueError(message)
