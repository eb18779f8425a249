"""One search of the comparison, in a process of its own: `run` starts it."""

import json
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from rivals import TOOLS, warm_up
from sklearn.metrics import average_precision_score, roc_auc_score

from datasets import judged_rows, load_task


def measure(task, tool, seed, budgets, n_jobs, folder):
    """Run one search at the largest budget; give a record for each budget."""
    loaded = load_task(task, seed, folder)
    warm_up(n_jobs)
    start = time.perf_counter()
    trials = TOOLS[tool](loaded, max(budgets), seed, n_jobs)
    seconds = time.perf_counter() - start
    return [
        {
            "task": task,
            "tool": tool,
            "seed": seed,
            "budget": budget,
            "seconds": seconds if budget == max(budgets) else budget,
            **judge(loaded, [trial for trial in trials if trial.seconds <= budget]),
        }
        for budget in budgets
    ]


def judge(task, trials):
    """Refit the best trial on the train side, and judge it on the test side."""
    fails = task.y_test.to_numpy()[judged_rows(task)]
    start = time.perf_counter()
    best = max(trials, key=_score, default=None)
    risk = best.predict() if best else np.zeros(len(fails))
    return {
        "roc_auc": float(roc_auc_score(fails, risk)),
        "average_precision": float(average_precision_score(fails, risk)),
        "search_score": best and float(best.score),
        "evaluations": len(trials),
        "refit_seconds": time.perf_counter() - start,
        "best": best and {name: str(value) for name, value in best.params.items()},
    }


def _score(trial):
    return -np.inf if np.isnan(trial.score) else trial.score


def main(job, answer):
    """Write the records of a job, or why there are none."""
    try:
        records = measure(**job)
    except Exception:  # recorded, and the other searches go on
        asked = {name: job[name] for name in ("task", "tool", "seed")}
        error = traceback.format_exc()
        records = [
            {**asked, "budget": budget, "error": error} for budget in job["budgets"]
        ]
    answer.write_text(json.dumps(records), "utf-8")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
