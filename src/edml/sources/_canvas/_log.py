"""Canvas's log of requests: daily counts of what students did, by kind of page."""

from pathlib import Path

import numpy as np
import pandas as pd

from edml._messages import table_error
from edml.sources._canvas._files import LOGS, read_log
from edml.sources._import_report import Tally
from edml.sources._logs import LogDays
from edml.sources._tidy import TidyTable

_NEEDED = ("user_id", "course_id", "timestamp", "web_application_controller")
_OPTIONAL = ("real_user_id", "web_application_action", "http_status")
#: Kinds by what the controller's name contains; the first that fits counts.
_KINDS = {
    "quiz": "quiz",
    "discussion": "discussion",
    "announcement": "discussion",
    "wiki": "page",
    "file": "file",
    "folder": "file",
    "submission": "assignment",
    "assignment": "assignment",
    "module": "module",
    "grade": "grades",
    "course": "course",
    "context": "course",
}
_FAILED = 400  # the status of requests that failed, and above


def count_requests(source: Path, roster: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """Return a row per student, course, day and kind, with the number of requests."""
    days = LogDays(roster, _name_kind)
    name = None
    for name, block in read_log(source, (*_NEEDED, *_OPTIONAL)):
        absent = [column for column in _NEEDED if column not in block.columns]
        if absent:
            message = f"{name} lacks the columns {absent}. Export them, too."
            raise table_error(
                "table_lacks_columns", message, table=name, columns=absent
            )
        table, rows = TidyTable(name, block), np.arange(len(block))
        student, real = (
            table.ids(column, required=False).at(rows)
            for column in ("user_id", "real_user_id")
        )
        action = pd.Series(table.texts("web_application_action").at(rows))
        days.add(
            pd.Series(student),
            pd.Series(table.ids("course_id", required=False).at(rows)),
            pd.Series(table.texts("web_application_controller").at(rows)).fillna(""),
            table.dates("timestamp"),
            action.eq("ping"),  # an open page shows that it is open
            pd.Series(real).notna() & pd.Series(real).ne(pd.Series(student)),
            np.zeros(len(block), dtype=bool),
            table.numbers("http_status") >= _FAILED,
        )
    if name is None:
        message = (
            f"The folder {str(source)!r} has no table {LOGS[0]}. Export it too, or "
            "read without activity=True."
        )
        raise table_error("no_log", message, table=LOGS[0])
    return days.finish(name, tally)


def _name_kind(controller: str) -> str:
    name = controller.lower()
    return next((kind for part, kind in _KINDS.items() if part in name), "other")
