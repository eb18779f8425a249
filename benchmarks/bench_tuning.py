"""The time that ModelTuner spends outside its fits, and its peak memory.

`Overhead` searches the shipped sample with 100 candidates, and subtracts the time of
fitting and scoring the folds and of the last fit. What remains is describing the
histories, proposing candidates and bookkeeping. `Memory` divides the peak memory of
the process and its children, without the raw table, by the size of the features. It
reads ``/proc``, and so needs Linux. The folder tuning compares other tools.

Run everything without asv: ``python benchmarks/bench_tuning.py``.
"""

import gc
import os
import subprocess
import sys
import threading
import time
from itertools import product
from pathlib import Path

from edml import load_activity, make_risk_pipeline, make_student_activity, make_target
from edml.tuning import ModelTuner

PROCESSES = Path("/proc")


def make_tuner(n_iter, n_jobs):
    """Return a tuner that fits one model, so that the search dominates."""
    return ModelTuner(n_iter=n_iter, n_candidates=1, n_jobs=n_jobs, random_state=0)


class Overhead:
    """The share of a search's time outside fits and scores; seconds per candidate."""

    n_iter = 100
    timeout = 3600

    def setup_cache(self):
        X, y = load_activity(return_X_y=True)
        return {n_jobs: self._search(X, y, n_jobs) for n_jobs in (1, 2)}

    def _search(self, X, y, n_jobs):
        tuner = make_tuner(self.n_iter, n_jobs)
        start = time.perf_counter()
        tuner.fit(X, y)
        wall = time.perf_counter() - start
        spent = tuner.history_[["fit_time", "score_time"]].to_numpy().sum()
        inside = spent / n_jobs + tuner.refit_time_
        return {"share": 1 - inside / wall, "seconds": spent / len(tuner.history_)}

    def track_share_one_job(self, found):
        return found[1]["share"]

    def track_share_two_jobs(self, found):
        return found[2]["share"]

    def track_seconds_per_candidate(self, found):
        return found[1]["seconds"]


class Memory:
    """Divide a search's peak extra memory by the size of the feature table."""

    params = ([2300, 10_000], [1, 2])
    param_names = ("enrolments", "n_jobs")
    unit = "ratio"
    timeout = 1800

    def setup(self, n_enrolments, n_jobs):
        if not (PROCESSES / "self/smaps_rollup").exists():
            raise NotImplementedError  # asv skips it

    def track_peak(self, n_enrolments, n_jobs):
        # in a new process: memory that was freed before would hide the peak
        command = [sys.executable, __file__, "peak", str(n_enrolments), str(n_jobs)]
        done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603
        return float(done.stdout)


def peak_of_search(n_enrolments, n_jobs):
    """Return the peak extra memory of a search over the size of its features."""
    X = make_student_activity(n_enrolments, random_state=0)
    y = make_target(X)
    features = make_risk_pipeline()[:2].fit_transform(X)
    size = features.select_dtypes("number").memory_usage(index=False).sum()
    del features
    small = make_student_activity(200, fail_rate=0.2, random_state=0)
    make_tuner(2, n_jobs).fit(small, make_target(small))  # imports and pools
    gc.collect()
    with PeakMemory() as peak:
        make_tuner(6, n_jobs).fit(X, y)
    return peak.extra / size


class PeakMemory:
    """Watch the memory of this process and its children, in bytes.

    Pages that several processes share are counted once.
    """

    def __init__(self, every=0.02):
        self.every = every
        self.extra = 0

    def __enter__(self):
        self._before = _resident()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *error):
        self._done.set()
        self._watcher.join()

    def _watch(self):
        while not self._done.wait(self.every):
            self.extra = max(self.extra, _resident() - self._before)


def _resident():
    return sum(_share_of(process) for process in _family(os.getpid()))


def _family(root):
    """Return a process and all its descendants."""
    parents = {}
    for stat in PROCESSES.glob("[0-9]*/stat"):
        try:
            # the name, in brackets, may contain anything
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:  # the process has just ended
            continue
        parents[int(stat.parent.name)] = int(parent)
    family = [root]
    for process in family:
        family += [child for child, parent in parents.items() if parent == process]
    return family


def _share_of(process):
    try:
        lines = (PROCESSES / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:  # the process has just ended
        return 0
    sizes = dict(line.split(maxsplit=1) for line in lines[1:])
    return 1024 * int(sizes["Pss:"].removesuffix(" kB"))


def main():
    """Run and print all of it."""
    for n_jobs, found in (overhead := Overhead()).setup_cache().items():
        print(  # noqa: T201
            f"{n_jobs} jobs: {100 * found['share']:.1f} % outside fits and scores, "
            f"{overhead.n_iter} candidates of {found['seconds']:.2f} s"
        )
    for n_enrolments, n_jobs in product(*Memory.params):
        peak = Memory().track_peak(n_enrolments, n_jobs)
        print(f"memory, {n_enrolments} enrolments, {n_jobs} jobs: {peak:.2f}")  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        print(peak_of_search(*map(int, sys.argv[2:])))  # noqa: T201
    else:
        main()
