"""What a search has found, as tables."""

from typing import Any

import numpy as np
import pandas as pd

from edml.schema import FloatArray
from edml.tuning._trial import Trial


def best_params(trial: Trial) -> dict[str, Any]:
    """Give the parameters of a candidate, its algorithm and trees among them."""
    params = {"algorithm": trial.algorithm.name, **trial.params}
    if trial.members:
        each = [best_params(member) for member in trial.members]
        return {**params, "members": each}
    n_trees = trial.of_trees if trial.n_trees is None else trial.n_trees
    if n_trees is not None:
        params["classify__n_estimators"] = n_trees
    return params


def make_history(trials: list[Trial]) -> pd.DataFrame:
    """Give a table of one row per candidate, in the order of evaluation.

    Parameters
    ----------
    trials : list of Trial
        All candidates.

    Returns
    -------
    history : DataFrame of shape (n_trials, 15)
        See `ModelTuner`.
    """
    rows = []
    best = float("nan")
    for trial in trials:
        best = float(np.fmax(best, trial.score))
        rows.append(make_row(trial, best))
    return pd.DataFrame(rows)


def make_row(trial: Trial, best_score: float) -> dict[str, Any]:
    """Give the row of one candidate.

    Parameters
    ----------
    trial : Trial
        That is done.
    best_score : float
        The best one so far.

    Returns
    -------
    row : dict
        See `ModelTuner`.
    """
    return {
        "algorithm": trial.algorithm.name,
        "status": trial.status,
        "score": trial.score,
        "best_score": best_score,
        "estimate": trial.estimate,
        "roc_auc": trial.roc_auc,
        "refines": np.nan if trial.refines is None else float(trial.refines),
        "blends": len(trial.members),
        "n_folds": len(trial.scores) or len(trial.screened),
        "started": trial.started,
        "wall_time": trial.wall_time,
        "fit_time": trial.fit_time,
        "score_time": trial.score_time,
        "params": best_params(trial),
        "error": trial.error,
    }


def make_cv_results(trials: list[Trial], n_folds: int) -> dict[str, Any]:
    """Give the results in the form of scikit-learn's searches.

    Parameters
    ----------
    trials : list of Trial
        All candidates.
    n_folds : int
        Number of folds.

    Returns
    -------
    results : dict of str to array
        A mean is NaN where not all folds were evaluated.
    """
    splits = np.array([_by_fold(trial, n_folds) for trial in trials])
    mean = np.array([trial.score for trial in trials], dtype=np.float64)
    deviation = np.where(np.isnan(mean), np.nan, splits.std(axis=1))
    params = [best_params(trial) for trial in trials]
    results: dict[str, Any] = {
        "mean_fit_time": np.array([trial.fit_time / n_folds for trial in trials]),
        "mean_score_time": np.array([trial.score_time / n_folds for trial in trials]),
        "params": params,
        "status": np.array([trial.status for trial in trials], dtype=object),
    }
    for name in sorted({name for point in params for name in point}):
        results[f"param_{name}"] = np.ma.MaskedArray(
            [point.get(name) for point in params],
            mask=[name not in point for point in params],
            dtype=object,
        )
    for fold in range(n_folds):
        results[f"split{fold}_test_score"] = splits[:, fold]
    results["mean_test_score"] = mean
    results["std_test_score"] = deviation
    rank = pd.Series(-mean).rank(method="min", na_option="bottom")
    results["rank_test_score"] = rank.to_numpy(dtype=np.int32)
    return results


def _by_fold(trial: Trial, n_folds: int) -> FloatArray:
    found = np.full(n_folds, np.nan)
    if trial.status == "evaluated":
        found[:] = trial.scores
    return found
