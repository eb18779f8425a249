"""Registries of earlier versions of edml still work: see data/README.md."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sklearn
from packaging.version import Version

from edml import (
    FeatureEngineer,
    RiskClassifier,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.registry import ModelRegistry

# The registry warns when another version of scikit-learn stored the model.
pytestmark = pytest.mark.filterwarnings("ignore:The model was saved under:UserWarning")

# scikit-learn promises no model of a newer version to an older one.
newer = pytest.mark.skipif(
    Version(sklearn.__version__) < Version("1.9"), reason="stored by scikit-learn 1.9"
)

EARLIER = Path(__file__).parent / "data" / "earlier.zip"


def students(random_state, n=30):
    X = make_student_activity(n, fail_rate=0.3, random_state=random_state)
    X = X.drop(columns="ass_weight")  # there was none yet, and it has a fingerprint
    return X, make_target(X)


@pytest.fixture
def folder(tmp_path):
    with zipfile.ZipFile(EARLIER) as archive:
        archive.extractall(tmp_path)
    return tmp_path


@pytest.fixture
def registry(folder):
    return ModelRegistry(folder, "risk", who="grace")


@newer
def test_everything_is_sound(registry):
    assert registry.verify() == []


def test_records_round_trip(registry):
    table = registry.records()
    assert table["version"].tolist() == [1, 2, 3, 4]
    assert table["stage"].tolist() == [
        *("development", "production", "staging", "development"),
    ]
    assert table["purpose"].tolist()[1:3] == ["report", "validation"]
    record = registry.record(1)
    assert (record.algorithm, record.threshold) == ("LogisticRegression", 0.3)
    assert record.tags == {"term": "1"}


@pytest.mark.parametrize("version", [1, 2, 3, 4])  # 3 is a Blend
@newer
def test_stored_models_keep_their_predictions(registry, folder, version):
    expected = json.loads((folder / "answers.json").read_text())[str(version)]
    risk = registry.load(version).predict_proba(students(4)[0])[:, 1]
    found = risk[:: max(1, len(risk) // 20)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("features", ["classic", "progress"])
def test_stored_models_take_their_features_from_a_later_edml(
    tmp_path, monkeypatch, features
):
    X = make_student_activity(40, fail_rate=0.4, random_state=4)
    pipeline = make_risk_pipeline(features=features, every=5)
    pipeline.set_params(classify__n_estimators=10)
    model = RiskClassifier(pipeline, cv=2).fit(X, make_target(X))
    ModelRegistry(tmp_path).register(model)
    expected = model.fail_probability(X)
    names, describe = FeatureEngineer._names, FeatureEngineer._describe

    def describe_more(self, read, rows=None, out=None):
        if out is not None:
            describe(self, read, rows, out[:-1])
            out[-1] = 7.0
            return out.T
        own = describe(self, read, rows)
        return np.column_stack([own, np.full(len(own), 7.0)])

    monkeypatch.setattr(FeatureEngineer, "_names", lambda self: (*names(self), "new"))
    monkeypatch.setattr(FeatureEngineer, "_describe", describe_more)
    loaded = ModelRegistry(tmp_path).load(1)
    assert "new" in loaded.pipeline_["features"].get_feature_names_out()
    np.testing.assert_array_equal(loaded.fail_probability(X), expected)
    rows, latest = loaded.score_latest(X)
    np.testing.assert_array_equal(latest, expected[rows])


def test_evaluations_round_trip(registry):
    table = registry.evaluations(2)
    assert table["purpose"].tolist() == [
        *("validation", "choosing", "choosing", "report"),
    ]
    assert table["fair"].tolist() == [True, False, False, True]
    for row in table.itertuples():
        assert row.evaluation.data_fingerprint == row.data_fingerprint
        assert row.evaluation.metrics["brier"] == row.brier
        assert len(row.evaluation.curves) > 0


def test_history_round_trips(registry):
    table = registry.history()
    assert table["what"].tolist() == [
        *("register", "promote", "register", "register", "register", "compete"),
        *("demote", "demote", "compete", "promote", "rollback"),
    ]
    assert table["champion"].tolist() == [pd.NA, *[1] * 7, 2, 1, 2]
    assert table["moves"].tolist()[8] == [
        (1, "production", "development"),
        (2, "development", "production"),
        (3, "development", "staging"),
    ]
    assert set(table["who"]) == {"ada"}


@newer
def test_stages_go_on_from_where_they_were(registry):
    assert registry.history()["previous_champion"].iloc[-1] == 1
    assert registry.rollback().version == 1
    assert registry.promote(3, why="the blend").stage == "production"
    assert registry.rollback().version == 1
    assert registry.verify() == []


def decision(contest):
    """Return a contest without its words and last digits, which versions change."""
    found = {name: value for name, value in contest.items() if name != "why"}
    return json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 9))


@newer
def test_stored_contests_keep_their_decisions(registry):
    expected = registry.history()["detail"]
    registry.demote(3)
    registry.promote(1)
    first = registry.compete(*students(3, 40), n_resamples=200)
    assert decision(first.to_dict()) == decision(expected[5])
    for version in first.candidates:
        registry.demote(version)
    options = {"metric": "brier", "method": "plain", "n_resamples": 50}
    second = registry.compete(*students(6), **options)
    assert decision(second.to_dict()) == decision(expected[8])


def test_an_exported_file_can_be_imported(registry, folder, try_each_model_once):
    with pytest.warns(UserWarning, match="This model is version 2"):
        assert registry.import_(folder / "export.zip").version == 2
    elsewhere = ModelRegistry(folder / "elsewhere")
    record = elsewhere.import_(folder / "export.zip")
    assert (record.version, record.origin["version"]) == (1, 2)
    new, old = elsewhere.evaluations(1), registry.evaluations(2)
    pd.testing.assert_series_equal(new["brier"], old["brier"])
    assert new["evaluation"][0].to_dict() == old["evaluation"][0].to_dict()


def test_a_version_can_be_trained_again_and_its_threshold_chosen_again(registry):
    assert registry.refit(2, *students(7)).parent == 2
    assert registry.retune_threshold(2, *students(8), threshold="f1").parent == 2
