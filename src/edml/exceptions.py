"""The errors that edml raises; each also inherits from a built-in exception.

Catch :class:`EdmlError` for every error that edml raises on purpose, or the built-in
class that the error inherits from.
"""

from typing import Any

__all__ = [
    "EdmlError",
    "LeakageError",
    "LedgerError",
    "MissingExtraError",
    "MonitoringError",
    "NoChallengerError",
    "RegistryError",
    "RemoteError",
    "ServingError",
    "SplitError",
    "TableError",
    "TrackingError",
]


class EdmlError(Exception):
    """Base class of every error that edml raises on purpose."""

    @property
    def code(self) -> str | None:
        """What is wrong, for programs, such as "missing_columns"; None if unnamed."""
        return getattr(self.args[0], "code", None) if self.args else None


class TableError(EdmlError, ValueError):
    """The event table, or a column of it, cannot be read.

    The message names the column, the number of rows affected, the first row labels and
    the remedy; it never contains a student's values.

    Parameters
    ----------
    message : str
        What was expected, what was found, and what to do.
    column : str, default=None
        The invalid column, if it is a single one.
    rows : tuple, default=()
        Labels of the first invalid rows, at most five.
    """

    def __init__(
        self, message: str, *, column: str | None = None, rows: tuple[Any, ...] = ()
    ) -> None:
        super().__init__(message)
        self.column = column
        self.rows = rows


class SplitError(EdmlError, ValueError):
    """The students cannot be split as requested."""


class LeakageError(EdmlError, AssertionError):
    """A transformer's features contain information that they must not have."""


class MissingExtraError(EdmlError, ImportError):
    """A feature needs an optional dependency that is not installed."""


class LedgerError(EdmlError, ValueError):
    """The ledger is missing, damaged or of a later format, or needs another key.

    Also raised if it cannot be written; a run is stored whole or not at all.
    """


class MonitoringError(EdmlError, ValueError):
    """A model has no reference to compare with, or it is damaged."""


class RegistryError(EdmlError, ValueError):
    """A stored model or state is missing, damaged or untrusted."""


class NoChallengerError(RegistryError):
    """No stored model can compete with the champion."""


class RemoteError(EdmlError, RuntimeError):
    """A file in an object store could not be read or written.

    The message names the URL without user, password and query string.
    """


class ServingError(EdmlError, RuntimeError):
    """The endpoint could not be reached, or rejected the request."""


class TrackingError(EdmlError, RuntimeError):
    """The MLflow server could not be reached, or rejected the request.

    Also raised for an invalid tracking URI.
    """
