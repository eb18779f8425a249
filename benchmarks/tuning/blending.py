"""What blending gives: a search's best candidate, and the mean of the best.

Run: ``python benchmarks/tuning/blending.py --seeds 4``. It searches tables that the
comparison of tools does not use, so that nothing was chosen by what is judged there.
Both models are fitted on the train side and judged on the test side: the mean gain in
average precision and ROC AUC, and its standard error over tables.
"""

import argparse
import sys
import warnings

import numpy as np
import pandas as pd
from refining import TABLES
from sklearn.metrics import average_precision_score, roc_auc_score

import datasets
from edml.tuning import ModelTuner

MEASURES = {"average precision": average_precision_score, "ROC AUC": roc_auc_score}


def main():
    """Print what blending gave."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="divisions of each table")
    parser.add_argument("--n-iter", type=int, default=40, help="candidates")
    parser.add_argument("--n-blended", type=int, default=5, help="of which a blend is")
    asked = parser.parse_args()
    rows = []
    for seed in range(asked.seeds):
        for table in TABLES:
            rows.append(compare(table, seed, asked.n_iter, asked.n_blended))
        sys.stdout.write(f"{summarize(pd.DataFrame(rows)).to_string()}\n")


def compare(table, seed, n_iter, n_blended):
    """Give what the best blend of a search and its best member are worth."""
    task = datasets._load_keel(table, seed, None)
    tuner = ModelTuner(
        n_iter=n_iter, cv=task.folds, random_state=seed, n_blended=n_blended
    )
    with warnings.catch_warnings(action="ignore"):
        tuner.fit(task.X_train, task.y_train)
    row = {"table": table, "seed": seed, "algorithm": tuner.best_params_["algorithm"]}
    blends = tuner.history_["blends"].loc[tuner.candidate_indices_].to_numpy()
    if blends[0] == 0:  # one alone trains on the days of the best
        return row | dict.fromkeys(MEASURES, 0.0)
    # the best member is the next candidate; before calibration, which each has its own
    blend, single = (
        model.pipeline_.predict_proba(task.X_test)[:, 1]
        for model in tuner.candidates_[:2]
    )
    gains = {
        name: measure(task.y_test, blend) - measure(task.y_test, single)
        for name, measure in MEASURES.items()
    }
    return row | gains


def summarize(rows):
    """Give by algorithm the mean gains, and their standard errors over tables."""
    summary = {}
    for name, some in [("all", rows), *rows.groupby("algorithm")]:
        by_table = some.groupby("table")[list(MEASURES)].mean()
        summary[name] = {"searches": len(some)}
        for measure in MEASURES:
            summary[name] |= {
                measure: by_table[measure].mean(),
                f"{measure}, error": by_table[measure].sem(),
                f"{measure}, better": np.mean(some[measure] > 0),
            }
    return pd.DataFrame(summary).T.round(4)


if __name__ == "__main__":
    main()
