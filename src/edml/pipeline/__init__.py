"""From a raw event table to a probability: the pipeline and its classifiers."""

from edml.pipeline._blend import Blend
from edml.pipeline._boosters import (
    accept_columns,
    larger_trees,
    single_thread_after_fork,
    smaller_leaves,
    warn_of_constant,
)
from edml.pipeline._risk import CLASSIFIERS, make_risk_pipeline
from edml.pipeline._risk import SerialForest as SerialForest  # where models are stored
from edml.pipeline._steps import split_per_history, strip_samplers
from edml.pipeline._weights import RiskPipeline, fit_weighted

__all__ = [
    "CLASSIFIERS",
    "Blend",
    "RiskPipeline",
    "accept_columns",
    "fit_weighted",
    "larger_trees",
    "make_risk_pipeline",
    "single_thread_after_fork",
    "smaller_leaves",
    "split_per_history",
    "strip_samplers",
    "warn_of_constant",
]
