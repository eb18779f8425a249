"""How soon edml is as good as hyperopt after 120 seconds, as a share of them.

Run: ``python benchmarks/tuning/time_to_target.py --out FILE --data FOLDER``, with the
same FILE as `run`: what is missing there is run, hyperopt at 120 s and edml at
budgets from 2 to 120 s. On each task the target is hyperopt's mean test AUC over the
seeds. *First* is the mean time of edml's shortest searches whose mean test AUC is no
less; *for good* that of the shortest from which on all longer ones hold it too, for
among several budgets one may pass by luck. Both are over 120 s; inf: never.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from run import TASKS, read_records, run_missing

TARGET_BUDGET = 120.0
LADDER = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)


def wanted(tasks, seeds):
    """Give the keys of the records that the figures need."""
    needed = [("hyperopt", TARGET_BUDGET), *(("edml", rung) for rung in LADDER)]
    return [
        (task, tool, seed, budget)
        for seed in seeds
        for task in tasks
        for tool, budget in needed
    ]


def time_shares(records):
    """Give, for each task that is complete, the two shares.

    Returns a table with the columns target, first and for_good, a row per task.
    """
    found = pd.DataFrame(records)
    # what failed knows nothing, and took its budget
    found = found.fillna({"roc_auc": 0.5, "seconds": found["budget"]})
    rows = {}
    for task, runs in found.groupby("task", sort=False):
        theirs = runs[(runs["tool"] == "hyperopt") & (runs["budget"] == TARGET_BUDGET)]
        ours = runs[(runs["tool"] == "edml") & runs["budget"].isin(LADDER)]
        ours = ours[ours["seed"].isin(theirs["seed"])]
        complete = len(LADDER) * theirs["seed"].nunique()
        if not complete or len(ours) != complete:
            continue
        target = theirs["roc_auc"].mean()
        means = ours.groupby("budget")[["roc_auc", "seconds"]].mean()
        reached = means["roc_auc"].to_numpy() >= target
        held = np.logical_and.accumulate(reached[::-1])[::-1]
        rows[task] = {
            "target": target,
            "first": _share(means["seconds"], reached),
            "for_good": _share(means["seconds"], held),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _share(seconds, reached):
    return seconds.iloc[reached.argmax()] / TARGET_BUDGET if reached.any() else np.inf


def main():
    """Run what is missing, and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FILE", type=Path, required=True)
    parser.add_argument("--data", metavar="FOLDER", help="with oulad/ and tabular/")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--n-jobs", metavar="N", type=int, default=2)
    given = parser.parse_args()
    keys = wanted(given.tasks, given.seeds)
    run_missing(keys, given.out, n_jobs=given.n_jobs, folder=given.data)
    shares = time_shares(read_records(given.out))
    sys.stdout.write(f"{shares.round(3).to_string()}\n")
    if len(shares):
        middle = shares[["first", "for_good"]].median()
        sys.stdout.write(f"median: {middle.round(3).to_dict()}\n")


if __name__ == "__main__":
    main()
