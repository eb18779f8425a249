"""A folder that is written over several calls, and appears whole or not at all."""

import errno
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from edml._files import make_folder, remove_tree, rename, replace_file
from edml._messages import table_error
from edml._urls import need_local

_KEY = "key.json"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Draft:
    """The unfinished content of a folder, in a hidden one beside it.

    Its key says what it is made of: a draft of another key is thrown away. Only one
    process writes at a time.
    """

    def __init__(self, target: Path, key: Mapping[str, Any], about: str) -> None:
        need_local(target, "a folder to write", "Copy it to the object store then.")
        self.target, self.about = target, about  # the file that only such a folder has
        self.folder = target.parent / f".{target.name}.draft"
        self.content = self.folder / "content"
        self.key = sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        ours = not target.exists() or (target / about).is_file()
        if not ours and not (target.is_dir() and not any(target.iterdir())):
            message = (
                f"{target} exists and was not written by this command. Remove it, or "
                "choose another folder."
            )
            raise table_error("not_ours", message, path=target)

    def is_done(self) -> bool:
        """Check whether the target is made of the same; remove what is left then."""
        try:
            found = json.loads((self.target / self.about).read_bytes())
        except (OSError, ValueError):
            return False
        done = bool(found.get("key") == self.key)
        if done and self.folder.exists():  # it was stopped after its last step
            with suppress(OSError):
                remove_tree(self.folder)
        return done

    def __enter__(self) -> Self:
        make_folder(self.folder)
        self._lock = FileLock(self.folder / "lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            message = (
                f"Another process is writing {self.target}. Wait for it, or choose "
                "another folder."
            )
            raise table_error("being_written", message, path=self.target) from None
        try:
            self._prepare()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _prepare(self) -> None:
        if self.read(_KEY) != self.key:
            for path in self.folder.iterdir():
                if path.name != "lock":
                    remove_tree(path)
            self.write(_KEY, self.key)
        make_folder(self.content)

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def read(self, name: str) -> Any:
        """Read JSON that was written before, or None."""
        try:
            return json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return None

    def write(self, name: str, value: Any) -> None:
        """Write JSON atomically."""
        replace_file(self.folder / name, json.dumps(value).encode())

    def finish(self, about: Mapping[str, Any]) -> None:
        """Put the content in place of the target, with a file about it."""
        text = json.dumps({**about, "key": self.key}, indent=1, ensure_ascii=False)
        replace_file(self.content / self.about, text.encode())
        old = self.folder / "old"
        if old.exists():
            remove_tree(old)
        if self.target.exists():
            rename(self.target, old)
        rename(self.content, self.target)
        self._lock.release()
        with suppress(OSError):  # nothing in it is needed
            remove_tree(self.folder)


@contextmanager
def telling_of_full_disks(folder: Path, done: str) -> Iterator[None]:
    """Say what to do when there is no space left; ``done`` is what is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        message = (
            f"No space is left for {folder}. {done} Make room, and call again with the "
            "same arguments."
        )
        raise OSError(error.errno, message) from None
