"""Point-in-time features of the event table."""

from edml.feature_extraction._engineer import FEATURES, FeatureEngineer

__all__ = ["FEATURES", "FeatureEngineer"]
