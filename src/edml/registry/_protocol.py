"""The written protocol of a registry's files: format 1.

A registry is a folder, ``<root>/<name>/``::

    .lock                                the lock between the writing processes
    state/<generation>.json              the stages, one small file per change
    versions/<version>/record.json       what the version is, with its files' hashes
    versions/<version>/model.skops       and any other file that the record names
    versions/<version>/evaluations/<number>.json

Numbers are decimal, from 1, without leading zeros. A name that starts with
``.tmp-`` is a write that has not ended, or was killed: readers pass over it.

What is the truth
    The highest generation of the state. Every state is complete in itself, is synced
    before it gets its name, and gets it in one step that fails where the name is
    taken. So a kill, a full disk or a power cut leaves no half generation, and
    a highest generation that cannot be read was damaged afterwards, or forged. It is
    refused, and never passed over: to fall back on the one before would let anybody
    who can break a file bring back the champion of before.
When a version exists
    From the one rename that gives its folder, complete and synced, its number. The
    state that names it follows under the same lock. Where a kill came between the two,
    the version has a number above ``highest`` of the state: it counts as
    "development", and the next change first writes that down. So all but one version
    are always named by the state; more that are not are a lost state, which `verify`
    tells.
When a version is gone
    From the state that no longer names it, though its number is not above
    ``highest``. What is left of its folder is a leftover, and the number is never used
    again.
Documents
    The records, states and evaluations are JSON in one canonical spelling: sorted keys,
    no spaces, ASCII, no NaN, and a newline at the end. A document holds its ``format``,
    its ``kind`` and its place (registry, version, generation, number), so that no file
    can stand in for another; a ``checksum``, SHA-256 of the document without it and
    without the signature; and, where the registry has a key, a ``signature``,
    HMAC-SHA256 of the document without it. Any other spelling is refused, so that every
    flipped bit is seen.
The format number
    Raise `FORMAT` when the edml of before would misread a new document: when a field
    that a reader needs is renamed, removed, or changes its meaning or its unit. Do not
    raise it for a field that older readers may overlook. With it, add to `READERS`
    a function for the format of before that gives the document in today's shape; keep
    all the others, and the sample files in the tests, for ever. The folder's layout,
    the spelling and the two seals are the same in all formats. A document of a higher
    format is refused: it needs a newer edml.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from edml.exceptions import RegistryError

FORMAT = 1
STAGES = ("development", "staging", "production")

RECORD = "record.json"
EVALUATIONS = "evaluations"
STATES = "state"
VERSIONS = "versions"
LOCK = ".lock"

MAX_FILE_BYTES = 2 * 2**30  # a file of a version
MAX_DOCUMENT_BYTES = 64 * 2**20  # a record, a state or an evaluation

Document = dict[str, Any]

# Formats that can be read, each with what brings its documents into today's shape.
READERS: dict[int, Callable[[Document], Document]] = {1: dict}

_SEALS = ("checksum", "signature")
_INSIDE = ("number", "generation", "version")  # of a place, the nearest first
_FIELDS: dict[str, dict[str, type]] = {
    "record": {"version": int, "files": dict},
    "evaluation": {"version": int, "number": int, "evaluation": dict},
    "state": {
        "generation": int,
        "highest": int,
        "stages": dict,
        "what": str,
        "why": str,
        "who": str,
        "when": str,
        "detail": dict,
    },
}

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# What Windows takes for a device, with any ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def check_name(name: str, what: str = "a registry's name") -> None:
    """Check that a name can be part of a path, on every system.

    Parameters
    ----------
    name : str
        Letters, digits, ``-``, ``_`` and ``.``; not first a ``-`` or a ``.``, not last
        a ``.``, no device of Windows, at most 64 characters.
    what : str, default="a registry's name"
        What the error calls it.

    Raises
    ------
    RegistryError
        If it is anything else.
    """
    if (
        not isinstance(name, str)
        or _NAME.fullmatch(name) is None
        or name.endswith(".")
        or _DEVICES.fullmatch(name) is not None
    ):
        message = (
            f"Expected {what} of at most 64 letters, digits, '-', '_' and '.', not "
            f"first '-' or '.' and not last '.'; found {_short(name)}. Choose another."
        )
        raise RegistryError(message)


def check_file_name(name: str) -> None:
    """Check the name of a file of a version.

    Parameters
    ----------
    name : str
        As `check_name` wants it, and not taken by the registry itself.

    Raises
    ------
    RegistryError
        If it is anything else.
    """
    check_name(name, "a file's name")
    if name.lower() in (RECORD, EVALUATIONS):
        message = (
            f"Expected a file's name that the registry does not use itself; found "
            f"{name!r}. Choose another."
        )
        raise RegistryError(message)


def read_number(name: str) -> int | None:
    """Give the number that a name of a file or folder spells.

    Parameters
    ----------
    name : str
        Such as ``"12"``.

    Returns
    -------
    number : int or None
        None where it spells no number as the registry writes it.
    """
    return int(name) if _NUMBER.fullmatch(name) else None


def check_key(key: bytes | None) -> None:
    """Check that a key can sign.

    Parameters
    ----------
    key : bytes or None
        The key; None for a registry without signatures.

    Raises
    ------
    RegistryError
        If it is empty, or not bytes.
    """
    if key is not None and (not isinstance(key, bytes) or not key):
        message = (
            f"Expected key=None or at least one byte; found {type(key).__name__}"
            f"{' of no bytes' if key == b'' else ''}. Pass secret bytes, best "
            "32 random ones."
        )
        raise RegistryError(message)


def canonical(document: Mapping[str, Any]) -> bytes:
    """Spell a document in the one way in which it is signed and stored.

    Parameters
    ----------
    document : mapping of str to object
        Of what JSON knows.

    Returns
    -------
    data : bytes
        ASCII, with sorted keys, and a newline at the end.

    Raises
    ------
    RegistryError
        If a value is not one of JSON's, such as NaN or an array.
    """
    try:
        text = json.dumps(
            document, sort_keys=True, separators=(",", ":"), allow_nan=False
        )
    except (TypeError, ValueError, RecursionError) as error:
        message = (
            f"Expected values that JSON can hold; found one that it cannot: {error}. "
            "Give numbers as int and float, arrays as lists, and None for NaN."
        )
        raise RegistryError(message) from error
    return text.encode("ascii") + b"\n"


def seal(
    kind: str,
    place: Mapping[str, Any],
    body: Mapping[str, Any],
    key: bytes | None = None,
) -> bytes:
    """Make the bytes of a document, bound to its place.

    Parameters
    ----------
    kind : {"record", "state", "evaluation"}
        What it is.
    place : mapping of str to (str or int)
        Where it belongs; takes the place of fields of ``body`` with these names.
    body : mapping of str to object
        What it says.
    key : bytes, default=None
        What to sign it with; None leaves it unsigned.

    Returns
    -------
    data : bytes
        What `unseal` takes.

    Raises
    ------
    RegistryError
        If JSON cannot hold a value, or the document is too large.
    """
    # There and back once: JSON has no other keys than strings, which sort otherwise.
    document: Document = json.loads(canonical(body))
    document |= {**place, "format": FORMAT, "kind": kind}
    for name in _SEALS:
        document.pop(name, None)
    document["checksum"] = hashlib.sha256(canonical(document)).hexdigest()
    if key is not None:
        document["signature"] = _signature(document, key)
    data = canonical(document)
    if len(data) > MAX_DOCUMENT_BYTES:
        message = (
            f"Expected {_called(kind, place)} to take at most {MAX_DOCUMENT_BYTES:,} "
            f"bytes; found {len(data):,}. Store less in it."
        )
        raise RegistryError(message)
    return data


def unseal(
    data: bytes, kind: str, place: Mapping[str, Any], key: bytes | None = None
) -> Document:
    """Read a document, and check that it is whole, in its place and signed.

    Parameters
    ----------
    data : bytes
        What the file holds.
    kind : {"record", "state", "evaluation"}
        What it must be.
    place : mapping of str to (str or int)
        Where it must belong.
    key : bytes, default=None
        What it must be signed with; None takes it signed or not.

    Returns
    -------
    document : dict
        In today's shape, with ``format``, ``kind`` and place, without the seals.

    Raises
    ------
    RegistryError
        If it is damaged, belongs elsewhere, is not signed with the key, or comes from a
        newer edml.
    """
    called = _called(kind, place)
    document = _parse(data, called)
    reader = _reader(document, called)
    checksum = document.pop("checksum", None)
    signature = document.pop("signature", None)
    if not _same(checksum, hashlib.sha256(canonical(document)).hexdigest()):
        raise _damaged(called, "its checksum does not match")
    if key is not None:
        expected = _signature({**document, "checksum": checksum}, key)
        _check_signature(signature, expected, called)
    for name, value in {"kind": kind, **place}.items():
        if type(document.get(name)) is not type(value) or document[name] != value:
            raise _damaged(called, f"its {name} is that of another file")
    document = reader(document)
    for name, wanted in _FIELDS[kind].items():
        if type(document.get(name)) is not wanted:
            raise _damaged(called, f"its field {name!r} is not as it must be")
    return document


def check_record(record: Document) -> None:
    """Check that the files of a record can be opened safely.

    Parameters
    ----------
    record : dict
        What `unseal` gives.

    Raises
    ------
    RegistryError
        If a name is not one, or a size or a hash cannot be.
    """
    for name, entry in record["files"].items():
        check_file_name(name)
        found = entry if isinstance(entry, dict) else {}
        size, digest = found.get("size"), found.get("sha256")
        if (
            type(size) is not int
            or not 0 <= size <= MAX_FILE_BYTES
            or not isinstance(digest, str)
            or _DIGEST.fullmatch(digest) is None
        ):
            called = _called("record", record)
            raise _damaged(called, f"the size or hash of {name!r} cannot be")


def _parse(data: bytes, called: str) -> Document:
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
        raise _damaged(called, "it is not spelled as the registry writes")
    return document


def _reader(document: Document, called: str) -> Callable[[Document], Document]:
    found = document.get("format")
    if type(found) is int and found in READERS:
        return READERS[found]
    if type(found) is int and found > FORMAT:
        message = (
            f"Expected {called} of format {FORMAT} or below; found {found}, which "
            "a newer edml wrote. Update edml."
        )
        raise RegistryError(message)
    raise _damaged(called, "it names no format")


def _signature(document: Document, key: bytes) -> str:
    return hmac.new(key, canonical(document), "sha256").hexdigest()


def _check_signature(found: Any, expected: str, called: str) -> None:
    if found is None:
        message = (
            f"Expected {called} to be signed, for the registry was opened with a key; "
            "found no signature. Do not trust it; if it was written without a key on "
            "purpose, open the registry without one."
        )
        raise RegistryError(message)
    if not _same(found, expected):
        message = (
            f"Expected {called} to be signed with the key given; found another "
            "signature. Check the key; if it is right, the file was forged: restore it "
            "from a backup."
        )
        raise RegistryError(message)


def _same(found: Any, expected: str) -> bool:
    # compare_digest takes the same time wherever the two differ.
    return isinstance(found, str) and hmac.compare_digest(
        found.encode("utf-8", "surrogatepass"), expected.encode()
    )


def _called(kind: str, place: Mapping[str, Any]) -> str:
    parts = [f"{name} {place[name]}" for name in _INSIDE if name in place]
    return f"the {' of '.join([kind, *parts])} of registry {place['registry']!r}"


def _damaged(called: str, why: str) -> RegistryError:
    return RegistryError(
        f"Expected {called} as it was written; found it damaged: {why}. Restore the "
        "file from a backup."
    )


def _short(name: Any) -> str:
    shown = repr(name)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
