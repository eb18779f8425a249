"""Boosters from their stored states, which are already checked.

Model files name the stand-in classes and this module. Only skops itself (and so MLflow)
creates stand-ins; edml's loader creates the libraries' own boosters.
"""

import json
from typing import Any

import lightgbm
import xgboost

State = dict[str, Any]


def make_lightgbm(state: State) -> lightgbm.Booster:
    """Make a booster from its text, its settings and its best iteration."""
    booster = lightgbm.Booster.__new__(lightgbm.Booster)
    _fill_lightgbm(booster, state)
    return booster


def make_xgboost(state: State) -> xgboost.Booster:
    """Make a booster from its JSON and its number of threads."""
    booster = xgboost.Booster.__new__(xgboost.Booster)
    _fill_xgboost(booster, state)
    return booster


class StoredLightGBM(lightgbm.Booster):
    """A LightGBM booster whose stored state is text, and no pickle."""

    def __setstate__(self, state: State) -> None:
        """Read a stored state, or that of a copy."""
        if "model" in state:
            _fill_lightgbm(self, state)
        else:
            super().__setstate__(state)


class StoredXGBoost(xgboost.Booster):
    """An XGBoost booster whose stored state is JSON."""

    def __setstate__(self, state: State) -> None:
        """Read a stored state, or that of a copy."""
        if "model" in state:
            _fill_xgboost(self, state)
        else:
            super().__setstate__(state)


def _fill_lightgbm(booster: lightgbm.Booster, state: State) -> None:
    lightgbm.Booster.__init__(booster, model_str=state["model"].decode("utf-8"))
    booster.best_iteration = state["best_iteration"]
    booster.params = json.loads(state["params"])
    booster.pandas_categorical = []


def _fill_xgboost(booster: xgboost.Booster, state: State) -> None:
    n_jobs = state["n_jobs"]
    params = {} if n_jobs is None else {"nthread": n_jobs}
    xgboost.Booster.__init__(booster, params, model_file=bytearray(state["model"]))
