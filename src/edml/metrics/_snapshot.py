"""make_snapshot_scorer: count each snapshot once."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial, update_wrapper
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import check_scoring
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import column_or_1d

from edml._sklearn import check_aligned, check_method_params, safe_indexing
from edml.schema import (
    IntArray,
    check_outcomes,
    fail_column,
    first_rows,
    read_labels,
    resolve_columns,
    snapshot_codes,
)


def make_snapshot_scorer(
    scoring: str | Callable[..., Any] | Iterable[str] | Mapping[str, Any],
    *,
    columns: Mapping[str, str] | None = None,
    fail_label: Any = None,
) -> "_SnapshotScorer":
    """Make a scorer that counts each snapshot once.

    A day with three events of a student has three rows, and an ordinary scorer counts
    it three times. This scorer lets the estimator predict every row, because features
    need every event, and then scores only the first row of each student, course and
    partition; a null partition is 0.

    Parameters
    ----------
    scoring : str, callable, list of str or dict
        A scikit-learn scorer: its name, or a callable ``(estimator, X, y)``. For
        several scorers, each prediction method is called once for all of them, and the
        scorer returns a dict of scores, as `sklearn.model_selection.cross_validate`
        accepts.
    columns : mapping of str to str, default=None
        ``{canonical: actual}`` for the columns whose names differ.
    fail_label : label, default=None
        The label in ``y`` that means failing, which ``scoring`` sees as 1, and the
        other as 0. None is the model's own ``fail_label_`` if it has one, else the
        higher of two numbers; text needs one of them.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y) -> float``, to pass as ``scoring=``. It accepts
        ``sample_weight`` and other metadata that ``scoring`` accepts, one value per row
        of ``X``; a snapshot uses the value of its first row.

    Raises
    ------
    ValueError
        If ``scoring`` is not a scorer, or ``columns`` has an unknown column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.dummy import DummyClassifier
    >>> from edml.metrics import make_snapshot_scorer
    >>> X = pd.DataFrame({
    ...     "user_uuid": ["a", "b", "b", "b"],
    ...     "course_uuid": "x",
    ...     "particion": [0, 0, 0, 0],
    ... })
    >>> y = [1, 0, 0, 0]
    >>> model = DummyClassifier(strategy="most_frequent").fit(X, y)
    >>> model.score(X, y), make_snapshot_scorer("accuracy")(model, X, y)
    (0.75, 0.5)
    """
    if isinstance(scoring, Iterable) and not isinstance(scoring, (str, Mapping)):
        scoring = list(scoring)
    return _SnapshotScorer(scoring, columns, fail_label)


class _SnapshotScorer:
    """Score the first row of each snapshot."""

    def __init__(
        self, scoring: Any, columns: Mapping[str, str] | None, fail_label: Any
    ) -> None:
        self._scoring = scoring
        self._columns = None if columns is None else dict(columns)
        self._names = resolve_columns(columns)
        self._fail_label = fail_label
        self._scorer = check_scoring(scoring=scoring)

    def __call__(
        self, estimator: Any, X: pd.DataFrame, y: ArrayLike, **params: Any
    ) -> Any:
        """Score a fitted estimator."""
        check_aligned(X, y=y)
        kept, place = first_rows(snapshot_codes(X, self._names))
        check_outcomes(column_or_1d(y), kept, place)
        snapshots = X.iloc[kept]
        own = self._fail_label
        if own is None:
            own = getattr(estimator, "fail_label_", None)
        labels, label = read_labels(y, own)
        known = np.asarray(getattr(estimator, "classes_", ())).tolist()
        coded = label is not None and (
            labels.dtype.kind not in "biuf" or known[1:] != [label]
        )
        answers = _SnapshotAnswers(estimator, X, snapshots, kept, coded, label)
        chosen = check_method_params(X, params, kept)
        outcome = (labels == label).astype(np.int64) if coded else labels
        return self._scorer(answers, snapshots, safe_indexing(outcome, kept), **chosen)

    def __repr__(self) -> str:
        columns = "" if self._columns is None else f", columns={self._columns!r}"
        label = self._fail_label
        label = "" if label is None else f", fail_label={label!r}"
        return f"make_snapshot_scorer({self._scoring!r}{columns}{label})"

    def get_metadata_routing(self) -> Any:
        """Return the metadata requests of the wrapped scorer."""
        return get_routing_for_object(self._scorer)

    def _accept_sample_weight(self) -> bool:
        # scikit-learn checks its scorers this way while metadata routing is optional.
        if hasattr(self._scorer, "_accept_sample_weight"):
            return bool(self._scorer._accept_sample_weight())
        return "sample_weight" in signature(self._scorer).parameters


_METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")


class _SnapshotAnswers:
    """A fitted estimator that has already seen the table."""

    def __init__(
        self,
        estimator: Any,
        X: pd.DataFrame,
        snapshots: pd.DataFrame,
        kept: IntArray,
        coded: bool,
        fail_label: Any,
    ) -> None:
        self._estimator = estimator
        self._fail_label = fail_label
        if coded:  # the scorer sees 1 for failing and 0 for passing
            self.classes_ = np.array([0, 1])
        self._coded = coded
        self._X = X
        self._snapshots = snapshots
        self._kept = kept

    def _answer(self, predict: Callable[..., Any], method: str, X: Any) -> Any:
        if X is not self._snapshots:
            message = (
                "A snapshot scorer has predictions for the rows that it passes on, and "
                "was asked for others. Let scoring pass its X on unchanged."
            )
            raise ValueError(message)
        every = predict(self._X)
        check_consistent_length(self._X, every)
        chosen = safe_indexing(every, self._kept)
        return self._code(method, chosen) if self._coded else chosen

    def _code(self, method: str, answers: Any) -> Any:
        if method == "predict":
            return (np.asarray(answers) == self._fail_label).astype(np.int64)
        failing = fail_column(self._estimator, self._fail_label)
        if method == "decision_function":
            return np.asarray(answers) * (2 * failing - 1)
        return np.asarray(answers)[:, [1 - failing, failing]]

    def __getattr__(self, name: str) -> Any:
        # Fitted state, such as classes_, comes from the estimator. Other methods are
        # not delegated, because they would see the snapshots without the other events.
        if name.endswith("_") and not name.startswith("_"):
            return getattr(self._estimator, name)
        if name in _METHODS:
            own = getattr(self._estimator, name)
            return update_wrapper(partial(self._answer, own, name), own)
        message = f"{type(self).__name__!r} object has no attribute {name!r}"
        raise AttributeError(message)

    def __sklearn_tags__(self) -> Any:
        return get_tags(self._estimator)

    def __sklearn_is_fitted__(self) -> bool:
        return True  # an unfitted one could not be passed to a scorer
