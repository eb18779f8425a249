"""Features and scores of a Spark DataFrame of events, whole students at a time."""

from edml.spark._features import features
from edml.spark._score import score

__all__ = ["features", "score"]
