"""Check every file of a registry without the lock, and remove leftovers."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads
from edml.registry._protocol import (
    DAMAGED,
    EVALUATIONS,
    LOCK,
    MODEL,
    RECORD,
    STATES,
    VERSIONS,
    read_number,
)
from edml.registry._sandbox import load_model
from edml.registry._state import DEVELOPMENT, State
from edml.registry._store import ModelStore
from edml.registry._versions import VersionStore

T = TypeVar("T")

FOREIGN, STATE, UNNAMED, VERSION, EVALUATION = range(5)


@dataclass(frozen=True)
class Finding:
    """A problem, and the part of the registry that it concerns."""

    problem: str
    part: int | None = None  # None if only a backup helps
    where: Any = None  # its path, generation or version


def check_store(store: VersionStore) -> list[str]:
    """Check all files against the protocol; other processes may be writing."""
    return [finding.problem for finding in find_problems(store)]


def find_problems(store: VersionStore) -> list[Finding]:
    """Check all files against the protocol, and find what each problem concerns."""
    check = _Check(store)
    listed = check.registry_names()
    state = check.states()
    try:
        state, above = store.written_state()
        versions = [*state.stages]
    except RegistryError as error:  # it may have removed versions: check all
        check.note(str(error), None, None)
        above = [version for version in listed if version > state.highest]
        versions = sorted({*state.stages, *listed})
    check.unnamed_versions(above)
    for version in versions:
        one = _Check(store)
        one.version(version)
        if one.findings and not _is_gone(store, version):
            check.findings |= one.findings
    return list(check.findings.values())


def find_model_problems(store: ModelStore, version: int) -> list[str]:
    """Check that the intact files of a version can also be used."""
    try:
        data = store.read_file(version, MODEL)
        numbers = store.evaluation_numbers(version)
    except RegistryError:
        return []  # reported already, or removed meanwhile
    check = _Check(store)
    record = check.attempt(VERSION, version, store.record_in, version, DEVELOPMENT)
    if record is not None:
        options = {"trusted": store.trusted, "untrusted": store.untrusted}
        check.attempt(VERSION, version, load_model, data, record, **options)
    check.attempt(VERSION, version, store.reference, version)
    for number in numbers:
        check.attempt(EVALUATION, version, store.load_evaluation, version, number)
    if check.findings and _is_gone(store, version):
        return []
    return [f"Version {version}: {problem}" for problem in check.findings]


def _is_gone(store: VersionStore, version: int) -> bool:
    """Return whether a version was removed while it was read."""
    try:
        return version not in store.state().stages
    except RegistryError:
        return False


def find_leftovers(store: VersionStore) -> list[Path]:
    """Find the leftovers of killed or running writes and removals."""
    home = store.home
    listed = home.numbers(home.versions)
    try:
        state, _ = store.written_state()
    except RegistryError:  # it is not known which versions were removed
        state = State(stages=dict.fromkeys(listed, DEVELOPMENT))
    gone = [
        home.versions / str(version)
        for version in listed
        if version <= state.highest and version not in state.stages
    ]
    kept = [home.versions / str(version) / EVALUATIONS for version in state.stages]
    return gone + [
        folder / name
        for folder in (home.path, home.states, home.versions, *kept)
        for name in _reads.read_folder(home.root, folder)
        if name.startswith(_files.TEMPORARY)
    ]


def remove_leftovers(store: VersionStore) -> list[Path]:
    """Remove the leftovers of killed writes; a running write holds the lock."""
    with store.home.locked():
        found = find_leftovers(store)
        with store.home.writing("Not all leftovers were removed"):
            store.home.remove(found)
    return found


class _Check:
    """One pass over the files; it collects the findings by their problems."""

    def __init__(self, store: VersionStore) -> None:
        self.store = store
        self.findings: dict[str, Finding] = {}

    def note(self, problem: str, part: int | None, where: Any) -> None:
        """Add a problem, unless it is known."""
        self.findings.setdefault(problem, Finding(problem, part, where))

    def attempt(
        self,
        part: int | None,
        where: Any,
        read: Callable[..., T],
        *args: Any,
        **kwargs: Any,
    ) -> T | None:
        """Call a reader; note its error as a problem."""
        try:
            return read(*args, **kwargs)
        except RegistryError as error:
            self.note(str(error), part, where)
            return None

    def registry_names(self) -> list[int]:
        """Check the names of files and folders; return the numbers of versions."""
        home = self.store.home
        self.names(home.path, {LOCK, STATES, VERSIONS, DAMAGED}.__contains__)
        names = self.names(home.versions, lambda name: read_number(name) is not None)
        return sorted(map(int, names))

    def names(self, folder: Path, belongs: Callable[[str], bool]) -> list[str]:
        """Return the names in a folder; note those that are not the registry's."""
        found = self.attempt(
            None, None, _reads.read_folder, self.store.home.root, folder
        )
        for name in found or []:
            if not name.startswith(_files.TEMPORARY) and not belongs(name):
                problem = (
                    f"Expected what the registry writes; found {name!r} in {folder} as "
                    "well. Move it out of the registry, or use repair."
                )
                self.note(problem, FOREIGN, folder / name)
        return [name for name in found or [] if belongs(name)]

    def documents(self, folder: Path, *place: Any) -> list[int]:
        """Return the numbers of the documents in a folder; note gaps between them."""
        names = self.names(folder, _is_document)
        numbers = sorted(int(name.removesuffix(".json")) for name in names)
        missing = sorted({*range(1, max(numbers, default=0) + 1)} - {*numbers})
        if missing:
            problem = (
                f"Expected every number in {folder} from 1; found none for {missing}. "
                "Restore them from a backup, or use repair."
            )
            self.note(problem, *place)
        return numbers

    def states(self) -> State:
        """Check that all generations exist and follow from each other.

        Return the newest state that is whole.
        """
        folder = self.store.home.states
        before = State()
        for generation in self.documents(folder, STATE, None):
            read = self.store.read_state
            state = self.attempt(STATE, generation, read, generation)
            if state is None:
                continue
            again = [
                version
                for version in state.stages
                if version <= before.highest and version not in before.stages
            ]
            if again or state.highest < before.highest:
                problem = (
                    "Expected numbers that are never used again; found that "
                    f"generation {generation} of the state has "
                    f"{again or state.highest} after {before.highest}. Restore "
                    f"{folder} from a backup."
                )
                self.note(problem, None, None)
            before = state
        return before

    def unnamed_versions(self, above: list[int]) -> None:
        """Check the versions above the highest number of the state."""
        for version in above:
            self.attempt(VERSION, version, self.store.read_record, version)
        if len(above) > 1:  # a killed writer leaves one, which the next one records
            problem = (
                "Expected at most one version that the state does not name yet; found "
                f"{above}. States are lost: restore {self.store.home.states} from a "
                "backup, or use repair."
            )
            self.note(problem, UNNAMED, None)

    def version(self, version: int) -> None:
        """Check the record, the files and the evaluations of a version."""
        store, folder = self.store, self.store.path(version)
        record = self.attempt(VERSION, version, store.read_record, version)
        if record is None:
            return
        for name in record["files"]:
            self.attempt(VERSION, version, store.read_file, version, name)
        known = {RECORD, EVALUATIONS, *record["files"]}
        self.names(folder, known.__contains__)
        for number in self.documents(folder / EVALUATIONS, EVALUATION, version):
            read = store.read_evaluation
            self.attempt(EVALUATION, version, read, version, number)


def _is_document(name: str) -> bool:
    number, _, ending = name.partition(".")
    return ending == "json" and read_number(number) is not None
