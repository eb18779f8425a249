"""The former home of EvaluationUnits; gone when its last users have moved."""

from typing import Any

from edml.inspection._units import EvaluationUnits as Judged

__all__ = ["Judged", "judge"]


def judge(model: Any, X: Any, y: Any, groups: Any) -> Judged:
    """Collect the units."""
    return Judged.from_estimator(model, X, y, groups=groups)
