"""What cannot be read is refused: the column, the rows, no student's value."""

import numpy as np
import pytest

from edml import DataCleaner, FeatureEngineer, make_student_activity, make_target

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
def test_unreadable_rows_are_named(case):
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
        message = rf"Column '{column}': 1 of {len(X)} rows .*{problem}.*labels 3\)"
        with pytest.raises(ValueError, match=message) as caught:
            transformer.fit(X).transform(bad)
        assert "4217" not in str(caught.value)
        assert "SECRET42" not in str(caught.value)


@pytest.mark.parametrize("transformer", [DataCleaner(), FeatureEngineer()], ids=str)
def test_other_shapes(transformer):
    with pytest.raises(ValueError, match=r"lacks \['score'\]"):
        transformer.fit(X.drop(columns="score"))
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
