"""Pictures of a search, in scikit-learn's manner."""

from edml.tuning._displays._convergence import ConvergenceDisplay
from edml.tuning._displays._parameters import ParameterImportanceDisplay

__all__ = ["ConvergenceDisplay", "ParameterImportanceDisplay"]
