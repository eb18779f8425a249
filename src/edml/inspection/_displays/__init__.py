"""Pictures of models and of students, in scikit-learn's Display pattern."""

from edml.inspection._displays._earliness import EarlinessDisplay
from edml.inspection._displays._importance import ImportanceDisplay
from edml.inspection._displays._reasons import ReasonsDisplay
from edml.inspection._displays._reliability import ReliabilityDisplay
from edml.inspection._displays._threshold import ThresholdDisplay
from edml.inspection._displays._trajectory import TrajectoryDisplay

__all__ = [
    "EarlinessDisplay",
    "ImportanceDisplay",
    "ReasonsDisplay",
    "ReliabilityDisplay",
    "ThresholdDisplay",
    "TrajectoryDisplay",
]
