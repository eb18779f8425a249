"""The store's address, and a client with a time limit."""

import socket
from pathlib import Path

import pytest

from edml.exceptions import MissingExtraError, TrackingError
from edml.tracking import MlflowCallback, _client
from edml.tracking._client import (
    describe_error,
    make_client,
    public_uri,
    resolve_uri,
)


def test_the_default_is_a_file_in_the_working_directory(tmp_path, monkeypatch):
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
def test_other_addresses_are_kept(uri):
    assert resolve_uri(uri) == uri
    assert resolve_uri(f"{uri}/") == uri or "://" not in uri


def test_a_folder_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve_uri("runs") == (Path.cwd() / "runs").as_uri()


@pytest.mark.parametrize("uri", ["", "  ", "localhost:5000", "mlflow.example.org:80/x"])
def test_an_invalid_address_raises(uri):
    with pytest.raises(TrackingError, match=r"Expected a tracking URI.*Add the scheme"):
        resolve_uri(uri)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://ana:s3cret@a.example:8443/a", "https://a.example:8443/a"),
        ("postgresql://ana:s3cret@h/d", "postgresql://h/d"),
        ("mssql://h/d?password=s3cret", "mssql://h/d"),
        ("sqlite:////srv/mlflow.db?timeout=9", "sqlite:////srv/mlflow.db?timeout=9"),
    ],
)
def test_credentials_are_never_shown(uri, shown):
    assert public_uri(uri) == shown
    said = describe_error(RuntimeError(f"no way to {uri}\nat all"), uri)
    assert "s3cret" not in said
    assert said.endswith(f"{shown} at all.")


def test_the_root_cause_is_described():
    error = RuntimeError("pool (host=..., port=...)")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert describe_error(error, "http://h") == "Connection refused."


def test_a_dead_server_raises_at_once_and_shows_no_password():
    with socket.socket() as nobody:  # bound, but it does not listen
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(TrackingError, match=f"http://{address}; found: Conn"):
            make_client(f"http://ana:s3cret@{address}")


def test_without_mlflow_the_error_names_the_extra(monkeypatch):
    monkeypatch.setattr(_client, "find_spec", lambda name: None)

    def missing(*args, **params):
        raise MissingExtraError(f"needs {params['extra']}")

    monkeypatch.setattr(_client, "import_optional", missing)
    with pytest.raises(MissingExtraError, match="needs mlflow"):
        MlflowCallback()
