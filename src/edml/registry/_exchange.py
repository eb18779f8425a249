"""One model as one file: the documents of its version, and the model, in a zip.

The members are those of the version's folder, the documents as the registry seals them
(`edml.registry._protocol`), stored and not deflated: no such file unpacks to more than
it is. The names of the members are looked up, and never used as paths.
"""

import hashlib
import io
import json
import os
import re
import stat
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _trust
from edml.registry._evaluations import read_evaluation
from edml.registry._protocol import (
    MAX_DOCUMENT_BYTES,
    MAX_FILE_BYTES,
    RECORD,
    Document,
    check_record,
    seal,
    unseal,
)
from edml.registry._record import ModelRecord, now
from edml.registry._shelf import MODEL, Shelf
from edml.registry._stages import DEVELOPMENT

MAX_MEMBERS = 10_000
MAX_BYTES = 2 * MAX_FILE_BYTES

_EVALUATION = re.compile(r"evaluations/([1-9][0-9]{0,8})\.json")
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes
_SIGNATURE = "signature"


@dataclass(frozen=True)
class Parcel:
    """What a file of one model holds, checked.

    Attributes
    ----------
    record : dict
        The record of its version.
    files : dict of str to bytes
        The version's files.
    evaluations : list of dict
        The oldest first.
    """

    record: Document
    files: dict[str, bytes]
    evaluations: list[dict[str, Any]]


def export_version(shelf: Shelf, version: int, path: Path) -> Path:
    """Write a version with its evaluations to one file.

    Parameters
    ----------
    shelf : Shelf
        The models.
    version : int
        Its number.
    path : Path
        A new file.

    Returns
    -------
    path : Path
        The same.
    """
    store = shelf.store
    record = store.read_record(version)
    files = {name: store.read_file(version, name) for name in record["files"]}
    write_file(path, pack(record, files, store.evaluations(version), shelf.key))
    return path


def import_version(shelf: Shelf, path: Path, trust_unsigned: bool) -> ModelRecord:
    """Store the model of a file as a new version.

    Parameters
    ----------
    shelf : Shelf
        The models.
    path : Path
        The file.
    trust_unsigned : bool
        Whether to take it without the shelf's signature.

    Returns
    -------
    record : ModelRecord
        Of the new version.

    Raises
    ------
    RegistryError
        If it holds other files than a version has.
    """
    parcel = unpack(read_file(path), None if trust_unsigned else shelf.key)
    record = ModelRecord.from_dict({**parcel.record, "stage": DEVELOPMENT})
    if set(parcel.files) != {MODEL}:
        raise _no_parcel(f"it has other files than {MODEL}")
    _trust.check_versions(record.libraries)
    _trust.loads(parcel.files[MODEL], trusted=shelf.trusted)
    for evaluation in parcel.evaluations:
        read_evaluation(evaluation)
    origin = {
        "registry": parcel.record["registry"],
        "version": record.version,
        "parent": record.parent,
        "imported_at": now(),
    }
    body = record.to_dict() | {"origin": origin, "parent": None}
    for name in ("version", "stage", "files"):
        del body[name]  # the store's own to say
    stored = shelf.store.add_version(parcel.files, body, parcel.evaluations)
    return shelf.record(stored["version"])


def pack(
    record: Mapping[str, Any],
    files: Mapping[str, bytes],
    evaluations: Sequence[Mapping[str, Any]],
    key: bytes | None,
) -> bytes:
    """Give the bytes of a file of one model.

    Parameters
    ----------
    record : mapping
        As the store reads it.
    files : mapping of str to bytes
        The version's files.
    evaluations : sequence of mapping
        The oldest first.
    key : bytes or None
        Signs the documents.

    Returns
    -------
    data : bytes
        What `unpack` takes; the same model gives the same bytes.
    """
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


