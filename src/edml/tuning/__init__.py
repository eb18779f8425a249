"""The search for the best model within a budget of candidates or time."""

from edml.tuning._displays import ConvergenceDisplay, ParameterImportanceDisplay
from edml.tuning._spaces import search_space
from edml.tuning._tuner import ModelTuner

__all__ = [
    "ConvergenceDisplay",
    "ModelTuner",
    "ParameterImportanceDisplay",
    "search_space",
]
