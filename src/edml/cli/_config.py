"""The configuration of a project: defaults, edml.toml, the environment, options."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from edml._messages import coded, join
from edml._urls import as_path, is_url
from edml.cli._settings import (
    Config,
    MaybeFile,
    MaybeLocal,
    field_of,
    write_setting,
)
from edml.cli._toml import find_lines, read_value
from edml.exceptions import EdmlError

FILE = "edml.toml"
PREFIX = "EDML_"
#: Secrets, which are read from the environment only and never from the file.
SECRETS = {
    ("registry", "key"): f"{PREFIX}REGISTRY_KEY",
    ("ledger", "key"): f"{PREFIX}LEDGER_KEY",
    ("endpoint", "token"): f"{PREFIX}ENDPOINT_TOKEN",
}
#: Keys of earlier versions, which a file may still set, and why they were removed.
_REMOVED = {("tune", "blended"): "searches blend no models any more"}
#: Variables that only `edml-serve` read, and those of all commands.
_RENAMED = {
    f"{PREFIX}NAME": f"{PREFIX}REGISTRY_NAME",
    f"{PREFIX}REGISTRY": f"{PREFIX}REGISTRY_PATH",
    f"{PREFIX}TOKEN_FILE": f"{PREFIX}ENDPOINT_TOKEN_FILE",
}
_LONGEST = 40  # characters of a value in a message
_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}  # of pydantic's limits

Key = tuple[str, str]  # section and key


class ConfigError(EdmlError, ValueError):
    """The configuration is invalid; the message has a line for each mistake."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__(mistakes[0] if len(mistakes) == 1 else "\n".join(mistakes))
        self.mistakes = mistakes


class Read(NamedTuple):
    """A configuration, the origins of its values, and what was ignored."""

    config: Config
    origins: dict[Key, str]
    notes: list[str]


def read_config(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[Key, Any] | None = None,
) -> Read:
    """Read the configuration; each layer overrides the previous one."""
    layers = _Layers()
    environ = environ or {}
    if path is None and environ.get(f"{PREFIX}CONFIG"):
        path = Path(environ[f"{PREFIX}CONFIG"])
    if path is not None or Path(FILE).exists():
        layers.add_file(path or Path(FILE))
    layers.add_environment(environ)
    for key, value in (flags or {}).items():
        if value is not None:
            layers.add(key, value, f"option {'.'.join(key)}")
    return Read(layers.check(), layers.origins, layers.notes)


def parse_settings(settings: Iterable[str]) -> dict[Key, Any]:
    """Parse the values of `--set`: SECTION.KEY=VALUE."""
    flags = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and section and key):
            message = (
                "--set expects SECTION.KEY=VALUE, such as tune.folds=5; found "
                "something else."
            )
            raise ConfigError(coded("set_expects", message, example="tune.folds=5"))
        flags[section, key] = _parse_text((section, key), value.strip())
    return flags


