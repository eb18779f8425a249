"""Labels that contact touched are counted, and left out."""

import numpy as np
import pytest

from edml import evaluate, load_activity, make_risk_pipeline
from edml.inspection import evaluate_with_contacts
from edml.sources import read_contacts

KEYS = ["user_uuid", "course_uuid"]


@pytest.fixture(scope="module")
def fitted():
    X, y = load_activity(return_X_y=True)
    half = X["user_uuid"].isin(X["user_uuid"].unique()[::2]).to_numpy()
    return make_risk_pipeline().fit(X[half], y[half]), X[~half], y[~half]


def test_touched_labels_are_counted_and_left_out(fitted):
    model, X, y = fitted
    keys = X[KEYS].drop_duplicates()
    chosen = keys[::5]
    contacts = read_contacts(
        chosen.set_axis(["student", "course"], axis=1).assign(date="2026-03-02")
    )
    found = evaluate_with_contacts(model, X, y, contacts, n_resamples=20)
    touched = X.set_index(KEYS).index.isin(chosen.set_index(KEYS).index)
    assert found.everybody == evaluate(model, X, y, n_resamples=20)
    assert found.untouched == evaluate(model, X[~touched], y[~touched], n_resamples=20)
    day = X["particion"].fillna(0)  # as everywhere
    first = ~X.assign(day=day).duplicated([*KEYS, "day"])
    assert found.n_touched == {
        "n_histories": len(chosen),
        "n_students": chosen["user_uuid"].nunique(),
        "n_snapshots": (touched & first).sum(),
        "n_failing_snapshots": int(np.asarray(y)[touched & first].sum()),
    }
    table = found.table
    assert table.loc["roc_auc", "untouched"] == found.untouched.metrics["roc_auc"]
    low, high = found.everybody.intervals["brier"]
    assert table.loc["brier", ["everybody_low", "everybody_high"]].tolist() == [
        low,
        high,
    ]


def test_groups_of_rows_follow(fitted):
    model, X, y = fitted
    contacts = X[KEYS].set_axis(["student", "course"], axis=1)[:1]
    contacts = read_contacts(contacts.assign(date="2026-03-02"))
    groups = X["user_uuid"]
    given = evaluate_with_contacts(model, X, y, contacts, groups=groups, n_resamples=20)
    plain = evaluate_with_contacts(model, X, y, contacts, n_resamples=20)
    assert given.untouched.intervals == plain.untouched.intervals
