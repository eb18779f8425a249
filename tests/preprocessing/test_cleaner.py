"""DataCleaner brings each column into canonical form, whatever its dtype."""

import numpy as np
import pandas as pd
import pytest

from edml import DataCleaner, FeatureEngineer, make_student_activity

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
    assert list(later) == [*X, "campus"]
    assert later["nota_final_materia"].isna().all()


def test_cleaning_twice_changes_nothing():
    once = DataCleaner().fit_transform(X)
    pd.testing.assert_frame_equal(DataCleaner().fit_transform(once), once)
