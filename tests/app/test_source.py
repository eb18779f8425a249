"""Registry, endpoint and demonstration return the numbers of score_students."""

import numpy as np
import pandas as pd
import pytest

from app_client import Client
from edml.app._source import DemoSource, EndpointSource, RegistrySource
from edml.datasets import load_activity
from edml.exceptions import EdmlError, TableError
from edml.registry import ModelRegistry
from edml.schema import resolve_columns

KEYS = ["user_uuid", "course_uuid"]


def same_bits(ours, theirs):
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    return (ours.view(np.int64) == theirs.view(np.int64)).all()


@pytest.fixture(params=["registry", "endpoint"])
def source(request, registry, model):
    if request.param == "registry":
        return RegistrySource(lambda: registry)
    return EndpointSource(Client(model), {})


def test_scores_are_those_of_score_students(source, model, table):
    for at, since in ((10, 3), (4, -3), (14, None)):
        students, by = source.score(1, table, at, since)
        expected = model.score_students(table, at=at, since=since, n_reasons=0)
        for name in (*KEYS, "legajo", "course_name", "particion", "flagged"):
            assert students[name].tolist() == expected[name].tolist(), name
        assert same_bits(students["probability"], expected["probability"])
        known = expected["change"].notna()
        assert students["change"].notna().tolist() == known.tolist()
        assert same_bits(students["change"][known], expected["change"][known])
        assert by == (source.champion().version, model.threshold_)


def test_averages_are_the_features(source, model, table):
    students, _ = source.score(1, table, 9, None)
    features = model.features(table)
    rows = table.assign(
        day=table["particion"].fillna(0),
        exams=np.asarray(features["nota_overall_mean"]),
        scores=np.asarray(features["score_mean"]),
        n_exams=np.asarray(features["overall_parciales_n_sum"]),
    )
    last = rows[rows["day"] == 9].drop_duplicates(KEYS).set_index(KEYS)
    for row in students.itertuples():
        theirs = last.loc[(row.user_uuid, row.course_uuid)]
        if theirs["n_exams"] == 0:
            assert np.isnan(row.exam_average)
        else:
            assert row.exam_average == pytest.approx(theirs["exams"], rel=1e-9)
        if not np.isnan(row.score_average):
            assert row.score_average == pytest.approx(theirs["scores"], rel=1e-9)


@pytest.mark.parametrize("language", ["en", "es"])
def test_reasons_and_facts_are_those_of_score_students(source, model, table, language):
    expected = model.score_students(table, at=10, language=language)
    for place in (0, 5, len(expected) - 1):
        row = expected.iloc[place]
        who = row["user_uuid"], row["course_uuid"]
        reasons, facts = source.explain(1, table, 10, who, language)
        assert reasons == row["reasons"]
        assert facts == row["facts"]


def test_before_the_first_event_there_is_nothing(source, table):
    late = table[table["particion"] >= 5]
    with pytest.raises(TableError, match="no row up to partition 2"):
        source.score(1, late, 2, None)


def test_an_endpoint_is_sent_one_history_for_its_reasons(model, table):
    client = Client(model)
    row = table.iloc[0]
    who = row["user_uuid"], row["course_uuid"]
    EndpointSource(client, {}).explain(7, table, 10, who, "en")
    (sent,) = client.sent
    assert set(sent["user_uuid"]) == {who[0]}
    assert set(sent["course_uuid"]) == {who[1]}
    assert sent["particion"].max() <= 10


def test_numeric_ids_round_trip_through_an_endpoint(model, table):
    numbered = table.assign(user_uuid=pd.factorize(table["user_uuid"])[0])
    students, _ = EndpointSource(Client(model), {}).score(7, numbered, 10, None)
    expected = model.score_students(numbered, at=10, n_reasons=0)
    assert students["user_uuid"].tolist() == expected["user_uuid"].tolist()


def test_an_endpoint_reads_the_columns_of_the_settings(model):
    source = EndpointSource(Client(model), {"user_uuid": "alumno"})
    assert source.columns(7) == resolve_columns({"user_uuid": "alumno"})


def test_the_champion_is_never_cached(registry, model):
    source = RegistrySource(lambda: registry)
    assert source.champion() == (1, model.threshold_)
    registry.promote(2)
    assert source.champion().version == 2


def test_a_model_is_loaded_once(registry, monkeypatch):
    source = RegistrySource(lambda: registry)
    loads = []
    load = ModelRegistry.load
    monkeypatch.setattr(
        ModelRegistry, "load", lambda self, v: loads.append(v) or load(self, v)
    )
    assert source.load(1) is source.load(1)
    assert loads == [1]


def test_the_registry_is_opened_when_it_is_needed(registry):
    opened = []
    source = RegistrySource(lambda: opened.append(1) or registry)
    assert opened == []
    source.champion()
    source.champion()
    assert opened == [1]


def test_empty_registry_explains_the_next_step(tmp_path):
    source = RegistrySource(lambda: ModelRegistry(tmp_path))
    with pytest.raises(EdmlError, match="production"):
        source.champion()


@pytest.mark.slow  # trains a model on the sample
def test_demonstration_shows_unseen_students():
    source = DemoSource()
    X = source.sample()
    assert source.train() is source.train()
    everybody = load_activity()["user_uuid"]
    seen = everybody[~everybody.isin(X["user_uuid"])]
    assert 0.75 < seen.nunique() / everybody.nunique() < 0.85
    assert "nota_final_materia" not in X
    version, threshold = source.champion()
    students, by = source.score(version, X, 30, 23)
    expected = source.load(version).score_students(X, at=30, since=23, n_reasons=0)
    assert same_bits(students["probability"], expected["probability"])
    assert by.threshold == threshold
    assert len(source.registry.evaluations(version)) == 1
