"""The out-of-fold figures of training are metrics by week."""

import pytest

import mirrored
from edml.registry import ModelRegistry
from edml.tracking._evaluation import log_reference


class Client:
    """Keeps what would be sent."""

    def __init__(self):
        self.metrics = []

    def log_batch(self, run_id, metrics, synchronous):
        self.metrics += metrics


@pytest.fixture
def client():
    return Client()


def test_figures_of_training_by_week(tmp_path, client):
    registry = ModelRegistry(tmp_path)
    model = mirrored.make_model().fit(*mirrored.students(n=120))
    record = registry.register(model)
    log_reference(client, registry, record, "run", "model")
    weeks = {week.day: week.figures for week in model.reference_.weeks}
    found = {(one.key, one.step): one.value for one in client.metrics}
    assert found["training_roc_auc", 2] == pytest.approx(weeks[13]["roc_auc"], abs=1e-5)
    assert {step for _, step in found} == {1, 2}


def test_version_without_reference(tmp_path, client):
    registry = ModelRegistry(tmp_path)
    record = registry.register(mirrored.fitted().deployable())
    log_reference(client, registry, record, "run", "model")
    assert client.metrics == []
