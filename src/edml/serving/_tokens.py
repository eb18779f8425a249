"""Bearer tokens, which allow reading, predicting or both."""

import hashlib
import hmac
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike, fstat
from pathlib import Path

from edml.exceptions import ServingError

SCOPES = frozenset({"predict", "read"})
MAX_FILE_BYTES = 2**20

_SECRET = re.compile(r"[!-~]{16,512}", flags=re.ASCII)  # valid in a header


def read_tokens(path: str | PathLike[str]) -> dict[str, frozenset[str]]:
    """Read a file with one token a line, then its scopes; without any, it has both.

    An error names the line, never the token.
    """
    tokens: dict[str, frozenset[str]] = {}
    for number, line in enumerate(_read_private(Path(path)).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        secret, *rest = line.split()
        scopes = frozenset(rest[0].split(",")) if rest else SCOPES
        if len(rest) > 1 or not _is_valid(secret, scopes):
            raise ServingError(
                f"Expected a token of 16 to 512 visible characters and its scopes "
                f"(predict, read or predict,read); found another form in line {number} "
                f"of {path}. Correct the line."
            )
        if secret in tokens:
            raise ServingError(
                f"Expected every token once; found that of line {number} of {path} "
                "in an earlier line too. Remove one of them."
            )
        tokens[secret] = scopes
    if not tokens:
        raise ServingError(
            f"Expected at least one token; found none in {path}. Write one a line, "
            "for example from 'openssl rand -hex 32'."
        )
    return tokens


def _read_private(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(fstat(file.fileno()).st_mode)
            text = file.read(MAX_FILE_BYTES + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8"
        raise ServingError(
            f"Expected a token file that can be read; found that {path} cannot: {why}. "
            "Check the path, its encoding and your rights to it."
        ) from error
    if mode & 0o077:
        raise ServingError(
            f"Expected a token file that only its owner may read; found mode "
            f"{mode:04o} of {path}. Run: chmod 600 {path}"
        )
    if len(text) > MAX_FILE_BYTES:
        raise ServingError(
            f"Expected at most {MAX_FILE_BYTES:,} bytes; found more in {path}. Write "
            "one token a line."
        )
    return text


class TokenBook:
    """The accepted tokens and their scopes; None accepts every request."""

    def __init__(self, tokens: Mapping[str, Iterable[str]] | Sequence[str] | None):
        self.open = tokens is None
        scopes = _scopes_of(tokens)
        # digests have equal length, so that comparisons reveal none, and no secret
        # stays in memory
        self._known = [(_digest(secret), found) for secret, found in scopes.items()]

    def __repr__(self) -> str:
        return f"TokenBook({len(self._known)} tokens)"  # never a token

    def find(self, secret: str) -> frozenset[str] | None:
        """Return the scopes of a token, or None if unknown, in constant time."""
        given = _digest(secret)
        found = None
        for known, scopes in self._known:  # always compare with all
            if hmac.compare_digest(known, given):
                found = scopes
        return found


def _scopes_of(
    tokens: Mapping[str, Iterable[str]] | Sequence[str] | None,
) -> dict[str, frozenset[str]]:
    if tokens is None:
        return {}
    if isinstance(tokens, (str, bytes)) or not tokens:
        raise ServingError(
            "Expected tokens as a list of secrets, or a dict of secrets to scopes; "
            "found a single str, or nothing. Pass at least one, or None for no tokens."
        )
    given = tokens if isinstance(tokens, Mapping) else dict.fromkeys(tokens, SCOPES)
    scopes = {
        secret: frozenset({some} if isinstance(some, str) else some)
        for secret, some in given.items()
    }
    if not all(_is_valid(secret, some) for secret, some in scopes.items()):
        raise ServingError(
            "Expected secrets of 16 to 512 visible characters with the scopes "
            "'predict' and 'read'; found another form. Make secrets with "
            "secrets.token_hex(32)."
        )
    return scopes


def _is_valid(secret: object, scopes: frozenset[str]) -> bool:
    is_secret = isinstance(secret, str) and _SECRET.fullmatch(secret) is not None
    return is_secret and bool(scopes) and scopes <= SCOPES


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
