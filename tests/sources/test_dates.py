"""Dates are read the same in every form, or rejected by name."""

import datetime as dt
from io import BytesIO
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from edml.datasets import make_student_activity
from edml.exceptions import TableError
from edml.schema import REQUIRED_COLUMNS
from edml.sources import read_events

FEW = make_student_activity(10, partitions=12, random_state=0)
FEW = FEW[list(REQUIRED_COLUMNS)].head(4)
MOMENT = 1_709_310_600  # 2024-03-01T16:30:00Z
BOGOTA = dt.timezone(dt.timedelta(hours=-5))


def read(cells, **how):
    """Read a column of dates, from CSV where they are text, else from a frame."""
    table = FEW.assign(s_graded_at=cells)
    if all(isinstance(cell, str) for cell in cells):
        file = BytesIO(table.to_csv(index=False).encode())
        return read_events(file, name="t.csv", return_report=True, **how)
    return read_events(table, return_report=True, **how)


def dates(cells, **how):
    found, report = read(cells, **how)
    assert found["s_graded_at"].dtype == np.float64
    return found["s_graded_at"].tolist(), report


# -- forms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "form", "noted"),
    [
        (MOMENT, "s", ""),
        pytest.param(f"{MOMENT}", "s", "", id="text"),
        (f"{MOMENT}.0", "s", ""),
        (f" {MOMENT} ", "s", ""),
        (
            MOMENT * 1000,
            "ms",
            "since 1970; fix it with date_unit='ms'",
        ),
        (f"{MOMENT}000", "ms", "are milliseconds"),
        (f"{MOMENT}e3", "ms", "are milliseconds"),
        (MOMENT * 10**6, "us", "are microseconds"),
        (f"{MOMENT * 10**9}", "ns", "are nanoseconds"),
        ("2024-03-01T16:30:00Z", "ISO 8601", ""),
        ("2024-03-01T16:30:00.000Z", "ISO 8601", ""),
        ("2024-03-01 16:30:00 UTC", "ISO 8601", ""),
        ("2024-03-01T16:30z", "ISO 8601", ""),
        ("2024-03-01T11:30:00-05:00", "ISO 8601", ""),
        ("2024-03-01 11:30:00.000000-05", "ISO 8601", ""),
        ("2024-03-01T22:00:00+0530", "ISO 8601", ""),
        ("2024-03-01T16:30:00", "ISO 8601", "no time zone and were read as UTC; fix"),
        ("2024-03-01 16:30", "ISO 8601", "no time zone and were read as UTC"),
        ("2024-03-01 16:30:00,000", "ISO 8601", "no time zone"),
        (pd.Timestamp(MOMENT, unit="s"), "datetime", "no time zone"),
        (pd.Timestamp(MOMENT, unit="s", tz="Asia/Tokyo"), "datetime", ""),
        (dt.datetime(2024, 3, 1, 11, 30, tzinfo=BOGOTA), "datetime", ""),
        (dt.datetime(2024, 3, 1, 16, 30), "datetime", "no time zone"),
    ],
)
def test_forms(cell, form, noted):
    found, report = dates([cell] * 4)
    assert found == [MOMENT] * 4
    assert report.dates["s_graded_at"] == form
    assert noted in " ".join(report.notes)
    assert bool(report.notes) == bool(noted)
    mixed = pd.Series([cell, None] * 2, dtype=object)
    assert dates(mixed)[0][::2] == [MOMENT] * 2


@pytest.mark.parametrize("cell", ["2024-03-01", dt.date(2024, 3, 1)])
def test_days_are_their_midnight(cell):
    found, report = dates([cell] * 4)
    assert found == [1_709_251_200] * 4
    assert "no time zone" in report.notes[0]
    found, report = dates([cell] * 4, timezone="America/Bogota")
    assert found == [1_709_251_200 + 5 * 3600] * 4
    assert report.notes == ()
    assert report.timezone == "America/Bogota"


def test_fractions_are_exact():
    exact = [MOMENT + 0.25, MOMENT + 0.1, MOMENT + 0.000001, MOMENT + 0.123456]
    micros = [MOMENT * 10**6 + one for one in (250_000, 100_000, 1, 123_456)]
    stamps = pd.to_datetime(micros, unit="us")
    for cells in (
        exact,
        micros,
        [one * 1000 for one in micros],
        [str(one * 1000) for one in micros],
        [one.isoformat() for one in stamps],
        [f"{one.isoformat()}000Z" for one in stamps],
        stamps,
        stamps.as_unit("ns").tz_localize("UTC").tz_convert("Asia/Tokyo"),
    ):
        assert dates(cells)[0] == exact


def test_missing_dates():
    for cells in ([0, None, np.nan, MOMENT * 1000], ["0", "", "NaT", f"{MOMENT}000"]):
        found, _ = dates(cells)
        assert found[0] == 0
        assert np.isnan(found[1:3]).all()
        assert found[3] == MOMENT
    found, _ = dates(["1970-01-01T00:00:00Z", "null", "", "2024-03-01T16:30Z"])
    assert found[0] == 0
    assert found[3] == MOMENT
    assert "s_graded_at" not in dates([None] * 4)[1].dates
    assert "s_graded_at" not in dates([0] * 4)[1].dates


