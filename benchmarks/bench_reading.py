"""read_events: its time as a multiple of pandas' pyarrow engine on the same file.

Run: ``python benchmarks/bench_reading.py [ENROLMENTS]`` (default 23,000: 1.4 million
rows). The two alternate in one process, on a plain file, on one with quotes around
every field, and on one with semicolons and decimal commas. `read_events` also checks
every value and converts ids and dates. Both read with Arrow's threads, one for each
processor (or ``OMP_NUM_THREADS``). On a busy machine, trust the processor time.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from bench_features import make_table

from edml.sources import read_events


def best_times(*actions: Callable[[], object], repeat: int) -> list[list[float]]:
    """Return each action's shortest processor and wall time; they take turns."""
    clocks = (time.process_time, time.perf_counter)
    best = [[float("inf")] * len(clocks) for _ in actions]
    for _ in range(repeat + 1):  # the first turn imports and warms up
        for action, times in zip(actions, best, strict=True):
            begin = [clock() for clock in clocks]
            action()
            taken = [
                clock() - start for clock, start in zip(clocks, begin, strict=True)
            ]
            times[:] = map(min, times, taken)
    return best


def main(n_enrolments: int) -> None:
    """Print the rows, the seconds and the ratios."""
    X = make_table(n_enrolments)
    with tempfile.TemporaryDirectory() as folder:
        for what, form, how in (
            ("plain", {}, {}),
            ("quoted", {"quoting": 1}, {}),
            ("semicolon", {"sep": ";", "decimal": ","}, {"sep": ";", "decimal": ","}),
        ):
            path = Path(folder, f"{what}.csv")
            X.to_csv(path, index=False, **form)
            edml, pandas = best_times(
                partial(read_events, path, return_report=True),
                partial(pd.read_csv, path, engine="pyarrow", **how),
                repeat=5,
            )
            for of, mine, other in zip(
                ("processor", "wall"), edml, pandas, strict=True
            ):
                sys.stdout.write(
                    f"{len(X):,} {what} rows, {of} time: read_events {mine:.2f} s, "
                    f"pandas {other:.2f} s, ratio {mine / other:.2f}\n"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 23_000)
