"""Errors with a code, by which the app and the command line find their own words."""

from typing import Any

from edml._messages import coded
from edml.exceptions import RegistryError


def registry_error(code: str, message: str, **values: Any) -> RegistryError:
    """Return an error with a code of `edml._texts`, and the values of its text."""
    return RegistryError(coded(code, message, **values))
