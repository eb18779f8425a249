"""What a push writes to an object store, below ``<url>/<name>/``.

::

    objects/<sha256>        a file of the registry, named by its bytes
    pushes/<number>.json    the path, size and SHA-256 of every file of the registry

The truth is the push of the highest number. It is complete in itself, is written after
all that it names, and only if no push has its number. An interrupted push is therefore
invisible, and of two at once one fails. Objects are never changed or removed. A push is
a document as `edml.registry._protocol` describes them, signed like the others.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from edml.registry._errors import registry_error
from edml.registry._folder import Folder
from edml.registry._protocol import (
    MAX_DOCUMENT_BYTES,
    MAX_FILE_BYTES,
    STATES,
    is_digest,
    read_number,
    read_path,
    unseal,
)
from edml.registry._reads import read_file


class Entry(NamedTuple):
    """The size and the SHA-256 of a file."""

    size: int
    sha256: str


class Push(NamedTuple):
    """The files of a registry as of a push, by their paths in its folder."""

    number: int = 0
    generation: int = 0
    files: Mapping[str, Entry] = {}

    def versions(self) -> set[int]:
        """Return the numbers of the versions that have files."""
        return {version_of(path) for path in self.files} - {0}


def entry_of(data: bytes) -> Entry:
    """Describe the bytes of a file."""
    return Entry(len(data), hashlib.sha256(data).hexdigest())


def state_path(generation: int) -> str:
    """Return the path of a state."""
    return f"{STATES}/{generation}.json"


def version_of(path: str) -> int:
    """Return the version whose file has this path; 0 for a state."""
    _, place = read_path(path) or ("", {})
    return place.get("version", 0)


def push_path(root: Path, number: int) -> Path:
    """Return where a push is."""
    return root / "pushes" / f"{number}.json"


def object_path(root: Path, entry: Entry) -> Path:
    """Return where the bytes of a file are."""
    return root / "objects" / entry.sha256


def newest_push(root: Path) -> int:
    """Return the number of the newest push; 0 if there is none."""
    folder = root / "pushes"
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:  # a folder on this machine
        return 0
    numbers = (read_number(n.removesuffix(".json")) for n in names if "." in n)
    return max(filter(None, numbers), default=0)


def read_push(home: Folder, root: Path, number: int) -> Push:
    """Read a push, and check it; number 0 has no files."""
    if not number:
        return Push()
    path = push_path(root, number)
    data = read_file(None, path, MAX_DOCUMENT_BYTES)
    place = {"registry": home.name, "number": number}
    document = unseal(data, "push", place, home.keys)
    files = {}
    for name, entry in document["files"].items():
        files[name] = _check_entry(path, name, entry)
    return Push(number, document["generation"], files)


def read_object(root: Path, entry: Entry) -> bytes:
    """Read the bytes of a file, and check them."""
    path = object_path(root, entry)
    data = read_file(None, path, MAX_FILE_BYTES, entry.size)
    if entry_of(data) != entry:
        raise registry_error(
            "push_incomplete",
            f"Expected the bytes whose SHA-256 is the name of {path}; found others. "
            "Nothing was changed here. Push to another address.",
            url=root,
        )
    return data


def _check_entry(path: Path, name: str, entry: object) -> Entry:
    match entry:
        case [int(size), digest] if (
            0 <= size <= MAX_FILE_BYTES and is_digest(digest) and read_path(name)
        ):
            return Entry(size, digest)
    raise registry_error(
        "push_incomplete",
        f"Expected the files of a registry with their sizes and hashes in {path}; "
        "found something else. Nothing was changed here. Push again.",
        url=path,
    )
