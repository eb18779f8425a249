"""Fingerprints are equal only for the same rows."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from edml import make_student_activity, make_target
from edml.schema import fingerprint

X = make_student_activity(20, random_state=0)
y = make_target(X)


def test_order_and_index_play_no_part():
    order = np.random.RandomState(0).permutation(len(X))
    found = fingerprint(X, y)
    assert fingerprint(X.iloc[order], y.iloc[order]) == found
    assert fingerprint(X.set_axis(range(7, len(X) + 7)), y.to_numpy()) == found
    assert len(found) == 64


@pytest.mark.parametrize("column", list(X))
def test_any_other_value_is_seen(column):
    changed = X.copy()
    changed[column] = changed[column].astype(object)
    changed.loc[3, column] = 7.5
    same_kind = X.astype({column: object})
    assert fingerprint(changed, y) != fingerprint(same_kind, y)


def test_labels_rows_and_names_are_seen():
    found = fingerprint(X, y)
    assert fingerprint(X, 1 - y) != found
    assert fingerprint(X) != found
    assert fingerprint(X.iloc[:-1], y[:-1]) != found
    assert fingerprint(X.rename(columns={"score": "points"}), y) != found
    # labels belong to their rows: swapping them changes the data
    moved = np.roll(y.to_numpy(), 1)
    assert (moved != y).any()
    assert fingerprint(X, moved) != found


def test_arrays_and_sparse_tables():
    table = np.eye(4)
    found = fingerprint(table)
    assert fingerprint(csr_matrix(table)) == fingerprint(pd.DataFrame(table)) == found
    assert fingerprint(table * 2) != found


def test_cells_that_cannot_be_hashed():
    cells = [[1, 2], {"a": 1}, {"x", "y", "z"}, None]
    table = pd.DataFrame({"a": range(4), "rubric": cells})
    digest = fingerprint(table)
    again = [[1, 2], {"a": 1}, {"z", "y", "x"}, None]
    assert fingerprint(table.assign(rubric=again)) == digest
    assert fingerprint(table.assign(rubric=[[1, 3], *cells[1:]])) != digest
