"""A registry, servers and recorded requests, for the tests of serving."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.registry import ModelRegistry

START = "from edml.serving import main; main()"


def students(n=30, random_state=7):
    """Return events of students, as sent to an endpoint."""
    X = make_student_activity(n, n_courses=3, fail_rate=0.3, random_state=random_state)
    return X.drop(columns="nota_final_materia")


def make_registry(folder, key=None):
    """Store two models that answer differently; the first is the champion."""
    registry = ModelRegistry(folder, key=key)
    for random_state in (1, 2):
        X = make_student_activity(60, fail_rate=0.3, random_state=random_state)
        pipeline = make_risk_pipeline("lightgbm", every=7)
        registry.register(RiskClassifier(pipeline, cv=2).fit(X, make_target(X)))
    registry.promote(1)
    return registry


@dataclass
class Answer:
    """A scripted endpoint's answer; without a status it breaks the connection."""

    status: int | None = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    headers: dict = field(default_factory=dict)
    before: object = None  # called first


@contextmanager
def scripted(*answers):
    """Serve the answers in turn, repeating the last; yield address and requests."""
    requests = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            length = int(self.headers.get("Content-Length", 0))
            requests.append((self.path, dict(self.headers), self.rfile.read(length)))
            answer = left.pop(0) if len(left) > 1 else left[0]
            if answer.before is not None:
                answer.before()
            if answer.status is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_):
            pass  # a refused client may leave

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def edml_serve(registry, *options, env=None, start=START):
    """Run edml-serve in a process, on a free port."""
    command = [sys.executable, "-c", start, "--registry", str(registry), "--port", "0"]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("EDML_")
    }
    process = subprocess.Popen(  # noqa: S603
        [*command, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"OMP_NUM_THREADS": "1"} | (env or {}),
        start_new_session=True,
    )
    served = Served(process)
    try:
        served.url = process.stdout.readline().split()[-1]
        served.port = int(served.url.rpartition(":")[2])
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        served.output()


class Served:
    """A running edml-serve."""

    def __init__(self, process):
        self.process = process
        self._output = None
        self.lines = []
        # read as it comes: a full pipe would stop the server
        self._reader = threading.Thread(
            target=lambda: self.lines.extend(process.stderr)
        )
        self._reader.start()

    def connect(self):
        """Open a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def output(self):
        """Wait until it ends, and return its stderr."""
        if self._output is None:
            self.process.wait(60)
            self._reader.join()
            self.process.stdout.close()
            self.process.stderr.close()
            self._output = "".join(self.lines)
        return self._output


def wait_until(true, seconds=120):
    """Wait until a condition holds; fail after some seconds."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "the condition never held"
        time.sleep(0.02)
