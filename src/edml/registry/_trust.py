"""Former home of names that have moved; gone when tracking has."""

from edml.registry._libraries import check_versions, library_versions
from edml.registry._model_file import dumps, loads

__all__ = ["check_versions", "dumps", "library_versions", "loads"]
