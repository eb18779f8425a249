"""warm_start: what the user knows already, as first points of the search."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sklearn.pipeline import Pipeline
from skopt.space import Categorical

from edml.classifier import RiskClassifier
from edml.pipeline import Blend, make_risk_pipeline
from edml.sampling import make_balancer
from edml.tuning._algorithms import Algorithm, balancer_name
from edml.tuning._bayes import Params
from edml.tuning._spaces import widen

_CLASSES = {
    "LGBMClassifier": "lightgbm",
    "XGBClassifier": "xgboost",
    "RandomForestClassifier": "random_forest",
    "SerialForest": "random_forest",
}


def add_warm_start(warm_start: Any, algorithms: Sequence[Algorithm]) -> list[Algorithm]:
    """Return the algorithms with the given points before their own first ones.

    Algorithms with a given point are searched first. A value outside of its
    dimension widens it.
    """
    known = {one.name: one for one in algorithms}
    given: dict[str, list[Params]] = {}
    for entry in _flatten(warm_start):
        name, params = _read(entry)
        algorithm = known[_match(name, params, algorithms)]
        _check_names(entry, params, algorithm)
        params = _to_space(params, algorithm)
        known[algorithm.name] = algorithm = _make_room(params, algorithm)
        base = algorithm.first[0] if algorithm.first else {}
        missing = sorted(set(algorithm.space) - set(params) - set(base))
        if missing:
            message = (
                f"warm_start of {algorithm.name!r} lacks {missing}: pass a value for "
                "each parameter of its space."
            )
            raise ValueError(message)
        given.setdefault(algorithm.name, []).append({**base, **params})
    first = [
        replace(known[name], first=(*points, *known[name].first))
        for name, points in given.items()
    ]
    return first + [one for name, one in known.items() if name not in given]


def _flatten(given: Any) -> Iterator[Any]:
    """Yield single models, records or mappings; of a blend, each member."""
    if given is None or given is False:  # as scikit-learn passes it
        return
    if isinstance(given, (list, tuple)):
        for entry in given:
            yield from _flatten(entry)
        return
    pipeline = _unwrap(given)
    final = _final_step(pipeline)
    if not isinstance(final, Blend):
        yield given
        return
    front = pipeline.steps[:-1] if isinstance(pipeline, Pipeline) else []
    # a deployed blend names no members, and does not know how they were balanced
    for one in [member for _, member in final.members] or final.classifiers_:
        steps = one.steps if isinstance(one, Pipeline) else [("classify", one)]
        yield Pipeline([*front, *steps])


def _read(given: Any) -> tuple[str | None, Params]:
    """Return the name of the algorithm, if there is one, and the parameters."""
    if isinstance(given, Mapping):
        params = dict(given)
        return params.pop("algorithm", None), params
    if hasattr(given, "algorithm") and hasattr(given, "parameters"):
        return _CLASSES.get(given.algorithm, given.algorithm), _read_record(given)
    if isinstance(given, RiskClassifier) and given.estimator is None:
        return _read(make_risk_pipeline())
    given = _unwrap(given)
    if not hasattr(given, "get_params"):
        message = (
            "warm_start must be a model, a registry's record, or a mapping of "
            f"parameters; found {type(given).__name__}."
        )
        raise ValueError(message)
    final = _final_step(given)
    params = dict(final.get_params(deep=False))
    if isinstance(given, Pipeline):
        steps = given.get_params(deep=True)
        params |= {name: value for name, value in steps.items() if "__" in name}
        params["balance"] = balancer_name(
            type(given.named_steps.get("balance")).__name__
        )
    kind = type(final).__name__
    return _CLASSES.get(kind, kind), params


def _unwrap(given: Any) -> Any:
    """Return the pipeline or classifier of a model."""
    bare = type(given).__name__ in _CLASSES  # a forest has an estimator too: a tree
    for attribute in () if bare else ("pipeline_", "estimator", "best_estimator_"):
        inner = getattr(given, attribute, None)
        if inner is not None and hasattr(inner, "get_params"):
            return _unwrap(inner)
    return given


def _read_record(record: Any) -> Params:
    """Return the parameters of the whole pipeline that a registry's record holds."""
    params = dict(record.parameters)
    training = getattr(record, "training", None) or {}
    steps = {
        step: how
        for step, how in training.get("steps") or []
        if isinstance(how, Mapping)
    }
    if "snapshots" in steps:
        params["snapshots__every"] = steps["snapshots"]["parameters"]["every"]
    sampler = steps.get("balance", {}).get("sampler")
    params["balance"] = balancer_name(str(sampler))
    return params


