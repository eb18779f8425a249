"""Cost of logging a one-minute search to an MLflow server on this machine.

The same search, with as many candidates as fit into a minute, runs alternately with and
without `MlflowCallback`, and the best times are compared. The time with the callback
starts before its process does. It ends after the pictures are drawn, when the server
has everything. Server and sender share the machine's processors with the search.

Run everything without asv: ``python benchmarks/bench_tracking.py``.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

from edml import load_activity
from edml.tracking import MlflowCallback
from edml.tuning import ModelTuner

SECONDS = 60
REPEATS = 3


class Logging:
    """Measure the share of a search's time that logging takes."""

    params = (1, 2)
    param_names = ("n_jobs",)
    unit = "ratio"
    timeout = 3600
    repeats = REPEATS

    def setup(self, n_jobs):
        self.data = load_activity(return_X_y=True)
        self.stack = contextlib.ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.folder = Path(folder)
        self.uri = self.stack.enter_context(mlflow_server(self.folder))
        timed = self.make_tuner(n_jobs, timeout=SECONDS, n_iter=None).fit(*self.data)
        self.n_iter = len(timed.history_)

    def teardown(self, n_jobs):
        self.stack.close()

    def make_tuner(self, n_jobs, **params):
        return ModelTuner(n_candidates=1, n_jobs=n_jobs, random_state=0, **params)

    def run(self, n_jobs, *, logged):
        """Return the seconds of a search: in total, in the callback, and at the end."""
        tuner = self.make_tuner(n_jobs, n_iter=self.n_iter)
        start = time.perf_counter()
        if not logged:
            tuner.fit(*self.data)
            return time.perf_counter() - start, 0.0, 0.0
        with MlflowCallback(
            "bench", self.uri, outbox=self.folder / "outbox"
        ) as callback:
            called = Called(callback)
            tuner.fit(*self.data, callback=called)
            before = time.perf_counter()
            if callback.finish(tuner, timeout=600) is None:
                raise RuntimeError("not all was sent")
            end = time.perf_counter()
        return end - start, called.seconds, end - before

    def compare(self, n_jobs):
        """Return the best times without and with logging, of several turns."""
        turns = [
            (self.run(n_jobs, logged=False), self.run(n_jobs, logged=True))
            for _ in range(self.repeats)
        ]
        return min(one for one, _ in turns), min(other for _, other in turns)

    def track_share(self, n_jobs):
        without, logged = self.compare(n_jobs)
        return logged[0] / without[0] - 1


class Called:
    """A callback that measures the time spent in it."""

    def __init__(self, callback):
        self.callback = callback
        self.seconds = 0.0

    def __call__(self, row):
        start = time.perf_counter()
        over = self.callback(row)
        self.seconds += time.perf_counter() - start
        return over


@contextlib.contextmanager
def mlflow_server(folder):
    """Yield the address of a server that stores to a SQLite file."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'store.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    settings = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            command, env=os.environ | settings, cwd=folder, stdout=log, stderr=log
        )
    try:
        uri = f"http://127.0.0.1:{port}"
        wait_for(f"{uri}/health", process)
        yield uri
    finally:
        process.terminate()
        process.wait()


def wait_for(url, process):
    """Wait until a server answers."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a local address
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError("MLflow's server ended before it answered")


def main():
    """Run all benchmarks and print the results."""
    for n_jobs in map(int, sys.argv[1:] or Logging.params):
        bench = Logging()
        bench.setup(n_jobs)
        try:
            without, logged = bench.compare(n_jobs)
        finally:
            bench.teardown(n_jobs)
        print(  # noqa: T201
            f"{n_jobs} jobs: {bench.n_iter} candidates in {without[0]:.1f} s, logged "
            f"in {logged[0]:.1f} s: {100 * (logged[0] / without[0] - 1):.1f} %, of "
            f"which {logged[1]:.2f} s in the callback and {logged[2]:.2f} s at the end"
        )


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
