"""Dates as text are not epoch seconds: the message says how to read them."""

import pandas as pd
import pytest

from edml import DataCleaner, FeatureEngineer, RiskClassifier, make_target
from edml.datasets import make_student_activity
from edml.exceptions import TableError

X = make_student_activity(20, fail_rate=0.3, partitions=10, random_state=1)
y = make_target(X)
FORMS = {"ISO": "%Y-%m-%dT%H:%M:%SZ", "day": "%Y-%m-%d", "local": "%d/%m/%Y %H:%M"}
READERS = {
    "cleaner": lambda table: DataCleaner().fit(table).transform(table),
    "engineer": lambda table: FeatureEngineer().fit(table).transform(table),
    "model": lambda table: RiskClassifier(cv=3).fit(table, y),
}


@pytest.mark.parametrize("read", READERS.values(), ids=[*READERS])
@pytest.mark.parametrize("form", FORMS.values(), ids=[*FORMS])
@pytest.mark.parametrize("dtype", ["str", "category", object])
def test_dates_as_text_raise_with_the_remedy(read, form, dtype):
    dates = pd.to_datetime(X["s_submitted_at"].where(X["s_submitted_at"] > 0), unit="s")
    table = X.assign(s_submitted_at=dates.dt.strftime(form).astype(dtype))
    message = "'s_submitted_at'.*are not numbers.*edml.read_events.*pd.to_datetime"
    with pytest.raises(TableError, match=message) as raised:
        read(table)
    values = table["s_submitted_at"].dropna().astype(str)
    assert not any(value in str(raised.value) for value in values)
