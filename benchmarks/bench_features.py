"""Cleaning and features: speed against a sort, growth, one student, and memory.

Two things are timed in one process, turn by turn, and the best of each compared. Both
run in one thread, and their processor time is taken: such ratios stay meaningful on a
busy machine, where absolute times do not.

Run all of it, without asv: ``python benchmarks/bench_features.py``.
"""

import time
import tracemalloc
from collections.abc import Callable

import pandas as pd

from edml import DataCleaner, FeatureEngineer, make_student_activity
from edml.schema import COURSE, PARTITION, STUDENT

KEYS = [STUDENT, COURSE, PARTITION]


def best_times(*actions: Callable[[], object], repeat: int = 5) -> list[float]:
    """Return the shortest processor time of each action in seconds; they take turns."""
    times = [[] for _ in actions]
    for action in actions:
        action()  # imports, caches and allocators warm up
    for _ in range(repeat):
        for action, taken in zip(actions, times, strict=True):
            start = time.process_time()
            action()
            taken.append(time.process_time() - start)
    return [min(taken) for taken in times]


def ratio(action: Callable[[], object], against: Callable[[], object], repeat: int = 5):
    """Return the time of ``action`` as a multiple of that of ``against``."""
    mine, other = best_times(action, against, repeat=repeat)
    return mine / other


def make_table(n_enrolments: int, storage: str = "python") -> pd.DataFrame:
    """Make a shuffled table whose text is kept as Python or as Arrow strings."""
    with pd.option_context("mode.string_storage", storage):
        X = make_student_activity(n_enrolments, random_state=0)
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
    """The ratio to the sort at 5 million rows, over that at 100,000.

    A sort grows as n log n, and meets the same caches and pages: at most 1 is no
    worse growth than that.
    """

    unit = "ratio"
    timeout = 900

    def track_growth_over_that_of_the_sort(self):
        found = []
        for n_enrolments in (1600, 80_000):
            X = make_table(n_enrolments)
            process = Process(X)
            found.append(
                ratio(lambda: process(X), lambda: X.sort_values(KEYS), repeat=2)  # noqa: B023
            )
        return found[1] / found[0]


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
    """Peak extra memory, the output included, over the size of input plus output."""

    params = [2300, 23_000]
    param_names = ("enrolments",)
    unit = "ratio"

    def track_peak(self, n_enrolments):
        X = make_table(n_enrolments)
        process = Process(X)
        X_size = X.memory_usage(deep=True).sum()
        tracemalloc.start()  # numpy and pandas report to it what they allocate
        out = process(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / (X_size + out.memory_usage(deep=True).sum())


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
    growth = Growth().track_growth_over_that_of_the_sort()
    print(f"5M over 100k rows, over the growth of the sort: {growth:.2f}")  # noqa: T201
