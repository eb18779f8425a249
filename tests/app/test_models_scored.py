"""The app scores its table with a version exactly as the library does."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from edml import make_risk_pipeline
from edml.app._models_scored import (
    MAX_POINTS,
    N_IMPORTANT,
    explained_rows,
    importance_of,
    points_of,
    score_latest,
    stored_importance,
)
from edml.exceptions import TableError
from edml.explanation import explain, own_importance
from edml.registry import ModelRegistry
from evaluated_models import held_out, model, running


def test_the_latest_rows_are_scored_as_score_students_does():
    scored = score_latest(model(), running())
    students = model().score_students(running(), n_reasons=0)
    assert sorted(scored.probability) == sorted(students["probability"])
    each = running().iloc[scored.rows].assign(probability=scored.probability)
    keys = ["user_uuid", "course_uuid"]
    both = each.merge(students, on=keys, suffixes=("", "_told"))
    assert len(both) == len(students)
    assert (both["probability"] == both["probability_told"]).all()


def test_a_bare_pipeline_is_scored_by_its_probabilities():
    pipeline = make_risk_pipeline("lightgbm", every=7).fit(*held_out())
    scored = score_latest(pipeline, running())
    expected = pipeline.predict_proba(running())[scored.rows, 1]
    assert scored.probability.tolist() == expected.tolist()


def test_a_model_of_another_table_raises_in_words():
    plain = pd.DataFrame({"grade": [1.0, 2.0]})
    with pytest.raises(TableError, match="reads another table"):
        score_latest(model(), plain)


def test_importance_is_that_of_explain():
    scored = score_latest(model(), running())
    found = importance_of(model(), running(), scored.rows, len(scored.rows))
    expected = explain(model(), running(), rows=scored.rows).importance()
    n_features = len(expected)
    expected = expected[expected > 0]  # features without weight are not shown
    assert found.table["feature"].tolist() == expected.index[:N_IMPORTANT].tolist()
    assert found.table["weight"].tolist() == expected[:N_IMPORTANT].tolist()
    assert found.n_features == n_features
    assert (found.scale, found.n_rows) == ("log-odds", len(scored.rows))
    few = importance_of(model(), running(), scored.rows, 10)
    assert few.n_rows == 10
    again = importance_of(model(), running(), scored.rows, 10)
    assert few.table.equals(again.table)


def test_slow_explainers_receive_fewer_rows(tmp_path):
    registry = ModelRegistry(tmp_path)
    plain = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    quick = explained_rows(registry.register(model()))
    forest = explained_rows(registry.register(model("random_forest")))
    other = explained_rows(registry.register(plain))
    assert quick > forest > other > 0


def test_without_a_table_the_model_s_weights_are_used():
    found = stored_importance(model())
    classify = model().pipeline_.steps[-1][1]
    assert found.table["weight"].sum() <= 1 + 1e-9
    assert found.scale == "model"
    assert found.n_rows == 0
    gain = classify.booster_.feature_importance("gain")
    share = gain / gain.sum()
    top = found.table["weight"].to_numpy()
    assert np.allclose(top, np.sort(share[share > 0])[::-1][:N_IMPORTANT])
    names = model().features(running()).columns
    best = found.table["feature"].iloc[0]
    assert share[list(names).index(best)] == pytest.approx(top[0])


def test_model_without_weights_has_no_importance():
    plain = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    assert stored_importance(plain) is None
    assert own_importance(plain, coefficients=True).to_dict() == {"x0": 1.0}


def test_points_lie_at_the_features_of_the_scored_rows():
    scored = score_latest(model(), running())
    found = importance_of(model(), running(), scored.rows, 50)
    points = points_of(model(), running(), scored, found)
    assert points.features == tuple(found.table["feature"][:3])
    features = model().features(running())
    expected = features[list(points.features)].iloc[scored.rows]
    shown = points.table[list(points.features)]
    assert np.array_equal(shown.to_numpy(), expected.to_numpy(), equal_nan=True)
    assert points.table["probability"].tolist() == scored.probability.tolist()
    assert points.n_all == len(scored.rows) <= MAX_POINTS
    assert list(points.table) == [*points.features, "probability"]  # and no key


def test_of_many_students_some_are_drawn(monkeypatch):
    monkeypatch.setattr("edml.app._models_scored.MAX_POINTS", 10)
    scored = score_latest(model(), running())
    found = importance_of(model(), running(), scored.rows, 10)
    points = points_of(model(), running(), scored, found)
    assert len(points.table) == 10
    assert points.n_all == len(scored.rows) > 10
    assert set(points.table["probability"]) <= set(scored.probability)


def test_a_model_with_two_features_has_no_points():
    scored = score_latest(model(), running())
    found = importance_of(model(), running(), scored.rows, 10)
    short = type(found)(found.table.head(2), 2, found.scale, found.n_rows)
    assert points_of(model(), running(), scored, short) is None
