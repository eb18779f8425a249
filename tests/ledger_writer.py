"""Fork processes that append to a ledger, and kill them at random moments.

Run as ``python ledger_writer.py FILE N_KILLS SEED``; it prints the runs that `append`
returned, in JSON, with the size of each. Forking is fast, and needs one thread.
"""

import json
import os
import random
import signal
import sys
import time

from edml.ledger import Ledger
from ledger_lists import make_scores

LONGEST = 0.1  # seconds that a process lives after some of its runs


def append_for_ever(path, pipe, rng):
    ledger = Ledger(path)
    while True:
        n = rng.randint(1, 400)
        ids = [f"student-{k}" for k in rng.sample(range(1000), n)]
        run = ledger.append(make_scores(ids), version=1, capacity=5)
        os.write(pipe, f"{run} {n}\n".encode())


def main(path, n_kills, seed):
    rng = random.Random(seed)  # noqa: S311 - no secret
    told = []
    for _ in range(n_kills):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            append_for_ever(path, writing, random.Random(rng.random()))  # noqa: S311
        os.close(writing)
        with open(reading) as pipe:  # noqa: PTH123
            lines = [pipe.readline() for _ in range(rng.randint(1, 3))]
            time.sleep(rng.uniform(0, LONGEST))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            lines += pipe.readlines()
        told += [[int(word) for word in line.split()] for line in lines]
    print(json.dumps(told))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
