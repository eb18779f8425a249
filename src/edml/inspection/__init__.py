"""Evaluation of models by snapshot, honest comparisons of splits, and pictures."""

from edml.inspection._compare import compare_models
from edml.inspection._displays import (
    EarlinessDisplay,
    ImportanceDisplay,
    ReasonsDisplay,
    ReliabilityDisplay,
    ThresholdDisplay,
    TrajectoryDisplay,
)
from edml.inspection._evaluate import evaluate
from edml.inspection._evaluation import Evaluation
from edml.inspection._events_check import check_events
from edml.inspection._events_report import EventsReport, Finding
from edml.inspection._fairness import fairness_report
from edml.inspection._fairness_report import FairnessReport
from edml.inspection._honesty import honesty_report
from edml.inspection._honesty_report import HonestyReport
from edml.inspection._touched import ContactEvaluation, evaluate_with_contacts
from edml.inspection._units import EvaluationUnits

__all__ = [
    "ContactEvaluation",
    "EarlinessDisplay",
    "Evaluation",
    "EvaluationUnits",
    "EventsReport",
    "FairnessReport",
    "Finding",
    "HonestyReport",
    "ImportanceDisplay",
    "ReasonsDisplay",
    "ReliabilityDisplay",
    "ThresholdDisplay",
    "TrajectoryDisplay",
    "check_events",
    "compare_models",
    "evaluate",
    "evaluate_with_contacts",
    "fairness_report",
    "honesty_report",
]
