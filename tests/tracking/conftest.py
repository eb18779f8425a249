"""A real MLflow server on this machine that tests can kill and restart."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
import urllib3
from sklearn.datasets import make_classification

from edml.tracking._outbox import DEFAULT_FOLDER
from tracked import PATIENCE, make_tuner


class MlflowServer:
    """An MLflow server with a SQLite file and a folder of artifacts.

    Parameters
    ----------
    folder : Path
        The folder of both; they outlive the process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen | None = None
        with closing(sqlite3.connect(folder / "store.db")) as store:
            # stored in the file: a commit waits for the disk once, not four times
            store.execute("PRAGMA journal_mode=WAL")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it if it is not running, and wait until it answers."""
        if self.is_running:
            return
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        settings = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        command = [sys.executable, "-m", "mlflow", "server"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self.folder / 'store.db'}"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                command,
                cwd=self.folder,
                env=kept | settings,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.is_running:
            try:
                answer = urllib3.request(
                    "GET", f"{self.uri}/health", timeout=2.0, retries=False
                )
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)
                continue
            if answer.status == 200:
                return
        log = (self.folder / "server.log").read_text()[-3000:]
        self.kill()
        raise RuntimeError(f"MLflow's server did not start:\n{log}")

    def stop(self) -> None:
        """End it gracefully."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and all its workers in the middle of their work."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it accept connections, but answer none."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self._process.pid, signal.SIGCONT)

    def _end(self, how: int) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(self._process.pid, how)
            self._process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # a worker that is left
        self._process.wait()
        self._process = None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="session", autouse=True)
def _mlflow_settings():
    """Keep MLflow from retrying for minutes, and from reporting its use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield


@pytest.fixture(scope="session")
def _server(tmp_path_factory):
    if find_spec("mlflow") is None:
        pytest.skip("needs MLflow")
    server = MlflowServer(tmp_path_factory.mktemp("mlflow"))
    yield server
    server.kill()


@pytest.fixture
def mlflow_server(_server):
    """Return a running server; a test may stop and restart it."""
    _server.start()
    return _server


@pytest.fixture(scope="session")
def plain():
    """Return 240 rows of numbers; a fifth of them fail."""
    return make_classification(
        240, 6, n_informative=3, weights=[0.8], flip_y=0.1, random_state=0
    )


@pytest.fixture(scope="session")
def tuner(plain):
    """Return a tuner that has tried 8 candidates."""
    with pytest.warns(UserWarning, match="candidates failed"):
        return make_tuner().fit(*plain)


@pytest.fixture
def outbox(tmp_path, monkeypatch):
    """Return the folder of the outbox, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / DEFAULT_FOLDER


@pytest.fixture
def client(mlflow_server):
    """Return MLflow's client of the server."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its imports
        from mlflow import MlflowClient  # noqa: PLC0415
    return MlflowClient(mlflow_server.uri, mlflow_server.uri)


@pytest.fixture
def logged(client):
    """Return a function that reads a search's parents and children from the server.

    Deleted runs are left out. The children are lists by candidate number, so that a
    duplicate number shows.
    """

    def read(experiment):
        found = client.get_experiment_by_name(experiment)
        runs = [] if found is None else client.search_runs([found.experiment_id])
        parents = [run for run in runs if "edml.candidate" not in run.data.tags]
        children = {}
        for run in runs:
            if run not in parents:
                number = int(run.data.tags["edml.candidate"])
                children.setdefault(number, []).append(run)
        return parents, children

    return read
