"""read_events: its time as a multiple of pandas' pyarrow engine on the same file.

Run: ``python benchmarks/bench_reading.py [ENROLMENTS]`` (default 23,000: 1.4 million
rows). The two alternate in one process, on a plain file, on one with quotes around
every field, and on one with semicolons and decimal commas. `read_events` also checks
every value and converts ids and dates. Only processor time counts.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import pandas as pd
from bench_features import best_times, make_table

from edml.sources import read_events


def main(n_enrolments: int) -> None:
    """Print the rows, the seconds and the ratio."""
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
            sys.stdout.write(
                f"{len(X):,} {what} rows: read_events {edml:.2f} s, "
                f"pandas {pandas:.2f} s, ratio {edml / pandas:.2f}\n"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 23_000)
