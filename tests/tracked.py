"""A search and checks of its log, for the tests of edml.tracking."""

import time

from sklearn.base import BaseEstimator, ClassifierMixin

from edml.registry import ModelRegistry
from edml.tracking import sync
from edml.tracking._outbox import find_pending
from edml.tuning import ModelTuner

PATIENCE = 1800.0  # seconds; the sender waits for all other work on a busy machine


class Failing(ClassifierMixin, BaseEstimator):
    """A classifier that fails for some parameters."""

    def __init__(self, depth=1):
        self.depth = depth

    def fit(self, X, y):
        raise ValueError(f"depth {self.depth} of 'Ana Gil' is too much")


def make_tuner(n_iter=8):
    """Return a tuner of two algorithms; one always fails."""
    failing = ("failing", Failing(), {"depth": (1, 50)})
    return ModelTuner(
        ["lightgbm", failing], n_iter=n_iter, n_candidates=1, random_state=0
    )


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.2)


def read_outbox(folder):
    """Return all records waiting in an outbox."""
    return [record for log in find_pending(folder) for record in log.read()[0]]


def resend(folder, uri):
    """Send an outbox's records, and return how many arrived."""
    return sync(ModelRegistry(folder / "no-registry"), uri, outbox=folder).resent


def check_complete(logged, experiment, rows, status="FINISHED"):
    """Check that a search arrived exactly once and has ended."""
    parents, children = logged(experiment)
    assert [run.info.status for run in parents] == [status]
    assert {number: len(runs) for number, runs in children.items()} == {
        row["number"]: 1 for row in rows
    }
    for row in rows:
        (run,) = children[row["number"]]
        assert run.info.status == ("FAILED" if row["error"] else "FINISHED")
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.data.tags["edml.status"] == row["status"]
        assert run.data.params["algorithm"] == row["algorithm"]
        if row["status"] == "evaluated":
            assert run.data.metrics["score"] == row["score"]
    return parents[0], children
