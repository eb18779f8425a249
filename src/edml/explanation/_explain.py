"""explain: the contributions of each feature, through a whole pipeline."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from edml._sklearn import num_samples
from edml.explanation._contributions import compute_contributions
from edml.explanation._explanation import Explanation
from edml.explanation._facts import check_positions
from edml.feature_extraction import FeatureEngineer, HistoryFeatures
from edml.pipeline import single_thread_after_fork
from edml.schema import (
    COURSE,
    STUDENT,
    FloatArray,
    IntArray,
    fail_column,
    fail_label_of,
)

_MOST_BACKGROUND = 100  # rows; each row explained is compared with every one of them


def explain(
    model: Any,
    X: Any,
    *,
    rows: ArrayLike | None = None,
    background: Any = None,
    progress: bool | None = None,
    random_state: Any = 0,
    fail_label: Any = None,
) -> Explanation:
    """Compute the contribution of each feature to the score of each row.

    Parameters
    ----------
    model : classifier
        A fitted binary classifier: a `RiskClassifier` or its deployed form, a pipeline
        whose last step is a classifier, or a bare classifier.
    X : DataFrame or array-like of shape (n_samples, n_columns)
        The input of the model; for a pipeline on events, the event table. Columns are
        matched by name if the model has names.
    rows : array-like of int of shape (n_rows,), default=None
        Positions of the rows to explain, each >= 0; None explains all. The features are
        always computed from all of ``X``.
    background : DataFrame or array-like, default=None
        Typical rows, in the same form as ``X``; at most 100 are used, drawn with
        ``random_state``. None draws them from ``X``. Only the model-agnostic explainer
        needs them.
    progress : bool, default=None
        Whether to show a progress bar on standard error; None shows it for more
        than 500 rows. LightGBM and XGBoost need none.
    random_state : int, RandomState or None, default=0
        Controls the background and the model-agnostic explainer.
    fail_label : label, default=None
        The class that means failing, whose score is explained. None is the model's own
        ``fail_label_`` if it has one, else the higher of two numbers; text needs one of
        them.

    Returns
    -------
    explanation : Explanation
        One row for each explained row, in that order, with its label.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If the model is not a binary classifier, or of text and nothing says which class
        means failing, ``rows`` are not positions in ``X``,
        columns of ``fit`` are missing, or features are not numeric although the
        explainer needs numbers.

    See Also
    --------
    edml.explanation.history_facts : Facts of a history that are not features.

    Notes
    -----
    The score *before* calibration is explained, in favour of the class that fails.
    Calibration is increasing, so whatever raises the score also raises the calibrated
    probability. Contributions show what moved the score, never what causes a student to
    fail.

    LightGBM and XGBoost compute exact contributions themselves, on the log-odds scale;
    scikit-learn's forests, extra trees and decision trees are explained exactly by
    shap's TreeExplainer [1]_, on the probability scale; and a `edml.pipeline.Blend` of
    models of one scale by the mean of its members' contributions. Every other
    classifier is explained by shap's permutation explainer [2]_, on the probability
    scale, too. It is an approximation whose contributions still add up, and costs about
    ``2000 * n_features`` predictions a row; its first call in a process compiles for
    some seconds.

    A forest costs more than a hundred times its prediction: with 200 trees 5 to
    11 ms a row, measured by ``python benchmarks/bench_explanation.py``.

    XGBoost rounds to 32 bits. The base value absorbs the rounding error, about 1e-6,
    and therefore varies by that much between rows.

    References
    ----------
    .. [1] Lundberg, S. M., et al. (2020). From local explanations to global
       understanding with explainable AI for trees. Nature Machine Intelligence 2,
       56-67. https://doi.org/10.1038/s42256-019-0138-9
    .. [2] Strumbelj, E. and Kononenko, I. (2014). Explaining prediction models and
       individual predictions with feature contributions. Knowledge and Information
       Systems 41, 647-665. https://doi.org/10.1007/s10115-013-0679-x

    Examples
    --------
    >>> import numpy as np
    >>> from edml.datasets import load_activity
    >>> from edml.explanation import explain
    >>> from edml.pipeline import make_risk_pipeline
    >>> X, y = load_activity(return_X_y=True)
    >>> model = make_risk_pipeline("lightgbm").fit(X, y)
    >>> explanation = explain(model, X, rows=[3, 40])
    >>> explanation
    Explanation(2 rows, 44 features, log-odds before calibration, not causes)
    >>> total = explanation.base_values + explanation.contributions.sum(axis=1)
    >>> bool(np.allclose(total, explanation.raw_output))
    True
    """
    final, steps = _unwrap(model)
    first_fails = _explains_first(model, final, fail_label)
    positions = None if rows is None else check_positions(rows, num_samples(X))
    random = check_random_state(random_state)
    seed = int(random.randint(2**31 - 1))
    features, unfilled = _features(final, steps, X)
    chosen = features if positions is None else features.iloc[positions]

    def typical() -> pd.DataFrame:
        if background is None:
            return _sample(features, random)
        return _sample(_features(final, steps, background)[0], random)

    with single_thread_after_fork(final):
        parts = compute_contributions(
            final, chosen, typical, progress=progress, seed=seed
        )
    if first_fails:
        parts = parts.of_other_class()
    return Explanation(
        pd.DataFrame(parts.of_features, index=chosen.index, columns=chosen.columns),
        parts.base,
        _with_gaps(chosen, unfilled, positions),
        parts.raw,
        parts.scale,
    )


# -- from the model to its parts ----------------------------------------------


def _unwrap(model: Any) -> tuple[Any, list[Any]]:
    """Return the bare classifier, and the transformers before it."""
    for wrapped in ("pipeline_", "best_estimator_"):
        if hasattr(model, wrapped):
            return _unwrap(getattr(model, wrapped))
    if hasattr(model, "fit"):
        check_is_fitted(model)
    if not isinstance(model, Pipeline):
        _check_binary(model)
        return model, []
    final, steps = _unwrap(model.steps[-1][1])
    return final, [*_transformers(model.steps[:-1]), *steps]


def _transformers(steps: list[tuple[str, Any]]) -> Iterator[Any]:
    """Yield the steps that act when predicting; samplers do not."""
    for _, step in steps:
        if isinstance(step, Pipeline):
            yield from _transformers(step.steps)
        elif step not in (None, "passthrough") and not hasattr(step, "fit_resample"):
            yield step


def _check_binary(model: Any) -> None:
    classes = getattr(model, "classes_", None)
    if not hasattr(model, "predict_proba") or classes is None:
        message = (
            "explain needs a classifier with probabilities (predict_proba); "
            f"found {type(model).__name__}."
        )
        raise ValueError(message)
    if isinstance(classes, list) or len(classes) != 2:
        message = (
            f"explain needs a binary classifier; this {type(model).__name__} has "
            f"{len(classes)} classes or outputs. Fit it on one outcome of two classes."
        )
        raise ValueError(message)


def _explains_first(model: Any, final: Any, fail_label: Any) -> bool:
    """Check whether the first class of the bare classifier is the one that fails."""
    own = getattr(model, "fail_label_", None)
    if own is None:
        return fail_column(final, fail_label) == 0
    return bool(fail_label_of(model, fail_label) != own)  # inside, 1 is its own


# -- from the table to the features -------------------------------------------


def _features(
    final: Any, steps: list[Any], X: Any
) -> tuple[pd.DataFrame, dict[str, FloatArray]]:
    """Return the classifier's input, and the event features before filling."""
    unfilled: dict[str, FloatArray] = {}
    for step in steps:
        if type(step) in (FeatureEngineer, HistoryFeatures):
            unfilled, X = _engineer(step, X)
        else:
            X = step.transform(X)
    names = None if isinstance(X, pd.DataFrame) else _names_out(steps)
    return _as_frame(final, X, names), unfilled


