"""Versions on a real server: logging them, and loading them safely."""

import hashlib
import json
import socket
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

import mirrored
from edml.exceptions import RegistryError, TableError, TrackingError
from edml.registry import ModelRegistry
from edml.tracking import _model, load_model, log_model
from edml.tracking._loading import _load_pyfunc

pytestmark = pytest.mark.slow  # they start a server

ARRAY = np.array([[0.0], [1.0], [2.0], [3.0]])
LABELS = [0, 0, 1, 1]


@pytest.fixture
def registry(tmp_path):
    return mirrored.make_registry(tmp_path / "registry")


@pytest.fixture
def unused_uri():
    with socket.socket() as listener:  # bound, and nobody answers
        listener.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def flavors():
    """Return MLflow with its own loaders."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about its own type hints
        import mlflow  # noqa: PLC0415
        import mlflow.pyfunc  # noqa: PLC0415
        import mlflow.sklearn  # noqa: PLC0415
    return mlflow


def number_of(uri):
    return uri.rpartition("/")[2]


def runs_of(client, name):
    experiment = client.get_experiment_by_name("edml-models")
    found = client.search_runs([experiment.experiment_id])
    return [run for run in found if run.data.tags["edml.registry"] == name]


def models_of(client, name):
    experiment = client.get_experiment_by_name("edml-models")
    found = client.search_logged_models([experiment.experiment_id])
    return [one for one in found if one.tags["edml.registry"] == name]


def folder_of(server, client, version):
    """Return the folder where the server keeps a version's files."""
    location = client.get_logged_model(version.tags["edml.logged_model"])
    path = location.artifact_location.removeprefix("mlflow-artifacts:/")
    return server.folder / "artifacts" / path


def test_the_file_is_the_registrys_and_predicts_the_same_bits(
    registry, mlflow_server, client
):
    uri = log_model(registry, tracking_uri=mlflow_server.uri)
    assert uri == f"models:/{registry.name}/1"
    X, _ = mirrored.students()
    expected = registry.load().predict_proba(X)
    assert len(np.unique(expected)) > 10
    loaded = load_model(uri, mlflow_server.uri)
    assert type(loaded).__name__ == "DeployedClassifier"
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)

    version = client.get_model_version(registry.name, "1")
    folder = folder_of(mlflow_server, client, version)
    data = (folder / "model.skops").read_bytes()
    digest = registry.record(1).files["model.skops"]["sha256"]
    assert hashlib.sha256(data).hexdigest() == digest == version.tags["edml.sha256"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "MLmodel",
        "input_example.json",
        "model.skops",  # and no pickle next to it
        "python_env.yaml",
        "record.json",
        "requirements.txt",
        "serving_input_example.json",
    ]


def test_mlflow_reads_the_folder(registry, mlflow_server, client, flavors):
    log_model(registry, tracking_uri=mlflow_server.uri)
    version = client.get_model_version(registry.name, "1")
    folder = folder_of(mlflow_server, client, version)
    X, _ = mirrored.students()
    expected = registry.load().predict_proba(X)

    served = flavors.pyfunc.load_model(str(folder), suppress_warnings=True)
    answer = served.predict(X)
    np.testing.assert_array_equal(answer["probability"], expected[:, 1])
    flagged = registry.load().predict(X).astype(bool)
    np.testing.assert_array_equal(answer["flagged"], flagged)
    assert answer.index.equals(X.index)
    assert len(served.predict(served.input_example)) == len(served.input_example)

    days = X["particion"].fillna(0)
    dates = pd.to_datetime(X["ass_due_at"].where(X["ass_due_at"] != 0), unit="s")
    for table in (
        X.assign(particion=days.astype("int64")),
        X.assign(nombre_examen=np.nan, nota_parcial=np.nan),  # no exam yet
        X.assign(ass_due_at=dates),
    ):
        truth = registry.load().predict_proba(table)[:, 1]
        np.testing.assert_array_equal(served.predict(table)["probability"], truth)
    for table in (X.assign(score="SECRET"), X.drop(columns="particion")):
        with pytest.raises(TableError, match=r"score|particion") as caught:
            served.predict(table)
        for value in ("SECRET", *X["user_uuid"].unique()):
            assert value not in str(caught.value)

    # and skops itself, with the list of types next to the file
    plain = flavors.sklearn.load_model(str(folder))
    np.testing.assert_array_equal(plain.predict_proba(X), expected)

    described = yaml.safe_load((folder / "MLmodel").read_text())
    flavor = described["flavors"]["sklearn"]
    assert flavor["serialization_format"] == "skops"
    assert "edml.classifier.DeployedClassifier" in flavor["skops_trusted_types"]
    pins = (folder / "requirements.txt").read_text().split()
    libraries = registry.record(1).libraries
    assert {f"edml=={libraries['edml']}", f"skops=={libraries['skops']}"} <= set(pins)
    assert all("==" in pin for pin in pins)


