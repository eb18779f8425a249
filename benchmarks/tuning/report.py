"""Make the pages' tables of a results file of `run`.

Run: ``python benchmarks/tuning/report.py FILE [--rst PATH]``. The ranks are over
the pairs of task and seed that all tools of a budget have been run on; a tool that
failed there ranks last.
"""

import argparse
import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from run import TASKS, TOOLS, read_records
from time_to_target import time_shares

PAGE = Path(__file__).parents[2] / "docs/user_guide/_tuning_figures.rst"
LIBRARIES = (
    "hyperopt",
    "optuna",
    "flaml",
    "scikit-optimize",
    "scikit-learn",
    "lightgbm",
    "xgboost",
)
BLOCK = ["task", "seed"]
N_DRAWS = 10_000
SPACE = "\N{NO-BREAK SPACE}"  # so that a cell stays one line


def read_results(path):
    """Read the file as a table; what failed has no figures."""
    found = pd.DataFrame(read_records(path))
    if found.empty:
        message = f"{path} holds no results. Make some with benchmarks/tuning/run.py."
        raise SystemExit(message)
    if "error" not in found:
        found["error"] = None
    # edml alone is run at the further budgets of time_to_target
    n_tools = found.groupby("budget")["tool"].transform("nunique")
    return found[n_tools > 1]


def mean_ranks(results):
    """Rank the tools by test average precision, 1 the best, ties averaged.

    Returns a table with a row per tool and a column per budget, and the number of
    pairs of task and seed for each budget.
    """
    ranks, counts = {}, {}
    # below every score, so that what failed is last; what was not run stays missing
    scored = results.fillna({"average_precision": -1.0})
    for budget, runs in scored.groupby("budget"):
        wide = runs.pivot_table("average_precision", index=BLOCK, columns="tool")
        wide = wide.dropna()
        ranks[budget] = wide.rank(axis=1, ascending=False, method="average").mean()
        counts[budget] = len(wide)
    return pd.DataFrame(ranks), counts


def spread_table(results, column, digits):
    """Give mean and standard deviation over seeds, for each task, budget and tool."""
    tools = _tools(results)
    header = ["task", "budget", *tools]
    rows = []
    budgets = sorted(results["budget"].unique())
    for task, budget in product(_in_order(results["task"], TASKS), budgets):
        here = results[(results["task"] == task) & (results["budget"] == budget)]
        cells = [
            _cell(here.loc[here["tool"] == tool, column], digits) for tool in tools
        ]
        rows.append([task, f"{budget:g} s", *cells])
    return [header, *rows]


def _cell(values, digits):
    values = values.dropna()
    if values.empty:
        return "--"
    mean = f"{values.mean():.{digits}f}"
    if digits == 0 or len(values) < 2:
        return mean
    return f"{mean}{SPACE}±{SPACE}{values.std(ddof=1):.{digits}f}"


def rank_table(results):
    """Give the mean ranks as text, the pairs that they are over in the last row."""
    ranks, counts = mean_ranks(results)
    header = ["mean rank", *(f"{budget:g} s" for budget in ranks)]
    rows = [
        [tool, *(f"{rank:.2f}" for rank in ranks.loc[tool])]
        for tool in _in_order(ranks.index, TOOLS)
    ]
    return [header, *rows, ["pairs", *(str(count) for count in counts.values())]]


def difference_table(results, column, ours="edml"):
    """Give how much more of a score edml reaches than each other, by budget.

    The mean over the pairs, and the middle 95 % of those of tasks drawn anew: seeds of
    one task share its rows, and are no further evidence.
    """
    columns = {}
    scored = results.fillna({column: 0.0})
    for budget, runs in scored.groupby("budget"):
        wide = runs.pivot_table(column, index=BLOCK, columns="tool")
        wide = wide.dropna()
        gains = wide.rsub(wide[ours], axis=0)
        of_tasks = gains.drop(columns=ours).groupby("task").mean()
        drawn = np.random.default_rng(0).integers(
            len(of_tasks), size=(N_DRAWS, len(of_tasks))
        )
        means = of_tasks.to_numpy()[drawn].mean(axis=1)
        low, high = np.percentile(means, [2.5, 97.5], axis=0)
        columns[f"{budget:g} s"] = {
            tool: f"{mean:+.3f}{SPACE}[{a:+.3f},{SPACE}{b:+.3f}]"
            for tool, mean, a, b in zip(
                of_tasks.columns, of_tasks.mean(), low, high, strict=True
            )
        }
    table = pd.DataFrame(columns)
    return [
        ["edml minus", *table.columns],
        *([tool, *table.loc[tool]] for tool in _in_order(table.index, TOOLS)),
    ]


def share_table(shares):
    """Give the times to hyperopt's quality as text."""
    rows = [
        [task, *(f"{share:.3f}" for share in row)] for task, row in shares.iterrows()
    ]
    middle = shares[["first", "for_good"]].median()
    last = ["median", "--", *(f"{share:.3f}" for share in middle)]
    return [["task", "target AUC", "first", "for good"], *rows, last]


def to_rst(results, shares):
    """Write the page that the user guide includes."""
    seeds, failed = results["seed"].nunique(), results["error"].notna()
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    late = results[results["tool"] == "edml"]
    over = (late["seconds"] / late["budget"]).max() if len(late) else np.nan
    parts = [
        ".. Made by benchmarks/tuning/report.py.\n",
        f"Commands: ``python benchmarks/tuning/run.py --out FILE --data FOLDER``, then "
        f"``python benchmarks/tuning/report.py FILE``; {seeds} seeds; {libraries}. "
        f"{failed.sum()} of {len(results)} searches failed.\n",
        "Mean rank by test average precision, 1 the best; *pairs* of task and seed:\n",
        simple_table(rank_table(results)),
        "Mean difference in test average precision, and where it would lie for 95 % of "
        "other draws of such tasks:\n",
        simple_table(difference_table(results, "average_precision")),
        "The same of the searches' own scores, the mean over the folds, which are the "
        "same for all tools:\n",
        simple_table(difference_table(results, "search_score")),
        "Test average precision, mean and standard deviation over seeds:\n",
        simple_table(spread_table(results, "average_precision", 3)),
        "Test AUC:\n",
        simple_table(spread_table(results, "roc_auc", 3)),
        "Evaluations within the budget, mean over seeds:\n",
        simple_table(spread_table(results, "evaluations", 0)),
    ]
    if np.isfinite(over):
        parts.append(f"edml's longest search took {over:.2f} of its budget.\n")
    if len(shares):
        parts += [
            "edml's time to the test AUC of hyperopt after 120 s, as a share of these "
            "(``python benchmarks/tuning/time_to_target.py --out FILE --data FOLDER``; "
            "*first* reached, and held *for good* at all longer budgets):\n",
            simple_table(share_table(shares)),
        ]
    return "\n".join(parts)


def simple_table(lines):
    """Lay out a simple table of reStructuredText; the first line is the header."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "  ".join("=" * width for width in widths)
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]
    return "\n".join(
        line.rstrip() for line in [rule, text[0], rule, *text[1:], rule, ""]
    )


def _tools(results):
    return _in_order(results["tool"], TOOLS)


def _in_order(found, order):
    found = set(found)
    return [name for name in order if name in found]


def main():
    """Write the page, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", metavar="FILE", type=Path)
    parser.add_argument("--rst", metavar="PATH", type=Path, default=PAGE)
    given = parser.parse_args()
    page = to_rst(read_results(given.results), time_shares(read_records(given.results)))
    given.rst.write_text(page, "utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
