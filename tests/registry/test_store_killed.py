"""The store when killed at every write or at random moments, or on a full disk."""

import errno
import os
import shutil
import signal
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

from edml import _files
from edml.exceptions import RegistryError
from edml.registry._signing import Keys
from edml.registry._verify import check_store, find_leftovers, remove_leftovers
from edml.registry._versions import VersionStore

KEY = Keys(b"a key of the registry")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def model(version):
    return f"the model of version {version}".encode() * 20


def register(store):
    version = store.state().highest + 1
    return store.add_version({"model.skops": model(version)}, {"algorithm": "x"})


def promote(store):
    def update(state):
        stages = {
            version: "staging" if stage == "production" else stage
            for version, stage in state.stages.items()
        }
        return replace(state, stages={**stages, max(stages): "production"})

    return store.change("promote", "newer", update, {"gain": 0.25})


def evaluate(store):
    return store.add_evaluation(store.versions()[0], {"auc": 0.75})


def remove(store):
    champion = store.state().champion
    gone = [v for v in store.versions() if v != champion][:2]
    return store.remove_versions(lambda state: gone)


def clean(store):
    remove(store)
    return remove_leftovers(store)


OPERATIONS = [register, promote, evaluate, clean]
LONG = [register, clean]  # with many steps, each of which is interrupted once


@pytest.fixture
def prepared(tmp_path):
    """Return a registry with four versions, a champion and some leftovers."""
    store = VersionStore(tmp_path / "prepared", "risk", KEY)
    for _ in range(2):
        register(store)
    promote(store)
    for _ in range(2):
        register(store)
    evaluate(store)
    (store.folder / "state" / ".tmp-old").write_bytes(b"half")
    shutil.copytree(store.folder / "versions" / "1", store.folder / "versions/.tmp-1")
    return store.home.root


@pytest.fixture(autouse=True)
def _small_writes(monkeypatch):
    monkeypatch.setattr(_files, "CHUNK", 200)  # so that writes are interrupted halfway


def fork(do):
    """Run in another process, and return its number to the caller."""
    with warnings.catch_warnings():
        # Other threads of this process hold no lock that the child needs.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        do()
        code = 0
    finally:
        os._exit(code)


def stop_at(n, stop, seen=None):
    """Return a step that stops before the n-th change of the disk, from 0."""
    n_steps = 0

    def step(action, path, do):
        nonlocal n_steps
        n_steps += 1
        if seen is not None:
            seen.append(action)
        if n_steps > n:
            stop(n_steps - 1 - n)
        return do()

    return step


def outcome(store):
    """Return everything that a reader can see, and check that it is whole."""
    assert check_store(store) == []
    state = store.state()
    for version in state.stages:
        assert store.read_file(version, "model.skops") == model(version)
    assert list(state.stages) == store.versions()
    n_evaluations = len(store.evaluations(1)) if 1 in state.stages else 0
    return state.stages, state.champion, n_evaluations


def check_is_usable(store, highest):
    """Check that leftovers go, and that the next write works as usual."""
    seen = outcome(store)
    remove_leftovers(store)
    assert find_leftovers(store) == []
    assert outcome(store) == seen
    found = [p for p in store.folder.rglob("*") if p.name.startswith(".tmp-")]
    assert found == []
    new = register(store)["version"]
    assert new > highest
    promote(store)
    assert outcome(store)[1] == new
    generations = [state.generation for state in store.history()]
    assert generations == list(range(1, len(generations) + 1))


def either(operation, prepared, tmp_path):
    """Return the visible state before and after the operation."""
    before = outcome(VersionStore(prepared, "risk", KEY))
    shutil.copytree(prepared, tmp_path / "done")
    done = VersionStore(tmp_path / "done", "risk", KEY)
    operation(done)
    return before, outcome(done)


