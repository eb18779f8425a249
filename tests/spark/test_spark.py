"""Features and scores on real Spark: the bits of one pandas DataFrame."""

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edml.classifier import RiskClassifier
from edml.datasets import load_activity, make_student_activity, make_target
from edml.exceptions import RegistryError, TableError
from edml.feature_extraction import (
    ActivityFeatures,
    FeatureEngineer,
    HistoryFeatures,
    StaticColumns,
)
from edml.pipeline import make_risk_pipeline
from edml.registry import ModelRegistry
from edml.scale import bucket_events, bucket_of
from edml.spark import _students, features, score

pytestmark = [
    pytest.mark.spark,
    # pyspark's own, about pandas 3, Python and sockets
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully:FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:pyspark"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
KEYS = ["user_uuid", "course_uuid", "particion"]
DATES = ["ass_due_at", "ass_unlock_at", "s_submitted_at", "s_graded_at"]


@pytest.fixture(scope="module")
def events():
    return make_student_activity(60, n_courses=3, random_state=1)


@pytest.fixture(scope="module")
def registry(events, tmp_path_factory):
    pipeline = make_risk_pipeline("lightgbm", random_state=0)
    model = RiskClassifier(pipeline, cv=2, random_state=0)
    registry = ModelRegistry(tmp_path_factory.mktemp("registry"))
    registry.register(model.fit(events, make_target(events)))
    registry.promote(1)
    return registry


def collect(out, keys=KEYS):
    """Return the rows of a Spark DataFrame, sorted by keys."""
    rows = pd.DataFrame([row.asDict() for row in out.collect()], columns=out.columns)
    return rows.sort_values([*keys], ignore_index=True)


def assert_features(out, transformer, X, columns=None):
    """Compare with the transformer on the pandas DataFrame, to the bit."""
    keys = [(columns or {}).get(key, key) for key in KEYS]
    expected = transformer.fit_transform(X).drop_duplicates(KEYS)
    expected.columns = [(columns or {}).get(name, name) for name in expected.columns]
    expected = expected.sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(collect(out, keys), expected, check_exact=True)


# -- features ----------------------------------------------------------------------


@pytest.mark.parametrize("n_buckets", [1, 7, 64, "auto"])
def test_features_are_those_of_one_dataframe(events, to_spark, n_buckets):
    transformer = HistoryFeatures("progress", fill_value=None)
    out = features(to_spark(events), transformer, n_buckets=n_buckets)
    assert_features(out, transformer, events)


def test_any_form_of_ids_and_dates(events, to_spark):
    codes, _ = pd.factorize(events["user_uuid"])
    X = events.assign(user_uuid=codes + 2**60, legajo=codes)
    identifiers, _ = pd.factorize(X["assignment_id"])
    X["assignment_id"] = pd.Series(identifiers + 2**40, dtype="Int64").mask(
        X["assignment_id"].isna()
    )
    for name, zone in zip(
        DATES, ["UTC", "Asia/Tokyo", "America/Lima", None], strict=True
    ):
        moments = pd.to_datetime(X[name], unit="s", utc=True).astype(
            "datetime64[us, UTC]"
        )
        X[name] = moments.dt.tz_convert(zone)
    df = to_spark(X)
    kinds = {field.name: field.dataType.typeName() for field in df.schema}
    assert [kinds[name] for name in DATES] == [*["timestamp"] * 3, "timestamp_ntz"]
    assert kinds["user_uuid"] == kinds["assignment_id"] == "long"
    out = features(df, n_buckets=3)
    assert_features(out, FeatureEngineer(), X)


def test_names_of_the_user(events, to_spark):
    columns = {"user_uuid": "student.id", "particion": "day", "score": "points `raw`"}
    X = events.rename(columns=columns)
    transformer = FeatureEngineer(columns=columns)
    out = features(to_spark(X), transformer, n_buckets=2)
    assert out.columns[:3] == ["student.id", "course_uuid", "day"]
    assert_features(out, transformer, X, columns)


def test_other_sets_of_features(events, to_spark):
    clicks = np.random.default_rng(0).integers(0, 5, len(events))
    school = events["user_uuid"].astype(str).str[-1]
    X = events.assign(activity_quiz=clicks, school=school)
    out = features(to_spark(X), ActivityFeatures(), n_buckets=2)
    assert_features(out, ActivityFeatures(), X)
    every = HistoryFeatures("full", StaticColumns(categorical=["school"]))
    with pytest.raises(ValueError, match="Fit it on the pandas DataFrame of a sample"):
        features(to_spark(X), every)
    out = features(to_spark(X), every.fit(X), n_buckets=2)
    assert_features(out, every, X)


def test_large_strings(events, spark, to_spark):
    if spark.version < "4":
        pytest.skip("Spark 3 has no large strings")
    name = "spark.sql.execution.arrow.useLargeVarTypes"
    spark.conf.set(name, "true")
    try:
        assert_features(features(to_spark(events)), FeatureEngineer(), events)
    finally:
        spark.conf.unset(name)


def test_one_student_has_most_rows(events, to_spark, monkeypatch):
    ticks = pd.concat([events.head(1)] * 10_000, ignore_index=True)
    ticks["particion"] = np.arange(10_000.0) % 60
    X = pd.concat([events, ticks], ignore_index=True)
    monkeypatch.setattr(_students, "_MANY_ROWS", 9_000)
    with pytest.warns(UserWarning, match=r"One student has 10,\d+ of 13,\d+ rows"):
        out = features(to_spark(X))
    assert_features(out, FeatureEngineer(), X)


def test_no_rows(events, to_spark):
    out = features(to_spark(events).limit(0))
    assert out.collect() == []
    assert len(out.columns) == 46


def test_warnings_of_fit(events, to_spark):
    X = events.assign(
        nombre_examen=events["nombre_examen"].replace(".+", "test", regex=True)
    )
    with pytest.warns(UserWarning, match="No kind is known of 1 of 1 exams"):
        features(to_spark(X), n_buckets=1)


# -- the hash of a store's buckets ---------------------------------------------------


@pytest.mark.parametrize("n_buckets", [1, 7, 64])
def test_a_student_has_one_bucket_in_python_duckdb_and_spark(to_spark, n_buckets):
    duckdb = pytest.importorskip("duckdb")
    ids = pd.DataFrame(
        {"id": [*map(str, range(500)), "Ana", "ñandú", "学生", " a b ", ""]}
    )
    expected = bucket_of(ids["id"], n_buckets).tolist()
    in_spark = f"conv(substring(md5(id), 1, 8), 16, 10) % {n_buckets} bucket"
    found = to_spark(ids).selectExpr("id", in_spark).collect()
    assert {row["id"]: int(row["bucket"]) for row in found} == dict(
        zip(ids["id"], expected, strict=True)
    )
    in_duckdb = "SELECT ('0x' || md5(id)[1:8])::UBIGINT % $1 FROM ids"
    buckets = duckdb.execute(in_duckdb, [n_buckets]).fetchall()
    assert [bucket for (bucket,) in buckets] == expected


def test_a_store_is_read_as_parquet(events, spark, tmp_path):
    pytest.importorskip("duckdb")
    events.to_csv(tmp_path / "events.csv", index=False)
    store = bucket_events(tmp_path / "events.csv", tmp_path / "store", n_buckets=5)
    out = features(spark.read.parquet(str(tmp_path / "store")), n_buckets=3)
    X = pd.concat([store.read(number) for number in range(5)], ignore_index=True)
    assert_features(out, FeatureEngineer(), X)


# -- scores ------------------------------------------------------------------------


def assert_scores(out, expected, keys=("user_uuid", "course_uuid")):
    expected = expected.sort_values([*keys], ignore_index=True)
    expected["reason_features"] = expected["reason_features"].map(list)
    found = collect(out, keys)
    found["legajo"] = found["legajo"].astype(expected["legajo"].dtype)
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected), check_exact=True)


