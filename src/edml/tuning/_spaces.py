"""What is searched: the spaces of the three algorithms, and their first points.

Each space is as wide as measurements asked (see the user guide). The number of trees
is in none: it is read off one fit, which is scored as its trees are added.
"""

from collections.abc import Mapping
from typing import Any

from edml.tuning._bayes import Dimension, one_of, real, whole

#: Trees after which a fit is scored; the last is the most that are grown. More trees
#: make a forest no worse, so that there is nothing to choose.
CHECKPOINTS = {
    "lightgbm": (20, 40, 60, 90, 130, 190, 280, 400, 600),
    "xgboost": (20, 40, 60, 90, 130, 190, 280, 400, 600),
    "random_forest": (100,),
}

#: Checkpoints without a better score after which no more trees are grown.
PATIENCE = {"lightgbm": 3, "xgboost": 3, "random_forest": 1}

#: What a refined candidate has (benchmarks/tuning/refining.py).
LARGE_FOREST = 300
SLOWER = 4.0  # times, and as many times the trees
SLOWEST = 0.005  # the lowest learning rate

#: Parameters that are not searched.
FIXED: dict[str, dict[str, Any]] = {
    "lightgbm": {
        "subsample_freq": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    },
    "xgboost": {"tree_method": "hist"},
    "random_forest": {},
}

_SMALL_LEAF = 20  # the largest one of a table of few rows
_SNAPSHOTS = (2, 3, 5, 7)  # train on every so many partitions


