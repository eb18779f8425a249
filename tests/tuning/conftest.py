"""What the tests of edml.tuning share: small tables, quick to fit."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from edml import make_student_activity, make_target
from edml.tuning import _spaces
from edml.tuning._spaces import CHECKPOINTS


@pytest.fixture(scope="session")
def plain():
    """Give 240 rows of numbers, a fifth of which fail."""
    return make_classification(
        240, 6, n_informative=3, weights=[0.8], flip_y=0.1, random_state=0
    )


@pytest.fixture(scope="session")
def frame(plain):
    """Give the same rows as a DataFrame."""
    X, y = plain
    return pd.DataFrame(X, columns=list("abcdef")), pd.Series(y)


@pytest.fixture(scope="session")
def holed(frame):
    """Give the same rows, and every seventh lacks two values."""
    X, y = frame
    X = X.copy()
    X.iloc[::7, [1, 4]] = np.nan
    return X, y


@pytest.fixture(scope="session")
def events():
    """Give the event table of 60 enrolments in 3 courses."""
    X = make_student_activity(
        60, n_courses=3, partitions=20, fail_rate=0.3, random_state=1
    )
    return X, make_target(X)


_ALL_TREES = dict(CHECKPOINTS)
_LARGE_FOREST = _spaces.LARGE_FOREST


@pytest.fixture(autouse=True)
def _few_trees(monkeypatch):
    """Grow few trees: what is tested is the same, and soon over."""
    monkeypatch.setitem(CHECKPOINTS, "lightgbm", (5, 10, 20, 30, 40, 50))
    monkeypatch.setitem(CHECKPOINTS, "xgboost", (5, 10, 20, 30, 40, 50))
    monkeypatch.setitem(CHECKPOINTS, "random_forest", (20,))
    monkeypatch.setattr(_spaces, "LARGE_FOREST", 40)


@pytest.fixture
def all_trees(_few_trees, monkeypatch):
    """Grow as many as users do."""
    for name, checkpoints in _ALL_TREES.items():
        monkeypatch.setitem(CHECKPOINTS, name, checkpoints)
    monkeypatch.setattr(_spaces, "LARGE_FOREST", _LARGE_FOREST)
