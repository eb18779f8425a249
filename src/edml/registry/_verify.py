"""Check every file of a registry without the lock, and remove leftovers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _model_file, _reads
from edml.registry._protocol import (
    EVALUATIONS,
    LOCK,
    RECORD,
    STATES,
    VERSIONS,
    read_number,
)
from edml.registry._store import MODEL, ModelStore
from edml.registry._versions import VersionStore

T = TypeVar("T")


def check_store(store: VersionStore) -> list[str]:
    """Check all files against the protocol; other processes may be writing."""
    check = _Check(store)
    listed = check.registry_names()
    check.states()
    state = check.attempt(store.state)
    if state is None:  # the list of versions is unknown: check all
        for version in filter(None, map(read_number, listed)):
            check.version(version)
        return list(dict.fromkeys(check.problems))
    check.unnamed_versions()
    for version in state.stages:
        one = _Check(store)
        one.version(version)
        if one.problems and version not in store.state().stages:
            continue  # removed during the read
        check.problems += one.problems
    return check.problems


def find_model_problems(store: ModelStore, version: int, stage: str) -> list[str]:
    """Check that the intact files of a version can also be used."""
    try:
        data = store.read_file(version, MODEL)
        numbers = store.evaluation_numbers(version)
    except RegistryError:
        return []  # reported already, or removed meanwhile
    check = _Check(store)
    check.attempt(store.record_in, version, stage)
    check.attempt(_model_file.loads, data, trusted=store.trusted)
    for number in numbers:
        check.attempt(store.load_evaluation, version, number)
    if check.problems and version not in store.state().stages:
        return []  # removed during the read
    return [f"Version {version}: {problem}" for problem in check.problems]


def find_leftovers(store: VersionStore) -> list[Path]:
    """Find the leftovers of killed or running writes and removals."""
    home = store.home
    state, _ = store.written_state()
    gone = [
        home.versions / str(version)
        for version in home.numbers(home.versions)
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
    """One pass over the files; it collects problems as sentences."""

    def __init__(self, store: VersionStore) -> None:
        self.store = store
        self.problems: list[str] = []

    def attempt(self, read: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
        """Call a reader; note its error as a problem."""
        try:
            return read(*args, **kwargs)
        except RegistryError as error:
            self.problems.append(str(error))
            return None

    def registry_names(self) -> list[str]:
        """Check the names of files and folders; return those of versions."""
        home = self.store.home
        self.names(home.path, lambda name: name in (LOCK, STATES, VERSIONS))
        return self.names(home.versions, lambda name: read_number(name) is not None)

    def names(self, folder: Path, belongs: Callable[[str], bool]) -> list[str]:
        """Return the names in a folder; note those that are not the registry's."""
        found = self.attempt(_reads.read_folder, self.store.home.root, folder) or []
        for name in found:
            if not name.startswith(_files.TEMPORARY) and not belongs(name):
                self.problems.append(
                    f"Expected what the registry writes; found {name!r} in {folder} as "
                    "well. Move it out of the registry."
                )
        return [name for name in found if belongs(name)]

    def documents(self, folder: Path) -> list[int]:
        """Return the numbers of the documents in a folder; note gaps between them."""
        names = self.names(folder, _is_document)
        numbers = sorted(int(name.removesuffix(".json")) for name in names)
        missing = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
        if missing:
            self.problems.append(
                f"Expected every number up to {max(numbers)} in {folder}; found none "
                f"for {missing}. Restore them from a backup."
            )
        return numbers

    def states(self) -> None:
        """Check that all generations exist, and follow from each other."""
        folder = self.store.home.states
        before = None
        for generation in self.documents(folder):
            state = self.attempt(self.store.read_state, generation)
            if state is not None and before is not None:
                again = [
                    version
                    for version in state.stages
                    if version <= before.highest and version not in before.stages
                ]
                if again or state.highest < before.highest:
                    self.problems.append(
                        "Expected numbers that are never used again; found that "
                        f"generation {generation} of the state has "
                        f"{again or state.highest} after {before.highest}. Restore "
                        f"{folder} from a backup."
                    )
            before = state

    def unnamed_versions(self) -> None:
        """Check the versions above the highest number of the state."""
        _, above = self.store.written_state()
        for version in above:
            self.attempt(self.store.read_record, version)
        if len(above) > 1:  # a killed writer leaves one, which the next one records
            self.problems.append(
                "Expected at most one version that the state does not name yet; found "
                f"{above}. States are lost: restore {self.store.home.states} from a "
                "backup."
            )

    def version(self, version: int) -> None:
        """Check the record, the files and the evaluations of a version."""
        folder = self.store.path(version)
        record = self.attempt(self.store.read_record, version)
        if record is None:
            return
        for name in record["files"]:
            self.attempt(self.store.read_file, version, name)
        known = {RECORD, EVALUATIONS, *record["files"]}
        self.names(folder, known.__contains__)
        for number in self.documents(folder / EVALUATIONS):
            self.attempt(self.store.read_evaluation, version, number)


def _is_document(name: str) -> bool:
    number, _, ending = name.partition(".")
    return ending == "json" and read_number(number) is not None
