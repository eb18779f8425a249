"""What acts in training alone: one row per snapshot, and balancing."""

from edml.sampling._balancers import AdaptiveSMOTE, make_balancer
from edml.sampling._snapshots import SnapshotSampler

__all__ = ["AdaptiveSMOTE", "SnapshotSampler", "make_balancer"]
