"""Registry, endpoint and ledger, opened with the secrets of the environment."""

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edml._messages import coded
from edml._urls import need_local
from edml.cli._config import SECRETS, ConfigError, read_config
from edml.cli._settings import Endpoint, Ledger, Registry

if TYPE_CHECKING:
    from edml import ledger
    from edml.registry import ModelRegistry
    from edml.serving import RiskClient

_LEDGER_KEY = SECRETS["ledger", "key"]
_KEY, _TOKEN = SECRETS["registry", "key"], SECRETS["endpoint", "token"]


def open_registry(where: Registry) -> "ModelRegistry":
    """Open a registry, with the secret from the environment."""
    from edml.registry import ModelRegistry  # noqa: PLC0415 - seconds

    remedy = "Run edml registry pull, and name the folder that it wrote to."
    need_local(where.path, "a folder of registries", remedy)
    key = os.environ.get(_KEY)
    # an empty key is passed on and rejected: the user meant to sign
    secret = None if key is None else key.encode("utf-8", "surrogateescape")
    return ModelRegistry(
        where.path,
        where.name,
        secret,
        private_key=where.private_key,
        public_keys=where.public_keys,
        memory=where.memory,
        who=_user(),
    )


def find_registry(folder: Path | None, name: str | None) -> "ModelRegistry":
    """Open the registry of edml.toml and the environment, or that of two options."""
    flags = {("registry", "path"): folder, ("registry", "name"): name}
    return open_registry(read_config(None, os.environ, flags).config.registry)


def open_client(
    endpoint: Endpoint, token_file: Path | None = None, **options: Any
) -> "RiskClient":
    """Return a client of the configured endpoint.

    The token is the first of ``token_file``, else that of the environment, else the
    first of the configured file.
    """
    from edml.serving import RiskClient, read_tokens  # noqa: PLC0415 - an extra

    token = None if token_file else os.environ.get(_TOKEN) or None
    token_file = token_file or endpoint.token_file
    if token is None and token_file is not None:
        token = next(iter(read_tokens(token_file)))
    try:
        return RiskClient(str(endpoint.url), token, timeout=endpoint.timeout, **options)
    except ValueError as error:  # the message shows neither the address nor the token
        message = coded("not_address", f"endpoint.url or {_TOKEN}: {error}")
        raise ConfigError(message) from None


def open_ledger(where: Ledger, *, timeout: float = 30.0) -> "ledger.Ledger":
    """Open the ledger, with the key of the environment, else that of its file."""
    from edml.ledger import Ledger, read_key  # noqa: PLC0415 - slow to import

    if where.path is None:
        message = (
            "Expected a ledger; found none. Pass --ledger, or set ledger.path in "
            "edml.toml."
        )
        raise ConfigError(coded("no_ledger_named", message))
    given = os.environ.get(_LEDGER_KEY)
    key = None if given is None else given.encode("utf-8", "surrogateescape")
    if key is None and where.key_file is not None:
        key = read_key(where.key_file)
    return Ledger(where.path, key, timeout=timeout)


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may not have this user
        return None
