"""Model files: loading against pickle, size against joblib, and listing versions.

The registry checks a whole file before it creates any object; pickle checks nothing.
Two actions alternate in one process, and their best times are compared.

Run everything without asv: ``python benchmarks/bench_registry.py``.
"""

import io
import pickle
import tempfile
import time

import joblib
from bench_features import best_times
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from edml import (
    ModelRegistry,
    RiskClassifier,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.registry._model_file import dumps, loads

LEARNERS = ["lightgbm", "xgboost", "random_forest"]


def make_champion(learner: str):
    """Fit a small pipeline, and return its deployable form."""
    X = make_student_activity(300, fail_rate=0.2, random_state=0)
    pipeline = make_risk_pipeline(learner, every=5)
    return RiskClassifier(pipeline, cv=2).fit(X, make_target(X)).deployable()


def make_forest(min_samples_leaf: int = 1):
    """Fit a forest of 100 trees to 5000 rows of 44 features."""
    X, y = make_classification(5000, 44, flip_y=0.1, random_state=0)
    forest = RandomForestClassifier(
        100, min_samples_leaf=min_samples_leaf, random_state=0
    )
    return forest.fit(X, y)


def joblib_size(model) -> int:
    """Return the size of joblib's uncompressed file in bytes."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    return len(buffer.getvalue())


class Champion:
    """Load a deployed pipeline: milliseconds over three times pickle's; at most 30."""

    params = LEARNERS
    param_names = ("learner",)
    unit = "ms"
    timeout = 300

    def setup(self, learner):
        model = make_champion(learner)
        self.data, self.pickled = dumps(model), pickle.dumps(model)

    def track_load(self, learner):
        ours, theirs = best_times(
            lambda: loads(self.data),
            lambda: pickle.loads(self.pickled),  # noqa: S301
            repeat=9,
        )
        return 1000 * (ours - 3 * theirs)


class Forest:
    """Load a forest of 100 trees: milliseconds, at most 250, and its size."""

    params = [1, 50]
    param_names = ("min_samples_leaf",)
    timeout = 300

    def setup(self, min_samples_leaf):
        self.model = make_forest(min_samples_leaf)
        self.data = dumps(self.model)

    def track_load(self, min_samples_leaf):
        return 1000 * best_times(lambda: loads(self.data))[0]

    def track_size(self, min_samples_leaf):
        """Return the size relative to joblib's uncompressed file; at most 0.5."""
        return len(self.data) / joblib_size(self.model)

    track_load.unit = "ms"
    track_size.unit = "ratio"


class Changes:
    """Roll back among 2,000 signed versions, half of which were promoted."""

    timeout = 900
    n_versions = 2000

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        registry = ModelRegistry(self.folder.name, key=b"k" * 32)
        X, y = make_classification(100, random_state=0)
        registry.register(LogisticRegression().fit(X, y))
        self.store = store = registry._store
        record, data = store.read_record(1), store.read_file(1, "model.skops")
        for version in range(2, self.n_versions + 1):
            store.add_version({"model.skops": data}, record)
            if version % 2:
                registry.promote(version)

    def teardown(self):
        self.folder.cleanup()

    def track_rollback(self):
        """Return the milliseconds of a new object's rollback; at most 1000."""
        registry = ModelRegistry(self.folder.name, key=b"k" * 32)
        start = time.perf_counter()
        registry.rollback()
        return 1000 * (time.perf_counter() - start)

    def track_size(self):
        """Return the megabytes of all states."""
        return sum(p.stat().st_size for p in self.store.home.states.iterdir()) / 1e6

    def track_clean(self):
        """Return the milliseconds of a removal of all but five versions."""
        registry = ModelRegistry(self.folder.name, key=b"k" * 32)
        start = time.perf_counter()
        registry.clean()
        return 1000 * (time.perf_counter() - start)

    track_rollback.unit = "ms"
    track_size.unit = "MB"
    track_clean.unit = "ms"


class Versions:
    """List a signed registry of 1,000 versions, each with an evaluation."""

    unit = "ms"
    timeout = 900
    n_versions = 1000

    def setup(self):
        self.folder = tempfile.TemporaryDirectory()
        X = make_student_activity(120, fail_rate=0.3, random_state=1)
        model = RiskClassifier(make_risk_pipeline(every=5), cv=2)
        model.fit(X, make_target(X))
        X = make_student_activity(120, fail_rate=0.3, random_state=2)
        evaluation = evaluate(model, X, make_target(X), n_resamples=50)
        registry = self.open()
        registry.register(model, evaluation)
        store = registry._store  # copying the first version is fast
        record, data = store.read_record(1), store.read_file(1, "model.skops")
        first = store.evaluations(1)
        for _ in range(self.n_versions - 1):
            store.add_version({"model.skops": data}, record, first)
        registry.promote(self.n_versions // 2)

    def teardown(self):
        self.folder.cleanup()

    def open(self):
        return ModelRegistry(self.folder.name, key=b"k" * 32)

    def track_first_list(self):
        """Return the milliseconds of a new object's first listing; at most 500."""
        registry = self.open()
        start = time.perf_counter()
        registry.records()
        return 1000 * (time.perf_counter() - start)

    def track_champion(self):
        registry = self.open()
        return 1000 * best_times(lambda: registry.load("production"))[0]


if __name__ == "__main__":
    for learner in LEARNERS:
        champion = Champion()
        champion.setup(learner)
        beyond = champion.track_load(learner)
        size = len(champion.data)
        print(f"{learner}: {beyond:.1f} ms beyond 3 x pickle, {size} bytes")  # noqa: T201
    for leaf in Forest.params:
        forest = Forest()
        forest.setup(leaf)
        print(  # noqa: T201
            f"100 trees, leaves of {leaf}: {forest.track_load(leaf):.0f} ms, "
            f"{forest.track_size(leaf):.2f} of joblib's size"
        )
    versions = Versions()
    versions.setup()
    print(  # noqa: T201
        f"1,000 versions: {versions.track_first_list():.0f} ms to list, "
        f"{versions.track_champion():.0f} ms to load the champion"
    )
    versions.teardown()
    changes = Changes()
    changes.setup()
    print(  # noqa: T201
        f"2,000 versions: {changes.track_size():.1f} MB of states, "
        f"{changes.track_rollback():.0f} ms to roll back, "
        f"{changes.track_clean():.0f} ms to clean"
    )
    changes.teardown()