def unpack(data: bytes, key: bytes | None) -> Parcel:
    """Read a file of one model, and check all but the model itself.

    Parameters
    ----------
    data : bytes
        What `pack` gave, wherever it has been since.
    key : bytes or None
        What its documents must be signed with; None takes them signed or not.

    Returns
    -------
    parcel : Parcel

    Raises
    ------
    RegistryError
        If it is damaged, not signed with the key, or no such file.
    """
    members = _read_members(data)
    written = members.pop(RECORD, b"")
    place = _read_place(written)
    _explain_signature(written, key)
    record = unseal(written, "record", place, key)
    check_record(record)
    evaluations = {}
    for name in [name for name in members if name.startswith("evaluations/")]:
        found = _EVALUATION.fullmatch(name)
        if found is None or len(members[name]) > MAX_DOCUMENT_BYTES:
            raise _no_parcel("it has an evaluation that no registry writes")
        number = int(found[1])
        evaluations[number] = unseal(
            members.pop(name), "evaluation", {**place, "number": number}, key
        )["evaluation"]
    if sorted(evaluations) != list(range(1, len(evaluations) + 1)):
        raise _no_parcel("evaluations are missing")
    _check_files(record, members)
    ordered = [evaluations[number] for number in sorted(evaluations)]
    return Parcel(record, members, ordered)


def write_file(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all.

    Parameters
    ----------
    path : Path
        Must not exist; its folder must.
    data : bytes
        What it shall hold.

    Raises
    ------
    RegistryError
        If it exists, or cannot be written.
    """
    try:
        _files.write_new(path, data)
        _files.sync_folder(path.parent)
    except OSError as error:
        message = (
            f"Expected to write the new file {path}; found: "
            f"{error.strerror or error}. Choose another path, or make room."
        )
        raise RegistryError(message) from error


def read_file(path: Path) -> bytes:
    """Read a file of bounded size.

    Parameters
    ----------
    path : Path
        A plain file, or a link to one.

    Returns
    -------
    data : bytes
        All of it.

    Raises
    ------
    RegistryError
        If it is none, is too large, or cannot be read.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _no_parcel(f"{path} is no plain file")
        if found.st_size > MAX_BYTES:
            raise _no_parcel(f"{path} has {found.st_size:,} bytes")
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as error:
        message = (
            f"Expected a file that can be read; found that {path} cannot: "
            f"{error.strerror or os.strerror(error.errno or 0)}. Check the path, and "
            "your rights to it."
        )
        raise RegistryError(message) from error


def _read_members(data: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            names = {info.filename for info in infos}
            if not 0 < len(infos) <= MAX_MEMBERS or len(names) != len(infos):
                raise _no_parcel("it has no members, many, or two of one name")
            for info in infos:
                if (
                    info.compress_type != zipfile.ZIP_STORED
                    or info.file_size != info.compress_size
                    or info.flag_bits & 0x1
                ):
                    raise _no_parcel("it has a member that is not stored as it is")
            if sum(info.file_size for info in infos) > len(data):
                raise _no_parcel("its members overlap")
            # stored: reading gives no more than the file has
            return {info.filename: archive.read(info) for info in infos}
    except RegistryError:
        raise
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise _no_parcel(f"it is damaged ({type(error).__name__})") from error


def _read_document(written: bytes) -> dict[str, Any]:
    try:
        if len(written) > MAX_DOCUMENT_BYTES:
            raise _no_parcel("its record is too large")
        document = json.loads(written.decode("ascii"))
    except RegistryError:
        raise
    except (ValueError, RecursionError) as error:
        raise _no_parcel("it has no record that can be read") from error
    if not isinstance(document, dict):
        raise _no_parcel("its record is no JSON object")
    return document


def _read_place(written: bytes) -> dict[str, Any]:
    """Give where the record says that it belongs; `unseal` checks the rest."""
    document = _read_document(written)
    place = {name: document.get(name) for name in ("registry", "version")}
    if type(place["registry"]) is not str or type(place["version"]) is not int:
        raise _no_parcel("its record names no registry or version")
    return place


def _explain_signature(written: bytes, key: bytes | None) -> None:
    if key is not None and _SIGNATURE not in _read_document(written):
        message = (
            "Expected a file signed with the registry's key; found no signature. Ask "
            "for a signed one, or pass trust_unsigned=True if you trust its source."
        )
        raise RegistryError(message)


def _check_files(record: Document, files: Mapping[str, bytes]) -> None:
    if set(files) != set(record["files"]):
        raise _no_parcel("its members are not those of its record")
    for name, data in files.items():
        entry = record["files"][name]
        if (
            len(data) != entry["size"]
            or hashlib.sha256(data).hexdigest() != entry["sha256"]
        ):
            raise _no_parcel(f"{name} is not the file that its record names")


def _no_parcel(why: str) -> RegistryError:
    return RegistryError(
        f"Expected a file that ModelRegistry.export wrote; found that {why}. Export "
        "the model anew."
    )
