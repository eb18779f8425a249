"""100,000 requests to edml-serve: no error, no wrong bit, no growing memory.

Run: ``python benchmarks/soak_serving.py [--requests 100000] [--workers 1]``. The exit
code is 1 if a request failed, an answer differed from `score_students`, or the memory
of the server's processes grew by more than 10 % after the first tenth. Every 50th
request of a client is invalid and must be rejected with 400, 415 or 422.
"""

import argparse
import itertools
import json
import sys
import tempfile
import threading
import time

import psutil
from serving_load import (
    JSON,
    PARQUET,
    Client,
    as_json,
    as_parquet,
    edml_serve,
    make_registry,
    students,
)

MOST_GROWTH = 0.10
REFUSED = {
    (b"[{", JSON): 400,
    (b"x", "application/xml"): 415,
    (b'[{"score": 1}]', JSON): 422,
}


def questions(model, n=40):
    """Return bodies, their content types and the expected probabilities."""
    X = students(n)
    found = []
    for _, rows in X.groupby(["user_uuid", "course_uuid"], sort=False):
        expected = model.score_students(rows, n_reasons=0)["probability"].tolist()
        found.append((as_json(rows), JSON, expected))
        found.append((as_parquet(rows), PARQUET, expected))
    return found


class Soak:
    """Clients that share a number of requests, and the failures they saw.

    Parameters
    ----------
    port : int
        The server's port.
    asked : list of tuple
        From `questions`.
    n_requests : int
        Total over all clients.
    """

    def __init__(self, port, asked, n_requests):
        self.port, self.asked = port, asked
        self.numbers = iter(range(n_requests))
        self.lock = threading.Lock()
        self.done = 0
        self.errors = []

    def run(self):
        """Send requests until all are sent."""
        refused = itertools.cycle(REFUSED.items())
        client = Client(self.port, "/predict", b"", JSON)
        for number in iter(self.take, None):
            if number % 50 == 49:
                (body, kind), status = next(refused)
                self.check(client, body, kind, status, None)
            else:
                body, kind, expected = self.asked[number % len(self.asked)]
                self.check(client, body, kind, 200, expected)
        client.connection.close()

    def take(self):
        """Return the number of the next request, or None after the last."""
        with self.lock:
            self.done += 1
            return next(self.numbers, None)

    def check(self, client, body, kind, status, expected):
        """Send one request, and note any failure."""
        client.body, client.headers = body, {"Content-Type": kind}
        try:
            found, data, _ = client.ask()
        except Exception as error:
            self.errors.append(repr(error))
            client.connection.close()
            return
        answer = json.loads(data)
        if found != status:
            self.errors.append(f"{found} instead of {status}: {data[:300]!r}")
        elif expected is not None:
            given = [entry["probability"] for entry in answer["predictions"]]
            if given != expected:
                self.errors.append(f"{given} instead of {expected}")


def memory(process):
    """Return the memory of a server and its workers in megabytes."""
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().uss for one in family) / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asked = questions(make_registry(folder, n_enrolments=300))
        with edml_serve(folder, "--workers", str(given.workers)) as (port, server):
            soak = Soak(port, asked, given.requests)
            grown = watch(soak, psutil.Process(server.pid), given)
    print(f"errors: {len(soak.errors)} {soak.errors[:3]}")  # noqa: T201
    return 1 if soak.errors or grown > MOST_GROWTH else 0


def watch(soak, process, given):
    """Run the clients, and return by how much the server's memory grew."""
    threads = [threading.Thread(target=soak.run) for _ in range(given.clients)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    first = None
    while any(thread.is_alive() for thread in threads):
        threads[0].join(5)
        now = memory(process)
        if first is None and soak.done >= given.requests / 10:
            first = now
        rate = soak.done / (time.monotonic() - start)
        print(  # noqa: T201
            f"{soak.done:7} requests, {rate:.0f}/s, {now:.1f} MB, "
            f"{len(soak.errors)} errors",
            flush=True,
        )
    last = memory(process)
    grown = last / (first or last) - 1
    print(f"memory: {first or last:.1f} MB, then {last:.1f} MB: {grown:+.1%}")  # noqa: T201
    return grown


if __name__ == "__main__":
    sys.exit(main())
