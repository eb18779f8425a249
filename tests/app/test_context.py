"""The app computes the context of the courses for a champion that reads it."""

from types import SimpleNamespace

import numpy as np
import pytest

from edml import (
    ModelRegistry,
    RiskClassifier,
    add_course_context,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.app import _data
from edml.app._source import RegistrySource
from edml.schema import resolve_columns


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    X = make_student_activity(60, fail_rate=0.4, random_state=2)
    pipeline = make_risk_pipeline(features="progress", every=5)
    pipeline.set_params(classify__n_estimators=10)
    model = RiskClassifier(pipeline, cv=2).fit(add_course_context(X), make_target(X))
    registry = ModelRegistry(tmp_path_factory.mktemp("compared"))
    registry.register(model)
    return registry


def test_table_is_completed_for_the_champion(registry, tmp_path, monkeypatch):
    X = make_student_activity(30, random_state=3)
    source = RegistrySource(lambda: registry)
    assert source.complete(X) is X  # there is no champion yet
    registry.promote(1, why="it compares")
    table = source.complete(X)
    assert source.lacking(1, X) == [
        name for name in table if name.startswith("context_")
    ]
    assert not source.lacking(1, table)
    assert source.complete(table) is table
    found = source.score(1, table, 20).students["probability"]
    expected = registry.load(1).score_students(add_course_context(X), at=20)
    np.testing.assert_array_equal(found, expected["probability"])

    # the page says that a file must hold whole courses
    monkeypatch.setattr(_data, "handed_settings", lambda: SimpleNamespace(reading={}))
    names, file = resolve_columns(None), tmp_path / "events.csv"
    for events, said in ((X, True), (table, False)):
        events.to_csv(file, index=False)
        notes = _data._parse_as(names, names, file, file.name, source).notes
        assert any("whole courses" in note for note in notes) is said
