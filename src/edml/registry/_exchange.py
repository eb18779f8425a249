"""One version as one file: its documents and its model, in a zip.

The members are those of the version's folder, with the documents sealed as in
`edml.registry._protocol`. They are stored without compression, so that no file unpacks
to more than its size. Their names are only looked up, never used as paths.
"""

import hashlib
import io
import json
import os
import re
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _model_file
from edml.registry._evaluations import read_evaluation
from edml.registry._libraries import check_versions
from edml.registry._protocol import (
    MAX_DOCUMENT_BYTES,
    MAX_FILE_BYTES,
    RECORD,
    Document,
    check_record,
    seal,
    unseal,
)
from edml.registry._record import ModelRecord
from edml.registry._state import DEVELOPMENT
from edml.registry._store import MODEL, ModelStore
from edml.registry._versions import now

MAX_MEMBERS = 10_000
MAX_BYTES = 2 * MAX_FILE_BYTES

_EVALUATION = re.compile(r"evaluations/([1-9][0-9]{0,8})\.json")
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes


class Bundle(NamedTuple):
    """The checked contents of a file of one version."""

    record: Document
    files: dict[str, bytes]
    evaluations: list[dict[str, Any]]  # the oldest first


def export_version(store: ModelStore, version: int, path: Path) -> Path:
    """Write a version with its evaluations to a new file."""
    record = store.read_record(version)
    files = {name: store.read_file(version, name) for name in record["files"]}
    data = pack(record, files, store.evaluations(version), store.home.key)
    try:
        _files.write_new(path, data)
        _files.sync_folder(path.parent)
    except OSError as error:
        raise RegistryError(
            f"Expected to write the new file {path}; found: "
            f"{error.strerror or error}. Choose another path, or free disk space."
        ) from error
    return path


def import_version(store: ModelStore, path: Path, trust_unsigned: bool) -> ModelRecord:
    """Store the model of a file as a new version."""
    bundle = unpack(read_file(path), None if trust_unsigned else store.home.key)
    record = ModelRecord.from_dict({**bundle.record, "stage": DEVELOPMENT})
    if set(bundle.files) != {MODEL}:
        raise _no_export(f"it has other files than {MODEL}")
    check_versions(record.libraries)
    _model_file.loads(bundle.files[MODEL], trusted=store.trusted)
    for evaluation in bundle.evaluations:
        read_evaluation(evaluation)
    origin = {
        "registry": bundle.record["registry"],
        "version": record.version,
        "parent": record.parent,
        "imported_at": now(),
    }
    body = record.to_dict() | {"origin": origin, "parent": None}
    for name in ("version", "stage", "files"):
        del body[name]  # for the store to set
    stored = store.add_version(bundle.files, body, bundle.evaluations)
    return store.record(stored["version"])


def pack(
    record: Mapping[str, Any],
    files: Mapping[str, bytes],
    evaluations: Sequence[Mapping[str, Any]],
    key: bytes | None,
) -> bytes:
    """Return the bytes of a file; the same version always has the same bytes."""
    place = {"registry": record["registry"], "version": record["version"]}
    members = {RECORD: seal("record", place, record, key), **files}
    for number, evaluation in enumerate(evaluations, start=1):
        members[f"evaluations/{number}.json"] = seal(
            "evaluation", {**place, "number": number}, {"evaluation": evaluation}, key
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _ALWAYS), content)
    return buffer.getvalue()


def unpack(data: bytes, key: bytes | None) -> Bundle:
    """Read the bytes of a file, and check everything but the model itself.

    Without a key, signatures are ignored.
    """
    members = _read_members(data)
    written = members.pop(RECORD, b"")
    place = _read_place(written, key)
    record = unseal(written, "record", place, key)
    check_record(record)
    evaluations = {}
    for name in [name for name in members if name.startswith("evaluations/")]:
        found = _EVALUATION.fullmatch(name)
        if found is None or len(members[name]) > MAX_DOCUMENT_BYTES:
            raise _no_export("it has an evaluation that no registry writes")
        number = int(found[1])
        evaluations[number] = unseal(
            members.pop(name), "evaluation", {**place, "number": number}, key
        )["evaluation"]
    if sorted(evaluations) != list(range(1, len(evaluations) + 1)):
        raise _no_export("evaluations are missing")
    _check_files(record, members)
    return Bundle(record, members, [evaluations[n] for n in sorted(evaluations)])


def read_file(path: Path) -> bytes:
    """Read a regular file of bounded size, following symlinks."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _no_export(f"{path} is not a plain file")
        if found.st_size > MAX_BYTES:
            raise _no_export(f"{path} has {found.st_size:,} bytes")
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        raise RegistryError(
            f"Expected a file that can be read; found that {path} cannot: "
            f"{error.strerror or os.strerror(error.errno or 0)}. Check the path, and "
            "your permissions."
        ) from error


def _read_members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = {info.filename for info in infos}
            if not 0 < len(infos) <= MAX_MEMBERS or len(names) != len(infos):
                raise _no_export("it has no members, too many, or two of one name")
            for info in infos:
                if (
                    info.compress_type != zipfile.ZIP_STORED
                    or info.file_size != info.compress_size
                    or info.flag_bits & 0x1
                ):
                    raise _no_export("it has a compressed or encrypted member")
            if sum(info.file_size for info in infos) > len(data):
                raise _no_export("its members overlap")
            return {info.filename: archive.read(info) for info in infos}
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        if isinstance(error, RegistryError):
            raise
        raise _no_export(f"it is damaged ({type(error).__name__})") from error


def _read_place(written: bytes, key: bytes | None) -> dict[str, Any]:
    """Return the place that the record claims; `unseal` checks the rest."""
    if len(written) > MAX_DOCUMENT_BYTES:
        raise _no_export("its record is too large")
    try:
        document = json.loads(written.decode("ascii"))
        place = {name: document[name] for name in ("registry", "version")}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _no_export("it has no readable record") from error
    if type(place["registry"]) is not str or type(place["version"]) is not int:
        raise _no_export("its record names no registry or version")
    if key is not None and "signature" not in document:
        raise RegistryError(
            "Expected a file signed with the registry's key; found no signature. Ask "
            "for a signed one, or pass trust_unsigned=True if you trust its source."
        )
    return place


def _check_files(record: Document, files: Mapping[str, bytes]) -> None:
    if set(files) != set(record["files"]):
        raise _no_export("its members are not those of its record")
    for name, data in files.items():
        entry = record["files"][name]
        if (
            len(data) != entry["size"]
            or hashlib.sha256(data).hexdigest() != entry["sha256"]
        ):
            raise _no_export(f"{name} is not the file that its record names")


def _no_export(why: str) -> RegistryError:
    return RegistryError(
        f"Expected a file that ModelRegistry.export wrote; found that {why}. Export "
        "the model again."
    )
