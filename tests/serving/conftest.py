"""A registry with two versions, and an app that serves the first."""

import shutil

import pytest

from bodies import train
from edml import make_student_activity
from edml.registry import ModelRegistry
from edml.serving import create_app


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Store two models that answer differently; the first is the champion."""
    folder = tmp_path_factory.mktemp("stored") / "registry"
    registry = ModelRegistry(folder)
    for random_state in (1, 2):
        registry.register(train(random_state))
    registry.promote(1)
    return folder


@pytest.fixture
def registry(stored, tmp_path):
    """Return a copy of the registry that a test may damage."""
    shutil.copytree(stored, tmp_path / "registry")
    return ModelRegistry(tmp_path / "registry")


@pytest.fixture(scope="session")
def app(stored):
    return create_app(ModelRegistry(stored))


@pytest.fixture(scope="session")
def client(app):
    return app.test_client()


@pytest.fixture(scope="session")
def events():
    """Return events as sent to an endpoint."""
    X = make_student_activity(30, n_courses=3, fail_rate=0.3, random_state=7)
    return X.drop(columns="nota_final_materia")


@pytest.fixture(scope="session")
def model(stored):
    return ModelRegistry(stored).load()
