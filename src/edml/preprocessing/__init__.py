"""Clean the event table, and drop the keys that no learner may see."""

from edml.preprocessing._cleaner import DataCleaner
from edml.preprocessing._keys import KeyDropper

__all__ = ["DataCleaner", "KeyDropper"]
