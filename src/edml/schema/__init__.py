"""The event table: its columns and periods, how they are read, how they fail.

Everything that reads a column of an event table reads it through this package,
so that a null, a text, a datetime or a bad number means the same everywhere.
"""

from edml.schema._codes import affords_table, combine_codes, distinct_codes
from edml.schema._columns import (
    COLUMNS,
    COURSE,
    EPOCH_COLUMNS,
    EXAM_KINDS,
    FINAL_GRADE,
    NAME_COLUMNS,
    NUMBER_COLUMNS,
    PARTITION,
    PERIOD,
    REQUIRED_COLUMNS,
    SNAPSHOT_KEYS,
    STUDENT,
    check_table,
    columns_of,
    is_event_table,
    resolve_columns,
    resolve_exam_kinds,
)
from edml.schema._dtypes import row_error, take_labels
from edml.schema._fingerprint import fingerprint
from edml.schema._moments import (
    SECONDS_PER_DAY,
    check_keys,
    check_outcomes,
    factorize_keys,
    first_rows,
    history_codes,
    join_histories,
    known_partitions,
    rank_keys,
    snapshot_codes,
)
from edml.schema._occupancy import (
    Occupancy,
    count_occupancy,
    read_occupancy,
)
from edml.schema._readers import (
    Names,
    read_epochs,
    read_names,
    read_numbers,
    read_partitions,
    read_periods,
    strip_names,
)
from edml.schema._types import BoolArray, FloatArray, IntArray

__all__ = [
    "COLUMNS",
    "COURSE",
    "EPOCH_COLUMNS",
    "EXAM_KINDS",
    "FINAL_GRADE",
    "NAME_COLUMNS",
    "NUMBER_COLUMNS",
    "PARTITION",
    "PERIOD",
    "REQUIRED_COLUMNS",
    "SECONDS_PER_DAY",
    "SNAPSHOT_KEYS",
    "STUDENT",
    "BoolArray",
    "FloatArray",
    "IntArray",
    "Names",
    "Occupancy",
    "affords_table",
    "check_keys",
    "check_outcomes",
    "check_table",
    "columns_of",
    "combine_codes",
    "count_occupancy",
    "distinct_codes",
    "factorize_keys",
    "fingerprint",
    "first_rows",
    "history_codes",
    "is_event_table",
    "join_histories",
    "known_partitions",
    "rank_keys",
    "read_epochs",
    "read_names",
    "read_numbers",
    "read_occupancy",
    "read_partitions",
    "read_periods",
    "resolve_columns",
    "resolve_exam_kinds",
    "row_error",
    "snapshot_codes",
    "strip_names",
    "take_labels",
]
