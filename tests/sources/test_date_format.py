"""Dates in the form that a user states, which is never guessed."""

from io import BytesIO

import pandas as pd
import pytest

from edml import make_student_activity, read_events
from edml.exceptions import TableError
from edml.schema import EPOCH_COLUMNS

FORMS = [
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d.%m.%y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%A, %d %B %Y, %I:%M:%S %p",
    "%Y-%d-%m %H:%M:%S",  # which looks like ISO 8601
    "%d/%m/%Y %H:%M:%S +0000",
]


@pytest.fixture(scope="module")
def events():
    return make_student_activity(30, partitions=12, random_state=0)


def written(events, form, timezone="UTC"):
    """Return the table as CSV, with its dates in another form."""
    X = events.copy()
    for name in EPOCH_COLUMNS:
        moments = pd.to_datetime(X[name], unit="s", utc=True).dt.tz_convert(timezone)
        X[name] = moments.dt.strftime(form).where(moments.notna(), None)
    return BytesIO(X.to_csv(index=False).encode())


def read(data, **parameters):
    return read_events(data, name="events.csv", return_report=True, **parameters)


@pytest.mark.parametrize("form", FORMS)
def test_the_stated_form_reads_to_the_same_seconds(events, form):
    expected, _ = read(BytesIO(events.to_csv(index=False).encode()))
    X, report = read(written(events, form), date_format=form.replace("+0000", "%z"))
    pd.testing.assert_frame_equal(X, expected)
    assert set(report.dates.values()) == {form.replace("+0000", "%z")}
    assert report.timezone == (None if "+" in form else "UTC")


def test_the_stated_form_has_the_stated_time_zone(events):
    zone, form = "America/Bogota", "%d/%m/%Y %H:%M:%S"
    expected, _ = read(BytesIO(events.to_csv(index=False).encode()))
    X, _ = read(written(events, form, zone), date_format=form, timezone=zone)
    pd.testing.assert_frame_equal(X, expected)


def test_epochs_and_iso_dates_are_read_beside_a_stated_form(events):
    expected, _ = read(BytesIO(events.to_csv(index=False).encode()))
    for form in ("%s", "%Y-%m-%dT%H:%M:%SZ"):
        X, report = read(written(events, form), date_format="%d/%m/%Y")
        pd.testing.assert_frame_equal(X, expected)
        assert set(report.dates.values()) <= {"s", "ISO 8601"}


def test_another_form_is_never_guessed(events):
    with pytest.raises(TableError, match=r"hold no date.*date_format='%d/%m/%Y %H:%M'"):
        read(written(events, "%d/%m/%Y"))
    with pytest.raises(TableError, match=r"Not all are written as date_format='%m/%d"):
        read(written(events, "%d/%m/%Y"), date_format="%m/%d/%Y")


@pytest.mark.parametrize("form", ["%d/%m", "dd/mm/yyyy", "%H:%M", "%Q", ""])
def test_a_form_without_a_date_is_an_error(events, form):
    with pytest.raises(ValueError, match="needs the day, the month and the year"):
        read(written(events, "%d/%m/%Y"), date_format=form)
