"""The tables of Canvas Data 2 that are read, as typed columns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from edml._messages import table_error
from edml.schema import BoolArray
from edml.sources._canvas._files import read_export
from edml.sources._import_report import Tally
from edml.sources._raw import Described, describe_tables
from edml.sources._tidy import TidyTable

TABLES = describe_tables("""
courses id(id! enrollment_term_id) text(name course_code) state(workflow_state)
    date(start_at conclude_at created_at)
enrollment_terms id(id!) date(start_at end_at)
course_sections id(id! course_id!) date(start_at end_at)
    flag(restrict_enrollments_to_section_dates)
enrollments id(id! user_id!:student course_id course_section_id)
    state(type! workflow_state!)
    date(created_at updated_at start_at end_at completed_at)
assignments id(id! context_id! assignment_group_id) text(title! submission_types)
    state(workflow_state! context_type grading_type) number(points_possible!)
    date(due_at:due unlock_at:unlock lock_at:lock created_at:created)
    flag(only_visible_to_overrides)
assignment_groups id(id!) text(name)
assignment_overrides id(id! assignment_id!:assignment set_id:of)
    state(set_type! workflow_state!)
    date(due_at:due unlock_at:unlock lock_at:lock)
    flag(due_at_overridden:sets_due unlock_at_overridden:sets_unlock)
    flag(lock_at_overridden:sets_lock)
assignment_override_students id(id! assignment_override_id!:of user_id!:student)
    state(workflow_state)
group_memberships id(id! group_id!:of user_id!:student) state(workflow_state)
submissions id(id! assignment_id!:assignment user_id!:student) text(submission_type)
    state(workflow_state!) number(score published_score points_deducted)
    date(submitted_at graded_at posted_at updated_at cached_due_date) flag(excused)
quizzes id(id! assignment_id:assignment) state(quiz_type workflow_state)
quiz_submissions id(id! quiz_id! user_id:student) state(workflow_state!)
    number(score kept_score quiz_points_possible attempt)
    date(finished_at updated_at) flag(was_preview manually_scored)
scores id(id! enrollment_id! grading_period_id assignment_group_id)
    state(workflow_state) number(final_score! override_score) flag(course_score)
""")
_NEEDED = ("courses", "enrollments", "assignments")
_ALIASES = {
    "assignments": {"name": "title", "course_id": "context_id"},
    "enrollments": {"section_id": "course_section_id"},
}
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no")

Tables = Mapping[str, pd.DataFrame]


def read_tables(source: Path, tally: Tally) -> dict[str, pd.DataFrame]:
    """Read the export's tables; those it lacks are empty.

    Rows that were deleted, or that a later part of the export replaces, are left out.
    ``version`` numbers the rows of one id: 0 is the latest. Only submissions keep the
    earlier ones.
    """
    wanted = {
        name: [*spec.columns, *_ALIASES.get(name, {})] for name, spec in TABLES.items()
    }
    found = read_export(source, wanted, tally.notes)
    absent = [name for name in _NEEDED if name not in found]
    if "submissions" not in found and "quiz_submissions" not in found:
        absent.append("submissions")
    if absent:
        message = (
            f"The folder {str(source)!r} has no table {absent}; it has "
            f"{sorted(found)}. Put the files of a table into a folder of its name, or "
            "start their names with it: submissions.csv, "
            "canvas.submissions-part-00000.json.gz."
        )
        raise table_error("missing_tables", message, place=source, tables=absent)
    tables = {}
    for name, spec in TABLES.items():
        frame = found.pop(name, None)  # which frees the memory of its texts
        if frame is None:
            frame = pd.DataFrame(columns=list(spec.columns))
        else:
            tally.tables[name] = len(frame)
        typed = _typed(name, _rename(name, frame), spec)
        tables[name] = _latest(typed, keep=name == "submissions")
    return tables


def _rename(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Rename columns that other exports call differently."""
    aliases = {
        alias: column
        for alias, column in _ALIASES.get(name, {}).items()
        if alias in frame.columns and column not in frame.columns
    }
    return frame.rename(columns=aliases)


def _typed(name: str, frame: pd.DataFrame, spec: Described) -> pd.DataFrame:
    """Read each column as what it holds; absent ones are null."""
    absent = [column for column in spec.needs if column not in frame.columns]
    if absent:
        message = (
            f"{name} lacks the columns {absent}; it has {sorted(map(str, frame))}. "
            "Export the table with all columns."
        )
        raise table_error("table_lacks_columns", message, table=name, columns=absent)
    gone = (
        frame["action"].astype("str").str.upper().eq("D").to_numpy(dtype=bool)
        if "action" in frame
        else np.zeros(len(frame), dtype=bool)
    )
    table = TidyTable(name, frame.reset_index(drop=True))
    read = {
        spec.names[column]: _read(
            table, column, kind, required=column in spec.needs and not gone.any()
        )
        for column, kind in spec.columns.items()
    }
    changed = table.dates("updated_at") if "updated_at" in spec.columns else np.nan
    read["ts"] = table.dates("ts") if "ts" in frame else changed
    read["gone"] = gone
    return pd.DataFrame(read, index=range(len(frame)))


def _read(table: TidyTable, column: str, kind: str, *, required: bool) -> Any:
    rows = np.arange(len(table))
    if kind == "id":
        return table.ids(column, required=required).at(rows)
    if kind == "text":
        return table.texts(column).at(rows)
    if kind == "state":  # some exports write STUDENT_ENROLLMENT or StudentEnrollment
        texts = table.texts(column)
        plain = [label.replace("_", "").lower() for label in texts.labels]
        return texts._replace(labels=plain).at(rows)
    if kind == "date":
        return table.dates(column)
    if kind == "flag":
        return _flags(table, column)
    return table.numbers(column)


def _flags(table: TidyTable, column: str) -> BoolArray:
    """Read true and false in any spelling; null and an absent column are false."""
    texts = table.texts(column)
    words = [label.lower().removesuffix(".0") for label in texts.labels]
    unreadable = np.array([word not in (*_TRUE, *_FALSE) for word in words], dtype=bool)
    table.check(
        column,
        np.append(unreadable, False)[texts.codes],
        "are neither true nor false",
        "Export the table again.",
        code="not_flag",
    )
    return np.append(np.array([word in _TRUE for word in words], bool), False)[
        texts.codes
    ]


def _latest(table: pd.DataFrame, *, keep: bool) -> pd.DataFrame:
    """Keep the latest row of each id, or number the versions, and drop deleted ids."""
    table["version"] = 0
    if table["id"].duplicated().any():
        table = table.sort_values("ts", kind="stable", na_position="first")
        table["version"] = table.groupby("id").cumcount(ascending=False)
    gone = table.loc[table["gone"] & (table["version"] == 0), "id"]
    table = table[~table["id"].isin(gone) & ~table["gone"]]
    if not keep:
        table = table[table["version"] == 0]
    return table.sort_index().reset_index(drop=True)


def look_up(
    keys: pd.Series, table: pd.DataFrame, column: str, *, key: str = "id"
) -> pd.Series:
    """Return the value of ``column`` in the row of each key, null if it has none."""
    values = table.drop_duplicates(key).set_index(key)[column].reindex(keys)
    return values.set_axis(keys.index)
