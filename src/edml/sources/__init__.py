"""Read event tables from files of any dialect."""

from edml.sources._events import ReadingReport, read_events

__all__ = ["ReadingReport", "read_events"]