def test_run_contains_figures_curves_page_and_origin(registry, mlflow_server, client):
    log_model(registry, tracking_uri=mlflow_server.uri)
    (run,) = runs_of(client, registry.name)
    record, evaluation = registry.record(1), mirrored.evaluated(1)
    assert run.info.status == "FINISHED"
    for name, value in evaluation.metrics.items():
        assert run.data.metrics[name] == value
    low, high = evaluation.intervals["roc_auc"]
    assert run.data.metrics["roc_auc_low"] == low
    assert run.data.metrics["roc_auc_high"] == high
    assert run.data.params["n_estimators"] == "5"
    tags = run.data.tags
    assert tags["edml.split_plan_hash"] == record.split_plan_hash
    assert tags["edml.data_fingerprint"] == record.data_fingerprint
    assert tags["edml.model_version"] == "1"
    assert "edml.stage" not in tags  # it would not follow

    names = {Path(one.path).name for one in client.list_artifacts(run.info.run_id)}
    assert names == {"evaluation", "record.json"}
    inner = client.list_artifacts(run.info.run_id, "evaluation")
    names = {Path(one.path).name for one in inner}
    assert {"report.html", "roc.csv", "calibration.csv", "roc-curve.svg"} <= names

    (model,) = models_of(client, registry.name)
    assert (str(model.status), model.source_run_id) == ("READY", run.info.run_id)
    assert [one.model_id for one in run.outputs.model_outputs] == [model.model_id]
    shown = {metric.key: metric.value for metric in model.metrics}
    assert shown["roc_auc"] == evaluation.metrics["roc_auc"]


def test_no_student_is_on_the_server(registry, mlflow_server, client):
    log_model(registry, tracking_uri=mlflow_server.uri)
    (run,) = runs_of(client, registry.name)
    folder = mlflow_server.folder / "artifacts"
    version = client.get_model_version(registry.name, "1")
    path = run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    written = b"".join(
        one.read_bytes()
        for place in (folder / path, folder_of(mlflow_server, client, version))
        for one in place.rglob("*")
        if one.is_file()
    )
    assert len(written) > 10_000
    for random_state in (1, 20):  # trained on, evaluated on
        for student in set(mirrored.students(random_state)[0]["user_uuid"]):
            assert student.encode() not in written


def test_a_version_is_logged_once(registry, mlflow_server, client, capsys):
    first = log_model(registry, tracking_uri=mlflow_server.uri)
    assert capsys.readouterr() == ("", "")  # MLflow would print the run's address
    assert log_model(registry, 1, tracking_uri=mlflow_server.uri) == first
    assert log_model(registry, "latest", tracking_uri=mlflow_server.uri) == first
    name = registry.name
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    assert len(runs_of(client, name)) == len(models_of(client, name)) == 1


def test_another_registry_of_the_same_name_raises(registry, mlflow_server, tmp_path):
    log_model(registry, tracking_uri=mlflow_server.uri)
    other = ModelRegistry(tmp_path / "other", registry.name)
    other.register(mirrored.fitted(2))
    with pytest.raises(RegistryError, match="another registry of this name"):
        log_model(other, 1, tracking_uri=mlflow_server.uri)


