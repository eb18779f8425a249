"""Folder: the paths, the lock and the sealed documents of one registry."""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads
from edml.registry._errors import registry_error
from edml.registry._protocol import (
    DAMAGED,
    LOCK,
    MAX_DOCUMENT_BYTES,
    RECORD,
    STATES,
    VERSIONS,
    Document,
    check_name,
    is_signed,
    read_number,
    seal,
    unseal,
)
from edml.registry._signing import Keys

_POLL_SECONDS = 0.01


class Folder:
    """The folder of one registry, without knowledge of what its documents mean."""

    def __init__(self, root: Path, name: str, keys: Keys, timeout: float) -> None:
        check_name(name)
        self.root = Path(root).absolute()  # may be a symlink, but nothing below it
        self.name = name
        self.timeout = timeout  # seconds to wait for other writers; < 0 for no limit
        self.path = self.root / name
        self.states = self.path / STATES
        self.versions = self.path / VERSIONS
        self.keys = keys

    @contextmanager
    def locked(self, *, signs: bool = True) -> Iterator[None]:
        """Hold the lock between writing processes; create missing folders."""
        if signs:
            self._check_can_sign()
        for path in (self.path / LOCK, self.states, self.versions):
            _reads.check_no_symlink(self.root, path)
        # A new lock each time also excludes other threads of this process.
        lock = FileLock(self.path / LOCK, timeout=self.timeout)
        with self.writing("The registry could not be locked"):
            for path in (self.states, self.versions):
                _files.make_folder(path)
            try:
                lock.acquire(poll_interval=_POLL_SECONDS)
            except Timeout as error:
                raise registry_error(
                    "registry_locked",
                    f"Expected the lock of registry {self.name!r} within "
                    f"{self.timeout:g} seconds; found that another process is still "
                    "writing. Try again later.",
                ) from error
        try:
            yield
        finally:
            lock.release()

    def _check_can_sign(self) -> None:
        """Raise before an unsigned change of a signed registry."""
        if self.keys.signs:
            return
        if self.keys.checks:
            raise registry_error(
                "only_public_keys",
                f"Expected a private key to change registry {self.name!r}; found only "
                "public keys, which can read. Pass private_key= or key=, or set "
                "EDML_REGISTRY_PRIVATE_KEY or EDML_REGISTRY_KEY.",
            )
        if self._is_signed():
            raise registry_error(
                "needs_key",
                f"Expected a key to change registry {self.name!r}, which is signed; "
                "found none. An unsigned change would make it unreadable for everybody "
                "who checks signatures. Pass private_key= or key=, or set "
                "EDML_REGISTRY_PRIVATE_KEY or EDML_REGISTRY_KEY.",
            )

    def _is_signed(self) -> bool:
        """Return whether the newest readable document of the registry is signed."""
        states = reversed(self.numbers(self.states, ".json"))
        versions = reversed(self.numbers(self.versions))
        paths = [self.states / f"{number}.json" for number in states]
        paths += [self.versions / str(number) / RECORD for number in versions]
        for path in paths:
            with suppress(RegistryError):
                data = _reads.read_file(self.root, path, MAX_DOCUMENT_BYTES)
                return is_signed(data)
        return False

    def writing(self, failure: str) -> AbstractContextManager[None]:
        """Turn an error of the system into one that states what failed."""
        return _reads.system_errors(
            f"to write to {self.path}",
            f"{failure}; everything stored before is unchanged. Free disk space, or "
            "repair the folder or your permissions, and try again.",
        )

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove files and folders, hiding each from readers first."""
        there = [path for path in paths if os.path.lexists(path)]
        for path in there:
            temporary = _files.temporary_path(self.path)
            _files.rename(path, temporary)
            _files.remove_tree(temporary)
        for folder in {path.parent for path in there}:
            _files.sync_folder(folder)

    def set_aside(self, path: Path) -> None:
        """Move a file or folder that cannot be used out of the way, if it is there."""
        if not os.path.lexists(path):
            return
        folder = self.path / DAMAGED
        _reads.check_no_symlink(self.root, folder)
        _files.make_folder(folder)
        name = "-".join(path.relative_to(self.path).parts)[:60]
        _files.rename(path, folder / f"{name}-{secrets.token_hex(4)}")
        _files.sync_folder(folder)
        _files.sync_folder(path.parent)

    def read(self, path: Path, kind: str, place: Mapping[str, Any]) -> Document:
        """Read a document, and check it as `unseal` does."""
        data = _reads.read_file(self.root, path, MAX_DOCUMENT_BYTES)
        return unseal(data, kind, {"registry": self.name, **place}, self.keys)

    def seal(
        self, kind: str, place: Mapping[str, Any], body: Mapping[str, Any]
    ) -> tuple[bytes, Document]:
        """Return a document's bytes, and the document that will be read from them.

        Raise an error for a document that could not be read back.
        """
        place = {"registry": self.name, **place}
        data = seal(kind, place, body, self.keys)
        return data, unseal(data, kind, place, self.keys)

    def write(self, path: Path, data: bytes, failure: str) -> None:
        """Write a new document atomically; the caller holds the lock."""
        with self.writing(failure):
            _files.write_new(path, data)
        with self.writing("It is done, but may be lost if the power fails now"):
            _files.sync_folder(path.parent)

    def numbers(self, folder: Path, ending: str = "") -> list[int]:
        """Return the sorted numbers that are names in a folder."""
        found = [
            read_number(name.removesuffix(ending))
            for name in _reads.read_folder(self.root, folder)
            if name.endswith(ending)
        ]
        return sorted(number for number in found if number is not None)
