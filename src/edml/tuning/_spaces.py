"""The search spaces: those of edml's algorithms, and those that users write."""

from collections.abc import Mapping, Sequence
from numbers import Real as RealNumber
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from skopt.space import Categorical, Dimension, Integer, Real, check_dimension

from edml.sampling import BALANCERS, make_balancer
from edml.schema import read_labels, unknown_name

#: The balancers of edml's algorithms; "weight" lets failing rows weigh more.
BALANCE = (None, "weight", *BALANCERS)

_LOG = "log-uniform"
_SMALL_LEAF = 20  # the largest bound on a leaf in a table of few rows
_LARGEST_LEAF = 500
_EVERY = (None, 2, 5, 7)  # train on every so many partitions


def search_space(
    algorithm: str,
    y: ArrayLike | None = None,
    *,
    balance: Sequence[str | None] = BALANCE,
    events: bool = True,
    random_state: Any = 0,
    fail_label: Any = None,
) -> dict[str, Dimension]:
    """Return the space that `ModelTuner` searches for one of edml's algorithms.

    Its keys are parameters of `edml.pipeline.make_risk_pipeline`, so that any
    search of scikit-learn or scikit-optimize can use it.

    Parameters
    ----------
    algorithm : {"random_forest", "lightgbm", "xgboost"}
        The classifier.
    y : array-like of shape (n_rows,), default=None
        The outcomes to train on; their number bounds the size of leaves, and their
        ratio is the weight of a failing row in XGBoost, which is not searched
        without them.
    balance : sequence of {None, "weight", "smote", "over", "under"}, \
default=(None, "weight", "smote", "over", "under")
        The balancers to choose from. "weight" is a separate parameter: the
        classifier's class weight.
    events : bool, default=True
        Whether to train on an event table, whose snapshots can be thinned.
    random_state : int, RandomState or None, default=0
        Given to the balancers.
    fail_label : object, default=None
        The label of ``y`` that means failing. None is the higher number; labels in
        words need it.

    Returns
    -------
    space : dict of str to Dimension
        A dimension of scikit-optimize for each parameter.

    Raises
    ------
    ValueError
        If the algorithm or a balancer is unknown.

    Examples
    --------
    >>> from edml.tuning import search_space
    >>> space = search_space("lightgbm", balance=[None, "over"])
    >>> space["classify__num_leaves"]
    Integer(low=3, high=96, prior='log-uniform', transform='identity')
    >>> space["balance"].categories
    ('passthrough', RandomOverSampler(random_state=0))
    """
    if algorithm not in _LEARNERS:
        message = f"algorithm={algorithm!r} is unknown: pass one of {list(_LEARNERS)}."
        raise ValueError(message)
    check_balance(balance)
    leaf, weight = _LARGEST_LEAF, None
    if y is not None:
        labels, failing = read_labels(y, fail_label)
        n_failing = np.sum(labels == (labels.max() if failing is None else failing))
        n_rows = len(labels) // 3 if events else len(labels)
        leaf = max(_SMALL_LEAF, min(_LARGEST_LEAF, n_rows // 20))
        weight = float((len(labels) - n_failing) / max(n_failing, 1))
    space = _LEARNERS[algorithm](leaf)
    samplers = [one for one in balance if one != "weight"]
    if "weight" in balance:
        space |= _weight(algorithm, weight, may_be_none=bool(samplers))
    space["balance"] = Categorical(
        [make_balancer(one, random_state) for one in samplers or [None]]
    )
    if events:
        space["snapshots__every"] = Categorical(_EVERY)
    return {_in_pipeline(name): one for name, one in space.items()}


def check_balance(balance: Any) -> None:
    """Raise ValueError unless it is a sequence of distinct, known balancers."""
    if isinstance(balance, str) or not isinstance(balance, Sequence) or not balance:
        message = (
            f"balance must be a sequence of {list(BALANCE)}; found {balance!r}. For "
            "one balancer, put it in a list."
        )
        raise ValueError(message)
    if len(set(balance)) < len(balance):
        message = f"balance names a balancer more than once: {list(balance)}."
        raise ValueError(message)
    for name in balance:
        if name not in BALANCE:
            known = [str(one) for one in BALANCE]
            raise ValueError(unknown_name(name, known, "balance", "balancer"))


def _in_pipeline(name: str) -> str:
    return name if name in {"balance", "snapshots__every"} else f"classify__{name}"


def _weight(
    algorithm: str, weight: float | None, *, may_be_none: bool
) -> dict[str, Dimension]:
    none = [None] if may_be_none else []
    if algorithm != "xgboost":
        return {"class_weight": Categorical([*none, "balanced"])}
    if weight is None:
        return {}
    return {"scale_pos_weight": Categorical([*none, weight])}


def _lightgbm(leaf: int) -> dict[str, Dimension]:
    return {
        "n_estimators": Integer(30, 600, _LOG),
        "learning_rate": Real(0.01, 0.3, _LOG),
        "num_leaves": Integer(3, 96, _LOG),
        "min_child_samples": Integer(2, leaf, _LOG),
        "subsample": Real(0.3, 1.0),
        "colsample_bytree": Real(0.1, 1.0),
        "reg_lambda": Real(1e-3, 100, _LOG),
    }


def _xgboost(leaf: int) -> dict[str, Dimension]:
    return {
        "n_estimators": Integer(30, 600, _LOG),
        "learning_rate": Real(0.01, 0.3, _LOG),
        "max_depth": Integer(1, 9),
        "min_child_weight": Real(0.1, leaf / 2, _LOG),
        "subsample": Real(0.3, 1.0),
        "colsample_bytree": Real(0.1, 1.0),
        "reg_lambda": Real(1e-3, 100, _LOG),
    }


def _random_forest(leaf: int) -> dict[str, Dimension]:
    return {
        "n_estimators": Integer(50, 300, _LOG),
        "max_samples": Categorical([None, 0.1, 0.2, 0.4, 0.7]),
        "max_features": Real(0.05, 0.8, _LOG),
        "min_samples_leaf": Integer(1, leaf, _LOG),
        "criterion": Categorical(["gini", "entropy"]),
    }


_LEARNERS = {
    "random_forest": _random_forest,
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
}


def default_point(space: Mapping[str, Dimension], pipeline: Any) -> dict[str, Any]:
    """Return the pipeline's own parameters as a point, moved into the space."""
    params = pipeline.get_params()
    return {name: _nearest(one, params[name]) for name, one in space.items()}


def _nearest(dimension: Dimension, value: Any) -> Any:
    if isinstance(dimension, Categorical):
        known = value in dimension.categories
        return value if known else dimension.categories[0]
    if not _is_number(value):  # such as max_features="sqrt"
        return float(np.sqrt(dimension.low * dimension.high))
    return min(max(value, dimension.low), dimension.high)


def widen(dimension: Dimension, value: Any) -> Dimension:
    """Return the dimension with room for ``value``, which must be of its kind."""
    if isinstance(dimension, Categorical):
        if value in dimension.categories:
            return dimension
        return Categorical([*dimension.categories, value])
    kind = "a whole number" if isinstance(dimension, Integer) else "a number"
    if not _is_number(value) or (isinstance(dimension, Integer) and value % 1):
        message = f"{value!r} is not {kind}"
        raise ValueError(message)
    low, high = min(dimension.low, value), max(dimension.high, value)
    return type(dimension)(low, high, dimension.prior)


def read_dimension(value: Any) -> Dimension:
    """Read a dimension as users write it, or raise a ValueError.

    A tuple is ``(low, high)`` or ``(low, high, "log-uniform")``; a list holds choices,
    even if it is of two numbers.
    """
    if isinstance(value, list):
        if len({repr(one) for one in value}) < max(1, len(value)):
            message = "A list needs distinct choices."
            raise ValueError(message)
        texts = [isinstance(one, str) for one in value]
        if any(texts) and any(map(_is_number, value)):
            message = "Texts and numbers in one list would all become texts."
            raise ValueError(message)
        return Categorical(value)
    if isinstance(value, tuple):
        known = len(value) == 2 or (len(value) == 3 and value[2] in {"uniform", _LOG})
        if not known or not all(map(_is_number, value[:2])):
            message = (
                f"Found {value!r}; a tuple is (low, high), both finite, with one of "
                f"{['uniform', _LOG]} as a third. Put choices into a list."
            )
            raise ValueError(message)
    return check_dimension(value)


def _is_number(value: Any) -> bool:
    known = isinstance(value, RealNumber) and not isinstance(value, bool)
    return known and bool(np.isfinite(float(value)))
