"""The protocol of a registry's files: format 3.

A registry is a folder, ``<root>/<name>/``::

    .lock                                the lock between writing processes
    state/<generation>.json              the stages, one small file per change
    versions/<version>/record.json       what the version is, with its files' hashes
    versions/<version>/model.skops       and any other file that the record names
    versions/<version>/evaluations/<number>.json
    damaged/                             what `repair` set aside, for people to look at

Numbers are decimal, from 1, without leading zeros. A name that starts with ``.tmp-``
is an unfinished or killed write; readers ignore it.

The truth
    The state of the highest generation. Each state is complete in itself, is synced
    before it gets its name, and gets it in one step that fails if the name is taken.
    A kill, a full disk or a power cut therefore leaves no half generation, and a
    highest generation that cannot be read was damaged afterwards, or forged. It raises
    an error and is never skipped: falling back on the one before would let anybody who
    can break a file bring back the previous champion.
When a version exists
    From the one rename that gives its complete and synced folder its number. The state
    that names it follows under the same lock. If a kill came between the two, the
    version has a number above ``highest`` in the state: it counts as "development", and
    the next change first writes that down. So at most one version is ever unnamed; more
    than one means that states were lost, which `verify` reports.
When a version is gone
    From the first state that no longer names it, although its number is at most
    ``highest``. The rest of its folder is a leftover, and the number is never used
    again.
Documents
    Records, states and evaluations are JSON in one canonical spelling: sorted keys, no
    spaces, ASCII, no NaN, and a newline at the end. A document holds its ``format``,
    its ``kind`` and its place (registry, version, generation, number), so that no file
    can stand in for another; a ``checksum``, SHA-256 of the document without it and
    without the signature; and, if the writer has a key, a ``signature`` of the document
    without it (see `edml.registry._signing`). Any other spelling raises an error, so
    that every flipped bit is noticed. A writer without a key changes nothing in a
    registry that is signed.
A copy in an object store
    `edml.registry._remote` explains what a push writes, and how a pull reads it.
The format number
    Raise `FORMAT` if the previous edml would misread a new document: if a field that a
    reader needs is renamed, removed, or changes its meaning or unit. Do not raise it
    for a field that older readers may ignore. When raising it, add to `READERS` a
    function that brings documents of the previous format into today's shape; keep the
    others, and the sample files in the tests, for ever. The folder's layout, the
    spelling and the two seals are the same in all formats. A document of a higher
    format raises an error that asks for a newer edml.

    In format 1 an evaluation was JSON text inside the document's JSON, with a separate
    copy of its headline. In formats 1 and 2 a state listed the stage of every version.
    Since format 3 it lists the runs of their numbers, and the stages other than
    "development"; it keeps the line of champions, so that a rollback reads one file.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeGuard

from edml.exceptions import RegistryError
from edml.registry._errors import registry_error
from edml.registry._signing import NO_KEYS, Keys

FORMAT = 3
STAGES = ("development", "staging", "production")

RECORD = "record.json"
MODEL = "model.skops"
EVALUATIONS = "evaluations"
STATES = "state"
VERSIONS = "versions"
LOCK = ".lock"
DAMAGED = "damaged"

MAX_FILE_BYTES = 2 * 2**30  # a file of a version
MAX_DOCUMENT_BYTES = 64 * 2**20  # a record, a state or an evaluation

Document = dict[str, Any]

_SEALS = ("checksum", "signature")
_INSIDE = ("number", "generation", "version")  # parts of a place, the innermost first
_FIELDS: dict[str, dict[str, type]] = {
    "record": {"registry": str, "version": int, "files": dict},
    "evaluation": {"version": int, "number": int, "evaluation": dict},
    "push": {"registry": str, "number": int, "generation": int, "files": dict},
    "state": {
        "generation": int,
        "highest": int,
        "versions": list,
        "stages": dict,
        "what": str,
        "why": str,
        "who": str,
        "when": str,
        "detail": dict,
    },
}

MAX_NUMBER = 10**9 - 1  # of a version or a change
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_TIME = re.compile(r"20[0-9-]{8}T[0-9:.]{8,15}\+00:00")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_N = _NUMBER.pattern
_PATHS = {
    "state": re.compile(rf"{STATES}/(?P<generation>{_N})\.json"),
    "record": re.compile(rf"{VERSIONS}/(?P<version>{_N})/record\.json"),
    "evaluation": re.compile(
        rf"{VERSIONS}/(?P<version>{_N})/{EVALUATIONS}/(?P<number>{_N})\.json"
    ),
    "file": re.compile(rf"{VERSIONS}/(?P<version>{_N})/[^/]+"),
}
# Windows takes these for devices, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def check_name(name: str, what: str = "a registry name") -> None:
    """Check that a name can be part of a path on every system."""
    if (
        not isinstance(name, str)
        or _NAME.fullmatch(name) is None
        or name.endswith(".")
        or _DEVICES.fullmatch(name) is not None
    ):
        raise registry_error(
            "not_name",
            f"Expected {what} of at most 64 letters, digits, '-', '_' and '.', not "
            f"starting with '-' or '.' nor ending with '.'; found {name!r:.80}. "
            "Choose another.",
        )


def check_file_name(name: str) -> None:
    """Check that a version's file may have this name."""
    check_name(name, "a file name")
    if name.lower() in (RECORD, EVALUATIONS):
        raise RegistryError(
            f"Expected a file name that the registry does not use itself; found "
            f"{name!r}. Choose another."
        )


