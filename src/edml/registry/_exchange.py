"""One version as one file: its documents and its model, in a zip.

The members are those of the version's folder, with the documents sealed as in
`edml.registry._protocol`. Their names are only looked up, never used as paths.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads
from edml.registry._archive import EXPORT
from edml.registry._errors import registry_error
from edml.registry._evaluations import read_evaluation
from edml.registry._libraries import check_versions
from edml.registry._protocol import (
    MAX_FILE_BYTES,
    MODEL,
    RECORD,
    Document,
    matches,
    seal,
    unseal,
)
from edml.registry._record import ModelRecord
from edml.registry._sandbox import load_model
from edml.registry._signing import NO_KEYS, Keys
from edml.registry._state import DEVELOPMENT
from edml.registry._store import REFERENCE, ModelStore, read_reference
from edml.registry._versions import now

MAX_BYTES = 2 * MAX_FILE_BYTES

_EVALUATION = "evaluations/{}.json"


def export_version(store: ModelStore, version: int, path: Path) -> Path:
    """Write a version with its evaluations to a new file."""
    record = store.read_record(version)
    files = {name: store.read_file(version, name) for name in record["files"]}
    data = pack(record, files, store.evaluations(version), store.home.keys)
    remedy = "Choose another path, or free disk space."
    with _reads.system_errors(f"to write the new file {path}", remedy):
        _files.write_new(path, data)
        _files.sync_folder(path.parent)
    return path


def import_version(store: ModelStore, path: Path, trust_unsigned: bool) -> ModelRecord:
    """Store the model of a file as a new version."""
    data = _reads.read_file(None, path, MAX_BYTES)
    written, files, evaluations = unpack(
        data, NO_KEYS if trust_unsigned else store.home.keys
    )
    record = ModelRecord.from_dict({**written, "stage": DEVELOPMENT})
    if not {MODEL} <= set(files) <= {MODEL, REFERENCE}:
        raise _no_export(f"it has other files than {MODEL} and {REFERENCE}")
    check_versions(record.libraries)
    unsigned = trust_unsigned or not store.home.keys.checks
    load_model(files[MODEL], record, trusted=store.trusted, untrusted=unsigned)
    for evaluation in evaluations:
        read_evaluation(evaluation)
    if REFERENCE in files:
        files[REFERENCE] = read_reference(files[REFERENCE]).to_bytes()
    origin = {
        "registry": written["registry"],
        "version": record.version,
        "parent": record.parent,
        "imported_at": now(),
    }
    body = record.to_dict() | {"origin": origin, "parent": None}
    for name in ("version", "stage", "files"):
        del body[name]  # for the store to set
    return store.find_or_add_model(files, body, evaluations)


def pack(
    record: Mapping[str, Any],
    files: Mapping[str, bytes],
    evaluations: Sequence[Mapping[str, Any]],
    keys: Keys,
) -> bytes:
    """Return the bytes of a file; the same version always has the same bytes."""
    place = {"registry": record["registry"], "version": record["version"]}
    members = {RECORD: seal("record", place, record, keys), **files}
    for number, evaluation in enumerate(evaluations, start=1):
        members[f"evaluations/{number}.json"] = seal(
            "evaluation", {**place, "number": number}, {"evaluation": evaluation}, keys
        )
    return EXPORT.write(members)


def unpack(
    data: bytes, keys: Keys
) -> tuple[Document, dict[str, bytes], list[Document]]:
    """Return the record, files and evaluations of a version, the oldest first.

    Everything but the model itself is checked. Without keys, signatures are ignored.
    """
    members = EXPORT.read(data)
    record = unseal(members.pop(RECORD), "record", {}, keys)
    place = {name: record[name] for name in ("registry", "version")}
    evaluations: list[Document] = []
    while (name := _EVALUATION.format(len(evaluations) + 1)) in members:
        at = {**place, "number": len(evaluations) + 1}
        document = unseal(members.pop(name), "evaluation", at, keys)
        evaluations.append(document["evaluation"])
    # Any other member, such as an evaluation after a gap, is not in the record.
    if members.keys() != record["files"].keys():
        raise _no_export("its members are not those of its record")
    for name, content in members.items():
        if not matches(content, record["files"][name]):
            raise _no_export(f"{name} is not the file that its record names")
    return record, members, evaluations


def _no_export(why: str) -> RegistryError:
    return registry_error(
        "not_export",
        f"Expected a file that ModelRegistry.export wrote; found that {why}. Export "
        "the model again.",
    )
