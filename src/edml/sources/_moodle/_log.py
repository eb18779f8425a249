"""Moodle's log: daily counts of what students did, by kind of activity."""

import re

import pandas as pd

from edml._messages import table_error
from edml.sources._import_report import Tally
from edml.sources._logs import LogDays
from edml.sources._moodle._load import Tables

LOG = "logstore_standard_log"
#: The browser, the app, and null; others are scripts and restores.
_PEOPLE = ("web", "ws", "", "null", r"\n")
_PLUGINS = re.compile(r"(?:mod_|(assign)(?:submission|feedback)_)(.*)")


def read_log(tables: Tables, enrolments: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Return a row per student, course, day and kind, with the number of lines."""
    if LOG not in tables:
        message = (
            f"Moodle's table {LOG} is not in the source. Export it too, or read "
            "without activity=True."
        )
        raise table_error("no_log", message, table=LOG)
    days = LogDays(enrolments, _name_kind)
    for block in tables.blocks(LOG):
        days.add(
            block["userid"],
            block["courseid"],
            block["component"],
            block["timecreated"],
            ~block["origin"].isin(_PEOPLE),
            block["realuserid"] != 0,
            block["anonymous"].fillna(0) != 0,
            count=block.get("count"),
        )
    return days.finish(LOG, tally)


def _name_kind(component: str) -> str:
    """Return ``forum`` for ``mod_forum``, and ``course`` for what Moodle's core did."""
    if component == "core":
        return "course"
    found = _PLUGINS.fullmatch(component)
    return (found[1] or found[2]) if found else "other"
