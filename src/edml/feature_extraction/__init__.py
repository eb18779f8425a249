"""Point-in-time features of the event table."""

from edml.feature_extraction._activity import ActivityFeatures
from edml.feature_extraction._engineer import FeatureEngineer
from edml.feature_extraction._history import FEATURES
from edml.feature_extraction._progress import ProgressFeatures
from edml.feature_extraction._progress_history import PROGRESS_FEATURES

__all__ = [
    "FEATURES",
    "PROGRESS_FEATURES",
    "ActivityFeatures",
    "FeatureEngineer",
    "ProgressFeatures",
]
