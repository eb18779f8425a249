"""A registry in an object store: whole, checked, incremental, and never half new."""

import shutil
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import _files
from edml.exceptions import RegistryError
from edml.registry import ModelRegistry, _remote, generate_keys
from edml.registry._remote import read_push
from model_files import another

MODELS = [another(), another(), another()]


class Stop(BaseException):
    """As if the process was killed."""


@pytest.fixture
def here(tmp_path):
    """Return a registry with a champion, which was pushed to a folder."""
    registry = ModelRegistry(tmp_path / "here")
    registry.register(MODELS[0])
    registry.promote(1, why="the first")
    registry.push(tmp_path / "there")
    return registry


def copy_of(tmp_path, name="copy", **keys):
    return ModelRegistry(tmp_path / name, **keys)


def facts(registry):
    """Return what a reader sees."""
    table = registry.records()
    stages = dict(zip(table["version"], table["stage"], strict=True))
    return stages, len(registry.history())


def change(registry):
    registry.register(MODELS[1])
    registry.promote(2, why="better")


def stop_at(monkeypatch, number):
    """Kill before a step of the disk or the store; return the steps made."""
    made = []

    def step(action, path, do):
        made.append(action)
        if len(made) == number:
            raise Stop
        return do()

    monkeypatch.setattr(_files, "step", step)
    return made


def test_a_copy_equals_the_registry(here, tmp_path):
    copy = copy_of(tmp_path)
    assert copy.pull(tmp_path / "there") == [1]
    assert facts(copy) == facts(here)
    assert copy.record("production") == here.record("production")
    assert copy.verify() == []
    assert copy.pull(tmp_path / "there") == []
    assert copy_of(tmp_path).pull(tmp_path / "there") == []  # a new process


def test_only_what_is_new_is_uploaded_and_downloaded(here, tmp_path, monkeypatch):
    copy = copy_of(tmp_path)
    copy.pull(tmp_path / "there")
    change(here)
    made = stop_at(monkeypatch, None)
    assert here.push(tmp_path / "there") == [2]
    assert made.count("upload") == 4  # a record, a model, and two states
    assert here.push(tmp_path / "there") == []
    assert made.count("publish") == 1
    read = []
    path = _remote.object_path
    monkeypatch.setattr(
        _remote, "object_path", lambda *args: read.append(args) or path(*args)
    )
    assert copy.pull(tmp_path / "there") == [2]
    assert len(read) == 5  # the newest state is read twice
    assert facts(copy) == facts(here)


def test_a_removed_version_leaves_the_copy(here, tmp_path):
    copy = copy_of(tmp_path)
    change(here)
    here.register(MODELS[2])
    here.push(tmp_path / "there")
    copy.pull(tmp_path / "there")
    here.clean(keep_last=0)
    assert here.push(tmp_path / "there") == []
    assert copy.pull(tmp_path / "there") == []
    assert facts(copy) == facts(here)
    assert not (tmp_path / "copy/risk/versions/3").exists()
    assert copy.verify() == []


def test_a_push_interrupted_anywhere_shows_the_old_or_the_new(
    here, tmp_path, monkeypatch
):
    there, follower = tmp_path / "there", copy_of(tmp_path, "follower")
    follower.pull(there)
    old = facts(here)
    change(here)
    new = facts(here)
    for number in range(1, 200):
        with monkeypatch.context() as patch:
            made = stop_at(patch, number)
            try:
                here.push(there)
            except Stop:
                done = False
            else:
                done = True
        fresh = copy_of(tmp_path, f"fresh{number}")
        for reader in (follower, fresh):
            reader.pull(there)
            assert facts(reader) in (old, new)
            assert reader.verify() == []
        if done:
            break
    assert done
    assert len(made) > 5
    assert facts(follower) == facts(fresh) == new


def test_a_pull_interrupted_anywhere_leaves_the_old_or_the_new_stages(
    here, tmp_path, monkeypatch
):
    there = tmp_path / "there"
    copy_of(tmp_path).pull(there)
    old = facts(here)[0]
    change(here)
    new = facts(here)[0]
    here.push(there)
    seen = []
    for number in range(1, 200):
        shutil.copytree(tmp_path / "copy", tmp_path / f"copy{number}")
        copy = copy_of(tmp_path, f"copy{number}")
        with monkeypatch.context() as patch:
            stop_at(patch, number)
            try:
                copy.pull(there)
            except Stop:
                done = False
            else:
                done = True
        table = copy.records()
        stages = dict(zip(table["version"], table["stage"], strict=True))
        # the registry's own protocol: a new version counts as development until named
        assert stages in (old, new, {**old, 2: "development"})
        assert copy.load("production") is not None
        seen.append(stages == new)
        copy.pull(there)  # goes on
        assert facts(copy) == facts(here)
        assert copy.verify() == []
        if done:
            break
    assert done
    assert sorted(seen) == seen  # once new, always new


