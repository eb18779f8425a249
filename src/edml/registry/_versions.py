"""VersionStore: the files of a registry, safe against kills and for sharing.

`edml.registry._protocol` explains the files, and why nothing can be lost.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads
from edml.registry._errors import registry_error
from edml.registry._folder import Folder
from edml.registry._memory import Memory
from edml.registry._protocol import (
    EVALUATIONS,
    MAX_FILE_BYTES,
    RECORD,
    Document,
    check_file_name,
    matches,
)
from edml.registry._reads import as_text
from edml.registry._signing import NO_KEYS, Keys
from edml.registry._state import ROLLBACK, State


def now() -> str:
    """Return the time in UTC, as ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class VersionStore:
    """The versions, evaluations and states of one registry, as bytes and documents.

    Nothing is created before the first write. Reads need no lock and no permission to
    write. Documents are signed with ``keys``; reading one that is not raises an error.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        keys: Keys = NO_KEYS,
        *,
        who: str | None = None,
        memory: Path | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.home = home = Folder(root, name, keys, timeout)
        self.memory = (
            None if memory is None else Memory(memory, home.root, name, keys.checks)
        )
        self.pulled: dict[str, int] = {}  # number of the last push, by its address
        self.who = "unknown" if who is None else as_text(str(who))

    @property
    def folder(self) -> Path:
        """The folder of this registry."""
        return self.home.path

    def __repr__(self) -> str:
        return f"VersionStore({str(self.home.root)!r}, {self.home.name!r})"  # no key

    # -- versions ------------------------------------------------------------------

    def add_version(
        self,
        files: Mapping[str, bytes],
        record: Mapping[str, Any],
        evaluations: Sequence[Mapping[str, Any]] = (),
    ) -> Document:
        """Store a new version with its first evaluations, atomically.

        Return its record, in which ``registry``, ``version`` and ``files`` are set.
        """
        return self.find_or_add(files, record, evaluations, by=None)[0]

    def find_or_add(
        self,
        files: Mapping[str, bytes],
        record: Mapping[str, Any],
        evaluations: Sequence[Mapping[str, Any]],
        *,
        by: str | None,
    ) -> tuple[Document, bool]:
        """Store a version unless one has the same file ``by``.

        Return its record, and whether it is new.
        """
        listed = _describe_files(files)
        with self.home.locked():  # of two processes at once, one stores it
            twin = None if by is None else self._find_file(by, listed[by])
            if twin is not None:
                return twin, False
            body = {**record, "files": listed}
            return self._add_version(files, body, evaluations), True

    def _find_file(self, name: str, entry: Mapping[str, Any]) -> Document | None:
        """Return the record of the newest version that has this file, undamaged.

        A version signed with another key does not count: that key may be revoked.
        """
        own = Folder(self.home.root, self.home.name, self.home.keys.own, 0)
        for version in reversed(self.versions()):
            with suppress(RegistryError):
                path = self.path(version) / RECORD
                record = own.read(path, "record", {"version": version})
                if record["files"].get(name) == entry:
                    self.read_file(version, name)
                    return record
        return None

    def _add_version(
        self,
        files: Mapping[str, bytes],
        record: Mapping[str, Any],
        evaluations: Sequence[Mapping[str, Any]],
    ) -> Document:
        state = self.settled_state()
        version = state.highest + 1
        data, stored = self.home.seal("record", {"version": version}, record)
        sealed = {
            f"{number}.json": self.seal_evaluation(version, number, evaluation)
            for number, evaluation in enumerate(evaluations, start=1)
        }
        with self.home.writing("The new version was not stored"):
            self._publish_version(version, {**files, RECORD: data}, sealed)
        failure = (
            f"Version {version} is stored and counts as development, but the history "
            "does not say so yet"
        )
        with self.home.writing(failure):
            _files.sync_folder(self.home.versions)
        self.write_state(failure, state.with_new([version]), "register")
        return stored

    def _publish_version(
        self,
        version: int,
        files: Mapping[str, bytes],
        evaluations: Mapping[str, bytes],
    ) -> None:
        temporary = _files.temporary_path(self.home.versions)
        try:
            _files.make_folder(temporary / EVALUATIONS)
            for name, data in evaluations.items():
                _files.write_file(temporary / EVALUATIONS / name, data)
            if evaluations:
                _files.sync_folder(temporary / EVALUATIONS)
            for name, data in files.items():
                _files.write_file(temporary / name, data)
            _files.sync_folder(temporary)
            _files.rename(temporary, self.path(version))
        except BaseException:
            with suppress(OSError):  # the first error is the one to report
                _files.remove_tree(temporary)
            raise

    def versions(self) -> list[int]:
        """Return the numbers of all versions, in order."""
        return list(self.state().stages)

    def read_record(self, version: int) -> Document:
        """Read a record, with ``files``: the ``size`` and ``sha256`` of each."""
        path = self.path(version) / RECORD
        return self.home.read(path, "record", {"version": version})

    def read_file(self, version: int, name: str) -> bytes:
        """Read a file of a version, and check it against the record."""
        files = self.read_record(version)["files"]
        if name not in files:
            raise RegistryError(
                f"Expected a file of version {version}, which has {sorted(files)}; "
                f"found {name!r}. Choose one of them."
            )
        path = self.path(version) / name
        size = files[name]["size"]
        data = _reads.read_file(self.home.root, path, MAX_FILE_BYTES, size)
        if not matches(data, files[name]):
            raise registry_error(
                "registry_damaged",
                f"Expected the bytes that the record of version {version} names; found "
                f"others in {path}. Restore the file from a backup.",
            )
        return data

    def remove_versions(
        self, choose: Callable[[State], Iterable[int]], why: str = ""
    ) -> list[int]:
        """Remove versions permanently; their numbers are not reused.

        They are chosen from the current state, under the lock.
        """
        with self.home.locked():
            state = self.settled_state()
            removed = sorted(set(choose(state)))
            if not removed:
                return []
            for version in removed:
                state.check_version(version)
            if state.champion in removed:
                raise registry_error(
                    "in_production",
                    f"Expected versions that are not in production; found version "
                    f"{state.champion}, which is. Promote another one first.",
                    version=state.champion,
                )
            left = {v: s for v, s in state.stages.items() if v not in removed}
            new = replace(state, stages=left)
            words = ("remove", why, {"versions": removed})
            failure = "The versions were not removed"
            try:
                self.write_state(failure, new, *words)
            except RegistryError as error:
                if not self._lacks_room(error, state):
                    raise
                # Only what goes makes room for the state that says so.
                with self.home.writing(failure):
                    self.home.remove([self.path(removed[0])])
                self.write_state(failure, new, *words)
            failure = "The versions are removed, but not all of their files"
            with self.home.writing(failure):
                self.home.remove(self.path(version) for version in removed)
        return removed

    def _lacks_room(self, error: RegistryError, state: State) -> bool:
        """Return whether the state after this one failed on a full disk."""
        code = getattr(error.__cause__, "errno", None)
        written = self.home.states / f"{state.generation + 1}.json"
        return code in (errno.ENOSPC, errno.EDQUOT) and not os.path.lexists(written)

    # -- evaluations ---------------------------------------------------------------

    def add_evaluation(self, version: int, evaluation: Mapping[str, Any]) -> Path:
        """Store one more evaluation of a version, and return its path."""
        with self.home.locked():
            self.settled_state().check_version(version)
            self.read_record(version)  # raises if the folder is lost
            number = max(self.evaluation_numbers(version), default=0) + 1
            data = self.seal_evaluation(version, number, evaluation)
            folder = self.path(version) / EVALUATIONS
            path = folder / f"{number}.json"
            failure = "The evaluation was not stored"
            with self.home.writing(failure):
                _files.make_folder(folder)  # a copied registry may lack an empty one
            self.home.write(path, data, failure)
        return path

    def seal_evaluation(
        self, version: int, number: int, evaluation: Mapping[str, Any]
    ) -> bytes:
        place = {"version": version, "number": number}
        body = {"evaluation": dict(evaluation), "who": self.who, "when": now()}
        return self.home.seal("evaluation", place, body)[0]

    def evaluation_numbers(self, version: int) -> list[int]:
        """Return the numbers of a version's evaluations, the oldest first."""
        return self.home.numbers(self.path(version) / EVALUATIONS, ".json")

    def evaluations(self, version: int) -> list[Document]:
        """Read all evaluations of a version, the oldest first."""
        self.read_record(version)  # raises if the folder is lost
        numbers = self.evaluation_numbers(version)
        return [self.read_evaluation(version, number) for number in numbers]

    def read_evaluation(self, version: int, number: int) -> Document:
        """Read one evaluation, as passed to `add_evaluation`."""
        path = self.path(version) / EVALUATIONS / f"{number}.json"
        place = {"version": version, "number": number}
        return self.home.read(path, "evaluation", place)["evaluation"]

    # -- state ---------------------------------------------------------------------

    def state(self) -> State:
        """Read the state of the highest generation; never fall back on earlier ones."""
        state, above = self.written_state()
        return state.with_new(filter(self._is_readable, above))

    def newest(self) -> int:
        """Return the highest generation, damaged or not; 0 before the first."""
        return max(self.home.numbers(self.home.states, ".json"), default=0)

    def read_state(self, generation: int) -> State:
        """Read one state from its file."""
        path = self.home.states / f"{generation}.json"
        document = self.home.read(path, "state", {"generation": generation})
        return State.from_document(document)

    def history(self) -> list[State]:
        """Read all states, the oldest first, without older ones that are damaged."""
        self.written_state()  # raises if the newest is damaged
        return self.whole_states()

    def whole_states(self) -> list[State]:
        """Read the states that are not damaged, the oldest first."""
        states: list[State] = []
        for generation in self.home.numbers(self.home.states, ".json"):
            with suppress(RegistryError):
                state = self.read_state(generation)
                if state.line is None:
                    state = state.following(states[-1] if states else State())
                states.append(state)
        return states

    def moves_of_champion(self, state: State) -> list[tuple[int, str, str]]:
        """Return the moves of the change that brought the champion to production.

        They are empty if that change is damaged or lost.
        """
        after = state
        for generation in reversed(range(state.generation)):
            try:
                before = self.read_state(generation) if generation else State()
            except RegistryError:
                return []
            if (
                after.what != ROLLBACK
                and before.champion != after.champion == state.champion
                # earlier formats keep no line
                and (after.line is None or _there(after.line, state) == state.line)
            ):
                return after.moves_since(before)
            after = before
        return []

    def shorten_states(self) -> None:
        """Write the states of earlier formats again, in today's short form."""
        with self.home.locked():
            before = State()
            for generation in self.home.numbers(self.home.states, ".json"):
                with suppress(RegistryError, OSError):  # the next time will do
                    state = self.read_state(generation)
                    if state.line is None:
                        state = state.following(before)
                        place = {"generation": generation}
                        data, _ = self.home.seal("state", place, state.to_document())
                        path = self.home.states / f"{generation}.json"
                        _files.replace_file(path, data)
                    before = state

    def change(
        self,
        what: str,
        why: str,
        update: Callable[[State], State],
        detail: Mapping[str, Any] | None = None,
    ) -> State:
        """Change the stages atomically.

        ``update`` returns a state with other stages. It is called under the lock, so it
        must not write to the store; if it raises, nothing is changed.
        """
        with self.home.locked():
            state = update(self.settled_state())
            failure = "The stages were not changed"
            return self.write_state(failure, state, what, why, detail)

    def written_state(self) -> tuple[State, list[int]]:
        """Read the state from its file, and the versions that it does not name yet."""
        # Read the versions first: a version above the highest number of a state that is
        # read later was not removed in between; it is not named yet.
        listed = self.home.numbers(self.home.versions)
        generations = self.home.numbers(self.home.states, ".json")
        state = self.read_state(generations[-1]) if generations else State()
        if self.memory is not None:
            self.memory.check(state.generation)
        return state, [version for version in listed if version > state.highest]

    def settled_state(self) -> State:
        """Read the state, after naming every version in it; needs the lock."""
        state, above = self.written_state()
        if state.line is None:
            state = self.history()[-1]
        strange = [version for version in above if not self._is_readable(version)]
        if strange:
            raise registry_error(
                "registry_damaged",
                f"Expected no versions but those of the state; found {strange} in "
                f"{self.home.versions} as well, without a readable record. Move them "
                "out of the registry, or use repair, and try again.",
            )
        if not above:
            return state
        return self.write_state(
            "The stage of a version was not written down",
            state.with_new(above),
            "recover",
            "registered by a writer that ended before it wrote this down",
        )

    def _is_readable(self, version: int) -> bool:
        try:
            self.read_record(version)
        except RegistryError:
            return False
        return True

    def write_state(
        self,
        failure: str,
        state: State,
        what: str,
        why: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> State:
        """Write the state after this one; the caller holds the lock."""
        generation = state.generation + 1
        new = replace(
            state,
            what=what,
            why=as_text(why),
            who=self.who,
            when=now(),
            detail=dict(detail or {}),
        ).following(state)
        place = {"generation": generation}
        data, stored = self.home.seal("state", place, new.to_document())
        new = State.from_document(stored)
        self.home.write(self.home.states / f"{generation}.json", data, failure)
        return new

    def path(self, version: int) -> Path:
        """Return the folder of a version."""
        return self.home.versions / str(version)


def _there(line: Sequence[int], state: State) -> tuple[int, ...]:
    """Return the champions that are still stored."""
    return tuple(version for version in line if version in state.stages)


def _describe_files(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return the size and the SHA-256 of each file, after checking it."""
    for name, data in files.items():
        check_file_name(name)
        if len(data) > MAX_FILE_BYTES:
            raise RegistryError(
                f"Expected at most {MAX_FILE_BYTES:,} bytes for the file {name!r}; "
                f"found {len(data):,}. Store less."
            )
    return {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }
