"""One search space for all rivals, written in each one's own words.

Three algorithms, as wide as a competent user would write them, and five ways to
balance. `to_hyperopt`, `suggest` (Optuna) and `to_skopt` say the same thing; FLAML
has spaces of its own. For event tables hyperopt and Optuna also choose how far the
snapshots are thinned in training, as edml does.
"""

from typing import NamedTuple

import numpy as np
from hyperopt import hp
from imblearn.base import BaseSampler
from imblearn.over_sampling import RandomOverSampler
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from skopt.space import Categorical, Integer, Real
from xgboost import XGBClassifier

from edml.pipeline import SerialForest
from edml.sampling import AdaptiveSMOTE

BALANCES = ("none", "smote", "over", "under", "class_weight")
THINNINGS = (1, 3, 7)  # train on every partition, on each third, on each seventh


class Number(NamedTuple):
    """A range of numbers; ``log`` draws the logarithm evenly."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


SPACES = {
    "random_forest": {
        "n_estimators": Number(50, 500, log=True, whole=True),
        "max_depth": Number(2, 30, log=True, whole=True),
        "min_samples_leaf": Number(1, 200, log=True, whole=True),
        "max_features": Number(0.05, 1.0),
        "criterion": ("gini", "entropy"),
    },
    "lightgbm": {
        "n_estimators": Number(30, 1000, log=True, whole=True),
        "learning_rate": Number(0.005, 0.3, log=True),
        "num_leaves": Number(4, 256, log=True, whole=True),
        "min_child_samples": Number(1, 200, log=True, whole=True),
        "subsample": Number(0.3, 1.0),
        "colsample_bytree": Number(0.2, 1.0),
        "reg_alpha": Number(1e-8, 10, log=True),
        "reg_lambda": Number(1e-8, 100, log=True),
    },
    "xgboost": {
        "n_estimators": Number(30, 1000, log=True, whole=True),
        "learning_rate": Number(0.005, 0.3, log=True),
        "max_depth": Number(2, 12, whole=True),
        "min_child_weight": Number(0.1, 100, log=True),
        "subsample": Number(0.3, 1.0),
        "colsample_bytree": Number(0.2, 1.0),
        "gamma": Number(1e-8, 10, log=True),
        "reg_alpha": Number(1e-8, 10, log=True),
        "reg_lambda": Number(1e-8, 100, log=True),
    },
}
_SAMPLERS = {
    "smote": AdaptiveSMOTE,
    "over": RandomOverSampler,
    "under": RandomUnderSampler,
}


class Balancer(BaseSampler):
    """A sampler that is chosen by a name, so that a search can choose it."""

    _sampling_type = "bypass"
    _parameter_constraints = {"how": "no_validation", "random_state": "no_validation"}

    def __init__(self, how="none", random_state=None):
        super().__init__()
        self.how = how
        self.random_state = random_state

    def _fit_resample(self, X, y):
        sampler = _SAMPLERS.get(self.how)
        if sampler is None:
            return X, y
        return sampler(random_state=self.random_state).fit_resample(X, y)


def make_pipeline(params, y, seed, n_jobs=1):
    """Build what one point of the space stands for; ``y`` gives the weights."""
    algorithm, balance = params["algorithm"], params["balance"]
    own = {name: params[name] for name in SPACES[algorithm]}
    for name, range_ in SPACES[algorithm].items():
        if isinstance(range_, Number) and range_.whole:
            own[name] = round(own[name])
    classifier = make_classifier(algorithm, seed, n_jobs).set_params(**own)
    if balance == "class_weight":
        name, value = class_weights(algorithm, y)
        classifier.set_params(**{name: value})
    return Pipeline([("balance", Balancer(balance, seed)), ("classify", classifier)])


def make_classifier(algorithm, seed, n_jobs=1):
    """Build a classifier as its library has it."""
    common = {"random_state": seed, "n_jobs": n_jobs}
    if algorithm == "random_forest":
        return SerialForest(**common)
    if algorithm == "lightgbm":
        return LGBMClassifier(subsample_freq=1, verbosity=-1, **common)
    return XGBClassifier(tree_method="hist", **common)


def class_weights(algorithm, y):
    """Return the parameter that weighs the classes equally, and its value."""
    if algorithm == "xgboost":
        return "scale_pos_weight", float(np.mean(y == 0) / np.mean(y == 1))
    return "class_weight", "balanced"


def to_hyperopt(thin):
    """Return the space for hyperopt; ``thin`` adds the thinning."""
    branches = []
    for algorithm, space in SPACES.items():
        branch = {n: _hyperopt(f"{algorithm}__{n}", r) for n, r in space.items()}
        branches.append({"algorithm": algorithm, **branch})
    whole = {
        "branch": hp.choice("algorithm", branches),
        "balance": hp.choice("balance", BALANCES),
    }
    if thin:
        whole["every"] = hp.choice("every", THINNINGS)
    return whole


def _hyperopt(label, range_):
    if not isinstance(range_, Number):
        return hp.choice(label, range_)
    low, high = range_.low, range_.high
    if range_.log:
        low, high = np.log(low), np.log(high)
        if range_.whole:
            return hp.qloguniform(label, low, high, 1)
        return hp.loguniform(label, low, high)
    if range_.whole:
        return hp.quniform(label, low, high, 1)
    return hp.uniform(label, low, high)


def suggest(trial, thin):
    """Draw a point with an Optuna trial; ``thin`` adds the thinning."""
    algorithm = trial.suggest_categorical("algorithm", list(SPACES))
    params = {
        "algorithm": algorithm,
        "balance": trial.suggest_categorical("balance", BALANCES),
    }
    if thin:
        params["every"] = trial.suggest_categorical("every", THINNINGS)
    for name, range_ in SPACES[algorithm].items():
        label = f"{algorithm}__{name}"
        if not isinstance(range_, Number):
            params[name] = trial.suggest_categorical(label, range_)
        elif range_.whole:
            low, high = int(range_.low), int(range_.high)
            params[name] = trial.suggest_int(label, low, high, log=range_.log)
        else:
            params[name] = trial.suggest_float(
                label, range_.low, range_.high, log=range_.log
            )
    return params


def to_skopt(algorithm, y):
    """Return the space of a pipeline's steps ``balance`` and ``classify``."""
    name, value = class_weights(algorithm, y)
    unweighted = 1.0 if algorithm == "xgboost" else None
    space = {
        "balance": Categorical([Balancer(how, 0) for how in BALANCES[:-1]]),
        f"classify__{name}": Categorical([unweighted, value]),
    }
    for own, range_ in SPACES[algorithm].items():
        space[f"classify__{own}"] = _skopt(range_)
    return space


def _skopt(range_):
    if not isinstance(range_, Number):
        return Categorical(list(range_))
    prior = "log-uniform" if range_.log else "uniform"
    if range_.whole:
        return Integer(int(range_.low), int(range_.high), prior=prior)
    return Real(range_.low, range_.high, prior=prior)
