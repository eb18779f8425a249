"""The unit of dates that are written as numbers, found from their range."""

from typing import NamedTuple

import numpy as np

from edml.schema._types import FloatArray

#: Dates lie in [EARLIEST, LATEST), in epoch seconds: the years 1990 to 2100.
EARLIEST = 631_152_000
LATEST = 4_133_980_800


class DateUnit(NamedTuple):
    """A unit of dates since 1970: its name, its length in seconds, and its words."""

    name: str
    seconds: float
    words: str

    @property
    def remedy(self) -> str:
        """What to do with a column in this unit."""
        if self.name == "s":
            return ""
        if self.seconds < 1:
            return f"Divide them by {1 / self.seconds:,.0f}."
        if self.name in ("calendar", "spreadsheet"):
            return "Convert them with pandas.to_datetime."
        return f"Multiply them by {self.seconds:,.0f}."


#: The units that are recognized; the first one that fits is taken.
DATE_UNITS = (
    DateUnit("s", 1, "seconds"),
    DateUnit("ms", 1e-3, "milliseconds"),
    DateUnit("us", 1e-6, "microseconds"),
    DateUnit("ns", 1e-9, "nanoseconds"),
    DateUnit("ks", 1e3, "thousands of seconds (divided by 1,000 once too often)"),
    DateUnit("min", 60, "minutes"),
    DateUnit("h", 3_600, "hours"),
    DateUnit("D", 86_400, "days"),
)


def date_unit(values: FloatArray) -> DateUnit | None:
    """Return the unit in which all dates lie in 1990 to 2100, or None.

    NaN and 0 are missing. Numbers such as 20240131 are dates of the calendar, and those
    of 2024 in a spreadsheet are near 45,000.
    """
    dates = values[~np.isnan(values) & (values != 0)]
    if not len(dates):
        return None
    if _are_calendar_dates(dates):
        return DateUnit("calendar", 86_400, "dates such as 20240131")
    for unit in DATE_UNITS:
        with np.errstate(over="ignore"):  # infinity is outside as well
            seconds = dates * unit.seconds
        if ((seconds >= EARLIEST) & (seconds < LATEST)).all():
            if unit.name == "D" and (dates > _LAST_DAY_OF_2070).any():
                break
            return unit
    with np.errstate(over="ignore"):
        spreadsheet = (dates - _EPOCH_IN_SPREADSHEETS) * 86_400
    if ((spreadsheet >= EARLIEST) & (spreadsheet < LATEST)).all():
        return DateUnit("spreadsheet", 86_400, "the days of a spreadsheet")
    return None


_EPOCH_IN_SPREADSHEETS = 25_569  # 1 January 1970, in days since the end of 1899
_LAST_DAY_OF_2070 = 36_890  # since 1970; in a spreadsheet, the end of 2000


def _are_calendar_dates(dates: FloatArray) -> bool:
    whole = dates == np.floor(dates)
    if not (whole & (dates >= 19_900_101) & (dates < 21_010_101)).all():
        return False
    month, day = dates // 100 % 100, dates % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
