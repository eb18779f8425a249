"""The configuration of a project: one file, checked, that flags can override."""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_origin

from pydantic import ValidationError

from edml.cli._settings import Config, field_of
from edml.cli._toml import find_lines, read_value
from edml.exceptions import EdmlError

FILE = "edml.toml"
PREFIX = "EDML_"
#: Secrets, which are read from the environment alone and never from the file.
SECRETS = {
    ("registry", "key"): f"{PREFIX}REGISTRY_KEY",
    ("endpoint", "token"): f"{PREFIX}ENDPOINT_TOKEN",
}
_LONGEST = 40  # characters of a value in a message


class ConfigError(EdmlError, ValueError):
    """The configuration cannot be used; the message names file and line."""


class Read(NamedTuple):
    """A configuration, and where its values come from.

    Attributes
    ----------
    config : Config
        What holds.
    origins : dict of (str, str) to str
        Where section and key were set, for people; what is absent is a default.
    unknown : list of str
        Variables of the environment that look like settings and are none.
    """

    config: Config
    origins: dict[tuple[str, str], str]
    unknown: list[str]


def read_config(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, str], Any] | None = None,
) -> Read:
    """Read the configuration: defaults, then file, environment and flags.

    Parameters
    ----------
    path : Path or None, default=None
        The file; None is what ``EDML_CONFIG`` names, or ``edml.toml`` where there is
        one.
    environ : mapping of str to str, default=None
        The environment; empty variables are none.
    flags : mapping of (str, str) to object, default=None
        Section and key to the value; a None is no value.

    Returns
    -------
    read : Read

    Raises
    ------
    ConfigError
        If the file cannot be read, or a key is unknown or its value of another kind.
    """
    layers = _Layers()
    environ = environ or {}
    if path is None and environ.get(f"{PREFIX}CONFIG"):
        path = Path(environ[f"{PREFIX}CONFIG"])
    if path is not None or Path(FILE).exists():
        layers.add_file(path or Path(FILE))
    unknown = layers.add_environment(environ)
    for (section, key), value in (flags or {}).items():
        if value is not None:
            layers.add(section, key, value, f"option {section}.{key}")
    return Read(layers.check(), layers.origins, unknown)


def parse_settings(settings: Iterable[str]) -> dict[tuple[str, str], Any]:
    """Read what `--set` is given: SECTION.KEY=VALUE.

    Parameters
    ----------
    settings : iterable of str
        Each as TOML has it, or a plain text.

    Returns
    -------
    flags : dict of (str, str) to object
        For `read_config`.

    Raises
    ------
    ConfigError
        If one has no such form.
    """
    flags = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and section and key):
            message = (
                "--set expects SECTION.KEY=VALUE, such as tune.folds=5; found "
                "something else."
            )
            raise ConfigError(message)
        flags[section, key] = _fitting(section, key, value.strip())
    return flags


