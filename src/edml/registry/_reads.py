"""Read regular files of known size.

An attacker who replaces a folder with a symlink between the check and the read can
still redirect the read, but the hash in the record then rejects the file.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from edml._messages import coded
from edml._urls import Url
from edml.exceptions import RegistryError
from edml.registry._errors import registry_error

# O_NONBLOCK: opening a pipe would wait for its writer. Some systems lack some flags.
_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NO_SYMLINK = getattr(os, "O_NOFOLLOW", 0)


def as_text(value: Any) -> Any:
    """Escape what is not Unicode in a text, such as bytes of another encoding."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def check_no_symlink(root: Path, path: Path) -> None:
    """Check that no part of a path below the root is a symlink."""
    while path != root:
        with _reading(path):
            is_symlink = path.is_symlink()
        if is_symlink:
            raise registry_error(
                "symlink",
                f"Expected a registry without symlinks; found one: {path}. It may lead "
                "out of the folder: replace it with what it stands for, or remove it.",
                path=path,
            )
        path = path.parent


def read_folder(root: Path, path: Path) -> list[str]:
    """Return the sorted names in a folder; empty if it does not exist."""
    check_no_symlink(root, path)
    with _reading(path):
        try:
            with os.scandir(path) as entries:
                return sorted(entry.name for entry in entries)
        except FileNotFoundError:
            return []


def read_file(
    root: Path | None, path: Path, limit: int, size: int | None = None
) -> bytes:
    """Read a regular file of at most ``limit`` bytes, or of exactly ``size``.

    Without a root, symlinks are followed, and the file may be in an object store.
    """
    if isinstance(path, Url):
        _check_size(path, path.size(), limit, size)
        data = path.read_bytes()
        _check_size(path, len(data), limit, size)
        return data
    flags = _READING
    if root is not None:
        check_no_symlink(root, path)
        flags |= _NO_SYMLINK
    with _reading(path):
        descriptor = os.open(path, flags)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _unexpected(path, "is not a plain file")
            _check_size(path, found.st_size, limit, size)
            data = file.read(found.st_size + 1)
    if len(data) != found.st_size:
        raise _unexpected(path, "changed while it was read")
    return data


def _reading(path: Path) -> AbstractContextManager[None]:
    return system_errors(
        f"to read {path}",
        "Check the path and your permissions. If another process has just removed it, "
        "try again; otherwise, restore it from a backup.",
    )


@contextmanager
def system_errors(expected: str, remedy: str) -> Iterator[None]:
    """Turn an error of the system into one that states what failed."""
    try:
        yield
    except RegistryError:
        raise
    # ValueError: such as a NUL or no Unicode in a path
    except (OSError, ValueError, NotImplementedError) as error:
        found = getattr(error, "strerror", None) or error
        message = as_text(f"Expected {expected}; found: {found}. {remedy}")
        raise RegistryError(coded("not_accessible", message)) from error


def _check_size(path: Path, found: int, limit: int, size: int | None) -> None:
    if found > limit:
        raise _unexpected(path, f"has {found:,} bytes, more than {limit:,}")
    if size is not None and found != size:
        raise _unexpected(path, f"has {found:,} bytes, not {size:,}")


def _unexpected(path: Path, found: str) -> RegistryError:
    return registry_error(
        "registry_damaged",
        f"Expected a plain file as it was written; found that {path} {found}. Restore "
        "it from a backup.",
    )