def test_of_two_who_push_the_second_is_stopped(here, tmp_path):
    there, other = tmp_path / "there", copy_of(tmp_path, "other")
    other.pull(there)
    change(here)
    other.register(MODELS[2])
    here.push(there)
    before = facts(here)
    for work in (other.push, other.pull):
        with pytest.raises(RegistryError, match=r"others here\."):
            work(there)
    third = copy_of(tmp_path, "third")
    third.pull(there)
    assert facts(third) == before


def push_meanwhile(other, there, monkeypatch):
    """Let another registry push just before the next push is published."""
    step = _files.step

    def meanwhile(action, path, do):
        if action == "publish":
            monkeypatch.setattr(_files, "step", step)
            other.push(there)
        return step(action, path, do)

    monkeypatch.setattr(_files, "step", meanwhile)


def test_two_pushes_at_the_same_moment_are_noticed(here, tmp_path, monkeypatch):
    there, other = tmp_path / "there", copy_of(tmp_path, "other")
    other.pull(there)
    change(here)
    other.register(MODELS[2])
    push_meanwhile(other, there, monkeypatch)
    with pytest.raises(RegistryError, match="somebody else has pushed just now"):
        here.push(there)
    third = copy_of(tmp_path, "third")
    third.pull(there)
    assert facts(third) == facts(other)


def test_a_new_evaluation_needs_no_new_state(here, tmp_path):
    there, other = tmp_path / "there", copy_of(tmp_path, "other")
    other.pull(there)
    for registry, number in ((here, 1), (other, 2)):
        registry._store.add_evaluation(1, {"made": number})
    here.push(there)
    with pytest.raises(RegistryError, match="are missing or others here"):
        other.push(there)
    third = copy_of(tmp_path, "third")
    third.pull(there)
    assert third._store.read_evaluation(1, 1) == {"made": 1}


def test_nothing_is_pushed_of_nothing(tmp_path):
    with pytest.raises(RegistryError, match="Expected a model in"):
        copy_of(tmp_path).push(tmp_path / "there")
    with pytest.raises(RegistryError, match=r"found none\. Check the address"):
        copy_of(tmp_path).pull(tmp_path / "there")
    assert not (tmp_path / "there").exists()


# -- what arrives is checked -----------------------------------------------------------


def newest(tmp_path):
    files = (tmp_path / "there/risk/pushes").glob("*.json")
    return max(files, key=lambda path: int(path.stem))


