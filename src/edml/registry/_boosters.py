"""What stands for a booster in a model file, and becomes it again.

The names of these classes and of this module are written into the files.
"""

import json
from typing import Any

import lightgbm
import xgboost


class StoredLightGBM(lightgbm.Booster):
    """The text of a LightGBM booster; it becomes that booster when it is loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become the booster.

        Parameters
        ----------
        state : dict
            ``model``: its text, which was checked; ``best_iteration``; ``params``;
            ``pandas_categorical``: nothing.
        """
        lightgbm.Booster.__init__(self, model_str=state["model"].decode("utf-8"))
        self.best_iteration = state["best_iteration"]
        self.params = json.loads(state["params"])
        self.pandas_categorical: list[Any] = []
        self.__class__ = lightgbm.Booster  # type: ignore[assignment]


class StoredXGBoost(xgboost.Booster):
    """The JSON of an XGBoost booster; it becomes that booster when it is loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become the booster.

        Parameters
        ----------
        state : dict
            ``model``: its JSON, which was checked; ``n_jobs``: its threads or None.
        """
        n_jobs = state["n_jobs"]
        params = {} if n_jobs is None else {"nthread": n_jobs}
        xgboost.Booster.__init__(self, params, model_file=bytearray(state["model"]))
        self.__class__ = xgboost.Booster  # type: ignore[assignment]
