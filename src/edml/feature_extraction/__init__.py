"""Point-in-time features of the event table."""

from edml.feature_extraction._activity import ActivityFeatures
from edml.feature_extraction._context import (
    RELATIVE_FIGURES,
    add_course_context,
    make_course_context,
)
from edml.feature_extraction._engineer import FeatureEngineer
from edml.feature_extraction._events import event_arrays
from edml.feature_extraction._history import FEATURES
from edml.feature_extraction._items import earliest_events, number_items
from edml.feature_extraction._joined import FEATURE_SETS, HistoryFeatures
from edml.feature_extraction._progress import ProgressFeatures
from edml.feature_extraction._progress_history import PROGRESS_FEATURES
from edml.feature_extraction._spells import Snapshots, Spells
from edml.feature_extraction._static import StaticColumns

__all__ = [
    "FEATURES",
    "FEATURE_SETS",
    "PROGRESS_FEATURES",
    "RELATIVE_FIGURES",
    "ActivityFeatures",
    "FeatureEngineer",
    "HistoryFeatures",
    "ProgressFeatures",
    "Snapshots",
    "Spells",
    "StaticColumns",
    "add_course_context",
    "earliest_events",
    "event_arrays",
    "make_course_context",
    "number_items",
]
