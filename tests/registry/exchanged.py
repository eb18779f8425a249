"""Exchange model files between versions of the libraries: `nox -s versions` runs it.

``write FOLDER`` stores one model of every kind with its answers. ``read FOLDER``, under
other versions, loads them: each has the same answers to the bit, or is rejected.
"""

import sys
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import sklearn
import xgboost
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from edml import RiskClassifier, make_risk_pipeline, make_student_activity, make_target
from edml.exceptions import RegistryError
from edml.pipeline import CLASSIFIERS, Blend
from edml.registry._model_file import dumps, loads

EVENTS = make_student_activity(60, fail_rate=0.3, random_state=1)
TARGET = make_target(EVENTS)
X = np.random.default_rng(0).normal(size=(300, 4))
y3 = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
PLAIN = {
    "logistic": make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
    "bayes": make_pipeline(RobustScaler(), GaussianNB()),
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "extra trees": ExtraTreesClassifier(5, random_state=0),
    "lightgbm": lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbosity=-1),
    "xgboost": xgboost.XGBClassifier(n_estimators=5, n_jobs=1, gamma=0.5),
    "base score": xgboost.XGBClassifier(n_estimators=5, n_jobs=1, base_score=0.3),
}


def small(learner, balance=None):
    """Return a pipeline of few trees."""
    pipe = make_risk_pipeline(learner, balance=balance, every=10, random_state=0)
    return pipe.set_params(classify__n_estimators=9)


def make_models():
    """Yield the name, the fitted model and the rows of each kind."""
    for learner in CLASSIFIERS:
        for balance in (None, "smote", "over", "under"):
            for calibration in (None, "sigmoid", "isotonic"):
                model = RiskClassifier(
                    small(learner, balance), calibration, cv=2, random_state=0
                )
                name = f"{learner}, {balance}, {calibration}"
                yield name, model.fit(EVENTS, TARGET).deployable(), EVENTS
    for scale in ("probability", "log-odds"):
        blend = Blend([(one, small(one)) for one in CLASSIFIERS], scale)
        model = RiskClassifier(blend, cv=2, random_state=0).fit(EVENTS, TARGET)
        yield f"blend, {scale}", model.deployable(), EVENTS
    for name, model in PLAIN.items():
        yield f"{name}, two classes", clone(model).fit(X, y3 > 0), X
        if name != "base score":
            yield f"{name}, three classes", clone(model).fit(X, y3), X


def write(folder):
    """Store the models and their answers."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, model, rows in make_models():
        (folder / f"{name}.skops").write_bytes(dumps(model))
        np.save(folder / f"{name}.npy", model.predict_proba(rows))


def read(folder):
    """Return how many models answer as before, and how many were rejected."""
    same, rejected = 0, {}
    for path in sorted(folder.glob("*.skops")):
        expected = np.load(path.with_suffix(".npy"))
        try:
            model = loads(path.read_bytes())
        except RegistryError as error:
            rejected[path.stem] = str(error)
            continue
        found = model.predict_proba(EVENTS if hasattr(model, "threshold_") else X)
        if found.tobytes() != expected.tobytes():
            sys.exit(f"{path.stem}: differs by {np.abs(found - expected).max()}")
        same += 1
    return same, rejected


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    action, folder = sys.argv[1], Path(sys.argv[2])
    libraries = (lightgbm, xgboost, sklearn, np)
    print(action, {one.__name__: one.__version__ for one in libraries})  # noqa: T201
    if action == "write":
        write(folder)
    else:
        same, rejected = read(folder)
        print(f"{same} answer as before; rejected: {rejected}")  # noqa: T201
        assert same, "no model was read"
