"""A ledger of ten million entries, against a folder of one Parquet file per run.

A year of daily runs over 13,700 students in two courses each. Two actions alternate in
one process, and their best times are compared.

Run everything without asv: ``python benchmarks/bench_ledger.py`` (three minutes).
"""

import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
from bench_features import best_times

from edml.ledger import Ledger

N_STUDENTS, N_COURSES, N_RUNS = 13_700, 2, 365
NOW = datetime(2026, 7, 1, 6, tzinfo=UTC)
WEEK, LATER = NOW - timedelta(days=7), NOW + timedelta(days=1)
COPY_RUN = """
INSERT INTO runs SELECT ?, ?, source, registry, version, model_hash, events, threshold,
    capacity, n_entries FROM runs WHERE id = 1
"""
COPY_ENTRIES = """
INSERT INTO entries SELECT ?, student, course, ?, abs(random() / 9223372036854775808.0),
    flagged, within_capacity, reasons FROM entries WHERE run = 1
"""
FEATURES = [f"feature_{k}" for k in range(44)]


def make_scores(day: int, n_students: int = N_STUDENTS) -> pd.DataFrame:
    """Make a list as score_students does: students in two of 40 courses each."""
    rng = np.random.default_rng(day)
    n = n_students * N_COURSES
    student = np.tile(np.arange(n_students), N_COURSES)
    probability = rng.random(n)
    reasons = rng.integers(0, 44, (n, 3))
    return pd.DataFrame(
        {
            "user_uuid": pd.array(
                [f"{k:08d}-1111-2222-3333-444455556666" for k in student]
            ),
            "course_uuid": pd.array([f"course-{k % 20}" for k in student])
            + np.repeat(["-a", "-b"], n_students),
            "particion": day,
            "probability": probability,
            "flagged": probability > 0.8,
            "reason_features": [[FEATURES[k] for k in row] for row in reasons],
        }
    )


class Folder:
    """The alternative: a file per run, named after its time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)

    def append(self, scores: pd.DataFrame, moment: datetime) -> None:
        named = scores.rename(columns={"user_uuid": "student", "course_uuid": "course"})
        named.assign(time=moment).to_parquet(self._file(moment), index=False)

    def since(self, moment: datetime) -> pd.DataFrame:
        first = self._file(moment).name
        files = sorted(one for one in self.path.iterdir() if one.name >= first)
        return ds.dataset(files, format="parquet").to_table().to_pandas()

    def of(self, student: str) -> pd.DataFrame:
        table = ds.dataset(self.path, format="parquet")
        return table.to_table(filter=ds.field("student") == student).to_pandas()

    def _file(self, moment: datetime) -> Path:
        return self.path / f"{moment:%Y-%m-%dT%H-%M}.parquet"


class Year:
    """A year of runs: processor seconds, and how many times those of the folder."""

    timeout = 3600

    def setup_cache(self):
        folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        build(folder)
        return str(folder)

    def setup(self, folder):
        self.ledger = Ledger(Path(folder, "ledger.db"))
        self.folder = Folder(Path(folder, "runs"))

    def time_last_week(self, folder):
        return best_times(
            lambda: self.ledger.entries(WEEK), lambda: self.folder.since(WEEK)
        )

    def time_student(self, folder):
        student = make_scores(0)["user_uuid"][4711]
        return best_times(
            lambda: self.ledger.entries(student=student),
            lambda: self.folder.of(student),
            repeat=3,
        )

    def time_append(self, folder):
        scores = make_scores(1000)
        moments = iter(LATER + timedelta(hours=k) for k in range(100))
        return best_times(
            lambda: self.ledger.append(scores, version=1, time=next(moments)),
            lambda: self.folder.append(scores, next(moments)),
            repeat=3,
        )

    def track_last_week(self, folder):
        return self.time_last_week(folder)[0]

    def track_student(self, folder):
        ours, theirs = self.time_student(folder)
        return ours / theirs

    def track_append(self, folder):
        ours, theirs = self.time_append(folder)
        return ours / theirs


def build(folder: Path) -> None:
    """Write a year of runs in both ways; SQL copies the first run, and moves it."""
    path, runs = folder / "ledger.db", Folder(folder / "runs")
    scores = make_scores(0)
    Ledger(path).append(scores, version=1, capacity=15, time=moment_of(0))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for day in range(1, N_RUNS):
            micro = int(moment_of(day).timestamp() * 10**6)
            connection.execute("BEGIN")
            connection.execute(COPY_RUN, (day + 1, micro))
            connection.execute(COPY_ENTRIES, (day + 1, day))
            connection.execute("COMMIT")
    for day in range(N_RUNS):
        runs.append(scores.assign(particion=day), moment_of(day))


def moment_of(day: int) -> datetime:
    return NOW - timedelta(days=N_RUNS - 1 - day)


def report() -> None:
    """Print all figures; erasing comes last, because it changes the ledger."""
    year = Year()
    folder = sys.argv[1] if len(sys.argv) > 1 else year.setup_cache()
    year.setup(folder)
    sizes = [one.stat().st_size for one in year.folder.path.iterdir()]
    megabytes = [size / 2**20 for size in (year.ledger.path.stat().st_size, sum(sizes))]
    n_entries = year.ledger.runs()["n_entries"].sum()
    lines = [
        f"{folder}: {n_entries:,} entries",
        "size: {:.0f} MB, folder {:.0f} MB".format(*megabytes),
        "last week: {:.2f} s, folder {:.2f} s".format(*year.time_last_week(folder)),
        "one student: {:.3f} s, folder {:.2f} s".format(*year.time_student(folder)),
    ]
    rates = [N_STUDENTS * N_COURSES / one for one in year.time_append(folder)]
    lines.append("append: {:,.0f} entries a second, folder {:,.0f}".format(*rates))
    begun = time.monotonic()
    year.ledger.erase(make_scores(0)["user_uuid"][4711])
    lines.append(f"erase: {time.monotonic() - begun:.0f} s by the clock")
    print("\n".join(lines))  # noqa: T201


if __name__ == "__main__":
    report()
