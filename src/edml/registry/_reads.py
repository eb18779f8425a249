"""Read regular files of known size, inside the registry's folder only.

An attacker who replaces a folder with a symlink between the check and the read can
still redirect the read, but the hash in the record then rejects the file.
"""

import os
import stat
from pathlib import Path

from edml.exceptions import RegistryError

# O_NONBLOCK: opening a pipe would wait for its writer. Some systems lack some flags.
_READING = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


def check_no_symlink(root: Path, path: Path) -> None:
    """Check that no part of a path below the root is a symlink."""
    while path != root:
        if path.is_symlink():
            raise RegistryError(
                f"Expected a registry without symlinks; found one: {path}. It may lead "
                "out of the folder: replace it with what it stands for, or remove it."
            )
        path = path.parent


def read_folder(root: Path, path: Path) -> list[str]:
    """Return the sorted names in a folder; empty if it does not exist."""
    check_no_symlink(root, path)
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise RegistryError(
            f"Expected a folder that can be read; found that {path} cannot: "
            f"{error.strerror}. Repair the folder, or your permissions."
        ) from error


def read_file(root: Path, path: Path, limit: int, size: int | None = None) -> bytes:
    """Read a regular file of at most ``limit`` bytes, or of exactly ``size``."""
    check_no_symlink(root, path)
    try:
        descriptor = os.open(path, _READING)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            _check_kind_and_size(path, found, limit, size)
            data = file.read(found.st_size + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RegistryError(
            f"Expected a file that can be read; found that {path} cannot: "
            f"{error.strerror}. Repair the file, or your permissions."
        ) from error
    if len(data) != found.st_size:
        raise RegistryError(
            f"Expected {path} to stay unchanged; found that it changed while it was "
            "read. Restore it from a backup."
        )
    return data


def _check_kind_and_size(
    path: Path, found: os.stat_result, limit: int, size: int | None
) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise RegistryError(
            f"Expected a plain file; found another kind: {path}. Restore it from a "
            "backup."
        )
    if found.st_size > limit:
        raise RegistryError(
            f"Expected at most {limit:,} bytes; found {found.st_size:,} in {path}. "
            "Restore it from a backup."
        )
    if size is not None and found.st_size != size:
        raise RegistryError(
            f"Expected the {size:,} bytes of the record; found {found.st_size:,} in "
            f"{path}. Restore it from a backup."
        )
