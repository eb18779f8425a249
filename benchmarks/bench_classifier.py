"""Cost of RiskClassifier, as multiples of one fit of its pipeline.

`AgainstOneFit` compares ``RiskClassifier(cv=5).fit`` with one fit of the pipeline's
trained part (the steps after the features) on precomputed features. The time of the
steps that run once for all folds is subtracted. `AgainstNesting` compares it with the
same model built from scikit-learn's parts, a calibration inside a tuned threshold,
which fits (5 + 1) * (5 + 1) times on the same features.

Run everything without asv: ``python benchmarks/bench_classifier.py``.
"""

from bench_features import best_times
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import TunedThresholdClassifierCV

from edml import RiskClassifier, StudentKFold, load_activity, make_risk_pipeline

LEARNERS = ["lightgbm", "xgboost", "random_forest"]


class AgainstOneFit:
    """Divide the time of a fit with 5 folds by that of one fit of the trained part."""

    params = (LEARNERS, [None, "smote"])
    param_names = ("learner", "balance")
    unit = "ratio"
    timeout = 900

    def setup(self, learner, balance):
        self.X, self.y = load_activity(return_X_y=True)
        self.pipe = make_risk_pipeline(learner, balance=balance)
        self.features = self.pipe[:2].fit_transform(self.X)

    def track_fit(self, learner, balance, repeat=3):
        whole, once, part = best_times(
            lambda: RiskClassifier(self.pipe, cv=5).fit(self.X, self.y),
            lambda: clone(self.pipe[:2]).fit_transform(self.X),
            lambda: clone(self.pipe[2:]).fit(self.features, self.y),
            repeat=repeat,
        )
        return (whole - once) / part


class AgainstNesting:
    """Divide the time of scikit-learn's nested parts by that of RiskClassifier."""

    params = LEARNERS[:1]
    param_names = ("learner",)
    unit = "ratio"
    timeout = 900

    def setup(self, learner):
        self.X, self.y = load_activity(return_X_y=True)
        self.pipe = make_risk_pipeline(learner)
        self.features = self.pipe[:2].fit_transform(self.X)

    def track_nesting(self, learner):
        cv = StudentKFold(5, random_state=0)
        nested = TunedThresholdClassifierCV(
            CalibratedClassifierCV(self.pipe[2:], cv=cv, ensemble=False),
            scoring="f1",
            cv=cv,
        )
        theirs, ours = best_times(
            lambda: clone(nested).fit(self.features, self.y),
            lambda: RiskClassifier(self.pipe, cv=5).fit(self.X, self.y),
            repeat=2,
        )
        return theirs / ours


if __name__ == "__main__":
    for learner in LEARNERS:
        for balance in (None, "smote"):
            case = AgainstOneFit()
            case.setup(learner, balance)
            found = case.track_fit(learner, balance)
            print(f"{learner}, balance {balance}: {found:.2f} fits")  # noqa: T201
    nesting = AgainstNesting()
    nesting.setup("lightgbm")
    print(f"nested parts: {nesting.track_nesting('lightgbm'):.1f} times as long")  # noqa: T201
