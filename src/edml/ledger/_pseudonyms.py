"""Pseudonyms of students: HMAC-SHA256 of their ids."""

import hmac
import os
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from edml._messages import coded
from edml.exceptions import LedgerError
from edml.schema import spell_key

_SHORTEST = 16  # bytes of a key that cannot be guessed
_CHECK = b"the key of this ledger"


def read_key(path: str | PathLike[str]) -> bytes:
    """Read the key of a ledger's pseudonyms: the first line of a file, stripped."""
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        message = (
            f"Expected the ledger's key in {path}; found: {reason}. Check the path and "
            "your permissions."
        )
        raise LedgerError(coded("no_ledger_key_file", message)) from None
    return lines[0].strip() if lines else b""


class Pseudonyms:
    """Spells ids as a ledger stores them: as they are, or under a key."""

    def __init__(self, key: bytes | None) -> None:
        if key is not None and (not isinstance(key, bytes) or len(key) < _SHORTEST):
            kind = type(key).__name__
            found = f"{len(key)} bytes" if isinstance(key, bytes) else kind
            message = (
                f"Expected key=None or at least {_SHORTEST} bytes; found {found}. Pass "
                "secret bytes, preferably 32 random ones."
            )
            raise LedgerError(coded("short_ledger_key", message))
        self._key = key

    @property
    def check(self) -> str:
        """What a ledger stores to recognize the key; "" without one."""
        return "" if self._key is None else self._digest(_CHECK)

    def compare(self, stored: str, path: Path, needs_ids: bool) -> None:
        """Raise unless the key is a ledger's; without one, ids cannot be used."""
        if self.check == stored or not (self.check or needs_ids):
            return
        begin = f"Expected the key of the ledger {path}; found"
        end = "or begin another file."
        if not stored:
            found = "a key, but its ids are no pseudonyms. Leave the key out"
            message = coded("ledger_without_key", f"{begin} {found}, {end}")
        elif not self.check:
            found = "no key, and its ids are pseudonyms. Pass the key"
            message = coded("no_ledger_key", f"{begin} {found}, {end}")
        else:
            found = "another key. Pass the one that it was begun with"
            message = coded("other_ledger_key", f"{begin} {found}, {end}")
        raise LedgerError(message)

    def spell(self, ids: Iterable[object]) -> list[str]:
        """Spell ids: 1004, 1004.0 and '1004' are one."""
        # SQLite takes no half of a surrogate pair
        texts = [spell_key(one).encode("utf-8", "backslashreplace") for one in ids]
        if self._key is None:
            return [text.decode() for text in texts]
        return [self._digest(text) for text in texts]

    def _digest(self, text: bytes) -> str:
        assert self._key is not None  # noqa: S101 - for mypy
        return hmac.digest(self._key, text, "sha256").hex()