def _match(name: str | None, params: Params, algorithms: Sequence[Algorithm]) -> str:
    """Return the name of the algorithm that it belongs to."""
    names = [one.name for one in algorithms]
    if name in names:
        return str(name)
    if name is None:
        fitting = [
            one.name
            for one in algorithms
            if params and all(_is_known(param, one) for param in params)
        ]
        if len(fitting) == 1:
            return fitting[0]
        message = (
            f"warm_start has the parameters {sorted(params)}, which fit "
            f"{fitting or 'none'} of the algorithms {names}. Name one as 'algorithm'."
        )
        raise ValueError(message)
    finals = [(one.name, type(_final_step(one.pipeline))) for one in algorithms]
    of_class = [own for own, kind in finals if kind.__name__ == name]
    if len(of_class) == 1:
        return of_class[0]
    message = (
        f"warm_start is of the algorithm {name!r}, and the search is over {names}. Add "
        "it to algorithms, or leave warm_start out."
    )
    raise ValueError(message)


def _final_step(model: Any) -> Any:
    return model.steps[-1][1] if isinstance(model, Pipeline) else model


def _check_names(given: Any, params: Params, algorithm: Algorithm) -> None:
    strange = sorted(name for name in params if not _is_known(name, algorithm))
    if strange and isinstance(given, Mapping):
        message = (
            f"warm_start of {algorithm.name!r} names {strange}, which its pipeline "
            f"lacks. Known are {sorted(algorithm.space)}, with or without the step's "
            "name."
        )
        raise ValueError(message)


def _is_known(name: str, algorithm: Algorithm) -> bool:
    known = {*algorithm.pipeline.get_params(), *algorithm.space}
    return name in known or f"classify__{name}" in known


def _to_space(params: Params, algorithm: Algorithm) -> Params:
    """Return the parameters that are searched, by their full names."""
    full = {}
    for name, value in params.items():
        for key in (name, f"classify__{name}"):
            if key in algorithm.space:
                full[key] = value
    if not algorithm.own:
        return full
    if full.get("classify__max_features") == "sqrt":  # the default, and no number
        del full["classify__max_features"]
    balance = params.get("balance")
    weights = [
        params.get(name, params.get(f"classify__{name}"))
        for name in ("class_weight", "scale_pos_weight")
    ]
    weight = next((one for one in weights if one not in (None, 1)), None)
    if "balance" in params:
        full["balance"] = _sampler(balance, algorithm)
    if weight is not None or balance == "weight":
        full |= _class_weight(weight, algorithm)
    return full


def _sampler(balance: Any, algorithm: Algorithm) -> Any:
    """Return the space's own sampler of this name or kind, or a new one."""
    wanted = make_balancer(None if balance == "weight" else balance)
    for one in algorithm.space["balance"].categories:
        if type(one) is type(wanted):
            return one
    return wanted


def _class_weight(weight: Any, algorithm: Algorithm) -> Params:
    """Return the parameter by which failing rows weigh more."""
    if algorithm.name != "xgboost":
        return {"classify__class_weight": "balanced"}
    name = "classify__scale_pos_weight"
    if isinstance(weight, (int, float)):
        return {name: weight}
    space = algorithm.space.get(name)
    return {} if space is None else {name: space.categories[-1]}


def _make_room(params: Params, algorithm: Algorithm) -> Algorithm:
    """Widen the space to hold the parameters, and add dimensions that it lacks."""
    space, first = dict(algorithm.space), algorithm.first
    for name, value in params.items():
        if name not in space:  # a class weight, where balance leaves it out
            space[name] = Categorical([None, value])
            first = tuple({name: None, **point} for point in first)
            continue
        try:
            space[name] = widen(space[name], value)
        except ValueError as error:
            message = f"warm_start of {algorithm.name!r} has no {name} to try: {error}."
            raise ValueError(message) from None
    return replace(algorithm, space=space, first=first)
