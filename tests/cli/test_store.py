"""Commands take a store where they take a file, and say the same."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from edml.exceptions import RemoteError
from edml.scale import EventStore
from object_store import Proxy, forget_stores

KEYS = ["user_uuid", "course_uuid"]


@pytest.fixture(scope="module")
def _stored(tmp_path_factory):
    return tmp_path_factory.mktemp("bucketed") / "store"


@pytest.fixture
def bucketed(with_champion, edml, _stored):
    """The later events as a store, beside the file."""
    if not _stored.exists():
        done = edml("bucket", "later.csv", "--out", _stored, "--buckets", 5, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["n_buckets"] == 5
    shutil.copytree(_stored, "store")
    return EventStore("store")


def run(edml, *command):
    result = edml(*command, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def in_order(predictions):
    table = pd.DataFrame(predictions)
    return table.sort_values(KEYS, ignore_index=True)


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--partition", 6],
        ["--course", "Álgebra"],
        ["--student", "40003", "--no-running"],
    ],
    ids=str,
)
def test_predictions_are_those_of_the_file(bucketed, edml, options):
    of_file = run(edml, "predict", "later.csv", *options, "--out", "a")
    of_store = run(edml, "predict", "store", *options, "--out", "b")
    found, expected = (in_order(one["predictions"]) for one in (of_store, of_file))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert len(of_store["files"]) == len(of_file["files"])


def test_features_are_those_of_the_file(bucketed, edml):
    of_file = run(edml, "process", "later.csv", "--out", "a.parquet")
    of_store = run(edml, "process", "store", "--out", "b")
    for name in ("n_rows", "n_snapshots", "n_histories", "n_students"):
        assert of_store[name] == of_file[name]
    keys = [*KEYS, "particion"]
    found, expected = (
        pd.read_parquet(path).sort_values(keys, ignore_index=True)
        for path in ("b", "a.parquet")
    )
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_other_names_of_files(bucketed, edml, assert_fails):
    assert_fails(edml("process", "store", "--out", "b.csv"), "folder of Parquet files")
    assert not Path("b.csv").exists()


def test_a_store_is_checked_and_updated_like_the_file(bucketed, edml):
    of_file, of_store = (run(edml, "check", name) for name in ("later.csv", "store"))
    assert of_store["summary"] == of_file["summary"]
    codes = [{one["code"] for one in said["findings"]} for said in (of_file, of_store)]
    assert codes[0] == codes[1]
    contests = [run(edml, "update", name) for name in ("store", "later.csv")]
    assert contests[0]["students"] == contests[1]["students"]


def test_students_are_drawn_of_a_large_store(bucketed, edml):
    options = ["--set", "data.max_rows=800"]
    result = edml("check", "store", "--json", *options)
    drawn = json.loads(result.stdout)["summary"]["n_students"]
    assert 0 < drawn < bucketed.n_students
    said = " ".join(result.stderr.split())
    assert f"Drew {drawn} students of {bucketed.n_students}" in said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["predict", "store", "later.csv"], "read by itself"),
        (["predict", "store", "--url", "http://127.0.0.1:1"], "not by an endpoint"),
        (["app", "--data", "store"], "edml app does not read"),
        (["import", "events", "store", "--out", "a.csv"], "edml import events does"),
        (["process", "store", "--set", "columns.legajo=number"], "other names"),
    ],
    ids=str,
)
def test_where_a_store_cannot_be_taken(bucketed, edml, assert_fails, command, said):
    assert_fails(edml(*command), said)


def test_bucketing_what_cannot_be_read(project, edml, assert_fails):
    Path("bad.csv").write_text("user_uuid,course_uuid\nann,c1\n")
    assert_fails(edml("bucket", "bad.csv", "--out", "store"), "bad.csv", "lacks")
    assert not Path("store").exists()


@pytest.fixture
def uploaded(bucketed, store):
    """The store in a bucket only."""
    for path in bucketed.path.iterdir():
        store.put(f"events/{path.name}", path.read_bytes())
    return f"{store.url}/events"


def test_a_store_in_an_object_store(bucketed, uploaded, edml):
    remote = EventStore(uploaded)
    assert remote.fingerprint == bucketed.fingerprint
    for bucket in range(5):
        pd.testing.assert_frame_equal(remote.read(bucket), bucketed.read(bucket))
    here, there = (
        run(edml, "predict", path, "--out", out)
        for path, out in (("store", "a"), (uploaded, "b"))
    )
    found, expected = (in_order(one["predictions"]) for one in (there, here))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    run(edml, "process", "store", "--out", "c")
    run(edml, "process", uploaded, "--out", "d")
    found, expected = (pd.read_parquet(path) for path in ("d", "c"))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert run(edml, "check", uploaded)["summary"]["n_rows"] == bucketed.n_rows


def test_a_bucket_that_an_object_store_lacks(uploaded, store, edml, assert_fails):
    store.files.rm_file(f"{uploaded}/bucket-00003.parquet")
    with pytest.raises(RemoteError, match="found no such file"):
        EventStore(uploaded).read(3)
    failed = edml("process", uploaded, "--out", "d")
    assert_fails(failed, "bucket-00003.parquet", "no such file")
    assert not Path("d").exists()


def test_a_connection_that_breaks_while_a_store_is_read(
    uploaded, store, edml, assert_fails, monkeypatch
):
    proxy = Proxy(store.address)
    proxy.cut_after = 30_000
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.address)
    forget_stores()
    assert_fails(edml("process", uploaded, "--out", "d"), uploaded)
    assert not Path("d").exists()
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.address)
    forget_stores()
    assert run(edml, "process", uploaded, "--out", "d")["n_rows"] > 0
    proxy.close()


def test_no_store_is_written_into_an_object_store(bucketed, store, edml, assert_fails):
    said = edml("bucket", "later.csv", "--out", f"{store.url}/events")
    assert_fails(said, "on this machine", "Copy it")
