"""KeyDropper: the features stay, in the order of fit."""

import pandas as pd
import pytest

from edml.exceptions import TableError
from edml.preprocessing import KeyDropper

X = pd.DataFrame(
    {"a": [1.0, 2.0], "user_uuid": ["s", "t"], "course_uuid": ["x", "y"], "b": [0, 1]},
    index=[5, 3],
)


def test_only_keys_are_dropped():
    pd.testing.assert_frame_equal(KeyDropper().fit_transform(X), X[["a", "b"]])


def test_keys_are_not_needed_to_predict():
    dropper = KeyDropper().fit(X)
    pd.testing.assert_frame_equal(dropper.transform(X[["b", "a"]]), X[["a", "b"]])


def test_other_keys():
    found = KeyDropper(keys=["a"]).fit(X).get_feature_names_out()
    assert list(found) == ["user_uuid", "course_uuid", "b"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (X.drop(columns="user_uuid"), r"lacks \['user_uuid'\]"),
        (X[["user_uuid", "course_uuid"]], "only the keys .*; add feature columns"),
        (X.to_numpy(), "found ndarray"),
    ],
    ids=["no key", "keys alone", "array"],
)
def test_bad_tables_raise(table, message):
    with pytest.raises(TableError, match=message):
        KeyDropper().fit(table)


def test_absent_feature_raises():
    with pytest.raises(TableError, match=r"lacks \['b'\]"):
        KeyDropper().fit(X).transform(X[["a"]])
