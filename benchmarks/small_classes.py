"""How well small classes are learned, by the largest leaf that they allow.

Run: ``python benchmarks/small_classes.py [--seeds 8]``. Boosted trees of
`make_risk_pipeline` are fitted on a few generated enrolments with their usual leaves,
and with leaves of at most a share of the training rows; the ROC AUC is that on 2,000
other enrolments, as a mean over seeds. ``smaller_leaves`` takes an eighth, which was
chosen on seeds 0 to 7: report other seeds with ``--first 8``.
"""

import argparse
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from edml import FeatureEngineer, make_risk_pipeline, make_student_activity, make_target
from edml.feature_extraction import FEATURES
from edml.sampling import SnapshotSampler

LEAVES = {"lightgbm": ("min_child_samples", 100), "xgboost": ("min_child_weight", 50)}
SHARES = (None, 4, 8, 20)  # None: the usual leaves
SIZES = (15, 30, 60, 120)


def make_features(n_enrolments: int, seed: int, every: int):
    """Return the features of generated snapshots, and their outcomes."""
    X = make_student_activity(
        n_enrolments, fail_rate=0.35, partitions=30, random_state=seed
    )
    y = make_target(X)
    features = FeatureEngineer().fit_transform(X)
    features, y = SnapshotSampler(every=every).fit_resample(features, y)
    return features[list(FEATURES)], np.asarray(y)


def measure(n_enrolments: int, seed: int, test: tuple) -> list[dict]:
    """Return the test AUC of each learner and share."""
    features, y = make_features(n_enrolments, seed, every=3)
    if y.mean() in (0, 1):
        return []
    rows = []
    for name, (parameter, usual) in LEAVES.items():
        size = len(y) * (1 if name == "lightgbm" else y.mean() * (1 - y.mean()))
        for share in SHARES:
            leaf = usual if share is None else min(usual, int(max(1, size / share)))
            learner = make_risk_pipeline(name)[-1].set_params(**{parameter: leaf})
            risk = learner.fit(features, y).predict_proba(test[0])[:, 1]
            shown = "usual" if share is None else f"1/{share}"
            auc = roc_auc_score(test[1], risk)
            rows.append(
                {"enrolments": n_enrolments, "learner": name, "leaf": shown, "auc": auc}
            )
    return rows


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    test = make_features(2000, seed=999, every=6)
    seeds = range(asked.first, asked.first + asked.seeds)
    with warnings.catch_warnings(action="ignore"):
        rows = [row for n in SIZES for s in seeds for row in measure(n, s, test)]
    table = pd.DataFrame(rows).pivot_table("auc", ["enrolments", "learner"], "leaf")
    sys.stdout.write(f"{table.round(3).to_string()}\n")


if __name__ == "__main__":
    main()
