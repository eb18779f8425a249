"""NannyML and Evidently on the terms of ``monitoring.py``.

Neither is a dependency of edml, and Evidently does not run with pandas 3, so that they
have an environment of their own::

    python benchmarks/monitoring.py export --terms 60 --to /tmp/terms
    uv run benchmarks/monitoring_others.py nannyml /tmp/terms --terms 60
    uv run benchmarks/monitoring_others.py evidently /tmp/terms --terms 40

What follows was written and committed before the run that is reported.

Both are given what the model sees and says, which is what their guides ask for: its
features, the course as a category, the score, and, in the reference, the outcome. A row
is an enrolment at the end of a week, as in edml: rows of each day would make them alarm
more often. They do not see the raw events. The reference and the term are the halves of
``monitoring.py``, with the same seeds; faults are planted in the first ``--faulty`` of
them. Terms that the model rejects (milliseconds) reach no monitoring.

nannyml
    Weekly chunks, with the thresholds that it sets itself: three standard deviations
    around the mean of the weekly chunks of the reference. Five alarms, each as its own
    guide describes it: CBPE of ROC AUC; univariate drift (Jensen-Shannon and its other
    defaults) of at least one feature or the score, and of the course; multivariate
    drift (reconstruction by PCA); and, with outcomes, realised ROC AUC in the last
    week. The course stands by itself because two trial terms showed that it alarms in
    every term: the students of the reference are the same in all its chunks, so that
    their courses do not vary, and the thresholds leave no room for other students.
evidently
    ``DriftedColumnsCount``, the verdict of ``DataDriftPreset`` without its charts, on
    each week of faults beside the same week of the reference. Two alarms: drift of the
    dataset (at least half of the columns, its default), and of at least one column.

Reported are the share of terms without a shift that alarm in any week, and the share of
terms that alarm in each week of each fault: as the tool decides, and at 5 % false
alarms. For the latter, the figure behind each alarm (standard deviations from the
reference's mean, or the number of columns) is compared with its 95 % quantile over the
terms without a shift in the same week. No user has these terms, so this flatters both.
"""
# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["evidently>=0.7", "nannyml>=0.13", "pandas<3", "pyarrow"]
# ///

import argparse
import os
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

os.environ["NML_DISABLE_USAGE_LOGGING"] = os.environ["DO_NOT_TRACK"] = "1"


def main():
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool", choices=list(TOOLS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--terms", type=int, default=60)
    parser.add_argument("--faulty", type=int, default=10)
    given = parser.parse_args()
    start = time.process_time()
    tables = {
        path.stem.replace("_", " "): pd.read_parquet(path)
        for path in sorted(given.folder.glob("*.parquet"))
    }
    halves = tables.pop("halves")
    weeks = sorted(tables["scores halved"]["week"].unique())
    found = []
    for seed in range(given.terms):
        half = halves[halves["seed"] == seed]
        before, after = (half[half["is_reference"] == one] for one in (True, False))
        old = attach(tables["none"], before, "2025-01-06")
        for fault, table in tables.items():
            if fault == "none" or seed < given.faulty:
                term = attach(table, after, "2026-01-05")
                for row in TOOLS[given.tool](old, term, fault, weeks):
                    found.append((seed, *row))
    columns = ["seed", "fault", "week", "alarm", "is_raised", "figure"]
    show(pd.DataFrame(found, columns=columns), weeks)
    say(f"{given.terms} terms, {time.process_time() - start:.0f} s of CPU time")


def say(text):
    sys.stdout.write(f"{text}\n")


def attach(table, half, monday):
    """Return the rows of one half, with outcomes and dates."""
    rows = table.merge(half.drop(columns=["seed", "is_reference"]), on="enrolment")
    days = pd.to_timedelta(7 * rows["week"] - 1, unit="D")
    return rows.assign(time=pd.Timestamp(monday) + days)


def columns_of(table):
    left_out = ("enrolment", "week", "flag", "time")
    return [one for one in table if one not in left_out and not one.startswith("y_")]


