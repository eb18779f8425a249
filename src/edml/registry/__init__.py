"""A store of models that can be trusted and cannot be lost."""

from edml.registry._contest import Contest
from edml.registry._record import ModelRecord
from edml.registry._registry import ModelRegistry

__all__ = ["Contest", "ModelRecord", "ModelRegistry"]
