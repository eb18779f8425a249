"""A store of models that can be trusted and cannot be lost."""

from edml.registry._contest import Contest
from edml.registry._exported import ExportedModel, read_model_file
from edml.registry._golden import make_probe
from edml.registry._record import ModelRecord
from edml.registry._registry import ModelRegistry
from edml.registry._signing import generate_keys
from edml.registry._state import DEVELOPMENT, PRODUCTION, STAGING

__all__ = [
    "DEVELOPMENT",
    "PRODUCTION",
    "STAGING",
    "Contest",
    "ExportedModel",
    "ModelRecord",
    "ModelRegistry",
    "generate_keys",
    "make_probe",
    "read_model_file",
]
