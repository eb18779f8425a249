"""Point-in-time features of the event table."""

from edml.feature_extraction._engineer import FeatureEngineer
from edml.feature_extraction._history import FEATURES

__all__ = ["FEATURES", "FeatureEngineer"]
