"""The candidates that a picture of a search shows."""

from typing import Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from edml._drawing import require_pyplot


def read_history(tuner: Any) -> pd.DataFrame:
    """Return the candidates of a fitted tuner, after a check for matplotlib."""
    require_pyplot()
    check_is_fitted(tuner, "history_")
    history: pd.DataFrame = tuner.history_
    return history
