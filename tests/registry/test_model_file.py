"""Models load to the bit, and only allowed ones load."""

import importlib.metadata
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from edml import make_risk_pipeline, make_student_activity, make_target
from edml.classifier import (
    DeployedClassifier,
    IsotonicCalibrator,
    RiskClassifier,
    SigmoidCalibrator,
)
from edml.exceptions import RegistryError
from edml.pipeline import CLASSIFIERS
from edml.registry._libraries import check_versions, library_versions
from edml.registry._model_file import dumps, loads
from model_files import MAKERS, X, file_of, fitted, lightgbm, xgboost, y, y3

EVENTS = make_student_activity(60, fail_rate=0.3, random_state=1)
TARGET = make_target(EVENTS)
CALIBRATORS = {"sigmoid": SigmoidCalibrator, "isotonic": IsotonicCalibrator}


def calibrated(deployed, calibration):
    """Return the model with another calibrator, learned from the model's scores."""
    calibrator = None
    if calibration is not None:
        score = deployed.pipeline.predict_proba(EVENTS)[:, 1]
        counts = {"n_failing": 20, "n_passing": 40}
        kind = CALIBRATORS[calibration]
        calibrator = kind().fit(score, TARGET.to_numpy() == 1, **counts)
    given = {**deployed.get_params(deep=False), "calibrator": calibrator}
    return DeployedClassifier(**given)


@pytest.mark.parametrize(
    "balance",
    [
        None,
        "smote",
        *(pytest.param(b, marks=pytest.mark.slow) for b in ("over", "under")),
    ],
)
@pytest.mark.parametrize("learner", CLASSIFIERS)
def test_every_deployed_model_round_trips_exactly(learner, balance):
    pipe = make_risk_pipeline(learner, balance=balance, every=10)
    pipe.set_params(classify__n_estimators=15)
    model = RiskClassifier(pipe, cv=2, calibration=None).fit(EVENTS, TARGET)
    for calibration in (None, "sigmoid", "isotonic"):
        deployed = calibrated(model.deployable(), calibration)
        data = dumps(deployed)
        loaded = loads(data)
        assert type(loaded) is DeployedClassifier
        for name in ("predict_proba", "predict", "features"):
            ours, theirs = (getattr(one, name)(EVENTS) for one in (loaded, deployed))
            np.testing.assert_array_equal(ours, theirs)
        assert loaded.threshold_ == deployed.threshold_
        assert list(loaded.feature_names_in_) == list(EVENTS)
        assert dumps(loaded) == data


