"""Keys: sign documents, and check who signed them.

A signature is HMAC-SHA256 with a shared secret (64 hexadecimal digits), or Ed25519 with
a private key (``ed25519:<fingerprint of the public key>:<signature>``).
"""

import hashlib
import hmac
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from edml import _files
from edml._optional import import_optional
from edml.exceptions import RegistryError
from edml.registry._errors import registry_error
from edml.registry._reads import read_file, system_errors

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

_MAX_KEY_BYTES = 2**16
_ED25519 = re.compile(r"ed25519:([0-9a-f]{16}):([0-9a-f]{128})")
_ONLY_OWNER = 0o600


@dataclass(frozen=True, repr=False)
class Keys:
    """The keys of one user of a registry; an empty one neither signs nor checks."""

    secret: bytes | None = None
    private: "Ed25519PrivateKey | None" = None
    public: "dict[str, Ed25519PublicKey]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        key = self.secret
        if key is not None and (not isinstance(key, bytes) or not key):
            raise RegistryError(
                f"Expected key=None or at least one byte; found {type(key).__name__}"
                f"{' of no bytes' if key == b'' else ''}. Pass secret bytes, "
                "preferably 32 random ones."
            )

    @classmethod
    def read(
        cls,
        secret: bytes | None,
        private_key: str | PathLike[str] | None,
        public_keys: Iterable[str | PathLike[str]],
    ) -> Self:
        """Read the key files; the public key of a private key is trusted as well."""
        if isinstance(public_keys, (str, PathLike)):
            raise RegistryError(
                "Expected a list of the files of public keys; found one path. Write "
                "public_keys=[path]."
            )
        public = [_read_key(Path(path), "public") for path in public_keys]
        private = None
        if private_key is not None:
            private = _read_key(Path(private_key), "private")
            public.append(private.public_key())
        return cls(secret, private, {fingerprint(one): one for one in public})

    @property
    def signs(self) -> bool:
        """Whether there is a key to sign with."""
        return self.secret is not None or self.private is not None

    @property
    def checks(self) -> bool:
        """Whether there is a key to check signatures with."""
        return self.secret is not None or bool(self.public)

    @property
    def own(self) -> "Keys":
        """Only the key that signs."""
        if self.private is None:
            return Keys(self.secret)
        public = self.private.public_key()
        return Keys(None, self.private, {fingerprint(public): public})

    def sign(self, data: bytes) -> str:
        """Return a signature; a private key comes before a secret."""
        if self.private is None:
            return self._mac(data)
        name = fingerprint(self.private.public_key())
        return f"ed25519:{name}:{self.private.sign(data).hex()}"

    def check(self, signature: Any, data: bytes, called: str) -> None:
        """Raise unless one of the keys signed the data."""
        if signature is None:
            raise registry_error(
                "unsigned",
                f"Expected {called} to be signed, because the registry was opened with "
                "a key; found no signature. Do not trust it; if it was written without "
                "a key on purpose, open the registry without one, or import the file "
                "with trust_unsigned=True.",
            )
        if not isinstance(signature, str) or not self._is_ours(signature, data):
            parts = _ED25519.fullmatch(str(signature))
            by = f", by the public key {parts[1]}" if parts else ""
            raise registry_error(
                "wrong_signature",
                f"Expected {called} to be signed with this key or a trusted one; found "
                f"another signature{by}. Check the keys; if they are right, the file "
                "was forged: restore it from a backup.",
            )

    def _is_ours(self, signature: str, data: bytes) -> bool:
        parts = _ED25519.fullmatch(signature)
        if parts is None:
            if self.secret is None:
                return False
            # compare_digest takes the same time wherever the first difference is
            found = signature.encode("utf-8", "surrogatepass")
            return hmac.compare_digest(found, self._mac(data).encode())
        if parts[1] not in self.public:
            return False
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra

        try:
            self.public[parts[1]].verify(bytes.fromhex(parts[2]), data)
        except InvalidSignature:
            return False
        return True

    def _mac(self, data: bytes) -> str:
        return hmac.new(self.secret or b"", data, "sha256").hexdigest()


NO_KEYS = Keys()


def fingerprint(key: "Ed25519PublicKey") -> str:
    """Return the first 16 digits of the SHA-256 of a public key's 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def generate_keys(path: str | PathLike[str]) -> tuple[Path, str]:
    """Write a new pair of Ed25519 keys, for signing a registry.

    Parameters
    ----------
    path : str or path-like
        A new file for the private key, which only its owner may read. The public key
        goes into a file of the same name with ``.pub`` at the end.

    Returns
    -------
    public_path : Path
        The file of the public key.
    fingerprint : str
        The 16 digits by which error messages name this pair.

    Raises
    ------
    RegistryError
        If one of the files exists or cannot be written.
    MissingExtraError
        If the library cryptography is not installed.

    See Also
    --------
    ModelRegistry : Takes the files as ``private_key`` and ``public_keys``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from edml.registry import ModelRegistry, generate_keys
    >>> with TemporaryDirectory() as folder:
    ...     public_path, fingerprint = generate_keys(Path(folder, "trainer.pem"))
    ...     reader = ModelRegistry(folder, public_keys=[public_path])
    >>> public_path.name, len(fingerprint)
    ('trainer.pem.pub', 16)
    """
    _import_cryptography()
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    private_path = Path(path)
    public_path = Path(f"{private_path}.pub")
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for taken in (private_path, public_path):
        if os.path.lexists(taken):  # before one of them is written
            raise registry_error(
                "file_exists",
                f"Expected a path for a new key; {taken} exists. Choose another path.",
                path=taken,
            )
    with system_errors(f"to write {path} and .pub", "Choose another path."):
        _files.write_file(private_path, secret, _ONLY_OWNER)
        _files.write_file(public_path, public)
    return public_path, fingerprint(private.public_key())


def _import_cryptography() -> None:
    import_optional("cryptography", extra="sign", purpose="Signing with Ed25519")


def _read_key(path: Path, half: str) -> Any:
    """Read the private or the public half of a pair; no error shows its content."""
    _import_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    data = read_file(None, path, _MAX_KEY_BYTES)
    kind: type
    try:
        if half == "private":
            key: Any = serialization.load_pem_private_key(data, password=None)
            kind = ed25519.Ed25519PrivateKey
        else:
            key = serialization.load_pem_public_key(data)
            kind = ed25519.Ed25519PublicKey
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key, kind = None, type
    if not isinstance(key, kind):
        raise registry_error(
            "not_key",
            f"Expected the {half} half of a pair of Ed25519 keys, in PEM and without a "
            f"password; found another file: {path}. Write a pair with: edml registry "
            "keygen.",
            path=path,
        )
    return key
