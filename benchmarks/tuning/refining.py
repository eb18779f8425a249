"""What refining gives: a search's best candidates, and the same of finer trees.

Run: ``python benchmarks/tuning/refining.py --seeds 5``. It searches tables that the
comparison of tools does not use, so that nothing was chosen by what is judged there. Of
each candidate that was refined both models are fitted on the train side, with two seeds
each, and judged on the test side: the mean difference in average precision, and its
standard error over tables.
"""

import argparse
import sys

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score

import datasets
from edml.tuning import ModelTuner
from edml.tuning._algorithms import BALANCE, make_algorithms

TABLES = (
    "abalone9-18",
    "ecoli3",
    "flare-F",
    "glass0",
    "glass1",
    "haberman",
    "pima",
    "vehicle1",
    "winequality-red-4",
    "winequality-red-8_vs_6-7",
    "winequality-white-3_vs_7",
)
SEEDS = (0, 1)  # of the models


def main():
    """Print what refining gave, by algorithm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="divisions of each table")
    parser.add_argument("--n-iter", type=int, default=40, help="candidates")
    asked = parser.parse_args()
    rows = []
    for seed in range(asked.seeds):
        for table in TABLES:
            rows += compare(table, seed, asked.n_iter)
        sys.stdout.write(f"{summarize(pd.DataFrame(rows)).to_string()}\n")


def compare(table, seed, n_iter):
    """Give what each refined candidate of a search is worth, coarse and refined."""
    task = datasets._load_keel(table, seed, None)
    tuner = ModelTuner(n_iter=n_iter, cv=task.folds, random_state=seed)
    history = tuner.fit(task.X_train, task.y_train).history_
    rows = []
    done = history["refines"].notna() & (history["status"] == "evaluated")
    for row in history[done].to_dict("records"):
        coarse = history.loc[int(row["refines"])]
        values = [judge(task, params) for params in (coarse["params"], row["params"])]
        rows.append(
            {
                "table": table,
                "seed": seed,
                "algorithm": row["algorithm"],
                "coarse": values[0],
                "refined": values[1],
                "seconds": row["wall_time"] / coarse["wall_time"],
            }
        )
    return rows


def judge(task, params):
    """Give the average precision on the test side."""
    params = dict(params)
    n_fails = int(task.y_train.sum())
    [algorithm] = make_algorithms(
        [params.pop("algorithm")],
        BALANCE,
        pipeline_params={},
        n_rows=len(task.y_train),
        ratio=(len(task.y_train) - n_fails) / n_fails,
        events=False,
        impute=False,
        random_state=0,
    )
    pipeline = algorithm.configure(params)
    found = []
    for seed in SEEDS:
        pipeline.set_params(classify__random_state=seed)
        pipeline.fit(task.X_train, task.y_train)
        risk = pipeline.predict_proba(task.X_test)[:, 1]
        found.append(average_precision_score(task.y_test, risk))
    return float(np.mean(found))


def summarize(rows):
    """Give by algorithm the mean gain, and its standard error over tables."""
    rows = rows.assign(gain=rows["refined"] - rows["coarse"])
    summary = {}
    for name, some in [("all", rows), *rows.groupby("algorithm")]:
        by_table = some.groupby("table")["gain"].mean()
        summary[name] = {
            "candidates": len(some),
            "coarse": some["coarse"].mean(),
            "gain": by_table.mean(),
            "error": by_table.sem(),
            "better": (some["gain"] > 0).mean(),
            "times the seconds": some["seconds"].median(),
        }
    return pd.DataFrame(summary).T.round(4)


if __name__ == "__main__":
    main()
