"""warm_start: what the user knows already, as points of the search."""

from collections.abc import Mapping
from numbers import Integral
from types import SimpleNamespace
from typing import Any

from sklearn.pipeline import Pipeline

from edml.classifier import RiskClassifier
from edml.pipeline import Blend, make_risk_pipeline
from edml.tuning._algorithms import Algorithm
from edml.tuning._bayes import Params
from edml.tuning._spaces import CHECKPOINTS

_CLASSES = {
    "LGBMClassifier": "lightgbm",
    "XGBClassifier": "xgboost",
    "RandomForestClassifier": "random_forest",
    "SerialForest": "random_forest",
}
_SAMPLERS = {
    "AdaptiveSMOTE": "smote",
    "RandomOverSampler": "over",
    "RandomUnderSampler": "under",
}


def read_warm_start(
    warm_start: Any, algorithms: list[Algorithm]
) -> list[tuple[Algorithm, Params, int | None]]:
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
    points : list of (Algorithm, dict, int or None)
        Whole points, for a blend one of each member: where a parameter is not told,
        the first point's is taken. And
        how many trees it has, where a search would not come by that number: of one
        that it refined, say.

    Raises
    ------
    ValueError
        If it belongs to no algorithm of the search, or names no parameter of it.
    """
    if warm_start is None or warm_start is False:  # as scikit-learn passes it
        return []
    if isinstance(warm_start, (list, tuple)):
        return [p for entry in warm_start for p in read_warm_start(entry, algorithms)]
    members = _members_of(warm_start)
    if members:
        return read_warm_start(members, algorithms)
    name, params = _describe(warm_start)
    known = {algorithm.name: algorithm for algorithm in algorithms}
    if name is None:
        name = _by_parameters(params, algorithms)
    elif name not in known:  # a user's own, known by the class of its last step
        of_class = [a.name for a in algorithms if _final_class(a.pipeline) == name]
        name = of_class[0] if len(of_class) == 1 else name
    if name not in known:
        message = (
            f"warm_start is of the algorithm {name!r}, and the search is over "
            f"{list(known)}. Add it to algorithms, or leave warm_start out."
        )
        raise ValueError(message)
    algorithm = known[name]
    strange = sorted(name for name in params if not _is_known(name, algorithm))
    if strange and isinstance(warm_start, Mapping):
        message = (
            f"warm_start of {name!r} names {strange}, which its pipeline lacks. Known "
            f"are {sorted(algorithm.space)}, with or without the step's name."
        )
        raise ValueError(message)
    point = dict(algorithm.first[0]) if algorithm.first else {}
    for parameter, value in params.items():
        for full in (parameter, f"classify__{parameter}"):
            if full in algorithm.space:
                point[full] = value
    missing = sorted(set(algorithm.space) - set(point))
    if missing:
        message = f"warm_start of {name!r} lacks {missing}: tell all of its space."
        raise ValueError(message)
    return [(algorithm, point, _unusual_trees(algorithm, params, point))]


def _unusual_trees(algorithm: Algorithm, params: Params, point: Params) -> int | None:
    """Give the number of trees, where a search would not come by it."""
    told = params.get("classify__n_estimators", params.get("n_estimators"))
    if not algorithm.own or isinstance(told, bool) or not isinstance(told, Integral):
        return None
    n_trees = int(told)
    name = "classify__learning_rate"
    usual = name not in point or point[name] in algorithm.space[name]
    usual = usual and n_trees in CHECKPOINTS[algorithm.name]
    return None if usual or n_trees < 1 else n_trees


def _is_known(name: str, algorithm: Algorithm) -> bool:
    known = set(algorithm.pipeline.get_params()) | set(algorithm.space)
    return name in known or f"classify__{name}" in known


def _describe(given: Any) -> tuple[str | None, Params]:
    """Give the algorithm's name, where it is told, and the parameters."""
    if isinstance(given, Mapping):
        params = dict(given)
        return params.pop("algorithm", None), params
    if hasattr(given, "algorithm") and hasattr(given, "parameters"):
        return _CLASSES.get(given.algorithm, given.algorithm), _of_record(given)
    if isinstance(given, RiskClassifier) and given.estimator is None:
        return _describe(make_risk_pipeline())
    given = _unwrap(given)
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
        sampler = type(dict(given.steps).get("balance")).__name__
        params["balance"] = _balance(sampler, params)
    return _CLASSES.get(type(final).__name__, type(final).__name__), params