@pytest.mark.parametrize(
    "broken",
    ["_ensure_logged", "log_evaluation", "_ensure_registered", "_link"],
)
def test_an_interrupted_log_is_completed(
    broken, registry, mlflow_server, client, monkeypatch
):
    real = getattr(_model, broken)

    def fail(*_, **__):
        raise ConnectionError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(_model, broken, fail)
        with pytest.raises(TrackingError, match=r"failed: .*Log the version again"):
            log_model(registry, tracking_uri=mlflow_server.uri)
    assert getattr(_model, broken) is real
    name = registry.name
    assert not client.search_model_versions(f"name = '{name}'")
    log_model(registry, tracking_uri=mlflow_server.uri)
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
    (run,) = runs_of(client, name)
    assert len(models_of(client, name)) == len(run.outputs.model_outputs) == 1
    assert run.info.status == "FINISHED"
    history = client.get_metric_history(run.info.run_id, "roc_auc")
    assert len(history) == 1


def test_a_server_that_is_down_raises_at_once(registry, unused_uri):
    with pytest.raises(TrackingError, match="Expected MLflow at http"):
        log_model(registry, tracking_uri=unused_uri)


def test_without_an_evaluation_there_are_no_figures(mlflow_server, client, tmp_path):
    registry = ModelRegistry(tmp_path, f"{tmp_path.name}-plain")
    registry.register(LogisticRegression().fit(ARRAY, LABELS))
    uri = log_model(registry, 1, tracking_uri=mlflow_server.uri)
    (run,) = runs_of(client, registry.name)
    assert run.data.metrics == {}
    loaded = load_model(uri, mlflow_server.uri)
    np.testing.assert_array_equal(
        loaded.predict_proba(ARRAY), registry.load(1).predict_proba(ARRAY)
    )
    version = client.get_model_version(registry.name, number_of(uri))
    folder = folder_of(mlflow_server, client, version)
    answer = _load_pyfunc(str(folder / "model.skops")).predict(ARRAY)
    assert answer["flagged"].tolist() == registry.load(1).predict(ARRAY).tolist()


def test_a_model_of_three_classes_raises(mlflow_server, client, tmp_path):
    registry = ModelRegistry(tmp_path, f"{tmp_path.name}-odd")
    registry.register(LogisticRegression().fit(ARRAY, [0, 1, 2, 2]))
    with pytest.raises(RegistryError, match="a LogisticRegression of 3 classes"):
        log_model(registry, 1, tracking_uri=mlflow_server.uri)
    assert not client.search_model_versions(f"name = '{registry.name}'")


