"""Compute the contribution of each feature to the output of a bare classifier."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier
from xgboost import DMatrix, XGBClassifier

from edml.pipeline import Blend
from edml.schema import FloatArray

LOG_ODDS, PROBABILITY = "log-odds", "probability"

_CHUNK = 100  # rows between two steps of the progress bar
_PROGRESS_FROM = 500  # rows; more than that take a while
_FEW = 20  # rows
_TOLERANCE = 1e-6
_SINGLE_PRECISION = 1e-3  # XGBoost adds up in 32 bits; more than that is an error

_LOGISTIC = ("binary:logistic", "binary:logitraw")
_Forest = (RandomForestClassifier, ExtraTreesClassifier)


class Contributions(NamedTuple):
    """The additive parts of each row's output; ``base + sum(of_features) == raw``."""

    of_features: FloatArray  # of shape (n_rows, n_features)
    base: FloatArray  # the output before any feature is known, of shape (n_rows,)
    raw: FloatArray  # the model's own output, of shape (n_rows,)
    scale: str  # "log-odds" or "probability"

    def of_other_class(self) -> "Contributions":
        """Return what each feature adds to the score of the other of two classes."""
        whole = 0 if self.scale == LOG_ODDS else 1
        return Contributions(
            -self.of_features, whole - self.base, whole - self.raw, self.scale
        )


def compute_contributions(
    model: Any,
    features: pd.DataFrame,
    background: Callable[[], pd.DataFrame],
    *,
    progress: bool | None,
    seed: int,
) -> Contributions:
    """Explain a bare classifier; the result is exact for trees.

    ``features`` are in the model's own order. ``background`` returns rows of typical
    students, and ``seed`` is for the model-agnostic explainer; other explainers use
    neither.
    """
    if not len(features):
        scale = _scale(model)
        return Contributions(np.zeros(features.shape), np.zeros(0), np.zeros(0), scale)
    if progress is None:
        progress = len(features) > _PROGRESS_FROM
    exact = _of_trees(model, features, progress)
    if exact is not None and _adds_up(exact) and _is_score(model, features, exact):
        return exact
    # also for a subclass that predicts differently
    return _of_any(model, features, background(), progress, seed)


def _of_trees(
    model: Any, features: pd.DataFrame, progress: bool
) -> Contributions | None:
    """Return exact contributions if the model consists of trees, else None."""
    if _is_boosted(model):
        of = _of_lightgbm if isinstance(model, LGBMClassifier) else _of_xgboost
        return of(model, features)
    if isinstance(model, (*_Forest, DecisionTreeClassifier)):
        return _of_forest(model, features, progress)
    if isinstance(model, Blend):
        return _of_blend(model, features, progress)
    return None


def _of_blend(
    model: Blend, features: pd.DataFrame, progress: bool
) -> Contributions | None:
    """Average the members' contributions, if all are on the blend's scale."""
    every = [_of_trees(one, features, progress) for one in model.classifiers_]
    each = [one for one in every if one is not None and one.scale == model.scale]
    if len(each) < len(every):
        return None
    values, base, raw = (
        np.mean([getattr(one, part) for one in each], axis=0)
        for part in ("of_features", "base", "raw")
    )
    return Contributions(values, base, raw, model.scale)


def _scale(model: Any) -> str:
    """Return the scale of the contributions to a model's output."""
    if isinstance(model, Blend):
        same = all(_scale(one) == model.scale for one in model.classifiers_)
        return model.scale if same else PROBABILITY
    return LOG_ODDS if _is_boosted(model) else PROBABILITY


def _is_boosted(model: Any) -> bool:
    """Check whether the model is boosted trees with log-odds as raw output."""
    if isinstance(model, LGBMClassifier):
        # linear trees have no exact contributions
        linear = model.booster_.params.get("linear_tree", False)
        return model.objective_ == "binary" and not linear
    return isinstance(model, XGBClassifier) and model.objective in _LOGISTIC


def _adds_up(found: Contributions) -> bool:
    total = found.base + found.of_features.sum(axis=1)
    return bool(np.allclose(total, found.raw, rtol=0, atol=_TOLERANCE))


def _is_score(model: Any, features: pd.DataFrame, found: Contributions) -> bool:
    """Check on a few rows that the log-odds are those of the probability.

    LightGBM's own random forests, for example, return sums but predict averages.
    """
    if found.scale == PROBABILITY:
        return True
    stated = expit(found.raw[:_FEW])
    predicted = _probability(model, features.iloc[:_FEW])
    return bool(np.allclose(stated, predicted, rtol=0, atol=1e-5))


# -- boosted trees ------------------------------------------------------------


def _of_lightgbm(model: Any, features: pd.DataFrame) -> Contributions:
    X = _as_seen(model, features)
    # the model's own method uses n_jobs and the best iteration
    every = np.asarray(model.predict_proba(X, pred_contrib=True), dtype=np.float64)
    raw = np.asarray(model.predict_proba(X, raw_score=True), dtype=np.float64)
    return Contributions(every[:, :-1], every[:, -1], raw, LOG_ODDS)


def _of_xgboost(model: Any, features: pd.DataFrame) -> Contributions:
    booster = model.get_booster()
    matrix = DMatrix(
        _as_seen(model, features),
        missing=model.missing,
        feature_types=model.feature_types,
        enable_categorical=bool(model.enable_categorical),
        nthread=model.n_jobs,
    )
    trees = _rounds_used(model)
    every = booster.predict(matrix, pred_contribs=True, iteration_range=trees)
    margin = booster.predict(matrix, output_margin=True, iteration_range=trees)
    values, raw = every[:, :-1].astype(np.float64), margin.astype(np.float64)
    base = raw - values.sum(axis=1)
    # XGBoost rounds each number to 32 bits, so that its sums are off by about 1e-6:
    # the base value absorbs the residue, not a feature
    off = np.abs(base - every[:, -1]).max()
    if off > _SINGLE_PRECISION * max(1.0, float(np.abs(raw).max())):
        base = every[:, -1].astype(np.float64)  # not rounding: leave it to the check
    return Contributions(values, base, raw, LOG_ODDS)


