"""Watch a model through a term: its feed, drift, and performance."""

from edml.monitoring._monitor import monitor
from edml.monitoring._reference import Reference, make_reference, summarize
from edml.monitoring._report import MonitoringReport
from edml.monitoring._signs import Part, Sign

__all__ = [
    "MonitoringReport",
    "Part",
    "Reference",
    "Sign",
    "make_reference",
    "monitor",
    "summarize",
]
