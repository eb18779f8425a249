"""Stand-ins for boosters in a model file, which build the boosters when loaded.

The names of these classes and of this module are written into the files. The contents
are checked before any of them is made.
"""

import json
from typing import Any

import lightgbm
import xgboost


class StoredLightGBM(lightgbm.Booster):
    """A LightGBM booster whose stored state is its text, its settings and no pickle."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the booster from its stored state, or from that of a copy."""
        if "model" not in state:
            super().__setstate__(state)
            return
        super().__init__(model_str=state["model"].decode("utf-8"))
        self.best_iteration = state["best_iteration"]
        self.params = json.loads(state["params"])
        self.pandas_categorical: list[Any] = []


class StoredXGBoost(xgboost.Booster):
    """An XGBoost booster whose stored state is its JSON and its number of threads."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Build the booster from its stored state, or from that of a copy."""
        if "model" not in state:
            super().__setstate__(state)
            return
        n_jobs = state["n_jobs"]
        params = {} if n_jobs is None else {"nthread": n_jobs}
        super().__init__(params, model_file=bytearray(state["model"]))
