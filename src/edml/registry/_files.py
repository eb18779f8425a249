"""Files that are there whole or not at all, and reads that stay in the folder.

All that changes the disk passes through `step`, so that a test can stop a write at
every point. Who swaps a folder for a symlink between the look at a path and the read
can still lead the read astray, to a file with other bytes than the record names.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from edml.exceptions import RegistryError

TEMPORARY = ".tmp-"
CHUNK = 2**20  # bytes per write

T = TypeVar("T")

# Not every system has each. O_NONBLOCK: to open a pipe would wait for its writer.
_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_READING = os.O_RDONLY | _FLAGS | getattr(os, "O_NONBLOCK", 0)
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
# A folder cannot be opened on Windows, which writes its names in order by itself.
_SYNCS_FOLDERS = hasattr(os, "O_DIRECTORY")
_NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def step(action: str, path: Path, do: Callable[[], T]) -> T:
    """Do one change of the disk.

    Parameters
    ----------
    action : {"mkdir", "create", "write", "sync", "rename", "link", "unlink", "rmdir"}
        What is done.
    path : Path
        To what.
    do : callable
        Does it.

    Returns
    -------
    result : object
        What ``do`` gives.
    """
    return do()


def temporary_path(folder: Path) -> Path:
    """Give a new name for a write in a folder.

    Parameters
    ----------
    folder : Path
        Where what is written will stand in the end: a rename does not leave the disk.

    Returns
    -------
    path : Path
        Does not exist.
    """
    return folder / f"{TEMPORARY}{secrets.token_hex(8)}"


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, and sync their names.

    Parameters
    ----------
    path : Path
        May exist.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    if path.is_dir():
        return
    make_folder(path.parent)
    step("mkdir", path, lambda: path.mkdir(exist_ok=True))
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Write the names in a folder through to the disk, where the system can.

    Parameters
    ----------
    path : Path
        A folder.

    Raises
    ------
    OSError
        If the disk refuses.
    """
    if _SYNCS_FOLDERS:
        step("sync", path, lambda: _sync_folder(path))


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems have no such thing; they say so in one of these ways.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes) -> None:
    """Write a new file through to the disk.

    Parameters
    ----------
    path : Path
        Must not exist; its folder is not synced.
    data : bytes
        What it shall hold.

    Raises
    ------
    OSError
        If it exists, or the disk is full or fails.
    """
    descriptor = step("create", path, lambda: os.open(path, _WRITING, 0o666))
    try:
        left = memoryview(data)
        while left:  # the system may take less than it is given
            write = partial(os.write, descriptor, left[:CHUNK])
            left = left[step("write", path, write) :]
        step("sync", path, lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def write_exclusively(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, and replaces none.

    Parameters
    ----------
    path : Path
        In a folder that exists, and is not synced.
    data : bytes
        What it shall hold.

    Raises
    ------
    OSError
        If it exists, or the disk is full or fails.
    """
    temporary = temporary_path(path.parent)
    try:
        write_file(temporary, data)
        publish(temporary, path)
    finally:
        with suppress(OSError):  # then it is a leftover, and the first error counts
            step("unlink", temporary, lambda: temporary.unlink(missing_ok=True))


def publish(temporary: Path, path: Path) -> None:
    """Give a written file its name, unless the name is taken.

    Parameters
    ----------
    temporary : Path
        The file; may keep its own name as well.
    path : Path
        The name.

    Raises
    ------
    OSError
        If the name is taken, or the disk fails.
    """
    try:
        step("link", path, lambda: os.link(temporary, path, follow_symlinks=False))
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_HARD_LINKS:
            raise
        # A file system without hard links: writers hold the registry's lock, so that
        # nobody takes the name between the two lines.
        rename(temporary, path)


def rename(temporary: Path, path: Path) -> None:
    """Give a file or folder another name, unless the name is taken.

    Parameters
    ----------
    temporary : Path
        The name of before.
    path : Path
        The name.

    Raises
    ------
    OSError
        If the name is taken, or the disk fails.
    """
    if os.path.lexists(path):  # a rename would replace a file, or an empty folder
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    step("rename", path, lambda: temporary.rename(path))


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with all that is in it; follow no symlink.

    Parameters
    ----------
    path : Path
        What to remove.

    Raises
    ------
    OSError
        If the system refuses.
    """
    if path.is_symlink() or not path.is_dir():
        step("unlink", path, path.unlink)
        return
    for inner in sorted(path.iterdir()):
        remove_tree(inner)
    step("rmdir", path, path.rmdir)


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
