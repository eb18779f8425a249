"""ExportedModel: a stored model as bytes for another system, and its loader."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from edml.exceptions import RegistryError
from edml.registry import _model_file
from edml.registry._libraries import check_versions
from edml.registry._protocol import MAX_FILE_BYTES
from edml.registry._reads import read_file
from edml.registry._record import ModelRecord
from edml.registry._sandbox import load_model


@dataclass(frozen=True, kw_only=True)
class ExportedModel:
    """The bytes of a stored model; `ModelRegistry.export_model` returns them.

    Parameters
    ----------
    record : ModelRecord
        The record of its version.
    data : bytes
        The skops file, as the registry stores it.
    trusted : tuple of str, default=()
        Classes that the registry trusts in addition to its closed list.

    See Also
    --------
    read_model_file : Load the model from the bytes in a file.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.linear_model import LogisticRegression
    >>> from edml.registry import ModelRegistry
    >>> model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    >>> with TemporaryDirectory() as folder:
    ...     registry = ModelRegistry(folder)
    ...     exported = registry.export_model(registry.register(model).version)
    >>> exported.types
    ['sklearn.linear_model._logistic.LogisticRegression']
    >>> exported.load().predict([[2.0]])
    array([1])
    """

    __module__ = "edml.registry"

    record: ModelRecord
    data: bytes = field(repr=False)
    trusted: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hexadecimal digits."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def types(self) -> list[str]:
        """Types in the file, except those of Python and numpy that skops trusts."""
        return _model_file.list_types(self.data)

    @property
    def user_types(self) -> list[str]:
        """The types that are not on the registry's closed list: the user's own."""
        return _model_file.list_user_types(self.data)

    def load(self) -> Any:
        """Load the model, as `ModelRegistry.load` does.

        Returns
        -------
        model : classifier
            It predicts the same bits as the one that was registered.
        """
        return load_model(self.data, self.record, trusted=self.trusted)


def read_model_file(
    path: str | PathLike[str],
    *,
    record: ModelRecord | None = None,
    sha256: str | None = None,
    libraries: Mapping[str, str] | None = None,
    trusted: Sequence[str] = (),
) -> Any:
    """Load the model in a file of an `ExportedModel`'s bytes, after all checks.

    Nothing is unpickled: the file is checked as `ModelRegistry.load` checks it,
    against a closed list of types.

    Parameters
    ----------
    path : str or path-like
        The file, which may come from an untrusted place.
    record : ModelRecord, default=None
        Its record. The model must answer for made-up students as the record says, and
        the record's SHA-256 and library versions are the defaults of those below. None
        compares no answers.
    sha256 : str, default=None
        The SHA-256 that its bytes must have; None skips the check.
    libraries : mapping of str to str, default=None
        The library versions in its record, to compare with those installed; None skips
        the check.
    trusted : sequence of str, default=()
        Classes of your own that it may hold, with their modules.

    Returns
    -------
    model : classifier
        It predicts the same bits as the one that was registered.

    Raises
    ------
    RegistryError
        If the file cannot be read, has another SHA-256, is damaged, holds a type that
        is not allowed, or was written by a newer edml, or the model answers otherwise
        than its record.

    Warns
    -----
    UserWarning
        If ``libraries`` differs from the installed versions in a way that may matter.

    Examples
    --------
    >>> from edml.registry import read_model_file
    >>> read_model_file("no-such-file.skops")
    Traceback (most recent call last):
        ...
    edml.exceptions.RegistryError: Expected to read no-such-file.skops; found: No such \
file or directory. Check the path and your permissions. If another process has just \
removed it, try again; otherwise, restore it from a backup.
    """
    data = read_file(None, Path(path), MAX_FILE_BYTES)
    if record is not None:
        sha256 = sha256 or record.model_hash
        libraries = libraries or record.libraries
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise RegistryError(
            f"Expected the file whose SHA-256 is {sha256:.64}; found another in "
            f"{path}. Get the file again, and find out who changed it."
        )
    if libraries is not None:
        check_versions(libraries)
    if record is None:
        return _model_file.loads(data, trusted=trusted)
    return load_model(data, record, trusted=trusted)
