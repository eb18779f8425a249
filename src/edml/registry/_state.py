"""State: the stages of all versions after a change, and the rules for changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import index
from typing import Any

from edml.exceptions import RegistryError
from edml.registry._protocol import STAGES, Document, read_number

DEVELOPMENT, STAGING, PRODUCTION = STAGES
LATEST = "latest"
ROLLBACK = "rollback"


@dataclass(frozen=True)
class State:
    """The stages of all versions; each state is complete in itself."""

    generation: int = 0  # counts the changes; 0 before the first
    stages: dict[int, str] = field(default_factory=dict)
    what: str = ""  # the kind of change, such as "register"
    why: str = ""
    who: str = ""
    when: str = ""  # in UTC, as ISO 8601
    detail: dict[str, Any] = field(default_factory=dict)  # figures behind the change
    highest: int = 0  # version number ever used, including removed ones

    @property
    def champion(self) -> int | None:
        """The version in production."""
        return next((v for v, s in self.stages.items() if s == PRODUCTION), None)

    def with_new(self, versions: Iterable[int]) -> "State":
        """Add versions above ``highest`` in development."""
        new = sorted(versions)
        if not new:
            return self
        stages = {**self.stages, **dict.fromkeys(new, DEVELOPMENT)}
        return replace(self, stages=stages, highest=new[-1])

    @classmethod
    def from_document(cls, document: Document) -> "State":
        """Read a state's document, and check that a registry could have written it."""
        found = {read_number(name): s for name, s in document["stages"].items()}
        versions = sorted(version for version in found if version is not None)
        if len(versions) != len(document["stages"]) or (
            versions and versions[-1] > document["highest"]
        ):
            raise RegistryError(
                "Expected stages by version, up to the stated highest number; found "
                f"others in generation {document['generation']} of the state. Restore "
                "the file from a backup."
            )
        stages = {version: found[version] for version in versions}
        _check_stages(stages)
        names = ("generation", "what", "why", "who", "when", "detail", "highest")
        return cls(stages=stages, **{name: document[name] for name in names})

    def find(self, version: int | str) -> int:
        """Return the number of an existing version, given its number or name.

        The names are "production", "staging" (if only one version is there) and
        "latest".
        """
        if isinstance(version, str) and version in (PRODUCTION, STAGING, LATEST):
            return self._find_name(version)
        try:
            number = index(version)  # type: ignore[arg-type] # also one of numpy's
        except TypeError:
            number = 0
        if number < 1 or isinstance(version, bool):
            raise RegistryError(
                "Expected the number of a version, 'production', 'staging' or "
                f"'latest'; found {version!r:.40}. Look at records()."
            )
        self.check_version(number)
        return number

    def _find_name(self, name: str) -> int:
        found = [v for v, s in self.stages.items() if name in (s, LATEST)]
        if name == LATEST:
            found = found[-1:]
        if not found:
            where = "any version" if name == LATEST else f"a version in {name}"
            remedy = "Promote one" if self.stages else "Register a model"
            raise RegistryError(f"Expected {where}; found none. {remedy} first.")
        if len(found) > 1:
            raise RegistryError(
                f"Expected one version in {name}; found {found}. Name one by its "
                "number."
            )
        return found[0]

    def check_version(self, version: int) -> None:
        """Raise if no version has this number."""
        if version in self.stages:
            return
        was = "was removed" if 0 < version <= self.highest else "does not exist"
        raise RegistryError(
            f"Expected the number of a version; found {version}, which {was}. There "
            f"are {_shorten(list(self.stages))}."
        )

    def check_below(self, version: int, stage: str) -> None:
        """Raise if a version is above a stage."""
        self.check_version(version)
        before = self.stages[version]
        if STAGES.index(before) > STAGES.index(stage):
            raise RegistryError(
                f"Expected a version below {stage}; found version {version} in "
                f"{before}. Use demote."
            )

    def move(self, version: int, stage: str) -> "State":
        """Move a version; a replaced champion goes to development."""
        self.check_version(version)
        stages = dict(self.stages)
        if stage == PRODUCTION and self.champion is not None:
            stages[self.champion] = DEVELOPMENT
        stages[version] = stage
        return replace(self, stages=stages)


def previous_champions(history: Iterable[State]) -> list[int | None]:
    """Return, after each state, the champion that a rollback would bring back.

    A rollback undoes the last promotion, and a second one the promotion before it; it
    does not restore what was rolled back.
    """
    line: list[int] = []  # of succession, the current champion last
    found = []
    for state in history:
        champion = state.champion
        if champion is not None and line[-1:] != [champion]:
            if state.what == ROLLBACK and champion in line:
                while line[-1] != champion:
                    line.pop()
            else:
                line.append(champion)
        earlier = line[:-1] if champion is not None else line
        kept = [v for v in earlier if v in state.stages and v != champion]
        found.append(kept[-1] if kept else None)
    return found


def previous_champion(history: Sequence[State]) -> int | None:
    """Return the champion that a rollback would bring back now."""
    return previous_champions(history)[-1] if history else None


def removable(history: Sequence[State], state: State, keep_last: int) -> list[int]:
    """Return the development versions that can go; keep the newest and those needed."""
    development = [v for v, stage in state.stages.items() if stage == DEVELOPMENT]
    old = development[: max(0, len(development) - keep_last)]
    needed = previous_champion(history)
    return [version for version in old if version != needed]


def check_choice(what: str, found: object, known: Sequence[str]) -> None:
    """Raise for a value that is not among those known."""
    if found not in known:
        raise RegistryError(
            f"Expected {what} of {', '.join(known)}; found {found!r:.40}. Choose one "
            "of them."
        )


def _check_stages(stages: Mapping[int, str]) -> None:
    wrong = sorted(v for v, stage in stages.items() if stage not in STAGES)
    if wrong:
        raise RegistryError(
            f"Expected a stage of {', '.join(STAGES)}; found another for the versions "
            f"{wrong}. Choose one of the three."
        )
    champions = sorted(v for v, stage in stages.items() if stage == PRODUCTION)
    if len(champions) > 1:
        raise RegistryError(
            f"Expected one version in production; found {champions}. Move all but one "
            "to another stage."
        )


def _shorten(versions: list[int]) -> str:
    if not versions:
        return "none yet: register a model"
    if len(versions) <= 10:
        return str(versions)
    return f"{len(versions)}, from {versions[0]} to {versions[-1]}"
