"""Optimism of each way to split a table, measured on both data sets.

Run: ``python benchmarks/quality_honesty.py [--oulad FOLDER]``.
`edml.inspection.honesty_report` reports two pipelines: the default, and one with a
learner that can memorize a student. That learner is a forest of 25 deep trees, with its
library's defaults except for the number of trees. The test rows are those of the
sample's last period, and of OULAD's 2014B.
"""

import argparse
import sys

from sklearn.ensemble import RandomForestClassifier

from edml import load_activity, load_oulad, make_risk_pipeline
from edml.inspection import honesty_report

PIPELINES = {
    "default": make_risk_pipeline(),
    "deep forest": make_risk_pipeline(RandomForestClassifier(25, random_state=0)),
}


def main(folder, n_jobs):
    """Print the reports."""
    tables = {"sample": load_activity(return_X_y=True)}
    if folder:
        tables["oulad"] = load_oulad(folder, return_X_y=True)
    for table, (X, y) in tables.items():
        for name, pipe in PIPELINES.items():
            report = honesty_report(pipe, X, y, n_jobs=n_jobs)
            sys.stdout.write(f"{table}, {name}\n{report!r}\n\n")
            sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--oulad", metavar="FOLDER", default=None)
    parser.add_argument("--n-jobs", metavar="N", type=int, default=None)
    given = parser.parse_args()
    main(given.oulad, given.n_jobs)
