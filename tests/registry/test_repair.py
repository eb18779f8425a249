"""There is always a way on: repair, full disks, and readers beside writers."""

import errno
import json
import os
import shutil
import subprocess
import zipfile
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import ModelRegistry
from edml.registry._protocol import seal
from edml.registry._signing import Keys
from edml.registry._versions import VersionStore
from model_files import another

KEY = b"a key of the registry"


@pytest.fixture(scope="module", params=[None, KEY], ids=["open", "signed"])
def built(request, tmp_path_factory):
    """Return a folder with a registry, which each test copies, and its key."""
    folder = tmp_path_factory.mktemp("built")
    registry = ModelRegistry(folder, key=request.param, who="ada")
    for _ in range(4):
        registry.register(another())
    registry.promote(1)
    registry.promote(2)
    return folder, request.param


@pytest.fixture
def registry(built, tmp_path):
    """Return a registry of four versions; 2 succeeded 1 in production."""
    folder, key = built
    shutil.copytree(folder, tmp_path / "r")
    return ModelRegistry(tmp_path / "r", key=key, who="ada")


def states(registry):
    return registry._store.home.states


def versions(registry):
    return registry._store.home.versions


def add_evaluations(registry, n):
    for number in range(n):
        body = {"number": number}
        registry._store.add_evaluation(1, body)


def check_is_mended(registry):
    """Check that nothing is left to do, and that the registry works."""
    assert registry.repair(dry_run=True) == registry.repair() == []
    assert registry.verify() == []
    number = registry.register(another()).version
    registry.promote(number)
    assert registry.load("production").predict([[2.0]]) == [1]
    assert registry.verify() == []
    generations = registry.history()["generation"].tolist()
    assert generations == list(range(1, len(generations) + 1))


def test_a_whole_registry_is_left_as_it_is(registry, tmp_path):
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert registry.repair(dry_run=True) == registry.repair() == []
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_nothing_is_created_where_no_registry_is(tmp_path):
    assert ModelRegistry(tmp_path / "no").repair(dry_run=True) == []
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["cut", "empty", "no text", "folder"],
)
def test_a_damaged_newest_state_falls_back_to_the_last_whole_one(registry, damage):
    damage(states(registry) / "6.json")
    with pytest.raises(RegistryError, match="Expected"):
        registry.records()
    steps = registry.repair(dry_run=True)
    assert (
        "the last whole one, 5, applies again. In production is version 1" in steps[0]
    )
    assert "Generation 6 of the state is damaged or lost" in steps[1]
    assert registry.repair() == steps
    assert registry.record("production").version == 1
    assert registry.history()["generation"].iloc[-1] == 7  # never goes back
    assert registry.history()["what"].tolist()[-2:] == ["repair", "repair"]
    aside = versions(registry).parent / "damaged"
    assert [path.name[:12] for path in aside.iterdir()] == ["state-6.json"]
    check_is_mended(registry)


def test_versions_can_be_used_while_the_state_is_broken(registry, tmp_path):
    (states(registry) / "6.json").write_bytes(b"{")
    assert registry.load(2).predict([[2.0]]) == [1]
    assert zipfile.is_zipfile(registry.export(2, tmp_path / "two.zip"))
    assert len(registry.evaluations(2)) == 0
    (problem,) = registry.verify()
    assert "generation 6" in problem
    assert "use repair" in problem
    (versions(registry) / "3" / "model.skops").write_bytes(b"x")
    assert len(registry.verify()) == 2
    for version in ("production", "latest", 9, True, "2"):
        with pytest.raises(RegistryError, match=r"generation 6|9, which"):
            registry.load(version)


@pytest.mark.parametrize("lost", [[1], [3], [5], [1, 2, 3, 4, 5], [2, 6], [5, 6]])
@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_lost_states_stop_nothing(registry, lost, how):
    for generation in lost:
        path = states(registry) / f"{generation}.json"
        path.unlink() if how == "deleted" else path.write_bytes(b"{")
    if 6 not in lost:
        with pytest.warns(UserWarning, match=f"files of {len(lost)} earlier changes"):
            assert len(registry.history()) == 6 - len(lost)
        assert registry.rollback().version == 1
        registry.clean(0)
    unseen = how == "deleted" and lost == [5, 6]  # only a memory detects it
    assert (registry.verify() == []) == unseen
    registry.repair()
    check_is_mended(registry)