def _with_gaps(
    features: pd.DataFrame, unfilled: dict[str, FloatArray], positions: IntArray | None
) -> pd.DataFrame:
    """Return the features for display: NaN where a statistic without data was filled.

    Event features are returned as they were before scaling by later steps.
    """
    rows = slice(None) if positions is None else positions
    columns = [
        unfilled[name][rows] if name in unfilled else features.iloc[:, place].array
        for place, name in enumerate(features.columns)
    ]
    frame = pd.DataFrame(dict(enumerate(columns)), index=features.index)
    return frame.set_axis(features.columns, axis=1)


def _engineer(
    step: FeatureEngineer | HistoryFeatures, X: Any
) -> tuple[dict[str, FloatArray], pd.DataFrame]:
    """Run the step once: return its features before filling, and its output."""
    table = step.unfilled().transform(X)
    names = [name for name in table.columns if name not in (STUDENT, COURSE)]
    unfilled = {name: table[name].to_numpy() for name in names}
    ratio = unfilled["parcial_sobre_ass"]  # always 0 where the ratio is undefined
    known = (unfilled["score_mean"] > 0) & ~np.isnan(unfilled["nota_overall_mean"])
    unfilled["parcial_sobre_ass"] = np.where(known, ratio, np.nan)
    if step.fill_value is None:
        return unfilled, table
    return unfilled, table.fillna(dict.fromkeys(names, step.fill_value))


def _names_out(steps: list[Any]) -> list[str] | None:
    """Return the names of the steps' output columns, where known."""
    names = None
    for step in steps:
        try:
            names = step.get_feature_names_out(names)
        except (AttributeError, TypeError, ValueError):
            names = None
    return None if names is None else [str(name) for name in names]


def _as_frame(final: Any, X: Any, names: list[str] | None) -> pd.DataFrame:
    """Return the features by name, in the order of the classifier's own."""
    wanted = getattr(final, "feature_names_in_", None)
    if isinstance(X, pd.DataFrame):
        return X if wanted is None else _in_order(X, [str(name) for name in wanted])
    values = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    if values.ndim != 2:
        message = f"X needs rows and columns; found {values.ndim} dimension(s)."
        raise ValueError(message)
    for known in (wanted, names):
        if known is not None and len(known) == values.shape[1]:
            return pd.DataFrame(values, columns=[str(name) for name in known])
    return pd.DataFrame(values, columns=[f"x{k}" for k in range(values.shape[1])])


def _in_order(X: pd.DataFrame, wanted: list[str]) -> pd.DataFrame:
    have = [str(name) for name in X.columns]
    if have == wanted:
        return X
    place = {name: k for k, name in enumerate(have)}
    # LightGBM keeps names with their white space replaced
    place |= {re.sub(r"\s", "_", name): k for name, k in place.items()}
    absent = [name for name in wanted if name not in place]
    if absent:
        unexpected = [name for name in have if name not in wanted]
        message = (
            f"Columns differ from fit: missing {absent}, unexpected {unexpected}. "
            "Rename them, or fit the model again."
        )
        raise ValueError(message)
    return X.iloc[:, [place[name] for name in wanted]]


def _sample(frame: pd.DataFrame, random: np.random.RandomState) -> pd.DataFrame:
    if not len(frame):
        message = "background has no row. Pass some, or None to draw them from X."
        raise ValueError(message)
    if len(frame) <= _MOST_BACKGROUND:
        return frame
    return frame.iloc[random.choice(len(frame), _MOST_BACKGROUND, replace=False)]
