"""Features and scores on Spark in local mode against one pandas DataFrame.

Both read the same Parquet files; each counts its processor time, which on a busy
machine stays meaningful. Spark's is that of Java and of the Python workers.

Run it with pyspark and Java: ``python benchmarks/bench_spark.py 1000000``.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pyarrow as pa
from pyarrow import parquet
from pyspark.sql import SparkSession

from edml import FeatureEngineer, ModelRegistry, load_activity, make_student_activity
from edml.classifier import RiskClassifier
from edml.pipeline import make_risk_pipeline
from edml.spark import features, score

CORES = 2
AT_ONCE = 2_000  # enrolments


_spent: dict[tuple[int, float], float] = {}


def processor_time() -> float:
    """Return the seconds of this process, of Java and of the workers so far.

    Those of workers that have ended since the last call are kept.
    """
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            times = process.cpu_times()
            _spent[process.pid, process.create_time()] = times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return sum(_spent.values())


def measure(action: Callable[[], object]) -> tuple[float, float]:
    """Return the processor and the wall seconds of the second of two calls."""
    action()
    processor, wall = processor_time(), time.perf_counter()
    action()
    return processor_time() - processor, time.perf_counter() - wall


def write_events(folder: Path, n_rows: int) -> int:
    """Write files of generated students until there are enough rows."""
    written = 0
    while written < n_rows:
        X = make_student_activity(AT_ONCE, random_state=written)
        X["user_uuid"] = X["user_uuid"].astype("str") + f"-{written}"
        table = pa.Table.from_pandas(X, preserve_index=False)
        parquet.write_table(table, folder / f"{written}.parquet")
        written += len(X)
    return written


def make_registry(folder: Path) -> ModelRegistry:
    X, y = load_activity(return_X_y=True)
    model = RiskClassifier(make_risk_pipeline("lightgbm", random_state=0), cv=3)
    registry = ModelRegistry(folder)
    registry.register(model.fit(X, y))
    registry.promote(1)
    return registry


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(f"local[{CORES}]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", CORES)
        .getOrCreate()
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "events")
        folder.mkdir()
        n_rows = write_events(folder, wanted)
        registry = make_registry(Path(name, "registry"))
        model = registry.load("production")
        df = spark.read.parquet(str(folder))

        def keep(out: object) -> None:
            out.write.format("noop").mode("overwrite").save()

        actions = {
            "features, one DataFrame": lambda: FeatureEngineer().fit_transform(
                pd.read_parquet(folder)
            ),
            "features, Spark": lambda: keep(features(df)),
            "scores, one DataFrame": lambda: model.score_students(
                pd.read_parquet(folder), n_reasons=0
            ),
            "scores, Spark": lambda: keep(score(df, registry, n_reasons=0)),
            "scores and reasons, one DataFrame": lambda: model.score_students(
                pd.read_parquet(folder)
            ),
            "scores and reasons, Spark": lambda: keep(score(df, registry)),
        }
        print(f"{n_rows:,} rows")  # noqa: T201
        before = None
        for title, action in actions.items():
            processor, wall = measure(action)
            line = f"{title}: {n_rows / processor:,.0f} rows a core-second"
            line += f" ({processor:.1f} s of processor, {wall:.1f} s)"
            if "Spark" in title:
                line += f", {processor / before:.1f} times one DataFrame"
            print(line, flush=True)  # noqa: T201
            before = processor
    spark.stop()


if __name__ == "__main__":
    main()
