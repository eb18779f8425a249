"""Import a million submissions from a Canvas export and from tidy tables.

The alternative that the time is compared with is pandas, which parses the dates of the
same CSV files and makes nothing of them. Processor time is compared, because a shared
machine's wall clock counts what others do. Run it without asv:
``python benchmarks/bench_imports.py``.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from edml.sources import make_event_table, read_canvas

N_COURSES, N_STUDENTS, N_ASSIGNMENTS = 250, 50_000, 20
START, DAY = 1_707_091_200, 86_400
DATES = ("submitted_at", "graded_at", "posted_at")


def _text(seconds):
    return pd.Series(pd.to_datetime(seconds, unit="s")).dt.strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def write_export(folder: Path) -> None:
    """Write a million submissions with their dates and scores."""
    rng = np.random.default_rng(0)
    course_of = np.arange(N_STUDENTS) % N_COURSES
    due = START + DAY * (5 + 5 * (np.arange(N_COURSES * N_ASSIGNMENTS) % N_ASSIGNMENTS))
    student = np.repeat(np.arange(N_STUDENTS), N_ASSIGNMENTS)
    which = np.tile(np.arange(N_ASSIGNMENTS), N_STUDENTS)
    work = course_of[student] * N_ASSIGNMENTS + which
    submitted = due[work] - rng.integers(0, 5 * DAY, len(work))
    graded = submitted + rng.integers(0, 9 * DAY, len(work))
    tables = {
        "courses": {
            "id": np.arange(N_COURSES),
            "name": "Course",
            "start_at": "2024-02-05T00:00:00Z",
            "conclude_at": "2024-06-01T00:00:00Z",
            "workflow_state": "available",
        },
        "enrollments": {
            "id": np.arange(N_STUDENTS),
            "user_id": np.arange(N_STUDENTS) + 1_000_000,
            "course_id": course_of,
            "type": "StudentEnrollment",
            "workflow_state": "active",
        },
        "assignments": {
            "id": np.arange(len(due)),
            "context_id": np.arange(len(due)) // N_ASSIGNMENTS,
            "title": [f"Task {number % N_ASSIGNMENTS}" for number in range(len(due))],
            "workflow_state": "published",
            "due_at": _text(due),
            "points_possible": 20,
        },
        "submissions": {
            "id": np.arange(len(work)),
            "assignment_id": work,
            "user_id": student + 1_000_000,
            "workflow_state": "graded",
            "published_score": rng.integers(0, 21, len(work)),
            "submitted_at": _text(submitted),
            "graded_at": _text(graded),
            "posted_at": _text(graded),
        },
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)


def _read_with_pandas(folder: Path) -> pd.DataFrame:
    for name in ("courses", "enrollments", "assignments"):
        pd.read_csv(folder / f"{name}.csv")
    return pd.read_csv(folder / "submissions.csv", parse_dates=list(DATES))


def _make_from_tables(folder: Path) -> pd.DataFrame:
    """Import the same history as tidy tables that are in memory already."""
    work = pd.read_csv(folder / "assignments.csv", parse_dates=["due_at"])
    work = work.set_axis(
        ["assignment", "course", "name", "state", "due", "points_possible"], axis=1
    )
    enrolled = pd.read_csv(folder / "enrollments.csv")
    enrolled = enrolled.rename(columns={"user_id": "student", "course_id": "course"})
    enrolled["start"], enrolled["end"] = "2024-02-05", "2024-06-01"
    done = _read_with_pandas(folder).rename(
        columns={
            "user_id": "student",
            "assignment_id": "assignment",
            "submitted_at": "submitted",
            "posted_at": "graded",
            "published_score": "score",
        }
    )
    done["course"] = done["assignment"] // N_ASSIGNMENTS
    done["score"] *= 5
    kept = ["student", "course", "assignment", "submitted", "score"]
    done = done[kept].assign(graded=done["submitted"] + pd.Timedelta(days=3))
    start = time.process_time()
    X = make_event_table(
        enrolled[["student", "course", "start", "end"]],
        work.drop(columns="state"),
        done,
        tick_days=7,
    )
    X.attrs["seconds"] = time.process_time() - start
    return X


def read(action: str, folder: str) -> dict[str, float]:
    """Import once, in this process; return what it took."""
    start = time.process_time()
    if action == "read_canvas":
        X = read_canvas(folder, tick_days=7)
    elif action == "make_event_table":
        X = _make_from_tables(Path(folder))
    else:
        X = _read_with_pandas(Path(folder))
    seconds = X.attrs.get("seconds", time.process_time() - start)
    return {
        "processor_seconds": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "result_mb": X.memory_usage(deep=True).sum() / 2**20,
        "rows": len(X),
    }


class ImportMillion:
    """Import a million submissions."""

    timeout = 1200
    number = repeat = 1

    def setup_cache(self):
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            write_export(Path(folder))
            for action in ("read_canvas", "make_event_table", "pandas"):
                command = [sys.executable, __file__, action, folder]
                done = subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - itself
                found[action] = json.loads(done.stdout)
        return found

    def track_canvas_times_pandas(self, measured):
        canvas, pandas = measured["read_canvas"], measured["pandas"]
        return canvas["processor_seconds"] / pandas["processor_seconds"]

    def track_tables_times_pandas(self, measured):
        tables, pandas = measured["make_event_table"], measured["pandas"]
        return tables["processor_seconds"] / pandas["processor_seconds"]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(read(*sys.argv[1:])))  # noqa: T201
    else:
        benchmark = ImportMillion()
        found = benchmark.setup_cache()
        for action, figures in found.items():
            shown = ", ".join(f"{name} {value:,.1f}" for name, value in figures.items())
            print(f"{action}: {shown}")  # noqa: T201
        for name in ("track_canvas_times_pandas", "track_tables_times_pandas"):
            print(f"{name}: {getattr(benchmark, name)(found):.2f}")  # noqa: T201