def read_number(name: str) -> int | None:
    """Return the number in a file's or folder's name, or None."""
    return int(name) if _NUMBER.fullmatch(name) else None


def read_path(path: str) -> tuple[str, dict[str, int]] | None:
    """Return the kind and the place of a file by its path in the registry, or None."""
    for kind, pattern in _PATHS.items():
        if found := pattern.fullmatch(path):
            if kind == "file":
                check_file_name(path.rpartition("/")[2])
            return kind, {name: int(one) for name, one in found.groupdict().items()}
    return None


def is_digest(text: object) -> TypeGuard[str]:
    """Return whether this is a SHA-256 in hexadecimal digits."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def is_time(text: object) -> bool:
    """Return whether this is a time in UTC, as ISO 8601."""
    try:
        return isinstance(text, str) and bool(
            _TIME.fullmatch(text) and datetime.fromisoformat(text)
        )
    except ValueError:
        return False


def canonical(document: Mapping[str, Any]) -> bytes:
    """Return the one spelling of a document that is signed and stored."""
    try:
        text = json.dumps(
            document, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise RegistryError(
            f"Expected values that JSON can hold; found another: {error}. Convert "
            "numbers to int or float, arrays to lists, and NaN to None."
        ) from error
    return text.encode("ascii") + b"\n"


def seal(
    kind: str,
    place: Mapping[str, Any],
    body: Mapping[str, Any],
    keys: Keys = NO_KEYS,
) -> bytes:
    """Return the bytes of a document; ``place`` overrides fields of ``body``."""
    # To JSON and back: its keys are strings, which sort differently from numbers.
    document: Document = json.loads(canonical(body))
    _check_unicode(document)
    document |= {**place, "format": FORMAT, "kind": kind}
    for name in _SEALS:
        document.pop(name, None)
    document["checksum"] = hashlib.sha256(canonical(document)).hexdigest()
    if keys.signs:
        document["signature"] = keys.sign(canonical(document))
    data = canonical(document)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise RegistryError(
            f"Expected {_called(kind, place)} to take at most {MAX_DOCUMENT_BYTES:,} "
            f"bytes; found {len(data):,}. Store less in it."
        )
    return data


def _check_unicode(document: Document) -> None:
    """Raise for half a surrogate pair, which most programs cannot read or print."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise RegistryError(
            "Expected texts and names in Unicode; found bytes of another encoding. "
            "Convert the texts to UTF-8."
        ) from error


