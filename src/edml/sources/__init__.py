"""Import tables of learning platforms, and read event tables from files."""

from edml.sources._add_activity import add_activity
from edml.sources._add_students import add_students
from edml.sources._canvas import read_canvas
from edml.sources._chunks import EventChunk, EventChunks
from edml.sources._contacts import contacted_rows, read_contacts
from edml.sources._event_table import make_event_table
from edml.sources._events import ReadingReport, read_events
from edml.sources._import_report import ImportReport
from edml.sources._moodle import read_moodle
from edml.sources._open import read_table
from edml.sources._tables import read_tables

__all__ = [
    "EventChunk",
    "EventChunks",
    "ImportReport",
    "ReadingReport",
    "add_activity",
    "add_students",
    "contacted_rows",
    "make_event_table",
    "read_canvas",
    "read_contacts",
    "read_events",
    "read_moodle",
    "read_table",
    "read_tables",
]
