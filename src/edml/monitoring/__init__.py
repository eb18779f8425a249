"""Watch a model through a term: its feed, drift, and performance."""

from edml.monitoring._monitor import monitor
from edml.monitoring._reference import Reference
from edml.monitoring._report import MonitoringReport
from edml.monitoring._signs import Part, Sign
from edml.monitoring._summary import make_reference, summarize

__all__ = [
    "MonitoringReport",
    "Part",
    "Reference",
    "Sign",
    "make_reference",
    "monitor",
    "summarize",
]
