"""Commands compare students with their course, which a file holds as a whole."""

import json

import numpy as np
import pandas as pd
import pytest

from edml import RiskClassifier, add_course_context, make_risk_pipeline, make_target
from edml.cli._config import read_config
from edml.cli._sides import read_sides
from edml.registry import ModelRegistry

SIGNALS = '[signals]\nfeatures = "progress"\ncontext = true\n'


@pytest.fixture
def compared(project, events):
    """Return the folder with a champion that compares students with their course."""
    table = add_course_context(events)
    pipeline = make_risk_pipeline(features="progress", every=3)
    pipeline.set_params(classify__n_estimators=10)
    registry = ModelRegistry("registry")
    registry.register(RiskClassifier(pipeline, cv=2).fit(table, make_target(events)))
    registry.promote(1, why="it compares")
    return project


def test_predict_computes_the_context_of_the_whole_file(compared, edml, later_events):
    result = edml("predict", "later.csv", "--json", "--partition", 9)
    assert result.exit_code == 0, result.output
    assert "must hold whole courses" in " ".join(result.stderr.split())
    found = pd.DataFrame(json.loads(result.stdout)["predictions"])
    model = ModelRegistry("registry").load(1)
    expected = model.score_students(add_course_context(later_events), at=9)
    np.testing.assert_array_equal(found["probability"], expected["probability"])
    student = expected["user_uuid"].iloc[0]
    result = edml(
        "predict", "later.csv", "--json", "--partition", 9, "--student", student
    )
    alone = [one["probability"] for one in json.loads(result.stdout)["predictions"]]
    whole = expected.loc[expected["user_uuid"] == student, "probability"]
    assert alone == pytest.approx(whole.tolist())


def test_a_file_may_bring_its_context(compared, edml, later_events):
    table = add_course_context(later_events)
    student = table["user_uuid"].iloc[0]
    table[table["user_uuid"] == student].to_csv("one.csv", index=False)
    result = edml("predict", "one.csv", "--json", "--partition", 9)
    assert result.exit_code == 0, result.output
    assert "whole courses" not in " ".join(result.stderr.split())
    found = [one["probability"] for one in json.loads(result.stdout)["predictions"]]
    whole = ModelRegistry("registry").load(1).score_students(table, at=9)
    expected = whole.loc[whole["user_uuid"] == student, "probability"]
    assert found == pytest.approx(expected.tolist())


def test_monitor_compares_as_the_fit_did(compared, edml):
    result = edml("monitor", "later.csv", "--json")
    assert result.exit_code in (0, 3), result.output
    assert json.loads(result.stdout)["model_version"] == 1


def test_training_sides_have_the_context(project):
    (project / "edml.toml").write_text(SIGNALS, encoding="utf-8")
    whole, sides = read_sides(project / "events.csv", read_config().config)
    expected = add_course_context(pd.read_csv("events.csv"))["context_marks_in_hand"]
    np.testing.assert_allclose(whole.X["context_marks_in_hand"], expected)
    assert all("context_marks_in_hand" in side.X for side in sides)


def test_stores_are_rejected(compared, edml, assert_fails):
    result = edml("bucket", "later.csv", "--out", "store", "--buckets", 3)
    assert result.exit_code == 0, result.output
    assert_fails(edml("predict", "store"), "student by student")
    (compared / "edml.toml").write_text(SIGNALS, encoding="utf-8")
    assert_fails(edml("tune", "store"), "student by student")
    assert_fails(edml("run", "store"), "student by student")
    assert not (compared / "features.parquet").exists()


def test_a_store_may_bring_its_context(compared, edml, later_events):
    table = add_course_context(later_events)
    table.to_csv("compared.csv", index=False)
    result = edml("bucket", "compared.csv", "--out", "store", "--buckets", 3)
    assert result.exit_code == 0, result.output
    result = edml("predict", "store", "--json", "--partition", 9)
    assert result.exit_code == 0, result.output
    found = [one["probability"] for one in json.loads(result.stdout)["predictions"]]
    expected = ModelRegistry("registry").load(1).score_students(table, at=9)
    assert sorted(found) == pytest.approx(sorted(expected["probability"]))


def test_the_44_are_not_compared(project, edml, assert_fails):
    settings = project / "edml.toml"
    settings.write_text("[signals]\ncontext = true\n", encoding="utf-8")
    assert_fails(edml("tune", "events.csv"), "line 2: context compares", code=2)
