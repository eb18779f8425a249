"""Describe in JSON how a model was trained, and rebuild the unfitted model from it."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline as SamplingPipeline
from imblearn.under_sampling import RandomUnderSampler
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from edml.classifier import (
    Capacity,
    DeployedClassifier,
    RiskClassifier,
    check_threshold,
)
from edml.exceptions import RegistryError
from edml.model_selection import PeriodSplit, StudentKFold
from edml.pipeline import Blend
from edml.registry._errors import registry_error
from edml.registry._record import plain
from edml.sampling import AdaptiveSMOTE, SnapshotSampler

_STORED = "stored"
_PASSTHROUGH = "passthrough"
_SAMPLERS = (AdaptiveSMOTE, RandomOverSampler, RandomUnderSampler, SnapshotSampler)
_SPLITTERS = (PeriodSplit, StudentKFold)
#: Classes that a record names, with their parameters.
_KNOWN: dict[str, Any] = {cls.__name__: cls for cls in (*_SAMPLERS, *_SPLITTERS)}
#: Parameters that older records lack, with what was done then.
_BEFORE = {"SnapshotSampler": {"start": "first_event"}}
_SCALARS = (bool, Integral, Real, str, type(None))


def describe_training(model: Any) -> dict[str, Any] | None:
    """Describe how a model was trained; ``obstacles`` lists what JSON cannot hold.

    Return None for a deployed model, which no longer has this information.
    """
    if isinstance(model, DeployedClassifier):
        return None
    obstacles: list[str] = []
    if not isinstance(model, RiskClassifier):
        steps = _describe_step(model, "the model", obstacles)
        return {"kind": "estimator", "steps": steps, "obstacles": obstacles}
    seed = model.random_state
    if not (seed is None or isinstance(seed, Integral)):
        obstacles.append("random_state, a generator of random numbers")
        seed = None
    return {
        "kind": "risk_classifier",
        "steps": _describe_step(model.pipeline_, "the estimator", obstacles),
        "calibration": model.calibration,
        "threshold": describe_rule(model.threshold, obstacles),
        "cv": _describe_cv(model.cv, obstacles),
        "random_state": None if seed is None else int(seed),
        "fail_label": _describe_label(model.fail_label, obstacles),
        "obstacles": obstacles,
    }


def describe_rule(threshold: Any, obstacles: list[str]) -> Any:
    """Return a threshold's rule in JSON form, or note the obstacle."""
    if isinstance(threshold, Capacity):
        return {"capacity": int(threshold.per_course)}
    if isinstance(threshold, str):
        return threshold
    if isinstance(threshold, Real):
        return float(threshold)
    obstacles.append("threshold, a function")
    return None


def read_rule(rule: Any) -> Any:
    """Read what `describe_rule` returned."""
    if not isinstance(rule, dict):
        return rule
    try:
        return Capacity(rule["capacity"])
    except (KeyError, ValueError) as error:
        raise _damaged(error) from error


def rebuild(training: Mapping[str, Any] | None, model: Any, version: int) -> Any:
    """Return the unfitted model that a stored one was fitted from."""
    obstacles = _obstacles(training)
    if training is None or obstacles:
        raise registry_error(
            "not_rebuilt",
            f"Expected a record from which version {version} can be rebuilt; it lacks: "
            f"{'; '.join(obstacles)}. Fit a RiskClassifier yourself, and register it "
            f"with parent={version}.",
            version=version,
        )
    try:
        return _rebuild(training, getattr(model, "pipeline_", model))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise _damaged(error) from error


def retuned_training(
    training: Mapping[str, Any] | None, threshold: Any
) -> dict[str, Any] | None:
    """Describe how to train a model with another threshold."""
    if training is None:
        return None
    obstacles = [
        line for line in _obstacles(training) if not line.startswith("threshold,")
    ]
    if training["kind"] == "estimator":
        obstacles.append("the threshold of a model that was fitted without one")
        return {**training, "obstacles": obstacles}
    rule = describe_rule(threshold, obstacles)
    return {**training, "threshold": rule, "obstacles": obstacles}


def _obstacles(training: Mapping[str, Any] | None) -> list[str]:
    """Return what a record lacks for rebuilding the model."""
    found = (training or {}).get("obstacles", ["how it was trained"])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _damaged(TypeError())
    return found


def _rebuild(training: Mapping[str, Any], stored: Any) -> Any:
    estimator = _rebuild_step(training["steps"], stored)
    if training["kind"] == "estimator":
        return estimator
    cv = training["cv"]
    if isinstance(cv, dict):
        cv = _KNOWN[cv["splitter"]](**cv["parameters"])
    rule = read_rule(training["threshold"])
    check_threshold(rule)
    return RiskClassifier(
        estimator,
        calibration=training["calibration"],
        threshold=rule,
        cv=cv,
        random_state=training["random_state"],
        fail_label=training.get("fail_label"),  # records from before have none
    )


def _describe_step(step: Any, name: str, obstacles: list[str]) -> Any:
    """Describe samplers by name and parameters; the model file holds other steps."""
    if isinstance(step, str) or step is None:
        return _PASSTHROUGH
    if isinstance(step, Pipeline):
        return [
            [inner, _describe_step(one, f"the step {inner!r}", obstacles)]
            for inner, one in step.steps
        ]
    if isinstance(step, Blend):
        members = [
            [inner, _describe_step(one, f"the member {inner!r}", obstacles)]
            for inner, one in step.members
        ]
        return {"members": members}
    if not hasattr(step, "fit_resample"):
        return _STORED
    parameters = step.get_params(deep=False)
    found = _describe_known("sampler", name, step, parameters, obstacles)
    return found or _PASSTHROUGH


def _rebuild_step(steps: Any, stored: Any) -> Any:
    if steps == _PASSTHROUGH:
        return _PASSTHROUGH
    if steps == _STORED:
        return clone(stored)
    if isinstance(steps, dict) and "members" in steps:
        each = zip(steps["members"], stored.classifiers_, strict=True)
        members = [(name, _rebuild_step(how, fitted)) for (name, how), fitted in each]
        return Blend(members, stored.scale)
    if isinstance(steps, dict):
        name = steps["sampler"]
        return _KNOWN[name](**_BEFORE.get(name, {}) | steps["parameters"])
    # A stored pipeline has no samplers or idle steps; a member of a blend without other
    # steps is the classifier itself.
    last = {steps[-1][0]: stored}
    found = stored.named_steps if isinstance(stored, Pipeline) else last
    return SamplingPipeline(
        [(name, _rebuild_step(inner, found.get(name))) for name, inner in steps]
    )


def _describe_cv(cv: Any, obstacles: list[str]) -> Any:
    if cv is None or isinstance(cv, Integral):
        return None if cv is None else int(cv)
    return _describe_known("splitter", "cv", cv, vars(cv), obstacles)


def _describe_label(label: Any, obstacles: list[str]) -> Any:
    written = plain(label)
    if label is None or (isinstance(label, _SCALARS) and written == label):
        return written
    obstacles.append("fail_label, an object")
    return None


def _describe_known(
    role: str, name: str, made: Any, parameters: Mapping[str, Any], obstacles: list[str]
) -> dict[str, Any] | None:
    """Describe an object of edml's own by class and parameters, if JSON keeps them."""
    kind = type(made).__name__
    written = {key: plain(value) for key, value in parameters.items()}
    kept = all(
        isinstance(value, _SCALARS) and written[key] == value
        for key, value in parameters.items()
    )
    if type(made) is _KNOWN.get(kind) and kept:
        return {role: kind, "parameters": written}
    obstacles.append(f"{name}, a {kind} that is your own or holds objects")
    return None


def _damaged(error: Exception) -> RegistryError:
    return RegistryError(
        "Expected a record that says how its model was trained; found another "
        f"({type(error).__name__}: {str(error)[:200]}). Restore it from a backup, "
        "or fit a new model."
    )
