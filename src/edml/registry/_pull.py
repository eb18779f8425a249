"""Pull: bring a registry up to date with a push; `_remote` explains what is read.

The files are downloaded to a temporary folder and checked. Then, under the lock, the
new versions get their numbers, and after them the newest state its own: from there on
readers see the new stages. A kill before that leaves the earlier stages.
"""

from collections.abc import Mapping
from pathlib import Path

from edml import _files
from edml.exceptions import RegistryError
from edml.registry._errors import registry_error
from edml.registry._protocol import (
    EVALUATIONS,
    MAX_DOCUMENT_BYTES,
    RECORD,
    VERSIONS,
    Document,
    read_path,
    unseal,
)
from edml.registry._reads import read_file, read_folder
from edml.registry._remote import (
    Entry,
    Push,
    entry_of,
    newest_push,
    read_object,
    read_push,
    state_path,
    version_of,
)
from edml.registry._state import State
from edml.registry._store import ModelStore

Files = Mapping[str, Entry]


def pull(store: ModelStore, url: Path) -> list[int]:
    """Download what is missing, check it, and put it in place; return new versions."""
    root = url / store.home.name
    number = newest_push(root)
    known = store.pulled.get(str(url))
    if number == known:
        return []
    if number < (known or 1):
        raise registry_error(
            "nothing_pushed",
            f"Expected a push of registry {store.home.name!r} at {url}; found "
            f"{'an older one than before' if known else 'none'}. Check the address and "
            "the name, or push first.",
            url=url,
        )
    found = read_push(store.home, root, number)
    state = _read_state(store, root, found)
    before, _ = store.written_state()
    kept = _check_continues(store, before, found, url)
    missing = {n: entry for n, entry in found.files.items() if n not in kept}
    temporary = _files.temporary_path(store.home.path)
    try:
        with store.home.writing("Nothing was pulled"):
            _download(store, root, missing, temporary)
        with store.home.locked(signs=False):
            if store.newest() != before.generation:
                raise _changed(store)
            with store.home.writing("Not everything was pulled: pull again"):
                _install(store, state, temporary, missing)
    finally:
        if temporary.exists():
            _files.remove_tree(temporary)
    store.pulled[str(url)] = number
    return sorted(found.versions() - before.stages.keys())


def _read_state(store: ModelStore, root: Path, found: Push) -> State:
    """Read the state of a push, and check that the push has all of its versions."""
    name = state_path(found.generation)
    records = {f"{VERSIONS}/{version}/{RECORD}" for version in found.versions()}
    if not found.files.keys() >= {name, *records}:
        raise _incomplete(root)
    data = read_object(root, found.files[name])
    state = State.from_document(_unseal(store, name, data))
    if state.stages.keys() != found.versions():
        raise _incomplete(root)
    if store.memory is not None:
        store.memory.check(state.generation, note=False)
    return state


def _check_continues(
    store: ModelStore, before: State, found: Push, url: Path
) -> set[str]:
    """Return which files are here; raise unless this registry is a part of the push."""
    home = store.home
    names = {state_path(one) for one in home.numbers(home.states, ".json")}
    for version in home.numbers(home.versions):
        folder = f"{VERSIONS}/{version}"
        for inner in (folder, f"{folder}/{EVALUATIONS}"):
            files = read_folder(home.root, home.path / inner)
            names |= {f"{inner}/{name}" for name in files}
    kept = names & found.files.keys()
    newest = {state_path(before.generation)} if before.generation else set()
    other = newest - kept
    for name in kept:
        # the history before the newest state may be spelled in an earlier format
        if name in newest or _kind(name) in ("record", "evaluation"):
            data = read_file(home.root, home.path / name, MAX_DOCUMENT_BYTES)
            if entry_of(data) != found.files[name]:
                other.add(name)
    if other or before.generation > found.generation:
        raise registry_error(
            "changed_here",
            f"Expected that {url} holds all changes of the registry in {home.path}; "
            "found others here. Push them if nobody else has pushed, or pull into "
            "another folder.",
            url=url,
        )
    return kept


def _download(store: ModelStore, root: Path, missing: Files, temporary: Path) -> None:
    """Write the missing files into a temporary folder, after checking them."""
    _files.make_folder(temporary)
    new: dict[int, Document] = {}  # records of new versions
    for name, entry in missing.items():
        data = read_object(root, entry)
        kind = _kind(name)
        if kind != "file":
            document = _unseal(store, name, data)
            if kind == "state":
                State.from_document(document)
            elif kind == "record":
                new[version_of(name)] = document
        _files.make_folder((temporary / name).parent)
        _files.write_file(temporary / name, data)
    for folder in {(temporary / name).parent for name in missing}:
        _files.sync_folder(folder)
    _check_files(store, root, missing, new)


def _check_files(
    store: ModelStore, root: Path, missing: Files, new: Mapping[int, Document]
) -> None:
    """Check that versions have the files that their records name, and no others."""
    given = {n: entry for n, entry in missing.items() if _kind(n) == "file"}
    named: dict[str, Entry] = {}
    needed: set[str] = set()
    for version in {*map(version_of, given), *new}:
        record = new.get(version) or store.read_record(version)
        files = {
            f"{VERSIONS}/{version}/{name}": Entry(about["size"], about["sha256"])
            for name, about in record["files"].items()
        }
        named |= files
        if version in new:
            needed |= files.keys()
    if not needed <= given.keys() or not given.items() <= named.items():
        raise _incomplete(root)


def _install(store: ModelStore, state: State, temporary: Path, missing: Files) -> None:
    """Rename the downloaded files; the caller holds the lock."""
    home = store.home
    new = sorted(version_of(name) for name in missing if _kind(name) == "record")
    for version in new:
        source = temporary / VERSIONS / str(version)
        _files.make_folder(source / EVALUATIONS)
        _files.rename(source, store.path(version))
    _files.sync_folder(home.versions)
    states = []
    for name in missing:
        if _kind(name) == "state":
            states.append(name)
        elif version_of(name) not in new:  # one more evaluation
            _files.make_folder((home.path / name).parent)
            _files.rename(temporary / name, home.path / name)
    # the newest first: it decides
    for name in sorted(states, key=lambda name: (len(name), name), reverse=True):
        _files.rename(temporary / name, home.path / name)
    _files.sync_folder(home.states)
    gone = set(home.numbers(home.versions)) - state.stages.keys()
    home.remove(store.path(one) for one in gone if one <= state.highest)


def _kind(name: str) -> str | None:
    found = read_path(name)
    return found and found[0]


def _unseal(store: ModelStore, name: str, data: bytes) -> Document:
    """Check a document as the registry does when it reads it from its path."""
    kind, place = read_path(name) or ("", {})
    return unseal(data, kind, {"registry": store.home.name, **place}, store.home.keys)


def _incomplete(root: Path) -> RegistryError:
    return registry_error(
        "push_incomplete",
        f"Expected a push with the state and all files of its versions at {root}; "
        "found another. Nothing was changed here. Push again.",
        url=root,
    )


def _changed(store: ModelStore) -> RegistryError:
    return registry_error(
        "registry_locked",
        f"Expected that nobody else changes {store.home.path} meanwhile; found a new "
        "change. Nothing was pulled. Pull again.",
    )
