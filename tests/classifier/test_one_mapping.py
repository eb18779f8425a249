"""One mapping of column names, given once: results equal up to the names."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edml import (
    ModelRegistry,
    RiskClassifier,
    evaluate,
    explain,
    make_risk_pipeline,
    make_student_activity,
    make_target,
    student_train_test_split,
)
from edml.schema import COLUMNS, SNAPSHOT_KEYS

X = make_student_activity(60, fail_rate=0.3, partitions=30, random_state=1)
y = make_target(X)


def fit(table, columns=None):
    pipeline = make_risk_pipeline(every=7, columns=columns)
    return RiskClassifier(pipeline, cv=3).fit(table, y)


@pytest.fixture(scope="module")
def expected():
    return fit(X)


def check_equal_up_to_names(columns, expected, table=X):
    renamed = table.rename(columns=columns)
    model = fit(renamed, columns)
    risk = expected.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(renamed), risk)
    students = model.score_students(renamed, at=20, since=15)
    wanted = expected.score_students(table, at=20, since=15).rename(columns=columns)
    pd.testing.assert_frame_equal(students, wanted)
    return model, renamed


MAPPINGS = {
    "swapped": {"user_uuid": "legajo", "legajo": "user_uuid"},
    "all": {name: f"the {name}" for name in COLUMNS},
    "turned": dict(zip(COLUMNS, [*COLUMNS[1:], COLUMNS[0]], strict=True)),
    "keys": dict(zip(SNAPSHOT_KEYS, ["alumno", "materia", "día"], strict=True)),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_results_come_back_in_the_users_names(name, expected, tmp_path):
    columns = MAPPINGS[name]
    model, renamed = check_equal_up_to_names(columns, expected)
    found = evaluate(model, renamed, y, n_resamples=0)
    assert found.metrics == evaluate(expected, X, y, n_resamples=0).metrics
    rows = [0, 7, 400]
    reasons = explain(model, renamed, rows=rows).reasons(3).to_list()
    assert reasons == explain(expected, X, rows=rows).reasons(3).to_list()
    assert make_target(renamed, columns=columns).equals(y)
    parts = student_train_test_split(renamed, y, random_state=0, columns=columns)
    assert parts[2].equals(student_train_test_split(X, y, random_state=0)[2])
    registry = ModelRegistry(tmp_path)
    stored = registry.load(registry.register(model).version)
    students = model.score_students(renamed)
    pd.testing.assert_frame_equal(stored.score_students(renamed), students)


def test_one_column_in_two_roles(expected):
    table = X.drop(columns="user_uuid")
    model = fit(table, {"user_uuid": "legajo"})
    students = model.score_students(table)
    assert [*students.columns[:4]] == [
        "legajo",
        "course_uuid",
        "course_name",
        "particion",
    ]
    assert len(students) == len(expected.score_students(X))


@pytest.mark.slow
@settings(max_examples=5, deadline=None)
@given(st.permutations(COLUMNS), st.sets(st.sampled_from(COLUMNS)))
def test_any_renaming(expected, order, others):
    columns = dict(zip(COLUMNS, order, strict=True))
    columns |= {name: f"{columns[name]}?" for name in others}
    check_equal_up_to_names(columns, expected)


def test_name_of_a_result_raises():
    columns = {"legajo": "probability"}
    renamed = X.rename(columns=columns)
    with pytest.raises(
        ValueError, match="'legajo' to 'probability', which is a column"
    ):
        fit(renamed, columns).score_students(renamed)
