"""Two evaluations on the same students: differences with paired intervals."""

import hashlib
from typing import Any

import numpy as np
import pandas as pd

from edml.inspection._evaluation_format import EvaluationFields
from edml.inspection._options import Options
from edml.inspection._units import EvaluationUnits
from edml.metrics import LOSSES, METRIC_TITLES, percentile_interval

_DIGITS = 5  # of a stored draw


def keep_draws(draws: pd.DataFrame) -> pd.DataFrame:
    """Return resampled figures as an evaluation stores them."""
    return draws.astype("float64").round(_DIGITS)


def name_resamples(units: EvaluationUnits, options: Options) -> str:
    """Return a hash of the resampled students; "" if they cannot be drawn again.

    The draws of two models are paired if their hashes agree. On tables without
    students, the order of the units depends on the model, so nothing is paired.
    """
    repeatable = isinstance(options.random_state, (int, np.integer))
    if units.course is None or not repeatable or not options.n_resamples:
        return ""
    sizes = np.bincount(units.clusters).astype("<i8")
    how = f"{options.random_state} {options.n_resamples} "
    return hashlib.sha256(how.encode() + sizes.tobytes()).hexdigest()


def compare(
    first: EvaluationFields, second: EvaluationFields, confidence: float
) -> pd.DataFrame:
    """Return the figures of both and their paired differences."""
    if first.data_fingerprint != second.data_fingerprint:
        message = (
            "Expected two evaluations on the same rows; found different rows, so part "
            "of a difference would be due to them. Evaluate both models on one table."
        )
        raise ValueError(message)
    if not first.resamples or first.resamples != second.resamples:
        message = (
            "Expected two evaluations with the same resamples of students; found "
            "others, or none, as earlier versions of edml stored. Evaluate both models "
            "again with the same integer random_state and n_resamples."
        )
        raise ValueError(message)
    rows = [
        _compare_one(name, first, second, confidence)
        for name in METRIC_TITLES  # stored figures are in the order of their names
    ]
    return pd.DataFrame(rows).set_index("metric")


def _compare_one(
    name: str, first: EvaluationFields, second: EvaluationFields, confidence: float
) -> dict[str, Any]:
    value, other = first.metrics[name], second.metrics[name]
    draws = first.draws[name] - second.draws[name]
    low, high = percentile_interval(draws, confidence)
    verdict = "cannot be told apart"
    if low > 0 or high < 0:
        verdict = "better" if (low > 0) != (name in LOSSES) else "worse"
    return {
        "metric": name,
        "value": value,
        "other": other,
        "difference": value - other,
        "low": low,
        "high": high,
        "verdict": verdict,
    }
