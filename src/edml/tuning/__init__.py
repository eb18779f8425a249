"""The search for the best honest model in the time given."""

from edml.tuning._displays import ConvergenceDisplay, ParameterImportanceDisplay
from edml.tuning._tuner import ModelTuner

__all__ = ["ConvergenceDisplay", "ModelTuner", "ParameterImportanceDisplay"]