def _rounds_used(model: Any) -> tuple[int, int]:
    """Return the boosting rounds that the model predicts with; (0, 0) is all."""
    best = getattr(model, "best_iteration", None)  # set only by early stopping
    return (0, 0) if best is None or model.booster == "gblinear" else (0, best + 1)


# -- forests and trees --------------------------------------------------------


def _of_forest(model: Any, features: pd.DataFrame, progress: bool) -> Contributions:
    trees = model.estimators_ if isinstance(model, _Forest) else [model]
    ensemble = {
        "trees": [_plain_tree(tree.tree_, len(trees)) for tree in trees],
        "input_dtype": np.float32,  # as scikit-learn's trees read it
        "internal_dtype": np.float64,
        "tree_output": PROBABILITY,
        "objective": None,
    }
    X = _as_numbers(features).astype(np.float32)
    values = np.empty(X.shape)
    explainer = import_shap().TreeExplainer(
        ensemble, feature_perturbation="tree_path_dependent"
    )
    for chunk in _chunks(len(X), progress):
        values[chunk] = explainer.shap_values(X[chunk], check_additivity=False)
    base = np.full(len(X), float(np.ravel(explainer.expected_value)[0]))
    return Contributions(values, base, _probability(model, features), PROBABILITY)


def _plain_tree(tree: Any, n_trees: int) -> dict[str, NDArray[Any]]:
    """Convert a tree for shap, with one output: the second class's probability.

    shap itself would compute both classes, and its earlier versions always send missing
    values to the left.
    """
    weights = tree.value[:, 0, :]
    left, right = tree.children_left, tree.children_right
    return {
        "children_left": left,
        "children_right": right,
        "children_default": np.where(tree.missing_go_to_left, left, right),
        "features": tree.feature,
        "thresholds": tree.threshold,
        "values": weights[:, 1:2] / weights.sum(axis=1, keepdims=True) / n_trees,
        "node_sample_weight": tree.weighted_n_node_samples,
    }


# -- any classifier -----------------------------------------------------------


def _of_any(
    model: Any,
    features: pd.DataFrame,
    background: pd.DataFrame,
    progress: bool,
    seed: int,
) -> Contributions:
    X, typical = _as_numbers(features), _as_numbers(background)
    names = features.columns

    def output(rows: NDArray[Any]) -> FloatArray:
        return _probability(model, pd.DataFrame(rows, columns=names))

    values, base = np.empty(X.shape), np.empty(len(X))
    shap = import_shap()
    with _kept_global_random_state():
        masker = shap.maskers.Independent(typical, max_samples=len(typical))
        for chunk in _chunks(len(X), progress, size=1):
            # seeded for each row: its contributions do not depend on earlier rows
            explainer = shap.PermutationExplainer(output, masker, seed=seed)
            row = explainer(X[chunk], max_evals="auto", silent=True)
            values[chunk] = row.values  # noqa: PD011 - an attribute of shap's
            base[chunk] = row.base_values
    return Contributions(values, base, output(X), PROBABILITY)


@contextmanager
def _kept_global_random_state() -> Iterator[None]:
    """Restore numpy's global random state: shap seeds it and draws from it."""
    state = np.random.get_state()  # noqa: NPY002 - shap uses it
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


# -- what they share ----------------------------------------------------------


def _as_seen(model: Any, features: pd.DataFrame) -> Any:
    """Return the features as the model saw them in `fit`: with names or without."""
    if getattr(model, "feature_names_in_", None) is not None:
        return features
    return features.to_numpy()


def _as_numbers(features: pd.DataFrame) -> FloatArray:
    """Return the features as numbers; raise an error that names the others."""
    texts = [str(n) for n, kind in features.dtypes.items() if kind.kind not in "fiub"]
    if texts:
        message = (
            f"This kind of classifier is explained from numbers; {texts[:5]} are not. "
            "Encode them in a step of the pipeline before the classifier."
        )
        raise ValueError(message)
    values = features.to_numpy(dtype=np.float64, na_value=np.nan)
    # shap recompiles itself for other layouts, and for read-only arrays
    return np.array(values, order="C")


def _probability(model: Any, features: pd.DataFrame) -> FloatArray:
    return np.asarray(model.predict_proba(_as_seen(model, features))[:, 1], np.float64)


def _chunks(n_rows: int, progress: bool, size: int = _CHUNK) -> Iterator[slice]:
    """Yield slices of rows, with a progress bar on standard error."""
    from tqdm import tqdm  # noqa: PLC0415 - it comes with shap

    with tqdm(total=n_rows, unit="row", desc="explain", disable=not progress) as bar:
        for start in range(0, n_rows, size):
            stop = min(start + size, n_rows)
            yield slice(start, stop)
            bar.update(stop - start)


def import_shap() -> ModuleType:
    """Import shap: late, as it is slow, and without the warnings of its colours."""
    with warnings.catch_warnings():
        # matplotlib 3.11 warns that it is going to deprecate a function that shap calls
        warnings.filterwarnings(
            "ignore",
            r"The set_(bad|over|under) function will be deprecated",
            PendingDeprecationWarning,
        )
        import shap  # noqa: PLC0415
    return shap
