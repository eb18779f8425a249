"""The deployable model, with calibration and threshold learned out of fold."""

from edml.classifier._calibration import IsotonicCalibrator, SigmoidCalibrator
from edml.classifier._columns_read import extra_columns, reads_context
from edml.classifier._deployed import DeployedClassifier
from edml.classifier._predictions import RiskPredictions
from edml.classifier._prepared import Prepared, prepare
from edml.classifier._risk_classifier import RiskClassifier
from edml.classifier._thresholds import Capacity, check_threshold, choose_threshold
from edml.classifier._training import raw_scores
from edml.classifier._units import check_scores

__all__ = [
    "Capacity",
    "DeployedClassifier",
    "IsotonicCalibrator",
    "Prepared",
    "RiskClassifier",
    "RiskPredictions",
    "SigmoidCalibrator",
    "check_scores",
    "check_threshold",
    "choose_threshold",
    "extra_columns",
    "prepare",
    "raw_scores",
    "reads_context",
]
