"""The model and students that the tests of the app share."""

import shutil
from copy import deepcopy

import pandas as pd
import pytest

from edml import (
    RiskClassifier,
    evaluate,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.registry import ModelRegistry
from evaluated_models import make_evaluated_registry

COURSES = ("Álgebra", "Física II", "Lab / taller")


def make_table(random_state, n_enrolments=120):
    X = make_student_activity(
        n_enrolments,
        n_courses=3,
        fail_rate=0.3,
        partitions=15,
        random_state=random_state,
    )
    numbers, _ = pd.factorize(X["course_uuid"], sort=True)
    return X.assign(course_name=[COURSES[number] for number in numbers])


@pytest.fixture(scope="session")
def model():
    """Return a model trained on students outside `table`."""
    X = make_table(1)
    pipeline = make_risk_pipeline("lightgbm", every=3)
    return RiskClassifier(pipeline, cv=2).fit(X, make_target(X)).deployable()


@pytest.fixture(scope="session")
def table():
    """Return students of running courses."""
    return make_table(2).drop(columns="nota_final_materia")


@pytest.fixture(scope="session")
def _built(tmp_path_factory, model):
    X = make_table(3)
    folder = tmp_path_factory.mktemp("built")
    registry = ModelRegistry(folder, who="ada")
    evaluation = evaluate(model, X, make_target(X), n_resamples=20)
    registry.register(model, evaluation)
    other = deepcopy(model)  # another file, with the same predictions
    other.pipeline_["classify"].subsample_for_bin = 1000
    registry.register(other, evaluation)
    registry.promote(1)
    return folder


@pytest.fixture
def registry(tmp_path, _built):
    """Return a registry of two versions; the first is the champion."""
    shutil.copytree(_built, tmp_path / "registry")
    return ModelRegistry(tmp_path / "registry", who="ada")


@pytest.fixture(scope="session")
def _evaluated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    make_evaluated_registry(folder)
    return folder


@pytest.fixture
def evaluated_registry(tmp_path, _evaluated):
    """Return the registry of `make_evaluated_registry`."""
    shutil.copytree(_evaluated, tmp_path / "registry")
    return ModelRegistry(tmp_path / "registry", who="ada")
