"""The store with many concurrent writers and readers."""

import multiprocessing
import traceback
import warnings
from dataclasses import replace

import numpy as np
import pytest

from edml.registry._signing import Keys
from edml.registry._verify import check_store, find_leftovers
from edml.registry._versions import VersionStore

KEY = Keys(b"a key of the registry")
pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs fork"
)


def model(text):
    return text.encode() * 50


def register(store, text):
    return store.add_version({"m": model(text)}, {"text": text})["version"]


def promote(store, version):
    def update(state):
        stages = {
            v: "staging" if stage == "production" else stage
            for v, stage in state.stages.items()
        }
        return replace(state, stages={**stages, version: "production"})

    store.change("promote", "", update)
    return version


def read(store):
    """Check what one read sees: a whole state, one champion, and its whole model."""
    state = store.state()
    champions = [v for v, stage in state.stages.items() if stage == "production"]
    assert champions == [state.champion]  # one was promoted before the race
    assert list(state.stages) == list(range(1, state.highest + 1))
    for version in {state.champion, state.highest}:
        text = store.read_record(version)["text"]
        assert store.read_file(version, "m") == model(text)
    return state.generation


def work(root, worker, n_operations, results):
    """Run a share of the operations, and report them."""
    try:
        # A contended lock may take long on a slow machine.
        store = VersionStore(root, "risk", KEY, who=str(worker), timeout=300)
        rng = np.random.default_rng(worker)
        registered, promoted, generations = [], [], [0]
        for i in range(n_operations):
            which = rng.integers(4)
            if which == 0:
                text = f"{worker}-{i}"
                registered.append((register(store, text), text))
            elif which == 1:
                promoted.append(promote(store, int(rng.choice(store.versions()))))
            else:
                generations.append(read(store))
        assert generations == sorted(generations)  # time does not go backwards
        results.put((worker, registered, promoted, None))
    except BaseException:
        results.put((worker, [], [], traceback.format_exc()))


@pytest.mark.parametrize(
    "n_operations", [120, pytest.param(500, marks=pytest.mark.slow)], ids=str
)
def test_no_process_loses_to_another(tmp_path, n_operations):
    store = VersionStore(tmp_path, "risk", KEY)
    promote(store, register(store, "first"))
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    shares = [len(part) for part in np.array_split(range(n_operations), 8)]
    workers = [
        context.Process(target=work, args=(tmp_path, worker, share, results))
        for worker, share in enumerate(shares)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads
        for worker in workers:
            worker.start()
    answers = [results.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join()
    assert [error for *_, error in answers if error] == []

    registered = [pair for _, pairs, _, _ in answers for pair in pairs]
    versions = [version for version, _ in registered]
    assert len(set(versions)) == len(versions)  # no number twice
    assert sorted([1, *versions]) == store.versions()  # and none lost
    assert store.versions() == list(range(1, len(versions) + 2))
    for version, text in registered:
        assert store.read_record(version)["text"] == text
        assert store.read_file(version, "m") == model(text)

    n_promoted = sum(len(promoted) for _, _, promoted, _ in answers)
    history = store.history()
    generations = [state.generation for state in history]
    assert generations == list(range(1, 3 + len(versions) + n_promoted))
    champions = [
        [v for v, stage in state.stages.items() if stage == "production"]
        for state in history
    ]
    assert all(len(found) == 1 for found in champions[1:])
    assert check_store(store) == find_leftovers(store) == []


def test_two_first_writers_make_one_registry(tmp_path):
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(4), context.Queue()

    def first(worker):
        start.wait()
        store = VersionStore(tmp_path / "new" / "deep", "risk", timeout=300)
        results.put(register(store, str(worker)))

    workers = [context.Process(target=first, args=(i,)) for i in range(4)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for worker in workers:
            worker.start()
    found = [results.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join()
    assert sorted(found) == [1, 2, 3, 4]
    assert check_store(VersionStore(tmp_path / "new" / "deep", "risk")) == []
