"""Reads that stay inside the registry's folder, of plain files of a known size.

Whoever swaps a folder for a symlink between the check of a path and the read can still
lead the read astray, but only to a file with other bytes than the record names.
"""

import os
import stat
from pathlib import Path

from edml.exceptions import RegistryError

# O_NONBLOCK: opening a pipe would wait for its writer. Not every system has each flag.
_READING = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
)


def check_no_symlink(root: Path, path: Path) -> None:
    """Check that no part of a path below the root is a symlink.

    Parameters
    ----------
    root : Path
        May be one itself.
    path : Path
        Below ``root``; need not exist.

    Raises
    ------
    RegistryError
        If a part is one.
    """
    while path != root:
        if path.is_symlink():
            message = (
                f"Expected a registry without symlinks; found one: {path}. It may lead "
                "out of the folder: replace it with what it stands for, or remove it."
            )
            raise RegistryError(message)
        path = path.parent


def read_folder(root: Path, path: Path) -> list[str]:
    """Give the names in a folder.

    Parameters
    ----------
    root : Path
        No part of the path below it may be a symlink.
    path : Path
        The folder.

    Returns
    -------
    names : list of str
        Sorted; empty if there is no such folder.

    Raises
    ------
    RegistryError
        If it is reached by a symlink, or cannot be read.
    """
    check_no_symlink(root, path)
    try:
        with os.scandir(path) as entries:
            return sorted(entry.name for entry in entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        message = (
            f"Expected a folder that can be read; found that {path} cannot: "
            f"{error.strerror}. Mend the folder, or your rights to it."
        )
        raise RegistryError(message) from error


def read_file(root: Path, path: Path, limit: int, size: int | None = None) -> bytes:
    """Give what a file holds, after a look at its kind and size.

    Parameters
    ----------
    root : Path
        No part of the path below it may be a symlink.
    path : Path
        The file.
    limit : int
        Largest number of bytes that is read.
    size : int, default=None
        The number of bytes that it must have, where it is known.

    Returns
    -------
    data : bytes
        All of it.

    Raises
    ------
    FileNotFoundError
        If there is none.
    RegistryError
        If it is reached by a symlink, is no plain file, is of another size or too
        large, or cannot be read.
    """
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
        message = (
            f"Expected a file that can be read; found that {path} cannot: "
            f"{error.strerror}. Mend the file, or your rights to it."
        )
        raise RegistryError(message) from error
    if len(data) != found.st_size:
        message = (
            f"Expected {path} to stay as it is; found that it changed while it was "
            "read. Restore it from a backup."
        )
        raise RegistryError(message)
    return data


def _check_kind_and_size(
    path: Path, found: os.stat_result, limit: int, size: int | None
) -> None:
    if not stat.S_ISREG(found.st_mode):
        message = (
            f"Expected a plain file; found that {path} is none. Restore it from a "
            "backup."
        )
        raise RegistryError(message)
    if found.st_size > limit:
        message = (
            f"Expected at most {limit:,} bytes; found {found.st_size:,} in {path}. "
            "Restore it from a backup."
        )
        raise RegistryError(message)
    if size is not None and found.st_size != size:
        message = (
            f"Expected the {size:,} bytes of the record; found {found.st_size:,} in "
            f"{path}. Restore it from a backup."
        )
        raise RegistryError(message)