@pytest.mark.parametrize("n_buckets", [1, 7, 64])
def test_scores_are_those_of_one_dataframe(events, registry, to_spark, n_buckets):
    options = {"at": 30, "since": 20, "language": "es", "n_reasons": 2}
    out = score(to_spark(events), registry, n_buckets=n_buckets, **options)
    assert_scores(out, registry.load(1).score_students(events, **options))


def test_scores_without_reasons(events, registry, to_spark):
    model = registry.load(1)
    out = score(to_spark(events), model, n_reasons=0)
    expected = model.score_students(events, n_reasons=0)
    assert out.columns == list(expected.columns)
    found = collect(out, KEYS[:2])["probability"]
    assert found.tolist() == expected.sort_values(KEYS[:2])["probability"].tolist()


def test_the_most_at_risk_of_each_course_are_flagged(events, registry, to_spark):
    out = score(to_spark(events), registry, capacity=4, n_reasons=0, n_buckets=3)
    found = collect(out, KEYS[:2])
    assert found.groupby("course_uuid")["flagged"].sum().tolist() == [4, 4, 4]
    for _, course in found.groupby("course_uuid"):
        flagged, others = (
            course[course["flagged"] == which] for which in (True, False)
        )
        assert flagged["probability"].min() >= others["probability"].max()


