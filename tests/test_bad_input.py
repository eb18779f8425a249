"""Errors about unreadable input name the column and rows, and no student's value."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier

from edml import (
    DataCleaner,
    FeatureEngineer,
    make_risk_pipeline,
    make_student_activity,
    make_target,
)
from edml.exceptions import TableError
from edml.pipeline import CLASSIFIERS

X = make_student_activity(5, fail_rate=0.2, random_state=0)
BAD = {
    "null key": ("user_uuid", None, "have no value"),
    "text": ("score", "SECRET42", "are not numbers"),
    "infinite": ("nota_parcial", np.inf, "an infinite number"),
    "negative": ("particion", -4217.0, "a negative or immense partition"),
    "fractional": ("particion", 42.17, "a fractional partition"),
    "early date": ("s_graded_at", -4217.0, "a date before 1970"),
    "period": ("periodo", "3-4217", "hold no period"),
}


@pytest.mark.parametrize("case", BAD)
def test_error_names_unreadable_rows(case):
    column, value, problem = BAD[case]
    bad = X.copy()
    bad[column] = bad[column].astype(object)
    bad.iloc[3, bad.columns.get_loc(column)] = value
    transformers = (
        [DataCleaner()]
        if column == "periodo"
        else [*(DataCleaner(), FeatureEngineer())]
    )
    for transformer in transformers:
        message = rf"Column '{column}': 1 of {len(X)} rows .*{problem}.*label 3\)"
        with pytest.raises(ValueError, match=message) as caught:
            transformer.fit(X).transform(bad)
        assert "4217" not in str(caught.value)
        assert "SECRET42" not in str(caught.value)
        assert (caught.value.column, caught.value.rows) == (column, (3,))


@pytest.mark.parametrize("transformer", [DataCleaner(), FeatureEngineer()], ids=str)
def test_other_shapes(transformer):
    with pytest.raises(ValueError, match=r"lacks \['course_uuid'\]"):
        transformer.fit(X.drop(columns="course_uuid"))
    with pytest.raises(ValueError, match="found ndarray"):
        transformer.fit(X.to_numpy())
    empty = transformer.fit(X).transform(X.iloc[:0])
    assert list(empty.columns) == list(transformer.get_feature_names_out())
    with pytest.raises(ValueError, match="unknown column 'usr'"):
        type(transformer)(columns={"usr": "a"}).fit(X)


def test_unknown_exam_kind_and_null_final_grade():
    with pytest.raises(ValueError, match="unknown exam kind 'finales'"):
        FeatureEngineer(exam_kinds={"finales": ["F"]}).fit(X)
    with pytest.raises(ValueError, match="nota_final_materia"):
        make_target(X.assign(nota_final_materia=np.nan))


WITH_BAD_VALUE = [
    *(("score", "SECRET42", "are not numbers"), ("s_submitted_at", "SECRET42", "not")),
    ("nota_parcial", -np.inf, "an infinite number"),
    ("ass_due_at", np.inf, "an infinite number"),
    ("particion", "SECRET42", "are not numbers"),
    ("course_uuid", None, "have no value"),
    ("nota_final_materia", "SECRET42", "are not numbers"),
    ("fecha_mesa_epoch", -1.0, "a date before 1970"),
]


@pytest.mark.parametrize(("column", "value", "problem"), WITH_BAD_VALUE)
def test_pipeline_raises_in_fit_and_after(column, value, problem):
    y = make_target(X)
    bad = X.set_axis([f"r{k}" for k in range(len(X))])
    bad[column] = bad[column].astype(object)
    bad.iloc[[2, 7], bad.columns.get_loc(column)] = value
    message = rf"Column '{column}': 2 of {len(X)} rows .*{problem}.*labels 'r2', 'r7'\)"
    good = make_risk_pipeline(DummyClassifier()).fit(X, y)
    for call in (lambda: clone(good).fit(bad, y), lambda: good.predict_proba(bad)):
        with pytest.raises(TableError, match=message) as caught:
            call()
        assert "SECRET42" not in str(caught.value)


@pytest.mark.parametrize("transformer", [DataCleaner(), FeatureEngineer()], ids=str)
def test_frames_of_another_shape(transformer):
    for empty in (X.iloc[:0], X.iloc[:0].astype(object)):
        found = clone(transformer).fit_transform(empty)
        assert found.shape == (0, len(transformer.fit(X).get_feature_names_out()))
    with pytest.raises(TableError, match=r"lacks .*'user_uuid', .*'s_graded_at'"):
        transformer.fit(pd.DataFrame())
    with pytest.raises(TableError, match="found NoneType"):
        transformer.fit(None)
    twice = pd.concat([X, X[["score"]]], axis=1)
    with pytest.raises(TableError, match=r"columns \['score'\] more than once"):
        transformer.fit(twice)
    with pytest.raises(TableError, match=r"columns \['score'\] more than once"):
        transformer.fit(X).transform(twice)
    near = X.rename(columns={"user_uuid": "user_uid"})
    with pytest.raises(TableError, match=r"Similar columns: .*'user_uid'.*columns="):
        transformer.fit(X).transform(near)


def test_exam_kinds_that_cannot_be_read():
    for kinds, message in (
        ({"parcial": ["A"]}, "unknown exam kind 'parcial'. Did you mean 'parciales'"),
        ({"parciales": "A"}, "is one string; pass a list"),
        ({"parciales": ["A"], "integradores": [" A "]}, r"\['A'\] in two kinds"),
        ({"parciales": ["INTEGRADOR(30)"]}, "in two kinds"),
    ):
        with pytest.raises(ValueError, match=message):
            FeatureEngineer(exam_kinds=kinds).fit(X)


def test_null_final_grades_are_counted_and_the_rest_is_silent():
    running = X.assign(nota_final_materia=X["nota_final_materia"].mask(X.index < 2))
    with pytest.raises(TableError, match=rf"2 of {len(X)} rows .*0, 1\).*dropna"):
        make_target(running)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("balance", [None, "smote", "under"])
def test_one_outcome_raises(name, balance):
    with pytest.raises(TableError, match=r"y needs two classes; the \d+ snapshots"):
        make_risk_pipeline(name, balance=balance).fit(X, np.zeros(len(X), dtype=int))


def test_y_of_another_length_or_kind():
    y = make_target(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_risk_pipeline().fit(X, y[:-1])
    with pytest.raises(ValueError, match="Unknown label type"):
        make_risk_pipeline().fit(X, y + 0.5)
