"""Speed of explain: against the learners' own contribution calls, and per row.

Two calls are timed alternately in one process, and the best times are compared. On a
busy machine these ratios stay meaningful, and absolute times do not.

Run everything without asv: ``python benchmarks/bench_explanation.py``.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import shap
import xgboost

from edml import load_activity, make_risk_pipeline, make_student_activity
from edml.explanation import explain, history_facts

if __name__ == "__main__":  # without asv, the folder is not a package
    sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.bench_features import ratio

N_ROWS = 10_000


def fitted(classifier: str):
    """Fit the pipeline with one thread on a part of the sample."""
    X, y = load_activity(return_X_y=True)
    return make_risk_pipeline(classifier, n_jobs=1).fit(X, y)


def events(n_rows: int):
    """Make whole histories with ``n_rows`` rows in total."""
    X = make_student_activity(n_rows // 60 + 20, random_state=1)
    return X.iloc[:n_rows]


def native_call(model) -> Callable:
    """Return the learner's own contribution call."""
    if hasattr(model, "booster_"):
        return lambda Z: model.booster_.predict(Z, pred_contrib=True, num_threads=1)
    booster = model.get_booster()
    return lambda Z: booster.predict(xgboost.DMatrix(Z, nthread=1), pred_contribs=True)


class Boosted:
    """Divide the time of explain by that of the native call on the same rows."""

    params = (["lightgbm", "xgboost"], ["from events", "from features"])
    param_names = ("classifier", "start")
    unit = "ratio"
    timeout = 300

    def setup(self, classifier, start):
        self.pipeline = fitted(classifier)
        self.X = events(N_ROWS)
        self.before, self.model = self.pipeline[:-1], self.pipeline[-1]
        self.features = self.before.transform(self.X)
        self.native = native_call(self.model)

    def track_over_native(self, classifier, start):
        if start == "from events":
            return ratio(
                lambda: explain(self.pipeline, self.X),
                lambda: self.native(self.before.transform(self.X)),
            )
        return ratio(
            lambda: explain(self.model, self.features),
            lambda: self.native(self.features),
        )


class Forest:
    """Explain 500 rows with a forest of 200 trees."""

    unit = "ratio"
    timeout = 600

    def setup(self):
        self.pipeline = fitted("random_forest")
        self.model = self.pipeline[-1]
        X = events(N_ROWS)
        chosen = np.random.default_rng(0).choice(len(X), 500, replace=False)
        self.features = self.pipeline[:-1].transform(X).iloc[np.sort(chosen)]

    def track_over_shap(self):
        def alone():
            return shap.TreeExplainer(self.model).shap_values(self.features)

        def ours():
            return explain(self.model, self.features, progress=False)

        return ratio(ours, alone, repeat=3)

    def track_over_prediction(self):
        return ratio(
            lambda: explain(self.model, self.features, progress=False),
            lambda: self.model.predict_proba(self.features),
            repeat=3,
        )

    def track_milliseconds_per_row(self):
        start = time.perf_counter()
        explain(self.model, self.features, progress=False)
        return 1000 * (time.perf_counter() - start) / len(self.features)


class Words:
    """Divide the time of reasons and facts by that of LightGBM's native call."""

    unit = "ratio"

    def setup(self):
        pipeline = fitted("lightgbm")
        self.X = events(N_ROWS)
        self.explanation = explain(pipeline, self.X)
        features = pipeline[:-1].transform(self.X)
        native = native_call(pipeline[-1])
        self.native = lambda: native(features)

    def track_reasons(self):
        return ratio(self.explanation.reasons, self.native, repeat=3)

    def track_facts(self):
        every = np.arange(len(self.X))
        return ratio(lambda: history_facts(self.X, every), self.native, repeat=3)


if __name__ == "__main__":
    for classifier in Boosted.params[0]:
        for begin in Boosted.params[1]:
            case = Boosted()
            case.setup(classifier, begin)
            found = case.track_over_native(classifier, begin)
            print(f"{classifier}, {begin}, {len(case.X)} rows: {found:.2f} of native")  # noqa: T201
    forest = Forest()
    forest.setup()
    print(f"forest, 500 rows: {forest.track_over_shap():.2f} of shap")  # noqa: T201
    print(f"forest: {forest.track_over_prediction():.0f} times the prediction")  # noqa: T201
    print(f"forest: {forest.track_milliseconds_per_row():.1f} ms per row")  # noqa: T201
    words = Words()
    words.setup()
    print(f"reasons, {N_ROWS} rows: {words.track_reasons():.2f} of native")  # noqa: T201
    print(f"facts, {N_ROWS} rows: {words.track_facts():.2f} of native")  # noqa: T201
