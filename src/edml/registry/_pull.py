"""Pull: bring a registry up to date with a push; `_remote` explains what is read.

The files are downloaded to a temporary folder and checked. Then, under the lock, the
new versions get their numbers, and after them the newest state its own: from there on
readers see the new stages. A kill before that leaves the earlier stages.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from edml import _files
from edml._messages import coded
from edml.exceptions import RegistryError
from edml.registry._protocol import (
    EVALUATIONS,
    MAX_DOCUMENT_BYTES,
    RECORD,
    STATES,
    VERSIONS,
    Document,
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
)
from edml.registry._state import State
from edml.registry._store import ModelStore


def pull(store: ModelStore, url: Path) -> list[int]:
    """Download what is missing, check it, and put it in place; return new versions."""
    root = url / store.home.name
    number = newest_push(root)
    known = store.pulled.get(str(url))
    if number == known:
        return []
    if number < (known or 1):
        message = coded(
            "nothing_pushed",
            f"Expected a push of registry {store.home.name!r} at {url}; found "
            f"{'an older one than before' if known else 'none'}. Check the address and "
            "the name, or push first.",
            url=url,
        )
        raise RegistryError(message)
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
        numbers = store.evaluation_numbers(version)
        names |= {f"{folder}/{EVALUATIONS}/{one}.json" for one in numbers}
        names |= {
            f"{folder}/{name}"
            for name in read_folder(home.root, home.path / folder)
            if name != EVALUATIONS
        }
    kept = names & found.files.keys()
    newest = {state_path(before.generation)} if before.generation else set()
    other = newest - kept
    for name in kept:
        # the history before the newest state may be spelled in an earlier format
        if name in newest or (name.startswith(VERSIONS) and _is_document(name)):
            data = read_file(home.root, home.path / name, MAX_DOCUMENT_BYTES)
            if entry_of(data) != found.files[name]:
                other.add(name)
    if other or before.generation > found.generation:
        message = coded(
            "changed_here",
            f"Expected that {url} holds all changes of the registry in {home.path}; "
            "found others here. Push them if nobody else has pushed, or pull into "
            "another folder.",
            url=url,
        )
        raise RegistryError(message)
    return kept


def _download(
    store: ModelStore, root: Path, missing: Mapping[str, Entry], temporary: Path
) -> None:
    """Write the missing files into a temporary folder, after checking them."""
    _files.make_folder(temporary)
    for name, entry in missing.items():
        data = read_object(root, entry)
        if _is_document(name):
            document = _unseal(store, name, data)
            if name.startswith(STATES):
                State.from_document(document)
        _files.make_folder((temporary / name).parent)
        _files.write_file(temporary / name, data)
    for folder in {(temporary / name).parent for name in missing}:
        _files.sync_folder(folder)
    for version in {name.split("/")[1] for name in missing if name[0] == VERSIONS[0]}:
        _check_version(store, root, version, missing, temporary)


def _check_version(
    store: ModelStore,
    root: Path,
    version: str,
    missing: Mapping[str, Entry],
    temporary: Path,
) -> None:
    """Check that a version has the files that its record names, and no others."""
    folder = f"{VERSIONS}/{version}"
    name = f"{folder}/{RECORD}"
    given = {
        one: entry
        for one, entry in missing.items()
        if one.startswith(f"{folder}/") and not _is_document(one)
    }
    if name in missing:
        record = _unseal(store, name, (temporary / name).read_bytes())
    else:
        record = store.read_record(int(version))
    named = {
        f"{folder}/{file}": Entry(about["size"], about["sha256"])
        for file, about in record["files"].items()
    }
    if not given.items() <= named.items() or (name in missing and given != named):
        raise _incomplete(root)


def _install(
    store: ModelStore, state: State, temporary: Path, missing: Collection[str]
) -> None:
    """Give the downloaded files their names; the caller holds the lock."""
    home = store.home
    records = [name for name in missing if name.endswith(f"/{RECORD}")]
    new = sorted(int(name.split("/")[1]) for name in records)
    for version in new:
        source = temporary / VERSIONS / str(version)
        _files.make_folder(source / EVALUATIONS)
        _files.rename(source, store.path(version))
    _files.sync_folder(home.versions)
    states = []
    for name in missing:
        parts = name.split("/")
        if parts[0] == STATES:
            states.append(int(parts[1].removesuffix(".json")))
        elif int(parts[1]) not in new:  # one more evaluation
            _files.make_folder((home.path / name).parent)
            _files.rename(temporary / name, home.path / name)
    for generation in sorted(states, reverse=True):  # the newest first: it decides
        name = state_path(generation)
        _files.rename(temporary / name, home.path / name)
    _files.sync_folder(home.states)
    gone = set(home.numbers(home.versions)) - state.stages.keys()
    home.remove(store.path(one) for one in gone if one <= state.highest)


def _is_document(name: str) -> bool:
    """Return whether this is a state, a record or an evaluation."""
    folder, *_, last = name.split("/")
    return folder == STATES or last == RECORD or f"/{EVALUATIONS}/" in name


def _unseal(store: ModelStore, name: str, data: bytes) -> Document:
    """Check a document as the registry does when it reads it from its path."""
    match name.removesuffix(".json").split("/"):
        case [folder, number] if folder == STATES:
            kind, place = "state", {"generation": int(number)}
        case [_, version, _]:
            kind, place = "record", {"version": int(version)}
        case [_, version, _, number]:
            kind, place = "evaluation", {"version": int(version), "number": int(number)}
    return unseal(data, kind, {"registry": store.home.name, **place}, store.home.keys)


def _incomplete(root: Path) -> RegistryError:
    message = coded(
        "push_incomplete",
        f"Expected a push with the state and all files of its versions at {root}; "
        "found another. Nothing was changed here. Push again.",
        url=root,
    )
    return RegistryError(message)


def _changed(store: ModelStore) -> RegistryError:
    message = coded(
        "registry_locked",
        f"Expected that nobody else changes {store.home.path} meanwhile; found a new "
        "change. Nothing was pulled. Pull again.",
    )
    return RegistryError(message)