# -- killed at every write point ----------------------------------------------------


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(one, marks=pytest.mark.slow if one in LONG else ())
        for one in OPERATIONS
    ],
)
def test_killed_at_every_write(operation, prepared, tmp_path):
    before, after = either(operation, prepared, tmp_path)
    outcomes = []
    for n in range(1000):
        root = tmp_path / str(n)
        shutil.copytree(prepared, root)

        def work(root=root, n=n):
            _files.step = stop_at(n, lambda _: os.kill(os.getpid(), signal.SIGKILL))
            operation(VersionStore(root, "risk", KEY))

        status = os.waitpid(fork(work), 0)[1]
        store = VersionStore(root, "risk", KEY)
        outcomes.append(outcome(store))
        assert outcomes[-1] in (before, after)
        check_is_usable(store, highest=max(outcomes[-1][0]))
        shutil.rmtree(root)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert n >= 5  # it was interrupted
    # One moment separates the state before from the complete state after.
    moment = outcomes.index(after)
    assert outcomes == [before] * moment + [after] * (len(outcomes) - moment)
    assert 0 < moment < len(outcomes)


@pytest.mark.slow
def test_killed_at_every_write_of_the_first_version(tmp_path):
    for n in range(1000):
        root = tmp_path / str(n) / "deep"

        def work(root=root, n=n):
            _files.step = stop_at(n, lambda _: os.kill(os.getpid(), signal.SIGKILL))
            register(VersionStore(root, "risk", KEY))

        status = os.waitpid(fork(work), 0)[1]
        store = VersionStore(root, "risk", KEY)
        assert outcome(store)[0] in ({}, {1: "development"})
        check_is_usable(store, highest=0)
        if os.WIFEXITED(status):
            break
    assert n > 15


def test_killed_between_a_version_and_its_state(prepared):
    store = VersionStore(prepared, "risk", KEY)
    seen = []
    _run_stopped(store, register, lambda action: action == "rename", seen)
    # It exists as a version in development, and the next change records it.
    assert store.versions() == [1, 2, 3, 4, 5]
    assert store.state().generation == len(store.history()) == 5
    assert find_leftovers(store) != []  # the old ones; the new version does not count
    remove_leftovers(store)
    assert store.read_file(5, "model.skops") == model(5)
    promote(store)
    assert [state.what for state in store.history()[-2:]] == ["recover", "promote"]
    assert store.state().champion == 5


def _run_stopped(store, operation, is_last, seen):
    """Kill the operation after the first change that matches `is_last`."""

    def work():
        def step(action, path, do):
            result = do()
            if is_last(action):
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        _files.step = step
        operation(store)

    assert os.WIFSIGNALED(os.waitpid(fork(work), 0)[1])


def test_killed_again_and_again_leaves_one_version_without_a_state(prepared):
    store = VersionStore(prepared, "risk", KEY)
    for _ in range(3):
        _run_stopped(store, register, lambda action: action == "rename", [])
        assert check_store(store) == []
        assert len(store.written_state()[1]) == 1
    assert store.versions() == [1, 2, 3, 4, 5, 6, 7]


def test_removed_version_is_not_restored(prepared):
    store = VersionStore(prepared, "risk", KEY)
    _run_stopped(store, remove, lambda action: action == "link", [])
    assert store.versions() == [2, 4]
    assert (store.folder / "versions" / "1").is_dir()
    assert store.folder / "versions" / "1" in find_leftovers(store)
    assert register(store)["version"] == 5
    remove_leftovers(store)
    assert not (store.folder / "versions" / "1").exists()
    assert store.versions() == [2, 4, 5]


# -- killed at random moments -------------------------------------------------------


