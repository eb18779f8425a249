"""Point-in-time prediction of which students are on the way to failing a course."""

from importlib import import_module
from importlib.metadata import version as _version
from typing import Any

#: The home of each public name; names are imported on first access.
_HOME = {
    "ActivityFeatures": "feature_extraction",
    "Capacity": "classifier",
    "ConvergenceDisplay": "tuning",
    "DataCleaner": "preprocessing",
    "EarlinessDisplay": "inspection",
    "Evaluation": "inspection",
    "Explanation": "explanation",
    "FairnessReport": "inspection",
    "FeatureEngineer": "feature_extraction",
    "HistoryFeatures": "feature_extraction",
    "HonestyReport": "inspection",
    "ImportanceDisplay": "inspection",
    "KeyDropper": "preprocessing",
    "Ledger": "ledger",
    "ModelRecord": "registry",
    "ModelRegistry": "registry",
    "ModelTuner": "tuning",
    "ParameterImportanceDisplay": "tuning",
    "PeriodSplit": "model_selection",
    "ProgressFeatures": "feature_extraction",
    "ReasonsDisplay": "inspection",
    "ReliabilityDisplay": "inspection",
    "RiskClassifier": "classifier",
    "SnapshotSampler": "sampling",
    "SplitPlan": "model_selection",
    "StaticColumns": "feature_extraction",
    "StudentKFold": "model_selection",
    "ThresholdDisplay": "inspection",
    "TrajectoryDisplay": "inspection",
    "add_activity": "sources",
    "add_course_context": "feature_extraction",
    "add_students": "sources",
    "as_of": "datasets",
    "assign_contacts": "contacts",
    "check_events": "inspection",
    "compare_models": "inspection",
    "contact_effect": "contacts",
    "contact_power": "contacts",
    "evaluate": "inspection",
    "evaluate_with_contacts": "inspection",
    "explain": "explanation",
    "fairness_report": "inspection",
    "honesty_report": "inspection",
    "load_activity": "datasets",
    "load_oulad": "datasets",
    "make_course_context": "feature_extraction",
    "make_event_table": "sources",
    "make_risk_pipeline": "pipeline",
    "make_snapshot_scorer": "metrics",
    "make_student_activity": "datasets",
    "make_target": "datasets",
    "read_canvas": "sources",
    "read_contacts": "sources",
    "read_events": "sources",
    "read_moodle": "sources",
    "read_tables": "sources",
    "student_train_test_split": "model_selection",
}

__version__ = _version("edml")
__all__ = ["__version__", *_HOME]  # noqa: PLE0604 - they are strings


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
