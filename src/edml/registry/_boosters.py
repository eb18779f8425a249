"""Boosters from their stored states, rewritten before a library reads them.

Model files name the stand-in classes and this module. Only skops itself (and so MLflow)
creates stand-ins; edml's loader creates the libraries' own boosters.
"""

from typing import Any

import lightgbm
import xgboost

from edml.registry import _lightgbm, _xgboost
from edml.registry._budget import Budget
from edml.registry._nodes import refuse

State = dict[str, Any]

_BASE_OF_CLASSES = (3, 1)  # earlier ones read only the first, in silence


def make_lightgbm(found: _lightgbm.LightGBM, best_iteration: int) -> lightgbm.Booster:
    """Make a booster from its trees and its best iteration."""
    booster = lightgbm.Booster.__new__(lightgbm.Booster)
    _fill_lightgbm(booster, found, best_iteration)
    return booster


def make_xgboost(found: _xgboost.XGBoost) -> xgboost.Booster:
    """Make a booster from its trees; it predicts with one thread."""
    booster = xgboost.Booster.__new__(xgboost.Booster)
    _fill_xgboost(booster, found)
    return booster


class StoredLightGBM(lightgbm.Booster):
    """A LightGBM booster whose stored state is text, and no pickle."""

    def __setstate__(self, state: State) -> None:
        """Read a stored state, or that of a copy."""
        if "model" in state:
            content = state["model"]
            found = _lightgbm.read(content, Budget(len(content)))
            _fill_lightgbm(self, found, state["best_iteration"])
        else:
            super().__setstate__(state)


class StoredXGBoost(xgboost.Booster):
    """An XGBoost booster whose stored state is JSON."""

    def __setstate__(self, state: State) -> None:
        """Read a stored state, or that of a copy."""
        if "model" in state:
            content = state["model"]
            _fill_xgboost(self, _xgboost.read(content, Budget(len(content))))
        else:
            super().__setstate__(state)


def _fill_lightgbm(
    booster: lightgbm.Booster, found: _lightgbm.LightGBM, best_iteration: int
) -> None:
    text = _lightgbm.write(found).decode("utf-8")
    lightgbm.Booster.__init__(booster, model_str=text)
    booster.best_iteration = best_iteration
    booster.params = {}
    booster.pandas_categorical = []


def _fill_xgboost(booster: xgboost.Booster, found: _xgboost.XGBoost) -> None:
    if len(found.base_score) > 1 and _release() < _BASE_OF_CLASSES:
        refuse("has a base score for each class, which needs xgboost>=3.1")
    content = bytearray(_xgboost.write(found))
    xgboost.Booster.__init__(booster, {"nthread": 1}, model_file=content)


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in xgboost.__version__.split(".")[:2])
