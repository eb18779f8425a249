"""own_importance: the weights of features that a model itself stores."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from edml.pipeline import Blend, strip_samplers
from edml.schema import FloatArray


def own_importance(model: Any, *, coefficients: bool = False) -> pd.Series | None:
    """Return the importances that a fitted model stores, without a table.

    They are the gain of the splits in trees. They show what the model relies on, not
    what makes students fail; `explain` measures it on a table.

    Parameters
    ----------
    model : classifier
        A fitted model, such as `RiskClassifier` or a pipeline.
    coefficients : bool, default=False
        Whether linear models count, by the sizes of their coefficients, which depend on
        the scales of the features.

    Returns
    -------
    importance : Series or None
        The share of each feature by its name, the largest first; None if the model
        stores none.

    See Also
    --------
    edml.explanation.explain : What moved each score.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.explanation import own_importance
    >>> from edml.pipeline import make_risk_pipeline
    >>> model = make_risk_pipeline(every=10).fit(*load_activity(return_X_y=True))
    >>> float(own_importance(model).sum().round(6))
    1.0
    """
    pipeline = strip_samplers(getattr(model, "pipeline_", model))
    steps = [step for _, step in getattr(pipeline, "steps", [("", pipeline)])]
    values = _read_importance(steps[-1], coefficients)
    if values is None:
        return None
    share = pd.Series(values, index=_feature_names(steps, len(values)))
    return share.sort_values(ascending=False, kind="stable")


def _read_importance(classifier: Any, coefficients: bool) -> FloatArray | None:
    """Return the share of each feature; None if the classifier stores none."""
    found: Any
    if isinstance(classifier, Blend):
        each: list[Any] = [
            _read_importance(
                one.steps[-1][1] if isinstance(one, Pipeline) else one, coefficients
            )
            for one in classifier.classifiers_
        ]
        if len({None if one is None else len(one) for one in each}) > 1:
            return None
        found = None if each[0] is None else np.mean(each, axis=0)
    elif hasattr(classifier, "booster_"):  # LightGBM, which counts splits by default
        found = classifier.booster_.feature_importance("gain")
    elif hasattr(classifier, "feature_importances_"):
        found = classifier.feature_importances_
    else:
        found = getattr(classifier, "coef_", None) if coefficients else None
    if found is None:
        return None
    values = np.abs(np.asarray(found, dtype=np.float64)).reshape(-1)
    return values / values.sum() if values.sum() > 0 else None


def _feature_names(steps: list[Any], n_features: int) -> list[str]:
    for step in reversed(steps[:-1]):
        if hasattr(step, "get_feature_names_out"):
            names = [str(name) for name in step.get_feature_names_out()]
            if len(names) == n_features:
                return names
    names = [str(name) for name in getattr(steps[-1], "feature_names_in_", [])]
    return names or [f"x{place}" for place in range(n_features)]
