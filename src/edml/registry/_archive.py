"""Zip files: plain members, of bounded size, and nothing else."""

import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from edml.exceptions import RegistryError
from edml.registry._errors import registry_error

MAX_SIZE = 4 * 2**30  # bytes, unpacked
#: Largest ratio of unpacked to packed size. A forest of a thousand trees reaches 10.
MAX_RATIO = 50
SMALL = 2**20  # bytes to which any file may unpack

_KINDS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER = 30  # bytes before the name
_END, _END_SIZE = b"PK\x05\x06", 22  # of the archive, without a comment
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same members give the same bytes
_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError),
    *(RuntimeError, UnicodeError, ValueError),
)


@dataclass(frozen=True)
class Archive:
    """A kind of zip file: what its errors call it, and what it may hold."""

    called: str
    names: re.Pattern[str]
    needed: str  # the member that describes the others
    max_members: int
    compressed: bool
    remedy: str

    def read(self, data: bytes) -> dict[str, bytes]:
        """Check the headers of a zip file, and read all its members."""
        if data[-_END_SIZE:][: len(_END)] != _END and _END in data:
            raise self._error("has bytes after its end")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                infos = archive.infolist()
                self._check_headers(archive, infos, len(data))
                return {info.filename: self._member(archive, info) for info in infos}
        except RegistryError:
            raise
        except _ERRORS as error:
            why = f"is not a readable archive ({type(error).__name__})"
            raise self._error(why) from error

    def write(self, members: Mapping[str, bytes]) -> bytes:
        """Return a zip file; the same members give the same bytes."""
        kind = zipfile.ZIP_DEFLATED if self.compressed else zipfile.ZIP_STORED
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(zipfile.ZipInfo(name, _ALWAYS), content, kind, 9)
        return buffer.getvalue()

    def _error(self, what: str) -> RegistryError:
        return registry_error(
            "model_damaged",
            f"{self.called} {what}: it is damaged or made up. Nothing was loaded. "
            f"{self.remedy}",
        )

    def _check_headers(
        self, archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], packed: int
    ) -> None:
        if archive.comment or not 0 < len(infos) <= self.max_members:
            raise self._error(f"holds {len(infos)} members or a comment")
        names = {info.filename for info in infos}
        if len(names) != len(infos) or self.needed not in names:
            raise self._error(f"names a member twice, or has no {self.needed}")
        kinds = _KINDS if self.compressed else _KINDS[:1]
        total = end = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            is_name = self.names.fullmatch(info.filename)
            if not is_name or info.orig_filename != info.filename:
                raise self._error("holds a member that no such file has")
            mode = info.external_attr >> 16
            if (
                info.is_dir()
                or info.flag_bits & ~0x806  # encrypted, patched, or of unknown size
                or info.compress_type not in kinds
                or info.extra
                or info.comment
                or mode & 0o170000 not in (0, 0o100000)  # a link, a device, a pipe
            ):
                raise self._error("holds a member that is not a plain file")
            if info.header_offset != end:
                raise self._error("has bytes between its members, or some that overlap")
            end += _LOCAL_HEADER + len(info.filename) + info.compress_size
            total += info.file_size
        if total > (size_limit(packed) if self.compressed else packed):
            raise self._error(f"of {packed} bytes claims to unpack to {total}")

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
        # never read more than the header declares, whatever the compressed data holds
        with archive.open(info) as member:
            content = member.read(info.file_size + 1)
        if len(content) != info.file_size:
            raise self._error("has a member of another size than its header says")
        return content


def size_limit(packed: int) -> int:
    """Return how many bytes a file of this size may unpack to."""
    return min(MAX_SIZE, max(SMALL, MAX_RATIO * packed))


#: A model: the description of its objects, their arrays and their boosters.
MODEL_FILE = Archive(
    called="The model file",
    names=re.compile(r"schema\.json|[0-9]{1,9}\.(npy|bin)"),
    needed="schema.json",
    max_members=200_000,
    compressed=True,
    remedy="Restore it from a copy.",
)
#: The files of a version. No such file unpacks to more than its size.
EXPORT = Archive(
    called="The exported file",
    names=re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}|evaluations/[0-9]{1,9}\.json"),
    needed="record.json",
    max_members=10_000,
    compressed=False,
    remedy="Export the model again.",
)