def test_all_states_lost(registry):
    shutil.rmtree(states(registry))
    steps = registry.repair()
    assert "Versions [1, 2, 3, 4] are recorded in development" in steps[0]
    assert registry.records()["stage"].tolist() == ["development"] * 4
    check_is_mended(registry)


@pytest.mark.parametrize("version", [2, 4])
@pytest.mark.parametrize(
    ("file", "how"),
    [("", "deleted"), *product(["record.json", "model.skops"], ["deleted", "damaged"])],
)
def test_a_damaged_version_leaves_the_lists(registry, version, file, how):
    path = versions(registry) / str(version) / file
    if file == "":
        shutil.rmtree(path)
    elif how == "deleted":
        path.unlink()
    else:
        path.write_bytes(b"{}")
    steps = registry.repair()
    assert f"Versions [{version}] are damaged or gone, and leave the lists" in steps[0]
    assert ("In production is no version." in steps[0]) == (version == 2)
    assert version not in registry.records()["version"].tolist()
    assert registry.register(another()).version == 5
    if version == 2:
        assert registry.rollback().version == 1
    check_is_mended(registry)


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xf0\x9f\x98\x80" * 60, b"-a" * 120])
def test_a_name_of_any_bytes_moves_aside(registry, name):
    path = os.path.join(os.fsencode(states(registry)), name)  # noqa: PTH118
    with open(path, "wb"):  # noqa: PTH123
        pass
    (problem,) = registry.verify()
    (step,) = registry.repair()
    for text in (problem, step):
        text.encode()  # can be printed
    check_is_mended(registry)


def test_what_does_not_belong_moves_aside(registry):
    for name in ("note.txt", "state/x", "versions/01", "versions/1/x", "versions/7"):
        (versions(registry).parent / name).write_bytes(b"1")
    (versions(registry) / "link").symlink_to("/etc")
    registry.repair()
    assert len(list((versions(registry).parent / "damaged").iterdir())) == 6
    assert Path("/etc").is_dir()
    check_is_mended(registry)


@pytest.mark.parametrize("lost", [[1], [2], [4], [1, 2], [1, 3], [1, 2, 3, 4]])
@pytest.mark.parametrize("how", ["deleted", "damaged"])
def test_evaluations_close_their_gaps(registry, lost, how):
    add_evaluations(registry, 4)
    for number in lost:
        path = versions(registry) / "1" / "evaluations" / f"{number}.json"
        path.unlink() if how == "deleted" else path.write_bytes(b"{")
    registry.repair()
    left = [{"number": one} for one in range(4) if one + 1 not in lost]
    assert registry._store.evaluations(1) == left
    assert registry.repair() == []


def test_leftovers_go(registry):
    (states(registry) / ".tmp-1").write_bytes(b"half")
    assert registry.repair() == ["1 leftovers of interrupted writes are removed."]
    check_is_mended(registry)


def test_a_wrong_key_sets_nothing_aside(tmp_path):
    ModelRegistry(tmp_path, key=KEY).register(another())
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(RegistryError, match="can be read with these keys; found none"):
        ModelRegistry(tmp_path, key=b"another").repair()
    with pytest.raises(RegistryError, match="which is signed"):
        ModelRegistry(tmp_path).repair()
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_an_unsigned_state_in_a_signed_registry_is_set_aside(tmp_path):
    """As an earlier edml wrote it without its key."""
    registry = ModelRegistry(tmp_path, key=KEY)
    registry.register(another())
    path = states(registry) / "1.json"
    document = json.loads(path.read_bytes())
    place = {"registry": "risk", "generation": 2}
    (states(registry) / "2.json").write_bytes(seal("state", place, document))
    with pytest.raises(RegistryError, match="found no signature"):
        registry.promote(1)
    registry.repair()
    check_is_mended(registry)


