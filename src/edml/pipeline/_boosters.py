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

    Leaves of another size than that of `make_risk_pipeline` are the user's own, and
    stay. It is empty from about 800 rows on: below, such trees hardly split.
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

    It is empty below 50,000 of them, about 2,000 students in weekly snapshots. Trees
    unlike those of `make_risk_pipeline`'s LightGBM are the user's own, and stay.
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

    A bare one that cannot take the columns as they are becomes the last step of a
    pipeline that passes it an array.
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

    Return whether it warned.
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
