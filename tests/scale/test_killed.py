"""Stores and parts are whole or absent, however often their writer is killed."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pandas as pd
import pytest

from edml import _files, make_risk_pipeline
from edml.datasets import make_student_activity, make_target
from edml.scale import EventStore, bucket_events, map_buckets

WORK = """
import os
import sys
from edml.scale import EventStore, bucket_events, map_buckets

what, folder = sys.argv[1:]


def count(X):
    return X.groupby("user_uuid", as_index=False).size()


def work():
    if what == "bucket":
        bucket_events(f"{folder}/events.parquet", f"{folder}/s", 12, chunk_rows=400,
                      progress=False)
    else:
        store = EventStore(f"{folder}/s")
        map_buckets(count, store, f"{folder}/o", key="1", progress=False)


for _ in sys.stdin:  # a child for each line: to import the libraries takes longest
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


def count(X):
    return X.groupby("user_uuid", as_index=False).size()


@pytest.fixture
def folder(tmp_path):
    X = make_student_activity(120, partitions=40, random_state=0)
    X.to_parquet(tmp_path / "events.parquet")
    return tmp_path


def expect(folder):
    """Return what is to be there in the end, from the same work undisturbed."""
    source = folder / "events.parquet"
    store = bucket_events(source, folder / "e", 12, chunk_rows=400, progress=False)
    return store, [*store]


def kill_often(what, folder, target, n_kills, seed=0):
    """Kill the work at random moments; return how often it was killed in time."""
    rng = random.Random(seed)  # noqa: S311
    script = folder.parent / "work.py"
    script.write_text(WORK)
    parent = subprocess.Popen(  # noqa: S603 - the code is in this file
        [sys.executable, script, what, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def start():
        parent.stdin.write("go\n")
        parent.stdin.flush()
        return int(parent.stdout.readline())

    with parent:
        begun = time.perf_counter()
        start()
        assert parent.stdout.readline() == "0\n"
        whole = time.perf_counter() - begun
        n_killed = n_tries = 0
        while n_killed < n_kills and n_tries < 10 * n_kills:
            n_tries += 1
            if target.exists() and rng.random() < 0.7:  # begin from nothing again
                _files.remove_tree(target)
            begun = time.perf_counter()
            child = start()
            time.sleep(rng.uniform(0, whole))
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            if int(parent.stdout.readline()) == signal.SIGKILL:
                n_killed += 1
            else:  # it was done before
                whole = min(whole, time.perf_counter() - begun)
            if target.exists():  # it is whole
                assert pd.read_parquet(target)["user_uuid"].nunique() > 0
        parent.stdin.close()
    return n_killed


def check_bucketing(folder, n_kills):
    _, expected = expect(folder)
    assert kill_often("bucket", folder, folder / "s", n_kills) == n_kills
    store = bucket_events(
        folder / "events.parquet", folder / "s", 12, chunk_rows=400, progress=False
    )
    assert store.manifest["n_buckets"] == 12
    for found, wanted in zip(store, expected, strict=True):
        pd.testing.assert_frame_equal(found, wanted)
    left = {path.name for path in folder.iterdir()}
    assert left == {"events.parquet", "e", "s"}
    names = {path.name for path in store.path.iterdir()}
    assert names == {f"bucket-{n:05d}.parquet" for n in range(12)} | {"_store.json"}


def check_mapping(folder, n_kills):
    bucket_events(folder / "events.parquet", folder / "s", 12, progress=False)
    assert kill_often("map", folder, folder / "o", n_kills) == n_kills
    store = EventStore(folder / "s")
    out = map_buckets(count, store, folder / "o", key="1", progress=False)
    found = pd.read_parquet(out).sort_values("user_uuid", ignore_index=True)
    expected = count(pd.read_parquet(folder / "events.parquet"))
    assert found["user_uuid"].tolist() == expected["user_uuid"].tolist()
    assert found["size"].tolist() == expected["size"].tolist()


@pytest.mark.slow
def test_killed_while_bucketing(folder):
    check_bucketing(folder, 3)


@pytest.mark.slow
def test_killed_often_while_bucketing(folder):
    check_bucketing(folder, 25)


@pytest.mark.slow
def test_killed_often_while_mapping(folder):
    check_mapping(folder, 25)


class Stopped(BaseException):
    """Stands for a process that ends at once: nothing catches it."""


def stop_at(monkeypatch, moment, error):
    """Let the nth change to the disk fail; return a list with how many there were."""
    steps = [0]
    do_step = _files.step

    def step(action, path, do):
        steps[0] += 1
        if steps[0] == moment:
            raise error
        if steps[0] > moment and isinstance(error, Stopped):
            raise error  # nothing is cleaned up either
        return do_step(action, path, do)

    monkeypatch.setattr(_files, "step", step)
    return steps


@pytest.mark.parametrize("what", ["stopped", "full"])
def test_stopped_at_any_change_to_the_disk(folder, monkeypatch, what):
    source = folder / "events.parquet"
    how = {"chunk_rows": 1500, "progress": False}
    expected = [*bucket_events(source, folder / "e", 3, **how)]
    error = Stopped() if what == "stopped" else OSError(errno.ENOSPC, "No space left")
    moment, raised = 1, True
    while raised:
        with monkeypatch.context() as patch:
            stop_at(patch, moment, error)
            try:
                store = bucket_events(source, folder / "s", 3, **how)
                raised = False
            except Stopped:
                pass
            except OSError as found:
                assert "No space is left" in str(found)  # noqa: PT017
                assert "Make room" in str(found)  # noqa: PT017
        moment += 7  # each call goes on from where the last one was stopped
        if (folder / "s").exists():
            assert EventStore(folder / "s").n_rows == sum(map(len, expected))
    for found, wanted in zip(store, expected, strict=True):
        pd.testing.assert_frame_equal(found, wanted)


def test_nothing_that_was_written_is_written_again(folder, monkeypatch):
    store = bucket_events(folder / "events.parquet", folder / "s", 6, progress=False)
    seen = []

    def watch(X):
        seen.append(len(X))
        if len(seen) == 4:
            raise Stopped
        return count(X)

    with pytest.raises(Stopped, match=r"^$"):
        map_buckets(watch, store, folder / "o", key="1", progress=False)
    map_buckets(watch, store, folder / "o", key="1", progress=False)
    assert len(seen) == 7  # the fourth twice
    map_buckets(watch, store, folder / "o", key="1", progress=False)
    assert len(seen) == 7
    map_buckets(watch, store, folder / "o", key="2", progress=False)
    assert len(seen) == 13


def test_one_student_with_most_of_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("edml.scale._bucketing._ROWS_OF_BUCKET", 1000)
    X = make_student_activity(60, n_courses=2, partitions=20, random_state=0)
    busy = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    X = pd.concat([X, *[busy] * 200], ignore_index=True)
    model = make_risk_pipeline(every=5, random_state=0).fit(X, make_target(X))
    with pytest.warns(UserWarning, match="because a student has many"):
        store = bucket_events(X, tmp_path / "s", 8, progress=False)
    out = map_buckets(
        lambda X: pd.DataFrame(model.predict_proba(X), columns=["pass", "fail"]),
        store,
        tmp_path / "o",
        key="1",
        progress=False,
    )
    assert len(pd.read_parquet(out)) == len(X)
