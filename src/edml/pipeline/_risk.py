"""make_risk_pipeline: from a raw event table to a probability, as one estimator."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier
from xgboost import XGBClassifier

from edml.feature_extraction import (
    FEATURE_SETS,
    FeatureEngineer,
    HistoryFeatures,
    StaticColumns,
)
from edml.pipeline._boosters import LEAST_ROWS, LEAST_WEIGHT, SMALL_TREES
from edml.pipeline._weights import RiskPipeline
from edml.preprocessing import DataCleaner, KeyDropper
from edml.sampling import SnapshotSampler, make_balancer

CLASSIFIERS = ("random_forest", "lightgbm", "xgboost")
_TAKE_GAPS = ("over", "under")  # balancers that repeat or drop rows as they are


class SerialForest(RandomForestClassifier):
    """A random forest that predicts with one thread, to always give the same bits.

    With several, the order in which the trees' votes are added varies.
    """

    __module__ = "edml.pipeline"

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        serial = copy.copy(self)  # shares the trees
        serial.n_jobs = 1
        return RandomForestClassifier.predict_proba(serial, X)


def make_risk_pipeline(
    classifier: Any = "lightgbm",
    *,
    features: str = "classic",
    static: StaticColumns | None = None,
    balance: Any = None,
    columns: Mapping[str, str] | None = None,
    exam_kinds: str | Mapping[str, Iterable[str]] | None = None,
    partition_days: float = 1.0,
    fill_value: float | str | None = "auto",
    every: int | None = None,
    start: str = "enrolment",
    n_jobs: int | None = None,
    random_state: Any = 0,
) -> RiskPipeline:
    """Build the pipeline from a raw event table to the risk of failing.

    Its steps are ``clean``, ``features``, ``snapshots`` (training only: one row
    per snapshot), ``select`` (drops the keys), ``balance`` (training only) and
    ``classify``.

    Parameters
    ----------
    classifier : {"random_forest", "lightgbm", "xgboost"} or classifier, \
default="lightgbm"
        Any scikit-learn-compatible classifier is used unchanged. `RiskClassifier` lets
        the smallest leaves of the boosted trees, 100 rows or the weight 50, follow the
        size of small data, an eighth of the training rows, and gives LightGBM larger
        trees from 50,000 failing rows on.
    features : {"classic", "progress", "full"}, default="classic"
        What the model is shown: the original's 44 features; these and how far a student
        has come with what was due; or also the counts of ``activity_...`` columns. The
        last two also compare students with their course where the table has a context
        (`edml.feature_extraction.add_course_context`). See
        `edml.feature_extraction.HistoryFeatures`.
    static : StaticColumns, default=None
        Columns about the student to use as they are.
    balance : {"smote", "over", "under"}, sampler or None, default=None
        How the two classes are balanced in training. Balancing distorts
        probabilities and rarely helps the ranking: see the user guide.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns of the event table whose names
        differ from the canonical ones.
    exam_kinds : {"original", "english"} or mapping of str to list of str, default=None
        The exam names of each kind; see `FeatureEngineer`.
    partition_days : float, default=1.0
        Length of a partition in days, such as 7 in a weekly table.
    fill_value : float, "auto" or None, default="auto"
        Value of statistics without data; None keeps NaN, for classifiers that accept
        it. "auto" is None for a named classifier that is shown more than "classic",
        unless a balancer other than "over" and "under" needs numbers; else 0.
    every : int, default=None
        Train on the partitions p with ``p % every == 0``; None is 3 in a table with
        a row for every day. See `SnapshotSampler`.
    start : {"enrolment", "first_event"}, default="enrolment"
        Train on all of a history, or from its first exam or assignment on.
    n_jobs : int, default=None
        Threads of a named classifier; None is one, -1 all. It does not affect the
        results.
    random_state : int, RandomState or None, default=0
        Controls the named classifier and balancer.

    Returns
    -------
    pipeline : RiskPipeline
        Not fitted. It takes the raw event table and one outcome per row.

    Raises
    ------
    ValueError
        If a name is unknown, or NaN would reach a balancer.

    Examples
    --------
    >>> from edml.datasets import load_activity
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> pipeline = make_risk_pipeline("lightgbm").fit(X, y)
    >>> pipeline.predict_proba(X).shape == (len(X), 2)
    True
    """
    if features not in FEATURE_SETS:
        message = f"features={features!r} is unknown: pass one of {list(FEATURE_SETS)}."
        raise ValueError(message)
    takes_gaps = balance is None or balance in _TAKE_GAPS
    if fill_value == "auto":
        named = isinstance(classifier, str)
        fill_value = None if takes_gaps and named and features != "classic" else 0.0
    if fill_value is None and not takes_gaps:
        message = (
            "balance needs numbers, and fill_value=None keeps NaN: set "
            "fill_value=0.0, or balance=None."
        )
        raise ValueError(message)
    options: dict[str, Any] = {
        "columns": columns,
        "exam_kinds": exam_kinds,
        "partition_days": partition_days,
        "fill_value": fill_value,
    }
    describe = (
        FeatureEngineer(**options)
        if features == "classic" and static is None
        else HistoryFeatures(features, static, **options)
    )
    return RiskPipeline(
        [
            ("clean", DataCleaner(columns=columns)),
            ("features", describe),
            ("snapshots", SnapshotSampler(every=every, start=start)),
            ("select", KeyDropper()),
            ("balance", make_balancer(balance, random_state)),
            ("classify", _make_classifier(classifier, n_jobs, random_state)),
        ]
    )


def _make_classifier(classifier: Any, n_jobs: int | None, random_state: Any) -> Any:
    # Small trees on random parts of the data, because neighbouring snapshots of a
    # student are similar and few students fail. The user guide has the measurements.
    # n_jobs=None means one thread in scikit-learn, and all of them elsewhere
    common = {"random_state": random_state, "n_jobs": n_jobs or 1}
    if classifier == "lightgbm":
        return LGBMClassifier(
            **SMALL_TREES,
            min_child_samples=LEAST_ROWS,
            subsample=0.5,
            subsample_freq=1,
            colsample_bytree=0.3,
            reg_lambda=10,
            deterministic=True,
            force_col_wise=True,
            verbosity=-1,
            **common,
        )
    if classifier == "xgboost":
        return XGBClassifier(
            n_estimators=100,
            learning_rate=0.05,
            max_depth=5,
            min_child_weight=LEAST_WEIGHT,
            subsample=0.5,
            colsample_bytree=0.3,
            reg_lambda=10,
            tree_method="hist",
            **common,
        )
    if classifier == "random_forest":
        return SerialForest(n_estimators=200, min_samples_leaf=50, **common)
    if not (hasattr(classifier, "fit") and is_classifier(classifier)):
        message = (
            f"classifier={classifier!r} is unknown: pass one of {list(CLASSIFIERS)}, "
            "or a classifier."
        )
        raise ValueError(message)
    return classifier
