"""Metrics that measure what matters to a tutor.

Figures of predictions with one row per snapshot, their uncertainty, how early and how
steadily students are flagged, and how many failing students a limited capacity finds.
"""

from edml.metrics._bootstrap import bootstrap_metrics, percentile_interval
from edml.metrics._calibration_error import calibration_bins, expected_calibration_error
from edml.metrics._capacity import precision_at_k
from edml.metrics._earliness import alert_lead_time, flip_rate
from edml.metrics._figures import (
    LOSSES,
    METRIC_MEANINGS,
    METRIC_TITLES,
    snapshot_metrics,
)
from edml.metrics._groups import GROUP_TITLES, bootstrap_groups
from edml.metrics._snapshot import make_snapshot_scorer

__all__ = [
    "GROUP_TITLES",
    "LOSSES",
    "METRIC_MEANINGS",
    "METRIC_TITLES",
    "alert_lead_time",
    "bootstrap_groups",
    "bootstrap_metrics",
    "calibration_bins",
    "expected_calibration_error",
    "flip_rate",
    "make_snapshot_scorer",
    "percentile_interval",
    "precision_at_k",
    "snapshot_metrics",
]