def unseal(
    data: bytes, kind: str, place: Mapping[str, Any], keys: Keys = NO_KEYS
) -> Document:
    """Read a document in today's shape, without its seals, after checking them.

    Fields that ``place`` names must have its values. Without a key, signatures are
    ignored.
    """
    called = _called(kind, place)
    document = _parse(data, called)
    reader = _reader(document, called)
    checksum = document.pop("checksum", None)
    signature = document.pop("signature", None)
    if checksum != hashlib.sha256(canonical(document)).hexdigest():
        raise _damaged(called, "its checksum does not match")
    if keys.checks:
        signed = canonical({**document, "checksum": checksum})
        keys.check(signature, signed, called)
    for name, value in {"kind": kind, **place}.items():
        if type(document.get(name)) is not type(value) or document[name] != value:
            raise _damaged(called, f"its {name} is that of another file")
    document = reader(document)
    for name, wanted in _FIELDS[kind].items():
        if type(document.get(name)) is not wanted:
            raise _damaged(called, f"its field {name!r} is missing or of another type")
    if kind == "record":
        _check_files(document, called)
    return document


def is_signed(data: bytes) -> bool:
    """Return whether a document has a signature, without checking it."""
    return "signature" in _parse(data, "the document")


def matches(data: bytes, entry: Mapping[str, Any]) -> bool:
    """Check a file's bytes against its size and hash in a record."""
    digest = hashlib.sha256(data).hexdigest()
    return len(data) == entry["size"] and digest == entry["sha256"]


def _check_files(record: Document, called: str) -> None:
    """Check the names, sizes and hashes of a record's files before any is opened."""
    for name, entry in record["files"].items():
        check_file_name(name)
        found = entry if isinstance(entry, dict) else {}
        size, digest = found.get("size"), found.get("sha256")
        if (
            type(size) is not int
            or not 0 <= size <= MAX_FILE_BYTES
            or not is_digest(digest)
        ):
            raise _damaged(called, f"the size or hash of {name!r} is impossible")


def _parse(data: bytes, called: str) -> Document:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise _damaged(called, f"it has {len(data):,} bytes")
    try:
        document = json.loads(data.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise _damaged(called, "it is not JSON") from error
    if not isinstance(document, dict):
        raise _damaged(called, "it is not a JSON object")
    try:
        same = canonical(document) == data
    except RegistryError:  # such as NaN, which Python reads
        same = False
    if not same:
        raise _damaged(called, "it is not spelled as the registry writes it")
    return document


def _reader(document: Document, called: str) -> Callable[[Document], Document]:
    found = document.get("format")
    if type(found) is int and found in READERS:
        return READERS[found]
    if type(found) is int and found > FORMAT:
        raise registry_error(
            "later_registry",
            f"Expected {called} of format {FORMAT} or below; found {found}, which "
            "a newer edml wrote. Update edml.",
        )
    raise _damaged(called, "it has no format number")


def _called(kind: str, place: Mapping[str, Any]) -> str:
    parts = [f"{name} {place[name]}" for name in _INSIDE if name in place]
    if "registry" in place:
        parts.append(f"registry {place['registry']!r}")
    return f"the {' of '.join([kind, *parts])}"


def _damaged(called: str, why: str) -> RegistryError:
    return registry_error(
        "registry_damaged",
        f"Expected {called} as it was written; found it damaged: {why}. Restore the "
        "file from a backup, or use repair.",
    )


def _from_format_1(document: Document) -> Document:
    """Parse an evaluation from its text; leave damaged text unchanged."""
    old = document.get("evaluation")
    if document["kind"] == "evaluation" and isinstance(old, dict):
        with suppress(KeyError, TypeError, ValueError, RecursionError):
            new = {**old, "evaluation": json.loads(old["evaluation"])}
            for name in ("metrics", "data_fingerprint"):
                new.pop(name, None)
            return {**document, "evaluation": new}
    return _from_format_2(document)


def _from_format_2(document: Document) -> Document:
    """Take the versions of a state from its stages; it knows no line of champions."""
    stages = document.get("stages")
    if document["kind"] == "state" and isinstance(stages, dict):
        numbers = sorted(filter(None, map(read_number, stages)))
        return {**document, "versions": [[number, number] for number in numbers]}
    return document


# Functions that convert documents of each readable format to the current shape.
READERS: dict[int, Callable[[Document], Document]] = {
    1: _from_format_1,
    2: _from_format_2,
    3: dict,
}
