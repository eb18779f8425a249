"""Helpers for the serving benchmarks: a registry, a server, clients, students."""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.registry import ModelRegistry

START = "from edml.serving import main; main()"
PARQUET = "application/vnd.apache.parquet"
JSON = "application/json"
ENV = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def make_registry(folder, learner="lightgbm", n_enrolments=1000):
    """Store a champion, and return the model."""
    X = make_student_activity(n_enrolments, fail_rate=0.2, random_state=0)
    pipeline = make_risk_pipeline(learner, every=5)
    registry = ModelRegistry(folder)
    registry.register(RiskClassifier(pipeline, cv=3).fit(X, make_target(X)))
    registry.promote(1)
    return registry.load()


def students(n_enrolments):
    """Return the events of histories of 61 rows each, without a final grade."""
    X = make_student_activity(n_enrolments, n_courses=4, random_state=5)
    return X.drop(columns="nota_final_materia")


def one_student():
    """Return the last 60 events of one student in one course."""
    X = students(20)
    keys = ["user_uuid", "course_uuid"]
    return X[(X[keys] == X[keys].iloc[0]).all(axis=1)].tail(60)


def as_json(X):
    """Write records, with null for missing values."""
    values = X.astype(object).where(X.notna(), None)
    return json.dumps(values.to_dict("records")).encode()


def as_parquet(X):
    """Write Parquet, as the client does."""
    body = BytesIO()
    X.to_parquet(body, index=False)
    return body.getvalue()


def free_port():
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def edml_serve(registry, *options):
    """Run edml-serve in a separate process; yield its port and process."""
    port = free_port()
    command = [sys.executable, "-c", START, "--registry", str(registry)]
    with running([*command, "--port", str(port), *options], port, "/ready") as server:
        yield port, server


@contextmanager
def mlflow_serve(path):
    """Run `mlflow models serve` in a separate process; yield its port and process."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(path)]
    options = ["--env-manager", "local", "--port", str(port), "--workers", "1"]
    with running([*command, *options], port, "/ping") as server:
        yield port, server


@contextmanager
def running(command, port, path):
    """Run a server until it is ready; its output is discarded."""
    server = subprocess.Popen(  # noqa: S603
        command,
        env=os.environ | ENV | {"PATH": path_here()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 120
        while not _answers(port, path):
            if server.poll() is not None or time.monotonic() > until:
                message = f"{command} does not serve"
                raise RuntimeError(message)
            time.sleep(0.2)
        yield server
    finally:
        server.terminate()
        server.wait(60)


def cpu_seconds(server):
    """Return the processor seconds of a server and its workers."""
    family = [psutil.Process(server.pid)]
    family += family[0].children(recursive=True)
    times = [one.cpu_times() for one in family]
    return sum(one.user + one.system for one in times)


def path_here():
    """Return the PATH, this environment's commands first, as mlflow runs some."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def _answers(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


class Client:
    """A connection that repeats one request.

    Parameters
    ----------
    port : int
        The server's port.
    path : str
        For example "/predict".
    body : bytes
        The request's body.
    kind : str
        The body's content type.
    """

    def __init__(self, port, path, body, kind):
        self.path, self.body, self.headers = path, body, {"Content-Type": kind}
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def ask(self):
        """Send the request; return status, answer and seconds."""
        start = time.perf_counter()
        self.connection.request("POST", self.path, self.body, self.headers)
        answer = self.connection.getresponse()
        data = answer.read()
        return answer.status, data, time.perf_counter() - start

    def seconds(self, n):
        """Return the seconds of ``n`` requests, all of which must succeed."""
        found = np.empty(n)
        for number in range(n):
            status, data, found[number] = self.ask()
            if status != 200:
                raise RuntimeError(data[:500])
        return found


def throughput(clients, seconds):
    """Return all clients' requests per second, and the seconds of each request."""
    found, errors = [], []
    end = time.perf_counter() + seconds

    def run(client):
        try:
            while time.perf_counter() < end:
                found.append(client.seconds(1)[0])
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return len(found) / (time.perf_counter() - start), np.array(found)
