"""Every command takes addresses in an object store where it takes files."""

import json
from pathlib import Path

import pytest

from edml.cli import _run
from edml.registry import ModelRegistry
from object_store import Proxy, forget_stores


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


def run(edml, *arguments, **environ):
    result = edml(*arguments, **environ)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.slow
def test_every_command_reads_and_writes_a_bucket(edml, uploaded, monkeypatch, stand_in):
    monkeypatch.setattr(_run, "make_tuner", lambda config: stand_in())
    here = f"{uploaded.url}/in"
    Path("edml.toml").write_text(
        f'[paths]\nraw = "{here}/events.csv"\nnew = "{here}/later.csv"\n'
        f'features = "{uploaded.url}/features.parquet"\n'
        f'report = "{uploaded.url}/report.html"\n'
        f'importance = "{uploaded.url}/importance.csv"\n'
        f'inferences = "{uploaded.url}/lists"\n'
    )
    run(edml, "check", "--html", f"{uploaded.url}/check.html")
    run(edml, "process")
    run(edml, "report", "1")
    run(edml, "predict", f"{here}/later.csv", "--format", "csv")
    run(edml, "update")
    first = json.loads(run(edml, "run", "--json", "--registry", "new").stdout)
    assert all(stage["done_now"] for stage in first["stages"])
    again = json.loads(run(edml, "run", "--json", "--registry", "new").stdout)
    assert not any(stage["done_now"] for stage in again["stages"])
    run(edml, "import", "events", f"{here}/later.csv", "--out", f"{uploaded.url}/x.csv")
    run(edml, "registry", "export", "1", f"{uploaded.url}/model.zip")
    run(edml, "registry", "import", f"{uploaded.url}/model.zip", "--registry", "other")
    shown = json.loads(run(edml, "config", "show", "--json").stdout)
    assert shown["settings"]["paths"]["raw"] == f"{here}/events.csv"
    written = uploaded.names()
    for name in ("check.html", "features.parquet", "importance.csv", "report.html"):
        assert name in written
    assert not Path("s3:").exists()


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("check", "s3://campus/none.csv"), "There is no file s3://campus/none.csv"),
        (("predict", "s3://no-such-bucket/a.csv"), "found no such bucket"),
        (("process", "s3://u:HUSHHUSH@campus/a.csv"), "without a user and a password"),
        (("registry", "pull", "s3://u:HUSH/HUSH@campus/a"), "without a user and"),
        (("registry", "pull", "s3://campus/none"), "push first"),
        (("registry", "push", "s3://no-such-bucket/a"), "found no such bucket"),
        (("registry", "list", "--registry", "s3://campus/a"), "on this machine"),
        (("predict", "gs://campus/events.csv"), "pip install 'edml[gcs]'"),
    ],
)
def test_errors_are_one_line_without_secrets(
    edml, assert_fails, uploaded, arguments, found
):
    before = uploaded.names()
    result = edml(*arguments)
    assert_fails(result, found)
    assert "HUSH" not in result.output
    assert uploaded.names() == before


def test_a_setting_that_must_be_local_says_so(edml, assert_fails, project):
    bad = "registry.memory=s3://u:HUSHHUSH@campus/memory.json"
    result = edml("config", "show", "--set", bad)
    assert_fails(result, "registry.memory expects a path on this machine", code=2)
    assert "HUSH" not in result.output


def test_a_prediction_that_cannot_be_written_leaves_nothing(
    edml, assert_fails, uploaded, monkeypatch
):
    proxy = Proxy(uploaded.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    forget_stores()
    proxy.cut_after = 2_000
    result = edml("predict", f"{uploaded.url}/in/later.csv")
    assert_fails(result, "Check the connection")
    monkeypatch.setenv("AWS_ENDPOINT_URL", uploaded.address)
    forget_stores()
    assert uploaded.names() == ["in/events.csv", "in/later.csv"]
    assert not Path("inferences").exists()
    proxy.close()
