"""Every command takes addresses in an object store where it takes files."""

import json
from pathlib import Path

import pytest

from edml.registry import ModelRegistry


@pytest.fixture
def uploaded(with_champion, store):
    """The project, with its events in the bucket only."""
    for name in ("events.csv", "later.csv"):
        store.put(f"in/{name}", Path(name).read_bytes())
        Path(name).unlink()
    return store


def test_predictions_go_from_a_bucket_to_a_bucket(edml, uploaded):
    url = f"{uploaded.url}/in/later.csv"
    result = edml("predict", url, "--out", f"{uploaded.url}/lists", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert all(file.startswith(f"{uploaded.url}/lists/") for file in found["files"])
    written = [
        json.loads(uploaded.get(f.removeprefix(f"{uploaded.url}/")))
        for f in found["files"]
    ]
    n_students = sum(len(one["predictions"]) for one in written)
    assert n_students == len(found["predictions"]) > 0
    latest = [name for name in uploaded.names("lists") if name.endswith("latest.json")]
    assert len(latest) == len(written)


def test_a_registry_goes_through_a_bucket(edml, uploaded):
    url = f"{uploaded.url}/registry"
    pushed = edml("registry", "push", url)
    assert pushed.exit_code == 0, pushed.output
    assert "2 new versions: 1, 2" in pushed.stdout
    pulled = edml("registry", "pull", url, "--registry", "copy")
    assert "2 new versions: 1, 2" in pulled.stdout, pulled.output
    copy, registry = ModelRegistry("copy"), ModelRegistry("registry")
    assert copy.verify() == []
    assert copy.record("production") == registry.record("production")
    assert len(copy.history()) == len(registry.history())
