"""A small project: events, an instant search, and a working folder."""

import shutil
from functools import partial
from typing import ClassVar

import pandas as pd
import pytest
from typer.testing import CliRunner

from edml import RiskClassifier, evaluate, make_risk_pipeline, make_student_activity
from edml.cli import _tune, app
from edml.cli._config import read_config
from edml.registry import ModelRegistry
from edml.schema import fingerprint

COURSES = ("Álgebra", "Física II", "Lab / taller")


def make_events(random_state, n_enrolments=160):
    X = make_student_activity(
        n_enrolments,
        n_courses=3,
        fail_rate=0.25,
        partitions=12,
        random_state=random_state,
    )
    numbers, _ = pd.factorize(X["course_uuid"], sort=True)
    return X.assign(course_name=pd.array([COURSES[number] for number in numbers]))


class StandIn:
    """Finds two models, as ModelTuner would; records its arguments."""

    fitted: ClassVar = {}  # the same rows give the same model
    interrupted_ = False
    scoring, n_splits_ = "average_precision", 4

    def __init__(self, learners=("lightgbm", "xgboost"), error=None):
        self.learners = learners
        self.error = error
        self.seen = None
        self.n_fits = 0

    def fit(self, X, y):
        self.seen = X
        self.n_fits += 1
        if self.error is not None:
            raise self.error
        self.candidates_ = [self.fit_one(name, X, y) for name in self.learners]
        n = len(self.learners)
        self.history_ = pd.DataFrame({"score": [0.5] * n})
        self.cv_results_ = {"mean_test_score": [0.5] * n, "std_test_score": [0.1] * n}
        self.candidate_indices_ = [*range(n)]
        return self

    def fit_one(self, name, X, y):
        key = (name, fingerprint(X, y))
        if key not in self.fitted:
            model = RiskClassifier(make_risk_pipeline(name, every=1), cv=2)
            self.fitted[key] = model.fit(X, y)
        return self.fitted[key]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch, try_each_model_once):
    """Draw few resamples for intervals, which the tests of commands do not check."""
    few = partial(evaluate, n_resamples=20)
    monkeypatch.setattr("edml.cli._tune.evaluate", few)
    monkeypatch.setattr("edml.registry._registry.evaluate", few)


@pytest.fixture
def stand_in():
    return StandIn


@pytest.fixture(scope="session")
def events():
    return make_events(1)


@pytest.fixture(scope="session")
def later_events():
    return make_events(2)


@pytest.fixture(scope="session")
def _tuned_project(tmp_path_factory, events):
    """Tune once; each test works on a copy."""
    folder = tmp_path_factory.mktemp("tuned")
    events.to_csv(folder / "events.csv", index=False)
    registry = ModelRegistry(folder / "registry", who="ada")
    config = read_config().config
    _tune.tune(folder / "events.csv", config, registry, StandIn())
    return folder


@pytest.fixture
def project(tmp_path, monkeypatch, events, later_events):
    """A folder with events, in which the test runs."""
    folder = tmp_path / "project"
    folder.mkdir()
    events.to_csv(folder / "events.csv", index=False)
    later_events.to_csv(folder / "later.csv", index=False)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tuned(project, _tuned_project):
    """The same with two registered models and no champion."""
    shutil.copytree(_tuned_project / "registry", project / "registry")
    return project


@pytest.fixture
def with_champion(tuned):
    ModelRegistry(tuned / "registry").promote(1)
    return tuned


@pytest.fixture
def edml():
    def edml(*arguments, **environ):
        env = {"COLUMNS": "80", "EDML_REGISTRY_KEY": None, **environ}
        return CliRunner().invoke(app, [*map(str, arguments)], env=env)

    return edml


@pytest.fixture
def assert_fails():
    def assert_fails(result, *words, code=1):
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        line = result.stderr.splitlines()[-1]
        assert line.startswith("edml ")
        assert "Traceback" not in result.output
        for word in words:
            assert word in line

    return assert_fails
