"""How the AUC of generated data grows with the number of training students.

Run: ``python benchmarks/quality_students.py [STUDENTS ...]`` (default 250 to 16000;
some minutes). Students are drawn from a store with `training_sample`, three times of
each number, and the models are evaluated on other students, with what is known by the
end of a course day. Each line has the mean AUC of the three, the least and the largest.
"""

import argparse
import sys
import tempfile

import numpy as np
from sklearn.metrics import roc_auc_score

from edml import make_risk_pipeline
from edml.datasets import make_student_activity, make_target
from edml.scale import bucket_events, training_sample
from edml.schema import first_rows, resolve_columns, snapshot_codes

DAYS = (10, 30, 50)
N_DRAWS = 3


def read_test():
    """Return other students' events, and the rows of their snapshots of each day."""
    X = make_student_activity(8_000, fail_rate=0.2, n_courses=40, random_state=1)
    rows, _ = first_rows(snapshot_codes(X, resolve_columns(None)))
    day = X["particion"].to_numpy()[rows]
    return X, {one: rows[day == one] for one in DAYS}


def find_aucs(X_train, X, y, rows, seed):
    """Return the AUC of each day of a model that is trained on a table."""
    model = make_risk_pipeline("lightgbm", every=5, random_state=seed)
    model.fit(X_train, make_target(X_train))
    y_prob = model.predict_proba(X)[:, 1]
    return [roc_auc_score(y[rows[day]], y_prob[rows[day]]) for day in DAYS]


def main():
    """Print a line for each number of students."""
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [250, 1_000, 4_000, 16_000]
    parser.add_argument("students", nargs="*", type=int, default=sizes)
    sizes = parser.parse_args().students
    X, rows = read_test()
    y = np.asarray(make_target(X))
    with tempfile.TemporaryDirectory() as folder:
        pool = make_student_activity(
            2 * max(sizes) + 1_000, fail_rate=0.2, n_courses=160, random_state=0
        )
        store = bucket_events(pool, f"{folder}/store", progress=False)
        del pool
        for size in sizes:
            draws = []
            for seed in range(N_DRAWS):
                sample = training_sample(store, size, random_state=seed)
                draws.append(find_aucs(sample.read(), X, y, rows, seed))
            figures = [
                f"day {day}: {np.mean(one):.3f} [{min(one):.3f}, {max(one):.3f}]"
                for day, one in zip(DAYS, zip(*draws, strict=True), strict=True)
            ]
            sys.stdout.write(f"{size:,} students, {'; '.join(figures)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
