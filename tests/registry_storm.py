"""Kill three processes that change one registry, again and again.

``python tests/registry_storm.py 300`` kills 300 times, and reports what was found.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

from sklearn.linear_model import LogisticRegression

from edml.exceptions import RegistryError
from edml.registry import ModelRegistry

KEY = b"a key of the registry"
N_PROCESSES = 3
X, Y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
# Errors that tell a writer that another one was faster.
_BEATEN = ("was removed", "Expected a version", "previous champion", "Use demote")


def open_registry(folder):
    return ModelRegistry(folder / "registry", key=KEY)


def fitted(rng):
    """Return a model that no other process has."""
    return LogisticRegression(max_iter=rng.randrange(100, 2**31)).fit(X, Y)


def change(registry, parcel, rng):
    """Make one random change; return what must never be lost."""
    what = rng.choice(["register", "promote", "clean", "repair", "import", "refit"])
    if what == "register":
        return {"version": registry.register(fitted(rng)).version}
    if what == "import":  # the same file each time: once a version, unless removed
        return {"imported": registry.import_(parcel).version}
    if what == "refit":
        rows = [[x + rng.random() / 2] for (x,) in X]
        return {"version": registry.refit("latest", rows, Y).version}
    if what == "promote":
        registry.promote("latest")
    elif what == "clean":
        registry.clean(rng.randrange(4))
    else:
        registry.repair()
    return {"what": what}


def work(folder, seed, told):
    """Change the registry until killed; write every finished change to a pipe."""
    rng = random.Random(seed)  # noqa: S311
    registry = open_registry(folder)
    warnings.simplefilter("ignore", UserWarning)  # of a model that is there already
    while True:
        try:
            done = change(registry, folder / "parcel.zip", rng)
        except RegistryError as error:
            if not any(text in str(error) for text in _BEATEN):
                done = {"error": traceback.format_exc()}
            else:
                continue
        os.write(told, json.dumps(done).encode() + b"\n")


def start(folder, seed):
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads
        child = os.fork()
    if child == 0:
        try:
            work(folder, seed, writing)
        finally:
            os._exit(1)
    os.close(writing)
    return child, reading


def kill(child, reading):
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return [json.loads(line) for line in pipe if line.endswith("\n")]


def storm(folder, n_kills, seed=0):
    """Kill ``n_kills`` times; return the number of finished changes.

    Raise an AssertionError if anything was lost, a process heard of damage, or `verify`
    finds a problem after `repair`.
    """
    rng = random.Random(seed)  # noqa: S311
    registry = open_registry(folder)
    first = registry.register(fitted(rng)).version
    registry.promote(first)
    registry.export(first, folder / "parcel.zip")
    told = []
    running = [start(folder, f"{seed}-{i}") for i in range(N_PROCESSES)]
    try:
        for number in range(n_kills):
            time.sleep(rng.uniform(0.02, 0.2))
            victim = rng.randrange(N_PROCESSES)
            told += kill(*running[victim])
            running[victim] = start(folder, f"{seed}-{N_PROCESSES + number}")
            registry.load("production")  # a reader beside them never fails
            registry.records()
    finally:
        for one in running:
            told += kill(*one)
    errors = [done["error"] for done in told if "error" in done]
    assert errors == []
    registry.repair()
    assert registry.verify() == []
    history = registry.history()
    assert history["generation"].tolist() == list(range(1, len(history) + 1))
    assert "repair" not in set(history["what"])  # kills damage nothing
    removed = {v for row in history["detail"] for v in row.get("versions", [])}
    there = set(registry.records()["version"])
    versions = [done["version"] for done in told if "version" in done]
    assert len(set(versions)) == len(versions)  # no number twice
    imported = [done["imported"] for done in told if "imported" in done]
    assert {first, *versions, *imported} <= there | removed  # and none lost
    return len(told)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        n_changes = storm(Path(home), int(sys.argv[1]))
    print(f"{sys.argv[1]} kills, {n_changes} changes: nothing lost")  # noqa: T201
