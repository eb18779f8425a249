"""Write files atomically; all atomic writes are here.

Every change to the disk goes through `step`, so that tests can stop a write at any
point.
"""

import errno
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from edml._urls import Url

TEMPORARY = ".tmp-"  # prefix of the name of an unfinished write
CHUNK = 2**20  # bytes per write

T = TypeVar("T")

# Not every system has each flag.
_WRITING = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
# Windows cannot open a folder, and itself writes names in order.
_SYNCS_FOLDERS = hasattr(os, "O_DIRECTORY")
_NO_HARD_LINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


def step(action: str, path: Path, do: Callable[[], T]) -> T:
    """Make one change to the disk: ``action`` on ``path``, performed by ``do``."""
    return do()


def temporary_path(folder: Path) -> Path:
    """Return an unused name in the target's folder: a rename cannot cross disks."""
    return folder / f"{TEMPORARY}{secrets.token_hex(8)}"


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, and sync their names."""
    if path.is_dir():
        return
    make_folder(path.parent)
    step("mkdir", path, lambda: path.mkdir(exist_ok=True))
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if _SYNCS_FOLDERS and not isinstance(path, Url):
        step("sync", path, lambda: _sync_folder(path))


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # The errors of file systems that cannot sync a folder.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def write_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write and sync a file that must not exist; its folder is not synced."""
    descriptor = step("create", path, lambda: os.open(path, _WRITING, mode))
    try:
        left = memoryview(data)
        while left:  # the system may write only part of it
            write = partial(os.write, descriptor, left[:CHUNK])
            left = left[step("write", path, write) :]
        step("sync", path, lambda: os.fsync(descriptor))
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write a new file atomically; raise FileExistsError if it exists."""
    if isinstance(path, Url):
        path.write_new(data)
        return
    _write(path, data, publish)


def replace_file(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write a file atomically, and replace an existing one."""
    if isinstance(path, Url):
        path.write_bytes(data)
        return

    def replace(draft: Path, path: Path) -> None:
        step("rename", path, lambda: draft.replace(path))

    _write(path, data, replace, mode)


def _write(
    path: Path,
    data: bytes,
    name: Callable[[Path, Path], object],
    mode: int = 0o666,
) -> None:
    draft = temporary_path(path.parent)
    try:
        write_file(draft, data, mode)
        name(draft, path)
    finally:
        with suppress(OSError):  # a leftover; the first error is the one to report
            step("unlink", draft, lambda: draft.unlink(missing_ok=True))


def publish(draft: Path, path: Path) -> None:
    """Rename a written draft, unless the name is taken; the draft may stay."""
    try:
        step("link", path, lambda: os.link(draft, path, follow_symlinks=False))
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_HARD_LINKS:
            raise
        # No hard links on this file system. Writers hold a lock, so nobody can take the
        # name between the check and the rename in `rename`.
        rename(draft, path)


def rename(old: Path, new: Path) -> None:
    """Rename a file or folder, unless the new name is taken."""
    if os.path.lexists(new):  # a rename would replace a file, or an empty folder
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
    step("rename", new, lambda: old.rename(new))


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with its contents; follow no symlink."""
    if path.is_symlink() or not path.is_dir():
        step("unlink", path, path.unlink)
        return
    for inner in sorted(path.iterdir()):
        remove_tree(inner)
    step("rmdir", path, path.rmdir)
