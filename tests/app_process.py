"""`edml app` as a separate process, and checks of it outside the browser."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

from edml import (
    RiskClassifier,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.registry import ModelRegistry
from served import wait_until

COMMAND = Path(sys.executable).with_name("edml")
COURSES = ("Álgebra Lineal", "Física II", "Química Orgánica")


def make_events(n_enrolments=240, random_state=3, partitions=30):
    """Return events of three courses, whose students have ids that are not numbers."""
    X = make_student_activity(
        n_enrolments,
        n_courses=3,
        fail_rate=0.25,
        partitions=partitions,
        random_state=random_state,
    )
    courses = sorted(X["course_uuid"].unique())
    names = {course: COURSES[place % 3] for place, course in enumerate(courses)}
    return X.assign(
        course_name=X["course_uuid"].map(names),
        legajo="LEG-" + X["legajo"].astype(str),
        user_uuid="estudiante-" + X["user_uuid"].astype(str),
    )


def make_versions(folder):
    """Store three models: one in production, one in staging, one in development."""
    registry = ModelRegistry(folder, who="ada")
    X, X_test = make_events(random_state=5), make_events(random_state=6)
    for algorithm in ("lightgbm", "random_forest", "xgboost"):
        pipeline = make_risk_pipeline(algorithm, every=7, random_state=0)
        model = RiskClassifier(pipeline, cv=3).fit(X, make_target(X))
        evaluation = evaluate(model, X_test, make_target(X_test), n_resamples=50)
        registry.register(model, evaluation, tags={"term": "1-2026"})
    registry.promote(2, why="the first one")
    registry.promote(1, why="surer of the worst off")
    registry.promote(2, "staging", why="to compare")
    return registry


class RunningApp:
    """A running app.

    Attributes
    ----------
    url : str
        Its address.
    process : psutil.Process
        The app's process.
    scratch : Path
        Its home and its folder of temporary files.
    """

    def __init__(self, process, url, scratch):
        self.url = url
        self.process = psutil.Process(process.pid)
        self.scratch = scratch
        self._popen = process
        self._lines = []
        # read as it comes: a full pipe would stop the app
        self._reader = threading.Thread(
            target=self._lines.extend, args=[process.stdout]
        )
        self._reader.start()

    @property
    def log(self):
        """Return its output so far to stdout and stderr."""
        return "".join(self._lines)

    def is_ready(self):
        """Return whether it answers; fail if it has ended."""
        assert self._popen.poll() is None, self.log
        try:
            with urlopen(f"{self.url}/_stcore/health"):  # noqa: S310 - our own server
                return True
        except (URLError, ConnectionError):
            return False

    def forbid_writing(self):
        """Forbid it to write to any file from now on, named or not."""
        if sys.platform == "linux":
            self.process.rlimit(psutil.RLIMIT_FSIZE, (0, 0))

    def stop(self):
        """Stop it as a shell does, and wait until it ends."""
        if self._popen.poll() is None:
            self._popen.terminate()
        self._popen.wait(60)
        self._reader.join()
        self._popen.stdout.close()

    def addresses(self):
        """Return the addresses on which it listens."""
        family = [self.process, *self.process.children(recursive=True)]
        return {
            connection.laddr.ip
            for process in family
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }

    def kept(self):
        """Return the bytes of all its files."""
        files = (path for path in self.scratch.rglob("*") if path.is_file())
        return b"".join(path.read_bytes() for path in files)


@contextmanager
def edml_app(scratch, *options, env=None, cwd=None):
    """Run `edml app` on a free port, with a separate home, until it answers."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    home = {name: str(scratch) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")}
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EDML_", "STREAMLIT_"))
    }
    process = subprocess.Popen(  # noqa: S603 - our own words
        [COMMAND, "app", "--port", str(port), *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd or scratch,
        env=environment | home | {"PYTHONUNBUFFERED": "1"} | (env or {}),
    )
    app = RunningApp(process, url, scratch)
    try:
        wait_until(app.is_ready)
        yield app
    finally:
        app.stop()