def test_hours_that_clocks_skip_or_repeat():
    cells = ["2024-10-27T02:30:00", "2024-03-31T02:30:00", "", "2024-07-01T00:00:00"]
    found, _ = dates(cells, timezone="Europe/Madrid")
    zone = ZoneInfo("Europe/Madrid")
    later = dt.datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=zone)
    first = dt.datetime(2024, 3, 31, 3, 0, tzinfo=zone)
    summer = dt.datetime(2024, 7, 1, tzinfo=zone)
    assert found[:2] == [later.timestamp(), first.timestamp()]
    assert found[3] == summer.timestamp()


# -- refusals -----------------------------------------------------------------------

OUTSIDE = r"'s_graded_at': 1 of 4 rows hold a date outside 1990 to 2100.* \({} 3\)"


@pytest.mark.parametrize("unit", [1, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("odd", [1e-3, 3.0, 1e4, -1.0])
def test_numbers_outside_the_range(unit, odd):
    cells = [f"{one * unit:.0f}" for one in (MOMENT, MOMENT * odd, MOMENT, MOMENT)]
    if odd == 1e-3 and unit > 1:
        said = "epochs of different units"
    else:
        said = OUTSIDE.format("line")
    with pytest.raises(TableError, match=said):
        read(cells)


@pytest.mark.parametrize("cell", ["1989-12-31", "2101-01-01", "1900-01-01T00:00:00Z"])
def test_text_outside_the_range(cell):
    with pytest.raises(TableError, match=OUTSIDE.format("line")):
        read(["2024-01-01" + cell[10:], cell, "", ""])


def test_datetimes_outside_the_range():
    cells = pd.to_datetime(["2024-03-01", "1900-01-01", None, None])
    with pytest.raises(TableError, match=OUTSIDE.format("row label")[:-4] + r" 1\)"):
        read(cells)


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (45_352.6875, "the days of a spreadsheet"),
        (20_240_301, "dates such as 20240301"),
        (MOMENT / 1000, "thousands of seconds"),
    ],
)
def test_numbers_that_look_like_other_dates(cell, words):
    with pytest.raises(TableError, match=r"outside .*; as numbers they look like"):
        read([cell] * 4)
    with pytest.raises(TableError, match=f"look like {words[:12]}"):
        read([str(cell)] * 4)


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e9])
def test_mixed_units(factor):
    with pytest.raises(TableError, match="different kinds, epochs of different units"):
        read([MOMENT, MOMENT * factor, MOMENT, MOMENT])


def test_a_unit_that_is_set():
    milliseconds = {name: FEW[name] * 1000 for name in ("ass_due_at", "ass_unlock_at")}
    table = FEW.assign(s_submitted_at=None, s_graded_at=MOMENT * 1000, **milliseconds)
    found, report = read_events(table, date_unit="ms", return_report=True)
    assert found["s_graded_at"].tolist() == [MOMENT] * 4
    assert report.notes == ()
    with pytest.raises(TableError, match="rows hold a date outside"):
        read_events(table, date_unit="s")


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["2024-03-01T16:30Z", "2024-03-01T16:30", "", ""], "some with a time zone"),
        (["2024-03-01T16:30Z", f"{MOMENT}", "", ""], "some as text and others as n"),
        ([dt.date(2024, 3, 1), f"{MOMENT}", None, None], "some as datetimes and oth"),
        (
            [dt.datetime(2024, 3, 1), dt.datetime(2024, 3, 1, tzinfo=BOGOTA)] * 2,
            "some with a time zone",
        ),
    ],
)
def test_mixed_forms(cells, said):
    with pytest.raises(TableError, match=f"'s_graded_at' holds .*, {said}"):
        read(cells)


@pytest.mark.parametrize(
    "cell",
    [
        *("01/03/2024", "2024/03/01", "March 1", "2024-02-30", "2024-3-1", "ann42"),
        *("2024-03-01T25:00", "0000-00-00 00:00:00", "2024-03", "16:30", "20240301T"),
        *(True, dt.time(16, 30), [MOMENT], b"2024-03-01"),
    ],
)
def test_no_date(cell):
    with pytest.raises(
        TableError, match=r"rows hold no date .*Write dates in ISO"
    ) as e:
        read(["2024-03-01"] * 3 + [cell] if isinstance(cell, str) else [cell] * 4)
    assert "ann42" not in str(e.value)


def test_parameters():
    with pytest.raises(ValueError, match=r"date_unit expects one of \['s', 'ms'"):
        read([MOMENT] * 4, date_unit="seconds")
    with pytest.raises(ValueError, match=r"IANA name, .* found 'Bogotá'"):
        read([MOMENT] * 4, timezone="Bogotá")
