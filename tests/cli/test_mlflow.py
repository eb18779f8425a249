"""The results of ``edml tune`` and ``edml registry sync`` in MLflow."""

import json
import shutil
import socket
from urllib.parse import urlsplit

import pytest

mlflow = pytest.importorskip("mlflow")

from edml.cli import _tune  # noqa: E402
from edml.registry import ModelRegistry  # noqa: E402
from edml.tracking import MlflowCallback  # noqa: E402
from edml.tuning import ModelTuner  # noqa: E402
from tracked import PATIENCE  # noqa: E402


@pytest.fixture(scope="session")
def _empty_database(tmp_path_factory):
    """Return an empty SQLite file of MLflow, which takes seconds to make."""
    folder = tmp_path_factory.mktemp("mlflow")
    open_local(folder).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def _database(project, _empty_database):
    shutil.copy(_empty_database, project)


def open_local(folder):
    # by its full path: MLflow keeps connections by address
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    return mlflow.MlflowClient(uri, uri)


@pytest.fixture
def free_address():
    """Return an address at which nobody listens."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{door.getsockname()[1]}"


@pytest.fixture
def _short_search(monkeypatch):
    def make(config):
        return ModelTuner(["lightgbm"], n_iter=3, n_candidates=1, cv=2, random_state=0)

    monkeypatch.setattr(_tune, "make_tuner", make)


@pytest.fixture
def _patient(monkeypatch):
    """Wait for the server as long as a busy machine may take."""
    finish = MlflowCallback.finish

    def wait(self, tuner):
        return finish(self, tuner, timeout=PATIENCE)

    monkeypatch.setattr(MlflowCallback, "finish", wait)


@pytest.mark.slow
@pytest.mark.usefixtures("_short_search", "_patient")
def test_search_is_logged_on_request(project, edml):
    result = edml("tune", "events.csv", "--mlflow", "local")
    assert result.exit_code == 0, result.stderr
    client = open_local(project)
    (experiment,) = [e for e in client.search_experiments() if e.name == "edml"]
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(runs) == 1 + 3
    assert len(parents) == 1
    assert parents[0].info.run_id in result.stderr
    assert {run.info.status for run in runs} == {"FINISHED"}


@pytest.mark.usefixtures("_short_search")
def test_without_the_option_nothing_is_logged(project, edml):
    assert edml("tune", "events.csv").exit_code == 0
    assert not (project / "mlflow.db").exists()
    assert not (project / ".edml-outbox").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("_short_search")
@pytest.mark.filterwarnings("default::UserWarning")  # the command prints them itself
def test_server_that_is_down_does_not_end_a_search(project, edml, free_address):
    result = edml("tune", "events.csv", "--mlflow", free_address)
    assert result.exit_code == 0, result.stderr
    assert len(ModelRegistry(project / "registry").records()) == 1
    assert "edml registry sync" in result.stderr
    later = edml("registry", "sync")
    assert later.exit_code == 0, later.stderr
    assert f"also holds searches for {free_address}" in later.stderr


@pytest.mark.parametrize(
    "command", [("tune", "events.csv"), ("registry", "sync")], ids=" ".join
)
def test_invalid_address_raises_before_any_work(project, edml, command):
    result = edml(*command, "--mlflow", "localhost:5000")
    assert result.exit_code == 1
    assert "http://localhost:5000" in result.stderr.splitlines()[-1]
    assert not (project / "mlflow.db").exists()
    assert not (project / ".edml-outbox").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("_database")
def test_sync_reports_its_changes_once(with_champion, edml):
    first = edml("registry", "sync")
    assert first.exit_code == 0, first.stderr
    client = open_local(with_champion)
    champion = client.get_model_version_by_alias("risk", "champion")
    assert champion.tags["edml.model_version"] == "1"
    assert len(client.search_model_versions("name = 'risk'")) == 2
    again = edml("registry", "sync")
    assert again.exit_code == 0
    assert "MLflow is up to date" in again.output


@pytest.mark.slow
@pytest.mark.usefixtures("_database")
def test_sync_as_json_and_conflicts(with_champion, edml):
    report = json.loads(edml("registry", "sync", "--json").stdout)
    assert len(report["logged"]) == 2
    client = open_local(with_champion)
    versions = client.search_model_versions("name = 'risk'")
    other = next(v for v in versions if v.tags["edml.model_version"] == "2")
    client.set_registered_model_alias("risk", "champion", other.version)
    result = edml("registry", "sync", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["conflicts"]) == 1
    assert (
        client.get_model_version_by_alias("risk", "champion").version == other.version
    )


def test_sync_with_a_server_that_is_down_gives_a_one_line_error(
    with_champion, edml, free_address
):
    result = edml("registry", "sync", "--mlflow", free_address)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert str(urlsplit(free_address).port) in result.stderr
