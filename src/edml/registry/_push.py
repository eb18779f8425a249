"""Push: copy a registry to an object store; `_remote` explains what is written."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path

from edml import _files
from edml._urls import Url
from edml.registry._errors import registry_error
from edml.registry._protocol import (
    EVALUATIONS,
    MAX_DOCUMENT_BYTES,
    MAX_FILE_BYTES,
    RECORD,
    VERSIONS,
)
from edml.registry._reads import read_file, system_errors
from edml.registry._remote import (
    Entry,
    Push,
    entry_of,
    newest_push,
    object_path,
    push_path,
    read_push,
    state_path,
    version_of,
)
from edml.registry._state import State
from edml.registry._store import ModelStore


def push(store: ModelStore, url: Path) -> list[int]:
    """Upload what is missing, then the push that names it; return the new versions."""
    root = url / store.home.name
    before = read_push(store.home, root, newest_push(root))
    with store.home.locked():
        state = store.settled_state()
        if not state.generation:
            raise registry_error(
                "no_models",
                f"Expected a model in {store.home.path}; found none. Register one, or "
                "name another registry.",
            )
        found = Push(before.number + 1, state.generation, _list_files(store, state))
    _check_continues(before, found, url)
    if found.files == before.files:
        return []
    known = set(before.files.values())
    for name, entry in found.files.items():
        if entry not in known:
            _upload(store, name, entry, root)
    _publish(store, found, root)
    return sorted(found.versions() - before.versions())


def _list_files(store: ModelStore, state: State) -> dict[str, Entry]:
    """Describe every file of the registry; the caller holds the lock."""
    home = store.home
    names = [state_path(number) for number in home.numbers(home.states, ".json")]
    files = {}
    for version in state.stages:
        folder = f"{VERSIONS}/{version}"
        names.append(f"{folder}/{RECORD}")
        for name, file in store.read_record(version)["files"].items():
            files[f"{folder}/{name}"] = Entry(file["size"], file["sha256"])
        names += [
            f"{folder}/{EVALUATIONS}/{number}.json"
            for number in store.evaluation_numbers(version)
        ]
    for name in names:
        data = read_file(home.root, home.path / name, MAX_DOCUMENT_BYTES)
        files[name] = entry_of(data)
    return files


def _check_continues(before: Push, found: Push, url: Path) -> None:
    """Raise unless what was pushed before is a part of this registry."""
    newest = state_path(before.generation)
    kept = found.versions()
    lost = [
        name
        for name, entry in before.files.items()
        if found.files.get(name) != entry
        and (name == newest or version_of(name) in kept)
    ]
    if lost:
        raise registry_error(
            "pushed_by_others",
            f"Expected that this registry holds what was pushed to {url}; found that "
            f"{len(lost)} of its files, such as {lost[0]}, are missing or others here. "
            "Somebody else has pushed: pull into another folder and make your change "
            "there, or push to another address.",
            url=url,
        )


def _upload(store: ModelStore, name: str, entry: Entry, root: Path) -> None:
    """Upload a file, unless an interrupted push did."""
    target = object_path(root, entry)
    with _writing(target):
        if target.is_file() and _size(target) == entry.size:
            return
        path = store.home.path / name
        data = read_file(store.home.root, path, MAX_FILE_BYTES, entry.size)
        if entry_of(data) != entry:
            raise registry_error(
                "registry_damaged",
                f"Expected the bytes that the record names; found others in {path}. "
                "Restore the file from a backup, or use repair. Nothing was pushed.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        _files.step("upload", target, lambda: _files.replace_file(target, data))


def _publish(store: ModelStore, found: Push, root: Path) -> None:
    """Write the push, unless somebody else has taken its number."""
    body = {"generation": found.generation, "files": found.files}
    data, _ = store.home.seal("push", {"number": found.number}, body)
    target = push_path(root, found.number)
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):  # perhaps our own, whose answer was lost
            _files.step("publish", target, lambda: _files.write_new(target, data))
        # not every store can write only where there is nothing
        if target.read_bytes() != data:
            raise registry_error(
                "pushed_just_now",
                f"Expected to be the only one who pushes to {root}; found that "
                "somebody else has pushed just now. Pull, and push again.",
                url=root,
            )


def _writing(target: Path) -> AbstractContextManager[None]:
    return system_errors(
        f"to write {target}", "Nothing was pushed. Check the address, and push again."
    )


def _size(path: Path) -> int:
    return path.size() if isinstance(path, Url) else path.stat().st_size
