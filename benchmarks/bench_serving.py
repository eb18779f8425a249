"""Serving one student's 60 events, and 1,000 students, over HTTP.

``edml-serve`` runs in a separate process, with one worker and one thread per library.
Run everything without asv: ``python benchmarks/bench_serving.py``. If mlflow is
installed, ``mlflow models serve`` serves the same pipeline with one worker. The
requests to both servers alternate; mlflow answers with ``predict_proba``, a probability
for each row. On a shared machine, compare the last column: milliseconds of processor
time per request, in the server's processes.

``--compare-servers`` alternates between gunicorn, as `edml-serve` sets it up, and
waitress, each working on 1, 2 and 4 requests at a time.
"""

import argparse
import importlib.util
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from serving_load import (
    JSON,
    PARQUET,
    Client,
    as_json,
    as_parquet,
    cpu_seconds,
    edml_serve,
    free_port,
    make_registry,
    mlflow_serve,
    one_student,
    running,
    students,
    throughput,
)

N_CLIENTS = 16
WAITRESS = """
import sys
from waitress import serve
from edml.registry import ModelRegistry
from edml.serving import create_app
serve(create_app(ModelRegistry(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]),
      threads=int(sys.argv[3]))
"""


class Endpoint:
    """Serve one LightGBM champion: milliseconds, or requests per second."""

    timeout = 300

    def setup(self):
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        make_registry(folder)
        self.port, _ = self.stack.enter_context(edml_serve(folder))
        self.one = as_json(one_student())
        self.client(self.one, JSON).seconds(50)

    def teardown(self):
        self.stack.close()

    def client(self, body, kind):
        return Client(self.port, "/predict", body, kind)

    def track_median(self):
        return 1000 * np.median(self.client(self.one, JSON).seconds(300))

    def track_p99(self):
        return 1000 * np.quantile(self.client(self.one, JSON).seconds(1000), 0.99)

    def track_throughput(self):
        clients = [self.client(self.one, JSON) for _ in range(N_CLIENTS)]
        return throughput(clients, 10)[0]

    def track_parquet_of_1000(self):
        body = as_parquet(students(1000))
        return 1000 * np.median(self.client(body, PARQUET).seconds(5))

    def track_json_of_1000(self):
        body = as_json(students(1000))
        return 1000 * np.median(self.client(body, JSON).seconds(5))

    track_median.unit = track_p99.unit = "ms"
    track_parquet_of_1000.unit = track_json_of_1000.unit = "ms"
    track_throughput.unit = "1/s"


def save_for_mlflow(model, path):
    """Store the model as mlflow does; it answers with the probabilities of all rows."""
    import mlflow.sklearn  # noqa: PLC0415 - only for the comparison

    mlflow.sklearn.save_model(
        model,
        str(path),
        pip_requirements=["edml"],
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
    )


def for_mlflow(X):
    """Write the first format in mlflow's documentation."""
    import json  # noqa: PLC0415 - imported where it is used

    values = X.astype(object).where(X.notna(), None)
    return json.dumps({"dataframe_split": values.to_dict("split")}).encode()


def show(name, seconds, *more):
    p99 = np.quantile(seconds, 0.99)
    text = f"{name:24} {1000 * np.median(seconds):8.1f} {1000 * p99:8.1f}"
    print(text + "".join(f" {one:8.1f}" for one in more), flush=True)  # noqa: T201


def run(n_rounds, seconds):
    """Print all figures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = make_registry(folder / "registry")
        port, ours = stack.enter_context(edml_serve(folder / "registry"))
        one = one_student()
        asked = {
            "edml, JSON": (ours, port, "/predict", as_json(one), JSON),
            "edml, Parquet": (ours, port, "/predict", as_parquet(one), PARQUET),
        }
        if importlib.util.find_spec("mlflow") is not None:
            save_for_mlflow(model, folder / "mlflow")
            port_, other = stack.enter_context(mlflow_serve(folder / "mlflow"))
            body = for_mlflow(one)
            asked["mlflow, JSON"] = (other, port_, "/invocations", body, JSON)
        one_client(asked, n_rounds)
        rates = many_clients(asked, n_rounds, seconds)
        for name in list(rates)[2:]:
            ratio = np.array(rates["edml, JSON"]) / np.array(rates[name])
            print(f"throughput over {name}: {np.median(ratio):.2f} ({ratio})")  # noqa: T201
        thousand(port)


def one_client(asked, n_rounds):
    print(f"{'one client':24} {'median':>8} {'p99':>8}  ms")  # noqa: T201
    found = {name: [] for name in asked}
    for round_ in range(n_rounds + 1):
        for name, (_, *what) in asked.items():
            took = Client(*what).seconds(100)
            if round_:  # the first one is a warm-up
                found[name].append(took)
    for name, parts in found.items():
        show(name, np.concatenate(parts))


def many_clients(asked, n_rounds, seconds):
    heading = f"{N_CLIENTS} clients"
    print(f"{heading:24} {'median':>8} {'p99':>8} {'1/s':>8} {'CPU':>8}")  # noqa: T201
    rates = {name: [] for name in asked}
    took = {name: [] for name in asked}
    computed = dict.fromkeys(asked, 0.0)
    for _ in range(n_rounds):
        for name, (server, *what) in asked.items():
            clients = [Client(*what) for _ in range(N_CLIENTS)]
            before = cpu_seconds(server)
            rate, parts = throughput(clients, seconds)
            computed[name] += cpu_seconds(server) - before
            rates[name].append(rate)
            took[name].append(parts)
    for name in asked:
        every = np.concatenate(took[name])
        cpu = 1000 * computed[name] / len(every)
        show(name, every, np.median(rates[name]), cpu)
    return rates


def thousand(port):
    X = students(1000)
    print(f"{f'1,000 students, {len(X):,} rows':24} {'median':>8} {'max':>8}  ms")  # noqa: T201
    for name, body, kind in (
        ("edml, Parquet", as_parquet(X), PARQUET),
        ("edml, JSON", as_json(X), JSON),
    ):
        client = Client(port, "/predict", body, kind)
        client.seconds(1)
        show(name, client.seconds(7))


@contextmanager
def waitress_serve(registry, threads):
    port = free_port()
    command = [sys.executable, "-c", WAITRESS, str(registry), str(port), str(threads)]
    with running(command, port, "/ready") as server:
        yield port, server


def compare_servers(n_rounds, seconds):
    """Compare gunicorn and waitress, alternately."""
    with tempfile.TemporaryDirectory() as folder:
        make_registry(folder)
        body = as_json(one_student())
        for threads in (1, 2, 4):
            with ExitStack() as stack:
                ours = edml_serve(folder, "--threads", str(threads))
                theirs = waitress_serve(folder, threads)
                asked = {}
                for name, server in (("gunicorn", ours), ("waitress", theirs)):
                    port, process = stack.enter_context(server)
                    what = (process, port, "/predict", body, JSON)
                    asked[f"{name}, {threads} at work"] = what
                one_client(asked, n_rounds)
                many_clients(asked, n_rounds, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5, help="for each measurement")
    parser.add_argument("--compare-servers", action="store_true")
    given = parser.parse_args()
    measure = compare_servers if given.compare_servers else run
    measure(given.rounds, given.seconds)
