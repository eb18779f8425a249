"""Bootstrap over students, compared with scikit-learn on repeated rows.

One resample is timed against the loop that one would write without this library:
draw the students, repeat their rows, and call scikit-learn's metrics.

Run everything without asv: ``python benchmarks/bench_bootstrap.py``.
"""

import time
from collections.abc import Callable

import numpy as np
from sklearn import metrics as sk

from edml.metrics import bootstrap_metrics

METRICS = ["roc_auc", "average_precision", "brier", "precision", "recall", "f1"]
N_ROWS = 140_000
THRESHOLD = 0.3


def make_predictions(n_students: int, decimals: int):
    """Make labels, probabilities and students; a student's rows are correlated."""
    rng = np.random.default_rng(0)
    student = rng.integers(0, n_students, N_ROWS)
    risk = rng.normal(size=n_students)
    fails = (risk > 1.7)[student].astype(int)
    score = risk[student] + rng.normal(0, 0.5, N_ROWS) - 2
    return fails, (1 / (1 + np.exp(-score))).round(decimals), student


def naive_resample(y, p, rows_of, rng: np.random.Generator) -> list[float]:
    """Repeat the rows of the drawn students, and compute the metrics."""
    drawn = rng.integers(0, len(rows_of), len(rows_of))
    rows = np.concatenate([rows_of[student] for student in drawn])
    y, p = y[rows], p[rows]
    flag = p >= THRESHOLD
    areas = [sk.roc_auc_score(y, p), sk.average_precision_score(y, p)]
    flags = [
        sk.precision_score(y, flag),
        sk.recall_score(y, flag),
        sk.f1_score(y, flag),
    ]
    return [*areas, sk.brier_score_loss(y, p), *flags]


def best_time(action: Callable[[], object], repeat: int) -> float:
    """Return the shortest time of an action in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


class Bootstrap:
    """Time a resample of 140,000 snapshots; 200 resamples share the sorting."""

    params = ([2300, 28_000], [2, 16])
    param_names = ("students", "decimals")
    timeout = 300

    def setup(self, n_students, decimals):
        self.data = make_predictions(n_students, decimals)
        student = self.data[2]
        _, first = np.unique(np.sort(student), return_index=True)
        self.rows_of = np.split(np.argsort(student, kind="stable"), first[1:])

    def track_milliseconds(self, n_students, decimals):
        def run():
            bootstrap_metrics(
                *self.data, threshold=THRESHOLD, metrics=METRICS, n_resamples=200
            )

        return 1000 * best_time(run, repeat=3) / 200

    def track_speed_against_the_loop(self, n_students, decimals):
        y, p, _ = self.data
        rng = np.random.default_rng(0)
        loop = best_time(lambda: naive_resample(y, p, self.rows_of, rng), repeat=5)
        return 1000 * loop / self.track_milliseconds(n_students, decimals)


Bootstrap.track_milliseconds.unit = "ms"
Bootstrap.track_speed_against_the_loop.unit = "ratio"


if __name__ == "__main__":
    for n_students in Bootstrap.params[0]:
        for decimals in Bootstrap.params[1]:
            case = Bootstrap()
            case.setup(n_students, decimals)
            taken = case.track_milliseconds(n_students, decimals)
            speed = case.track_speed_against_the_loop(n_students, decimals)
            print(  # noqa: T201
                f"{n_students} students, {decimals} decimals: {taken:.2f} ms a "
                f"resample, {speed:.0f} times as fast as the loop"
            )
