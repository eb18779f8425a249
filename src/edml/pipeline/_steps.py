"""Find the steps of a pipeline that run once for all folds, and those that predict."""

from typing import Any

from sklearn.pipeline import Pipeline

from edml.testing import is_per_history

IDLE = (None, "passthrough")


def split_per_history(estimator: Any) -> tuple[Pipeline | None, Any]:
    """Split a pipeline into the steps that may run once for all folds, and the rest.

    The first are the leading steps that process each history independently, as
    `edml.testing.is_per_history` says, or None. They are the same objects, not copies.
    """
    if not isinstance(estimator, Pipeline):
        return None, estimator
    marked = 0
    for _, step in estimator.steps[:-1]:
        if not (step in IDLE or is_per_history(step)):
            break
        marked += 1
    if not any(is_per_history(step) for _, step in estimator.steps[:marked]):
        return None, estimator
    return Pipeline(estimator.steps[:marked]), estimator[marked:]


def strip_samplers(fitted: Any) -> Any:
    """Return an equivalent of a fitted model without its samplers.

    They act only in training and hold training rows (SMOTE every row of the minority),
    so an exported model must not contain one. The fitted steps are shared.
    """
    if hasattr(fitted, "best_estimator_"):  # a search keeps its own fitted pipeline
        return strip_samplers(fitted.best_estimator_)
    if hasattr(fitted, "deployable"):
        return fitted.deployable()
    if not isinstance(fitted, Pipeline):
        return fitted
    return Pipeline(
        [
            (name, strip_samplers(step))
            for name, step in fitted.steps
            if step not in IDLE and not hasattr(step, "fit_resample")
        ]
    )
