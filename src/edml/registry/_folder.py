"""Folder: the paths, the lock and the sealed documents of one registry."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads
from edml.registry._protocol import (
    LOCK,
    MAX_DOCUMENT_BYTES,
    STATES,
    VERSIONS,
    Document,
    check_key,
    check_name,
    read_number,
    seal,
    unseal,
)

_POLL_SECONDS = 0.01


class Folder:
    """The folder of one registry, without knowledge of what the documents mean.

    Parameters
    ----------
    root : Path
        The folder of all registries.
    name : str
        Which registry.
    key : bytes or None
        Signs the documents.
    timeout : float
        Longest wait for the lock, in seconds.

    Raises
    ------
    RegistryError
        If the name cannot be a folder's, or the key is empty or not bytes.
    """

    def __init__(
        self, root: Path, name: str, key: bytes | None, timeout: float
    ) -> None:
        check_name(name)
        check_key(key)
        self.root = Path(root).absolute()
        self.name = name
        self.timeout = timeout
        self.path = self.root / name
        self.states = self.path / STATES
        self.versions = self.path / VERSIONS
        self._key = key

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock between the writing processes; make what is not there yet.

        Raises
        ------
        RegistryError
            If the lock is not to be had in time, a folder is a symlink, or the disk
            fails.
        """
        for path in (self.path / LOCK, self.states, self.versions):
            _reads.check_no_symlink(self.root, path)
        # A new one each time: it excludes the threads of this process as well.
        lock = FileLock(self.path / LOCK, timeout=self.timeout)
        with self.writing("The registry could not be locked"):
            for path in (self.states, self.versions):
                _files.make_folder(path)
            try:
                lock.acquire(poll_interval=_POLL_SECONDS)
            except Timeout as error:
                message = (
                    f"Expected the lock of registry {self.name!r} within "
                    f"{self.timeout:g} seconds; found that another one still writes. "
                    "Try again when it has ended."
                )
                raise RegistryError(message) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing(self, failure: str) -> Iterator[None]:
        """Say of a failed write what it leaves.

        Parameters
        ----------
        failure : str
            What has not happened.

        Raises
        ------
        RegistryError
            Instead of an OSError.
        """
        try:
            yield
        except OSError as error:
            message = (
                f"Expected to write to {self.path}; found: {error.strerror or error}. "
                f"{failure}; all that was stored before is as it was. Make room, or "
                "mend the folder or your rights to it, and try again."
            )
            raise RegistryError(message) from error

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files and folders, each first from the sight of readers.

        Parameters
        ----------
        paths : iterable of Path
            Inside the registry; need not exist.

        Raises
        ------
        OSError
            If the disk fails.
        """
        for path in paths:
            if not os.path.lexists(path):
                continue
            temporary = _files.temporary_path(self.path)
            _files.rename(path, temporary)
            _files.remove_tree(temporary)
            _files.sync_folder(path.parent)

    def read(self, path: Path, kind: str, place: Mapping[str, Any]) -> Document:
        """Read a document, and check it as `unseal` does.

        Parameters
        ----------
        path : Path
            Its file.
        kind : {"record", "state", "evaluation"}
            What it must be.
        place : mapping of str to int
            Where in this registry it must belong.

        Returns
        -------
        document : dict
            What `unseal` gives.

        Raises
        ------
        RegistryError
            If there is none, or it is damaged or not signed.
        """
        try:
            data = _reads.read_file(self.root, path, MAX_DOCUMENT_BYTES)
        except FileNotFoundError as error:
            message = (
                f"Expected the {kind} {path}; found that it is gone. Read again, or "
                "restore it from a backup."
            )
            raise RegistryError(message) from error
        return unseal(data, kind, {"registry": self.name, **place}, self._key)

    def seal(
        self, kind: str, place: Mapping[str, Any], body: Mapping[str, Any]
    ) -> tuple[bytes, Document]:
        """Make the bytes of a document, and read them.

        Parameters
        ----------
        kind : {"record", "state", "evaluation"}
            What it is.
        place : mapping of str to int
            Where in this registry it belongs.
        body : mapping of str to object
            What it says.

        Returns
        -------
        data : bytes
            What its file shall hold.
        document : dict
            What will be read from it.

        Raises
        ------
        RegistryError
            If it could not be read again, so that it is never written.
        """
        place = {"registry": self.name, **place}
        data = seal(kind, place, body, self._key)
        return data, unseal(data, kind, place, self._key)

    def write(self, path: Path, data: bytes, failure: str) -> None:
        """Write a document that is there whole or not at all; needs the lock.

        Parameters
        ----------
        path : Path
            Must not exist.
        data : bytes
            What `seal` gives.
        failure : str
            What has not happened if it fails.

        Raises
        ------
        RegistryError
            If the path exists, or the disk is full or fails.
        """
        with self.writing(failure):
            _files.write_new(path, data)
        with self.writing("It is done, but may be lost if the power fails now"):
            _files.sync_folder(path.parent)

    def numbers(self, folder: Path, ending: str = "") -> list[int]:
        """Give the numbers that the names in a folder spell.

        Parameters
        ----------
        folder : Path
            Inside the registry; need not exist.
        ending : str, default=""
            What follows the number in a name.

        Returns
        -------
        numbers : list of int
            In order; other names are passed over.

        Raises
        ------
        RegistryError
            If the folder is reached by a symlink, or cannot be read.
        """
        found = [
            read_number(name.removesuffix(ending))
            for name in _reads.read_folder(self.root, folder)
            if name.endswith(ending)
        ]
        return sorted(number for number in found if number is not None)
