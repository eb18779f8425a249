"""Find the steps of a pipeline that run once for all folds, and those that predict."""

from typing import Any

from sklearn.pipeline import Pipeline

from edml.testing import is_per_history

IDLE = (None, "passthrough")


def split_per_history(estimator: Any) -> tuple[Pipeline | None, Any]:
    """Split a pipeline into the steps that may run once for all folds, and the rest.

    Parameters
    ----------
    estimator : estimator
        A pipeline, fitted or not, or any other estimator.

    Returns
    -------
    front : sklearn.pipeline.Pipeline or None
        The leading steps that are marked as processing each history independently
        (`edml.testing.is_per_history`), or None. They are the same objects, not copies.
    rest : estimator
        The steps that also learn from other students.

    Examples
    --------
    >>> from edml.pipeline import make_risk_pipeline, split_per_history
    >>> front, rest = split_per_history(make_risk_pipeline())
    >>> list(front.named_steps), list(rest.named_steps)
    (['clean', 'features'], ['snapshots', 'select', 'balance', 'classify'])
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
    """Return a fitted pipeline without its samplers, which act only in training.

    A fitted sampler holds training rows (SMOTE holds every row of the minority), so an
    exported model must not contain one.

    Parameters
    ----------
    fitted : estimator
        A fitted pipeline, a search with a refitted best pipeline, or any other
        estimator.

    Returns
    -------
    predicting : estimator
        An equivalent estimator, which shares the fitted steps.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.pipeline import make_risk_pipeline, strip_samplers
    >>> pipeline = make_risk_pipeline().fit(*load_activity(return_X_y=True))
    >>> list(strip_samplers(pipeline).named_steps)
    ['clean', 'features', 'select', 'classify']
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