def is_whole(path):
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_damage_is_repaired(tmp_path_factory, data):
    registry = ModelRegistry(tmp_path_factory.mktemp("r"), key=KEY)
    for _ in range(3):
        registry.register(another())
    registry.promote(1)
    registry.promote(3)
    root = versions(registry).parent
    paths = sorted(p for p in root.rglob("*") if p.name != ".lock")
    for path in data.draw(st.lists(st.sampled_from(paths), max_size=4, unique=True)):
        if not path.exists() or path in (states(registry), versions(registry)):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        elif data.draw(st.booleans()):
            path.unlink()
        else:
            content = path.read_bytes()
            path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    readable = [p for p in root.rglob("*.json") if "evaluations" not in p.parts]
    if not any(is_whole(path) for path in readable):
        return  # nothing is left to go on from
    registry.repair()
    assert registry.verify() == []
    assert registry.register(another()).version >= 1


# -- a full disk --------------------------------------------------------------------


def test_clean_needs_no_room(registry, monkeypatch):
    """Only removing something makes room."""
    (states(registry) / ".tmp-1").write_bytes(b"half")
    whole, room = _files.step, [False]

    def step(action, path, do):
        if action in ("create", "write") and not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room[0] = room[0] or action == "unlink"
        return whole(action, path, do)

    monkeypatch.setattr(_files, "step", step)
    assert registry.clean(0) == [3, 4]  # 1 was the champion before
    monkeypatch.setattr(_files, "step", whole)
    assert not (states(registry) / ".tmp-1").exists()
    room[0] = False
    registry.register(another())
    monkeypatch.setattr(_files, "step", step)
    assert registry.clean(0) == [5]  # without leftovers
    monkeypatch.setattr(_files, "step", whole)
    check_is_mended(registry)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may mount"
)
def test_clean_on_a_full_file_system(tmp_path):
    mount = ["/bin/mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("may not mount")
    try:
        registry = ModelRegistry(tmp_path, key=KEY)
        for _ in range(3):
            registry.register(another())
        registry.promote(1)
        left = os.statvfs(tmp_path)
        (tmp_path / "filler").write_bytes(b"x" * left.f_bavail * left.f_bsize)
        with pytest.raises(RegistryError, match="No space left"):
            registry.promote(2)
        assert registry.clean(0) == [2, 3]
        assert registry.verify() == []
    finally:
        subprocess.run(["/bin/umount", str(tmp_path)], check=True)  # noqa: S603


# -- readers beside writers ---------------------------------------------------------


@pytest.mark.parametrize("what", ["records", "history", "load", "record", "export"])
def test_a_reader_beside_clean_never_hears_of_damage(
    registry, tmp_path, monkeypatch, what
):
    """The files go between the moment a reader finds a version and reads it."""
    read = VersionStore.read_record
    beaten = []

    def read_late(self, version):
        if not beaten and version == 2:
            beaten.append(version)
            registry.promote(4)
            registry.register(another())
            registry.promote(5)
            registry.clean(0)
        return read(self, version)

    monkeypatch.setattr(VersionStore, "read_record", read_late)
    other = ModelRegistry(tmp_path / "r", key=registry._store.home.keys.secret)
    if what == "records":
        assert other.records()["version"].tolist() == [4, 5]
    elif what == "load":
        assert other.load("production").predict([[2.0]]) == [1]
    elif what == "record":
        assert other.record("production").version == 5
    elif what == "export":
        other.export("production", tmp_path / "champion.zip")
    else:
        assert len(other.history()) == 6
    monkeypatch.undo()
    assert registry.verify() == []


# -- errors of the system -----------------------------------------------------------


@pytest.mark.parametrize("folder", ["a\0b", "\ud800", "x" * 5000], ids=range(3))
def test_a_path_that_cannot_be_is_a_registry_error(tmp_path, folder):
    registry = ModelRegistry(tmp_path / folder)
    for use in (
        lambda: registry.register(another()),
        lambda: registry.load(1),
        registry.records,
        registry.clean,
        registry.repair,
    ):
        with pytest.raises(RegistryError, match="Expected") as caught:
            use()
        str(caught.value).encode()  # can be printed
    whole = ModelRegistry(tmp_path / "r")
    whole.register(another())
    for path in (tmp_path / folder, tmp_path / "no" / "file"):
        with pytest.raises(RegistryError, match="Expected"):
            whole.export(1, path)
        with pytest.raises(RegistryError, match="Expected"):
            whole.import_(path)
    assert Keys(KEY).signs
