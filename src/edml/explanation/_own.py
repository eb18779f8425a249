"""own_importance: the weights of features that a model itself stores."""

from typing import Any

import numpy as np
import pandas as pd


def own_importance(model: Any) -> pd.Series | None:
    """Return the importances that a fitted model stores, without a table.

    Boosted trees and forests count how much their splits use each feature. These counts
    show what the model relies on, not what makes students fail; `explain` measures it
    on a table.

    Parameters
    ----------
    model : classifier
        A fitted model, such as `RiskClassifier` or a pipeline.

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
    pipeline = getattr(model, "pipeline_", model)
    steps = [step for _, step in getattr(pipeline, "steps", [("", pipeline)])]
    weights = getattr(steps[-1], "feature_importances_", None)
    if weights is None:
        return None
    values = np.asarray(weights, dtype=np.float64)
    if not values.sum() > 0:
        return None
    share = pd.Series(values / values.sum(), index=_feature_names(steps, len(values)))
    return share.sort_values(ascending=False, kind="stable")


def _feature_names(steps: list[Any], n_features: int) -> list[str]:
    for step in reversed(steps[:-1]):
        if hasattr(step, "get_feature_names_out"):
            names = [str(name) for name in step.get_feature_names_out()]
            if len(names) == n_features:
                return names
    names = [str(name) for name in getattr(steps[-1], "feature_names_in_", [])]
    return names or [str(place) for place in range(n_features)]
