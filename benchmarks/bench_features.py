"""Cleaning and features: speed against a sort, growth, one student, and memory.

Two actions alternate in one process, and their best times are compared. Both run in one
thread, and only processor time counts. On a busy machine these ratios stay meaningful,
and absolute times do not.

Run everything without asv: ``python benchmarks/bench_features.py``.
"""

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd

import edml
from edml import DataCleaner, FeatureEngineer, make_student_activity
from edml.feature_extraction import HistoryFeatures
from edml.schema import COURSE, PARTITION, STUDENT

KEYS = [STUDENT, COURSE, PARTITION]


def best_times(*actions: Callable[[], object], repeat: int = 5) -> list[float]:
    """Return each action's shortest processor time in seconds; they take turns."""
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
    """Return the time of ``action`` as a multiple of the time of ``against``."""
    mine, other = best_times(action, against, repeat=repeat)
    return mine / other


def make_table(n_enrolments: int, storage: str = "python") -> pd.DataFrame:
    """Make a shuffled table with text stored as Python or Arrow strings."""
    with pd.option_context("mode.string_storage", storage):
        X = make_student_activity(n_enrolments, random_state=0)
    return X.sample(frac=1, random_state=0, ignore_index=True)


class Process:
    """Time cleaning plus features."""

    def __init__(self, X: pd.DataFrame) -> None:
        self.cleaner = DataCleaner().fit(X)
        self.engineer = FeatureEngineer().fit(X)

    def __call__(self, X: pd.DataFrame) -> pd.DataFrame:
        return self.engineer.transform(self.cleaner.transform(X))


class AgainstSort:
    """Divide the time of cleaning plus features by that of sorting the same table."""

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
    """Divide the ratio to the sort at 5 million rows by the ratio at 100,000.

    A sort grows as n log n and has the same cache and page effects. A value of at most
    1 therefore means growth no worse than n log n.
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


class AgainstTheClassic:
    """Divide the time of other features by that of the 44, on the same table.

    "progress" computes the 44 as well.
    """

    params = ["ProgressFeatures", "ActivityFeatures", "progress"]
    param_names = ("features",)
    unit = "ratio"
    timeout = 300

    def setup(self, features):
        X = make_table(23_000)
        kinds = np.random.default_rng(0).poisson(0.5, (5, len(X)))
        self.X = X.assign(**{f"activity_{k}": n for k, n in enumerate(kinds)})
        self.engineer = FeatureEngineer().fit(self.X)
        joined = features == "progress"
        made = HistoryFeatures(features) if joined else getattr(edml, features)()
        self.others = made.fit(self.X)

    def track_time_over_that_of_the_44(self, features):
        return ratio(
            lambda: self.others.transform(self.X),
            lambda: self.engineer.transform(self.X),
        )


class OneStudent:
    """Time the 60 rows of one student, in milliseconds."""

    unit = "ms"

    def setup(self):
        X = make_table(200)
        first = X.iloc[0]
        self.X = X[(X[STUDENT] == first[STUDENT]) & (X[COURSE] == first[COURSE])]
        self.process = Process(self.X)

    def track_one_student(self):
        return 1000 * best_times(lambda: self.process(self.X), repeat=200)[0]


class Memory:
    """Divide peak extra memory, output included, by the size of input plus output."""

    params = [2300, 23_000]
    param_names = ("enrolments",)
    unit = "ratio"

    def track_peak(self, n_enrolments):
        X = make_table(n_enrolments)
        process = Process(X)
        X_size = X.memory_usage(deep=True).sum()
        tracemalloc.start()  # numpy and pandas report their allocations to it
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
    for features in AgainstTheClassic.params:
        case = AgainstTheClassic()
        case.setup(features)
        found = case.track_time_over_that_of_the_44(features)
        print(f"{features}: {found:.2f} of the time of the 44")  # noqa: T201
    one = OneStudent()
    one.setup()
    print(f"one student, {len(one.X)} rows: {one.track_one_student():.2f} ms")  # noqa: T201
    for n_enrolments in (2300, 23_000):
        found = Memory().track_peak(n_enrolments)
        print(f"memory, {n_enrolments} enrolments: {found:.2f} of input + output")  # noqa: T201
    growth = Growth().track_growth_over_that_of_the_sort()
    print(f"5M over 100k rows, over the growth of the sort: {growth:.2f}")  # noqa: T201
