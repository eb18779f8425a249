"""Files are written whole or not at all, and replaced only on request."""

import errno
import importlib
import os
import stat

import pytest

from edml import _files

needs_posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX files")


@pytest.fixture
def steps(monkeypatch):
    """Record every change of the disk."""
    seen = []

    def noted(action, path, do):
        seen.append((action, path.name))
        return do()

    monkeypatch.setattr(_files, "step", noted)
    return seen


def test_file_is_synced_before_it_is_renamed(tmp_path, steps, monkeypatch):
    monkeypatch.setattr(_files, "CHUNK", 2)
    _files.write_new(tmp_path / "a", b"12345")
    assert (tmp_path / "a").read_bytes() == b"12345"
    assert [action for action, _ in steps] == [
        *("create", "write", "write", "write", "sync", "link", "unlink"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_is_replaced_in_one_step_after_it_is_synced(tmp_path, steps):
    (tmp_path / "a").write_bytes(b"old")
    _files.replace_file(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [action for action, _ in steps] == [
        *("create", "write", "sync", "rename", "unlink"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_failed_replacement_leaves_only_the_old_file(tmp_path):
    (tmp_path / "a").mkdir()  # no file can replace it
    with pytest.raises(OSError, match=r"directory|denied"):
        _files.replace_file(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_empty_file_can_be_written(tmp_path):
    _files.write_file(tmp_path / "a", b"")
    assert (tmp_path / "a").read_bytes() == b""


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    whole = os.write
    monkeypatch.setattr(os, "write", lambda file, data: whole(file, data[:3]))
    _files.write_file(tmp_path / "a", b"1234567")
    assert (tmp_path / "a").read_bytes() == b"1234567"


@pytest.mark.parametrize("links", [True, False])
def test_no_file_is_replaced(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", _refuse_link)
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists"):
        _files.write_new(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def _refuse_link(*args, **kwargs):
    raise PermissionError(errno.EPERM, "no hard links here")


def test_a_file_system_without_hard_links_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", _refuse_link)
    _files.write_new(tmp_path / "a", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"1"


def test_another_failure_of_a_link_is_raised(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="broken"):
        _files.write_new(tmp_path / "a", b"1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_a_rename_replaces_nothing(tmp_path, kind):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    if kind == "file":
        new.write_bytes(b"")
    elif kind == "folder":
        new.mkdir()  # which a bare rename would replace
    else:
        new.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileExistsError, match="exists"):
        _files.rename(old, new)
    assert old.is_dir()


def test_all_new_folders_are_synced(tmp_path, steps):
    _files.make_folder(tmp_path / "a" / "b")
    assert steps == [
        ("mkdir", "a"),
        ("sync", tmp_path.name),
        ("mkdir", "b"),
        ("sync", "a"),
    ]
    _files.make_folder(tmp_path / "a" / "b")
    assert len(steps) == 4


def test_folder_created_by_another_process_is_used(tmp_path, monkeypatch):
    def beaten(action, path, do):
        path.mkdir(exist_ok=True)
        return do()

    monkeypatch.setattr(_files, "step", beaten)
    _files.make_folder(tmp_path / "a")
    assert (tmp_path / "a").is_dir()


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_syncs_no_folders_will_do(tmp_path, monkeypatch, code):
    def refuse(descriptor):
        raise OSError(code, "not here")

    monkeypatch.setattr(os, "fsync", refuse)
    _files.sync_folder(tmp_path)


def test_a_failed_sync_is_raised(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="broken"):
        _files.sync_folder(tmp_path)


def test_a_system_without_the_posix_flags_imports_and_writes(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK"):
            patch.delattr(os, name, raising=False)
        importlib.reload(_files)
        try:
            _files.make_folder(tmp_path / "a")
            _files.write_new(tmp_path / "a" / "b", b"1")
            _files.sync_folder(tmp_path / "a")
            _files.replace_file(tmp_path / "a" / "b", b"2")
        finally:
            patch.undo()
            importlib.reload(_files)
    assert (tmp_path / "a" / "b").read_bytes() == b"2"


@needs_posix
def test_file_mode_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        _files.write_new(tmp_path / "a", b"1")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_a_removal_follows_no_symlink(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_bytes(b"1")
    gone = tmp_path / "gone"
    (gone / "deep").mkdir(parents=True)
    (gone / "deep" / "link").symlink_to(kept)
    (gone / "dangling").symlink_to(tmp_path / "nowhere")
    _files.remove_tree(gone)
    assert not gone.exists()
    assert (kept / "file").read_bytes() == b"1"