def kill_at_random(store, n_kills, seed):
    """Kill writers; confirmed operations must survive."""
    rng = np.random.default_rng(seed)
    told_versions, told_generation, n_told = set(), 0, 0
    for _ in range(n_kills):
        reading, writing = os.pipe()
        choices = rng.integers(len(OPERATIONS), size=200)

        def work(choices=choices, writing=writing):
            for choice in choices:
                OPERATIONS[choice](store) if store.versions() else register(store)
                state = store.state()
                line = f"{state.generation} {state.champion or 0} {state.highest}\n"
                os.write(writing, line.encode())

        child = fork(work)
        os.close(writing)
        time.sleep(rng.uniform(0, 0.06))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(reading) as pipe:
            told = [tuple(map(int, line.split())) for line in pipe]
        stages, champion, _ = outcome(store)
        state = store.state()
        if told:
            n_told += len(told)
            told_generation = told[-1][0]
            told_versions.add(told[-1][2])
        assert state.generation >= told_generation
        assert state.highest >= max(told_versions, default=0)
        by_generation = {old.generation: old.champion for old in store.history()}
        assert all(by_generation[g] == (c or None) for g, c, _ in told)
        champions = [v for v, stage in stages.items() if stage == "production"]
        assert champions == ([] if champion is None else [champion])
        remove_leftovers(store)
        assert find_leftovers(store) == []
    return n_told


@pytest.mark.parametrize(
    "n_kills", [20, pytest.param(200, marks=pytest.mark.slow)], ids=str
)
def test_killed_at_random_moments(tmp_path, n_kills):
    store = VersionStore(tmp_path, "risk", KEY)
    register(store)
    promote(store)
    n_told = kill_at_random(store, n_kills, seed=n_kills)
    assert n_told  # otherwise nothing was in progress
    check_is_usable(store, store.state().highest)


# -- a full disk --------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        errno.ENOSPC,
        pytest.param(errno.EIO, marks=pytest.mark.slow),
        pytest.param(errno.EDQUOT, marks=pytest.mark.slow),
    ],
    ids=errno.errorcode.get,
)
@pytest.mark.parametrize("stays", [True, False])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_full_disk_loses_nothing(
    operation, stays, code, prepared, tmp_path, monkeypatch
):
    before, after = either(operation, prepared, tmp_path)
    whole = _files.step

    def fail(n_after):
        if stays or n_after == 0:
            raise OSError(code, os.strerror(code))

    n_failed = 0
    for n in range(1000):
        root = tmp_path / str(n)
        shutil.copytree(prepared, root)
        store = VersionStore(root, "risk", KEY)
        seen = []
        monkeypatch.setattr(_files, "step", stop_at(n, fail, seen))
        error = failure_of(operation, store)
        monkeypatch.setattr(_files, "step", whole)  # there is space again
        found = outcome(store)
        assert found in (before, after)
        if error is None:
            assert found == after
        else:
            n_failed += 1
            assert error.__cause__.errno == code
            check_text(str(error), code, found == before)
        check_is_usable(store, highest=max(before[0]))
        shutil.rmtree(root)
        if len(seen) <= n:
            break
    assert n_failed >= 5


def failure_of(operation, store):
    try:
        operation(store)
    except RegistryError as error:
        return error
    return None


def check_text(text, code, nothing_happened):
    """Check that the error says why, and whether the change was made."""
    assert os.strerror(code) in text
    assert "Free disk space" in text
    not_done = ("not stored", "not changed", "versions were not removed", "not locked")
    done = ("is stored and counts", "It is done", "are removed", "Not all leftovers")
    assert any(words in text for words in not_done + done)
    assert not (any(words in text for words in not_done) and not nothing_happened)
    assert not (any(words in text for words in done) and nothing_happened)


def test_interrupted_write_leaves_no_files(prepared, monkeypatch):
    store = VersionStore(prepared, "risk", KEY)
    remove_leftovers(store)
    before = outcome(store)
    whole = _files.step

    def interrupt(n_after):
        if n_after == 0:
            raise KeyboardInterrupt("stopped")

    for n in range(12):
        monkeypatch.setattr(_files, "step", stop_at(n, interrupt))
        with pytest.raises(KeyboardInterrupt, match="stopped"):
            register(store)
        monkeypatch.setattr(_files, "step", whole)
        assert find_leftovers(store) == []
        assert outcome(store) == before
