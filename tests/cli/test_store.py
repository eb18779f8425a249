"""Commands take a store where they take a file, and say the same."""

import json
from pathlib import Path

import pandas as pd
import pytest

from edml.scale import EventStore

KEYS = ["user_uuid", "course_uuid"]


@pytest.fixture
def store(with_champion, edml):
    """The later events as a store, beside the file."""
    done = edml("bucket", "later.csv", "--out", "store", "--buckets", 5, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["n_buckets"] == 5
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
def test_predictions_are_those_of_the_file(store, edml, options):
    of_file = run(edml, "predict", "later.csv", *options, "--out", "a")
    of_store = run(edml, "predict", "store", *options, "--out", "b")
    found, expected = (in_order(one["predictions"]) for one in (of_store, of_file))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert len(of_store["files"]) == len(of_file["files"])


def test_features_are_those_of_the_file(store, edml):
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


def test_other_names_of_files(store, edml, assert_fails):
    assert_fails(edml("process", "store", "--out", "b.csv"), "folder of Parquet files")
    assert not Path("b.csv").exists()


def test_a_store_is_checked_and_updated_like_the_file(store, edml):
    of_file, of_store = (run(edml, "check", name) for name in ("later.csv", "store"))
    assert of_store["summary"] == of_file["summary"]
    codes = [{one["code"] for one in said["findings"]} for said in (of_file, of_store)]
    assert codes[0] == codes[1]
    contests = [run(edml, "update", name) for name in ("store", "later.csv")]
    assert contests[0]["students"] == contests[1]["students"]


def test_students_are_drawn_of_a_large_store(store, edml):
    options = ["--set", "data.max_rows=800"]
    result = edml("check", "store", "--json", *options)
    drawn = json.loads(result.stdout)["summary"]["n_students"]
    assert 0 < drawn < store.n_students
    said = " ".join(result.stderr.split())
    assert f"Drew {drawn} students of {store.n_students}" in said


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
def test_where_a_store_cannot_be_taken(store, edml, assert_fails, command, said):
    assert_fails(edml(*command), said)


def test_bucketing_what_cannot_be_read(project, edml, assert_fails):
    Path("bad.csv").write_text("user_uuid,course_uuid\nann,c1\n")
    assert_fails(edml("bucket", "bad.csv", "--out", "store"), "bad.csv", "lacks")
    assert not Path("store").exists()
