"""What Spark's workers do, without Spark."""

import json
import sys
from functools import partial

import pandas as pd
import pyarrow as pa
import pytest

import edml
from edml.classifier import DeployedClassifier
from edml.datasets import load_activity, make_student_activity
from edml.exceptions import EdmlError, MissingExtraError, RegistryError, TableError
from edml.feature_extraction import FeatureEngineer
from edml.pipeline import make_risk_pipeline, strip_samplers
from edml.schema import resolve_columns
from edml.spark import features
from edml.spark._model import pack, unpack
from edml.spark._students import number_of_buckets
from edml.spark._worker import describe_bucket, score_bucket

VERSION = edml.__version__


@pytest.fixture(scope="module")
def sent():
    X, y = load_activity(return_X_y=True)
    pipeline = make_risk_pipeline("lightgbm", random_state=0).fit(X, y)
    names = list(X.columns)
    steps = strip_samplers(pipeline)
    model = DeployedClassifier(steps, threshold=0.2, feature_names=names)
    return pack(model, "production")


@pytest.fixture
def events():
    return make_student_activity(12, random_state=4)


def batches_of(events):
    return iter(pa.Table.from_pandas(events, preserve_index=False).to_batches(100))


def describe(events, version=VERSION):
    function = partial(
        describe_bucket,
        columns=list(events.columns),
        transformer=FeatureEngineer().fit(events),
        names=resolve_columns(None),
        version=version,
    )
    return pa.Table.from_batches(function(batches_of(events))).to_pandas()


def score(events, sent, **options):
    given = {"at": None, "since": None, "language": "en", "n_reasons": 1, **options}
    function = partial(
        score_bucket,
        columns=list(events.columns),
        model=sent,
        names=resolve_columns(None),
        options=given,
        version=VERSION,
    )
    return list(function(batches_of(events)))


def test_one_row_a_snapshot(events):
    keys = ["user_uuid", "course_uuid", "particion"]
    expected = FeatureEngineer().fit_transform(events).drop_duplicates(keys)
    found = describe(events)
    texts = dict.fromkeys(keys[:2], "str")  # objects, from an early pyarrow
    pd.testing.assert_frame_equal(
        found.astype(texts), expected.reset_index(drop=True), check_exact=True
    )


def test_an_empty_bucket_has_no_answer(events, sent):
    assert score(events.head(0), sent) == []
    assert score(events, sent, at=-1) == []


def test_scores(events, sent):
    (found,) = score(events, sent)
    expected = unpack(sent).score_students(events, n_reasons=1)
    expected["reason_features"] = expected["reason_features"].map(list)
    assert found.schema.names == list(expected)
    assert found["change"].null_count == found.num_rows  # without since=
    for name in expected.drop(columns="change"):
        assert found[name].to_pylist() == expected[name].tolist(), name


def test_the_model_is_loaded_once_in_a_process(sent):
    again = sent._replace(data=bytes(bytearray(sent.data)))
    assert again.data is not sent.data
    assert unpack(again) is unpack(sent)


def test_changed_models_are_rejected(sent):
    with pytest.raises(RegistryError, match="Expected the model file whose SHA-256"):
        unpack(sent._replace(data=sent.data + b"x"))
    record = json.loads(sent.record)
    answers = record["answers"]["probabilities"]
    record["answers"]["probabilities"] = [1 - one for one in answers]
    with pytest.raises(RegistryError, match="answers as it did when it was stored"):
        unpack(sent._replace(record=json.dumps(record)))


def test_one_version_of_edml_everywhere(events):
    with pytest.raises(EdmlError, match=r"Expected edml 0\.0\.0 on Spark's workers"):
        describe(events, version="0.0.0")


def test_errors_have_no_values(events, sent, monkeypatch):
    scores = events["score"].astype(object)
    scores.iloc[3] = "secret"
    text = events.assign(score=scores.map(str).where(scores.notna()))
    with pytest.raises(TableError, match="rows of one bucket") as caught:
        describe(text)
    assert "secret" not in str(caught.value)

    def fail(self, X):
        raise ValueError("could not convert string to float: 'secret'")

    monkeypatch.setattr(FeatureEngineer, "transform", fail)
    with pytest.raises(
        EdmlError, match=r"ValueError in test_worker.py, line"
    ) as caught:
        describe(events)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("n_rows", "usual", "expected"),
    [
        (0, "200", 1),
        (60_000, "200", 2),
        (10**7, "200", 200),
        (10**7, "auto", 200),  # on Databricks
        (10**7, "8", 40),
        (10**9, "200", 4000),
    ],
)
def test_number_of_buckets(n_rows, usual, expected):
    assert number_of_buckets(n_rows, usual) == expected


def test_spark_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(MissingExtraError, match=r"edml.spark needs pyspark. Run: pip"):
        features(None)
