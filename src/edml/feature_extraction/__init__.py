"""Point-in-time features of the event table."""

from edml.feature_extraction._describe import FEATURES
from edml.feature_extraction._engineer import FeatureEngineer

__all__ = ["FEATURES", "FeatureEngineer"]
