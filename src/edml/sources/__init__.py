"""Event tables from files, whatever dialect they are written in."""

from edml.sources._events import ReadingReport, read_events

__all__ = ["ReadingReport", "read_events"]
