"""Stores: the same events as one table, whatever the source and the buckets."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from edml import RiskClassifier, make_risk_pipeline
from edml.datasets import make_student_activity, make_target
from edml.exceptions import TableError
from edml.feature_extraction import FeatureEngineer
from edml.inspection import evaluate
from edml.preprocessing import DataCleaner
from edml.scale import (
    EventStore,
    _bucketing,
    bucket_events,
    bucket_of,
    evaluate_store,
    map_buckets,
    training_sample,
)
from edml.sources import read_events


@pytest.fixture(scope="module", name="X")
def make_events():
    table = make_student_activity(120, fail_rate=0.3, partitions=30, random_state=0)
    return read_events(table)


@pytest.fixture(scope="module")
def model(X):
    return make_risk_pipeline(every=5, random_state=0).fit(X, make_target(X))


def write(X, path, kind):
    if kind == "csv":
        X.to_csv(path / "events.csv", index=False)
    elif kind == "semicolons":
        X.to_csv(path / "events.csv", index=False, sep=";", decimal=",")
    elif kind == "gzip":
        X.to_csv(path / "events.csv.gz", index=False, encoding="utf-16")
        return path / "events.csv.gz"
    elif kind == "parquet":
        X.to_parquet(path / "events.parquet", row_group_size=1000)
        return path / "events.parquet"
    elif kind == "frame":
        return X
    else:
        folder = path / "parts"
        folder.mkdir()
        n_parts = 20 if "small" in kind else 3
        for number, rows in enumerate(np.array_split(np.arange(len(X)), n_parts)):
            part = X.iloc[rows]
            if "csv" in kind:
                part.to_csv(folder / f"{number:02d}.csv", index=False)
            else:
                part.to_parquet(folder / f"{number:02d}.parquet")
        return folder
    return path / "events.csv"


KINDS = [
    *("csv", "semicolons", "gzip", "parquet", "frame"),
    *("csv parts", "parquet parts", "small csv parts", "small parquet parts"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_holds_what_read_events_reads(X, tmp_path, kind):
    source = write(X, tmp_path, kind)
    store = bucket_events(source, tmp_path / "s", 7, chunk_rows=900, progress=False)
    buckets = bucket_of(X["user_uuid"], 7)
    for bucket, found in enumerate(store):
        expected = X[buckets == bucket].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected)
    assert store.n_rows == len(X)
    assert store.n_students == X["user_uuid"].nunique()
    if "csv parts" not in kind:  # read_events reads no folder of CSV
        _, report = read_events(source, return_report=True)
        assert store.report == report


@pytest.mark.parametrize("n_buckets", [1, 7, 64])
def test_features_and_scores_have_the_same_bits(X, model, tmp_path, n_buckets):
    steps = make_pipeline(DataCleaner(), FeatureEngineer())
    features, scores = steps.fit_transform(X), model.predict_proba(X)
    store = bucket_events(X, tmp_path / "s", n_buckets, progress=False)
    buckets = bucket_of(X["user_uuid"], n_buckets)
    for bucket, events in enumerate(store):
        if len(events):
            mine = buckets == bucket
            expected = features[mine].reset_index(drop=True)
            pd.testing.assert_frame_equal(
                steps.transform(events), expected, check_exact=True
            )
            np.testing.assert_array_equal(model.predict_proba(events), scores[mine])


def test_a_store_can_be_bucketed_again(X, tmp_path):
    source = write(X, tmp_path, "semicolons")
    first = bucket_events(source, tmp_path / "s", 7, progress=False)
    again = bucket_events(first, tmp_path / "t", 3, progress=False)
    assert again.report == first.report
    assert again.n_students == first.n_students
    buckets = bucket_of(X["user_uuid"], 3)
    for bucket, found in enumerate(again):
        expected = X[buckets == bucket]
        for student, events in found.groupby("user_uuid"):
            rows = expected[expected["user_uuid"] == student].reset_index(drop=True)
            pd.testing.assert_frame_equal(events.reset_index(drop=True), rows)
    with pytest.raises(TableError, match="is also the source"):
        bucket_events(tmp_path / "t", tmp_path / "t", 5, progress=False)


def test_nothing_is_done_twice(X, tmp_path):
    store = bucket_events(X, tmp_path / "s", 3, progress=False)
    before = [store.bucket_path(bucket).stat().st_mtime_ns for bucket in range(3)]
    bucket_events(X, tmp_path / "s", 3, progress=False)
    assert before == [store.bucket_path(one).stat().st_mtime_ns for one in range(3)]
    other = bucket_events(X, tmp_path / "s", 2, progress=False)
    assert other.n_buckets == 2
    assert not store.bucket_path(2).exists()


def test_other_folders_are_left_alone(X, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TableError, match="was not written by this command"):
        bucket_events(X, tmp_path, 3, progress=False)
    with pytest.raises(TableError, match="is not a store of events"):
        EventStore(tmp_path)


def test_a_table_without_rows(X, tmp_path):
    with pytest.raises(TableError, match="has no rows"):
        bucket_events(X.head(0), tmp_path / "s", progress=False)


def test_a_later_format(X, tmp_path):
    store = bucket_events(X, tmp_path / "s", 2, progress=False)
    manifest = store.manifest | {"format": 2}
    (store.path / "_store.json").write_text(json.dumps(manifest))
    with pytest.raises(TableError, match="of another format"):
        EventStore(store.path)


def test_map_buckets(X, tmp_path):
    store = bucket_events(X, tmp_path / "s", 5, progress=False)

    def latest(events):
        return events.groupby("user_uuid", as_index=False)["particion"].max()

    out = map_buckets(latest, store, tmp_path / "o", key="1", progress=False)
    found = pd.read_parquet(out).sort_values("user_uuid", ignore_index=True)
    pd.testing.assert_frame_equal(found, latest(X))


@pytest.mark.parametrize("n_buckets", [1, 7])
def test_an_evaluation_has_the_same_bits(X, model, tmp_path, n_buckets):
    store = bucket_events(X, tmp_path / "s", n_buckets, progress=False)
    found = evaluate_store(
        *(model, store, tmp_path / "o"), key="1", n_resamples=20, progress=False
    )
    expected = evaluate(model, X, make_target(X), n_resamples=20)
    assert found.metrics == expected.metrics
    assert found.intervals == expected.intervals


def test_an_evaluation_of_a_model_of_labels_in_words(X, tmp_path):
    y = np.where(make_target(X), "fails", "passes")
    model = RiskClassifier(make_risk_pipeline(every=5), cv=2, fail_label="fails")
    store = bucket_events(X, tmp_path / "s", 3, progress=False)
    how = {"n_resamples": 0, "progress": False}
    found = evaluate_store(model.fit(X, y), store, tmp_path / "o", key="1", **how)
    expected = evaluate(model, X, y, n_resamples=0)
    assert found.metrics == expected.metrics
    assert found.threshold == expected.threshold


def test_an_evaluation_of_some_days(X, model, tmp_path):
    store = bucket_events(X, tmp_path / "s", 3, progress=False)
    how = {"n_resamples": 0, "progress": False, "every": 10}
    found = evaluate_store(model, store, tmp_path / "o", key="1", **how)
    assert 0.5 < found.metrics["roc_auc"] <= 1
    running = X.assign(nota_final_materia=np.nan)
    store = bucket_events(running, tmp_path / "r", 3, progress=False)
    with pytest.raises(TableError, match="has a final grade"):
        evaluate_store(model, store, tmp_path / "p", key="1", **how)


def test_a_sample_of_students(X, tmp_path):
    stores = [bucket_events(X, tmp_path / str(n), n, progress=False) for n in (1, 7)]
    samples = [training_sample(store, 0.3, random_state=1) for store in stores]
    tables = [sample.read() for sample in samples]
    ids = [set(table["user_uuid"]) for table in tables]
    assert ids[0] == ids[1]  # whatever the buckets
    for sample, table in zip(samples, tables, strict=True):
        assert len(table) == sample.n_rows
        assert table["user_uuid"].nunique() == sample.n_students
        of_store = X[X["user_uuid"].isin(ids[0])]
        assert len(of_store) == len(table)  # whole histories
        memory = table.memory_usage(deep=True).sum()
        assert 0.5 < sample.n_bytes / memory < 2
    n_students = X["user_uuid"].nunique()
    assert training_sample(stores[0], n_students).n_rows == len(X)
    with pytest.raises(ValueError, match="at most"):
        training_sample(stores[0], n_students + 1)


def test_small_files_share_a_piece(X, tmp_path, monkeypatch):
    source = write(X, tmp_path, "small parquet parts")
    written = []
    replace = _bucketing.replace_file

    def watch(path, data):
        written.append(path.suffix)
        replace(path, data)

    monkeypatch.setattr(_bucketing, "replace_file", watch)
    bucket_events(source, tmp_path / "s", 2, chunk_rows=len(X), progress=False)
    assert written.count(".arrow") == 3  # the schema, and two of ten files each