def test_students_without_a_row_by_then_are_left_out(events, registry, to_spark):
    X = events[(events["particion"] > 9) | (events["user_uuid"] < "8")]
    out = score(to_spark(X), registry, at=5, n_reasons=0, n_buckets=64)
    expected = registry.load(1).score_students(X, at=5, n_reasons=0)
    assert 0 < len(expected) < 60
    assert set(collect(out, KEYS[:2])["user_uuid"]) == set(expected["user_uuid"])


def test_a_changed_model_is_rejected(events, registry, to_spark):
    exported = registry.export_model(1)
    changed = replace(exported, data=exported.data[:-1] + b"x")
    with pytest.raises(RegistryError, match="Expected the model file whose SHA-256"):
        score(to_spark(events), changed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"since": 9, "at": 9}, "since must be before at"),
        ({"n_reasons": -1}, "n_reasons must be a whole number"),
        ({"capacity": -2}, "capacity must be a whole number"),
        ({"language": "tlh"}, "language"),
        ({"n_buckets": 0}, "n_buckets must be 'auto' or 1 or more; found 0"),
        ({"version": 7}, "7"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_wrong_options_fail_before_the_work(
    events, registry, to_spark, options, message
):
    with pytest.raises(ValueError, match=message):
        score(to_spark(events), registry, **options)


def test_the_columns_of_the_model_are_needed(events, registry, to_spark):
    with pytest.raises(TableError, match=r"missing \['score'\]"):
        score(to_spark(events).withColumnRenamed("score", "scores"), registry)


def test_other_models_are_rejected(events, to_spark):
    with pytest.raises(TypeError, match="Expected a ModelRegistry, an ExportedModel"):
        score(to_spark(events), "registry")


# -- tables that cannot be read ----------------------------------------------------


def test_ids_without_a_value(events, to_spark):
    df = to_spark(events.assign(user_uuid=events["user_uuid"].mask(events.index < 7)))
    with pytest.raises(TableError, match=r"'user_uuid': 7 of \d+ rows have no value"):
        features(df)
    message = failure(features(df, n_buckets=2))
    assert re.search(r"TableError: Column 'user_uuid': 7 of \d+ rows have no", message)


def test_errors_of_workers_show_no_value(events, registry, to_spark):
    grades = events["score"].astype("str").mask(events.index == 5, "secret")
    df = to_spark(events.assign(score=grades))
    for out in (features(df, n_buckets=2), score(df, registry, n_buckets=2)):
        message = failure(out)
        assert "Column 'score': 1 of " in message
        assert "(The row labels count the rows of one bucket.)" in message
        assert "secret" not in message


def failure(out):
    """Return what Spark says when a worker fails."""
    with pytest.raises(Exception, match="TableError") as caught:
        out.collect()
    return str(caught.value)


def test_tables_that_cannot_be_used(events, spark, to_spark):
    with pytest.raises(TypeError, match="Expected a Spark DataFrame; found DataFrame"):
        features(events)
    stream = spark.readStream.format("rate").load()
    with pytest.raises(ValueError, match="found a stream"):
        features(stream)
    with pytest.raises(TableError, match=r"lacks \['user_uuid'\]"):
        features(to_spark(events).drop("user_uuid"))
    days = pd.to_datetime(events["particion"], unit="D", origin="2024-01-01")
    with pytest.raises(TableError, match="'user_uuid' is of type timestamp"):
        features(to_spark(events.assign(user_uuid=days)))
    clash = FeatureEngineer(columns={"particion": "score_mean"})
    with pytest.raises(ValueError, match=r"maps keys to \['score_mean'\], which are"):
        features(to_spark(events.rename(columns=clash.columns)), clash)
    with pytest.raises(ValueError, match="transformer must be FeatureEngineer"):
        features(to_spark(events), StaticColumns(numeric=["score"]))


# -- the page ----------------------------------------------------------------------

PAGE = Path(__file__).parents[2] / "docs" / "user_guide" / "spark.rst"


def test_the_page_runs_as_it_stands(tmp_path):
    first, _, _ = PAGE.read_text("utf-8").partition("What each call needs")
    blocks = re.findall(r"code-block:: python\n\n((?:   .*\n|\n)+)", first)
    assert len(blocks) == 2
    (tmp_path / "page.py").write_text("\n".join(map(textwrap.dedent, blocks)))
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    command = [sys.executable, "page.py"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)  # noqa: S603
    model = ModelRegistry(tmp_path / "registry").load("production")
    expected = model.score_students(load_activity(), at=30).sort_values(KEYS[:2])
    risks = pd.read_parquet(tmp_path / "risks").sort_values(KEYS[:2])
    assert risks["probability"].tolist() == expected["probability"].tolist()
    assert len(pd.read_parquet(tmp_path / "features")) > len(risks)
