"""Store: the folder of a registry, safe to kill at any moment and to share.

`edml.registry._protocol` says what the files mean, and why nothing can be lost.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import _reads, _verify
from edml.registry._folder import Folder
from edml.registry._protocol import (
    EVALUATIONS,
    MAX_FILE_BYTES,
    RECORD,
    Document,
    check_file_name,
    check_record,
    read_number,
)
from edml.registry._state import State

__all__ = ["State", "Store"]


class Store:
    """The folder of one registry.

    Nothing is created before the first write. Reads need no lock and no right to write.

    Parameters
    ----------
    root : Path
        The folder of all registries; may be a symlink, but nothing below it.
    name : str
        Which registry: letters, digits, ``-``, ``_`` and ``.``.
    key : bytes, default=None
        Signs all records, states and evaluations, and refuses those that it has not
        signed. None writes without a signature, and reads with and without.
    who : str, default=None
        Who makes the changes, for the history; None is "unknown".
    timeout : float, default=30.0
        Longest wait for other writers, in seconds; a negative one waits for ever.

    Raises
    ------
    RegistryError
        If the name cannot be a folder's, or the key is empty or not bytes.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        key: bytes | None = None,
        *,
        who: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.home = Folder(root, name, key, timeout)
        self.who = "unknown" if who is None else str(who)

    @property
    def folder(self) -> Path:
        """Where all of the registry lies."""
        return self.home.path

    def __repr__(self) -> str:
        return f"Store({str(self.home.root)!r}, {self.home.name!r})"  # never the key

    # -- versions ------------------------------------------------------------------

    def add_version(
        self,
        files: Mapping[str, bytes],
        record: Mapping[str, Any],
        evaluations: Sequence[Mapping[str, Any]] = (),
    ) -> Document:
        """Store a new version, whole or not at all.

        Parameters
        ----------
        files : mapping of str to bytes
            What each file shall hold.
        record : mapping of str to object
            What JSON can hold. ``format``, ``kind``, ``registry``, ``version`` and
            ``files`` are the store's to set, whatever the record says.
        evaluations : sequence of mapping, default=()
            Its first evaluations, which JSON can hold; they are there with it or not
            at all.

        Returns
        -------
        record : dict
            What `read_record` gives for the new version.

        Raises
        ------
        RegistryError
            If a file's name or size is not allowed, JSON cannot hold the record, the
            lock is not to be had, or the disk is full or fails.
        """
        listed = _describe_files(files)
        with self.home.locked():
            state = self._settled_state()
            version = state.highest + 1
            data, stored = self.home.seal(
                "record", {"version": version}, {**record, "files": listed}
            )
            sealed = {
                f"{number}.json": self._seal_evaluation(version, number, evaluation)
                for number, evaluation in enumerate(evaluations, start=1)
            }
            with self.home.writing("The new version was not stored"):
                self._publish_version(version, {**files, RECORD: data}, sealed)
            failure = (
                f"Version {version} is stored, and counts as development, but the "
                "history does not say so yet"
            )
            with self.home.writing(failure):
                _files.sync_folder(self.home.versions)
            self._write_state(failure, state.with_new([version]), "register")
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
            _files.rename(temporary, self._path(version))
        except BaseException:
            with suppress(OSError):  # the first error is the one to tell
                _files.remove_tree(temporary)
            raise

    def versions(self) -> list[int]:
        """Give the numbers of all versions.

        Returns
        -------
        versions : list of int
            In order: the keys of ``state().stages``.

        Raises
        ------
        RegistryError
            If the state cannot be read.
        """
        return list(self.state().stages)

    def read_record(self, version: int) -> Document:
        """Read what is known of a version.

        Parameters
        ----------
        version : int
            Its number.

        Returns
        -------
        record : dict
            What `add_version` was given, with ``format``, ``kind``, ``registry``,
            ``version``, and ``files`` with the ``size`` and ``sha256`` of each.

        Raises
        ------
        RegistryError
            If there is no such version, or its record is damaged or not signed.
        """
        path = self._path(version) / RECORD
        if not path.parent.is_dir():
            raise self._no_version(version)
        record = self.home.read(path, "record", {"version": int(version)})
        check_record(record)
        return record

    def read_file(self, version: int, name: str) -> bytes:
        """Read a file of a version, and check it against the record.

        Parameters
        ----------
        version : int
            Its number.
        name : str
            The file's.

        Returns
        -------
        data : bytes
            What `add_version` was given.

        Raises
        ------
        RegistryError
            If there is no such version or file, or one of them is damaged.
        """
        files = self.read_record(version)["files"]
        if name not in files:
            message = (
                f"Expected a file of version {version}, which has {sorted(files)}; "
                f"found {name!r}. Choose one of them."
            )
            raise RegistryError(message)
        path = self._path(version) / name
        size, expected = files[name]["size"], files[name]["sha256"]
        try:
            data = _reads.read_file(self.home.root, path, MAX_FILE_BYTES, size)
        except FileNotFoundError as error:
            message = (
                f"Expected the file {name!r} of version {version}; found none at "
                f"{path}. Restore it from a backup."
            )
            raise RegistryError(message) from error
        if hashlib.sha256(data).hexdigest() != expected:
            message = (
                f"Expected the bytes that the record of version {version} names; found "
                f"others in {path}. Restore the file from a backup."
            )
            raise RegistryError(message)
        return data

    def remove_versions(
        self, versions: Iterable[int] | Callable[[State], Iterable[int]], why: str = ""
    ) -> list[int]:
        """Remove versions for good; their numbers are not used again.

        Parameters
        ----------
        versions : iterable of int or callable
            Their numbers, none of them in production; or what chooses them from the
            present state, with the lock held, so that no change comes in between.
        why : str, default=""
            For the history.

        Returns
        -------
        removed : list of int
            Their numbers.

        Raises
        ------
        RegistryError
            If one is unknown or in production, the lock is not to be had, or the disk
            fails.
        """
        if not callable(versions):
            versions = list(versions)
            if not versions:
                return []
        with self.home.locked():
            state = self._settled_state()
            chosen = versions(state) if callable(versions) else versions
            removed = sorted({self._number(version) for version in chosen})
            if not removed:
                return []
            self._check_removable(removed, state)
            left = {v: s for v, s in state.stages.items() if v not in removed}
            self._write_state(
                "The versions were not removed",
                replace(state, stages=left),
                "remove",
                why,
                {"versions": removed},
            )
            failure = "The versions are removed, but not all of their files"
            with self.home.writing(failure):
                self.home.remove([self._path(version) for version in removed])
        return removed

    def _check_removable(self, versions: list[int], state: State) -> None:
        for version in versions:
            if version not in state.stages:
                raise self._no_version(version)
        if state.champion in versions:
            message = (
                f"Expected versions that are not in production; found version "
                f"{state.champion}, which is. Promote another one first."
            )
            raise RegistryError(message)

    # -- evaluations ---------------------------------------------------------------

    def add_evaluation(self, version: int, evaluation: Mapping[str, Any]) -> Path:
        """Store an evaluation beside those that the version has.

        Parameters
        ----------
        version : int
            Its number.
        evaluation : mapping of str to object
            What JSON can hold.

        Returns
        -------
        path : Path
            The new file.

        Raises
        ------
        RegistryError
            If there is no such version, JSON cannot hold the evaluation, the lock is
            not to be had, or the disk is full or fails.
        """
        with self.home.locked():
            if version not in self._settled_state().stages:
                raise self._no_version(version)
            self.read_record(version)  # a lost folder must not come back without it
            folder = self._path(version) / EVALUATIONS
            number = max(self.home.numbers(folder, ".json"), default=0) + 1
            data = self._seal_evaluation(int(version), number, evaluation)
            path = folder / f"{number}.json"
            failure = "The evaluation was not stored"
            with self.home.writing(failure):
                _files.make_folder(folder)  # a copied registry may lack an empty one
            self.home.write(path, data, failure)
        return path

    def _seal_evaluation(
        self, version: int, number: int, evaluation: Mapping[str, Any]
    ) -> bytes:
        place = {"version": version, "number": number}
        body = {"evaluation": dict(evaluation), "who": self.who, "when": _now()}
        return self.home.seal("evaluation", place, body)[0]

    def evaluations(self, version: int) -> list[Document]:
        """Read all evaluations of a version.

        Parameters
        ----------
        version : int
            Its number.

        Returns
        -------
        evaluations : list of dict
            What `add_evaluation` was given, the oldest first.

        Raises
        ------
        RegistryError
            If there is no such version, or one is damaged or not signed.
        """
        folder = self._path(version)
        if not folder.is_dir():
            raise self._no_version(version)
        numbers = self.home.numbers(folder / EVALUATIONS, ".json")
        return [self.read_evaluation(version, number) for number in numbers]

    def read_evaluation(self, version: int, number: int) -> Document:
        """Read one evaluation of a version.

        Parameters
        ----------
        version : int
            Its number.
        number : int
            The evaluation's, from 1.

        Returns
        -------
        evaluation : dict
            What `add_evaluation` was given.

        Raises
        ------
        RegistryError
            If there is none, or it is damaged or not signed.
        """
        path = self._path(version) / EVALUATIONS / f"{number}.json"
        place = {"version": int(version), "number": number}
        return self.home.read(path, "evaluation", place)["evaluation"]

    # -- state ---------------------------------------------------------------------

    def state(self) -> State:
        """Read the present state.

        Returns
        -------
        state : State
            The highest generation; generation 0 where there is none.

        Raises
        ------
        RegistryError
            If it is damaged or not signed. The ones before it do not stand in for it.
        """
        state, above = self.written_state()
        return state.with_new(filter(self._is_readable, above))

    def read_state(self, generation: int) -> State:
        """Read one state, the present one or one of before.

        Parameters
        ----------
        generation : int
            From 1.

        Returns
        -------
        state : State
            As its file says.

        Raises
        ------
        RegistryError
            If there is none, or it is damaged or not signed.
        """
        path = self.home.states / f"{generation}.json"
        document = self.home.read(path, "state", {"generation": generation})
        return State.from_document(document)

    def history(self) -> list[State]:
        """Read all states.

        Returns
        -------
        states : list of State
            The oldest first.

        Raises
        ------
        RegistryError
            If one is damaged or not signed.
        """
        generations = self.home.numbers(self.home.states, ".json")
        return [self.read_state(generation) for generation in generations]

    def change(
        self,
        what: str,
        why: str,
        update: Callable[[State], Mapping[int, str]],
        detail: Mapping[str, Any] | None = None,
    ) -> State:
        """Change the stages, as one step that no other change comes between.

        Parameters
        ----------
        what : str
            What makes the change, such as "promote".
        why : str
            Why it is made.
        update : callable
            ``update(state) -> stages``: the stage of every version. It is called with
            the lock held, so it must not write to the store; its errors pass through,
            and then nothing is changed.
        detail : mapping of str to object, default=None
            The figures behind it, as JSON can hold them.

        Returns
        -------
        state : State
            The new one, which is stored even if the stages are the same.

        Raises
        ------
        RegistryError
            If the stages are not one for each version, with one in production at most,
            the lock is not to be had, or the disk is full or fails.
        """
        with self.home.locked():
            state = self._settled_state()
            stages = state.check_successor(update(state))
            state = replace(state, stages=stages)
            failure = "The stages were not changed"
            return self._write_state(failure, state, what, why, detail)

    def written_state(self) -> tuple[State, list[int]]:
        """Read the state as its file says.

        Returns
        -------
        state : State
            Without the versions that it does not name yet.
        unnamed : list of int
            Those; at most one, if no state is lost.

        Raises
        ------
        RegistryError
            If the state is damaged or not signed.
        """
        # The versions first: what is above the highest number of a state that is read
        # later was not removed in between, but is not named yet.
        listed = self.home.numbers(self.home.versions)
        generations = self.home.numbers(self.home.states, ".json")
        state = self.read_state(generations[-1]) if generations else State()
        return state, [version for version in listed if version > state.highest]

    def _settled_state(self) -> State:
        """Give the state, with every version named in its file; needs the lock."""
        state, above = self.written_state()
        strange = [version for version in above if not self._is_readable(version)]
        if strange:
            message = (
                f"Expected no versions but those of the state; found {strange} in "
                f"{self.home.versions} as well, with no record that can be read. "
                "Move them out of the registry, and try again."
            )
            raise RegistryError(message)
        if not above:
            return state
        return self._write_state(
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

    def _write_state(
        self,
        failure: str,
        state: State,
        what: str,
        why: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> State:
        generation = state.generation + 1
        new = replace(
            state,
            what=what,
            why=why,
            who=self.who,
            when=_now(),
            detail=dict(detail or {}),
        )
        data, stored = self.home.seal(
            "state", {"generation": generation}, new.to_body()
        )
        new = State.from_document(stored)
        self.home.write(self.home.states / f"{generation}.json", data, failure)
        return new

    # -- care ----------------------------------------------------------------------

    def leftovers(self) -> list[Path]:
        """Find what killed writes and removals left.

        Returns
        -------
        paths : list of Path
            Files and folders that readers pass over; those of a running write as well.

        Raises
        ------
        RegistryError
            If the state cannot be read, for it tells what is left over.
        """
        return _verify.find_leftovers(self)

    def remove_leftovers(self) -> list[Path]:
        """Remove what killed writes and removals left.

        Returns
        -------
        paths : list of Path
            What was removed; nothing of a running write, for it holds the lock.

        Raises
        ------
        RegistryError
            If the state cannot be read, the lock is not to be had, or the disk fails.
        """
        with self.home.locked():
            found = self.leftovers()
            with self.home.writing("Not all leftovers were removed"):
                self.home.remove(found)
        return found

    def verify(self) -> list[str]:
        """Check every file of the registry.

        Returns
        -------
        problems : list of str
            One sentence or more for each; empty if all is well.
        """
        return _verify.find_problems(self)

    def _path(self, version: int) -> Path:
        return self.home.versions / str(self._number(version))

    def _number(self, version: int) -> int:
        number = None if isinstance(version, str) else read_number(str(version))
        if number is None:
            message = (
                f"Expected the number of a version, from 1; found {version!r:.40}. "
                "Choose one of versions()."
            )
            raise RegistryError(message)
        return number

    def _no_version(self, version: int) -> RegistryError:
        return RegistryError(
            f"Expected version {version} in registry {self.home.name!r}; found none at "
            f"{self._path(version)}. Choose one of versions(); if it is one of them, "
            "restore its folder from a backup."
        )


def _describe_files(files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Give the size and the SHA-256 of each file that may be stored."""
    for name, data in files.items():
        check_file_name(name)
        if not isinstance(data, bytes) or len(data) > MAX_FILE_BYTES:
            message = (
                f"Expected at most {MAX_FILE_BYTES:,} bytes for the file {name!r}; "
                f"found {type(data).__name__} of length {len(data):,}. Store less."
            )
            raise RegistryError(message)
    return {
        name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
