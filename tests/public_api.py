"""The public names of edml, found by inspection and not from a list."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any

import edml

#: They declare names only for the rest of edml, without an API page or a promise.
INTERNAL = {"edml.app", "edml.schema", "edml.cli"}
#: So do these names of public packages.
INTERNAL_NAMES = {
    "edml.classifier": {
        *("Prepared", "RiskPredictions", "check_threshold", "choose_threshold"),
        *("check_scores", "extra_columns", "prepare", "raw_scores", "reads_context"),
    },
    "edml.feature_extraction": {
        "RELATIVE_FIGURES",
        *("Snapshots", "Spells", "earliest_events", "number_items", "event_arrays"),
    },
    "edml.inspection": {"EvaluationUnits"},
    "edml.ledger": {"read_key"},
    "edml.monitoring": {"summarize"},
    "edml.pipeline": {
        *("accept_columns", "fit_weighted", "larger_trees", "smaller_leaves"),
        *("single_thread_after_fork", "split_per_history", "strip_samplers"),
        "warn_of_constant",
    },
    "edml.sampling": {"make_balancer"},
    "edml.serving": {"read_tokens"},
    "edml.sources": {"contacted_rows", "read_table"},
}


def public_packages() -> dict[str, ModuleType]:
    """Return the modules of edml that declare public names."""
    found = {}
    for module in pkgutil.iter_modules(edml.__path__, "edml."):
        if not module.name.startswith("edml._") and module.name not in INTERNAL:
            package = importlib.import_module(module.name)
            if hasattr(package, "__all__"):
                found[module.name] = package
    return found


def public_objects() -> dict[str, Any]:
    """Return every public object by its public path."""
    return {
        f"{name}.{public}": getattr(package, public)
        for name, package in public_packages().items()
        for public in package.__all__
        if public not in INTERNAL_NAMES.get(name, ())
    }


def public_methods(cls: type) -> dict[str, Callable[..., Any]]:
    """Return the public methods that a class defines itself.

    scikit-learn adds a `set_..._request` to each class by itself.
    """
    return {
        name: getattr(cls, name)
        for name, value in vars(cls).items()
        if not name.startswith("_")
        and not name.endswith("_request")
        and (
            inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod))
        )
    }
