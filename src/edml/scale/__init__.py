"""Tables larger than the memory: whole students in buckets on disk."""

from edml.scale._bucket_of import bucket_of
from edml.scale._bucketing import bucket_events
from edml.scale._evaluate import evaluate_store
from edml.scale._map import map_buckets
from edml.scale._sample import TrainingSample, training_sample
from edml.scale._store import EventStore

__all__ = [
    "EventStore",
    "TrainingSample",
    "bucket_events",
    "bucket_of",
    "evaluate_store",
    "map_buckets",
    "training_sample",
]
