"""Models that read activity, context and columns about the student, when served."""

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier

from bodies import FORMATS, post, predictions
from edml import (
    RiskClassifier,
    add_course_context,
    make_student_activity,
    make_target,
)
from edml.feature_extraction import StaticColumns
from edml.pipeline import make_risk_pipeline
from edml.registry import ModelRegistry
from edml.serving import create_app
from edml.sources import add_activity, add_students


@pytest.fixture(scope="module")
def events():
    X = make_student_activity(60, fail_rate=0.4, partitions=20, random_state=3)
    random = np.random.default_rng(0)
    who = X[["user_uuid", "course_uuid"]].sample(900, random_state=0)
    activity = pd.DataFrame(
        {
            "student": who["user_uuid"].to_numpy(),
            "course": who["course_uuid"].to_numpy(),
            "day": random.integers(0, 20, len(who)),
            "kind": random.choice(["quiz", "forum"], len(who)),
            "count": random.integers(1, 9, len(who)),
        }
    )
    students = pd.DataFrame({"student": X["user_uuid"].unique()})
    students["school"] = random.choice(["north", "south"], len(students))
    students["credits"] = random.integers(30, 90, len(students))
    return add_course_context(add_students(add_activity(X, activity), students))


@pytest.fixture(scope="module")
def registry(events, tmp_path_factory):
    static = StaticColumns(numeric=["credits"], categorical=["school"])
    classifier = LGBMClassifier(n_estimators=20, min_child_samples=5, verbosity=-1)
    pipeline = make_risk_pipeline(classifier, features="full", static=static)
    registry = ModelRegistry(tmp_path_factory.mktemp("signals"))
    registry.register(RiskClassifier(pipeline, cv=2).fit(events, make_target(events)))
    registry.promote(1)
    return registry


@pytest.fixture(scope="module")
def client(registry):
    return create_app(registry).test_client()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_bits_as_score_students(client, registry, events, kind):
    events = events.drop(columns="nota_final_materia")
    found = predictions(post(client, events, kind))
    truth = registry.load().score_students(events, n_reasons=0)
    assert [*found["probability"]] == [*truth["probability"]]
    assert [*found["user_uuid"]] == [*truth["user_uuid"]]


@pytest.mark.parametrize(
    ("column", "remedy"),
    [
        ("activity_quiz", "add_activity"),
        ("context_missed_n", "add_course_context"),
        ("school", "add_students"),
    ],
)
def test_a_missing_column_is_named(client, events, column, remedy):
    answer = post(client, events.drop(columns=column))
    assert answer.status_code == 422
    assert column in answer.json["detail"]
    assert remedy in answer.json["detail"]


def test_an_unseen_category_is_scored(client, events):
    events = events.assign(school="west")
    assert predictions(post(client, events))["probability"].between(0, 1).all()


def test_a_count_that_is_no_number_is_named_without_its_value(client, events):
    answer = post(client, events.assign(activity_quiz="SECRET"))
    assert answer.status_code == 422
    assert "activity_quiz" in answer.json["detail"]
    assert "SECRET" not in answer.text


def test_the_document_describes_the_columns(client):
    schemas = client.get("/openapi.json").json["components"]["schemas"]
    event = schemas["Event"]
    more = {"activity_quiz", "context_missed_n", "school", "credits"}
    assert more <= {*event["required"]}
    assert event["properties"]["context_missed_n"]["$ref"].endswith("/Number")
    assert "a count" in event["properties"]["activity_quiz"]["description"]
    for body in (event["examples"], schemas["Columns"]["examples"][0]):
        assert client.post("/predict", json=body).status_code == 200
