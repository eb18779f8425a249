"""Attacks on edml-serve, together with eight honest clients.

Run: ``python benchmarks/attack_serving.py [--seconds 60]``. Each attack repeats for
that long from several connections of another process, so that the honest clients'
times are the server's and not those of the attackers beside them. The exit code is 1 if
a worker died, the server's memory rose by more than 1.2 GB over idle, `/health` took
more than a second, or an honest request failed or took more than ten times the slowest
just before and after, without an attack.
"""

import argparse
import gzip
import http.client
import multiprocessing
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress

import psutil
from serving_load import JSON, PARQUET, Client, as_json, edml_serve, make_registry
from serving_load import one_student as student

MEGABYTE = 2**20
HEAD = "POST /predict HTTP/1.1\r\nHost: a\r\nContent-Type: {}\r\n"
N_ATTACKERS = 20
N_HONEST = 8
MOST_MEMORY = 1200  # MB over idle
MOST_HEALTH = 1.0  # seconds
MOST_SLOWER = 10.0
CALM = 5.0  # seconds without an attack, between two of them


def body(kind, data, more=""):
    """Return a whole request with this body."""
    head = HEAD.format(kind) + f"Content-Length: {len(data)}\r\n{more}\r\n"
    return [head.encode(), data]


def packed(kind, data):
    """Return a whole request with this body in gzip."""
    return body(kind, gzip.compress(data, 9), "Content-Encoding: gzip\r\n")


def chunked(*chunks):
    """Return a request in chunks, without its end."""
    head = HEAD.format(JSON) + "Transfer-Encoding: chunked\r\n\r\n"
    return [head.encode(), *(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks)]


def attacks():
    """Return the pieces that an attacker sends, and then waits, by name."""
    unfinished = HEAD.format(JSON) + f"Content-Length: {62 * MEGABYTE + 1}\r\n\r\n"
    keys = b",".join(b'"a":1' for _ in range(10**6))
    return {
        "half a header": [b"POST /predict HTTP/1.1\r\nHost: a\r\nX: "],
        "unfinished bodies": [unfinished.encode(), b"[" * 62 * MEGABYTE],
        "tiny chunks": chunked(*[b"["] * 20_000),
        "endless tiny chunks": [*chunked(), b"1\r\n[\r\n" * 2 * MEGABYTE],
        "long chunk extensions": [
            *chunked(),
            (b"1;" + b"x" * 8000 + b"\r\n[\r\n") * 2000,
        ],
        "trailers": [*chunked(b"[]"), b"0\r\n", b"a: b\r\n" * 10_000, b"\r\n"],
        "pipelined": [b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" * 1000],
        "expect": [
            (HEAD.format(JSON) + "Expect: 100-continue\r\n").encode(),
            b"Content-Length: 9\r\n\r\n",
        ],
        "nested JSON": body(JSON, b"[" * 30 * MEGABYTE),
        "huge number": body(JSON, b'[{"score": ' + b"9" * 30 * MEGABYTE + b"}]"),
        "one key a million times": body(JSON, b"[{" + keys + b"}]"),
        "one long line": body("text/csv", b"a" * 60 * MEGABYTE),
        "a million columns": body("text/csv", b"a," * 10**6 + b"\n"),
        "open quote": body("text/csv", b'a,b\n"' + b"x,\n" * 20 * MEGABYTE),
        "gzip bomb": packed(JSON, bytes(300 * MEGABYTE)),
        "gzip of nested JSON": packed(JSON, b"[" * 30 * MEGABYTE),
        "gzip of no member": body(
            JSON, gzip.compress(b"") * 10**6, "Content-Encoding: gzip\r\n"
        ),
        "no Parquet": body(PARQUET, b"PAR1" + b"\0" * 30 * MEGABYTE + b"PAR1"),
    }


def attack_together(port, pieces, until):
    """Attack from many connections, as a process."""
    runs = [
        threading.Thread(target=attack, args=(port, pieces, until))
        for _ in range(N_ATTACKERS)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()


def attack(port, pieces, until):
    """Send one attack again and again, each on its own connection."""
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as sock:
            sock.settimeout(max(0.1, min(5.0, until - time.monotonic())))
            for piece in pieces:
                sock.sendall(piece)
            sock.recv(MEGABYTE)


def ask(port, sent, until, times, errors):
    """Send honest requests; note their times and failures."""
    client = Client(port, "/predict", sent, JSON)
    while time.monotonic() < until:
        try:
            times.append(client.seconds(1)[0])
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            errors.append(repr(error)[:200])
            client.connection.close()


def health(port):
    """Return the seconds that /health takes."""
    start = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/health")
    connection.getresponse().read()
    connection.close()
    return time.perf_counter() - start


def measure(port, server, sent, pieces, seconds):
    """Run an attack, or none; return times, errors, health, memory and workers."""
    until = time.monotonic() + seconds
    times, errors, answers, memory = [], [], [], []
    asked = (port, sent, until, times, errors)
    runs = [threading.Thread(target=ask, args=asked) for _ in range(N_HONEST)]
    if pieces:
        attacked = (port, pieces, until)
        runs.append(multiprocessing.Process(target=attack_together, args=attacked))
    for run in reversed(runs):  # a process forks before there are threads
        run.start()
    while time.monotonic() < until:
        try:
            answers.append(health(port))
        except (OSError, http.client.HTTPException):
            answers.append(float("inf"))
        family = server.children(recursive=True)
        memory.append(sum(one.memory_info().rss for one in family) / MEGABYTE)
        time.sleep(0.2)
    for run in runs:
        run.join()
    workers = {one.pid for one in server.children()}
    return max(times, default=float("inf")), errors, max(answers), max(memory), workers


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--only", help="part of an attack's name")
    given = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        make_registry(folder, n_enrolments=300)
        sent = as_json(student().drop(columns="nota_final_materia", errors="ignore"))
        with edml_serve(folder) as (port, process):
            server = psutil.Process(process.pid)
            before, _, _, idle, workers = measure(port, server, sent, (), CALM)
            print(f"usual: {before:.2f} s at most, {idle:.0f} MB")  # noqa: T201
            for name, pieces in attacks().items():
                if given.only and given.only not in name:
                    continue
                found = measure(port, server, sent, pieces, given.seconds)
                slowest, errors, answer, memory, now = found
                after = measure(port, server, sent, (), CALM)[0]
                usual, before = max(before, after), after
                bad = (
                    bool(errors)
                    or now != workers
                    or answer > MOST_HEALTH
                    or memory - idle > MOST_MEMORY
                    or slowest > MOST_SLOWER * usual
                )
                failed |= bad
                print(  # noqa: T201
                    f"{name}: honest {slowest:.2f} s at most, {slowest / usual:.1f} "
                    f"times the {usual:.2f} s before and after, {len(errors)} errors "
                    f"{errors[:1]}, health {answer:.2f} s, {memory - idle:+.0f} MB, "
                    f"{'same' if now == workers else 'OTHER'} workers: "
                    f"{'FAILED' if bad else 'held'}",
                    flush=True,
                )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
