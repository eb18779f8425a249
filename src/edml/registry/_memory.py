"""Memory: the highest generation that a reader has seen, against replay."""

import json
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from edml import _files
from edml.registry._errors import registry_error
from edml.registry._reads import read_file, system_errors

_MAX_BYTES = 1000
_LOCK_SECONDS = 30.0


class Memory:
    """A file that lives where nobody who writes to the registry can write."""

    def __init__(self, path: Path, root: Path, name: str, checks: bool) -> None:
        self.path = path.absolute()
        self.name = name
        if not checks:
            raise registry_error(
                "memory_needs_key",
                "Expected a key with memory=, because anybody can write a higher "
                "generation without one; found none. Pass key=, private_key= or "
                "public_keys=.",
            )
        if self.path.is_relative_to(root):
            raise registry_error(
                "memory_inside",
                f"Expected a memory outside of the registries in {root}, because "
                "whoever brings an older state back could change it too; found "
                f"{self.path}. Choose another path.",
                path=self.path,
            )

    def check(self, generation: int, *, note: bool = True) -> None:
        """Raise for an older generation than the highest one seen; note a newer one."""
        remedy = "Check the path and your permissions."
        with (
            system_errors(f"to write the memory {self.path}", remedy),
            FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS),
        ):
            self._check(generation, note)

    def _check(self, generation: int, note: bool) -> None:
        seen = self._read() if self.path.exists() else 0
        if generation < seen:
            raise registry_error(
                "older_state",
                f"Expected generation {seen} of registry {self.name!r} or a later one, "
                f"because this reader has seen it; found {generation}. Somebody has "
                "brought an older state back. If it was you, from a backup, remove "
                f"the memory {self.path}.",
                path=self.path,
            )
        if note and generation > seen:
            content = {"registry": self.name, "generation": generation}
            _files.replace_file(self.path, json.dumps(content).encode())
            _files.sync_folder(self.path.parent)

    def _read(self) -> int:
        data = read_file(None, self.path, _MAX_BYTES)
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            content = json.loads(data)
            seen = content["generation"]
            if content["registry"] == self.name and type(seen) is int:
                return int(seen)
        raise registry_error(
            "not_memory",
            f"Expected the memory of registry {self.name!r} in {self.path}; found "
            "another file. Choose another path, one for each registry, or remove it.",
            path=self.path,
        )