PLAIN = {
    **{name: make for name, make in MAKERS.items() if name != "blend"},
    "extra trees": lambda: ExtraTreesClassifier(3, random_state=0),
    "deep tree": lambda: DecisionTreeClassifier(random_state=0),
    "best first": lambda: DecisionTreeClassifier(max_leaf_nodes=9, random_state=0),
    "weighted": lambda: RandomForestClassifier(
        3, class_weight="balanced", random_state=0
    ),
    "balanced lightgbm": lambda: lightgbm(class_weight={0: 1, 1: 3}),
    "lightgbm forest": lambda: lightgbm(
        boosting_type="rf", subsample=0.5, subsample_freq=1
    ),
    "stump": lambda: lightgbm(min_child_samples=1000),
    "pruned xgboost": lambda: xgboost(gamma=2.0, max_depth=6),
    "exact xgboost": lambda: xgboost(tree_method="exact", gamma=1.0),
    "xgboost forest": lambda: xgboost(num_parallel_tree=3, subsample=0.5),
    "naive": GaussianNB,
    "dummy": DummyClassifier,
    "scaled": lambda: make_pipeline(StandardScaler(), RobustScaler(), lightgbm()),
    "imputed": lambda: make_pipeline(SimpleImputer(), LogisticRegression()),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("target", [y, y3], ids=["two classes", "three"])
@pytest.mark.parametrize("name", PLAIN)
def test_plain_classifiers_round_trip_exactly(name, target):
    model = PLAIN[name]().fit(X, target)
    loaded = loads(dumps(model))
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    assert dumps(loaded) == dumps(model)


@pytest.mark.parametrize("kind", [str, float, bool])
def test_labels_of_any_kind(kind):
    labels = np.array([kind(0), kind(1)])[y]
    for model in (LogisticRegression(), RandomForestClassifier(3, random_state=0)):
        loaded = loads(dumps(model.fit(X, labels)))
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("learner", [lightgbm, xgboost])
def test_early_stopping_is_kept(learner):
    more = {} if learner is lightgbm else {"early_stopping_rounds": 2}
    given = {"n_estimators": 60, "learning_rate": 0.5, **more}
    fit = {"eval_set": [(X[200:], y[200:])]}
    if learner is lightgbm:
        import lightgbm as library  # noqa: PLC0415

        fit["callbacks"] = [library.early_stopping(2, verbose=False)]
    else:
        fit["verbose"] = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer releases rename eval_set
        model = learner(**given).fit(X[:200], y[:200], **fit)
    loaded = loads(dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("name", MAKERS)
def test_the_files_are_skops_files(name):
    data = file_of(name)
    trusted = skops.io.get_untrusted_types(data=data)
    found = skops.io.loads(data, trusted=trusted)
    np.testing.assert_array_equal(found.predict_proba(X), loads(data).predict_proba(X))


NEW_PROCESS = """
import sys
import numpy as np
from pathlib import Path
from edml.registry._model_file import loads
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    model = loads((folder / f"{name}.skops").read_bytes())
    found = model.predict_proba(np.load(folder / "X.npy"))
    assert found.tobytes() == (folder / f"{name}.bits").read_bytes(), name
"""


@pytest.mark.slow
def test_the_same_bits_in_a_new_process(tmp_path):
    np.save(tmp_path / "X.npy", X)
    for name in MAKERS:
        bits = fitted(name).predict_proba(X).tobytes()
        (tmp_path / f"{name}.skops").write_bytes(file_of(name))
        (tmp_path / f"{name}.bits").write_bytes(bits)
    code = [sys.executable, "-c", NEW_PROCESS, str(tmp_path), *MAKERS]
    done = subprocess.run(  # noqa: S603
        code, check=False, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_no_memory_gets_into_a_file():
    # scikit-learn's records have gaps, which numpy fills with arbitrary memory
    loaded = loads(file_of("forest"))
    assert dumps(loaded) == file_of("forest")


def test_a_booster_is_a_booster_again():
    import lightgbm as lightgbm_library  # noqa: PLC0415
    import xgboost as xgboost_library  # noqa: PLC0415

    assert type(loads(file_of("lightgbm")).booster_) is lightgbm_library.Booster
    found = loads(file_of("xgboost")).get_booster()
    assert type(found) is xgboost_library.Booster
    assert found.num_features() == X.shape[1]


class Doubler(TransformerMixin, BaseEstimator):
    """A user's custom step."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return 2 * X

    def get_feature_names_out(self, names=None):
        return [f"x{number}" for number in range(self.n_features_in_)]


def test_custom_type_is_named_and_can_be_trusted(monkeypatch):
    name = "mine_for_a_test.Doubler"
    module = type(os)("mine_for_a_test")
    module.Doubler = Doubler
    monkeypatch.setitem(sys.modules, "mine_for_a_test", module)
    monkeypatch.setattr(Doubler, "__module__", "mine_for_a_test")
    model = make_pipeline(Doubler(), LogisticRegression()).fit(X, y)
    with pytest.raises(RegistryError, match=r"\['mine_for_a_test.Doubler'\].*trusted="):
        dumps(model)
    data = dumps(model, trusted=[name])
    with pytest.raises(RegistryError, match=r"mine_for_a_test.Doubler.*trusted="):
        loads(data)
    loaded = loads(data, trusted=[name])
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "lightgbm.basic.Booster", "nodots", "a b.c"]
)
def test_names_that_cannot_be_trusted(name):
    with pytest.raises(RegistryError, match="trusted"):
        loads(file_of("logistic"), trusted=[name])


def test_trusted_accepts_a_list_of_names():
    for trusted in ("os.path", [1]):
        with pytest.raises(RegistryError, match="list of names"):
            loads(file_of("logistic"), trusted=trusted)


def test_unstorable_input_raises():
    risk = RiskClassifier(LogisticRegression(), cv=2, calibration=None).fit(X, y)
    with pytest.raises(RegistryError, match="deployable"):
        dumps(risk)
    with pytest.raises(RegistryError, match="not fitted"):
        dumps(LogisticRegression())
    for other in (LinearRegression().fit(X, y), "text", None, LogisticRegression):
        with pytest.raises(RegistryError, match="Expected a fitted classifier"):
            dumps(other)
    with pytest.raises(RegistryError, match=r"2 and 1|classes"):
        dumps(DummyClassifier().fit(X, np.zeros(len(X))))
    with pytest.raises(RegistryError, match=r"KNeighborsClassifier|described"):
        dumps(KNeighborsClassifier().fit(X, y))
    with pytest.raises(RegistryError, match=r"objective|safe|described"):
        dumps(lightgbm(objective=lambda y, p: (p - y, np.ones_like(p))).fit(X, y))
    for kind in ("gblinear", "dart"):
        model = xgboost(booster=kind, max_depth=None).fit(X, y)
        with pytest.raises(RegistryError, match=r"gbtree|XGBoost|damaged"):
            dumps(model)
    with pytest.raises(RegistryError, match="leaf_"):
        dumps(lightgbm(linear_tree=True).fit(X, y))


def test_same_versions_cause_no_warning():
    check_versions(library_versions())
    check_versions({})
    check_versions({"numpy": "unknown", "else": "3"})


def test_versions_that_differ():
    now = library_versions()
    for name in ("numpy", "lightgbm", "python"):
        with pytest.warns(UserWarning, match=f"{name} 99.0"):
            check_versions({**now, name: "99.0.1"})
    major, minor, *_ = now["scikit-learn"].split(".")
    with pytest.warns(UserWarning, match="scikit-learn"):
        check_versions({**now, "scikit-learn": f"{major}.{int(minor) + 1}.0"})
    check_versions({**now, "scikit-learn": f"{major}.{minor}.99"})
    with pytest.raises(RegistryError, match="pip install"):
        check_versions({**now, "edml": "99.0"})


def test_a_library_that_another_package_brings(monkeypatch):
    def version(name):
        if name in ("xgboost", "skops"):
            raise importlib.metadata.PackageNotFoundError(name)
        return f"3.2 of {name}"

    monkeypatch.setattr("edml.registry._libraries.version", version)
    found = library_versions.__wrapped__()
    assert found["xgboost"] == "3.2 of xgboost-cpu"
    assert found["skops"] == "unknown"
