"""Scores that count what a tutor counts."""

from edml.metrics._snapshot import make_snapshot_scorer

__all__ = ["make_snapshot_scorer"]
