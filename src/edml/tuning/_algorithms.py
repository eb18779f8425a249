"""What is searched over: edml's own algorithms, and those that a user brings."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from imblearn.pipeline import Pipeline
from sklearn.base import clone, is_classifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline as SimplePipeline

from edml.classifier._training import fix_random_states
from edml.exceptions import TableError
from edml.pipeline import CLASSIFIERS, make_risk_pipeline
from edml.pipeline._blend import LOG_ODDS, PROBABILITY
from edml.sampling import make_balancer
from edml.sampling._balancers import BALANCERS
from edml.tuning._bayes import Dimension, Params, read_dimension
from edml.tuning._spaces import FIXED, first_points, refine, search_space

#: The balancers of edml's own algorithms; "weight" lets failing rows weigh more.
BALANCE = (None, "weight", *BALANCERS)

#: What the libraries' own formats do not take in a column's name.
_SIGNS = {"lightgbm": '[]{}",:', "xgboost": "[]<"}


@dataclass(frozen=True)
class Algorithm:
    """A pipeline with the space of its parameters.

    Attributes
    ----------
    name : str
        As the user knows it.
    pipeline : estimator
        Not fitted.
    space : dict of str to Dimension
        By the names of the pipeline's parameters; of edml's own also "balance".
    first : list of dict
        The points that are tried first.
    own : bool
        Whether it is one of edml's, whose trees are counted as they grow.
    ratio : float
        Passing rows for each failing one.
    impute : bool
        Whether NaN must be filled before rows are mixed.
    """

    name: str
    pipeline: Any
    space: dict[str, Dimension]
    first: list[Params] = field(default_factory=list)
    own: bool = False
    ratio: float = 1.0
    impute: bool = False

    def configure(self, params: Mapping[str, Any], n_trees: int | None = None) -> Any:
        """Give a pipeline of these parameters, not fitted."""
        pipeline = clone(self.pipeline)
        rest = {name: value for name, value in params.items() if name != "balance"}
        if self.own:
            rest |= self._balanced(pipeline, params.get("balance"))
            if n_trees is not None:
                rest["classify__n_estimators"] = n_trees
        return pipeline.set_params(**rest)

    @property
    def scale(self) -> str:
        """The scale on which its candidates are blended, and explained."""
        return PROBABILITY if self.name == "random_forest" else LOG_ODDS

    def refine(
        self, params: Mapping[str, Any], n_trees: int | None
    ) -> tuple[Params, int] | None:
        """Give the same model of more and finer trees; None where there is none."""
        if not self.own or n_trees is None:
            return None
        return refine(self.name, params, n_trees)

    def _balanced(self, pipeline: Any, balance: str | None) -> Params:
        seed = pipeline.get_params()["classify__random_state"]
        if balance == "weight":
            if self.name == "random_forest":
                return {"classify__class_weight": {0: 1.0, 1: self.ratio}}
            return {"classify__scale_pos_weight": self.ratio}
        found: Params = {"balance": make_balancer(balance, seed)}
        if balance == "smote" and self.impute:  # which mixes no NaN
            found["impute"] = SimpleImputer(strategy="median", keep_empty_features=True)
        return found


def check_algorithms(algorithms: Any, balance: Any) -> None:
    """Refuse unknown algorithms and balancers, before anything is read.

    Parameters
    ----------
    algorithms : sequence of str or (name, pipeline, space)
        What `ModelTuner` takes.
    balance : sequence of str or None
        Likewise.

    Raises
    ------
    ValueError
        If one is unknown or given twice, or a space does not fit its pipeline.
    """
    if isinstance(algorithms, str) or not isinstance(algorithms, Sequence):
        message = (
            f"algorithms must be a sequence of names and (name, pipeline, space); "
            f"found {type(algorithms).__name__}. Put it in a list."
        )
        raise ValueError(message)
    if not algorithms:
        message = f"algorithms is empty; name at least one of {list(CLASSIFIERS)}."
        raise ValueError(message)
    names = [_check_algorithm(entry) for entry in algorithms]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"algorithms names {twice} more than once; each has one search."
        raise ValueError(message)
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
            raise ValueError(_unknown("balance", name, [str(b) for b in BALANCE]))


def check_names(algorithms: Sequence[Any], X: Any) -> None:
    """Refuse names of columns that a library will refuse after the search.

    Parameters
    ----------
    algorithms : sequence of str or (name, pipeline, space)
        Having passed `check_algorithms`.
    X : DataFrame or array-like
        A plain table.

    Raises
    ------
    TableError
        If a name holds a sign that LightGBM or XGBoost does not take.
    """
    if not isinstance(X, pd.DataFrame):
        return
    for library, signs in _SIGNS.items():
        if library not in algorithms:
            continue
        bad = [str(n) for n in X.columns if str(n) == "" or set(str(n)) & set(signs)]
        if bad:
            message = (
                f"The columns {bad} have names that {library} does not take: empty, or "
                f"with one of {signs}. Rename them."
            )
            raise TableError(message)
    if not X.columns.is_unique:
        twice = sorted({str(name) for name in X.columns[X.columns.duplicated()]})
        message = f"The columns {twice} are there more than once. Rename them."
        raise TableError(message)


def check_features(algorithms: Sequence[Any]) -> None:
    """Refuse a bare classifier on an event table, which it cannot read.

    Parameters
    ----------
    algorithms : sequence of str or (name, pipeline, space)
        Having passed `check_algorithms`.

    Raises
    ------
    ValueError
        If one has no steps before its classifier.
    """
    own = [entry for entry in algorithms if not isinstance(entry, str)]
    for name, pipeline, _ in own:
        if not isinstance(pipeline, SimplePipeline):
            message = (
                f"On an event table {name!r} needs features, and it is a bare "
                f"{type(pipeline).__name__}. Pass make_risk_pipeline(classifier), and "
                "name its parameters classify__... in the space."
            )
            raise ValueError(message)


def _check_algorithm(entry: Any) -> str:
    if isinstance(entry, str):
        if entry not in CLASSIFIERS:
            raise ValueError(_unknown("algorithms", entry, list(CLASSIFIERS)))
        return entry
    if not (isinstance(entry, tuple) and len(entry) == 3 and isinstance(entry[0], str)):
        message = (
            "algorithms takes names and tuples (name, pipeline, space); found "
            f"{type(entry).__name__}."
        )
        raise ValueError(message)
    name, pipeline, space = entry
    if not (hasattr(pipeline, "fit") and is_classifier(pipeline)):
        message = (
            f"The pipeline of {name!r} is no classifier: {type(pipeline).__name__}."
        )
        raise ValueError(message)
    _read_space(name, pipeline, space)
    return name


def _read_space(name: str, pipeline: Any, space: Any) -> dict[str, Dimension]:
    if not isinstance(space, Mapping):
        message = (
            f"The space of {name!r} must map names of parameters to dimensions; found "
            f"{type(space).__name__}."
        )
        raise ValueError(message)
    known = pipeline.get_params()
    for parameter in space:
        if parameter not in known:
            raise ValueError(
                _unknown(f"The space of {name!r}", parameter, sorted(known), "lacks")
            )
    found = {}
    for parameter, dimension in space.items():
        try:
            found[parameter] = read_dimension(dimension)
        except (ValueError, TypeError) as error:
            message = (
                f"The space of {name!r} has no dimension at {parameter!r}: give (low, "
                f"high), (low, high, 'log-uniform') or a list of choices. {error}"
            )
            raise ValueError(message) from None
    return found


def _unknown(where: str, found: Any, known: list[str], verb: str = "") -> str:
    near = difflib.get_close_matches(str(found), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if verb:
        return (
            f"{where} names {found!r}, which its pipeline {verb}.{hint} See its "
            "get_params()."
        )
    return f"{where} has an unknown {found!r}.{hint} Known: {known}."


def make_algorithms(
    algorithms: Sequence[Any],
    balance: Sequence[str | None],
    *,
    pipeline_params: Mapping[str, Any],
    n_rows: int,
    ratio: float,
    events: bool,
    impute: bool,
    random_state: int,
) -> list[Algorithm]:
    """Make what is searched over, for one table.

    Parameters
    ----------
    algorithms : sequence of str or (name, pipeline, space)
        Having passed `check_algorithms`.
    balance : sequence of str or None
        The balancers of edml's own algorithms.
    pipeline_params : mapping
        ``columns`` and ``exam_kinds`` of `make_risk_pipeline`.
    n_rows : int
        Number of rows of training.
    ratio : float
        Passing rows for each failing one.
    events : bool
        Whether the table is one of events.
    impute : bool
        Whether a plain table holds NaN.
    random_state : int
        Given to all classifiers and balancers.

    Returns
    -------
    made : list of Algorithm
        In the order given.
    """
    made = []
    kinds = tuple(balance)
    for entry in algorithms:
        if not isinstance(entry, str):
            name, given, space = entry
            pipeline = clone(given)
            fix_random_states(pipeline, np.random.RandomState(random_state))
            made.append(Algorithm(name, pipeline, _read_space(name, given, space)))
            continue
        pipeline = make_risk_pipeline(
            entry, random_state=random_state, **pipeline_params
        )
        pipeline.set_params(
            **{f"classify__{key}": value for key, value in FIXED[entry].items()}
        )
        if not events:
            steps: list[tuple[str, Any]] = [("impute", "passthrough")] if impute else []
            pipeline = Pipeline([*steps, *pipeline.steps[-2:]])
        made.append(
            Algorithm(
                entry,
                pipeline,
                search_space(entry, kinds, n_rows, events=events),
                first_points(entry, kinds, n_rows, events=events),
                own=True,
                ratio=ratio,
                impute=impute,
            )
        )
    return made
