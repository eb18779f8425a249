"""find_problems and find_leftovers: look at every file, without the lock."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads
from edml.registry._protocol import (
    EVALUATIONS,
    LOCK,
    RECORD,
    STATES,
    VERSIONS,
    read_number,
)

if TYPE_CHECKING:
    from edml.registry._store import Store

P = ParamSpec("P")
T = TypeVar("T")


def find_problems(store: "Store") -> list[str]:
    """Check every file of a registry.

    Parameters
    ----------
    store : Store
        Others may write to it meanwhile.

    Returns
    -------
    problems : list of str
        One for each thing that is not as the protocol says; leftovers are none.
    """
    home = store.home
    folders = (home.path, home.states, home.versions)
    problems = [text for folder in folders for text in _names_of(store, folder)[1]]
    problems += _state_problems(store)
    state, problem = _attempt(store.state)
    listed = _numbers(store, home.versions)
    if state is None:
        return [*dict.fromkeys(problems + problem), *_all_versions(store, listed)]
    problems += _unnamed_problems(store)
    for version in state.stages:
        found = list(_version_problems(store, version))
        if found and version not in store.state().stages:
            continue  # removed while it was read
        problems += found
    return problems


def find_leftovers(store: "Store") -> list[Path]:
    """Find what killed writes and removals left.

    Parameters
    ----------
    store : Store
        A running write of another process is found as well.

    Returns
    -------
    paths : list of Path
        Files and folders that readers pass over.

    Raises
    ------
    RegistryError
        If the state or a folder cannot be read.
    """
    home = store.home
    state, _ = store.written_state()
    gone = [
        home.versions / str(version)
        for version in home.numbers(home.versions)
        if version <= state.highest and version not in state.stages
    ]
    kept = [home.versions / str(version) / EVALUATIONS for version in state.stages]
    folders = [home.path, home.states, home.versions, *kept]
    names = ((folder, _reads.read_folder(home.root, folder)) for folder in folders)
    return gone + [
        folder / name
        for folder, inside in names
        for name in inside
        if name.startswith(_files.TEMPORARY)
    ]


def _all_versions(store: "Store", versions: list[int]) -> Iterator[str]:
    for version in versions:
        yield from _version_problems(store, version)


def _state_problems(store: "Store") -> Iterator[str]:
    """Check that the generations are all there, and follow from each other."""
    folder = store.home.states
    generations = _numbers(store, folder, ".json")
    yield from _gaps(generations, folder)
    before = None
    for generation in generations:
        state, problems = _attempt(store.read_state, generation)
        yield from problems
        if state is not None and before is not None:
            again = [
                version
                for version in state.stages
                if version <= before.highest and version not in before.stages
            ]
            if again or state.highest < before.highest:
                yield (
                    f"Expected numbers that are never used again; found that generation"
                    f" {generation} of the state has {again or state.highest} after "
                    f"{before.highest}. Restore {folder} from a backup."
                )
        before = state


def _unnamed_problems(store: "Store") -> Iterator[str]:
    """Check the versions above the highest number of the state."""
    _, above = store.written_state()
    for version in above:
        yield from _attempt(store.read_record, version)[1]
    if len(above) > 1:  # a killed writer leaves one, and the next writes it down
        yield (
            f"Expected at most one version that the state does not name yet; found "
            f"{above}. States are lost: restore {store.home.states} from a backup."
        )


def _version_problems(store: "Store", version: int) -> Iterator[str]:
    """Check the record, the files and the evaluations of a version."""
    folder = store.home.versions / str(version)
    record, problems = _attempt(store.read_record, version)
    yield from problems
    if record is None:
        return
    for name in record["files"]:
        yield from _attempt(store.read_file, version, name)[1]
    yield from _names_of(store, folder, {RECORD, EVALUATIONS, *record["files"]})[1]
    inside = folder / EVALUATIONS
    yield from _names_of(store, inside)[1]
    numbers = _numbers(store, inside, ".json")
    yield from _gaps(numbers, inside)
    for number in numbers:
        yield from _attempt(store.read_evaluation, version, number)[1]


def _names_of(
    store: "Store", folder: Path, known: set[str] | None = None
) -> tuple[list[str], list[str]]:
    """Give the names in a folder, and a problem for each that does not belong."""
    names, problems = _attempt(_reads.read_folder, store.home.root, folder)
    for name in names or []:
        if name.startswith(_files.TEMPORARY):
            continue
        if not _belongs(store, folder, name) if known is None else name not in known:
            problems.append(
                f"Expected what the registry writes; found {name!r} in {folder} as "
                "well. Move it out of the registry."
            )
    return names or [], problems


def _belongs(store: "Store", folder: Path, name: str) -> bool:
    if folder == store.home.path:
        return name in (LOCK, STATES, VERSIONS)
    ending = "" if folder.name == VERSIONS else ".json"
    return name.endswith(ending) and read_number(name.removesuffix(ending)) is not None


def _gaps(numbers: list[int], folder: Path) -> Iterator[str]:
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    if missing:
        yield (
            f"Expected every number up to {max(numbers)} in {folder}; found none for "
            f"{missing}. Restore them from a backup."
        )


def _numbers(store: "Store", folder: Path, ending: str = "") -> list[int]:
    return _attempt(store.home.numbers, folder, ending)[0] or []


def _attempt(
    read: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> tuple[T | None, list[str]]:
    try:
        return read(*args, **kwargs), []
    except RegistryError as error:
        return None, [str(error)]
