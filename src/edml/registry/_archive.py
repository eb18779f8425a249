"""The archive of a model file: plain members, of bounded size, and nothing else."""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

from edml.exceptions import RegistryError
from edml.registry._budget import Budget
from edml.registry._nodes import refuse

SCHEMA = "schema.json"
MAX_MEMBERS = 200_000
MAX_SIZE = 4 * 2**30  # bytes, unpacked
MAX_SCHEMA_SIZE = 256 * 2**20
#: Largest ratio of unpacked to packed size. A forest of a thousand trees reaches 10.
MAX_RATIO = 50
SMALL = 2**20  # bytes to which any file may unpack

_NAME = re.compile(r"schema\.json|[0-9]{1,9}\.(npy|bin)")
_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER = 30  # bytes before the name
_END, _END_SIZE = b"PK\x05\x06", 22  # of the archive, without a comment
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes


def size_limit(packed: int) -> int:
    """Return how many bytes a file of this size may unpack to."""
    return min(MAX_SIZE, max(SMALL, MAX_RATIO * packed))


def read_members(data: bytes) -> dict[str, bytes]:
    """Check the headers of a zip file, and read all its members."""
    if data[-_END_SIZE:][: len(_END)] != _END and _END in data:
        refuse("has bytes after its end")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_headers(archive, infos, len(data))
            return {info.filename: _read(archive, info) for info in infos}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        UnicodeError,
        ValueError,
    ) as error:
        if isinstance(error, RegistryError):
            raise
        raise RegistryError(
            f"The model file is not a readable archive ({type(error).__name__}): it is "
            "damaged. Restore it from a copy."
        ) from error


def write_members(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file; the same members give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compresslevel=9) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _ALWAYS)
            archive.writestr(info, content, zipfile.ZIP_DEFLATED, 9)
    return buffer.getvalue()


def read_schema(content: bytes, budget: Budget) -> dict[str, Any]:
    """Read the description of a model's objects: JSON of any depth."""
    try:
        schema = budget.read_json(content)
    except (ValueError, RecursionError) as error:
        if isinstance(error, RegistryError):
            raise
        raise RegistryError(
            f"The model file's {SCHEMA} is damaged. Restore it from a copy."
        ) from error
    if not isinstance(schema, dict):
        raise RegistryError(f"The model file's {SCHEMA} is not a JSON object.")
    return schema


def _check_headers(
    archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], packed: int
) -> None:
    if archive.comment or not 0 < len(infos) <= MAX_MEMBERS:
        refuse(f"holds {len(infos)} members or a comment")
    names = {info.filename for info in infos}
    if len(names) != len(infos) or SCHEMA not in names:
        refuse(f"names a member twice, or has no {SCHEMA}")
    total = end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if not _NAME.fullmatch(info.filename) or info.orig_filename != info.filename:
            refuse("holds a member that no model file has")
        mode = info.external_attr >> 16
        if (
            info.is_dir()
            or info.flag_bits & ~0x806  # encrypted, patched, or of unknown size
            or info.compress_type not in _KINDS
            or info.extra
            or info.comment
            or mode & 0o170000 not in (0, 0o100000)  # a link, a device, a pipe
        ):
            refuse("holds a member that is not a plain file")
        if info.header_offset != end:
            refuse("has bytes between its members, or members that overlap")
        end += _LOCAL_HEADER + len(info.filename) + info.compress_size
        total += info.file_size
        if info.filename == SCHEMA and info.file_size > MAX_SCHEMA_SIZE:
            refuse("has a schema that is too long")
    if total > size_limit(packed):
        refuse(f"of {packed} bytes claims to unpack to {total}")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # never read more than the header declares, whatever the compressed data holds
    with archive.open(info) as member:
        content = member.read(info.file_size + 1)
    if len(content) != info.file_size:
        refuse("has a member of another size than its header says")
    return content
