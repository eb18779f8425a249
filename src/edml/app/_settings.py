"""The settings of the app."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd

    from edml.ledger import Ledger
    from edml.registry import ModelRegistry

PORT = 8501
#: Largest upload, in megabytes.
UPLOAD_LIMIT = 200


class Client(Protocol):
    """The part of `edml.serving.RiskClient` that the app uses."""

    def predict(
        self, X: "pd.DataFrame", explain: bool = False, language: str = "en"
    ) -> "pd.DataFrame":
        """Score the events of students."""
        ...

    def model(self) -> dict[str, Any]:
        """Return the record of the served model."""
        ...


@dataclass(frozen=True)
class AppSettings:
    """The settings of the app.

    Without a registry or an endpoint, the app shows edml's sample data, and a model
    that it trains at startup.

    Attributes
    ----------
    data : Path or None
        The event file; None shows the sample, or asks for an upload.
    open_registry : callable or None
        Opens the registry; called on first use, because its imports are slow.
    open_client : callable or None
        Returns the client of an endpoint; called on first use.
    open_ledger : callable or None
        Opens the ledger of the lists of a registry's models; None records nothing.
    contacts : Path or None
        The CSV file to which ticked students are added; None offers a download.
    capacity : int or None
        Students of a course who can be contacted, for the ledger; None if unknown.
    columns : mapping of str to str
        Actual column names by canonical name, where no model states them.
    reading : mapping of str to object
        Parameters of `edml.sources.read_events` for ``data``. For uploads, whose format
        may differ, only ``timezone`` and ``na_values`` apply.
    language : {"en", "es"} or None
        Language of the pages, one of `edml.explanation.LANGUAGES`; None takes the
        browser's.
    host, port : str, int
        The address on which the app listens.
    allow_changes : bool
        Whether versions can be promoted and rolled back.
    """

    data: Path | None = None
    open_registry: "Callable[[], ModelRegistry] | None" = None
    open_client: Callable[[], Client] | None = None
    open_ledger: "Callable[[], Ledger] | None" = None
    contacts: Path | None = None
    capacity: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    language: str | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    allow_changes: bool = False