class _Layers:
    """The values of all layers, the later over the earlier, with their origins."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[tuple[str, str], str] = {}

    def add(self, section: str, key: str, value: Any, origin: str) -> None:
        self.values.setdefault(section, {})[key] = value
        self.origins[section, key] = origin

    def add_file(self, path: Path) -> None:
        try:
            text = path.read_text("utf-8-sig")
            document = tomllib.loads(text)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            message = f"{path} cannot be read: {reason}. Write one: edml config init."
            raise ConfigError(message) from None
        except UnicodeDecodeError:
            message = f"{path} is not UTF-8. Save it as UTF-8."
            raise ConfigError(message) from None
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path} is no TOML: {error}. Mend that line.") from None
        lines = find_lines(text)
        for section, body in document.items():
            where = f"{path}, line {lines[section,]}"
            if section not in Config.model_fields:
                near = _near(section, Config.model_fields, "section")
                raise ConfigError(
                    f"{where}: the section {section!r} is unknown. {near}"
                )
            if not isinstance(body, dict):
                message = (
                    f"{where}: {section!r} is a section; found a value. Write "
                    f"[{section}], and its keys on the lines below."
                )
                raise ConfigError(message)
            for key, value in body.items():
                below = _below(path.parent, section, key, value)
                self.add(section, key, below, f"{path}, line {lines[section, key]}")

    def add_environment(self, environ: Mapping[str, str]) -> list[str]:
        secrets = set(SECRETS.values())
        unknown = []
        for name, text in sorted(environ.items()):
            if not name.startswith(PREFIX) or name in secrets or not text:
                continue
            rest = name.removeprefix(PREFIX).lower()
            section = next(
                (one for one in Config.model_fields if rest.startswith(f"{one}_")), None
            )
            if section is None:
                continue  # another's, such as that of a test
            key = rest.removeprefix(f"{section}_")
            if key in _keys(section):
                self.add(section, key, _fitting(section, key, text), name)
            else:  # no error: a container may be given such names by its host
                unknown.append(name)
        return unknown

    def check(self) -> Config:
        known, problems = self._known()
        config = Config()
        try:
            config = Config.model_validate(known)
        except ValidationError as error:
            problems += self._ill_typed(error)
        if not problems and (config.columns or config.exam_kinds):
            problems = self._ill_named(config)
        if problems:
            raise ConfigError("\n".join(problems))
        return config

    def _known(self) -> tuple[dict[str, Any], list[str]]:
        """Give the values whose names are known, and what is wrong with the others."""
        known: dict[str, Any] = {}
        problems = []
        for (section, key), origin in self.origins.items():
            if section not in Config.model_fields:
                near = _near(section, Config.model_fields, "section")
                problems.append(f"{origin}: the section {section!r} is unknown. {near}")
            elif (section, key) in SECRETS:
                problems.append(
                    f"{origin}: a secret does not belong here. Remove it, and set "
                    f"{SECRETS[section, key]} in the environment."
                )
            elif key not in _keys(section):
                near = _near(key, _keys(section), "key")
                problems.append(f"{origin}: [{section}] has no key {key!r}. {near}")
            else:
                known.setdefault(section, {})[key] = self.values[section][key]
        return known, problems

    def _ill_named(self, config: Config) -> list[str]:
        from edml.schema import resolve_columns, resolve_exam_kinds  # noqa: PLC0415

        try:
            resolve_columns(config.columns)
            resolve_exam_kinds(config.exam_kinds)
        except ValueError as error:
            section = "columns" if str(error).startswith("columns") else "exam_kinds"
            return [f"{self._origin_of(section)}: {error}"]
        return []

    def _origin_of(self, section: str) -> str:
        return next(o for (s, _), o in self.origins.items() if s == section)

    def _ill_typed(self, error: ValidationError) -> list[str]:
        problems: dict[Any, str] = {}
        for one in error.errors(include_url=False):
            place = tuple(map(str, one["loc"]))
            section, key = (*place, "")[:2]
            if not key:  # of the section as a whole
                text = one["msg"].removeprefix("Value error, ")
                problems[section,] = f"{self._origin_of(section)}: {text}."
                continue
            found = self.values[section][key]
            problems.setdefault(
                (section, key),
                f"{self.origins[section, key]}: {section}.{key} expects "
                f"{_expected(section, key, one['msg'])}; found {_shown(found)}.",
            )
        return list(problems.values())


def _keys(section: str) -> list[str]:
    if section == "columns":
        from edml.schema import COLUMNS  # noqa: PLC0415 - seconds, and rarely needed

        return list(COLUMNS)
    if section == "exam_kinds":
        from edml.schema import EXAM_KINDS  # noqa: PLC0415

        return list(EXAM_KINDS)
    return list(getattr(Config.model_fields[section].annotation, "model_fields", {}))


def _fitting(section: str, key: str, text: str) -> Any:
    """Read a text: as TOML if the key takes that, or else as it is."""
    value = read_value(text)
    if isinstance(value, str):
        field = field_of(section, key) if section in Config.model_fields else None
        listed = field is not None and get_origin(field.annotation) is list
        if listed or section == "exam_kinds":
            return [part.strip() for part in value.split(",")]
    else:
        try:
            Config.model_validate({section: {key: value}})
        except ValidationError as error:
            if error.errors()[0]["type"] in ("string_type", "path_type"):
                return text  # a name such as 2024
    return value


def _below(folder: Path, section: str, key: str, value: Any) -> Any:
    field = field_of(section, key) if section in Config.model_fields else None
    of_file = field is not None and field.annotation in (Path, Path | None)
    return str(folder / value) if of_file and isinstance(value, str) else value


def _near(found: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    near = difflib.get_close_matches(found, known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Use a {what} of {', '.join(known)}."


def _expected(section: str, key: str, message: str) -> str:
    field = field_of(section, key)
    extra = field.json_schema_extra if field is not None else None
    if isinstance(extra, dict):
        return str(extra["is"])
    if "pathlib" in message:
        return "a path"
    wanted = message.removeprefix("Input should be ")
    return f"a number {wanted}" if wanted.startswith(("greater", "less")) else wanted


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
