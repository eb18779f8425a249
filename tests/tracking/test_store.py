"""The address of a store, and a client that gives up in time."""

import os
import threading
from pathlib import Path

import pytest

from edml.exceptions import MissingExtraError, TrackingError
from edml.tracking import _store
from edml.tracking._store import bounded, describe, public_uri, resolve_uri


def test_no_address_is_a_file_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = (Path.cwd() / "mlflow.db").as_posix()
    assert resolve_uri(None) == f"sqlite:///{path}"
    assert resolve_uri("sqlite:///mlflow.db?timeout=9") == f"sqlite:///{path}?timeout=9"


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:5000",
        "https://a.example/mlflow",
        "databricks",
        "postgresql://h/d",
    ],
)
def test_addresses_stay(uri):
    assert resolve_uri(uri) == uri
    assert resolve_uri(f"{uri}/") == uri or "://" not in uri


def test_a_folder_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_uri("runs") == (Path.cwd() / "runs").as_uri()


@pytest.mark.parametrize("uri", ["", "  ", "localhost:5000", "mlflow.example.org:80/x"])
def test_what_is_no_address_is_refused(uri):
    with pytest.raises(TrackingError, match="is no address"):
        resolve_uri(uri)


def test_a_password_is_never_shown():
    uri = "https://ana:s3cret@mlflow.example.org:8443/a"
    assert public_uri(uri) == "https://mlflow.example.org:8443/a"
    path = "sqlite:////srv/mlflow.db"
    assert public_uri(path) == path
    said = describe(RuntimeError(f"no way to {uri}\nat all"), uri)
    assert "s3cret" not in said
    assert said.endswith("at all.")


def test_the_cause_is_told_not_its_wrappers():
    error = RuntimeError("pool (host=..., port=...)")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert describe(error, "http://h") == "Connection refused."


def test_settings_are_given_back(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    before = dict(os.environ)
    with bounded(5):
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "5"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert dict(os.environ) == before


def test_settings_are_given_back_where_threads_overlap():
    before = dict(os.environ)
    inside, leave = threading.Event(), threading.Event()

    def work():
        with bounded():
            inside.set()
            leave.wait()

    thread = threading.Thread(target=work)
    with bounded():
        thread.start()
        inside.wait()
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" in os.environ
    leave.set()
    thread.join()
    assert dict(os.environ) == before


def test_without_mlflow_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(_store, "find_spec", lambda name: None)

    def missing(*args, **params):
        raise MissingExtraError(f"needs {params['extra']}")

    monkeypatch.setattr(_store, "import_optional", missing)
    with pytest.raises(MissingExtraError, match="needs mlflow"):
        _store.require_mlflow()
