"""The columns that a model reads besides exams, assignments and submissions."""

from typing import Any

from edml.feature_extraction import HistoryFeatures
from edml.schema import has_context


def extra_columns(model: Any) -> list[str]:
    """Return the columns of activity, context and students that a model reads."""
    steps = [step for _, step in getattr(model.pipeline_, "steps", ())]
    joined = [step for step in steps if isinstance(step, HistoryFeatures)]
    return [name for step in joined for name in step.extra_columns]


def reads_context(model: Any) -> bool:
    """Check whether a model compares students with their course."""
    return has_context(extra_columns(model))