def search_space(
    algorithm: str, balance: tuple[str | None, ...], n_rows: int, *, events: bool
) -> dict[str, Dimension]:
    """Give the space of one of edml's own algorithms.

    Parameters
    ----------
    algorithm : {"random_forest", "lightgbm", "xgboost"}
        Which.
    balance : tuple of str or None
        The balancers to choose from.
    n_rows : int
        Number of rows of training, by which the size of leaves is bounded.
    events : bool
        Whether the table is one of events, whose snapshots can be thinned.

    Returns
    -------
    space : dict of str to Dimension
        By the names of the pipeline's parameters, and "balance".
    """
    largest_leaf = max(_SMALL_LEAF, min(500, n_rows // 20))
    space = {f"classify__{k}": v for k, v in _LEARNERS[algorithm](largest_leaf).items()}
    space["balance"] = one_of(*balance)
    if events:
        space["snapshots__every"] = one_of(*_SNAPSHOTS)
    return space


def first_points(
    algorithm: str, balance: tuple[str | None, ...], n_rows: int, *, events: bool
) -> list[dict[str, Any]]:
    """Give the points that are tried first, the most promising one first.

    Parameters
    ----------
    algorithm, balance, n_rows, events
        As for `search_space`.

    Returns
    -------
    points : list of dict
        Complete points of the space.
    """
    space = search_space(algorithm, balance, n_rows, events=events)
    points = []
    for start in _STARTS_EVENTS[algorithm] if events else _STARTS_ROWS[algorithm]:
        point: dict[str, Any] = {f"classify__{k}": v for k, v in start.items()}
        point["balance"] = None if None in balance else balance[0]
        if events:
            point["snapshots__every"] = 3
        points.append({name: _inside(space[name], point[name]) for name in space})
    return points


def refine(
    algorithm: str, params: Mapping[str, Any], n_trees: int
) -> tuple[dict[str, Any], int] | None:
    """Give a candidate's model again, of more trees that each say less.

    Parameters
    ----------
    algorithm : {"random_forest", "lightgbm", "xgboost"}
        Which.
    params : mapping
        A point of its space.
    n_trees : int
        How many trees were best there.

    Returns
    -------
    refined : (dict, int) or None
        The point and the number of trees; None where it is as fine as can be.

    References
    ----------
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics 29, 2001, doi:10.1214/aos/1013203451: the smaller the steps of boosting,
    the better it generalizes, if the number of trees grows with them.
    """
    if algorithm == "random_forest":
        return (dict(params), LARGE_FOREST) if n_trees < LARGE_FOREST else None
    rate = params["classify__learning_rate"]
    slower = min(SLOWER, rate / SLOWEST)
    if slower < 2:
        return None
    return (
        {**params, "classify__learning_rate": rate / slower},
        round(n_trees * slower),
    )


def _inside(dimension: Dimension, value: Any) -> Any:
    if value in dimension:
        return value
    low, high = dimension.bounds
    return min(max(value, low), high)


def _lightgbm(largest_leaf: int) -> Mapping[str, Dimension]:
    return {
        "learning_rate": real(0.01, 0.3, log=True),
        "num_leaves": whole(3, 96, log=True),
        "min_child_samples": whole(2, largest_leaf, log=True),
        "subsample": real(0.3, 1.0),
        "colsample_bytree": real(0.1, 1.0),
        "reg_lambda": real(1e-3, 100, log=True),
    }


def _xgboost(largest_leaf: int) -> Mapping[str, Dimension]:
    return {
        "learning_rate": real(0.01, 0.3, log=True),
        "max_depth": whole(1, 9),
        "min_child_weight": real(0.1, largest_leaf / 2, log=True),
        "subsample": real(0.3, 1.0),
        "colsample_bytree": real(0.1, 1.0),
        "reg_lambda": real(1e-3, 100, log=True),
    }


def _random_forest(largest_leaf: int) -> Mapping[str, Dimension]:
    # the smallest tables have the smallest leaves, and few rows for a tree
    least = 0.3 if largest_leaf <= _SMALL_LEAF else 0.05
    return {
        "max_samples": real(least, 0.8, log=True),
        "max_features": real(0.05, 0.8, log=True),
        "min_samples_leaf": whole(1, largest_leaf, log=True),
        "criterion": one_of("gini", "entropy"),
    }


_LEARNERS = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "random_forest": _random_forest,
}

# Of event tables: the defaults of make_risk_pipeline, and points that did well on
# the sample and on OULAD's earlier presentations.
_STARTS_EVENTS: dict[str, list[dict[str, Any]]] = {
    "lightgbm": [
        {
            "learning_rate": 0.05,
            "num_leaves": 7,
            "min_child_samples": 100,
            "subsample": 0.5,
            "colsample_bytree": 0.3,
            "reg_lambda": 10.0,
        },
        {
            "learning_rate": 0.05,
            "num_leaves": 31,
            "min_child_samples": 20,
            "subsample": 0.7,
            "colsample_bytree": 0.3,
            "reg_lambda": 1.0,
        },
    ],
    "xgboost": [
        {
            "learning_rate": 0.05,
            "max_depth": 5,
            "min_child_weight": 50.0,
            "subsample": 0.5,
            "colsample_bytree": 0.3,
            "reg_lambda": 10.0,
        },
        {
            "learning_rate": 0.05,
            "max_depth": 4,
            "min_child_weight": 5.0,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 1.0,
        },
    ],
    "random_forest": [
        {
            "max_samples": 0.2,
            "max_features": 0.15,
            "min_samples_leaf": 10,
            "criterion": "gini",
        },
        {
            "max_samples": 0.1,
            "max_features": 0.3,
            "min_samples_leaf": 2,
            "criterion": "entropy",
        },
    ],
}

# Of other tables: close to the defaults of the libraries, and a more cautious one.
_STARTS_ROWS: dict[str, list[dict[str, Any]]] = {
    "lightgbm": [
        {
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_child_samples": 20,
            "subsample": 0.8,
            "colsample_bytree": 0.7,
            "reg_lambda": 1.0,
        },
        {
            "learning_rate": 0.05,
            "num_leaves": 5,
            "min_child_samples": 10,
            "subsample": 0.7,
            "colsample_bytree": 0.4,
            "reg_lambda": 10.0,
        },
    ],
    "xgboost": [
        {
            "learning_rate": 0.05,
            "max_depth": 4,
            "min_child_weight": 1.0,
            "subsample": 0.8,
            "colsample_bytree": 0.7,
            "reg_lambda": 1.0,
        },
        {
            "learning_rate": 0.05,
            "max_depth": 2,
            "min_child_weight": 1.0,
            "subsample": 0.7,
            "colsample_bytree": 0.5,
            "reg_lambda": 1.0,
        },
    ],
    "random_forest": [
        {
            "max_samples": 0.8,
            "max_features": 0.3,
            "min_samples_leaf": 1,
            "criterion": "gini",
        },
        {
            "max_samples": 0.6,
            "max_features": 0.2,
            "min_samples_leaf": 3,
            "criterion": "entropy",
        },
    ],
}