def run_nannyml(old, term, fault, _):
    import nannyml as nml  # noqa: PLC0415 (slow, and only one tool runs)

    columns = columns_of(old)
    when = {"timestamp_column_name": "time", "chunk_period": "W"}
    roles = {
        "y_pred_proba": "score",
        "y_pred": "flag",
        "y_true": "y_0",
        "problem_type": "classification",
        "metrics": ["roc_auc"],
    }
    weeks = sorted(term["week"].unique())
    cbpe = nml.CBPE(**roles, **when).fit(old).estimate(term)
    yield from read_chunks(cbpe, fault, weeks, "CBPE")
    numbers = [one for one in columns if one != "course"]
    for alarm, chosen in (("univariate", numbers), ("course", ["course"])):
        univariate = nml.UnivariateDriftCalculator(chosen, **when).fit(old)
        yield from read_chunks(univariate.calculate(term), fault, weeks, alarm)
    inputs = [one for one in columns if one != "score"]
    multivariate = nml.DataReconstructionDriftCalculator(inputs, **when).fit(old)
    yield from read_chunks(multivariate.calculate(term), fault, weeks, "multivariate")
    if fault == "none":
        realised = nml.PerformanceCalculator(**roles, **when).fit(old)
        for name in ("y_0", "y_20", "y_50"):
            result = realised.calculate(term.assign(y_0=term[name]))
            chunks = list(read_chunks(result, f"{name} exchanged", weeks, "realised"))
            yield chunks[-1]


def read_chunks(result, fault, weeks, alarm):
    """Yield whether a column alarms in each chunk, and how far the furthest is off."""
    table = result.to_df()
    levels = table.columns.nlevels
    period = table[("chunk", "period") if levels == 2 else ("chunk", "chunk", "period")]
    is_old = (period == "reference").to_numpy()
    alert, value = (
        table.loc[:, table.columns.get_level_values(-1) == name].to_numpy()
        for name in ("alert", "value")
    )
    value = value.astype(float)
    spread = np.maximum(value[is_old].std(axis=0), 1e-9)
    off = np.abs(value[~is_old] - value[is_old].mean(axis=0)) / spread
    is_raised = alert[~is_old].astype(bool).any(axis=1)
    for place, week in enumerate(weeks):  # one chunk each
        yield fault, week, alarm, is_raised[place], np.nanmax(off[place])


def run_evidently(old, term, fault, weeks):
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
    from evidently.metrics import DriftedColumnsCount  # noqa: PLC0415

    columns = columns_of(old)
    numbers = [one for one in columns if one != "course"]
    kinds = DataDefinition(numerical_columns=numbers, categorical_columns=["course"])
    for week in weeks:
        one, other = (
            Dataset.from_pandas(table.loc[table["week"] == week, columns], kinds)
            for table in (old, term)
        )
        result = Report([DriftedColumnsCount(drift_share=0.5)]).run(other, one)
        value = result.dict()["metrics"][0]["value"]
        yield fault, week, "dataset", value["share"] >= 0.5, value["count"]
        yield fault, week, "one column", value["count"] >= 1, value["count"]


def show(found, weeks):
    null = found[found["fault"].isin(["none", "y_0 exchanged"])]
    of_term = null.groupby(["alarm", "seed"])["is_raised"].max()
    say("no shift, share of terms with an alarm in any week:")
    say(of_term.groupby("alarm").agg(["mean", "size"]).round(3).to_string())
    limit = null.groupby(["alarm", "week"])["figure"].quantile(0.95, "higher")
    keys = pd.MultiIndex.from_frame(found[["alarm", "week"]])
    found = found.assign(at_5=found["figure"].to_numpy() > limit[keys].to_numpy())
    found = found[found["week"].isin(weeks)]
    for title, column in (("as it decides", "is_raised"), ("at 5 %", "at_5")):
        share = found.pivot_table(
            index=["alarm", "fault"], columns="week", values=column, aggfunc="mean"
        )
        say(f"share of terms with an alarm, {title}:\n{share.round(2).to_string()}")


TOOLS = {"nannyml": run_nannyml, "evidently": run_evidently}

if __name__ == "__main__":
    main()