class TestTampered:
    """Check that a changed file in the artifacts folder is not loaded."""

    @pytest.fixture
    def logged(self, registry, mlflow_server, client):
        uri = log_model(registry, tracking_uri=mlflow_server.uri)
        version = client.get_model_version(registry.name, number_of(uri))
        return uri, version, folder_of(mlflow_server, client, version)

    def test_another_model(self, logged, mlflow_server, tmp_path):
        uri, _, folder = logged
        other = ModelRegistry(tmp_path / "other")
        other.register(LogisticRegression().fit(ARRAY, LABELS))
        (folder / "model.skops").write_bytes(other.export_model(1).data)
        with pytest.raises(RegistryError, match=r"SHA-256.*found another"):
            load_model(uri, mlflow_server.uri)

    def test_one_bit(self, logged, mlflow_server):
        uri, _, folder = logged
        data = bytearray((folder / "model.skops").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "model.skops").write_bytes(bytes(data))
        with pytest.raises(RegistryError, match=r"SHA-256.*found another"):
            load_model(uri, mlflow_server.uri)

    def test_a_record_of_other_answers(self, logged, mlflow_server):
        uri, _, folder = logged
        path = folder / "record.json"
        record = json.loads(path.read_text("utf-8"))
        record["answers"]["probabilities"][0] = 0.125
        path.write_text(json.dumps(record), "utf-8")
        with pytest.raises(RegistryError, match="answers that differ"):
            load_model(uri, mlflow_server.uri)
        with pytest.raises(RegistryError, match="answers that differ"):
            _load_pyfunc(str(folder / "model.skops"))
        path.write_text("[]", "utf-8")
        with pytest.raises(RegistryError, match="the record that edml logged"):
            load_model(uri, mlflow_server.uri)
        path.unlink()  # as earlier versions of edml logged it
        load_model(uri, mlflow_server.uri)

    def test_a_type_that_is_not_on_the_list(
        self, logged, registry, mlflow_server, client, tmp_path
    ):
        """Check the same if its hash was replaced, and MLflow's list would allow it."""
        uri, version, folder = logged
        other = ModelRegistry(tmp_path / "other", trusted=[OWN])
        other.register(Own().fit(ARRAY, LABELS))
        harmful = other.export_model(1).data
        digest = hashlib.sha256(harmful).hexdigest()
        (folder / "model.skops").write_bytes(harmful)
        (folder / "record.json").unlink()  # which has the hash, too
        client.set_model_version_tag(
            registry.name, version.version, "edml.sha256", digest
        )
        with pytest.raises(RegistryError, match=r"test_model\.Own.*trusted="):
            load_model(uri, mlflow_server.uri)
        with pytest.raises(RegistryError, match=r"test_model\.Own.*trusted="):
            _load_pyfunc(str(folder / "model.skops"))

    def test_without_our_tag(self, logged, registry, mlflow_server, client):
        uri, version, _ = logged
        client.delete_model_version_tag(registry.name, version.version, "edml.sha256")
        with pytest.raises(RegistryError, match="Expected a model that edml logged"):
            load_model(uri, mlflow_server.uri)


def test_by_id_and_by_alias(registry, mlflow_server, client):
    uri = log_model(registry, tracking_uri=mlflow_server.uri)
    version = client.get_model_version(registry.name, number_of(uri))
    client.set_registered_model_alias(registry.name, "champion", version.version)
    X, _ = mirrored.students()
    expected = registry.load().predict_proba(X)
    names = [f"{registry.name}@champion", version.tags["edml.logged_model"]]
    for name in names:
        loaded = load_model(f"models:/{name}", mlflow_server.uri)
        np.testing.assert_array_equal(loaded.predict_proba(X), expected)


def test_a_model_that_is_not_there(mlflow_server):
    with pytest.raises(TrackingError, match="Look at the server's models"):
        load_model("models:/nobody@champion", mlflow_server.uri)


class Own(LogisticRegression):
    """A class that is not on the registry's list."""


OWN = f"{Own.__module__}.{Own.__qualname__}"


def test_a_users_class_must_be_trusted_where_it_is_loaded(
    mlflow_server, client, tmp_path
):
    registry = ModelRegistry(tmp_path, f"{tmp_path.name}-own", trusted=[OWN])
    registry.register(Own().fit(ARRAY, LABELS))
    uri = log_model(registry, 1, tracking_uri=mlflow_server.uri)
    with pytest.raises(RegistryError, match=r"test_model\.Own.*trusted="):
        load_model(uri, mlflow_server.uri)
    assert isinstance(load_model(uri, mlflow_server.uri, trusted=[OWN]), Own)
    version = client.get_model_version(registry.name, number_of(uri))
    described = (folder_of(mlflow_server, client, version) / "MLmodel").read_text()
    # MLflow's server would read the trusted types next to the file
    assert list(yaml.safe_load(described)["flavors"]) == ["sklearn"]


# MLflow uses deprecated parts of SQLAlchemy
@pytest.mark.filterwarnings("ignore:.*noload")
def test_a_local_store_needs_no_server(registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = log_model(registry)
    assert (tmp_path / "mlflow.db").exists()
    assert log_model(registry) == uri
    X, _ = mirrored.students()
    np.testing.assert_array_equal(
        load_model(uri).predict_proba(X), registry.load().predict_proba(X)
    )
