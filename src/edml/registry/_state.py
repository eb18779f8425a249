"""State: the stages of all versions after a change, and the rules for changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import index
from typing import Any

from edml._messages import coded
from edml.exceptions import RegistryError
from edml.registry._errors import registry_error
from edml.registry._protocol import STAGES, Document, is_time, read_number
from edml.registry._reads import as_text

DEVELOPMENT, STAGING, PRODUCTION = STAGES
LATEST = "latest"
ROLLBACK = "rollback"
MAX_LINE = 100  # champions that a state remembers, for rollbacks
MAX_VERSIONS = 100_000  # in a state; more would take long to read


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
    # The champions by succession, the current one last; None in formats 1 and 2.
    line: tuple[int, ...] | None = ()

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

    @property
    def previous_champion(self) -> int | None:
        """The champion that a rollback would bring back."""
        champion = self.champion
        earlier = [v for v in self.line or () if v != champion]
        return earlier[-1] if earlier else None

    def following(self, before: "State") -> "State":
        """Return this state with the line of champions that continues the one before.

        A rollback undoes the last promotion, and a second one the promotion before it;
        it does not restore what was rolled back.
        """
        line = [v for v in before.line or () if v in self.stages]
        champion = self.champion
        if self.what == ROLLBACK and champion in line:
            while line[-1] != champion:
                line.pop()
        elif champion is not None and line[-1:] != [champion]:
            line.append(champion)
        return replace(self, line=tuple(line[-MAX_LINE:]))

    @classmethod
    def from_document(cls, document: Document) -> "State":
        """Read a state's document, and check that a registry could have written it."""
        versions = _expand(document["versions"])
        given = {read_number(name): s for name, s in document["stages"].items()}
        stages = {v: given.get(v, DEVELOPMENT) for v in versions or ()}
        line = _expand(document["line"]) if "line" in document else []
        if (
            versions is None
            or line is None
            or versions != sorted(stages)
            or not given.keys() <= stages.keys()
            or (versions and versions[-1] > document["highest"])
            or not is_time(document["when"])
        ):
            raise registry_error(
                "registry_damaged",
                "Expected stages by version, up to the stated highest number, and a "
                f"time; found others in generation {document['generation']} of the "
                "state. Restore the file from a backup, or use repair.",
            )
        _check_stages(stages)
        names = ("generation", "what", "why", "who", "when", "detail", "highest")
        known = {name: document[name] for name in names}
        return cls(
            **{name: as_text(value) for name, value in known.items()},
            stages=stages,
            line=tuple(line) if "line" in document else None,
        )

    def to_document(self) -> Document:
        """Return the state in the short form that is stored."""
        moved = {v: stage for v, stage in self.stages.items() if stage != DEVELOPMENT}
        return {
            **vars(self),
            "versions": _shorten(sorted(self.stages)),
            "stages": moved,
            "line": _shorten(self.line or ()),
        }

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
            raise registry_error(
                "not_version",
                "Expected the number of a version, 'production', 'staging' or "
                f"'latest'; found {version!r:.40}. Look at records().",
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
            message = f"Expected {where}; found none. {remedy} first."
            raise RegistryError(
                coded("none_in_stage" if self.stages else "no_models", message)
            )
        if len(found) > 1:
            raise registry_error(
                "several_in_stage",
                f"Expected one version in {name}; found {found}. Name one by its "
                "number.",
                stage=name,
                versions=found,
            )
        return found[0]

    def check_version(self, version: int) -> None:
        """Raise if no version has this number."""
        if version in self.stages:
            return
        was = "was removed" if 0 < version <= self.highest else "does not exist"
        raise registry_error(
            "no_version",
            f"Expected the number of a version; found {version}, which {was}. There "
            f"are {_list_briefly(list(self.stages))}.",
            version=version,
        )

    def moves_since(self, before: "State") -> list[tuple[int, str, str]]:
        """List each version that moved, with its stages before and after."""
        return [
            (
                version,
                before.stages.get(version, "new"),
                self.stages.get(version, "removed"),
            )
            for version in sorted({*before.stages, *self.stages})
            if before.stages.get(version) != self.stages.get(version)
        ]

    def rolled_back(self, moves: Iterable[tuple[int, str, str]]) -> "State":
        """Bring the previous champion back, and undo ``moves`` of versions.

        A version that was moved again later stays where it is.
        """
        previous = self.previous_champion
        if previous is None:
            raise registry_error(
                "no_previous",
                "Expected a previous champion; found none that is still stored. "
                "Promote the version that you want.",
            )
        state = self
        for version, was, became in moves:
            if was in (DEVELOPMENT, STAGING) and state.stages.get(version) == became:
                state = state.move(version, was)
        return state.move(previous, PRODUCTION)

    def check_below(self, version: int, stage: str) -> None:
        """Raise if a version is above a stage."""
        self.check_version(version)
        before = self.stages[version]
        if STAGES.index(before) > STAGES.index(stage):
            raise registry_error(
                "use_demote",
                f"Expected a version below {stage}; found version {version} in "
                f"{before}. Use demote.",
                version=version,
                stage=before,
            )

    def move(self, version: int, stage: str) -> "State":
        """Move a version; a replaced champion goes to development."""
        self.check_version(version)
        stages = dict(self.stages)
        if stage == PRODUCTION and self.champion is not None:
            stages[self.champion] = DEVELOPMENT
        stages[version] = stage
        return replace(self, stages=stages)


def removable(state: State, keep_last: int) -> list[int]:
    """Return the development versions that can go; keep the newest and those needed."""
    development = [v for v, stage in state.stages.items() if stage == DEVELOPMENT]
    old = development[: max(0, len(development) - keep_last)]
    needed = state.previous_champion
    return [version for version in old if version != needed]


def check_choice(what: str, found: object, known: Sequence[str]) -> None:
    """Raise for a value that is not among those known."""
    if found not in known:
        raise registry_error(
            "one_of",
            f"Expected {what} of {', '.join(known)}; found {found!r:.40}. Choose one "
            "of them.",
            known=known,
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


def _shorten(numbers: Iterable[int]) -> list[list[int]]:
    """Return the first and last numbers of runs: 1, 2, 3, 7 as [[1, 3], [7, 7]]."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return runs


def _expand(runs: Any) -> list[int] | None:
    """Return the numbers of runs; None if these cannot be runs of versions."""
    numbers: list[int] = []
    for run in runs if isinstance(runs, list) else [None]:
        if not (
            isinstance(run, list)
            and [type(one) for one in run] == [int, int]
            and 0 < run[0] <= run[1]
            and len(numbers) + run[1] - run[0] < MAX_VERSIONS
        ):
            return None
        numbers += range(run[0], run[1] + 1)
    return numbers


def _list_briefly(versions: list[int]) -> str:
    if not versions:
        return "none yet: register a model"
    if len(versions) <= 10:
        return str(versions)
    return f"{len(versions)}, from {versions[0]} to {versions[-1]}"
