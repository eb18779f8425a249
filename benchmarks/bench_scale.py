"""edml.scale: how time and memory grow with the rows of a store.

Run: ``python benchmarks/bench_scale.py [ROWS ...] [--jobs 2] [--folder FOLDER]``
(default 1e6 and 1e7; 1e8 needs 6 GB of disk; ``--skew`` adds a student with a
million rows, and puts half of all rows into one course). For each number of rows it
writes parts with `make_student_activity` (not timed), buckets them, describes them (the
features of every tenth course day, written as Parquet) and scores each student. Before,
between and after, the same is done with one part in memory, by one process: the median
of its rates is what the store's is compared with. The peak is the memory of all
processes together, without what they share.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import psutil
from sklearn.pipeline import make_pipeline

from edml import make_risk_pipeline
from edml.classifier import RiskClassifier
from edml.datasets import make_student_activity, make_target
from edml.feature_extraction import FeatureEngineer
from edml.preprocessing import DataCleaner
from edml.scale import bucket_events, map_buckets
from edml.sources import read_events

ENROLMENTS = 8_000  # of a part: about 500,000 rows


class Peak:
    """The largest memory that this process and its children held, in bytes."""

    def __init__(self) -> None:
        self.bytes = 0
        self._stopped = threading.Event()

    def __enter__(self) -> "Peak":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stopped.wait(0.5):
            held = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    held += process.memory_full_info().uss
                except psutil.Error:  # it has ended
                    continue
            self.bytes = max(self.bytes, held)


def write_parts(folder: Path, n_rows: float) -> tuple[int, int]:
    """Write parts of made-up students until there are so many rows."""
    folder.mkdir()
    n_written = n_parts = 0
    while n_written < n_rows:
        X = make_student_activity(
            ENROLMENTS, n_courses=40, partitions=60, random_state=n_parts
        )
        X = X.head(int(n_rows - n_written)) if n_written + len(X) > n_rows else X
        X.to_parquet(folder / f"part-{n_parts:05d}.parquet", index=False)
        n_written += len(X)
        n_parts += 1
    return n_written, n_parts


def skew_parts(folder: Path) -> None:
    """Add a student with a million rows, and make everybody's first course one."""
    for path in sorted(folder.iterdir()):
        X = pd.read_parquet(path)
        first = X.groupby("user_uuid")["course_uuid"].transform("first")
        names = ["course_uuid", "course_name"]
        X.loc[X["course_uuid"] == first, names] = "everybody's"
        X.to_parquet(path, index=False)
    busy = X[X["user_uuid"] == X["user_uuid"].iloc[0]]
    busy = pd.concat([busy] * (1_000_000 // len(busy)))
    busy.to_parquet(folder / "part-99999.parquet", index=False)


def describe(X: pd.DataFrame) -> pd.DataFrame:
    """Compute the features of all rows, and return those of every tenth day."""
    features = make_pipeline(DataCleaner(), FeatureEngineer()).fit_transform(X)
    return features[features["particion"] % 10 == 0]


def score(model: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Score each student and course on the latest day."""
    return model.score_students(X, n_reasons=0)


def clocks() -> tuple[float, float]:
    """Return the wall time, and the processor time of this process and its children."""
    me = psutil.Process()
    used = [process.cpu_times() for process in [me, *me.children(recursive=True)]]
    return time.perf_counter(), sum(one.user + one.system for one in used)


@contextmanager
def timed(times: dict[str, tuple[float, float]], what: str) -> Iterator[None]:
    """Keep the seconds that a block takes, by the wall and of the processors."""
    start = clocks()
    yield
    end = clocks()
    times[what] = end[0] - start[0], end[1] - start[1]


def in_memory(part: Path, model: Any) -> tuple[float, float]:
    """Do all with one part in memory; return the rows a second of each clock."""
    times: dict[str, tuple[float, float]] = {}
    with timed(times, "all"):
        X, _ = read_events(part, return_report=True)
        describe(X).to_parquet(part.parents[1] / "described.parquet")
        score(model, X).to_parquet(part.parents[1] / "scored.parquet")
    wall, processor = times["all"]
    return len(X) / wall, len(X) / processor


def run(
    folder: Path, n_rows: float, jobs: int, model: Any, skew: bool
) -> dict[str, float]:
    """Bucket, describe and score so many rows, and print what it took."""
    n_written, n_parts = write_parts(folder / "parts", n_rows)
    if skew:
        skew_parts(folder / "parts")
    some = folder / "parts" / "part-00000.parquet"
    in_memory(some, model)
    rates = [in_memory(some, model)]
    times: dict[str, tuple[float, float]] = {}
    source, out = folder / "parts", folder / "store"
    options: dict[str, Any] = {"n_jobs": jobs, "progress": False}
    with Peak() as peak, timed(times, "bucket"):
        store = bucket_events(source, out, **options)
    peaks = [peak.bytes]
    n_written = store.n_rows
    for what, function in (("describe", describe), ("score", partial(score, model))):
        rates.append(in_memory(some, model))
        with Peak() as peak, timed(times, what):
            map_buckets(function, store, folder / what, key="1", **options)
        peaks.append(peak.bytes)
    rates.append(in_memory(some, model))
    memory = tuple(median(one) for one in zip(*rates, strict=True))
    wall, processor = (sum(one) for one in zip(*times.values(), strict=True))
    size = sum(path.stat().st_size for path in store.path.iterdir())
    shares = n_written / wall / memory[0], n_written / processor / memory[1]
    sys.stdout.write(
        f"{n_written:,} rows of {store.n_students:,} students, {n_parts} parts, "
        f"{store.n_buckets} buckets, {size / 1e9:.2f} GB: "
        + ", ".join(
            f"{what} {one:.1f} s ({used:.1f} s of processors)"
            for what, (one, used) in times.items()
        )
        + f"; {n_written / wall:,.0f} rows a second, {shares[0]:.2f} of the rate in "
        f"memory ({memory[0]:,.0f}); by processor time {shares[1]:.2f} of it "
        f"({memory[1]:,.0f}); peak {max(peaks) / 2**30:.2f} GiB\n"
    )
    sys.stdout.flush()
    return {"rows": n_written, "wall": wall, "processor": processor}


def main() -> None:
    """Run all sizes, and print the growth from the first to the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", type=float, default=[1e6, 1e7])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--skew", action="store_true")
    options = parser.parse_args()
    X = make_student_activity(1_000, fail_rate=0.2, random_state=0)
    pipeline = make_risk_pipeline("lightgbm", every=10, random_state=0)
    model = RiskClassifier(pipeline, cv=3, random_state=0).fit(X, make_target(X))
    model = model.deployable()
    found = []
    for n_rows in options.rows:
        folder = Path(tempfile.mkdtemp(dir=options.folder))
        try:
            found.append(run(folder, n_rows, options.jobs, model, options.skew))
        finally:
            shutil.rmtree(folder)
    if len(found) > 1:
        for clock in ("wall", "processor"):
            each = [one[clock] / one["rows"] for one in found]
            sys.stdout.write(
                f"{clock} time of a row, last to first: {each[-1] / each[0]:.2f}\n"
            )


if __name__ == "__main__":
    main()
