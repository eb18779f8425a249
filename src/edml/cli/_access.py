"""The project of a command: its settings, and the files and services they name."""

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edml._messages import coded
from edml._optional import import_optional
from edml._urls import check_stores, need_local
from edml.cli._config import SECRETS, ConfigError, Key, parse_settings, read_config
from edml.cli._settings import Config, Registry
from edml.cli._terminal import note, say
from edml.exceptions import TableError

if TYPE_CHECKING:
    from edml.ledger import Ledger
    from edml.registry import ModelRegistry
    from edml.serving import RiskClient

#: Formats of files that need an extra: a module, the extra, and what it is for.
_FORMATS = {
    ".parquet": ("pyarrow", "parquet", "Parquet"),
    ".xlsm": ("openpyxl", "excel", "Excel"),
    ".xlsx": ("openpyxl", "excel", "Excel"),
}


class Project(NamedTuple):
    """The settings in force, and the origins of those that are not the defaults."""

    config: Config
    origins: dict[Key, str]

    def is_option(self, section: str, key: str) -> bool:
        """Check whether a setting was given on the command line."""
        return self.origins.get((section, key), "").startswith("option")

    def check_one_model(self) -> None:
        """Raise if the command line names both an endpoint and a registry."""
        if self.is_option("endpoint", "url") and self.is_option("registry", "path"):
            message = "Expected one of --url and --registry; found both. Leave one out."
            raise ConfigError(coded("url_and_registry", message))

    @property
    def uses_endpoint(self) -> bool:
        """Whether models are those of an endpoint; --registry overrides its setting."""
        named = self.config.endpoint.url is not None
        return named and not self.is_option("registry", "path")

    def find_events(self, given: Path | None = None, key: str = "raw") -> Path:
        """Return the file of events: from the command line, or from the settings.

        A file that is absent, or that needs an extra, fails here: before any work.
        """
        found = given or getattr(self.config.paths, key)
        if found is None:
            message = coded(
                "no_events",
                f"Expected a file of events; found none. Pass one on the command line, "
                f"or set paths.{key} in edml.toml.",
                key=f"paths.{key}",
            )
            raise ConfigError(message)
        if not found.exists():
            message = f"There is no file {found}. Check the path."
            raise TableError(coded("no_file", message, path=found))
        if found.is_dir():
            purpose = "A folder of Parquet files"
            import_optional("pyarrow", extra="parquet", purpose=purpose)
        if found.suffix.lower() in _FORMATS:
            module, extra, purpose = _FORMATS[found.suffix.lower()]
            import_optional(module, extra=extra, purpose=purpose)
        return found

    def open_registry(self) -> "ModelRegistry":
        """Open the configured registry."""
        return open_registry(self.config.registry)

    def open_client(
        self, token_file: Path | None = None, **options: Any
    ) -> "RiskClient":
        """Return a client of the configured endpoint.

        The token is the first of ``token_file``, else that of the environment, else
        the first of the configured file.
        """
        from edml.serving import RiskClient, read_tokens  # noqa: PLC0415 - an extra

        endpoint, name = self.config.endpoint, SECRETS["endpoint", "token"]
        token = None if token_file else os.environ.get(name) or None
        token_file = token_file or endpoint.token_file
        if token is None and token_file is not None:
            token = next(iter(read_tokens(token_file)))
        address, timeout = str(endpoint.url), endpoint.timeout
        try:
            return RiskClient(address, token, timeout=timeout, **options)
        except ValueError as error:  # it shows neither the address nor the token
            message = coded("not_address", f"endpoint.url or {name}: {error}")
            raise ConfigError(message) from None

    def open_ledger(self, *, timeout: float = 30.0) -> "Ledger":
        """Open the ledger, with the key of the environment, else that of its file."""
        from edml.ledger import Ledger, read_key  # noqa: PLC0415 - slow to import

        where = self.config.ledger
        if where.path is None:
            message = (
                "Expected a ledger; found none. Pass --ledger, or set ledger.path in "
                "edml.toml."
            )
            raise ConfigError(coded("no_ledger_named", message))
        key = _read_secret("ledger")
        if key is None and where.key_file is not None:
            key = read_key(where.key_file)
        return Ledger(where.path, key, timeout=timeout)

    def find_ledger(self) -> "Ledger | None":
        """Open the ledger if one is named."""
        return None if self.config.ledger.path is None else self.open_ledger()


def read_project(
    file: Path | None, settings: list[str] | None, flags: dict[Key, Any]
) -> Project:
    """Read the settings: file, environment, `--set`, and then other options."""
    given = {key: value for key, value in flags.items() if value is not None}
    given = {**parse_settings(settings or []), **given}
    config, origins, notes = read_config(file, os.environ, given)
    for text in notes:
        note(f"Note: {say(text)}")
    check_stores(*filter(None, dict(config.paths).values()))
    return Project(config, origins)


def open_registry(where: Registry) -> "ModelRegistry":
    """Open a registry, with the secret from the environment."""
    from edml.registry import ModelRegistry  # noqa: PLC0415 - seconds

    remedy = "Run edml registry pull, and name the folder that it wrote to."
    need_local(where.path, "a folder of registries", remedy)
    return ModelRegistry(
        where.path,
        where.name,
        _read_secret("registry"),
        private_key=where.private_key,
        public_keys=where.public_keys,
        memory=where.memory,
        who=_user(),
    )


def _read_secret(section: str) -> bytes | None:
    """Return a key of the environment; an empty one is rejected by those who use it."""
    key = os.environ.get(SECRETS[section, "key"])
    return None if key is None else key.encode("utf-8", "surrogateescape")


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may not have this user
        return None
