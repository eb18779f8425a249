"""What the tests of edml.tuning share: small tables, quick to fit."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification

from edml import make_student_activity, make_target


@pytest.fixture(scope="session")
def plain():
    """Return 240 rows of numbers, a fifth of which fail."""
    return make_classification(
        240, 6, n_informative=3, weights=[0.8], flip_y=0.1, random_state=0
    )


@pytest.fixture(scope="session")
def frame(plain):
    """Return the same rows as a DataFrame."""
    X, y = plain
    return pd.DataFrame(X, columns=list("abcdef")), pd.Series(y)


@pytest.fixture(scope="session")
def holed(frame):
    """Return the same rows, and every seventh lacks two values."""
    X, y = frame
    X = X.copy()
    X.iloc[::7, [1, 4]] = np.nan
    return X, y


@pytest.fixture(scope="session")
def events():
    """Return the event table of 60 enrolments in 3 courses."""
    X = make_student_activity(
        60, n_courses=3, partitions=20, fail_rate=0.3, random_state=1
    )
    return X, make_target(X)
