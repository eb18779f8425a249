"""The file contains the models' features, one row per snapshot."""

import json

import pandas as pd
import pytest

from edml.cli._process import describe
from edml.cli._settings import Config
from edml.feature_extraction import FEATURES, FeatureEngineer
from edml.preprocessing import DataCleaner


def features_of(X, **kwargs):
    clean = DataCleaner(columns=kwargs.get("columns")).fit_transform(X)
    return FeatureEngineer(**kwargs).fit_transform(clean)


def test_one_row_per_snapshot_with_its_features_and_outcome(events):
    features = describe(events, Config())
    assert list(features) == ["user_uuid", "course_uuid", *FEATURES, "target"]
    keys = ["user_uuid", "course_uuid", "particion"]
    assert not features.duplicated(keys).any()
    rows = features_of(events).assign(
        target=(events["nota_final_materia"] < 4).astype("Int64")
    )
    expected = rows.drop_duplicates(keys).reset_index(drop=True)
    pd.testing.assert_frame_equal(features, expected)


def test_outcome_is_null_while_a_course_runs(events):
    running = events["course_uuid"] == events["course_uuid"].iloc[0]
    X = events.assign(nota_final_materia=events["nota_final_materia"].mask(running))
    features = describe(X, Config())
    of_course = features["course_uuid"] == events["course_uuid"].iloc[0]
    assert (features["target"].isna() == of_course).all()
    nothing = describe(X[running], Config())["target"]
    assert nothing.isna().all()
    assert "target" not in describe(X.drop(columns="nota_final_materia"), Config())


def test_passing_grade_columns_and_exam_kinds(events):
    X = events.rename(columns={"user_uuid": "student", "nota_final_materia": "final"})
    config = Config.model_validate(
        {
            "columns": {"user_uuid": "student", "nota_final_materia": "final"},
            "exam_kinds": {"integradores": ["PRIMER PARCIAL(20)"], "parciales": []},
            "data": {"passing_grade": 7},
        }
    )
    features = describe(X, config)
    X["particion"] = X["particion"].fillna(0)
    firsts = X.drop_duplicates(["student", "course_uuid", "particion"])
    assert features["target"].tolist() == (firsts["final"] < 7).astype(int).tolist()
    assert features["integradores_n_sum"].max() == 1
    assert features["parciales_n_sum"].max() == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_the_command_writes_the_table(project, edml, events, suffix):
    result = edml("process", "events.csv", "--out", f"out/f.{suffix}")
    assert result.exit_code == 0, result.output
    read = pd.read_csv if suffix == "csv" else pd.read_parquet
    table = read(f"out/f.{suffix}")
    expected = describe(events, Config())
    assert len(table) == len(expected)
    assert table["score_mean"].tolist() == pytest.approx(
        expected["score_mean"].tolist()
    )
    assert table["target"].tolist() == expected["target"].tolist()
    assert f"Wrote out/f.{suffix}: {len(expected):,} snapshots" in result.stdout
    assert "Computing the features" in result.stderr
    assert "Describing" not in result.stdout


def test_for_machines(project, edml, events):
    (project / "edml.toml").write_text("[paths]\nraw='events.csv'\nfeatures='f.csv'\n")
    shown = json.loads(edml("process", "--json").stdout)
    assert shown["features"] == "f.csv"
    assert shown["n_rows"] == len(events)
    assert shown["n_students"] == events["user_uuid"].nunique()
    assert shown["n_snapshots"] == len(pd.read_csv("f.csv"))
    pairs = events[["user_uuid", "course_uuid"]].drop_duplicates()
    assert shown["n_histories"] == len(pairs)


def test_invalid_input_raises(project, edml, assert_fails, events):
    assert_fails(edml("process"), "found none", "paths.raw", code=2)
    assert_fails(edml("process", "no.csv"), "There is no file no.csv")
    assert_fails(edml("process", "events.csv", "--out", "f.txt"), ".csv or .parquet")
    events.assign(score="ann").to_csv("bad.csv", index=False)
    result = edml("process", "bad.csv")
    assert_fails(result, "'score'")
    assert "ann" not in result.output
    assert sorted(path.name for path in project.iterdir()) == [
        "bad.csv",
        "events.csv",
        "later.csv",
    ]
