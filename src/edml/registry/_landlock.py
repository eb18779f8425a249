"""Linux's Landlock: a process gives up reading and changing files, and TCP.

The kernel's interface is three system calls, which have the same numbers on all common
processors. See https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38  # of prctl; the kernel restricts no process that can gain some
#: How many rights on files each version of the interface knows, from the first on.
_N_RIGHTS = (13, 14, 15, 15, 16)
_READ = 0b1100  # files and folders
_TCP, _TCP_SINCE = 0b11, 4
_SCOPES, _SCOPES_SINCE = 0b11, 6  # sockets without a path, and signals


def read_only_from(folders: Iterable[str | os.PathLike[str]]) -> bool:
    """Forbid this thread, for good, all files but reading those in these folders.

    Return whether the kernel enforces it; those before Linux 5.13 cannot. Threads that
    it starts later inherit that. Files that are open stay so.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    # what is forbidden unless a rule allows it: on files, in the network, and others
    handled = struct.pack(
        "QQQ",
        2 ** _N_RIGHTS[min(version, len(_N_RIGHTS)) - 1] - 1,
        _TCP if version >= _TCP_SINCE else 0,
        _SCOPES if version >= _SCOPES_SINCE else 0,
    )
    size = ctypes.c_size_t(len(handled))
    rules = libc.syscall(_CREATE_RULESET, handled, size, 0)
    if rules < 0:
        return False
    for folder in {Path(folder).resolve() for folder in folders}:
        if folder.is_dir():
            _allow_reading(libc, rules, folder)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    done = libc.syscall(_RESTRICT_SELF, rules, 0)
    os.close(rules)
    return bool(done == 0)


def _allow_reading(libc: ctypes.CDLL, rules: int, folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        rule = struct.pack("=Qi", _READ, place)  # in the folder and below it
        libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0)
    finally:
        os.close(place)
