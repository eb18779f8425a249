"""check_events: its time as a multiple of computing the features of the same table.

Run: ``python benchmarks/bench_check.py [ENROLMENTS]`` (default 23,000: 1.4 million
rows). The two alternate in one process; only processor time counts.
"""

import sys

from bench_features import best_times, make_table

from edml import FeatureEngineer, check_events


def main(n_enrolments: int) -> None:
    """Print the rows, the seconds and the ratio."""
    X = make_table(n_enrolments)
    engineer = FeatureEngineer().fit(X)
    check, features = best_times(
        lambda: check_events(X), lambda: engineer.transform(X), repeat=3
    )
    sys.stdout.write(
        f"{len(X):,} rows: check {check:.2f} s, features {features:.2f} s, "
        f"ratio {check / features:.2f}\n"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 23_000)
