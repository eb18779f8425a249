"""Read Moodle's tables from a folder of exports or from its own database."""

from edml.sources._moodle._read import read_moodle

__all__ = ["read_moodle"]
