"""What runs in Spark's Python workers; it imports neither pyspark nor the driver."""

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import edml
from edml.exceptions import EdmlError, TableError
from edml.schema import (
    COURSE,
    PARTITION,
    STUDENT,
    first_rows,
    read_partitions,
    snapshot_codes,
)
from edml.spark._model import Packed, unpack

#: What `score_students` adds to the columns of the events: numbers, and lists of texts.
COMPUTED = ("probability", "flagged", "change")
TEXTS = ("reasons", "reason_features", "facts")
_ROWS_AT_ONCE = 10_000  # of an answer, as Spark sends them


def describe_bucket(
    batches: Iterator[Any],
    *,
    columns: Sequence[str],
    transformer: Any,
    names: Mapping[str, str],
    version: str,
) -> Iterator[Any]:
    """Return the features of each snapshot of a bucket."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    events = _read(batches, columns, version)
    if events is None:
        return
    with _errors_without_values():
        X = _to_frame(events)
        rows, _ = first_rows(snapshot_codes(X, names))
        described = transformer.transform(X).iloc[rows]
    keys = events.select([names[STUDENT], names[COURSE]]).take(pa.array(rows))
    values = [pa.array(described[name].to_numpy()) for name in described.columns[2:]]
    named = [names[PARTITION] if name == PARTITION else name for name in described]
    answer = pa.table([*keys.columns, *values], [*keys.column_names, *named[2:]])
    yield from answer.to_batches(_ROWS_AT_ONCE)


def score_bucket(
    batches: Iterator[Any],
    *,
    columns: Sequence[str],
    model: Packed,
    names: Mapping[str, str],
    options: Mapping[str, Any],
    version: str,
) -> Iterator[Any]:
    """Return the scores of the students of a bucket."""
    events = _read(batches, columns, version)
    if events is None:
        return
    loaded = unpack(model)
    with _errors_without_values():
        X = _to_frame(events)
        if options["at"] is not None:
            seen = read_partitions(X[names[PARTITION]]) <= options["at"]
            if not seen.any():
                return
        students = loaded.score_students(X, **options)
        answer = _to_arrow(
            students, events.schema, {names[PARTITION], *COMPUTED, *TEXTS}
        )
    yield from answer.to_batches(_ROWS_AT_ONCE)


def _to_arrow(students: pd.DataFrame, given: Any, computed: Collection[str]) -> Any:
    """Convert scores to Arrow; the columns of the events keep their types."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    def convert(name: str) -> Any:
        kind = None if name in computed else given.field(name).type
        if name in TEXTS:
            kind = pa.list_(pa.string())
        return pa.array(students[name], kind, from_pandas=True)

    return pa.table({name: convert(name) for name in students.columns})


def _read(batches: Iterator[Any], columns: Sequence[str], version: str) -> Any:
    """Return the batches of a bucket as one Arrow table, None if it has no rows."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    if version != edml.__version__:
        message = (
            f"Expected edml {version} on Spark's workers, as on the driver; found "
            f"{edml.__version__}. Install one version everywhere."
        )
        raise EdmlError(message)
    held = [batch for batch in batches if batch.num_rows]
    return pa.Table.from_batches(held).rename_columns(columns) if held else None


def _to_frame(events: Any) -> pd.DataFrame:
    """Convert to pandas; whole numbers with nulls stay exact."""
    import pyarrow as pa  # noqa: PLC0415 - optional

    exact = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    frame: pd.DataFrame = events.to_pandas(types_mapper=exact.get)
    return frame


@contextmanager
def _errors_without_values() -> Iterator[None]:
    """Replace errors that may quote a value, as Spark logs them."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the driver has warned
            yield
    except TableError as error:
        message = f"{error} (The row labels count the rows of one bucket.)"
        raise TableError(message, column=error.column) from None
    except EdmlError:
        raise
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = ""
        if trace is not None:
            file = Path(trace.tb_frame.f_code.co_filename).name
            where = f" in {file}, line {trace.tb_lineno}"
        message = (
            f"Expected events that edml can read; found {type(error).__name__}{where}, "
            "whose message may quote them. Try some students without Spark."
        )
        raise EdmlError(message) from None
