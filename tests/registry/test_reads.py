"""Reads: plain files of the right size, never from outside the folder."""

import os

import pytest

from edml.exceptions import RegistryError
from edml.registry import _reads

needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "a" / "b").mkdir(parents=True)
    (tmp_path / "root" / "a" / "b" / "file").write_bytes(b"12345")
    return tmp_path / "root"


def test_a_file_is_read(root):
    path = root / "a" / "b" / "file"
    assert _reads.read_file(root, path, 5) == b"12345"
    assert _reads.read_file(root, path, 5, 5) == b"12345"
    assert _reads.read_folder(root, path.parent) == ["file"]


def test_the_root_itself_may_be_a_symlink(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)
    alias = tmp_path / "alias"
    assert _reads.read_file(alias, alias / "a" / "b" / "file", 5) == b"12345"


@pytest.mark.parametrize("part", ["a", "a/b", "a/b/file"])
def test_no_symlink_is_followed(root, tmp_path, part):
    (root / part).rename(tmp_path / "moved")
    (root / part).symlink_to(tmp_path / "moved")
    with pytest.raises(RegistryError, match="Expected a registry without symlinks"):
        _reads.read_file(root, root / "a" / "b" / "file", 5)
    if part != "a/b/file":
        with pytest.raises(RegistryError, match="Expected a registry without symlinks"):
            _reads.read_folder(root, root / "a" / "b")


@needs_posix
def test_late_symlink_is_not_followed(root, tmp_path, monkeypatch):
    path = root / "a" / "b" / "file"
    path.rename(tmp_path / "moved")
    path.symlink_to(tmp_path / "moved")
    monkeypatch.setattr(_reads, "check_no_symlink", lambda root, path: None)
    with pytest.raises(RegistryError, match="Expected to read"):
        _reads.read_file(root, path, 5)


def test_a_missing_file_is_an_error_and_a_missing_folder_is_empty(root):
    with pytest.raises(RegistryError, match=r"Expected to read .*No such file"):
        _reads.read_file(root, root / "a" / "c" / "file", 5)
    assert _reads.read_folder(root, root / "c") == []


def test_a_folder_is_no_file_and_a_file_no_folder(root):
    with pytest.raises(RegistryError, match="Expected to read"):
        _reads.read_file(root, root / "a" / "b", 5)
    with pytest.raises(RegistryError, match="Expected to read"):
        _reads.read_folder(root, root / "a" / "b" / "file")
    with pytest.raises(RegistryError, match="Expected to read"):
        _reads.read_file(root, root / "a" / "b" / "file" / "x", 5)


@needs_posix
def test_a_pipe_hangs_nobody(root):
    os.mkfifo(root / "pipe")
    with pytest.raises(RegistryError, match="Expected a plain file"):
        _reads.read_file(root, root / "pipe", 5)


def test_a_file_that_is_too_large_is_not_read(root, monkeypatch):
    path = root / "large"
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no space on the disk
    with pytest.raises(RegistryError, match="more than 2,147,483,648"):
        _reads.read_file(root, path, 2**31)


@pytest.mark.parametrize("size", [0, 4, 6])
def test_a_file_of_another_size_is_not_read(root, size):
    with pytest.raises(RegistryError, match=f"has 5 bytes, not {size}"):
        _reads.read_file(root, root / "a" / "b" / "file", 10, size)


def test_a_file_that_grows_while_it_is_read_is_rejected(root, monkeypatch):
    path = root / "a" / "b" / "file"
    check = _reads._check_size

    def grow(*args):
        check(*args)
        with path.open("ab") as file:
            file.write(b"6")

    monkeypatch.setattr(_reads, "_check_size", grow)
    with pytest.raises(RegistryError, match="changed while it was read"):
        _reads.read_file(root, path, 10, 5)