class _Layers:
    """The values of all layers with their origins, the mistakes, and notes."""

    def __init__(self) -> None:
        self.values: dict[Key, Any] = {}
        self.origins: dict[Key, str] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []

    def add(self, key: Key, value: Any, origin: str) -> None:
        self.values[key] = value
        self.origins[key] = origin

    def reject(self, code: str, origin: str, message: str, **values: Any) -> None:
        """Add a mistake, in what comes from ``origin``."""
        self.problems.append(_at(code, origin, message, **values))

    def add_file(self, path: Path) -> None:
        try:
            text = path.read_text("utf-8-sig")
            document = tomllib.loads(text)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            message = f"{path} cannot be read: {reason}. Write one: edml config init."
            raise ConfigError(coded("no_settings", message, path=path)) from None
        except UnicodeDecodeError:
            message = f"{path} is not UTF-8. Save it as UTF-8."
            raise ConfigError(coded("settings_not_utf8", message, path=path)) from None
        except tomllib.TOMLDecodeError as error:
            message = f"{path} is not valid TOML: {error}. Correct that line."
            at = re.search(r"line (\d+)", str(error))  # or at the end
            number = at[1] if at else len(text.splitlines())
            message = coded("settings_not_toml", message, path=path, line=number)
            raise ConfigError(message) from None
        lines = find_lines(text)
        for section, body in document.items():
            origin = f"{path}, line {lines[section,]}"
            if section not in Config.model_fields:
                self.problems.append(_unknown_section(origin, section))
            elif not isinstance(body, dict):
                message = (
                    f"{section!r} is a section; found a value. Write [{section}], and "
                    "its keys on the lines below."
                )
                self.reject("not_section", origin, message, section=section)
            else:
                for key, value in body.items():
                    below = _resolve_path(path.parent, (section, key), value)
                    line = lines[section, key]
                    self.add((section, key), below, f"{path}, line {line}")

    def add_environment(self, environ: Mapping[str, str]) -> None:
        for old, new in _RENAMED.items():
            if environ.get(old) and not environ.get(new):
                environ = {**environ, new: environ[old]}
                note = f"{old} is read as {new}. Rename it."
                self.notes.append(coded("renamed_variable", note, old=old, new=new))
        for name, text in sorted(environ.items()):
            if not name.startswith(PREFIX) or name in SECRETS.values() or not text:
                continue
            rest = name.removeprefix(PREFIX).lower()
            sections = (
                one for one in Config.model_fields if rest.startswith(f"{one}_")
            )
            section = next(sections, None)
            if section is None:
                continue  # belongs to another program
            key = section, rest.removeprefix(f"{section}_")
            if key[1] in _keys(section):
                self.add(key, _parse_text(key, text), name)
            else:  # not an error: the host of a container may set other EDML_ names
                note = f"{name} is not a setting, and is ignored."
                self.notes.append(coded("ignored_variable", note, name=name))

    def check(self) -> Config:
        known = self._take_known()
        config = Config()
        try:
            config = Config.model_validate(known)
        except ValidationError as error:
            self._note_invalid(error)
        if not self.problems:
            self._check_names(config)
        if config.signals.context and config.signals.features == "classic":
            origin = self.origins["signals", "context"]
            message = (
                "context compares what the features 'progress' and 'full' show. Set "
                "signals.features to one of them, or context to false."
            )
            self.reject("context_of_classic", origin, message)
        if self.problems:
            raise ConfigError(*self.problems)
        return config

    def _take_known(self) -> dict[str, dict[str, Any]]:
        """Return the values with known keys; the others are mistakes."""
        known: dict[str, dict[str, Any]] = {}
        for place, origin in list(self.origins.items()):
            section, key = place
            if section not in Config.model_fields:
                self.problems.append(_unknown_section(origin, section))
            elif place in SECRETS:
                name = SECRETS[place]
                message = (
                    "a secret does not belong here. Remove it, and set "
                    f"{name} in the environment."
                )
                self.reject("secret_in_settings", origin, message, name=name)
            elif place in _REMOVED:
                name = f"{section}.{key}"
                message = f"{name} is ignored, for {_REMOVED[place]}. Remove it."
                self.notes.append(_at("removed_key", origin, message, key=name))
                del self.origins[place]
            elif key not in _keys(section):
                message = f"[{section}] has no key {key!r}. "
                problem = _at("unknown_key", origin, message, section=section, key=key)
                hint = _suggest(key, _keys(section), "key")
                self.problems.append(join(problem, hint))
            else:
                known.setdefault(section, {})[key] = self.values[place]
        return known

    def _note_invalid(self, error: ValidationError) -> None:
        invalid: dict[tuple[str, ...], str] = {}  # one mistake for each key
        for one in error.errors(include_url=False):
            place = tuple(map(str, one["loc"]))[:2]
            if len(place) < 2:  # concerns the whole section
                origin = self._origin_of(place[0])
                text = one["msg"].removeprefix("Value error, ")
                invalid[place] = _at("shares_leave_none", origin, f"{text}.")
                continue
            key = place[0], place[1]
            if key not in invalid:
                invalid[key] = _invalid(self.origins[key], key, self.values[key], one)
        self.problems += invalid.values()

    def _check_names(self, config: Config) -> None:
        if not (config.columns or config.exam_kinds):
            return
        from edml.schema import resolve_columns, resolve_exam_kinds  # noqa: PLC0415

        try:
            resolve_columns(config.columns)
            resolve_exam_kinds(config.name_exams())
        except ValueError as error:
            section = "columns" if str(error).startswith("columns") else "exam_kinds"
            self.problems.append(f"{self._origin_of(section)}: {error}")

    def _origin_of(self, section: str) -> str:
        return next(o for (s, _), o in self.origins.items() if s == section)


