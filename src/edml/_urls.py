"""Url: a file or a folder in an object store, with what edml uses of a `Path`.

fsspec and the libraries of the stores are imported when a store is used. Credentials
come from the environment and the files of those libraries. No message shows a user, a
password or a query string of a URL, and no message of a library is repeated.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from importlib.util import find_spec
from io import TextIOWrapper
from os import PathLike, fspath
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import IO, Any, cast
from urllib.request import url2pathname

from edml._messages import coded
from edml._optional import import_optional
from edml.exceptions import RemoteError

#: The library of each kind of store, and the extra that brings it.
STORES = {
    **dict.fromkeys(("s3", "s3a"), ("s3fs", "s3")),
    **dict.fromkeys(("gs", "gcs"), ("gcsfs", "gcs")),
    **dict.fromkeys(("az", "abfs", "abfss"), ("adlfs", "azure")),
    **dict.fromkeys(("http", "https"), ("aiohttp", "s3")),
    "memory": ("fsspec", "s3"),
    "file": ("fsspec", "s3"),
}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_BUCKETS = ("s3", "s3a", "gs", "gcs")  # have no port before the path
_PASSWORD = re.compile(r"[^/]*:(?!\d{1,5}(?:/|$))")  # other than a port
_CODE = re.compile(r"[A-Za-z0-9]{1,60}")


def as_path(source: str | PathLike[str]) -> Path:
    """Return the path of a file or folder here, or a `Url` in its place.

    It is typed as a path, whose methods it has.
    """
    if isinstance(source, Url):
        return cast(Path, source)
    text = fspath(source)
    found = _URL.match(text)
    if found is None:
        return Path(text)
    if found[1].lower() == "file":
        return Path(url2pathname(re.sub("^localhost(?=/)", "", found[2])))
    return cast(Path, Url(text))


def is_url(value: object) -> bool:
    """Return whether this is a URL, of an object store or of anything else."""
    return isinstance(value, Url) or (
        isinstance(value, str) and _URL.match(value) is not None
    )


def is_store(source: object) -> bool:
    """Return whether this names an object store, rather than a database or a path."""
    found = _URL.match(str(source))
    return found is not None and found[1].lower() in STORES


def check_stores(*paths: Path) -> None:
    """Raise for a URL that cannot be used as it is written, or without a library."""
    for path in paths:
        if isinstance(path, Url):
            path.check()


def need_local(path: Path, what: str, remedy: str) -> None:
    """Raise for a URL in the place of a file or folder on this machine."""
    if isinstance(path, Url):
        message = f"Expected {what} on this machine; found the URL {path}. {remedy}"
        raise RemoteError(coded("needs_local", message, path=path))


class Url:
    """A file or a folder in an object store.

    A file is written whole or not at all: other readers see the earlier one until the
    upload is complete.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        scheme, _, rest = text.partition("://")
        self.scheme = scheme.lower()
        self._rest = re.split("[?#]", rest, maxsplit=1)[0]
        self._query = rest.removeprefix(self._rest)
        self._path = PurePosixPath(self._rest.rstrip("/"))

    # -- names ---------------------------------------------------------------------

    def __str__(self) -> str:
        rest = self._rest
        if self._has_password():
            rest = rest.rpartition("@")[2] if "@" in rest else "..."
        return f"{self.scheme}://{rest}"

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def __fspath__(self) -> str:
        message = f"Expected a path on this machine; found the URL {self}."
        raise TypeError(message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: "Url") -> bool:
        return self._text < other._text

    def __truediv__(self, name: str | PurePosixPath) -> "Url":
        return Url(f"{self.scheme}://{self._path / name}{self._query}")

    @property
    def name(self) -> str:
        return self._path.name

    @property
    def suffix(self) -> str:
        return self._path.suffix

    @property
    def suffixes(self) -> list[str]:
        return self._path.suffixes

    @property
    def parent(self) -> "Url":
        return Url(f"{self.scheme}://{self._path.parent}{self._query}")

    def relative_to(self, folder: "Url") -> PurePosixPath:
        """Return the rest of the path below a folder."""
        return self._path.relative_to(folder._path)

    # -- reading -------------------------------------------------------------------

    def exists(self) -> bool:
        """Return whether there is a file or a folder; raise if it cannot be known."""
        return self._info() is not None

    def is_file(self) -> bool:
        """Return whether there is a file."""
        return self._kind() == "file"

    def is_dir(self) -> bool:
        """Return whether there is a folder: whether anything is below it."""
        return self._kind() == "directory"

    def is_symlink(self) -> bool:
        """Return False: stores have no links."""
        return False

    def iterdir(self) -> Iterator["Url"]:
        """Yield the files and folders in a folder."""
        found: list[str] = []  # as of a folder without files, which no store knows
        with self._errors("to list"):
            fs, path = self._open_store()
            try:
                found = fs.ls(path, detail=False)
            except FileNotFoundError as error:
                if _code_of(error) == "NoSuchBucket":
                    raise
        names = {str(one).rstrip("/") for one in found} - {path.rstrip("/")}
        yield from (self / one.rpartition("/")[2] for one in sorted(names))

    def rglob(self, pattern: str) -> Iterator["Url"]:
        """Yield the files below a folder whose names match."""
        with self._errors("to list"):
            fs, path = self._open_store()
            found = fs.find(path)
        start = len(path.rstrip("/")) + 1
        for one in sorted(found):
            name = one.rpartition("/")[2]
            if name and fnmatchcase(name, pattern):
                yield self / one[start:]

    def size(self) -> int:
        """Return the size of a file in bytes."""
        with self._errors("to read"):
            fs, path = self._open_store()
            return int(fs.size(path))

    def read_bytes(self) -> bytes:
        """Read a file."""
        with self._errors("to read"):
            fs, path = self._open_store()
            return fs.cat_file(path)

    def open(self, mode: str = "r", **options: Any) -> IO[Any]:
        """Open a copy of a file, which is downloaded first."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it is returned
        try:
            before = self.stamp()
            with self._errors("to read"):
                fs, path = self._open_store()
                with fs.open(path, "rb") as remote:
                    copyfileobj(remote, file, 2**23)
            if self.stamp() != before:
                message = (
                    f"Expected a file that stays as it is; found that {self} changed "
                    "while it was read. Try again."
                )
                raise RemoteError(message)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file if "b" in mode else TextIOWrapper(file, **options)

    def stamp(self) -> str:
        """Return a text that differs once a file has changed."""
        with self._errors("to read"):
            fs, path = self._open_store()
            return str(fs.ukey(path))

    # -- writing -------------------------------------------------------------------

    def mkdir(self, *_: object, **__: object) -> None:
        """Do nothing: a store has no empty folders."""

    def write_bytes(self, data: bytes) -> None:
        """Write a file, and replace an existing one."""
        with self._errors("to write"):
            fs, path = self._open_store()
            fs.pipe_file(path, data)

    def write_new(self, data: bytes) -> None:
        """Write a new file; raise FileExistsError if there is one.

        Of two at once, one fails, where the store knows conditional writes.
        """
        with self._errors("to write"):
            fs, path = self._open_store()
            fs.pipe_file(path, data, mode="create")

    # -- the store -----------------------------------------------------------------

    def check(self) -> None:
        """Raise if the URL holds a password, or the store's library is missing."""
        if self._has_password():
            message = (
                f"Expected a URL without a user and a password; found both in {self}. "
                "Remove them, and set the credentials in the environment, such as "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
            raise RemoteError(coded("password_in_url", message, url=self))
        module, extra = STORES.get(self.scheme, ("fsspec", "s3"))
        for name in ("fsspec", module):
            if find_spec(name) is None:
                import_optional(name, extra=extra, purpose=f"{self.scheme}://")

    def _has_password(self) -> bool:
        if self.scheme in _BUCKETS:
            return ":" in self._rest.partition("/")[0]
        return _PASSWORD.match(self._rest) is not None

    def _open_store(self) -> tuple[Any, str]:
        """Return the file system, which keeps no listings, and the path in it."""
        self.check()
        from fsspec.core import url_to_fs  # noqa: PLC0415 - optional

        fs, path = url_to_fs(self._text, use_listings_cache=False)
        return fs, str(path)

    def _info(self) -> dict[str, Any] | None:
        with self._errors("to read"):
            fs, path = self._open_store()
            try:
                return cast("dict[str, Any]", fs.info(path))
            except FileNotFoundError as error:
                if _code_of(error) == "NoSuchBucket":
                    raise
                return None

    def _kind(self) -> str | None:
        info = self._info()
        return None if info is None else str(info["type"])

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        """Turn what a library raises into an error that repeats no secret."""
        try:
            yield
        except (RemoteError, ImportError, FileExistsError, NotImplementedError):
            raise
        except Exception as error:
            raise RemoteError(_explain(error, doing, self)) from None


def _explain(error: Exception, doing: str, url: Url) -> str:
    """Return what was expected, what was found, and what to do."""
    code = _code_of(error)
    kind = type(error).__name__
    called = f" ({code})" if code else ""
    expected = f"Expected {doing} {url}; found"
    if code == "NoSuchBucket" or isinstance(error, FileNotFoundError):
        found = "bucket" if code == "NoSuchBucket" else "file or bucket"
        remedy = "Check the URL, or create the bucket."
        return coded("no_object", f"{expected} no such {found}. {remedy}", url=url)
    if isinstance(error, PermissionError):
        remedy = "Check the credentials in the environment, and what they may do."
        message = f"{expected} that the store denies access{called}. {remedy}"
        return coded("store_denies", message, url=url)
    if "Credential" in kind:
        message = f"{expected} no credentials ({kind}). Set them in the environment."
        return coded("no_credentials", message, url=url)
    if kind == "ValueError" and "rotocol" in str(error):
        message = (
            f"{expected} an unknown kind of store. Begin with s3://, gs:// or az://."
        )
        return coded("unknown_store", message, url=url)
    remedy = "Check the connection, and try again; nothing is half-written."
    return coded("store_failed", f"{expected} {kind}{called}. {remedy}", url=url)


def _code_of(error: BaseException) -> str:
    """Return the store's code of an error, such as AccessDenied."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            if _CODE.fullmatch(code):
                return code
    return ""
