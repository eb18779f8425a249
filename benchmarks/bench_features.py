"""Cleaning and features: speed against a sort, growth, one student, and memory.

Run all of it, without asv: ``python benchmarks/bench_features.py``.
"""

import threading
import time

import numpy as np
import pandas as pd
import psutil
from _ratio import best_times, ratio

from edml import DataCleaner, FeatureEngineer, make_student_activity
from edml.schema import COURSE, PARTITION, STUDENT

KEYS = [STUDENT, COURSE, PARTITION]


def make_table(n_enrolments: int, storage: str = "python") -> pd.DataFrame:
    """Make a shuffled table whose text is kept as Python or as Arrow strings."""
    X = make_student_activity(n_enrolments, random_state=0)
    text = pd.StringDtype(storage, na_value=np.nan)
    X = X.astype(
        {name: text for name in X if not pd.api.types.is_numeric_dtype(X[name])}
    )
    return X.sample(frac=1, random_state=0, ignore_index=True)


class Process:
    """Cleaning plus features."""

    def __init__(self, X: pd.DataFrame) -> None:
        self.cleaner = DataCleaner().fit(X)
        self.engineer = FeatureEngineer().fit(X)

    def __call__(self, X: pd.DataFrame) -> pd.DataFrame:
        return self.engineer.transform(self.cleaner.transform(X))


class AgainstSort:
    """The time of cleaning plus features over that of sorting the same table."""

    params = ([2300, 23_000], ["python", "pyarrow"])
    param_names = ("enrolments", "text")
    unit = "ratio"
    timeout = 300

    def setup(self, n_enrolments, storage):
        self.X = make_table(n_enrolments, storage)
        self.process = Process(self.X)

    def track_clean_and_features(self, n_enrolments, storage):
        return ratio(lambda: self.process(self.X), lambda: self.X.sort_values(KEYS))


class Growth:
    """Time per row at 5 million rows over that at 100,000."""

    unit = "ratio"
    timeout = 600

    def track_time_per_row(self):
        per_row = []
        for n_enrolments in (1600, 80_000):
            X = make_table(n_enrolments)
            process = Process(X)
            (taken,) = best_times(lambda: process(X), repeat=3)  # noqa: B023
            per_row.append(taken / len(X))
        return per_row[1] / per_row[0]


class OneStudent:
    """The 60 rows of one student, in milliseconds."""

    unit = "ms"

    def setup(self):
        X = make_table(200)
        first = X.iloc[0]
        self.X = X[(X[STUDENT] == first[STUDENT]) & (X[COURSE] == first[COURSE])]
        self.process = Process(self.X)

    def track_one_student(self):
        return 1000 * best_times(lambda: self.process(self.X), repeat=200)[0]


class Memory:
    """Peak extra memory over the size of input plus output."""

    params = [2300, 23_000]
    param_names = ("enrolments",)
    unit = "ratio"

    def track_peak(self, n_enrolments):
        X = make_table(n_enrolments)
        process = Process(X)
        X_size = X.memory_usage(deep=True).sum()
        me, peak, done = psutil.Process(), [0], threading.Event()
        before = me.memory_info().rss

        def watch():
            while not done.is_set():
                peak[0] = max(peak[0], me.memory_info().rss)
                time.sleep(0.0005)

        watcher = threading.Thread(target=watch)
        watcher.start()
        out = process(X)
        done.set()
        watcher.join()
        out_size = out.memory_usage(deep=True).sum()
        return (peak[0] - before) / (X_size + out_size)


if __name__ == "__main__":
    for n_enrolments in (2300, 23_000):
        for storage in ("python", "pyarrow"):
            case = AgainstSort()
            case.setup(n_enrolments, storage)
            found = case.track_clean_and_features(n_enrolments, storage)
            print(f"{len(case.X):>9} rows, {storage} text: {found:.2f} of the sort")  # noqa: T201
    one = OneStudent()
    one.setup()
    print(f"one student, {len(one.X)} rows: {one.track_one_student():.2f} ms")  # noqa: T201
    for n_enrolments in (2300, 23_000):
        found = Memory().track_peak(n_enrolments)
        print(f"memory, {n_enrolments} enrolments: {found:.2f} of input + output")  # noqa: T201
    print(f"time per row, 5M over 100k rows: {Growth().track_time_per_row():.2f}")  # noqa: T201