def _unwrap(given: Any) -> Any:
    """Give the pipeline or classifier that a model is of."""
    bare = type(given).__name__ in _CLASSES  # a forest has an estimator, too: a tree
    for attribute in () if bare else ("pipeline_", "estimator", "best_estimator_"):
        inner = getattr(given, attribute, None)
        if inner is not None and hasattr(inner, "get_params"):
            return _unwrap(inner)
    return given


def _members_of(given: Any) -> list[Any]:
    """Give a blend's members as if each were a model of its own; else nothing."""
    if isinstance(given, Mapping):
        return list(given.get("members", ()))
    if hasattr(given, "algorithm") and hasattr(given, "parameters"):
        return _members_of_record(given) if given.algorithm == Blend.__name__ else []
    pipeline = _unwrap(given)
    steps = pipeline.steps if isinstance(pipeline, Pipeline) else [("", pipeline)]
    (*front, (_, final)) = steps
    if not isinstance(final, Blend):
        return []
    # what is deployed names no members, and no longer knows how they balanced
    members = [one for _, one in final.members] or final.classifiers_
    return [
        Pipeline(
            [*front, *(one.steps if isinstance(one, Pipeline) else [("classify", one)])]
        )
        for one in members
    ]


def _members_of_record(record: Any) -> list[Any]:
    (*front, (_, blend)) = record.training["steps"] if record.training else [("", {})]
    members = record.parameters["members"]
    steps = [how for _, how in blend.get("members", [])] or [[]] * len(members)
    return [
        SimpleNamespace(
            algorithm=member["classifier"],
            parameters={k: v for k, v in member.items() if k != "classifier"},
            training={"steps": [*front, *how]},
        )
        for member, how in zip(members, steps, strict=True)
    ]


def _final_class(pipeline: Any) -> str:
    final = pipeline.steps[-1][1] if isinstance(pipeline, Pipeline) else pipeline
    return type(final).__name__


def _of_record(record: Any) -> Params:
    """Give the parameters that a registry's record tells of its whole pipeline."""
    params = dict(record.parameters)
    told = getattr(record, "training", None) or {}
    steps = {
        step: how for step, how in told.get("steps") or [] if isinstance(how, Mapping)
    }
    if "snapshots" in steps:
        params["snapshots__every"] = steps["snapshots"]["parameters"]["every"]
    sampler = steps.get("balance", {}).get("sampler")
    params["balance"] = _balance(sampler, params)
    return params


def _balance(sampler: str | None, classifier: Params) -> str | None:
    """Give the name of how a pipeline balances."""
    if sampler in _SAMPLERS:
        return _SAMPLERS[sampler]
    if classifier.get("class_weight"):
        return "weight"
    return "weight" if classifier.get("scale_pos_weight") not in {None, 1} else None


def _by_parameters(params: Params, algorithms: list[Algorithm]) -> str:
    fitting = [
        algorithm.name
        for algorithm in algorithms
        if all(_is_known(name, algorithm) for name in params)
    ]
    if len(fitting) == 1 and params:
        return fitting[0]
    message = (
        f"warm_start has the parameters {sorted(params)}, which fit "
        f"{fitting or 'none'} of the algorithms {[a.name for a in algorithms]}. Tell "
        "which by 'algorithm'."
    )
    raise ValueError(message)
