"""Run a function on whole students: buckets of a Spark DataFrame, one a task.

Spark's hash of the id deals the students into partitions, and each partition is one
bucket, held in memory by one Python worker. Grouping by student would start a call for
each, and mapping batches would tear students apart.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import pandas as pd

from edml._optional import import_optional
from edml.exceptions import TableError
from edml.schema import describe_type

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame
    from pyspark.sql.types import StructType

#: Bounds of a bucket, in rows: the larger the bucket, the more memory a worker needs.
_MOST_ROWS = 250_000
_LEAST_ROWS = 50_000
_USUAL_PARTITIONS = 200  # where Spark's setting is "auto", as on Databricks
#: A student of more rows is reported before the work.
_MANY_ROWS = 1_000_000
_ID_TYPES = ("string", "byte", "short", "integer", "long", "float", "double")

Batches = Iterator[Any]  # of pyarrow.RecordBatch


def check_frame(df: Any) -> None:
    """Raise unless ``df`` is a Spark DataFrame of rows that are there."""
    import_optional("pyspark", extra="spark", purpose="edml.spark")
    import_optional("pyarrow", extra="spark", purpose="edml.spark")
    if not (type(df).__module__.startswith("pyspark.") and hasattr(df, "mapInArrow")):
        message = (
            f"Expected a Spark DataFrame; found {describe_type(df)}. Read the events "
            "with spark.read, or pass spark.createDataFrame(df)."
        )
        raise TypeError(message)
    if df.isStreaming:
        message = (
            "Expected a Spark DataFrame that is complete; found a stream. Use it "
            "within foreachBatch, with all events of the batch's students."
        )
        raise ValueError(message)


def empty_frame(df: "DataFrame") -> pd.DataFrame:
    """Return a table of no rows with the columns of ``df``."""
    return pd.DataFrame(columns=df.columns, dtype=object)


def column(name: str) -> "Column":
    """Return a column by its name, which may hold dots."""
    from pyspark.sql import functions  # noqa: PLC0415 - optional

    return functions.col("`" + name.replace("`", "``") + "`")


def map_buckets(
    df: "DataFrame",
    columns: Sequence[str],
    student: str,
    n_buckets: int | str,
    function: Callable[..., Batches],
    schema: "StructType",
) -> "DataFrame":
    """Apply a function to the Arrow batches of each bucket of students.

    It gets the names as ``columns=``: mapInArrow reads dots as parts of a name.
    """
    _check_ids(df, student)
    n_buckets = _count_buckets(df, student, n_buckets)
    plain = {name: f"c{place}" for place, name in enumerate(columns)}
    chosen = df.select(*(column(name).alias(plain[name]) for name in columns))
    dealt = chosen.repartition(n_buckets, plain[student])
    return dealt.mapInArrow(partial(function, columns=list(columns)), schema)


def _check_ids(df: "DataFrame", student: str) -> None:
    kind = df.schema[student].dataType.typeName()
    if kind.partition("(")[0] not in (*_ID_TYPES, "varchar", "char"):
        message = (
            f"Expected ids of students as text or whole numbers; column {student!r} "
            f"is of type {kind}. Cast it to string."
        )
        raise TableError(message, column=student)


def _count_buckets(df: "DataFrame", student: str, n_buckets: int | str) -> int:
    if n_buckets == "auto":
        return _choose_buckets(df, student)
    whole = isinstance(n_buckets, Integral) and not isinstance(n_buckets, bool)
    if not whole or int(n_buckets) < 1:
        message = f"n_buckets must be 'auto' or 1 or more; found {n_buckets!r}."
        raise ValueError(message)
    return int(n_buckets)


def _choose_buckets(df: "DataFrame", student: str) -> int:
    """Count the rows, also those of the largest student, and choose."""
    from pyspark.sql import functions  # noqa: PLC0415 - optional

    counts = df.groupBy(column(student).alias("id")).count()
    nameless = functions.max(functions.when(counts["id"].isNull(), counts["count"]))
    found = counts.agg(
        functions.sum("count").alias("rows"),
        functions.max("count").alias("largest"),
        nameless.alias("nameless"),
    ).collect()[0]
    n_rows, largest = found["rows"] or 0, found["largest"] or 0
    if found["nameless"]:
        message = (
            f"Column {student!r}: {found['nameless']} of {n_rows} rows have no value. "
            "Drop them, or fix the join."
        )
        raise TableError(message, column=student)
    if largest > _MANY_ROWS:
        warnings.warn(
            f"One student has {largest:,} of {n_rows:,} rows, which one Python worker "
            "holds in memory. If the id is one that many share, such as a guest's, "
            "leave it out; else give the workers more memory "
            "(spark.executor.memoryOverhead).",
            UserWarning,
            stacklevel=4,
        )
    usual = df.sparkSession.conf.get("spark.sql.shuffle.partitions")
    return number_of_buckets(n_rows, str(usual))


def number_of_buckets(n_rows: int, usual: str) -> int:
    """Return Spark's usual number of partitions, within the bounds of a bucket."""
    at_once = int(usual) if usual.isdigit() else _USUAL_PARTITIONS
    least, most = math.ceil(n_rows / _MOST_ROWS), math.ceil(n_rows / _LEAST_ROWS)
    return max(1, least, min(at_once, most))
