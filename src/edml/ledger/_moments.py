"""Moments, as the database holds them: microseconds since 1970, in UTC."""

from datetime import UTC, datetime, timedelta

import pandas as pd

Moment = str | datetime | timedelta
EARLIEST, LATEST = -(2**63), 2**63 - 1


def read_moment(value: Moment, name: str) -> int:
    """Read a moment, or the time before now; UTC where it has no time zone."""
    if isinstance(value, timedelta):
        value = datetime.now(UTC) - value
    try:
        moment = pd.Timestamp(value)
    except (TypeError, ValueError):
        moment = pd.NaT
    if moment is pd.NaT:
        message = (
            f"{name} needs a date, such as '2026-03-01', or a timedelta before now; "
            f"found {type(value).__name__}. Convert it."
        )
        raise ValueError(message)
    moment = moment.tz_localize("UTC") if moment.tz is None else moment
    return int(moment.as_unit("us").asm8.astype("int64"))


def read_span(
    since: Moment | None = None, until: Moment | None = None
) -> tuple[int, int]:
    """Read the two ends of a time, either of which may be open."""
    return (
        EARLIEST if since is None else read_moment(since, "since"),
        LATEST if until is None else read_moment(until, "until"),
    )