def test_every_damaged_file_is_noticed(here, tmp_path):
    for path in sorted((tmp_path / "there").rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            for bad in (data[:-1], data[:-2] + bytes([data[-2] ^ 1]) + data[-1:], b""):
                path.write_bytes(bad)
                with pytest.raises(RegistryError, match="Expected"):
                    copy_of(tmp_path).pull(tmp_path / "there")
                assert not len(copy_of(tmp_path).records())
            path.write_bytes(data)
    assert copy_of(tmp_path).pull(tmp_path / "there") == [1]


@given(
    st.one_of(
        st.text(min_size=1),
        st.sampled_from(
            [
                "../x",
                "state/../x",
                "state/0.json",
                "state/1.json/x",
                "versions/1/../../x",
                "versions/1/evaluations/a.json",
                "versions/01/record.json",
                "/etc/passwd",
                ".lock",
                "versions/1/.tmp-a",
            ]
        ),
    )
)
def test_a_push_names_only_files_of_a_registry(tmp_path_factory, name):
    registry = ModelRegistry(tmp_path_factory.mktemp("one"))
    home, root = registry._store.home, tmp_path_factory.mktemp("two")
    body = {"generation": 1, "files": {name: [1, "0" * 64]}}
    data, _ = home.seal("push", {"number": 1}, body)
    (root / "pushes").mkdir()
    (root / "pushes/1.json").write_bytes(data)
    with pytest.raises(RegistryError, match=r"Expected (the files|a file) "):
        read_push(home, root, 1)


def test_a_reader_with_a_public_key_believes_only_its_trainer(tmp_path):
    there = tmp_path / "there"
    public, _ = generate_keys(tmp_path / "trainer.pem")
    trainer = copy_of(tmp_path, "trainer", private_key=tmp_path / "trainer.pem")
    trainer.register(MODELS[0])
    trainer.push(there)
    reader = copy_of(tmp_path, "reader", public_keys=[public])
    assert reader.pull(there) == [1]
    assert reader.verify() == []
    with pytest.raises(RegistryError, match="Expected a private key"):
        reader.push(there)
    forger = copy_of(tmp_path, "forger")
    forger.register(MODELS[1])
    shutil.rmtree(there)
    forger.push(there)
    stranger = copy_of(tmp_path, "stranger", public_keys=[public])
    with pytest.raises(RegistryError, match="to be signed"):
        stranger.pull(there)
    assert not len(stranger.records())


def test_an_older_push_is_not_brought_back(here, tmp_path):
    there, key = tmp_path / "there", {"key": b"secret"}
    trainer = copy_of(tmp_path, "trainer", **key)
    trainer.register(MODELS[0])
    trainer.push(there / "signed")
    shutil.copytree(there / "signed", tmp_path / "before")
    change(trainer)
    trainer.push(there / "signed")
    memory = {**key, "memory": tmp_path / "memory.json"}
    reader = copy_of(tmp_path, "reader", **memory)
    reader.pull(there / "signed")
    assert reader.record("production").version == 2
    with pytest.raises(RegistryError, match="Expected generation 3"):
        copy_of(tmp_path, "again", **memory).pull(tmp_path / "before")
    assert reader.record("production").version == 2
    # without a memory, a process notices what it has seen itself
    shutil.rmtree(there / "signed")
    shutil.copytree(tmp_path / "before", there / "signed")
    with pytest.raises(RegistryError, match="an older one than before"):
        reader.pull(there / "signed")


def test_a_push_without_a_version_of_its_state_is_rejected(here, tmp_path):
    store, root = here._store, tmp_path / "there/risk"
    found = read_push(store.home, root, 1)
    files = {n: e for n, e in found.files.items() if not n.startswith("versions/1/")}
    record = "versions/1/record.json"
    for body in (files, {**files, record: found.files[record]}):
        data, _ = store.home.seal(
            "push", {"number": 1}, {"generation": found.generation, "files": body}
        )
        newest(tmp_path).write_bytes(data)
        with pytest.raises(RegistryError, match="Expected a push with the state"):
            copy_of(tmp_path).pull(tmp_path / "there")


# -- a real server ---------------------------------------------------------------------


def test_two_pushes_conflict_on_a_server(tmp_path, store, monkeypatch):
    here, other = copy_of(tmp_path, "here"), copy_of(tmp_path, "other")
    url = f"{store.url}/registries"
    here.register(MODELS[0])
    here.push(url)
    other.pull(url)
    change(here)
    other.register(MODELS[2])
    push_meanwhile(other, url, monkeypatch)
    with pytest.raises(RegistryError, match="somebody else has pushed just now"):
        here.push(url)
    third = copy_of(tmp_path, "third")
    third.pull(url)
    assert facts(third) == facts(other)
    assert third.verify() == []


@pytest.mark.slow
def test_a_reader_that_pulls_all_the_time_sees_only_what_was_pushed(
    tmp_path, store, monkeypatch
):
    """The trainer is killed at one step after the other, and goes on."""
    here, reader = copy_of(tmp_path, "here"), copy_of(tmp_path, "reader")
    url = f"{store.url}/registries"
    here.register(another())
    here.push(url)
    pushed, seen, problems = [facts(here)], [], []
    stop = threading.Event()
    real = _files.step
    me = threading.get_ident()

    def read():
        while not stop.is_set():
            try:
                reader.pull(url)
                seen.append(facts(reader))
            except Exception as error:
                problems.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for _ in range(3):
            here.register(another())
            pushed.append(facts(here))
            for number in range(1, 100):
                made = []

                def step(action, path, do, made=made, number=number):
                    if threading.get_ident() == me:
                        made.append(action)
                        if len(made) == number:
                            raise Stop
                    return real(action, path, do)

                monkeypatch.setattr(_files, "step", step)
                with suppress(Stop):
                    here.push(url)
                    break
            monkeypatch.setattr(_files, "step", real)
    finally:
        stop.set()
        thread.join()
    assert problems == []
    assert len(seen) > 3
    places = [pushed.index(one) for one in seen]
    assert places == sorted(places)
    reader.pull(url)
    assert facts(reader) == pushed[-1]
    assert reader.verify() == []
