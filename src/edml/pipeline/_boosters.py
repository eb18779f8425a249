"""What LightGBM and XGBoost need: for odd columns, few rows, and after a fork."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier, config_context

#: The smallest leaves of `make_risk_pipeline`'s boosted trees: in LightGBM rows, in
#: XGBoost the sum of p * (1 - p) over a leaf's rows.
LEAST_ROWS, LEAST_WEIGHT = 100, 50
#: The largest leaf that few training rows allow; see benchmarks/small_classes.py.
_LARGEST_SHARE = 1 / 8

#: The trees of `make_risk_pipeline`'s LightGBM, and those that many failing rows allow;
#: ``benchmarks/quality_signals.py --part trees`` measures from how many on.
SMALL_TREES: dict[str, Any] = {
    "n_estimators": 100,
    "learning_rate": 0.05,
    "num_leaves": 7,
}
LARGE_TREES: dict[str, Any] = {
    "n_estimators": 300,
    "learning_rate": 0.03,
    "num_leaves": 15,
}
_MANY_FAILING = 50_000
# characters that LightGBM's JSON or XGBoost's names must not hold
_UNREADABLE = re.compile(r'[\x00-\x1f"\[\]{}:,<\\]')

_TREES = (LGBMClassifier, XGBClassifier, RandomForestClassifier)
_PROCESS = os.getpid()  # another one in a forked child


def smaller_leaves(estimator: Any, y: Any) -> dict[str, int]:
    """Return parameters that let the usual leaves follow the size of few rows.

    Parameters
    ----------
    estimator : estimator
        A classifier, or a pipeline that ends in one. Leaves of another size than that
        of `make_risk_pipeline` are the user's own, and stay.
    y : ndarray of shape (n_rows,)
        The outcomes to train on, 0 and 1.

    Returns
    -------
    parameters : dict of str to int
        Empty from about 800 rows on: up to there, trees with the usual leaves hardly
        split.

    Examples
    --------
    >>> import numpy as np
    >>> from edml.pipeline import make_risk_pipeline, smaller_leaves
    >>> smaller_leaves(make_risk_pipeline("lightgbm"), np.array([0, 1] * 100))
    {'classify__min_child_samples': 25}
    >>> smaller_leaves(make_risk_pipeline("lightgbm"), np.array([0, 1] * 1000))
    {}
    """
    step, prefix = _last_step(estimator)
    if type(step) is LGBMClassifier:
        leaf, usual, size = "min_child_samples", LEAST_ROWS, float(len(y))
    elif type(step) is XGBClassifier:
        leaf, usual = "min_child_weight", LEAST_WEIGHT
        size = float(len(y) * np.mean(y) * (1 - np.mean(y)))
    else:
        return {}
    least = int(max(1, size * _LARGEST_SHARE))
    if getattr(step, leaf) != usual or least >= usual:
        return {}
    return {prefix + leaf: least}


def larger_trees(estimator: Any, y: Any) -> dict[str, float]:
    """Return parameters of more and larger trees for many failing rows.

    Parameters
    ----------
    estimator : estimator
        A classifier, or a pipeline that ends in one. Other trees than those of
        `make_risk_pipeline`'s LightGBM are the user's own, and stay.
    y : ndarray of shape (n_rows,)
        The outcomes to train on, 0 and 1.

    Returns
    -------
    parameters : dict of str to float
        Empty below 50,000 failing rows, about 2,000 students in weekly snapshots.

    Examples
    --------
    >>> import numpy as np
    >>> from edml.pipeline import larger_trees, make_risk_pipeline
    >>> larger_trees(make_risk_pipeline(), np.array([0, 1] * 50_000))
    {'classify__n_estimators': 300, 'classify__learning_rate': 0.03,
     'classify__num_leaves': 15}
    >>> larger_trees(make_risk_pipeline(), np.array([0, 1] * 2_000))
    {}
    """
    step, prefix = _last_step(estimator)
    if type(step) is not LGBMClassifier or np.sum(y) < _MANY_FAILING:
        return {}
    if any(getattr(step, name) != usual for name, usual in SMALL_TREES.items()):
        return {}
    return {prefix + name: value for name, value in LARGE_TREES.items()}


def _last_step(estimator: Any) -> tuple[Any, str]:
    """Return the classifier, and what its parameters begin with in the pipeline."""
    if not isinstance(estimator, Pipeline):
        return estimator, ""
    name, step = estimator.steps[-1]
    return step, f"{name}__"


def accept_columns(estimator: Any, X: Any) -> Any:
    """Let LightGBM and XGBoost take columns of any name, and Arrow's numbers.

    Parameters
    ----------
    estimator : estimator
        Any classifier, not fitted.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The rows to train on.

    Returns
    -------
    estimator : estimator
        The same, or a pipeline that passes it an array if it is a bare LightGBM or
        XGBoost classifier that cannot take the columns as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> from lightgbm import LGBMClassifier
    >>> from edml.pipeline import accept_columns
    >>> quizzes = pd.DataFrame({"Quiz 1": [0.5, 1.0], "Quiz_1": [0.0, 0.5]})
    >>> list(accept_columns(LGBMClassifier(), quizzes).named_steps)
    ['numbers', 'classify']
    """
    if not isinstance(estimator, (LGBMClassifier, XGBClassifier)):
        return estimator
    if not isinstance(X, pd.DataFrame) or not _are_unreadable(X):
        return estimator
    # it scales nothing, but makes an array of the table, and keeps NaN
    numbers = StandardScaler(with_mean=False, with_std=False)
    return Pipeline([("numbers", numbers), ("classify", estimator)])


def _are_unreadable(X: pd.DataFrame) -> bool:
    """Check for columns of numbers with names or dtypes that boosters reject."""
    if any(dtype.kind not in "biuf" for dtype in X.dtypes):
        return False
    names = [str(name) for name in X.columns]
    # LightGBM replaces spaces, after which names can be equal
    same = len({name.replace(" ", "_") for name in names}) < len(names)
    odd = any(not name or _UNREADABLE.search(name) for name in names)
    return same or odd or any(isinstance(one, pd.ArrowDtype) for one in X.dtypes)


def warn_of_constant(fitted: Any) -> bool:
    """Warn if fitted trees never split, so that all rows have one probability.

    Parameters
    ----------
    fitted : estimator
        A classifier, or a pipeline that ends in one.

    Returns
    -------
    constant : bool
        Whether it warned.

    Examples
    --------
    >>> import warnings
    >>> from lightgbm import LGBMClassifier
    >>> from edml.pipeline import warn_of_constant
    >>> few = LGBMClassifier(verbose=-1).fit([[0], [1], [2]], [0, 1, 1])
    >>> with warnings.catch_warnings(record=True, action="always") as said:
    ...     constant = warn_of_constant(few)
    >>> str(said[0].message)[:46]
    'The fitted model gives one probability for all'
    """
    final, _ = _last_step(fitted)
    if not isinstance(final, _TREES):
        return False
    used = getattr(final, "feature_importances_", None)  # none of a linear booster
    constant = used is not None and not np.nan_to_num(used).any()
    if constant:
        warnings.warn(
            "The fitted model gives one probability for all: no tree found a split in "
            "the training rows. Bring more students, or let it learn from fewer rows, "
            "such as by smaller leaves.",
            UserWarning,
            stacklevel=4,
        )
    return constant


@contextmanager
def single_thread_after_fork(model: Any) -> Iterator[None]:
    """Let boosted trees fit and predict with one thread in a forked child.

    OpenMP's threads do not survive a fork, and a fit or a prediction with several would
    wait for them forever. The probabilities do not depend on the number of threads.

    Parameters
    ----------
    model : estimator
        A classifier, or a pipeline that ends in one; fitted or not.

    Yields
    ------
    None
        Fit or predict inside the block.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.pipeline import make_risk_pipeline, single_thread_after_fork
    >>> X, y = load_activity(return_X_y=True)
    >>> pipeline = make_risk_pipeline(n_jobs=2).fit(X, y)
    >>> with single_thread_after_fork(pipeline):
    ...     probabilities = pipeline[-1].predict_proba(pipeline[:-1].transform(X))
    """
    if os.getpid() == _PROCESS:
        yield
        return
    asked = []
    for one in _boosters(model):
        if isinstance(one, XGBClassifier) and one.__sklearn_is_fitted__():
            # once fitted, its n_jobs is that of its matrices alone
            one.get_booster().set_param({"nthread": 1})
        asked.append((one, one.n_jobs))
        one.n_jobs = 1
    try:
        with config_context(nthread=1):  # some parts of an XGBoost fit heed only this
            yield
    finally:
        for one, n_jobs in asked:
            one.n_jobs = n_jobs


def _boosters(model: Any) -> Iterator[Any]:
    if isinstance(model, Pipeline):
        yield from _boosters(model.steps[-1][1])
    elif isinstance(model, (LGBMClassifier, XGBClassifier)):
        yield model
    else:
        for one in getattr(model, "classifiers_", ()):  # a fitted Blend
            yield from _boosters(one)
