"""Samplers for training: one row per snapshot, and balancing."""

from edml.sampling._balancers import BALANCERS, AdaptiveSMOTE, make_balancer
from edml.sampling._snapshots import EVENT_COUNTS, SnapshotSampler

__all__ = [
    "BALANCERS",
    "EVENT_COUNTS",
    "AdaptiveSMOTE",
    "SnapshotSampler",
    "make_balancer",
]