def _keys(section: str) -> list[str]:
    if section == "columns":
        from edml.schema import COLUMNS  # noqa: PLC0415 - seconds, and rarely needed

        return list(COLUMNS)
    if section == "exam_kinds":
        from edml.schema import EXAM_KINDS  # noqa: PLC0415

        return list(EXAM_KINDS)
    return list(getattr(Config.model_fields[section].annotation, "model_fields", {}))


def _field(key: Key) -> FieldInfo | None:
    return field_of(*key) if key[0] in Config.model_fields else None


def _parse_text(key: Key, text: str) -> Any:
    """Parse a value as TOML if the key accepts the result, else keep the text."""
    value = read_value(text)
    if isinstance(value, str):
        field = _field(key)
        is_list = field is not None and get_origin(field.annotation) is list
        if is_list or key[0] == "exam_kinds":
            return [part.strip() for part in value.split(",")]
        return value
    try:
        Config.model_validate({key[0]: {key[1]: value}})
    except ValidationError as error:
        if error.errors()[0]["type"] in ("string_type", "path_type"):
            return text  # for example the name 2024
    return value


def _resolve_path(folder: Path, key: Key, value: Any) -> Any:
    """Resolve paths in the file relative to the file's folder."""
    field = _field(key)
    if isinstance(value, list) and key == ("registry", "public_keys"):
        return [str(folder / one) if isinstance(one, str) else one for one in value]
    is_path = field is not None and field.annotation in (Path, MaybeFile, MaybeLocal)
    if not (is_path and isinstance(value, str)) or is_url(value):
        return value
    return str(folder / value)


def _at(code: str, origin: str, message: str, **values: Any) -> str:
    """Return a coded message about what comes from ``origin``."""
    short = origin.replace(", line ", ":")  # in any language
    return coded(code, f"{origin}: {message}", origin=short, **values)


def _unknown_section(origin: str, section: str) -> str:
    message = f"the section {section!r} is unknown. "
    hint = _suggest(section, Config.model_fields, "section")
    return join(_at("unknown_section", origin, message, section=section), hint)


def _suggest(found: str, known: Iterable[str], what: str) -> str:
    known = list(known)
    near = difflib.get_close_matches(found, known, n=1)
    if near:
        return coded("perhaps", f"Did you mean {near[0]!r}?", near=near[0])
    return coded("one_of", f"Use a {what} of {', '.join(known)}.", known=known)


def _invalid(origin: str, key: Key, value: Any, error: Mapping[str, Any]) -> str:
    """Return what is wrong with the value of a key."""
    name = ".".join(key)
    message = f"{name} expects {_expected(key, error['msg'])}; found {_shown(value)}."
    limits = error.get("ctx") or {}
    found = limits.keys() & _SIGNS.keys()
    if found:
        limit = " ".join(f"{_SIGNS[one]} {limits[one]:g}" for one in found)
        return _at("beyond_limit", origin, message, key=name, limit=limit)
    if error["type"] == "literal_error":
        known = re.findall("'([^']+)'", limits["expected"])
        return _at("not_choice", origin, message, key=name, known=known)
    return _at("not_setting", origin, message, key=name, example=write_setting(*key))


def _expected(key: Key, message: str) -> str:
    field = field_of(*key)
    extra = field.json_schema_extra if field is not None else None
    if isinstance(extra, dict):
        return str(extra["is"])
    if "pathlib" in message:
        return "a path"
    wanted = message.removeprefix("Input should be ").removeprefix("Value error, ")
    return f"a number {wanted}" if wanted.startswith(("greater", "less")) else wanted


def _shown(value: Any) -> str:
    text = repr(str(as_path(value)) if is_url(value) else value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
