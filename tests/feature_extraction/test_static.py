"""Columns about the student: categories, numbers, and what is rejected."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edml import HistoryFeatures, StaticColumns, make_student_activity
from edml.exceptions import TableError
from edml.testing import check_company_invariance, check_no_lookahead

BASE = make_student_activity(15, random_state=4)
HISTORY = BASE.groupby(["user_uuid", "course_uuid"], sort=False).ngroup().to_numpy()
N = int(HISTORY.max()) + 1


def table(**values):
    """Return the events with columns of one value for each history."""
    given = {k: np.resize(np.array(v, object), N)[HISTORY] for k, v in values.items()}
    return BASE.assign(**given)


CELLS = st.lists(
    st.sampled_from(["HE", " HE ", "A level", "55<=", "", None, 1, 1.0, "1", np.nan]),
    min_size=N,
    max_size=N,
)


@given(CELLS, CELLS)
def test_categories_against_comparing_texts(seen, later):
    def text(cell):
        missing = cell is None or cell != cell  # noqa: PLR0124
        return "" if missing else str(cell).strip().removesuffix(".0")

    static = StaticColumns(categorical=["school"]).fit(table(school=seen))
    known = sorted({text(cell) for cell in seen} - {""})
    assert static.categories_ == [known]
    found = static.transform(table(school=later)).iloc[:, 2:]
    assert list(found) == [f"school={one.replace('<=', '__')}" for one in known]
    expected = [[text(later[k]) == one for one in known] for k in HISTORY]
    np.testing.assert_array_equal(found.to_numpy(), np.reshape(expected, found.shape))


def test_numbers_and_missing_numbers():
    X = table(points=[1, None, "2.5"])
    filled = StaticColumns(["points"], fill_value=-1.0).fit_transform(X)["points"]
    kept = StaticColumns(["points"], fill_value=None).fit_transform(X)["points"]
    expected = np.resize([1, np.nan, 2.5], N)[HISTORY]
    np.testing.assert_array_equal(kept, expected)
    np.testing.assert_array_equal(filled, np.nan_to_num(expected, nan=-1))


def test_latest_rows_are_those_of_all():
    X = table(points=[1, 2, 4], school=["a", "b"]).sample(frac=1, random_state=0)
    for part in (
        StaticColumns(["points"], ["school"]),
        HistoryFeatures("progress", StaticColumns(["points"], ["school"])),
    ):
        everything = part.fit_transform(X)
        rows, features = part.transform_latest(X)
        np.testing.assert_array_equal(everything.iloc[rows, 2:].to_numpy(), features)
        assert list(everything) == part.get_feature_names_out().tolist()


@pytest.mark.parametrize("features", ["classic", "progress"])
def test_neither_the_future_nor_others_matter(features):
    X = table(points=[1, 2, 4], school=["a", "b", None])
    joined = HistoryFeatures(features, StaticColumns(["points"], ["school"]))
    check_no_lookahead(joined, X)
    check_company_invariance(joined, X, refit=False)


@pytest.mark.parametrize(
    "name",
    [
        *("gender", "Sex", "sexo", "género", "studentAge", "edad", "age_band", "race"),
        *("birth_date", "disability", "discapacidad", "Ethnicity", "etnia", "religion"),
        *("nationality", "nacionalidad", "region", "región", "imd_band", "deprivation"),
        *("household income", "mother_tongue", "pronouns", "immigrant", "CitizenOf"),
    ],
)
def test_sensitive_columns_must_be_named(name):
    X = table(**{name: ["a", "b"]})
    with pytest.raises(ValueError, match="may describe a protected attribute"):
        StaticColumns(categorical=[name]).fit(X)
    found = StaticColumns(categorical=[name], sensitive_ok=[name]).fit_transform(X)
    assert found.shape[1] == 4


@pytest.mark.parametrize("name", ["language", "page_views", "stage", "essex_campus"])
def test_other_columns_are_not_sensitive(name):
    StaticColumns(categorical=[name]).fit(table(**{name: ["a", "b"]}))


@pytest.mark.parametrize(
    ("static", "error", "message"),
    [
        (StaticColumns(), ValueError, "needs a column"),
        (StaticColumns(["a"], ["a"]), ValueError, r"names \['a'\] more than once"),
        (StaticColumns(["b"]), TableError, r"lacks the columns \['b'\].*add_students"),
        (StaticColumns(["a"]), TableError, "Column 'a': .* are not numbers"),
        (StaticColumns([], ["day"]), TableError, "'day' changes within .* of 1. hist"),
        (StaticColumns([], ["many"]), TableError, "'many' has 101 categories"),
        (StaticColumns([], ["pair"]), TableError, "'pair' has categories that differ"),
    ],
)
def test_what_cannot_be_used(static, error, message):
    X = table(a=["x"], pair=["a<b", "a>b"], day=[0])
    X["day"] = X["particion"]
    if static.categorical == ["many"]:
        one = BASE.iloc[:1]
        X = pd.concat([one.assign(user_uuid=f"u{k}", many=f"c{k}") for k in range(101)])
    with pytest.raises(error, match=message) as caught:
        static.fit(X)
    assert "c17" not in str(caught.value)


def test_change_within_a_history_is_found_when_predicting_too():
    static = StaticColumns(["points"]).fit(table(points=[1]))
    X = table(points=[1])
    X.loc[3, "points"] = 2
    with pytest.raises(TableError, match=r"'points' changes within 1 of"):
        static.transform(X)
