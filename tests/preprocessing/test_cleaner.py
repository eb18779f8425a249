"""DataCleaner brings each column into canonical form, whatever its dtype."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from edml import DataCleaner, FeatureEngineer, make_student_activity
from strategies import event_tables

X = make_student_activity(10, random_state=0)


def test_periods_partitions_dates_and_names():
    raw = X.iloc[:4].copy()
    raw["periodo"] = ["1-2022", "01-2022", " 2-2021 ", None]
    raw["particion"] = [np.nan, 0, 3, 7]
    raw["s_graded_at"] = [0, np.nan, 1.6e9, 1.7e9]
    raw["ass_name"] = ["  A ", "", "   ", "B"]
    cleaned = DataCleaner().fit_transform(raw)
    assert cleaned["periodo"].iloc[:3].tolist() == ["01-2022", "01-2022", "02-2021"]
    assert cleaned["periodo"].isna().tolist() == [False, False, False, True]
    assert cleaned["particion"].tolist() == [0, 0, 3, 7]
    assert cleaned["s_graded_at"].isna().tolist() == [True, True, False, False]
    assert cleaned["ass_name"].isna().tolist() == [False, True, True, False]
    assert cleaned["ass_name"].dropna().tolist() == ["A", "B"]


@pytest.mark.parametrize("zone", [None, "America/Argentina/Buenos_Aires"])
def test_datetimes_are_epoch_seconds_in_utc(zone):
    seconds = pd.Series([1.6e9, 1.7e9 + 0.5, np.nan])
    times = pd.to_datetime(seconds, unit="s", utc=True)
    times = times.dt.tz_localize(None) if zone is None else times.dt.tz_convert(zone)
    raw = X.iloc[:3].assign(s_graded_at=times.array)
    cleaned = DataCleaner().fit_transform(raw)["s_graded_at"]
    np.testing.assert_array_equal(cleaned, seconds)


@pytest.mark.parametrize("dtype", ["object", "python", "pyarrow", "category"])
def test_text_of_any_dtype(dtype):
    if dtype == "pyarrow":
        pytest.importorskip("pyarrow")
    if dtype in {"python", "pyarrow"}:
        dtype = pd.StringDtype(dtype)
    text = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    other = X.astype(dict.fromkeys(text, dtype))
    expected = FeatureEngineer().fit_transform(X)
    found = FeatureEngineer().fit_transform(DataCleaner().fit_transform(other))
    np.testing.assert_array_equal(found.iloc[:, 2:], expected.iloc[:, 2:])
    assert found["user_uuid"].tolist() == expected["user_uuid"].tolist()


def test_columns_are_those_of_fit():
    fitted = DataCleaner().fit(X.assign(campus="north"))
    later = fitted.transform(X.drop(columns="nota_final_materia").assign(new=1))
    assert list(later) == list(X)  # a null campus could mean something
    assert later["nota_final_materia"].isna().all()


def test_cleaning_twice_changes_nothing():
    once = DataCleaner().fit_transform(X)
    pd.testing.assert_frame_equal(DataCleaner().fit_transform(once), once)


@given(event_tables(min_rows=0))
def test_cleaning_awkward_tables_twice_changes_nothing(table):
    cleaned = DataCleaner().fit_transform(table)
    assert cleaned.index.equals(table.index)
    assert list(cleaned) == list(table)
    pd.testing.assert_frame_equal(DataCleaner().fit_transform(cleaned), cleaned)


@given(event_tables())
def test_cleaning_changes_no_feature(table):
    raw = FeatureEngineer(fill_value=None).fit_transform(table)
    cleaned = DataCleaner().fit_transform(table)
    found = FeatureEngineer(fill_value=None).fit_transform(cleaned)
    pd.testing.assert_frame_equal(found, raw, check_exact=True)


def test_dtypes_of_the_output():
    cleaned = DataCleaner().fit_transform(X.astype(object))
    epochs = [name for name in X if name.endswith(("_at", "_epoch"))]
    numbers = ["score", "nota_parcial", "nota_final_materia", "points_possible"]
    assert set(cleaned[epochs + numbers].dtypes) == {np.dtype(float)}
    assert cleaned["particion"].dtype == np.int64
    assert cleaned["legajo"].equals(X["legajo"].astype(object))  # not an edml column


def test_canonical_columns_share_memory_and_are_not_written_to():
    once = DataCleaner().fit_transform(X)
    again = DataCleaner().fit_transform(once)
    for column in ("score", "particion"):
        again.loc[again.index[0], column] = 77
        assert once[column].iloc[0] != 77


def test_mapped_columns_keep_their_names():
    columns = {"periodo": "term", "score": "points"}
    expected = DataCleaner().fit_transform(X).rename(columns=columns)
    found = DataCleaner(columns=columns).fit_transform(X.rename(columns=columns))
    pd.testing.assert_frame_equal(found, expected)
